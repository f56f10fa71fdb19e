"""Which part of the input moved the score: occlusion, through the session that scores.

A part is hidden, the network runs again, and the part's effect is the score of the whole input
minus the score without the part: above 0 it speaks for the call, below 0 against it. Hidden means:
a read is absent; a column's bases are N in reads and reference; an annotation has its typical
value (the median of the calls); a feature of read scalars is 0 in all reads.

Where reads and columns are more than the runs that may be taken, those of them are hidden that are
likely to matter and that tell of the others: the site's own column and the columns in which most
reads differ from the reference; and reads evenly spread over the pileup, each of which stands for
its neighbours, as the network takes reads in the order of what they show at the site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.network.encode import (
    READ_GAP,
    READ_LETTERS,
    READ_N,
    READ_NONE,
    READ_SPAN,
    REFERENCE_ANY,
    REFERENCE_GAP,
    REFERENCE_NONE,
    Planes,
)
from cnnscore.score.engine import Engine


@dataclass(frozen=True)
class Part:
    """What is hidden in one run: a cell of one axis of the input."""

    axis: str
    """`row`, `column`, `annotation`, `feature` (of reads) or `variant`."""
    cell: int


@dataclass(frozen=True)
class Attribution:
    """Effects float32 by axis, one per row, column, annotation or feature. A row that was not
    hidden has the effect of the one that stands for it; NaN: a column that was not hidden."""

    effects: dict[str, NDArray[np.float32]]
    runs: int


def parts_of(planes: Planes, runs: int) -> list[Part]:
    """The parts of a site's planes (no batch axis) that are hidden, in about `runs` runs.

    Annotations and features come one by one. So do reads and columns where the runs suffice; if not
    they have half of what is left each, or what the other axis leaves of its half.
    """
    sizes = axes_of(planes)
    parts = [
        Part(axis, i)
        for axis in ("annotation", "feature", "variant")
        for i in range(sizes.get(axis, 0))
    ]
    left = max(runs - len(parts), 2)
    rows, columns = sizes.get("row", 0), sizes.get("column", 0)
    for_rows = min(rows, max(left // 2, left - columns))
    for_columns = min(columns, left - for_rows)
    return [
        *parts,
        *(Part("row", row) for row in _spread(rows, for_rows)),
        *(Part("column", column) for column in _telling(planes, columns, for_columns)),
    ]


def _spread(rows: int, count: int) -> list[int]:
    """The middle rows of `count` parts of like size."""
    edges = np.linspace(0, rows, count + 1)
    middles: list[int] = ((edges[:-1] + edges[1:]) / 2).astype(np.int64).tolist()
    return middles


def _telling(planes: Planes, columns: int, count: int) -> list[int]:
    """The columns that are likely to matter: the site's own, then by the number of reads that
    differ from the reference, near ones first.
    """
    if not count:
        return []
    away = np.abs(np.arange(columns) - columns // 2)
    differ = np.zeros(columns, np.int64)
    if "bases" in planes:
        bases, letter = planes["bases"] & 31, _OF_READS[planes["reference"]]
        shown = (bases != READ_NONE) & (letter != READ_NONE)
        differ = np.count_nonzero(shown & (bases != letter), axis=0)
    order = np.lexsort((away, -differ, away > 0))
    return sorted(order[:count].tolist())


_OF_READS = np.full(256, READ_NONE, np.uint8)
"""How a read shows what the reference has, by the reference's code; READ_NONE where that is any
base or none."""
_OF_READS[:4] = [READ_LETTERS.index(base) for base in "ACGT"]
_OF_READS[REFERENCE_GAP] = READ_GAP


def axes_of(planes: Planes) -> dict[str, int]:
    """Sizes of the axes along which a site's planes can be hidden."""
    sizes = {}
    if "bases" in planes:
        shown = np.flatnonzero((planes["bases"] != READ_NONE).any(axis=1))
        sizes["row"] = int(shown[-1]) + 1 if len(shown) else 0
    if "mask" in planes:
        sizes["row"] = int(np.count_nonzero(planes["mask"]))
        sizes["feature"] = planes["reads"].shape[-1]
    if "reference" in planes:
        sizes["column"] = len(planes["reference"])
    for axis, name in (("annotation", "annotations"), ("variant", "variant")):
        if name in planes:
            sizes[axis] = len(planes[name])
    return sizes


