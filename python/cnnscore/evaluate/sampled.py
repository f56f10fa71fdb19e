"""Scores on one sample of calls -> their figures, and how sure those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnscore.evaluate import influence, metrics
from cnnscore.evaluate.blocks import Blocks, block_errors
from cnnscore.evaluate.influence import Error
from cnnscore.evaluate.intervals import FEWEST, Confidence, Difference, confidence, difference
from cnnscore.evaluate.metrics import Bools, Floats

LOCUS_BITS = 40
"""A locus is contig << LOCUS_BITS | position."""
INFLUENCES = {
    "roc_auc": influence.roc_auc,
    "average_precision": influence.average_precision,
}
"""Figures with intervals. A figure that chooses its threshold on the same calls that it measures
is too high, by an amount that no resampling can tell: such figures have no interval.
"""


@dataclass(frozen=True, eq=False)
class Sampled:
    """One score on n calls."""

    values: Floats
    """[n] finite."""
    is_true: Bools
    errors: dict[str, Error]
    """The errors of the figures that have intervals; empty with too few calls."""
    too_few: str | None
    """The class, "true" or "false", that has calls in fewer than FEWEST loci (or blocks)."""
    _known: dict[str, Confidence] = field(default_factory=dict)

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """`metrics.figures`."""
        return metrics.figures(self.values, self.is_true)

    def interval(self, figure: str) -> tuple[float, float] | None:
        """The interval of 95 %, None where there is none."""
        return self._confidence(figure).interval if figure in self.errors else None

    def difference(self, other: Sampled, figure: str) -> Difference | None:
        """This score's figure minus the other's, on the same calls; None without an interval."""
        if figure not in self.errors or figure not in other.errors:
            return None
        shared = influence.correlation(self.errors[figure], other.errors[figure])
        return difference(self._confidence(figure), other._confidence(figure), shared)

    def _confidence(self, figure: str) -> Confidence:
        if figure not in self._known:
            self._known[figure] = confidence(figure, self.errors[figure])
        return self._known[figure]


def sample(
    columns: Sequence[tuple[Floats, Bools]],
    locus: NDArray[np.uint64],
    blocks: Blocks | None = None,
) -> list[Sampled]:
    """Scores of the same n calls: pairs of values (finite) and labels, each [n]. Calls at one locus
    [n] are drawn together; with `blocks`, the calls of one block.
    """
    unit, units = _units(locus, blocks)
    lacking = [_too_few(is_true, unit, units) for _, is_true in columns]
    errors: list[dict[str, Error]] = [
        {}
        if lacks
        else {
            figure: influence.error(of(values, is_true), is_true, unit, units)
            for figure, of in INFLUENCES.items()
        }
        for (values, is_true), lacks in zip(columns, lacking, strict=True)
    ]
    if blocks is not None and any(errors):
        errors = block_errors(errors, columns, unit, units, blocks)
    return [
        Sampled(values, is_true, found, lacks)
        for (values, is_true), found, lacks in zip(columns, errors, lacking, strict=True)
    ]


def _units(locus: NDArray[np.uint64], blocks: Blocks | None) -> tuple[NDArray[np.int64], int]:
    """[n] the number of each call's locus or block, and how many of these there are."""
    if blocks is not None:
        contig, pos = locus >> np.uint64(LOCUS_BITS), locus & np.uint64((1 << LOCUS_BITS) - 1)
        locus = (contig << np.uint64(LOCUS_BITS)) | (pos // np.uint64(blocks.bases))
    found, unit = np.unique(locus, return_inverse=True)
    return unit.astype(np.int64), len(found)


def _too_few(is_true: Bools, unit: NDArray[np.int64], units: int) -> str | None:
    """The class that has calls in fewer than FEWEST units."""
    counts = {
        name: int(np.count_nonzero(np.bincount(unit[of_class], minlength=units)))
        for name, of_class in (("true", is_true), ("false", ~is_true))
    }
    fewest = min(counts, key=lambda name: counts[name])
    return fewest if counts[fewest] < FEWEST else None
