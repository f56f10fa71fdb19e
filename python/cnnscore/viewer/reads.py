"""BAM records of a window -> what a person wants to know of a read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.network.encode import (
    READ_SCALARS,
    Encoding,
    NativeBatch,
    PlaneRows,
    PlaneSpec,
    encode_gatk_reads,
    read_fields,
)

_ON_READ, _ON_REFERENCE = "MIS=X", "MDN=X"

MAPQ_AT = 9
"""Byte of MAPQ in a BAM record without block_size."""
OTHER, UNSEEN = -1, -2
"""A read that shows none of the alleles; one that does not span the site."""


@dataclass(frozen=True)
class Read:
    """One read of a site; `pos` is 0-based, `allele` counts from 0 = REF, or OTHER, UNSEEN;
    `number` counts within the site's reads in the batch.
    """

    name: str
    flag: int
    mapq: int
    pos: int
    cigar: str
    length: int
    template: int
    allele: int
    number: int


def site_reads(batch: WindowBatch, site: int, alleles: list[str]) -> list[Read]:
    """The reads of a site in the batch's order; the batch is sound, as a WindowReader gives it."""
    first, last = batch.site_read[site : site + 2]
    begin, end = int(batch.pos[site]), int(batch.pos[site]) + len(alleles[0])
    upper = [allele.upper() for allele in alleles]
    # Bases inserted behind the site are an allele of an indel site, and no business of a SNP.
    indel = any(len(allele) != len(alleles[0]) for allele in alleles)
    reads = []
    for number in range(int(first), int(last)):
        record = batch.reads[batch.read_offset[number] : batch.read_offset[number + 1]]
        name, flag, mapq, pos, template, cigar, bases = read_fields(record)
        shown = None if flag & 4 else shown_bases(bases, cigar, pos, begin, end, indel)
        reads.append(
            Read(
                name=name,
                flag=flag,
                mapq=mapq,
                pos=pos,
                cigar="".join(f"{length}{op}" for op, length in cigar) or "*",
                length=len(bases),
                template=template,
                allele=_allele(shown, upper),
                number=number - int(first),
            )
        )
    return reads


def shown_bases(
    bases: NDArray[np.uint8],
    cigar: list[tuple[str, int]],
    pos: int,
    begin: int,
    end: int,
    with_behind: bool,
) -> str | None:
    """What a read's alignment shows over the reference [begin, end), insertions included, those
    behind the last base only `with_behind`; None where it does not reach over the whole.

    `pos` is the read's start; deleted bases are left out.
    """
    shown: list[bytes] = []
    at, on_read, covered = pos, 0, 0
    for op, length in cigar:
        if op in _ON_READ and op in _ON_REFERENCE:
            low, high = max(begin, at), min(end, at + length)
            if low < high:
                shown.append(bases[on_read + low - at : on_read + high - at].tobytes())
                covered += high - low
        elif op == "I" and (begin < at < end or (at == end and with_behind)):
            shown.append(bases[on_read : on_read + length].tobytes())
        elif op == "D":
            covered += max(0, min(end, at + length) - max(begin, at))
        on_read += length if op in _ON_READ else 0
        at += length if op in _ON_REFERENCE else 0
    return b"".join(shown).decode("ascii") if covered == end - begin and covered else None


def _allele(shown: str | None, alleles: list[str]) -> int:
    if shown is None:
        return UNSEEN
    if shown == "":
        shown = "*"
    return alleles.index(shown) if shown in alleles else OTHER


def read_of_row(batch: WindowBatch, site: int, window: int) -> NDArray[np.int64]:
    """[depth] the read (counted within the site) that each row of `gatk-reads` shows.

    The encoder alone knows its row order. It copies a read's MAPQ into the row and never looks at
    it, so a batch whose MAPQs are the reads' numbers, low byte and then high byte, tells.
    """
    first, last = (int(value) for value in batch.site_read[site : site + 2])
    numbers = np.arange(last - first)
    rows = np.zeros(last - first, np.int64)
    records = batch.reads.copy()
    rows_asked = PlaneRows(np.array([site]), np.zeros(1, np.int64))
    mapq_at = batch.read_offset[first:last] + MAPQ_AT
    for shift in (0, 8):
        if shift and last - first <= 256:
            break
        records[mapq_at] = (numbers >> shift) & 255
        numbered = NativeBatch(replace(batch, reads=records))
        planes = encode_gatk_reads(numbered, rows_asked, PlaneSpec(window))
        rows += planes["rows"][0, : last - first, 1].astype(np.int64) << shift
    return rows


def row_of_read(
    batch: WindowBatch,
    allele: int,
    scalars: NDArray[np.float32],
    encoding: Encoding,
    spec: PlaneSpec,
) -> NDArray[np.int64]:
    """[depth] the row of `scalars` [depth, F], planes of the batch's one site, that each
    read is in.

    Their order is one of content. All scalars but one a read says by itself, so each read is
    encoded alone and found again; reads that are equal in all of these share their rows.
    """
    n = int(batch.site_read[-1])
    alone = replace(
        batch.take_sites(np.zeros(n, np.int64)),
        reference=np.repeat(batch.reference, n, axis=0),
        site_read=np.arange(n + 1, dtype=np.int64),
        read_offset=batch.read_offset,
        reads=batch.reads,
    )
    rows = PlaneRows(np.arange(n), np.full(n, allele, np.int64))
    single = encoding.encode(NativeBatch(alone), rows, spec)["reads"][:, 0]
    # Sorted by content, both lists pair up read by read.
    order = np.empty(n, np.int64)
    order[_by_content(single)] = _by_content(scalars[:n])
    return order


_OF_ITSELF = [name != "mismatches_shared" for name in READ_SCALARS]


def _by_content(scalars: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.lexsort(scalars.T[_OF_ITSELF])
