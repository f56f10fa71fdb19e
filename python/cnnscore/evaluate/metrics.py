"""Scores and labels -> how well the score tells true calls from false ones.

Point figures are scikit-learn's. Bootstrap replicates need thousands of them, so they are counted
again here from rows sorted once (`_Ranked`); the tests hold the two equal. A figure that has no
value (no true or no false call) is None, never 0.

Recall is the part of the *true calls* that a threshold keeps: a truth allele that nobody called is
no row here. A call is kept when its score is at least the threshold.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRECISIONS = (70, 80, 90, 95, 99)
METRICS = (
    "roc_auc",
    "average_precision",
    "best_f1",
    *(f"recall_at_precision_{percent}" for percent in PRECISIONS),
)
CONFIDENCE = 0.95
ROWS_RESAMPLED, FEWEST_REPLICATES, MOST_REPLICATES = 2e8, 200, 1000

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Curve:
    """What each threshold keeps, thresholds descending, one per distinct score."""

    threshold: Floats
    true: NDArray[np.int64]
    """True calls scoring at least the threshold."""
    false: NDArray[np.int64]

    def thinned(self, most: int = 400) -> Curve:
        """At most about `most` points: even in true and in false calls kept, both ends among
        them. A thinned point is a point of the whole curve, never between two.
        """
        n = len(self.threshold)
        if n <= most:
            return self
        steps = np.linspace(0, 1, most // 2)
        chosen = [np.zeros(1, np.int64), np.array([n - 1])]
        for kept in (self.true, self.false):
            chosen.append(np.minimum(np.searchsorted(kept, steps * kept[-1]), n - 1))
        at = np.unique(np.concatenate(chosen))
        return Curve(self.threshold[at], self.true[at], self.false[at])


def filled(scores: Floats) -> tuple[Floats, float | None]:
    """Scores with a missing value (NaN) below all others, and the value that stands for it, None
    when none is missing: a call without a score is the last that a filter would keep.
    """
    missing = np.isnan(scores)
    if not missing.any():
        return scores, None
    lowest = 0.0 if missing.all() else float(scores[~missing].min())
    fill = lowest - max(1.0, abs(lowest))
    return np.where(missing, fill, scores), fill


def curve(scores: Floats, is_true: Bools) -> Curve:
    """The curve of [n] finite scores."""
    ranked = _Ranked(scores, is_true)
    true, false = ranked.kept(np.ones(len(scores), np.int32))
    return Curve(ranked.threshold, true.astype(np.int64), false.astype(np.int64))


def figures(scores: Floats, is_true: Bools) -> dict[str, float | None]:
    """METRICS and `best_f1_threshold` of [n] finite scores, by scikit-learn.

    Ties count as one threshold. Recall at a precision is the largest recall of any threshold that
    has it, 0 when none does. The best F1 takes the threshold that keeps most among equals.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    none: dict[str, float | None] = dict.fromkeys((*METRICS, "best_f1_threshold"))
    if not is_true.any() or is_true.all():
        return none
    precision, recall, thresholds = precision_recall_curve(is_true, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point keeps nothing
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = int(np.argmax(f1))  # thresholds ascend: the first of equals keeps most
    return {
        "roc_auc": float(roc_auc_score(is_true, scores)),
        "average_precision": float(average_precision_score(is_true, scores)),
        "best_f1": float(f1[best]),
        "best_f1_threshold": float(thresholds[best]),
        **{
            f"recall_at_precision_{percent}": float(
                np.max(recall[precision >= percent / 100], initial=0.0)
            )
            for percent in PRECISIONS
        },
    }


class _Ranked:
    """Rows sorted by score, so that any weighting of them is counted in one pass."""

    def __init__(self, scores: Floats, is_true: Bools) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.is_true = is_true[self.order]
        self.tie_end = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        self.threshold = ranked[self.tie_end]

    def kept(self, weight: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """True and false rows that each threshold keeps, rows counted `weight` times."""
        weight = weight[self.order]
        true = np.cumsum(weight * self.is_true, dtype=np.int32)[self.tie_end]
        both = np.cumsum(weight, dtype=np.int32)[self.tie_end]
        return true, both - true

    def metrics(self, weight: NDArray[np.int32]) -> Floats:
        """[METRICS] of a weighting; NaN when it leaves no true or no false row."""
        true, false = self.kept(weight)
        n_true, n_false = float(true[-1]), float(false[-1])
        if not n_true or not n_false:
            return np.full(len(METRICS), np.nan)
        new_true = np.diff(true, prepend=0)
        new_false = np.diff(false, prepend=0)
        # Not np.dot: the threads of a BLAS fight with those of the replicates.
        area = np.sum(new_false * (true - new_true / 2))
        both = np.maximum(true + false, 1)
        precision = true / both
        recall = true / n_true
        f1 = 2 * true / (both + n_true)
        return np.array(
            [
                area / (n_true * n_false),
                np.sum(new_true * precision) / n_true,
                f1.max(),
                *(np.max(recall[precision >= p / 100], initial=0.0) for p in PRECISIONS),
            ]
        )


def replicates_for(rows: int, wanted: int | None) -> int:
    """How many bootstrap replicates: `wanted`, else 1000, fewer (at least 200) for many rows."""
    if wanted is not None:
        return wanted
    fitting = int(ROWS_RESAMPLED / max(rows, 1))
    return min(MOST_REPLICATES, max(FEWEST_REPLICATES, fitting))


def bootstrap(scores: Sequence[Floats], is_true: Bools, replicates: int, seed: int) -> Floats:
    """[replicates, scores, METRICS]: rows drawn with replacement, the same for every score.

    Each score is [n], finite. The result depends on `seed` alone, never on threads.
    """
    n = len(is_true)
    if not n or not replicates:
        return np.full((replicates, len(scores), len(METRICS)), np.nan)
    ranked = [_Ranked(column, is_true) for column in scores]

    def one(stream: np.random.SeedSequence) -> Floats:
        draw = np.random.default_rng(stream).integers(0, n, n, dtype=np.int64)
        weight = np.bincount(draw, minlength=n).astype(np.int32)
        return np.array([rows.metrics(weight) for rows in ranked])

    streams = np.random.SeedSequence(seed).spawn(replicates)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return np.array(list(pool.map(one, streams)))


def interval(values: Floats) -> tuple[float, float] | None:
    """95 % percentile interval of replicates; None when fewer than half of them have a value."""
    kept = values[~np.isnan(values)]
    if len(kept) < max(2, len(values) / 2):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def difference(a: Floats, b: Floats) -> dict[str, Any]:
    """Interval and two-sided bootstrap p-value of replicates a - b of the same draws."""
    values = (a - b)[~np.isnan(a - b)]
    limits = interval(a - b)
    if limits is None:
        return {"low": None, "high": None, "p": None}
    least = min(np.count_nonzero(values <= 0), np.count_nonzero(values >= 0))
    p = min(1.0, 2 * (int(least) + 1) / (len(values) + 1))
    return {"low": limits[0], "high": limits[1], "p": p}


def histogram(scores: Floats, is_true: Bools, bins: int = 60) -> dict[str, list[float]]:
    """Counts by truth over the middle 99 % of the scores; the rest falls into the end bins."""
    low, high = np.quantile(scores, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    clipped = np.clip(scores, low, high)
    return {
        "edges": edges.tolist(),
        "true": np.histogram(clipped[is_true], edges)[0].tolist(),
        "false": np.histogram(clipped[~is_true], edges)[0].tolist(),
    }


def calibration(
    scores: Floats, is_true: Bools, meaning: str | None, bins: int = 10
) -> list[dict[str, float | None]]:
    """Scores in bins of equal size: mean predicted probability, and the part that is true.

    `meaning` says how a score is a probability: "log-odds" (natural), "phred" (of being wrong), or
    None when it is none. `low` and `high` are Wilson's 95 % interval.
    """
    predicted = probability(scores, meaning)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)))
    index = np.clip(np.searchsorted(edges, scores, "right") - 1, 0, max(len(edges) - 2, 0))
    rows: list[dict[str, float | None]] = []
    for i in np.unique(index):
        at = index == i
        n, part = int(at.sum()), float(is_true[at].mean())
        z = 1.96
        middle = (part + z * z / (2 * n)) / (1 + z * z / n)
        half = z * np.sqrt(part * (1 - part) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        rows.append(
            {
                "score": float(scores[at].mean()),
                "predicted": None if predicted is None else float(predicted[at].mean()),
                "observed": part,
                "low": float(middle - half),
                "high": float(middle + half),
                "n": n,
            }
        )
    return rows


def probability(scores: Floats, meaning: str | None) -> Floats | None:
    """Scores as the probability of a true call, if `meaning` says how (see `calibration`)."""
    if meaning == "log-odds":
        return 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
    if meaning == "phred":
        wrong = np.clip(np.power(10.0, -np.maximum(scores, 0) / 10), 0, 1)
        return np.asarray(1 - wrong)
    return None


def tranches(curve_: Curve, sensitivities: Sequence[float]) -> list[dict[str, float | None]]:
    """For each sensitivity (percent of true calls kept) the highest threshold that has it."""
    n_true = int(curve_.true[-1])
    rows: list[dict[str, float | None]] = []
    for percent in sensitivities:
        wanted = int(np.ceil(percent / 100 * n_true - 1e-9))
        if not n_true:
            break
        at = int(np.searchsorted(curve_.true, max(wanted, 1)))
        true, false = int(curve_.true[at]), int(curve_.false[at])
        rows.append(
            {
                "sensitivity": percent,
                "threshold": float(curve_.threshold[at]),
                "true": true,
                "false": false,
                "recall": true / n_true,
                "precision": true / (true + false),
            }
        )
    return rows
