"""The two GATK encodings read a second time, plainly: strings, slices and dicts.

Slow on purpose, and written as the rules of docs/reference/encodings.md are stated, so that a
reader can check it against them by eye. The C in native/encode must give the same planes, cell by
cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BAM_BASES = "=ACMGRSVTWYHKDBN"
CIGAR_LETTERS = "MIDNSHP=X"
COUNTED = "MISD"  # operators that move the index of gap keys

REFERENCE_CODE = {"A": 0, "C": 1, "G": 2, "T": 3, "*": 4, **dict.fromkeys("KMRYSWBVHDXN", 5)}
REFERENCE_NONE = 6
READ_GAP, READ_NONE, READ_SPAN = 16, 17, 32

GAP = "*"
SKIP = "~"


@dataclass(frozen=True)
class Read:
    """One aligned read; `cigar` holds (operator letter, length)."""

    pos: int
    cigar: list[tuple[str, int]]
    seq: str
    qual: list[int]
    flag: int = 0
    mapq: int = 60


@dataclass(frozen=True)
class Site:
    """A candidate site (0-based) on a contig given as its whole sequence, with its reads."""

    contig_sequence: str
    pos: int
    ref: str
    alts: list[str]
    reads: list[Read] = field(default_factory=list)


def read_start(read: Read) -> int:
    if read.flag & 0x4:
        return -1
    clipped = 0
    for op, length in read.cigar:
        if op == "S":
            clipped += length
        elif op != "H":
            break
    return read.pos - clipped


def is_snp(site: Site) -> bool:
    return (
        len(site.ref) == 1
        and len(site.alts) > 0
        and all(alt in ["A", "C", "G", "T", "N", "*"] for alt in site.alts)
    )


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def sort_letter(read: Read, site: Site) -> str:
    if not read.seq:
        return "Z"
    last = len(read.seq) - 1
    index = site.pos - read_start(read)
    if is_snp(site):
        return read.seq[clamp(index, 0, last)]
    index += 1
    cur = 0
    for op, length in read.cigar:
        cur += length
        if cur > index:
            return read.seq[clamp(index, 0, last)] if op == "M" else op
    return "Y"


def row_order(site: Site) -> list[Read]:
    by_start = sorted(site.reads, key=read_start)
    return sorted(by_start, key=lambda read: sort_letter(read, site))


def pileup_insertions(site: Site, window: int) -> dict[int, int]:
    longest: dict[int, int] = {}
    for read in site.reads:
        offset = (site.pos - window // 2) - read_start(read)
        if abs(offset) >= window:
            continue
        cur = 0
        for op, length in read.cigar:
            if op == "I":
                key = cur - offset
                longest[key] = max(longest.get(key, length), length)
            if op in COUNTED:
                cur += length
    return longest


def row_cells(read: Read, site: Site, window: int) -> tuple[str, list[int]]:
    """The row as text ('~' nothing, '*' gap) and its qualities, not yet cut at the window."""
    pileup = pileup_insertions(site, window)
    offset = (site.pos - window // 2) - read_start(read)

    own: dict[int, int] = {}
    cur = 0
    for op, length in read.cigar:
        key = cur - offset
        if op == "I" and key in pileup:
            own[key] = pileup[key] - length
        elif op == "D":
            own[key] = length
        if op in COUNTED:
            cur += length
    for key in pileup:
        if key not in own:
            own[key] = pileup[key]

    text = read.seq[:window]
    qual = list(read.qual[:window])
    if offset > 0:
        text = text[offset:]
        qual = qual[offset:]
    elif offset < 0:
        text = SKIP * -offset + text
        qual = [0] * -offset + qual
    for key in sorted(own, reverse=True):
        where = 0 if key < 1 else key
        text = text[:where] + GAP * own[key] + text[where:]
        qual = qual[:where] + [0] * own[key] + qual[where:]
    return text, qual


def row_codes(read: Read, site: Site, window: int) -> tuple[list[int], list[int]]:
    text, qual = row_cells(read, site, window)
    text = text[:window]
    used = [column for column, cell in enumerate(text) if cell != SKIP]
    codes = [READ_NONE] * window
    quals = [0] * window
    for column in used:
        if text[column] == GAP:
            codes[column] = READ_GAP
        else:
            codes[column] = BAM_BASES.index(text[column])
            quals[column] = qual[column]
    if used:
        for column in range(used[0], used[-1]):
            codes[column] += READ_SPAN
    return codes, quals


def reference_text(site: Site, window: int) -> str:
    first = site.pos - window // 2
    end = site.pos + window // 2 + window % 2
    if first < 0:
        end += len(site.ref)
    text = site.contig_sequence[max(0, first) : end]
    return text[:window].upper()


def reference_codes(text: str, window: int) -> np.ndarray:
    cells = text[:window].ljust(window, "\0")
    return np.array([REFERENCE_CODE.get(cell, REFERENCE_NONE) for cell in cells], np.uint8)


def gatk_reference(site: Site, window: int) -> np.ndarray:
    """uint8[window]: the reference codes of the gatk-reference encoding."""
    return reference_codes(reference_text(site, window), window)


def gatk_reads(
    site: Site, window: int, n_rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """bases and quals uint8[n_rows, window], rows uint8[n_rows, 2], reference uint8[window]."""
    bases = np.full((n_rows, window), READ_NONE, np.uint8)
    quals = np.zeros((n_rows, window), np.uint8)
    rows = np.zeros((n_rows, 2), np.uint8)
    for i, read in enumerate(row_order(site)):
        bases[i], quals[i] = row_codes(read, site, window)
        bits = [read.flag & flag != 0 for flag in (0x10, 0x20, 0x40, 0x80)]
        rows[i] = sum(bit << n for n, bit in enumerate(bits)), read.mapq

    text = reference_text(site, window).ljust(window, "\0")
    pileup = pileup_insertions(site, window)
    for key in sorted(pileup, reverse=True):
        where = 0 if key < 0 else key
        if where <= window:
            text = text[:where] + GAP * pileup[key] + text[where:]
    return bases, quals, rows, reference_codes(text, window)
