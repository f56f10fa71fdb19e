"""Which part of the input moved the score: occlusion, through the session that scores.

A part is hidden, the network runs again, and the part's effect is the score of the whole input
minus the score without the part: above 0 it speaks for the call, below 0 against it. Hidden means:
a read is absent; a column's bases are N in reads and reference; an annotation has its typical
value (the median of the calls); a feature of read scalars is 0 in all reads.

Where reads and columns are more than the runs that may be taken, they are hidden in blocks first,
narrow ones at the site and wide ones far from it. Then the blocks that moved the score most are cut
in two, again and again, until the runs are used or all that matters is measured cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnscore.network.encode import (
    READ_N,
    READ_NONE,
    READ_SPAN,
    REFERENCE_ANY,
    REFERENCE_NONE,
    Planes,
)
from cnnscore.score.engine import Engine

BLOCKS = ("row", "column")
"""Axes whose cells may be hidden together."""
LITTLE = 0.1
"""A block with less than this part of its axis's largest effect is not cut further."""


@dataclass(frozen=True)
class Part:
    """Cells [begin, end) along one axis of the input, hidden together."""

    axis: str
    """`row`, `column`, `annotation`, `feature` (of reads) or `variant`."""
    begin: int
    end: int


@dataclass(frozen=True)
class Attribution:
    """Effects float32 by axis, one per row, column, annotation or feature (NaN: not measured).
    Cells hidden together share their effect."""

    effects: dict[str, NDArray[np.float32]]
    runs: int


def parts_of(planes: Planes, runs: int) -> list[Part]:
    """The parts of a site's planes (no batch axis) that are hidden first, within about `runs` runs.

    Annotations and features come one by one. So do reads and columns where the runs suffice; if not
    their blocks take half of what is left, most of it for the reads: which columns matter is known
    beforehand, those at the site.
    """
    sizes = axes_of(planes)
    parts = [
        Part(axis, i, i + 1)
        for axis in ("annotation", "feature", "variant")
        for i in range(sizes.get(axis, 0))
    ]
    left = runs - len(parts)
    rows, columns = sizes.get("row", 0), sizes.get("column", 0)
    for_rows, for_columns = rows, columns
    if rows + columns > left:
        for_rows = min(rows, max(1, left // (3 if columns else 2)))
        for_columns = min(columns, max(2, left // 2 - for_rows))
    return [
        *parts,
        *_blocks("row", np.linspace(0, rows, for_rows + 1)),
        *_blocks("column", _about_the_middle(columns, for_columns)),
    ]


def _about_the_middle(size: int, blocks: int) -> NDArray[np.float64]:
    """Edges of blocks over [0, size) that widen with the distance from the middle, the site."""
    if blocks >= size:
        return np.arange(size + 1, dtype=np.float64)
    away = np.geomspace(1, size / 2, blocks // 2)[:-1]
    middle = size // 2
    return np.concatenate([[0], middle - away[::-1], [middle], middle + away, [size]])


def _blocks(axis: str, edges: NDArray[np.float64]) -> list[Part]:
    whole = np.unique(np.round(edges).astype(np.int64)).tolist()
    return [Part(axis, begin, end) for begin, end in pairwise(whole)]


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

    Takes at most about `runs` network runs, in batches of the encoding's size: what is found does
    not depend on other sites, nor on the batches of the engine.
    """
    size = engine.manifest.encoder.sites_per_run
    effects = {axis: np.full(n, np.nan, np.float32) for axis, n in axes_of(planes).items()}
    parts: list[Part] = parts_of(planes, runs - 1)
    whole: np.float32 | None = None
    taken, measured = 0, list[Part]()
    while parts:
        # The whole input is the first copy of all, where nothing is hidden.
        scores = np.concatenate(
            [
                _scores_without(engine, planes, kind, typical, batch)
                for batch in _batches([*([None] if whole is None else []), *parts], size)
            ]
        )
        taken += len(scores)
        if whole is None:
            whole, scores = scores[0], scores[1:]
        for part, score in zip(parts, scores, strict=True):
            effects[part.axis][part.begin : part.end] = whole - score
        measured += parts
        parts = _finer(measured, effects, min(size, runs - taken))
    return Attribution(effects, taken)


def _finer(measured: list[Part], effects: dict[str, NDArray[np.float32]], runs: int) -> list[Part]:
    """Halves of the blocks that moved the score most for their axis, `runs` of them at most; these
    blocks leave `measured`.
    """
    blocks = [part for part in measured if part.axis in BLOCKS]
    most = {
        axis: max((abs(_of(part, effects)) for part in blocks if part.axis == axis), default=0.0)
        for axis in BLOCKS
    }
    matter = [
        part
        for part in blocks
        if part.end - part.begin > 1 and abs(_of(part, effects)) > LITTLE * most[part.axis]
    ]
    matter.sort(key=lambda part: -abs(_of(part, effects)) / most[part.axis])  # stable
    halves = []
    for part in matter[: runs // 2]:
        measured.remove(part)
        middle = (part.begin + part.end) // 2
        halves += [Part(part.axis, part.begin, middle), Part(part.axis, middle, part.end)]
    return halves


def _of(part: Part, effects: dict[str, NDArray[np.float32]]) -> float:
    """The effect of a part, which its cells share; 0 where the network gave no score."""
    return float(np.nan_to_num(effects[part.axis][part.begin]))


def hide(planes: Planes, i: int, part: Part, typical: NDArray[np.float32]) -> None:
    """Hide a part in copy `i` of batched planes, in place."""
    cells = slice(part.begin, part.end)
    if part.axis == "annotation":
        # Our own networks are told what is missing; GATK's take 0 for it.
        own = "variant" in planes
        planes["annotations"][i, cells] = typical[cells] if own else np.nan_to_num(typical[cells])
    elif part.axis == "variant":
        planes["variant"][i, cells] = 0
    elif part.axis == "feature":
        planes["reads"][i, :, cells] = 0
    elif part.axis == "row" and "mask" in planes:
        planes["mask"][i, cells] = 0
        planes["reads"][i, cells] = 0
    elif part.axis == "row":
        planes["bases"][i, cells] = READ_NONE
        planes["quals"][i, cells] = 0
        planes["rows"][i, cells] = 0
    else:
        reference = planes["reference"][i]
        reference[cells] = np.where(
            reference[cells] == REFERENCE_NONE, REFERENCE_NONE, REFERENCE_ANY
        )
        if "bases" in planes:
            bases = planes["bases"][i, :, cells]
            unknown = (bases & READ_SPAN) | READ_N
            planes["bases"][i, :, cells] = np.where(bases & 31 == READ_NONE, bases, unknown)
            planes["quals"][i, :, cells] = 0


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
