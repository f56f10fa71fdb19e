"""coverage.py: do the intervals and p-values of `cnnscore evaluate` hold what they say?

Samples are drawn from scores whose figures are known, with 1 to 100 calls of one class and 300 of
the other. From ten calls on, the 95 % interval of the ROC AUC must hold the known value in 95 % of
samples, give or take 2 %; below ten there must be none. Average precision, whose class counts are
drawn with the calls, must be held by at least 90 %. Of two scores that are equally good, p must
fall below 0.05 in no more than 7 % of samples. Scores that the working model fits badly stand
beside these: there the ROC AUC must be held by at least 88 %.

Exits with 1 when one is missed. Example: coverage.py --samples 1000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.evaluate.intervals import FEWEST, LEVEL
from cnnscore.evaluate.sampled import Sampled, sample

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
OTHER_CLASS = 300
FEW = (1, 2, 5, 9)
ENOUGH = (10, 20, 50, 100)
BADLY_FITTED = (10, 50)
AUCS = (0.7, 0.9, 0.97)
TOLERANCE = 0.02
LEAST_AVERAGE_PRECISION, LEAST_BADLY_FITTED = 0.90, 0.88
SHARED = 0.6
"""Of the variance of two scores, the part that is the same in both."""
POPULATION = 200_000


@dataclass(frozen=True)
class Kind:
    """A kind of score: true calls are `noise` and a shift, false ones `noise` times `spread`."""

    noise: Callable[[np.random.Generator, int], Floats]
    spread: float = 1.0
    fits: bool = True
    """Whether the working model fits it well enough for a claim of 95 %."""


KINDS = {
    "normal": Kind(lambda rng, n: rng.normal(size=n)),
    "logistic": Kind(lambda rng, n: rng.logistic(size=n)),
    "normal, false calls spread": Kind(lambda rng, n: rng.normal(size=n), 2.0, fits=False),
    "exponential": Kind(lambda rng, n: -rng.exponential(size=n), fits=False),
}


class World:
    """Scores of one kind whose ROC AUC is `auc`."""

    def __init__(self, kind: str, auc: float) -> None:
        self.kind, self.auc = KINDS[kind], auc
        rng = np.random.default_rng(1)
        self._true = np.sort(self.kind.noise(rng, POPULATION))
        self._false = np.sort(self.kind.spread * self.kind.noise(rng, POPULATION))
        low, high = -60.0, 60.0
        for _ in range(50):
            self.shift = (low + high) / 2
            reached = np.mean(np.searchsorted(self._false, self._true + self.shift)) / POPULATION
            low, high = (self.shift, high) if reached < auc else (low, self.shift)

    def average_precision(self, part_true: float) -> float:
        """In the population, true calls being this part of it."""
        kept_true = (np.arange(POPULATION, 0, -1) - 0.5) / POPULATION
        below = np.searchsorted(self._false, self._true + self.shift) / POPULATION
        kept = part_true * kept_true + (1 - part_true) * (1 - below)
        return float(np.mean(part_true * kept_true / kept))

    def scores(self, rng: np.random.Generator, is_true: Bools) -> Floats:
        """Of calls with these labels."""
        noise = self.kind.noise(rng, len(is_true))
        return np.where(is_true, noise + self.shift, self.kind.spread * noise)


def labels(few: int, few_true: bool) -> Bools:
    """`few` calls of one class, OTHER_CLASS of the other."""
    is_few: Bools = np.arange(few + OTHER_CLASS) < few
    return is_few if few_true else ~is_few


def evaluated(*columns: tuple[Floats, Bools]) -> list[Sampled]:
    """What `evaluate` makes of scores of the same calls, each at a locus of its own."""
    return sample(columns, np.arange(len(columns[0][0]), dtype=np.uint64))


def coverage(
    figure: str, world: World, few: int, few_true: bool, samples: int
) -> tuple[float, float] | None:
    """How often the interval holds the known value, and its mean width; None without intervals."""
    rng = np.random.default_rng([few, few_true, int(100 * world.auc)])
    is_true = labels(few, few_true)
    part_true = float(is_true.mean())
    drawn = figure == "average_precision" and few >= FEWEST
    known = world.average_precision(part_true) if figure == "average_precision" else world.auc
    held, widths = [], []
    for _ in range(samples):
        if drawn:
            is_true = rng.random(len(is_true)) < part_true
        (found,) = evaluated((world.scores(rng, is_true), is_true))
        limits = found.interval(figure)
        if limits is not None:
            held.append(limits[0] <= known <= limits[1])
            widths.append(limits[1] - limits[0])
    return (float(np.mean(held)), float(np.mean(widths))) if held else None


def rejected(auc: float, few: int, samples: int) -> float:
    """How often p is below LEVEL for the ROC AUCs of two normal scores that are equally good."""
    world, is_true = World("normal", auc), labels(few, False)
    rng = np.random.default_rng([few, int(100 * auc)])
    below = 0
    for _ in range(samples):
        noise = rng.normal(size=(3, len(is_true)))
        columns = [np.sqrt(SHARED) * noise[0] + np.sqrt(1 - SHARED) * own for own in noise[1:]]
        a, b = evaluated(*((of + world.shift * is_true, is_true) for of in columns))
        tested = a.difference(b, "roc_auc")
        below += tested is not None and tested.p < LEVEL
    return below / samples


def checks(samples: int) -> Iterator[tuple[str, str, bool]]:
    """What was simulated, what came of it, and whether that will do."""
    allowed = TOLERANCE + 2 * np.sqrt(
        LEVEL * (1 - LEVEL) / samples
    )  # and the simulation's own error
    for kind, of in KINDS.items():
        for auc in AUCS:
            world = World(kind, auc)
            for few_true in (False, True):
                which = "true" if few_true else "false"
                for few in (*FEW, *ENOUGH):
                    name = f"{kind}, ROC AUC {auc}, {few} {which}"
                    if few in FEW:
                        found = coverage("roc_auc", world, few, few_true, 3)
                        yield name, "none" if found is None else "an interval", found is None
                        continue
                    if not of.fits and few not in BADLY_FITTED:
                        continue
                    found = coverage("roc_auc", world, few, few_true, samples)
                    assert found is not None
                    held = abs(found[0] - 1 + LEVEL) <= allowed
                    if not of.fits:
                        held = found[0] >= LEAST_BADLY_FITTED - allowed + TOLERANCE
                    yield name, f"{found[0]:.3f} held, width {found[1]:.3f}", held
                    if few_true or few == FEWEST or not of.fits:
                        continue
                    found = coverage("average_precision", world, few, few_true, samples)
                    assert found is not None
                    held = found[0] >= LEAST_AVERAGE_PRECISION - allowed + TOLERANCE
                    text = f"{found[0]:.3f} held, width {found[1]:.3f}"
                    yield f"{name}: average precision", text, held
    for auc in AUCS:
        for few in ENOUGH:
            found_p = rejected(auc, few, samples)
            text = f"{found_p:.3f} with p < {LEVEL}"
            yield f"no difference, ROC AUC {auc}, {few} false", text, found_p <= LEVEL + allowed


def main() -> None:
    """Simulate, print, and fail when a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000, help="of each kind [1000]")
    missed = 0
    for name, found, held in checks(parser.parse_args().samples):
        print(f"{name:<58} {found}{'' if held else '   MISSED'}", flush=True)
        missed += not held
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
