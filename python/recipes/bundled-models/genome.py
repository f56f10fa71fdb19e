"""The simulated individual: a reference, its true variants, and the templates that reads come from.

Bases are codes 0-3 for ACGT (4: N). Positions are 0-based. A template is a piece of DNA of the
individual (a haplotype, a copy that the reference lacks, a contaminant); its `origin` gives the
reference position of each base, -1 where there is none.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Generator = np.random.Generator

LETTERS = np.frombuffer(b"ACGTN", np.uint8)
TRANSITION = np.array([2, 3, 0, 1], np.uint8)
COMPLEMENT = np.array([3, 2, 1, 0, 4], np.uint8)
EDGE = 300
"""Bases at a contig's ends without variants or confidence: few reads reach them."""


@dataclass(frozen=True)
class Variant:
    """A true variant; `alleles` are codes of (ref, *alts), `genotype` an index a haplotype."""

    pos: int
    alleles: tuple[bytes, ...]
    genotype: tuple[int, ...]

    @property
    def end(self) -> int:
        """Behind the last reference base."""
        return self.pos + len(self.alleles[0])

    @property
    def is_snp(self) -> bool:
        """Whether every allele is one base."""
        return all(len(allele) == 1 for allele in self.alleles)


@dataclass
class Template:
    """DNA that reads are drawn from. `copy_number` is per cell: 1 for a haplotype."""

    codes: Codes
    origin: NDArray[np.int32]
    copy_number: float


@dataclass
class Individual:
    """A reference, the truth over it, and everything that is in the tube."""

    reference: Codes
    ploidy: int
    variants: list[Variant]
    templates: list[Template] = field(default_factory=list)


def letters(codes: Codes) -> str:
    """Codes as text."""
    return LETTERS[codes].tobytes().decode()


def to_codes(text: str) -> Codes:
    """Text as codes; whatever is not ACGT is N."""
    table = np.full(256, 4, np.uint8)
    for code, letter in enumerate("ACGT"):
        table[ord(letter)] = table[ord(letter.lower())] = code
    return table[np.frombuffer(text.encode(), np.uint8)]


def read_fasta(path: Path, contig: str) -> Codes:
    """One contig of a (gzipped) FASTA. Errors: ValueError if it is not there."""
    lines: list[str] = []
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as text:
        here = False
        for line in text:
            if line.startswith(">"):
                if here:
                    break
                here = line[1:].split()[0] == contig
            elif here:
                lines.append(line.strip())
    if not lines:
        raise ValueError(f"{path} has no contig {contig}")
    return to_codes("".join(lines))


def read_truth(path: Path, contig: str, start: int, end: int) -> list[Variant]:
    """Variants of one sample's VCF within [start, end), positions from `start` on.

    Genotypes that are not phased get an order by position parity: any order is as good.
    """
    found = []
    with gzip.open(path, "rt") as text:
        for line in text:
            if line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            pos = int(fields[1]) - 1
            if fields[0] != contig or pos < start or pos + len(fields[3]) > end:
                continue
            alleles = tuple(to_codes(a).tobytes() for a in (fields[3], *fields[4].split(",")))
            genotype = fields[9].split(":")[0]
            calls = genotype.replace("|", "/").split("/")
            if len(calls) != 2 or not all(call.isdigit() for call in calls):
                continue
            pair = (int(calls[0]), int(calls[1]))
            if "/" in genotype and pos % 2:
                pair = (pair[1], pair[0])
            found.append(Variant(pos - start, alleles, pair))
    return found


