"""How deep a sample usually is, by a plain reading of docs/reference/encodings.md, with pysam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pysam

Cell = tuple[str, int, int]
PASSED_OVER = 0x4 | 0x100 | 0x800 | 0x400 | 0x200


def cut(cell: Cell, parts: int) -> list[Cell]:
    contig, begin, end = cell
    n = max(parts, 1)
    at = [begin + (end - begin) * i // n for i in range(n + 1)]
    return [(contig, at[i], at[i + 1]) for i in range(n)]


def look(bams: Sequence[pysam.AlignmentFile], cell: Cell) -> int | None:
    contig, begin, end = cell
    firsts = [next((r.reference_start for r in bam.fetch(*cell)), None) for bam in bams]
    known = [first for first in firsts if first is not None]
    if not known or max(min(known), begin) + 256 >= end:
        return None
    locus = max(min(known), begin) + 256
    return sum(
        not read.flag & PASSED_OVER and bool(read.query_qualities)
        for bam in bams
        for read in bam.fetch(contig, locus, locus + 1)
    )


def shared_lengths(bams: Sequence[pysam.AlignmentFile]) -> dict[str, int]:
    lengths = [dict(zip(bam.references, bam.lengths, strict=True)) for bam in bams]
    shared = set.intersection(*(set(known.items()) for known in lengths))
    return dict(sorted(shared))


def expected(*paths: Path) -> float:
    with ExitStack() as stack:
        bams = [stack.enter_context(pysam.AlignmentFile(str(path))) for path in paths]
        lengths = shared_lengths(bams)
        size = max(sum(lengths.values()) // 128, 1024)
        large = [contig for contig, length in lengths.items() if length >= size // 4]
        small = list(lengths)[:: len(lengths) // 4096 + 1]
        cells = [
            part
            for contig in large or small
            for part in cut((contig, 0, lengths[contig]), lengths[contig] // size)
        ]
        while True:
            found = [(cell, n) for cell in cells if (n := look(bams, cell)) is not None]
            seen = np.array([n for _, n in found], float)
            effective = seen.sum() ** 2 / (seen**2).sum() if seen.any() else 0
            cells = [p for c, _ in found for p in cut(c, min((c[2] - c[1]) // 1024, 16))]
            if effective >= 16 or not len(found) < len(cells) <= 4096:
                break
    if effective < 4:
        return math.nan
    seen.sort()
    return float(seen[np.searchsorted(2 * np.cumsum(seen), seen.sum())])
