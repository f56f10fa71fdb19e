"""Log-odds of held-out rows -> figures of merit, calibration by type, and cut-offs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import LABELS, TYPE_LABELS
from cnnscore.network.cutoffs import LEVELS, BareCutoffs, Cutoffs

Array = NDArray[np.float64]
FEWEST_TO_CALIBRATE = 30
"""Of true calls and of artefacts, each; with fewer a type's log-odds stay as they are."""
_NEWTON_STEPS = 50
_MAX_SLOPE = 10.0


@dataclass(frozen=True)
class Ranking:
    """How well scores tell a type's true calls from its artefacts; NaN where one is absent."""

    true: int
    false: int
    roc_auc: float
    average_precision: float
    """Of true calls."""
    artefact_precision: float
    """Average precision of artefacts, by falling scores turned round."""

    @property
    def quality(self) -> float:
        """Mean of both average precisions: what early stopping looks at."""
        return (self.average_precision + self.artefact_precision) / 2


def rank(scores: Array, true: NDArray[np.bool_], weight: Array) -> Ranking:
    """Ranking of scores [n] with labels and weights [n]; ties count half in the ROC AUC."""
    n_true, n_false = int(true.sum()), int((~true).sum())
    if not n_true or not n_false:
        return Ranking(n_true, n_false, np.nan, np.nan, np.nan)
    _, group = np.unique(scores, return_inverse=True)
    good = np.bincount(group, weight * true).astype(np.float64)  # by rising score
    bad = np.bincount(group, weight * ~true).astype(np.float64)
    below = np.cumsum(bad) - bad
    auc = float((good * (below + bad / 2)).sum() / (good.sum() * bad.sum()))

    def precision(wanted: Array, other: Array) -> float:
        hits, misses = np.cumsum(wanted), np.cumsum(other)
        return float((wanted * hits / np.maximum(hits + misses, 1e-300)).sum() / hits[-1])

    return Ranking(n_true, n_false, auc, precision(good[::-1], bad[::-1]), precision(bad, good))


def rank_by_type(
    scores: Array, label: NDArray[np.int8], weight: NDArray[np.float32]
) -> dict[str, Ranking]:
    """Rankings of SNPs and of indels."""
    rankings = {}
    for name, (false_label, true_label) in TYPE_LABELS.items():
        of_type = (label == false_label) | (label == true_label)
        rankings[name] = rank(
            scores[of_type],
            label[of_type] == true_label,
            weight[of_type].astype(np.float64),
        )
    return rankings


