"""Artefacts of sequence that is there more than once: reads of one copy lie on another.

The paralogues of sample_artefacts.py are copies of which the reference has one. Here the reference
has several, or the individual has another number of them, or has them spliced.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from genome import EDGE, Codes, Generator, Individual, Variant, diverge
from rearranged import free_places, lose, piece, spliced
from sample_artefacts import changed_copy, flanked


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class SegmentalDuplication(Artefact):
    """Blocks of 1-8 kb that the reference has twice, 98-99.5 % alike; most donors have a third.

    The third copy is of one block, or of both with a crossover, differs from them by 0.1-1.5 %, and
    is in one haplotype or in all. Its reads go to whichever of the two they are most like.
    """

    family = "segdup"

    def shape(self, rng: Generator, reference: Codes) -> None:
        length = len(reference)
        share, covered = rng.uniform(0.08, 0.25) * min(1.0, self.strength), 0
        taken = np.zeros(length, np.bool_)
        self.blocks: list[tuple[int, int, int]] = []
        for _ in range(400):
            if covered >= share * length:
                break
            size = int(log_uniform(rng, 1000, min(8000, length / 8)))
            source, target = (int(at) for at in rng.integers(EDGE, length - EDGE - size, 2))
            spans = (slice(source, source + size), slice(target, target + size))
            if abs(source - target) < 2 * size or any(
                taken[span].any() or (reference[span] == 4).any() for span in spans
            ):
                continue
            copy, _ = changed_copy(rng, reference[spans[0]], source, rng.uniform(0.005, 0.02))
            copy = copy[:size]
            reference[target : target + len(copy)] = copy
            taken[spans[0]] = taken[spans[1]] = True
            self.blocks.append((source, target, len(copy)))
            covered += 2 * size

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.third: list[tuple[int, int, int]] = []
        for source, target, size in self.blocks:
            if rng.random() > 0.35 + 0.4 * self.strength:
                continue
            cross = int(rng.integers(0, size)) if rng.random() < 0.4 else size
            first, then = (source, target) if rng.random() < 0.5 else (target, source)
            origin = np.concatenate(
                [np.arange(first, first + cross), np.arange(then + cross, then + size)]
            ).astype(np.int32)
            copy, at = changed_copy(
                rng, individual.reference[origin], 0, log_uniform(rng, 0.001, 0.015)
            )
            origin = np.where(at >= 0, origin[np.maximum(at, 0)], -1).astype(np.int32)
            copy_number = individual.ploidy if rng.random() < 0.5 else 1
            individual.templates.append(flanked(rng, copy, origin, copy_number))
            self.third.append((source, target, size))


class Retrocopy(Artefact):
    """Spliced copies of genes: exons without the introns between, a tail of A, 0.3-6 % changed.

    Their reads lie on the exons, clipped or bent where an exon ends.
    """

    family = "retrocopy"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        length = len(individual.reference)
        self.exons: list[list[tuple[int, int]]] = []
        for _ in range(max(2, int(length / 7000 * self.strength))):
            at = int(rng.integers(EDGE, length - EDGE))
            gene: list[tuple[int, int]] = []
            for _ in range(int(rng.integers(3, 10))):
                end = at + int(log_uniform(rng, 60, 450))
                if end > length - EDGE or (individual.reference[at:end] == 4).any():
                    break
                gene.append((at, end))
                at = end + int(log_uniform(rng, 80, 1500))
            if len(gene) < 2:
                continue
            gene = gene[int(rng.integers(0, len(gene) - 1)) :]  # most copies lack the 5' end
            origin = np.concatenate([np.arange(*exon, dtype=np.int32) for exon in gene])
            copy, kept = changed_copy(
                rng, individual.reference[origin], 0, log_uniform(rng, 0.003, 0.06)
            )
            tail = np.zeros(int(rng.integers(12, 40)), np.uint8)
            origin = np.where(kept >= 0, origin[np.maximum(kept, 0)], -1).astype(np.int32)
            origin = np.concatenate([origin, np.full(len(tail), -1, np.int32)])
            copy_number = individual.ploidy * float(rng.choice([0.5, 1.0, 1.0, 2.0]))
            codes = np.concatenate([copy, tail])
            individual.templates.append(flanked(rng, codes, origin, copy_number))
            self.exons.append(gene)


class DispersedCopies(Artefact):
    """Elements of 250-2500 bases all over the reference, and at places where it has none.

    Copies of the reference differ by 1-12 % from their family; those that only the individual has
    are young (0.3-4 %), inserted into one haplotype or all, with the bases at the place repeated.
    """

    family = "dispersed"

    def shape(self, rng: Generator, reference: Codes) -> None:
        length = len(reference)
        self.elements: list[Codes] = []
        for _ in range(int(rng.integers(1, 4))):
            size = int(log_uniform(rng, 250, 2500))
            element = rng.integers(0, 4, size).astype(np.uint8)
            self.elements.append(element)
            for _ in range(max(3, int(0.05 * length / size))):
                copy = diverge(rng, element, log_uniform(rng, 0.01, 0.12))
                copy = copy[int(rng.integers(0, size // 2)) :]
                at = int(rng.integers(EDGE, length - EDGE - size))
                if (reference[at : at + len(copy)] < 4).all():
                    reference[at : at + len(copy)] = copy

    def prepare(self, rng: Generator, individual: Individual) -> None:
        places = np.flatnonzero(free_places(individual))
        n = max(4, int(len(individual.reference) / 3000 * self.strength))
        self.inserted: list[int] = []
        for at in rng.permutation(places)[: 4 * n]:
            if len(self.inserted) == n or any(abs(at - other) < 500 for other in self.inserted):
                continue
            element = self.elements[int(rng.integers(len(self.elements)))]
            copy = diverge(rng, element, log_uniform(rng, 0.003, 0.04))
            copy = copy[int(rng.integers(0, len(copy) // 2)) :]
            twice = individual.reference[at - int(rng.integers(4, 20)) : at]
            codes = np.concatenate([copy, np.zeros(int(rng.integers(5, 30)), np.uint8), twice])
            first = int(rng.integers(individual.ploidy))
            carriers = range(individual.ploidy) if rng.random() < 0.35 else [first]
            made = [spliced(individual.templates[w], int(at), int(at), codes) for w in carriers]
            if any(made):
                self.inserted.append(int(at))


class TandemCopies(Artefact):
    """Tandem repeats of 8-80 bases a unit whose copy number is another in the individual.

    Units differ by 0-6 %. Gains of 80-1000 bases are more than a read can span: their reads pile up
    on the reference's copies. Losses are of whole units, 60 bases and more. Both are in the truth;
    callers that miss them are not judged there (judgeable.py).
    """

    family = "tandem"

    def shape(self, rng: Generator, reference: Codes) -> None:
        length = len(reference)
        self.arrays: list[tuple[int, int, int]] = []
        for _ in range(max(4, int(length / 3000 * self.strength))):
            unit = rng.integers(0, 4, int(log_uniform(rng, 8, 80))).astype(np.uint8)
            count = int(np.clip(rng.uniform(80, 700) / len(unit), 3, 40))
            array = diverge(rng, np.tile(unit, count), rng.uniform(0, 0.06))
            at = int(rng.integers(2 * EDGE, length - 3 * EDGE - len(array)))
            near = slice(at - 100, at + len(array) + 100)
            taken = any(low - 200 < near.stop and near.start < high for low, high, _ in self.arrays)
            if not taken and (reference[near] < 4).all():
                reference[at : at + len(array)] = array
                self.arrays.append((at, at + len(array), len(unit)))

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.changes: list[tuple[int, int]] = []
        for start, end, unit in self.arrays:
            for which in range(individual.ploidy):
                if rng.random() < 0.65:
                    self.change(rng, individual, which, (start, end, unit))
        individual.variants.sort(key=lambda variant: variant.pos)

    def change(
        self, rng: Generator, individual: Individual, which: int, array: tuple[int, int, int]
    ) -> None:
        """More or fewer units at the start of one haplotype's array."""
        start, end, unit = array
        template, reference = individual.templates[which], individual.reference
        anchor = reference[start - 1 : start].tobytes()
        genotype = tuple(int(i == which) for i in range(individual.ploidy))
        units = (end - start) // unit
        fewer = int(np.ceil(60 / unit))
        if rng.random() < 0.3 and units >= fewer + 2:
            size = unit * int(rng.integers(fewer, units - 1))
            if not spliced(template, start, start + size, np.empty(0, np.uint8)):
                return
            lose(individual, start, start + size, which)
            ref = reference[start - 1 : start + size].tobytes()
            individual.variants.append(Variant(start - 1, (ref, anchor), genotype))
            self.changes.append((which, -size))
        else:
            if not all((template.origin == at).sum() == 1 for at in (start, end)):
                return
            own = piece(template, start, end)
            whole = own[: max(1, len(own) // unit) * unit]
            size = unit * int(np.ceil(rng.uniform(80, 1000) / unit))
            extra = diverge(rng, np.resize(whole, size), rng.uniform(0, 0.04))
            spliced(template, start, start, extra)
            alleles = (anchor, anchor + extra.tobytes())
            individual.variants.append(Variant(start - 1, alleles, genotype))
            self.changes.append((which, size))


def copies_of(individual: Individual) -> NDArray[np.float64]:
    """[reference] how often the individual has each base in each haplotype, all templates
    together."""
    count = np.zeros(len(individual.reference))
    for template in individual.templates:
        here = template.origin[template.origin >= 0]
        np.add.at(count, here, template.copy_number / individual.ploidy)
    return count
