"""Which alleles are planted where, and what that makes of the sequence and the truth.

The planted reference is the sample's own sequence with changed alleles, so the sample's true
alleles are the ALT there. Rows of alleles are ASCII, filled up with zeros.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.changed_reads import MOST_BASES, ReadChanges
from cnnscore.plant.own_sequence import OwnSequence, runs

SNP, INSERTION, DELETION = 0, 1, 2
KINDS = (0.68, 0.16, 0.16)
"""Parts of the truth: SNPs, insertions, deletions."""
HOMOZYGOUS = 0.4
LONGEST = 15
"""Bases of an indel."""
SPACING, LEAST_SPACING = 400, 40
"""Mean and least distance of two planted alleles."""
AROUND = 10
"""Bases on both sides of a planted allele that must be known."""
NEAR_TRUTH = 20
"""A call this near to a true allele that is not that one is not judged: it may be the same in other
words.
"""

_BASES = np.frombuffer(b"ACGT", np.uint8)
_TRANSITION = np.arange(256, dtype=np.uint8)
_TRANSITION[_BASES] = np.frombuffer(b"GTAC", np.uint8)
_COMPLEMENT = np.arange(256, dtype=np.uint8)
_COMPLEMENT[_BASES] = np.frombuffer(b"TGCA", np.uint8)


@dataclass(frozen=True, eq=False)
class Sites:
    """N alleles of one contig, ascending: what becomes of the sample's own sequence."""

    pos: NDArray[np.int64]
    """[N] 0-based: the first base that goes, or before which others come."""
    removed: NDArray[np.uint8]
    """[N, MOST_BASES] the sample's bases: of the ALT in truth."""
    inserted: NDArray[np.uint8]
    """[N, MOST_BASES] what stands in the planted reference instead."""
    homozygous: NDArray[np.bool_]
    haplotype: NDArray[np.uint8]
    """[N] whose reads get the planted reference's allele, where only one has the ALT."""

    @property
    def n_removed(self) -> NDArray[np.int64]:
        """[N] bases that go."""
        return _used(self.removed)

    @property
    def n_inserted(self) -> NDArray[np.int64]:
        """[N] bases that come."""
        return _used(self.inserted)

    @property
    def is_snp(self) -> NDArray[np.bool_]:
        """[N] one base for another."""
        is_snp: NDArray[np.bool_] = (self.n_removed == 1) & (self.n_inserted == 1)
        return is_snp