def random_reference(rng: Generator, length: int, gc: float) -> Codes:
    """Random bases around a GC content, with homopolymers, tandem repeats and diverged copies."""
    block = 3000
    walk = np.zeros(length // block + 1)
    for i in range(1, len(walk)):
        walk[i] = 0.8 * walk[i - 1] + 0.6 * rng.normal()
    local = np.repeat(gc + 0.08 * np.tanh(walk), block)[:length]
    strong, second = rng.random(length) < local, rng.random(length) < 0.5
    codes = np.where(strong, np.where(second, 1, 2), np.where(second, 0, 3)).astype(np.uint8)
    for at in rng.integers(0, length - 2500, length // 40_000):
        size, source = int(rng.integers(300, 2000)), int(rng.integers(0, length - 2500))
        codes[at : at + size] = diverge(rng, codes[source : source + size], rng.uniform(0, 0.03))
    for at in rng.integers(0, length - 200, length // 2000):
        unit = rng.integers(0, 4, int(rng.integers(2, 7))).astype(np.uint8)
        repeat = np.tile(unit, int(rng.integers(4, 18)))
        codes[at : at + len(repeat)] = repeat
    at_rich = np.array([1 - gc, gc, gc, 1 - gc]) / 2
    for at in rng.integers(0, length - 30, length // 700):
        codes[at : at + int(rng.integers(6, 22))] = rng.choice(4, p=at_rich)
    return codes


def diverge(rng: Generator, codes: Codes, rate: float) -> Codes:
    """A copy with substitutions (two of three are transitions) at `rate`; the length stays."""
    copy = codes.copy()
    changed = np.flatnonzero((rng.random(len(copy)) < rate) & (copy < 4))
    copy[changed] = substitute(rng, copy[changed])
    return copy


def substitute(rng: Generator, codes: Codes) -> Codes:
    """Another base for each."""
    other = (codes + rng.integers(1, 4, len(codes))).astype(np.uint8) % 4
    return np.where(rng.random(len(codes)) < 0.55, TRANSITION[codes % 4], other).astype(np.uint8)


def repeat_spans(codes: Codes, unit: int, least: int) -> list[tuple[int, int]]:
    """Spans [start, end) of at least `least` bases that repeat with period `unit`."""
    same = np.zeros(len(codes) + 1, np.int8)
    same[unit:-1] = (codes[unit:] == codes[:-unit]) & (codes[unit:] < 4)
    edges = np.diff(same, prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [
        (int(a) - unit, int(b)) for a, b in zip(starts, ends, strict=True) if b - a + unit >= least
    ]


def random_variants(
    rng: Generator,
    reference: Codes,
    ploidy: int,
    density: float,
    taken: NDArray[np.bool_],
) -> list[Variant]:
    """Variants at `density` a base: SNPs, indels, indels of repeats, and clusters of true SNPs.

    `taken` marks bases of earlier variants and is updated. Clusters are haplotypes that differ
    from the reference by 0.4-5 % over 200-1500 bases, as real ones do.
    """
    found: list[Variant] = []
    length = len(reference)

    def genotype() -> tuple[int, ...]:
        if ploidy == 1:
            return (1,)
        return ((0, 1), (1, 0), (1, 1))[int(rng.choice(3, p=[0.32, 0.32, 0.36]))]

    def add(pos: int, ref: Codes, alt: Codes, phase: tuple[int, ...], gap: int) -> None:
        low, high = pos - gap, pos + len(ref) + gap
        if low < EDGE or high > length - EDGE or taken[low:high].any() or (ref == 4).any():
            return
        if ref.tobytes() == alt.tobytes():
            return
        taken[pos : pos + len(ref)] = True
        found.append(Variant(pos, (ref.tobytes(), alt.tobytes()), phase))

    def snp(pos: int, phase: tuple[int, ...], gap: int) -> None:
        ref = reference[pos : pos + 1]
        add(pos, ref, substitute(rng, ref), phase, gap)

    def indel(pos: int, phase: tuple[int, ...], gap: int) -> None:
        size = int(min(rng.geometric(0.35), 40))
        if rng.random() < 0.5:
            add(pos, reference[pos : pos + size + 1], reference[pos : pos + 1], phase, gap)
        else:
            source = int(rng.integers(0, length - size))
            extra = reference[pos + 1 : pos + 1 + size]
            if rng.random() < 0.5:
                extra = reference[source : source + size]
            if not (extra == 4).any():
                alt = np.concatenate([reference[pos : pos + 1], extra])
                add(pos, reference[pos : pos + 1], alt, phase, gap)

    positions = np.arange(EDGE, length - EDGE)
    for _ in range(max(1, int(length * density / 25))):  # clusters: a quarter of the variants
        phase, rate = genotype(), float(np.exp(rng.uniform(np.log(0.004), np.log(0.05))))
        size = int(rng.integers(200, 1500))
        start = int(rng.choice(positions))
        for pos in np.flatnonzero(rng.random(size) < rate) + start:
            if rng.random() < 0.93:
                snp(int(pos), phase, 1)
            else:
                indel(int(pos), phase, 12)
    repeats = [
        (span, unit)
        for unit, least in ((1, 6), (2, 8), (3, 9), (4, 12), (5, 15), (6, 18))
        for span in repeat_spans(reference, unit, least)
        if span[0] > EDGE
    ]
    for i in rng.permutation(len(repeats))[: int(length * density * 0.12)]:
        (start, end), unit = repeats[i]
        count = int(min(rng.geometric(0.6), max(1, (end - start) // unit - 1)))
        anchor = reference[start - 1 : start]
        changed = np.resize(reference[start : start + unit], unit * count)
        if rng.random() < 0.5 and unit * count < end - start:
            add(start - 1, reference[start - 1 : start + unit * count], anchor, genotype(), 12)
        else:
            add(start - 1, anchor, np.concatenate([anchor, changed]), genotype(), 12)
    for pos in rng.choice(positions, int(length * density * 0.7), replace=False):
        (snp if rng.random() < 0.8 else indel)(int(pos), genotype(), 3)
    return found


def like_damage(
    rng: Generator, variants: list[Variant], changes: dict[int, int], share: float
) -> list[Variant]:
    """The variants, with `share` of the SNPs at bases of `changes` turned into those changes: true
    ones that look as damage does."""
    turned = []
    for variant in variants:
        ref = variant.alleles[0]
        if variant.is_snp and ref[0] in changes and rng.random() < share:
            alleles = (ref, bytes([changes[ref[0]]]))
            turned.append(replace(variant, alleles=alleles))
        else:
            turned.append(variant)
    return turned


def haplotype(reference: Codes, variants: list[Variant], which: int) -> Template:
    """A haplotype: the reference with the alleles that `genotype[which]` names."""
    codes, origin, at = [], [], 0
    positions = np.arange(len(reference), dtype=np.int32)
    for variant in sorted(variants, key=lambda v: v.pos):
        allele = variant.genotype[which]
        if allele == 0 or variant.pos < at:
            continue
        alt = np.frombuffer(variant.alleles[allele], np.uint8)
        mapped = np.full(len(alt), -1, np.int32)
        shared = min(len(alt), len(variant.alleles[0]))
        mapped[:shared] = positions[variant.pos : variant.pos + shared]
        codes += [reference[at : variant.pos], alt]
        origin += [positions[at : variant.pos], mapped]
        at = variant.end
    codes.append(reference[at:])
    origin.append(positions[at:])
    return Template(np.concatenate(codes), np.concatenate(origin), 1.0)


def without_overlaps(variants: list[Variant], ploidy: int) -> list[Variant]:
    """The variants by position, less those that overlap an earlier one or are not simple."""
    kept: list[Variant] = []
    end = 0
    for variant in sorted(variants, key=lambda v: v.pos):
        ref = variant.alleles[0]
        simple = all(
            len(alt) == len(ref) == 1 or (min(len(alt), len(ref)) == 1 and alt[0] == ref[0])
            for alt in variant.alleles[1:]
        )
        if variant.pos < end or not simple:
            continue
        genotype = variant.genotype[:ploidy]
        if any(genotype):
            kept.append(Variant(variant.pos, variant.alleles, genotype))
            end = variant.end
    return kept


def confident_regions(individual: Individual) -> list[tuple[int, int]]:
    """Spans where all true variants are known: no ends, no N. Variants beside each other are judged
    where a caller writes them as the truth does (judgeable.py)."""
    good = individual.reference < 4
    good[:EDGE] = good[-EDGE:] = False
    edges = np.diff(good.astype(np.int8), prepend=0, append=0)
    return [
        (int(a), int(b))
        for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