def attribute(
    engine: Engine, planes: Planes, kind: int, typical: NDArray[np.float32], runs: int
) -> Attribution:
    """Effects of the parts of one site's planes (no batch axis) on its score.

    Takes at most about `runs` network runs. What is found does not depend on other sites, nor on
    the batches of the engine.
    """
    effects = {axis: np.full(n, np.nan, np.float32) for axis, n in axes_of(planes).items()}
    parts = parts_of(planes, runs - 1)
    # The whole input is the first copy of all, where nothing is hidden. Half as many copies in a
    # call as sites when scoring: with gatk-2d a tenth quicker, and no site waits for others.
    batches = _batches([None, *parts], max(engine.session.usual_rows // 2, 1))
    scores = np.concatenate(
        [_scores_without(engine, planes, kind, typical, batch) for batch in batches]
    )
    for part, score in zip(parts, scores[1:], strict=True):
        effects[part.axis][part.cell] = scores[0] - score
    hidden = [part.cell for part in parts if part.axis == "row"]
    if hidden:
        effects["row"] = effects["row"][_standing_for(planes, np.array(hidden))]
    return Attribution(effects, len(scores))


def _standing_for(planes: Planes, hidden: NDArray[np.int64]) -> NDArray[np.int64]:
    """[rows] for each row the one that stands for it: the nearest of those that were hidden, and
    if possible of those that show the same at the site.
    """
    rows = np.arange(axes_of(planes)["row"])
    away = np.abs(rows[:, None] - hidden)
    if "bases" in planes:
        at_site = planes["bases"][: len(rows), planes["bases"].shape[1] // 2] & 31
        away += len(rows) * (at_site[:, None] != at_site[hidden])
    nearest: NDArray[np.int64] = hidden[away.argmin(axis=1)]
    return nearest


def hide(planes: Planes, i: int, part: Part, typical: NDArray[np.float32]) -> None:
    """Hide a part in copy `i` of batched planes, in place."""
    cell = part.cell
    if part.axis == "annotation":
        # Our own networks are told what is missing; GATK's take 0 for it.
        own = "variant" in planes
        planes["annotations"][i, cell] = typical[cell] if own else np.nan_to_num(typical[cell])
    elif part.axis == "variant":
        planes["variant"][i, cell] = 0
    elif part.axis == "feature":
        planes["reads"][i, :, cell] = 0
    elif part.axis == "row" and "mask" in planes:
        planes["mask"][i, cell] = 0
        planes["reads"][i, cell] = 0
    elif part.axis == "row":
        planes["bases"][i, cell] = READ_NONE
        planes["quals"][i, cell] = 0
        planes["rows"][i, cell] = 0
    else:
        if planes["reference"][i, cell] != REFERENCE_NONE:
            planes["reference"][i, cell] = REFERENCE_ANY
        if "bases" in planes:
            bases = planes["bases"][i, :, cell]
            unknown = (bases & READ_SPAN) | READ_N
            planes["bases"][i, :, cell] = np.where(bases & 31 == READ_NONE, bases, unknown)
            planes["quals"][i, :, cell] = 0


def _scores_without(
    engine: Engine,
    planes: Planes,
    kind: int,
    typical: NDArray[np.float32],
    parts: list[Part | None],
) -> NDArray[np.float32]:
    """The scores of copies of a site's planes that lack a part each; None: nothing is hidden."""
    n = len(parts)
    copies = {name: np.repeat(plane[None], n, axis=0) for name, plane in planes.items()}
    for i, part in enumerate(parts):
        if part is not None:
            hide(copies, i, part, typical)
    return engine.run(copies, np.full(n, kind, np.uint8))[1]


def _batches(parts: list[Part | None], size: int) -> Iterator[list[Part | None]]:
    for begin in range(0, len(parts), size):
        yield parts[begin : begin + size]