def _used(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    used: NDArray[np.int64] = (rows != 0).sum(axis=1)
    return used


def draw_sites(
    name: str, bases: NDArray[np.uint8], known: NDArray[np.bool_], seed: int, ploidy: int
) -> Sites:
    """Alleles for the contig `name` of the own sequence `bases` [L]; of one seed always the same,
    whatever other contigs there are.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    n = len(bases) // LEAST_SPACING + 1
    gaps = LEAST_SPACING + rng.exponential(SPACING - LEAST_SPACING, n).astype(np.int64)
    pos = np.cumsum(gaps)
    kind = rng.choice(len(KINDS), n, p=KINDS)
    length = np.where(kind == SNP, 1, rng.choice(LONGEST, n, p=_lengths()) + 1)
    homozygous = rng.random(n) < (HOMOZYGOUS if ploidy > 1 else 1.0)
    haplotype = rng.integers(0, 2, n, dtype=np.uint8)
    random = _BASES[rng.integers(0, 4, (n, MOST_BASES))]
    copied = rng.random(n) < 0.5
    other = rng.random(n)
    # What lies before an indel is its VCF record's first base.
    begin, end = pos - AROUND - 1, pos + length + AROUND
    unknown = np.concatenate([[0], np.cumsum(~known)])
    inside = end <= len(bases)
    fits = inside & (unknown[np.where(inside, end, 0)] == unknown[np.where(inside, begin, 0)])
    pos, kind, length, random, copied, other, homozygous, haplotype = (
        column[fits] for column in (pos, kind, length, random, copied, other, homozygous, haplotype)
    )
    within = np.arange(MOST_BASES) < length[:, None]
    there = bases[np.minimum(pos[:, None] + np.arange(MOST_BASES), len(bases) - 1)]
    # A true deletion is of a copy of what follows, as slippage leaves it, or of any sequence.
    extra = np.where(copied[:, None], there, random)
    extra[:, 0] = np.where(kind == SNP, _other_base(there[:, 0], other), extra[:, 0])
    removed = np.where(within & (kind != DELETION)[:, None], there, 0).astype(np.uint8)
    inserted = np.where(within & (kind != INSERTION)[:, None], extra, 0).astype(np.uint8)
    return Sites(pos, removed, inserted, homozygous, haplotype)


def _lengths() -> NDArray[np.float64]:
    """Short indels are the most."""
    weight = np.arange(1, LONGEST + 1) ** -1.5
    parts: NDArray[np.float64] = weight / weight.sum()
    return parts


def _other_base(base: NDArray[np.uint8], drawn: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Transitions twice as often as transversions, as in genomes."""
    transition = _TRANSITION[base]
    transversion = np.where(drawn < 5 / 6, _COMPLEMENT[base], _COMPLEMENT[transition])
    return np.where(drawn < 2 / 3, transition, transversion).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Planted:
    """One contig of the planted reference."""

    bases: NDArray[np.uint8]
    known: NDArray[np.bool_]
    """Where calls are judged."""
    records: list[str]
    """Lines of the truth as VCF: true alleles, phased."""


def plant(name: str, bases: NDArray[np.uint8], known: NDArray[np.bool_], sites: Sites) -> Planted:
    """The own sequence `bases` [L] with the alleles, `known` [L] with it, and what is true."""
    n_removed, n_inserted = sites.n_removed, sites.n_inserted
    kept = np.ones(len(bases), bool)
    offsets = np.arange(MOST_BASES)
    kept[(sites.pos[:, None] + offsets)[offsets < n_removed[:, None]]] = False
    at = np.repeat(sites.pos, n_inserted)
    new = np.insert(bases, at, sites.inserted[sites.inserted != 0])
    kept = np.insert(kept, at, True)
    # A stretch that is replaced is known when its surroundings are, which was asked for.
    is_known = np.insert(known, at, True)
    moved = np.cumsum(n_inserted - n_removed) - (n_inserted - n_removed)
    return Planted(new[kept], is_known[kept], _records(name, bases, sites, sites.pos + moved))


def _records(
    name: str, bases: NDArray[np.uint8], sites: Sites, start: NDArray[np.int64]
) -> list[str]:
    """Lines of VCF; `start` is each site's first base in the planted reference."""
    is_snp = sites.is_snp
    before = np.where(is_snp, 0, bases[sites.pos - 1])
    pos = np.where(is_snp, start + 1, start)  # 1-based: an indel's record begins a base before
    genotype = np.where(sites.homozygous, "1|1", np.where(sites.haplotype == 0, "0|1", "1|0"))
    ref, alt = _texts(before, sites.inserted), _texts(before, sites.removed)
    columns = zip(pos.tolist(), ref, alt, genotype.tolist(), strict=True)
    return [f"{name}\t{p}\t.\t{r}\t{a}\t.\tPASS\t.\tGT\t{g}\n" for p, r, a, g in columns]


def _texts(before: NDArray[np.uint8], rows: NDArray[np.uint8]) -> list[str]:
    """The rows with the base before them, if any, as texts."""
    rows = np.concatenate([before[:, None].astype(np.uint8), rows], axis=1)
    order = np.argsort(rows == 0, axis=1, kind="stable")
    packed = np.ascontiguousarray(np.take_along_axis(rows, order, axis=1))
    return packed.view(f"S{rows.shape[1]}").ravel().astype(str).tolist()


def changes_of(own: OwnSequence, sites: Sequence[Sites], ploidy: int) -> ReadChanges:
    """What becomes of the reads, aligned to the own sequence: the haplotype without the ALT gets
    the planted reference's allele.
    """
    chosen = [~of.homozygous if ploidy > 1 else np.zeros(len(of.pos), bool) for of in sites]
    columns = list(zip(sites, chosen, strict=True))
    return ReadChanges(
        contigs=own.names,
        begin=np.concatenate([[0], np.cumsum([int(only.sum()) for only in chosen])]),
        pos=np.concatenate([of.pos[only] for of, only in columns]),
        removed=np.concatenate([of.removed[only] for of, only in columns]),
        inserted=np.concatenate([of.inserted[only] for of, only in columns]),
        haplotype=np.concatenate([of.haplotype[only] for of, only in columns]),
    )


def bed(name: str, flags: NDArray[np.bool_]) -> str:
    """Lines of BED of where the flags are set."""
    begin, end = runs(flags)
    pairs = zip(begin.tolist(), end.tolist(), strict=True)
    return "".join(f"{name}\t{b}\t{e}\n" for b, e in pairs)
