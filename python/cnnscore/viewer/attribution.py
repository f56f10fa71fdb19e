"""Which part of the input moved the score: occlusion, through the session that scores.

A part is hidden, the network runs again, and the part's effect is the score of the whole input
minus the score without the part: above 0 it speaks for the call, below 0 against it. Hidden means:
a read is absent; a column's bases are N in reads and reference; an annotation has its typical
value (the median of the calls); a feature of read scalars is 0 in all reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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

Hide = Callable[[Planes, int], None]
"""Hides a part in copy number i of the planes, in place."""


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
    """At most about `runs` parts of a site's planes (no batch axis).

    Annotations and features come first, one each; the rest is shared by reads and columns, in
    bands of equal width where there are more of them than runs.
    """
    sizes = axes_of(planes)
    parts = [
        Part(axis, i, i + 1)
        for axis in ("annotation", "feature", "variant")
        for i in range(sizes.get(axis, 0))
    ]
    left = max(runs - len(parts), 2)
    rows, columns = sizes.get("row", 0), sizes.get("column", 0)
    for_rows = min(rows, left // 2 if columns else left)
    for_columns = min(columns, left - for_rows)
    for_rows = min(rows, left - for_columns)
    for axis, size, count in (("row", rows, for_rows), ("column", columns, for_columns)):
        if count:
            step = -(-size // count)
            parts += [Part(axis, i, min(i + step, size)) for i in range(0, size, step)]
    return parts


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

    Takes about `runs` network runs, in batches of the encoding's size.
    """
    parts = parts_of(planes, runs)
    whole = _scores(engine, _copies(planes, 1), kind)[0]
    effects = {axis: np.full(size, np.nan, np.float32) for axis, size in axes_of(planes).items()}
    for batch in _batches(parts, engine.manifest.encoder.sites_per_run):
        copies = _copies(planes, len(batch))
        for i, part in enumerate(batch):
            hide(copies, i, part, typical)
        for part, score in zip(batch, _scores(engine, copies, kind), strict=True):
            effects[part.axis][part.begin : part.end] = whole - score
    return Attribution(effects, len(parts))


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


def _copies(planes: Planes, n: int) -> Planes:
    return {name: np.repeat(plane[None], n, axis=0) for name, plane in planes.items()}


def _scores(engine: Engine, planes: Planes, kind: int) -> NDArray[np.float32]:
    n = len(next(iter(planes.values())))
    return engine.run(planes, np.full(n, kind, np.uint8))[1]


def _batches(parts: list[Part], size: int) -> Iterator[list[Part]]:
    for begin in range(0, len(parts), size):
        yield parts[begin : begin + size]
