"""The block bootstrap: the sampling error of figures when whole blocks of the genome are drawn.

Variants of one haplotype come together, and so do artefacts of one repeat: calls that are near each
other are not independent. If blocks are longer than this dependence, the spread of a figure over
draws of blocks is its sampling error, whatever happens within a block (Kuensch, Ann Stat 1989).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.evaluate.influence import Error
from cnnscore.evaluate.metrics import Bools, Floats, tie_ends

FIGURES = ("roc_auc", "average_precision")
CALLS_DRAWN, FEWEST_REPLICATES, MOST_REPLICATES = 2e8, 200, 1000


@dataclass(frozen=True)
class Blocks:
    """How blocks are drawn. `replicates` None takes 1000, or down to 200 for many calls."""

    bases: int
    replicates: int | None
    seed: int

    def draws(self, calls: int) -> int:
        """How many draws to make for this number of calls."""
        if self.replicates is not None:
            return self.replicates
        return min(MOST_REPLICATES, max(FEWEST_REPLICATES, int(CALLS_DRAWN / max(calls, 1))))


def block_errors(
    errors: Sequence[dict[str, Error]],
    columns: Sequence[tuple[Floats, Bools]],
    unit: NDArray[np.int64],
    units: int,
    blocks: Blocks,
) -> list[dict[str, Error]]:
    """The errors, with the variance of the draws in place of their own. All columns (scores,
    labels), each [n], share one set of draws, so that the errors of two columns can be correlated.
    """
    drawn = bootstrap(columns, unit, units, blocks.draws(len(unit)), blocks.seed)
    deviations = drawn - np.nanmean(drawn, axis=0)
    variances = np.nanvar(drawn, axis=0) * units / (units - 1)
    return [
        {
            figure: replace(
                error,
                variance=float(variances[i, FIGURES.index(figure)]),
                of_unit=np.nan_to_num(deviations[:, i, FIGURES.index(figure)]),
            )
            for figure, error in of_column.items()
        }
        for i, of_column in enumerate(errors)
    ]


def bootstrap(
    columns: Sequence[tuple[Floats, Bools]],
    unit: NDArray[np.int64],
    units: int,
    replicates: int,
    seed: int,
) -> Floats:
    """[replicates, columns, FIGURES] with units drawn with replacement; NaN where a draw has calls
    of one class only. The result depends on `seed` only, never on threads.
    """
    ranked = [_Ranked(scores, is_true) for scores, is_true in columns]

    def one(stream: np.random.SeedSequence) -> Floats:
        draw = np.random.default_rng(stream).integers(0, units, units, dtype=np.int64)
        weight = np.bincount(draw, minlength=units).astype(np.int32)[unit]
        return np.array([calls.figures(weight) for calls in ranked])

    streams = np.random.SeedSequence(seed).spawn(replicates)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return np.array(list(pool.map(one, streams)))


class _Ranked:
    """Calls sorted by score, so that one pass counts them with any weights."""

    def __init__(self, scores: Floats, is_true: Bools) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.is_true = is_true[self.order]
        self.tie_end = tie_ends(ranked)

    def figures(self, weight: NDArray[np.int32]) -> Floats:
        """[FIGURES] of calls that count `weight` times; NaN without true or without false calls."""
        weight = weight[self.order]
        true = np.cumsum(weight * self.is_true, dtype=np.int64)[self.tie_end]
        false = np.cumsum(weight, dtype=np.int64)[self.tie_end] - true
        n_true, n_false = float(true[-1]), float(false[-1])
        if not n_true or not n_false:
            return np.full(len(FIGURES), np.nan)
        new_true, new_false = np.diff(true, prepend=0), np.diff(false, prepend=0)
        # Not np.dot: the threads of a BLAS would compete with those of the replicates.
        area = np.sum(new_false * (true - new_true / 2))
        precision = true / np.maximum(true + false, 1)
        return np.array([area / (n_true * n_false), np.sum(new_true * precision) / n_true])
