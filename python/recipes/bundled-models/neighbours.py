"""True variants beside each other: what an aligner or a caller writes in other words.

A group is two to seven variants, 1-50 bases apart: indels, SNPs, or both; on one haplotype, on the
other, or on both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genome import EDGE, Codes, Generator, Variant, substitute

FURTHEST = 50
"""Most bases between one variant of a group and the next."""
ROOM = 60
"""Bases around a group without other variants."""
KINDS = ("indel", "indel-snp", "snp", "cluster", "mixed")
"""Two indels; one of each; two SNPs; up to seven SNPs within 100 bases; three or four of any."""
SHARES = (0.3, 0.3, 0.12, 0.18, 0.1)


def neighbours(
    rng: Generator, reference: Codes, ploidy: int, density: float, taken: NDArray[np.bool_]
) -> list[Variant]:
    """Groups at `density` a base; `taken` marks bases of earlier variants and is updated."""
    length, found = len(reference), []
    for _ in range(rng.poisson(length * density)):
        start = int(rng.integers(EDGE + ROOM, length - EDGE - 8 * FURTHEST))
        group = make_group(rng, reference, ploidy, start)
        low, high = start - ROOM, max(variant.end for variant in group) + ROOM
        if not taken[low:high].any() and (reference[low:high] < 4).all():
            taken[start : high - ROOM] = True
            found += group
    return found


def make_group(rng: Generator, reference: Codes, ploidy: int, start: int) -> list[Variant]:
    """One group, its first variant at `start`."""
    kind = str(rng.choice(KINDS, p=SHARES))
    if kind == "cluster":
        snps, furthest = [True] * int(rng.integers(3, 8)), 100 // 7
    elif kind == "mixed":
        snps, furthest = [bool(rng.random() < 0.5) for _ in range(int(rng.integers(3, 5)))], 25
    else:
        snps = [kind == "snp"] * 2
        furthest = FURTHEST
        if kind == "indel-snp":
            snps[int(rng.integers(2))] = True
    phases = draw_phases(rng, ploidy, len(snps))
    group, at = [], start
    for is_snp, phase in zip(snps, phases, strict=True):
        group.append(make_variant(rng, reference, at, is_snp, phase))
        # Distance 1 is the next base behind what this one changes; half of all are within 10.
        gap = int(np.exp(rng.uniform(0, np.log(furthest + 1))))
        at = group[-1].end + min(gap, furthest) - 1
    return group


def draw_phases(rng: Generator, ploidy: int, count: int) -> list[tuple[int, ...]]:
    """Genotypes of a group: all on one haplotype, all homozygous, by turns, or any."""
    if ploidy == 1:
        return [(1,)] * count
    one, other = ((0, 1), (1, 0)) if rng.random() < 0.5 else ((1, 0), (0, 1))
    how = int(rng.choice(4, p=[0.35, 0.25, 0.2, 0.2]))
    if how < 2:
        return [((1, 1), one)[how == 0]] * count
    if how == 2:
        return [(one, other)[i % 2] for i in range(count)]
    genotypes = ((0, 1), (1, 0), (1, 1))
    return [genotypes[int(rng.integers(3))] for _ in range(count)]


def make_variant(
    rng: Generator, reference: Codes, pos: int, is_snp: bool, genotype: tuple[int, ...]
) -> Variant:
    """A SNP, or an insertion or deletion of 1-15 bases behind `pos`."""
    ref = reference[pos : pos + 1]
    if is_snp:
        alt = substitute(rng, ref)
        return Variant(pos, (ref.tobytes(), alt.tobytes()), genotype)
    size = int(min(rng.geometric(0.28), 15))
    if rng.random() < 0.5:
        return Variant(pos, (reference[pos : pos + size + 1].tobytes(), ref.tobytes()), genotype)
    extra = reference[pos + 1 : pos + 1 + size]  # half repeat what is there, as slips do
    if rng.random() < 0.5:
        extra = rng.integers(0, 4, size).astype(np.uint8)
    return Variant(pos, (ref.tobytes(), np.concatenate([ref, extra]).tobytes()), genotype)
