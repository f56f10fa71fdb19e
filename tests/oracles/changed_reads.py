"""Reads changed at chosen places, by a plain reading of native/plant/plant.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pysam

MASK = 2**64 - 1
COMPLEMENT = str.maketrans("ACGTMRWSYKVHDBN", "TGCAKYWSRMBDHVN")


@dataclass(frozen=True)
class Change:
    """At `pos` of its contig `removed` goes and `inserted` comes, in reads of the haplotype."""

    contig: str
    pos: int
    removed: str
    inserted: str
    haplotype: int


def haplotype_of(name: str, seed: int) -> int:
    value = 0xCBF29CE484222325 ^ (seed * 0x9E3779B97F4A7C15 & MASK)
    for letter in name.encode():
        value = (value ^ letter) * 0x100000001B3 & MASK
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15 & MASK
    return (value >> 40) & 1


def changed(
    read: pysam.AlignedSegment, changes: Sequence[Change], seed: int
) -> tuple[str, list[int]]:
    """Bases and qualities as they were read."""
    bases, qualities = read.query_sequence or "", list(read.query_qualities or ())
    n = len(bases)
    at: dict[int, int] = {}  # base of the read at each position that it is aligned to
    base, position = 0, read.reference_start
    for op, length in (read.cigartuples or ()) if not read.is_unmapped else ():
        if op in (0, 7, 8):
            at |= {position + i: base + i for i in range(length)}
        base += length if op in (0, 1, 4, 7, 8) else 0
        position += length if op in (0, 2, 3, 7, 8) else 0
    edits = []  # (from, to, inserted) in the read
    for change in changes:
        if read.is_unmapped or change.contig != read.reference_name:
            continue
        if change.haplotype != haplotype_of(read.query_name or "", seed):
            continue
        gone = [at[p] for p in range(change.pos, change.pos + len(change.removed)) if p in at]
        if not change.removed:
            if change.pos - 1 in at and change.pos in at:
                edits.append((at[change.pos], at[change.pos], change.inserted))
        elif gone:
            begin, end = gone[0], gone[-1] + 1
            swap = len(change.removed) == len(change.inserted)
            if not swap or bases[begin:end] == change.removed:
                edits.append((begin, end, change.inserted))
    were = list(qualities)
    for begin, end, inserted in reversed(edits):
        come = [were[min(begin + i, n - 1)] for i in range(len(inserted))]
        bases = bases[:begin] + inserted + bases[end:]
        qualities = qualities[:begin] + come + qualities[end:]
    if edits and not bases:
        bases, qualities = read.query_sequence or "", list(read.query_qualities or ())
    if read.is_reverse:
        bases, qualities = bases[::-1].translate(COMPLEMENT), qualities[::-1]
    return bases[:n], qualities[:n]
