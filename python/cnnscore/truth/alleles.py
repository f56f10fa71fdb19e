"""ALT alleles of site columns -> normalised alleles that two call files can be compared by.

The rule: bases are upper case; a shared suffix, then a shared prefix is trimmed, one base of each
allele remaining; an MNP (equal lengths above 1) becomes one SNP for each base that differs; an
insertion or deletion is moved as far left as the reference allows. Without a reference nothing is
moved. A complex allele (lengths differ, no base shared at either end) stays whole. `*`, symbolic
and breakend alleles, and an ALT equal to REF, cannot be compared. All of it is numpy over whole
batches: some 2 us an allele.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of, spans
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader

STEP = 64  # reference bases an indel is moved over at once
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers never vanish modulo 2^64

_UPPER = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32
_LETTER = np.zeros(256, bool)
_LETTER[ord("A") : ord("Z") + 1] = True
_ACGT = np.zeros(256, bool)
_ACGT[np.frombuffer(b"ACGT", np.uint8)] = True


@dataclass(frozen=True, eq=False)
class Alleles:
    """K normalised alleles, in the order of their sites: each replaces `removed` reference bases
    from `start` on by its inserted bases.
    """

    row: NDArray[np.int64]
    """[K] allele of the site columns it comes from; an MNP's parts share one."""
    site: NDArray[np.int64]
    """[K] site of that allele."""
    contig: NDArray[np.int32]
    """[K] as in the site columns."""
    start: NDArray[np.int64]
    """[K] first base that changes; an insertion comes before it. 0-based."""
    removed: NDArray[np.int64]
    """[K] reference bases removed."""
    pos: NDArray[np.int64]
    """[K] 0-based position of REF in VCF's form, where an indel has the base before it."""
    offset: NDArray[np.int64]
    """[K+1] byte offsets into `text`."""
    ref_length: NDArray[np.int64]
    """[K] bytes of REF; those of ALT follow it in `text`."""
    text: NDArray[np.uint8]
    """REF and ALT in VCF's form, ASCII."""
    change: NDArray[np.uint64]
    """[K] hash of `removed` and the inserted bases; with contig and start it names the allele."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def alt_length(self) -> NDArray[np.int64]:
        """[K] bytes of ALT."""
        return np.diff(self.offset) - self.ref_length

    @property
    def is_snp(self) -> NDArray[np.bool_]:
        """[K] one base for another."""
        is_snp: NDArray[np.bool_] = (self.ref_length == 1) & (self.alt_length == 1)
        return is_snp

    def ref_alt(self, i: int) -> tuple[str, str]:
        """REF and ALT of one allele."""
        begin, end = self.offset[i : i + 2]
        cut = begin + self.ref_length[i]
        text = self.text
        return text[begin:cut].tobytes().decode(), text[cut:end].tobytes().decode()


class Normaliser:
    """Normalises batch after batch; `reference` is a FASTA with .fai, or None.

    Errors: BadInput when the FASTA cannot be opened.
    """

    def __init__(self, reference: str | None) -> None:
        self.reference = reference
        self._reader: WindowReader | None = None
        self._buffers = WindowBuffers()
        self._contigs: set[bytes] = set()
        if reference is not None:
            options = ReaderOptions(reference, reference_left=STEP - 1, reference_width=STEP)
            self._reader = WindowReader(options)
            self._contigs = set(self._reader.contigs())

    def alleles(self, sites: WindowBatch) -> Alleles:
        """All comparable ALT alleles of the site columns.

        Errors: BadInput when a REF differs from the reference, or lies past a contig's end.
        """
        text = _UPPER[sites.alleles]
        if self._reader is not None:
            known = self._known(sites)
            if known.any():
                part = sites if known.all() else sites.take_sites(np.flatnonzero(known))
                self._reader.read(part, self._buffers)
        split = _split(sites, text)
        split = _trim(split, text)
        return self._finish(sites, split, text)

    def _known(self, sites: WindowBatch) -> NDArray[np.bool_]:
        """[N] whether the FASTA has the site's contig."""
        names = contig_names(sites)
        return np.array([name in self._contigs for name in names] or [False])[sites.contig]

    def _finish(self, sites: WindowBatch, a: _Trimmed, text: NDArray[np.uint8]) -> Alleles:
        first_shared = text[a.ref] == text[a.alt]
        last_shared = text[a.ref + a.ref_length - 1] == text[a.alt + a.alt_length - 1]
        other = a.ref_length != a.alt_length
        one = np.minimum(a.ref_length, a.alt_length) == 1
        anchored = other & one & first_shared
        # At a contig's first base the shared base comes after the change.
        trailing = other & one & last_shared & ~first_shared
        skip = anchored.astype(np.int64)
        either = skip + trailing
        start = a.pos + skip
        removed = a.ref_length - either
        n_inserted = a.alt_length - either
        indel = anchored | trailing
        shift = np.zeros(len(a.row), np.int64)
        anchor = np.where(anchored, text[a.ref], 0).astype(np.uint8)
        if self._reader is not None and indel.any():
            at = np.flatnonzero(indel & self._known(sites)[a.site])
            is_deletion = removed[at] > 0
            begin = np.where(is_deletion, a.ref[at], a.alt[at]) + skip[at]
            length = removed[at] + n_inserted[at]
            shift[at], anchor[at] = self._shift(
                sites, a.contig[at], start[at], begin, length, text, anchor[at]
            )
        start = start - shift
        return _build(a, text, start, removed, n_inserted, skip, shift, anchor, indel)

    def _shift(
        self,
        sites: WindowBatch,
        contig: NDArray[np.int32],
        start: NDArray[np.int64],
        begin: NDArray[np.int64],
        length: NDArray[np.int64],
        text: NDArray[np.uint8],
        anchor: NDArray[np.uint8],
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """How far left each indel moves, and the base before it then.

        The bases `text[begin:begin+length]` are removed from or inserted before `start`; moving
        them left by one rotates them by one.
        """
        assert self._reader is not None
        shift = np.zeros(len(start), np.int64)
        anchor = anchor.copy()
        active = np.flatnonzero(start > 0)
        while len(active):
            points = point_columns(sites, contig[active], start[active] - shift[active] - 1)
            bases = self._reader.read(points, self._buffers).reference
            moving = np.arange(len(active))
            for step in range(STEP):
                base = bases[moving, STEP - 1 - step]
                at = active[moving]
                anchor[at] = base
                last = text[begin[at] + (length[at] - 1 - shift[at]) % length[at]]
                go = (base == last) & _ACGT[base]
                moving = moving[go]
                shift[active[moving]] += 1
                if not len(moving):
                    break
            active = active[moving]
            active = active[start[active] - shift[active] > 0]
        anchor[start - shift == 0] = 0
        return shift, anchor


def contig_names(sites: WindowBatch) -> list[bytes]:
    """Names of the contig columns."""
    text, offset = sites.contig_names.tobytes(), sites.contig_offset
    return [text[begin:end] for begin, end in pairwise(offset)]


@dataclass
class _Trimmed:
    """ALT rows; `ref` and `alt` are byte positions in the text, `pos` that of its first base."""

    row: NDArray[np.int64]
    site: NDArray[np.int64]
    contig: NDArray[np.int32]
    pos: NDArray[np.int64]
    ref: NDArray[np.int64]
    ref_length: NDArray[np.int64]
    alt: NDArray[np.int64]
    alt_length: NDArray[np.int64]

    def take(self, at: NDArray[np.int64]) -> _Trimmed:
        return _Trimmed(**{name: column[at] for name, column in vars(self).items()})


def _split(sites: WindowBatch, text: NDArray[np.uint8]) -> _Trimmed:
    """One row per comparable ALT."""
    length = np.diff(sites.allele_offset)
    odd = np.concatenate([[0], np.cumsum(~_LETTER[text])])
    plain = (odd[sites.allele_offset[1:]] == odd[sites.allele_offset[:-1]]) & (length > 0)
    site = np.repeat(np.arange(len(sites)), np.diff(sites.site_allele))
    ref_row = sites.site_allele[:-1][site]
    row = np.flatnonzero((np.arange(len(site)) != ref_row) & plain & plain[ref_row])
    site, ref_row = site[row], ref_row[row]
    return _Trimmed(
        row=row,
        site=site,
        contig=sites.contig[site],
        pos=sites.pos[site],
        ref=sites.allele_offset[ref_row],
        ref_length=length[ref_row],
        alt=sites.allele_offset[row],
        alt_length=length[row],
    )


def _trim(a: _Trimmed, text: NDArray[np.uint8]) -> _Trimmed:
    """Trim suffix, then prefix; drop an ALT that is REF; take MNPs apart."""
    active = np.flatnonzero((a.ref_length > 1) & (a.alt_length > 1))
    while len(active):
        ref_last = a.ref[active] + a.ref_length[active] - 1
        alt_last = a.alt[active] + a.alt_length[active] - 1
        active = active[text[ref_last] == text[alt_last]]
        a.ref_length[active] -= 1
        a.alt_length[active] -= 1
        active = active[(a.ref_length[active] > 1) & (a.alt_length[active] > 1)]
    active = np.flatnonzero((a.ref_length > 1) & (a.alt_length > 1))
    while len(active):
        active = active[text[a.ref[active]] == text[a.alt[active]]]
        a.ref[active] += 1
        a.alt[active] += 1
        a.pos[active] += 1
        a.ref_length[active] -= 1
        a.alt_length[active] -= 1
        active = active[(a.ref_length[active] > 1) & (a.alt_length[active] > 1)]
    same = (a.ref_length == 1) & (a.alt_length == 1) & (text[a.ref] == text[a.alt])
    parts = np.where(a.ref_length == a.alt_length, a.ref_length, 1)
    if (parts == 1).all() and not same.any():
        return a
    index = np.repeat(np.arange(len(a.row)), parts)
    within = _within(parts)
    is_mnp = parts[index] > 1
    b = a.take(index)
    b.pos, b.ref, b.alt = b.pos + within, b.ref + within, b.alt + within
    b.ref_length = np.where(is_mnp, 1, b.ref_length)
    b.alt_length = np.where(is_mnp, 1, b.alt_length)
    differs = (b.ref_length != 1) | (b.alt_length != 1) | (text[b.ref] != text[b.alt])
    return b.take(np.flatnonzero(differs))


def _build(
    a: _Trimmed,
    text: NDArray[np.uint8],
    start: NDArray[np.int64],
    removed: NDArray[np.int64],
    n_inserted: NDArray[np.int64],
    skip: NDArray[np.int64],
    shift: NDArray[np.int64],
    anchor: NDArray[np.uint8],
    indel: NDArray[np.bool_],
) -> Alleles:
    """Write REF and ALT in VCF's form, and the hash of what is inserted."""
    led = (anchor != 0).astype(np.int64)
    # What was moved to a contig's first base has the base after it, as no base lies before.
    trailed = (indel & (anchor == 0) & (shift > 0)).astype(np.int64)
    # With neither (complex, written there, or no reference) an allele keeps its own text.
    keep = indel & (led + trailed == 0)
    skip_of_text = np.where(keep, 0, skip)
    n_ref = np.where(keep, a.ref_length, removed)
    n_alt = np.where(keep, a.alt_length, n_inserted)
    rotation = np.where(indel & ~keep, shift, 0)
    ref_length, alt_length = n_ref + led + trailed, n_alt + led + trailed
    offset = offsets_of(ref_length + alt_length)
    alt_offset = offset[:-1] + ref_length
    out = np.zeros(int(offset[-1]), np.uint8)
    ref_begin, alt_begin = a.ref + skip_of_text, a.alt + skip_of_text
    for begin, length, source in (
        (offset[:-1] + led, n_ref, ref_begin),
        (alt_offset + led, n_alt, alt_begin),
    ):
        out[spans(begin, length)] = text[_rotated(source, length, rotation)]
    at = np.flatnonzero(led)
    out[offset[at]] = out[alt_offset[at]] = anchor[at]
    at = np.flatnonzero(trailed)
    # What is moved over bases repeats them: the base after it is its own first one.
    first = out[np.where(removed > 0, offset[:-1], alt_offset)[at]]
    out[offset[at] + ref_length[at] - 1] = out[offset[1:][at] - 1] = first

    inserted = text[_rotated(a.alt + skip, n_inserted, rotation)]
    power = np.cumprod(np.full(int(n_inserted.max(initial=0)) + 1, _MULTIPLIER, np.uint64))
    sums = np.concatenate(
        [
            np.zeros(1, np.uint64),
            np.cumsum(inserted.astype(np.uint64) * power[_within(n_inserted)], dtype=np.uint64),
        ]
    )
    ends = offsets_of(n_inserted)
    change = sums[ends[1:]] - sums[ends[:-1]]
    change = (change ^ (change >> np.uint64(31))) * _MULTIPLIER + removed.astype(np.uint64)
    return Alleles(
        row=a.row,
        site=a.site,
        contig=a.contig,
        start=start,
        removed=removed,
        pos=np.where(keep, a.pos, start - led),
        offset=offset,
        ref_length=ref_length,
        text=out,
        change=change,
    )


def _within(length: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... length-1 of each length, one after the other."""
    return spans(np.zeros(len(length), np.int64), length)


def _rotated(
    begin: NDArray[np.int64], length: NDArray[np.int64], shift: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Byte positions of sequences that were moved left by `shift`, so rotated by it."""
    within = _within(length)
    moved = (within - np.repeat(shift, length)) % np.maximum(np.repeat(length, length), 1)
    return np.repeat(begin, length) + moved


def point_columns(
    sites: WindowBatch, contig: NDArray[np.int32], pos: NDArray[np.int64]
) -> WindowBatch:
    """Site columns at positions of the same contigs, with REF N."""
    n = len(pos)
    return WindowBatch(
        contig=np.ascontiguousarray(contig),
        pos=np.ascontiguousarray(pos),
        end=pos + 1,
        kind=np.zeros(n, np.uint8),
        site_allele=np.arange(n + 1, dtype=np.int64),
        allele_offset=np.arange(n + 1, dtype=np.int64),
        alleles=np.full(n, ord("N"), np.uint8),
        annotations=np.zeros((n, 0), np.float32),
        reference=np.zeros((n, 0), np.uint8),
        site_read=np.zeros(n + 1, np.int64),
        read_offset=np.zeros(1, np.int64),
        reads=np.zeros(0, np.uint8),
        contig_length=sites.contig_length,
        contig_offset=sites.contig_offset,
        contig_names=sites.contig_names,
    )
