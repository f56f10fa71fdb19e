"""Scores and labels -> how far each call moves a figure: its sampling error is made of this.

If call i counts once more, a figure of n calls moves by `of_call[i]`, to first order. These
influences sum to 0, and the figure's variance is the variance of their sum. For the ROC AUC they
are DeLong's placements (DeLong, DeLong and Clarke-Pearson, Biometrics 1988). For average precision
they follow from the chain rule, where the class counts are drawn with the calls.

What is drawn is a *unit*: the calls of one record position, or of one block of the genome. The
calls of a unit are drawn together, so their influences are summed before they are squared
(Obuchowski, Biometrics 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.evaluate.metrics import Bools, Floats, tie_ends


@dataclass(frozen=True, eq=False)
class Influence:
    """The influence of n calls on one figure."""

    value: float
    of_call: Floats
    """[n]"""
    weight: Floats
    """[n] at least 0: the call's share in the figure's distance from its bound."""


@dataclass(frozen=True, eq=False)
class Error:
    """A figure and its sampling error."""

    value: float
    variance: float
    freedom: float
    """Degrees of freedom of `variance`: few when it comes from few calls."""
    of_unit: Floats
    """[units] the influence of each unit."""
    true: int
    false: int
    """Calls of each class."""


def roc_auc(scores: Floats, is_true: Bools) -> Influence:
    """Influence on the ROC AUC of [n] finite scores with calls of both classes; ties count half."""
    true, false = np.sort(scores[is_true]), np.sort(scores[~is_true])
    above = np.empty(len(scores))
    # For each call, the part of the other class that it is ranked correctly against.
    above[is_true] = _below(false, scores[is_true])
    above[~is_true] = 1 - _below(true, scores[~is_true])
    value = float(above[is_true].mean())
    part = np.where(is_true, len(true), len(false))
    weight = 1 - above if value > 0.5 else above
    return Influence(value, (above - value) / part, weight)


def average_precision(scores: Floats, is_true: Bools) -> Influence:
    """Influence on scikit-learn's average precision of [n] finite scores, calls of both classes."""
    order = np.argsort(-scores, kind="stable")
    ranked, true = scores[order], is_true[order]
    end = tie_ends(ranked)
    begin = np.append(0, end[:-1] + 1)
    kept_true = np.cumsum(true)[end].astype(float)
    kept = end + 1.0
    new_true = np.diff(kept_true, prepend=0)
    n_true = kept_true[-1]
    precision = kept_true / kept
    value = float(np.sum(new_true * precision) / n_true)
    # A call that counts once more is in each set that is kept at its own score or at a lower one.
    gained = np.cumsum((new_true * (kept - kept_true) / kept**2)[::-1])[::-1] / n_true
    lost = np.cumsum((new_true * kept_true / kept**2)[::-1])[::-1] / n_true
    of_tie = np.repeat(np.arange(len(end)), end - begin + 1)
    own = np.where(true, (precision[of_tie] - value) / n_true + gained[of_tie], -lost[of_tie])
    of_call = np.empty(len(scores))
    of_call[order] = own
    return Influence(value, of_call, np.abs(of_call))


def error(influence: Influence, is_true: Bools, unit: NDArray[np.int64], units: int) -> Error:
    """The sampling error of a figure when units are drawn; `unit` [n] is the unit of each call,
    0..units-1.

    Both classes must have calls in two units or more.
    """
    sums: list[Floats] = []
    parts: list[float] = []
    freedoms: list[float] = []
    for of_class in (is_true, ~is_true):
        at = unit[of_class]
        n = int(np.count_nonzero(np.bincount(at, minlength=units)))
        sums.append(_sums(at, influence.of_call[of_class], units))
        parts.append(float(np.sum(sums[-1] ** 2)) * n / (n - 1))
        freedoms.append(_freedom(_sums(at, influence.weight[of_class], units), n))
    shared = max(0.0, 2 * float(np.sum(sums[0] * sums[1])))
    return Error(
        value=influence.value,
        variance=sum(parts) + shared,
        freedom=_satterthwaite(parts, freedoms),
        of_unit=sums[0] + sums[1],
        true=int(is_true.sum()),
        false=int((~is_true).sum()),
    )


def correlation(a: Error, b: Error) -> float:
    """The correlation of the errors of two figures on the same units; 0 when one has no error."""
    if np.array_equal(a.of_unit, b.of_unit):
        return 1.0
    size = float(np.sqrt(np.sum(a.of_unit**2) * np.sum(b.of_unit**2)))
    return float(np.sum(a.of_unit * b.of_unit)) / size if size > 0 else 0.0


def _below(others: Floats, scores: Floats) -> Floats:
    """[n] the part of `others` (ascending) that is below each score; ties count half."""
    left, right = np.searchsorted(others, scores, "left"), np.searchsorted(others, scores, "right")
    below: Floats = (left + right) / (2 * len(others))
    return below


def _sums(unit: NDArray[np.int64], values: Floats, units: int) -> Floats:
    """[units] the sum of each unit's values."""
    return np.bincount(unit, values, units).astype(np.float64)


def _freedom(weight: Floats, units: int) -> float:
    """Degrees of freedom of a variance to which units of different weight contribute: the effective
    number of units, minus 1.
    """
    squares = float(np.sum(weight**2))
    effective = float(np.sum(weight)) ** 2 / squares if squares > 0 else 0.0
    return float(np.clip(effective - 1, 0, units - 1))


def _satterthwaite(parts: list[float], freedoms: list[float]) -> float:
    """Degrees of freedom of a sum of variances; 0 when a part that is not 0 has none."""
    if not sum(parts):
        return 0.0
    spread = sum(p**2 / f if f else np.inf for p, f in zip(parts, freedoms, strict=True) if p)
    return float(sum(parts) ** 2 / spread)
