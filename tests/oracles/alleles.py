"""ALT alleles in their windows, and reads as they are aligned, for the oracles of our encodings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from oracles.encode import Read, Site

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "M": "AC", "R": "AG", "S": "CG", "V": "ACG",
    "W": "AT", "Y": "CT", "H": "ACT", "K": "GT", "D": "AGT", "B": "CGT", "N": "ACGT",
}  # fmt: skip
SHIFT_MAX = 128
CODE = {"A": 0, "C": 1, "G": 2, "T": 3}


@cache
def bases(letter: str) -> frozenset[str]:
    """What a letter stands for; nothing for what is none, and for '='."""
    return frozenset(IUPAC.get(letter.upper(), ""))


@dataclass
class Allele:
    """A trimmed ALT allele in its window."""

    begin: int
    ref: str
    alt: str
    multi_allelic: bool
    window: dict[int, str]
    """Letters by position."""
    window_begin: int
    window_end: int
    repeat_begin: int = 0
    repeat_end: int = 0

    def __post_init__(self) -> None:
        self.repeat_begin, self.repeat_end = self.begin, self.begin + len(self.ref)
        if not self.is_indel:
            return
        while self.repeat_end - self.begin - len(self.ref) < SHIFT_MAX:
            shift = self.repeat_end - self.begin - len(self.ref)
            passed = self.base(self.repeat_end)
            first = self.alt[shift % len(self.alt)] if self.alt else self.base(self.begin + shift)
            if not passed or passed != first:
                break
            self.repeat_end += 1
        while self.begin - self.repeat_begin < SHIFT_MAX:
            shift = self.begin - self.repeat_begin
            passed = self.base(self.repeat_begin - 1)
            n = len(self.ref) + len(self.alt)
            last = (
                self.alt[n - 1 - shift % n] if self.alt else self.base(self.begin + n - 1 - shift)
            )
            if not passed or passed != last:
                break
            self.repeat_begin -= 1

    @property
    def is_indel(self) -> bool:
        return (not self.ref) != (not self.alt)

    def base(self, pos: int) -> str:
        """A, C, G, T or nothing."""
        letter = self.window.get(pos, "").upper()
        return letter if letter in CODE else ""

    def haplotype(self, offset: int) -> str:
        """A letter of the ALT haplotype, `offset` from the first changed base on."""
        if offset < 0:
            return self.window.get(self.begin + offset, "")
        if offset < len(self.alt):
            return self.alt[offset]
        return self.window.get(self.begin + len(self.ref) + offset - len(self.alt), "")


def alleles(site: Site, window: int) -> dict[int, Allele]:
    """The alleles that can be scored, by number."""
    found = {}
    begin = site.pos - window // 2
    letters = {
        pos: site.contig_sequence[pos]
        for pos in range(begin, begin + window)
        if 0 <= pos < len(site.contig_sequence)
    }
    for number, text in enumerate(site.alts, 1):
        ref, alt, pos = site.ref.upper(), text.upper(), site.pos
        if not alt or set(alt) - set("ACGTN") or ref == alt:
            continue
        while ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        while ref and alt and ref[0] == alt[0]:
            ref, alt, pos = ref[1:], alt[1:], pos + 1
        found[number] = Allele(pos, ref, alt, False, letters, begin, begin + window)
    for allele in found.values():
        allele.multi_allelic = len(found) > 1
    return found


@dataclass
class Aligned:
    """A read laid out: what its CIGAR says of each base."""

    index_at: dict[int, int]
    """Index of the base aligned to a position."""
    deletions: list[tuple[int, int]]
    insertions: list[tuple[int, int]]
    """(position it stands before, length)."""
    clip_left: int
    clip_right: int
    clip_edges: list[int]
    end: int


def lay_out(read: Read) -> Aligned:
    index_at: dict[int, int] = {}
    deletions, insertions, edges = [], [], []
    pos, index, left, right, aligned = read.pos, 0, 0, 0, False
    for op, length in read.cigar:
        here = min(length, len(read.seq) - index)
        if op in "M=X":
            index_at.update({pos + i: index + i for i in range(here)})
            pos, index, aligned = pos + length, index + here, True
        elif op == "I":
            insertions.append((pos, length))
            index += here
        elif op == "D":
            deletions.append((pos, length))
            pos += length
        elif op == "N":
            pos += length
        elif op == "S":
            left, right = (left, right + here) if aligned else (left + here, right)
            if here:
                edges.append(pos)
            index += here
    return Aligned(index_at, deletions, insertions, left, right, edges, pos)


@cache
def fits(base: str, letter: str) -> int:
    return int(bool(bases(base) & bases(letter)))


def by_ratio(ratio: int, enough: int) -> str:
    return "alt" if ratio > enough else "ref" if ratio < -enough else ""