def mean_quality(rankings: dict[str, Ranking]) -> float:
    """Mean over the types that can be ranked; NaN where none can."""
    values = [ranking.quality for ranking in rankings.values()]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def fit_calibration(
    scores: Array, label: NDArray[np.int8], weight: NDArray[np.float32], odds: str
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Slope and offset by type such that slope * score + offset is a log-odds (Platt 1999), and
    the types that have too few rows, which get (1, 0).

    `odds` "data" takes the proportion of true calls as weighted, "even" makes it one half.
    """
    fitted, lacking = {}, []
    for name, (false_label, true_label) in TYPE_LABELS.items():
        of_type = (label == false_label) | (label == true_label)
        true = label[of_type] == true_label
        counts = int(true.sum()), int((~true).sum())
        fitted[name] = (1.0, 0.0)
        if min(counts) < FEWEST_TO_CALIBRATE:
            lacking.append(name)
            continue
        share = weight[of_type].astype(np.float64)
        if odds == "even":
            share = np.where(true, share / share[true].sum(), share / share[~true].sum())
        # Few rows count as few: weights that sum to the rows there are.
        fitted[name] = _platt(scores[of_type], true, share * len(share) / share.sum())
    return fitted, lacking


def true_shares(
    label: NDArray[np.int8], weight: NDArray[np.float32], odds: str
) -> dict[str, float]:
    """By type the share of true calls that `fit_calibration` takes; 0.5 for `odds` "even"."""
    shares = {}
    for name, labels in TYPE_LABELS.items():
        false, true = (float(weight[label == of].sum(dtype=np.float64)) for of in labels)
        shares[name] = 0.5 if odds == "even" or not true + false else true / (true + false)
    return shares


def _platt(scores: Array, true: NDArray[np.bool_], weight: Array) -> tuple[float, float]:
    n_true, n_false = weight[true].sum(), weight[~true].sum()
    # Platt's targets: as if one more of each had been seen, so that separable rows stay finite.
    target = np.where(true, (n_true + 1) / (n_true + 2), 1 / (n_false + 2))
    slope, offset = 1.0, 0.0
    columns = np.stack([scores, np.ones_like(scores)])

    def loss(slope: float, offset: float) -> float:
        z = slope * scores + offset
        return float((weight * (np.logaddexp(0, z) - target * z)).sum())

    now = loss(slope, offset)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(slope * scores + offset, -500, 500)))
        gradient = columns @ (weight * (p - target))
        hessian = (columns * (weight * p * (1 - p))) @ columns.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(slope - size * step[0], offset - size * step[1]) > now:
            size /= 2
        slope, offset = slope - size * step[0], offset - size * step[1]
        before, now = now, loss(slope, offset)
        if before - now < 1e-10 * max(abs(now), 1):
            break
    # A slope that is not positive would turn the ranking round: the scores say nothing then.
    return float(np.clip(slope, 1e-2, _MAX_SLOPE)), float(offset)


def rows_needed(level: float) -> int:
    """True calls that a cut-off needs: one at least must lie beyond it."""
    return round(1 / (1 - level / 100))


def cutoffs(scores: Array, label: NDArray[np.int8], weight: NDArray[np.float32]) -> Cutoffs:
    """Type -> level (of LEVELS) -> the score at which this percentage of its true calls is kept; a
    type with too few true calls for a level (`rows_needed`) lacks it.
    """
    result: Cutoffs = {}
    for name, (_, true_label) in TYPE_LABELS.items():
        true = label == true_label
        order = np.argsort(scores[true])
        ranked, share = scores[true][order], np.cumsum(weight[true][order], dtype=np.float64)
        of_type = {}
        for level in LEVELS:
            if len(ranked) >= rows_needed(level):
                lost = (1 - level / 100) * share[-1]
                at = int(np.searchsorted(share, lost * (1 + 1e-9), side="right"))
                of_type[level] = float(ranked[min(at, len(ranked) - 1)])
        if of_type:
            result[name] = of_type
    return result


def cutoffs_that_keep(
    parts: Mapping[str, Mapping[float, float]],
    scores: Array,
    label: NDArray[np.int8],
    weight: NDArray[np.float32],
) -> Cutoffs:
    """Type -> level -> the highest score at which this part of its true calls is kept; `parts`:
    type -> level -> part, more than 0.
    """
    result: Cutoffs = {}
    for variant_type, levels in parts.items():
        true = label == TYPE_LABELS[variant_type][1]
        order = np.argsort(-scores[true], kind="stable")
        ranked, share = scores[true][order], np.cumsum(weight[true][order], dtype=np.float64)
        for level, part in levels.items():
            at = int(np.searchsorted(share, part * share[-1] * (1 - 1e-9)))
            result.setdefault(variant_type, {})[level] = float(ranked[at])
    return result


def kept_at(
    scores: Array,
    label: NDArray[np.int8],
    weight: NDArray[np.float32],
    cutoffs: Cutoffs,
    bare: NDArray[np.bool_],
    of_bare: BareCutoffs,
) -> dict[str, dict[float, dict[str, float]]]:
    """Type -> level -> the parts of its true calls and of its artefacts, `true` and `false`, that
    score the cut-off at least; of rows that are `bare` [n] it is theirs, where they have one."""
    kept: dict[str, dict[float, dict[str, float]]] = {}
    for variant_type, levels in cutoffs.items():
        for level, score in levels.items():
            theirs = of_bare.cutoffs.get(variant_type, {}).get(level, score)
            passed = scores >= np.where(bare, theirs, score)
            parts = {
                key: float(weight[(label == number) & passed].sum() / weight[label == number].sum())
                for key, number in zip(("false", "true"), TYPE_LABELS[variant_type], strict=True)
                if (label == number).any()
            }
            kept.setdefault(variant_type, {})[level] = parts
    return kept


def expected_error(
    scores: Array, label: NDArray[np.int8], weight: NDArray[np.float32], bins: int = 10
) -> dict[str, float]:
    """Expected calibration error by type: mean distance of stated and found proportion of true
    calls, over bins of equal width, weighted by rows (Guo et al. 2017)."""
    errors = {}
    for name, (false_label, true_label) in TYPE_LABELS.items():
        of_type = (label == false_label) | (label == true_label)
        if not of_type.any():
            continue
        p = 1 / (1 + np.exp(-np.clip(scores[of_type], -500, 500)))
        true, share = label[of_type] == true_label, weight[of_type].astype(np.float64)
        at = np.minimum((p * bins).astype(int), bins - 1)
        total = np.bincount(at, share, bins)
        gap = np.abs(np.bincount(at, share * p, bins) - np.bincount(at, share * true, bins))
        errors[name] = float(gap.sum() / total.sum())
    return errors


def class_counts(label: NDArray[np.int8]) -> dict[str, int]:
    """Rows of each class."""
    counts = np.bincount(label, minlength=len(LABELS))
    return dict(zip(LABELS, counts.tolist(), strict=True))
