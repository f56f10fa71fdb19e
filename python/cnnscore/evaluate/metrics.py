"""Scores and labels -> how well the score tells true calls from false ones.

The figures are scikit-learn's. Without any true call, or any false call, a figure is None, never 0.

Recall is the part of the *true calls* that a threshold keeps: a truth allele that nobody called has
no row here. A call is kept when its score is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRECISIONS = (70, 80, 90, 95, 99)
METRICS = (
    "roc_auc",
    "average_precision",
    "best_f1",
    *(f"recall_at_precision_{percent}" for percent in PRECISIONS),
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Curve:
    """What each threshold keeps, thresholds descending, one per distinct score."""

    threshold: Floats
    true: NDArray[np.int64]
    """True calls scoring at least the threshold."""
    false: NDArray[np.int64]

    def thinned(self, most: int = 400, keep: Sequence[int] = ()) -> Curve:
        """At most about `most` points, spaced evenly in the true and in the false calls kept. Both
        ends and the points `keep` are among them. Each is a point of the whole curve, never one
        between two of its points.
        """
        n = len(self.threshold)
        if n <= most:
            return self
        steps = np.linspace(0, 1, most // 2)
        chosen = [np.zeros(1, np.int64), np.array([n - 1]), np.array(keep, np.int64)]
        for kept in (self.true, self.false):
            chosen.append(np.minimum(np.searchsorted(kept, steps * kept[-1]), n - 1))
        at = np.unique(np.concatenate(chosen))
        return Curve(self.threshold[at], self.true[at], self.false[at])


@dataclass(frozen=True, eq=False)
class Ordered:
    """Scores as finite numbers in the same order. Infinite scores rank first and last, and calls
    without a score rank behind all others.
    """

    values: Floats
    """[n]"""
    stands_for: dict[float, float | None]
    """What a number that is not itself a score stands for: inf, -inf, or None for no score."""

    @staticmethod
    def of(scores: Floats) -> Ordered:
        """Of [n] scores, NaN where there is none."""
        finite = scores[np.isfinite(scores)]
        bottom, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        values, stands_for = scores.copy(), dict[float, float | None]()
        for score, at in (
            (np.inf, scores == np.inf),
            (-np.inf, scores == -np.inf),
            (None, np.isnan(scores)),
        ):
            if not at.any():
                continue
            if score == np.inf:
                number = top + max(1.0, abs(top))
            else:
                number = bottom = bottom - max(1.0, abs(bottom))
            values[at] = number
            stands_for[number] = score
        return Ordered(values, stands_for)

    def score(self, value: float) -> float | None:
        """The score that a value stands for; None where there is no score."""
        if value in self.stands_for:
            return self.stands_for[value]
        # A field is read as float32: take the shortest number that is the same float32.
        short = np.float32(value)
        return float(str(short)) if short == value else value


def tie_ends(ranked: Floats) -> NDArray[np.int64]:
    """[k] where each run of equal scores ends, of [n] sorted scores, n > 0."""
    return np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))


def curve(scores: Floats, is_true: Bools) -> Curve:
    """The curve of [n] finite scores, n > 0."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    tie_end = tie_ends(ranked)
    true = np.cumsum(is_true[order], dtype=np.int64)[tie_end]
    return Curve(ranked[tie_end], true, tie_end + 1 - true)


def figures(scores: Floats, is_true: Bools) -> dict[str, float | None]:
    """METRICS and `best_f1_threshold` of [n] finite scores, by scikit-learn.

    Ties count as one threshold. Recall at a precision is the largest recall of any threshold with
    at least this precision, 0 when there is none. Among thresholds with the same best F1, the one
    that keeps most calls is taken.
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


def histogram(scores: Floats, is_true: Bools, bins: int = 60) -> dict[str, list[float]]:
    """Counts by truth over the middle 99 % of [n] finite scores, n > 0; the rest falls into the end
    bins.
    """
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
    scores: Floats,
    is_true: Bools,
    meaning: str | None,
    bins: int = 10,
    shift: float | None = None,
) -> list[dict[str, float | None]]:
    """Scores in bins of equal size: mean predicted probability, and the part that is true; with
    `shift` also the mean of the probabilities of log-odds that are moved by it.

    `meaning` says how a score is a probability: "log-odds" (natural), "phred" (of being wrong), or
    None when it is none. `low` and `high` are Wilson's 95 % interval.
    """
    predicted = probability(scores, meaning)
    shifted = None if shift is None else probability(scores + shift, meaning)
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
                "shifted": None if shifted is None else float(shifted[at].mean()),
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


def tranche_points(curve_: Curve, sensitivities: Sequence[float]) -> list[int]:
    """The point of the highest threshold that has each sensitivity (percent of true calls kept);
    none without true calls.
    """
    n_true = int(curve_.true[-1])
    wanted = [max(1, int(np.ceil(s / 100 * n_true - 1e-9))) for s in sensitivities if n_true]
    return [int(at) for at in np.searchsorted(curve_.true, wanted)]


def tranches(curve_: Curve, sensitivities: Sequence[float]) -> list[dict[str, float | None]]:
    """What the threshold of each sensitivity keeps."""
    n_true = int(curve_.true[-1])
    rows: list[dict[str, float | None]] = []
    points = tranche_points(curve_, sensitivities)
    for percent, at in zip(sensitivities if points else (), points, strict=True):
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
