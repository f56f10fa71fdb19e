"""Sampling errors -> confidence intervals, and differences of figures with p-values.

The variance of ten false calls is itself very uncertain. An interval that takes it as exact
covers 60 to 90 % where it says 95. Two things correct this (docs/tasks/evaluate.md has the
figures):

- The variance is moderated (Smyth, Stat Appl Genet Mol Biol 2004): it is moved towards that of a
  working model, equal-variance binormal scores, by PRIOR degrees of freedom, and t replaces z.
- The interval holds those values of the figure under which the sample would not be surprising, with
  the variance that the model has *there* (a score interval, as Wilson's; Newcombe, Stat Med 2006).
  So it is asymmetric near the figure's bound, as it must be.

Two scores of the same calls are compared by their intervals and the correlation of their errors
(MOVER; Zou and Donner, Stat Med 2008). Errors that both share are taken out first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtr, ndtri, owens_t, stdtrit

from cnnscore.evaluate.influence import Error
from cnnscore.evaluate.metrics import Floats

FEWEST = 10
"""With fewer units of a class than this, no interval is given."""
LEVEL = 0.05
"""1 minus the confidence."""
PRIOR, PRIOR_OF_T = 3.0, 5.0
"""Degrees of freedom that the working model counts for: in the variance, and in t, whose tails
would otherwise be too long where few calls make up the variance. tests/bench/coverage.py sets both.
"""

_LEVELS = np.sort(np.append(np.geomspace(1e-6, 0.999, 90), LEVEL))
_AT_LEVEL = int(np.flatnonzero(_LEVELS == LEVEL)[0])
_BISECTIONS = 40
_AUC_POINTS, _AP_POINTS, _SCORE_POINTS = 601, 301, 2001
_FARTHEST = 13.0  # log-odds of the AUC
_REACH = 6.0  # standard deviations that the scores of the model are followed to


@dataclass(frozen=True, eq=False)
class _Model:
    """A figure of equal-variance binormal scores, for each separation of the two classes; [points]
    each.
    """

    value: Floats
    """The figure in the population, ascending."""
    expected: Floats
    """The mean of the figure over samples with these class counts."""
    variance: Floats
    """The part of the variance that moderation scales."""
    discrete: Floats
    """The part that it does not scale."""


@dataclass(frozen=True, eq=False)
class Confidence:
    """A figure's intervals at all _LEVELS."""

    value: float
    low: Floats
    high: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 %."""
        return float(self.low[_AT_LEVEL]), float(self.high[_AT_LEVEL])


@dataclass(frozen=True)
class Difference:
    """The difference of two figures on the same units."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided: the level at which the interval reaches 0; never below 1e-6."""


def confidence(metric: str, error: Error) -> Confidence:
    """Intervals of "roc_auc" or "average_precision"."""
    model = _auc_model(error.true, error.false)
    if metric == "average_precision":
        model = _ap_model(error.true, error.false)
    points = np.arange(len(model.value), dtype=float)
    here = float(np.interp(error.value, model.expected, points))
    scale = error.variance / float(np.interp(here, points, model.variance))
    scale = (error.freedom * scale + PRIOR) / (error.freedom + PRIOR)
    deviation = np.sqrt(scale * model.variance + model.discrete)
    quantile = stdtrit(error.freedom + PRIOR_OF_T, 1 - _LEVELS / 2)

    def bound(edge: float) -> Floats:
        """Where the sample stops being surprising, between the end `edge` of the model and here."""
        outside, inside = np.full(len(_LEVELS), edge), np.full(len(_LEVELS), here)
        for _ in range(_BISECTIONS):
            middle = (outside + inside) / 2
            distance = np.abs(error.value - np.interp(middle, points, model.expected))
            near = distance <= quantile * np.interp(middle, points, deviation)
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
        found: Floats = np.interp(inside, points, model.value)
        return found

    low, high = np.minimum(bound(0.0), error.value), np.maximum(bound(points[-1]), error.value)
    return Confidence(error.value, low, high)


