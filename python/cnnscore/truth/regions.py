"""A BED file -> regions that positions can be looked up in."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import BadInput


class Spans(NamedTuple):
    """Disjoint spans of one contig, ascending; 0-based, half-open."""

    begin: NDArray[np.int64]
    end: NDArray[np.int64]


class Regions:
    """The regions of a BED file, in any order, overlapping or not. `path` names it in messages."""

    def __init__(self, path: str, spans: dict[bytes, Spans]) -> None:
        self.path = path
        self.spans = spans

    @staticmethod
    def read(path: str) -> Regions:
        """Read a BED file, compressed (gzip, bgzip) or not.

        Errors: BadInput naming the line that is no region; BadInput for a file without regions.
        """
        begins: dict[bytes, list[int]] = {}
        ends: dict[bytes, list[int]] = {}
        try:
            with Path(path).open("rb") as plain:
                zipped = plain.read(2) == b"\x1f\x8b"
                plain.seek(0)
                with gzip.open(plain) if zipped else plain as file:
                    for number, line in enumerate(file, 1):
                        if line.startswith((b"#", b"track", b"browser")) or not line.strip():
                            continue
                        fields = line.split(None, 3)
                        try:
                            begin, end = int(fields[1]), int(fields[2])
                        except (IndexError, ValueError):
                            begin, end = 1, 0
                        if not 0 <= begin <= end:
                            raise BadInput(
                                f"{path}: line {number} is no BED region (contig, begin, end): "
                                f"{line[:60].decode('utf-8', 'replace').strip()!r}"
                            )
                        begins.setdefault(fields[0], []).append(begin)
                        ends.setdefault(fields[0], []).append(end)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(
                f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
            ) from None
        if not begins:
            raise BadInput(f"{path} has no region: it must be a BED file (contig, begin, end)")
        return Regions(path, {name: _merge(begins[name], ends[name]) for name in begins})

    def contains(
        self, names: Sequence[bytes], contig: NDArray[np.int32], pos: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """[N] whether positions lie within; `contig` are indices into `names`."""
        inside = np.zeros(len(pos), bool)
        for index in np.unique(contig):
            spans = self.spans.get(names[index])
            if spans is None:
                continue
            at = np.flatnonzero(contig == index)
            span = np.searchsorted(spans.begin, pos[at], "right") - 1
            inside[at] = (span >= 0) & (pos[at] < spans.end[span])
        return inside

    def bases(self) -> int:
        """Bases covered."""
        return sum(int((spans.end - spans.begin).sum()) for spans in self.spans.values())


def _merge(begins: list[int], ends: list[int]) -> Spans:
    begin, end = np.array(begins, np.int64), np.array(ends, np.int64)
    order = np.lexsort((end, begin))
    begin, end = begin[order], np.maximum.accumulate(end[order])
    first = np.concatenate([[True], begin[1:] > end[:-1]])
    last = np.concatenate([first[1:], [True]])
    return Spans(begin[first], end[last])
