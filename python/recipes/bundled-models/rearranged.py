"""Large events of the individual's own haplotypes: what is cut out, put in, turned or repeated.

Callers of short variants see their breakpoints alone: clipped reads, and mismatches where the rest
is too short to clip. None of these events is in the truth, which is of short variants; true
variants that a haplotype loses with its sequence are taken out of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from genome import COMPLEMENT, EDGE, Codes, Generator, Individual, Template, diverge

CLEAR = 40
"""Bases around a breakpoint without true variants: their records stay what they are."""


def spliced(template: Template, start: int, end: int, codes: Codes) -> bool:
    """Put `codes` in the place of reference positions [start, end) of a haplotype.

    Bases of `codes` have no origin. False, and nothing is changed, where the haplotype has no base
    of `start` or `end`.
    """
    first, last = (np.flatnonzero(template.origin == at) for at in (start, end))
    if len(first) != 1 or len(last) != 1 or last[0] < first[0]:
        return False
    nowhere = np.full(len(codes), -1, np.int32)
    low, high = int(first[0]), int(last[0])
    template.codes = np.concatenate([template.codes[:low], codes, template.codes[high:]])
    template.origin = np.concatenate([template.origin[:low], nowhere, template.origin[high:]])
    return True


def piece(template: Template, start: int, end: int) -> Codes:
    """A haplotype's own sequence between two reference positions that it has."""
    low, high = (int(np.flatnonzero(template.origin == at)[0]) for at in (start, end))
    return template.codes[low:high].copy()


def lose(individual: Individual, start: int, end: int, which: int) -> None:
    """Haplotype `which` has no true variants in [start, end) any more."""
    kept = []
    for variant in individual.variants:
        genotype = list(variant.genotype)
        if start <= variant.pos and variant.end <= end:
            genotype[which] = 0
        if any(genotype):
            kept.append(replace(variant, genotype=tuple(genotype)))
    individual.variants = kept


def free_places(individual: Individual) -> NDArray[np.bool_]:
    """Where a breakpoint may lie: real sequence, no variant near, no end of the contig."""
    free: NDArray[np.bool_] = individual.reference < 4
    free[: 2 * EDGE] = free[-2 * EDGE :] = False
    for variant in individual.variants:
        free[max(0, variant.pos - CLEAR) : variant.end + CLEAR] = False
    return free


class Breakpoints(Artefact):
    """Deletions, insertions, inversions and tandem duplications of 300-5000 bases.

    In one haplotype or in all. Two of three junctions lie in 15-150 bases that are alike but for
    3-15 %, as in the repeats between which DNA recombines: reads go on over the junction, with
    mismatches, before they are clipped. Some junctions have a few bases of nobody's.
    """

    family = "breakpoint"

    def shape(self, rng: Generator, reference: Codes) -> None:
        length = len(reference)
        wanted = max(6, int(length / 2500 * self.strength))
        self.planned: list[tuple[str, int, int, int]] = []
        for _ in range(8 * wanted):
            if len(self.planned) == wanted:
                break
            size = int(np.exp(rng.uniform(np.log(300), np.log(min(5000, length / 12)))))
            start = int(rng.integers(2 * EDGE, length - 2 * EDGE - size))
            end = start + size
            taken = any(low - 400 < end and start < top + 400 for _, low, top, _ in self.planned)
            if taken or (reference[start - 200 : end + 200] == 4).any():
                continue
            kind = str(rng.choice(["deletion", "insertion", "inversion", "duplication"]))
            alike = int(rng.integers(15, 150)) if rng.random() < 0.67 else 0
            if kind in ("deletion", "duplication"):
                copy = diverge(rng, reference[start : start + alike], rng.uniform(0.03, 0.15))
                reference[end : end + alike] = copy
            elif kind == "inversion":
                turned = COMPLEMENT[reference[start : start + alike][::-1]]
                reference[end - alike : end] = diverge(rng, turned, rng.uniform(0.03, 0.15))
            self.planned.append((kind, start, end, alike))

    def prepare(self, rng: Generator, individual: Individual) -> None:
        free = free_places(individual)
        self.events: list[tuple[str, int, int]] = []
        for kind, start, stop, alike in self.planned:
            end = start if kind == "insertion" else stop
            if not (free[start] and free[end]):
                continue
            first = int(rng.integers(individual.ploidy))
            carriers = range(individual.ploidy) if rng.random() < 0.35 else [first]
            foreign = self.foreign(rng, individual, stop - start)
            own = individual.reference[start : start + alike]
            foreign[:alike] = diverge(rng, own, rng.uniform(0.03, 0.15))
            sizes = [0] if alike else [0, 0, 2, 6, 15]
            extra = rng.integers(0, 4, int(rng.choice(sizes))).astype(np.uint8)
            made = [self.make(individual, w, kind, (start, end), foreign, extra) for w in carriers]
            if any(made):
                self.events.append((kind, start, end))

    def foreign(self, rng: Generator, individual: Individual, size: int) -> Codes:
        """What an insertion brings: sequence of elsewhere in this genome, or of nobody's."""
        if rng.random() < 0.5:
            return rng.integers(0, 4, size).astype(np.uint8)
        at = int(rng.integers(0, len(individual.reference) - size))
        copy = individual.reference[at : at + size].copy()
        copy[copy == 4] = 0
        return copy

    def make(
        self,
        individual: Individual,
        which: int,
        kind: str,
        span: tuple[int, int],
        foreign: Codes,
        extra: Codes,
    ) -> bool:
        """One event in one haplotype; False where it has no such place."""
        template, (start, end) = individual.templates[which], span
        if not all((template.origin == at).sum() == 1 for at in span):
            return False
        if kind == "deletion":
            lose(individual, start, end, which)
            return spliced(template, start, end, extra)
        if kind == "insertion":
            return spliced(template, start, start, np.concatenate([extra, foreign]))
        own = piece(template, start, end)
        if kind == "inversion":
            return spliced(template, start, end, np.concatenate([extra, COMPLEMENT[own[::-1]]]))
        return spliced(template, end, end, np.concatenate([extra, own]))