def difference(a: Confidence, b: Confidence, correlation: float) -> Difference:
    """a - b; `correlation` is the correlation of their errors."""
    value = a.value - b.value
    if correlation >= 1 and value == 0:
        return Difference(0.0, 0.0, 0.0, 1.0)
    a_down, a_up = _sides(a)
    b_down, b_up = _sides(b)
    low, high = (
        value - _reach(a_down, b_up, a_up, b_down, correlation),
        value + _reach(a_up, b_down, a_down, b_up, correlation),
    )
    # How far the nearer bound is past 0; this rises with the level.
    past = np.maximum.accumulate(low if value > 0 else -high)
    p = float(np.exp(np.interp(0.0, past, np.log(_LEVELS)))) if value else 1.0
    return Difference(value, float(low[_AT_LEVEL]), float(high[_AT_LEVEL]), p)


def _sides(of: Confidence) -> tuple[Floats, Floats]:
    """How far below and above the figure its bounds are."""
    return of.value - of.low, of.high - of.value


def _reach(
    towards: Floats, against: Floats, back: Floats, forth: Floats, correlation: float
) -> Floats:
    """How far a difference may be off to one side. `towards` and `against` are the sides of the two
    figures that move it there; `back` and `forth` are their other sides.

    An error that both share moves both figures in the same way, and moves the difference only by as
    much as one of them moves more.
    """
    shared = np.maximum(np.maximum(towards - forth, against - back), 0)
    positive, negative = max(correlation, 0.0), min(correlation, 0.0)
    squares = (1 - positive) * (towards**2 + against**2)
    squares += positive * shared**2 - 2 * negative * towards * against
    reach: Floats = np.sqrt(squares)
    return reach


def _separations(points: int) -> Floats:
    """Distances of the model's two means, whose AUCs are evenly spaced in log-odds."""
    separations: Floats = ndtri(expit(np.linspace(-_FARTHEST, _FARTHEST, points))) * np.sqrt(2)
    return separations


@lru_cache(maxsize=512)
def _auc_model(true: int, false: int) -> _Model:
    auc = ndtr(_separations(_AUC_POINTS) / np.sqrt(2))
    # Variance of a placement: two calls of one class rank correctly against one of the other class.
    placement = auc - 2 * owens_t(ndtri(auc), 1 / np.sqrt(3)) - auc**2
    discrete = np.maximum(auc * (1 - auc) - 2 * placement, 0) / (true * false)
    return _Model(auc, auc, np.maximum(placement, 1e-300) * (1 / true + 1 / false), discrete)


@lru_cache(maxsize=512)
def _ap_model(true: int, false: int) -> _Model:
    """By sums over scores: standard normal for false calls, the same but shifted for true calls."""
    part = true / (true + false)
    columns: list[tuple[float, float, float]] = []
    for shift in _separations(_AP_POINTS):
        score = np.linspace(min(0.0, shift) - _REACH, max(0.0, shift) + _REACH, _SCORE_POINTS)
        step = (score[1] - score[0]) / np.sqrt(2 * np.pi)
        true_density = np.exp(-((score - shift) ** 2) / 2) * step
        false_density = np.exp(-(score**2) / 2) * step
        true_above, false_above = ndtr(shift - score), ndtr(-score)
        kept = part * true_above + (1 - part) * false_above
        precision = part * true_above / kept
        value = np.sum(precision * true_density)
        gained = np.cumsum(part * (1 - part) * false_above / kept**2 * true_density)
        lost = np.cumsum(part**2 * true_above / kept**2 * true_density)
        variance = np.sum((precision - value + gained) ** 2 * true_density) / true
        variance += np.sum(lost**2 * false_density) * false / true**2
        # A true call is among the calls that its score keeps: small samples lie above the value.
        own = 1 + (true - 1) * true_above
        expected = np.sum(own / (own + false * false_above) * true_density)
        columns.append((value, expected, variance))
    values, expected_values, variances = np.array(columns).T
    return _Model(values, expected_values, variances, np.zeros(len(values)))
