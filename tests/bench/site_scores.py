"""What the scores of a site's carriers may say of the site: formulas, and their fit.

Each gives one carrier alone its own score. `fit` finds a formula's parameters on labelled sites by
the least log loss, with a slope and a shift for the whole: these are how sure the network is and
how common artefacts are among the calls at hand, and are not the formula's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cnnscore.calls.carriers import site_score

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Carried:
    """Scores [M] of the carriers of N sites, and the site of each, ascending."""

    scores: Floats
    site: NDArray[np.int64]

    @property
    def number(self) -> NDArray[np.int64]:
        """[N] carriers."""
        return np.bincount(self.site)

    @property
    def first(self) -> NDArray[np.int64]:
        """[N] where each site's begin."""
        return np.append(0, np.cumsum(self.number)[:-1])

    @property
    def best(self) -> Floats:
        """[N]"""
        best: Floats = np.maximum.reduceat(self.scores, self.first)
        return best

    @property
    def mean(self) -> Floats:
        """[N]"""
        mean: Floats = np.add.reduceat(self.scores, self.first) / self.number
        return mean

    @property
    def evidence(self) -> Floats:
        """[N] -ln of the probability that all are false, were they independent."""
        evidence: Floats = np.add.reduceat(np.logaddexp(0, self.scores), self.first)
        return evidence


def log_odds(evidence: Floats) -> Floats:
    """ln(e^x - 1)."""
    result: Floats = evidence + np.log(-np.expm1(-evidence))
    return result


@dataclass(frozen=True)
class Formula:
    """A way to join the scores; `of` takes them and the parameters."""

    text: str
    of: Callable[..., Floats]
    start: tuple[float, ...] = ()


FORMULAS = {
    "noisy OR": Formula("ln(prod(1 + e^s) - 1)", lambda c: log_odds(c.evidence)),
    "best": Formula("max(s)", lambda c: c.best),
    "mean": Formula("mean(s)", lambda c: c.mean),
    "sum": Formula("sum(s)", lambda c: c.mean * c.number),
    "weakened OR": Formula(
        "noisy OR of n^a carriers", lambda c, a: log_odds(c.evidence / c.number ** (1 - a)), (0.5,)
    ),
    "power": Formula("n^a mean(s)", lambda c, a: c.mean * c.number**a, (0.3,)),
    "blend": Formula(
        "mean(s) + w (max(s) - mean(s))", lambda c, w: c.mean + w * (c.best - c.mean), (0.3,)
    ),
    "blend, power": Formula(
        "n^a (mean(s) + w (max(s) - mean(s)))",
        lambda c, a, w: c.number**a * (c.mean + w * (c.best - c.mean)),
        (0.3, 0.3),
    ),
    "blend, carriers": Formula(
        "mean(s) + w (max(s) - mean(s)) + b ln n",
        lambda c, w, b: c.mean + w * (c.best - c.mean) + b * np.log(c.number),
        (0.3, 0.0),
    ),
    "shipped": Formula(
        "CNN_SITE",
        lambda c: np.array(
            [site_score(part.astype(np.float32)) for part in np.split(c.scores, c.first[1:])]
        ),
    ),
}


def log_loss(score: Floats, is_true: NDArray[np.bool_]) -> float:
    """Mean -ln of the probability that was given to what is so."""
    return float(np.logaddexp(0, np.where(is_true, -score, score)).mean())


@dataclass(frozen=True)
class Fit:
    """Parameters of a formula, and the slope and shift they were found with."""

    parameters: tuple[float, ...]
    slope: float
    shift: float

    def score(self, formula: Formula, carried: Carried) -> Floats:
        """[N] with slope and shift."""
        return self.slope * formula.of(carried, *self.parameters) + self.shift


def fit(formula: Formula, carried: Carried, is_true: NDArray[np.bool_]) -> Fit:
    """The least log loss."""

    def loss(given: Floats) -> float:
        score = given[0] * formula.of(carried, *given[2:]) + given[1]
        return log_loss(score, is_true)

    found = minimize(
        loss, [1.0, 0.0, *formula.start], method="Nelder-Mead", options={"maxiter": 4000}
    )
    slope, shift, *parameters = (float(value) for value in found.x)
    return Fit(tuple(parameters), slope, shift)
