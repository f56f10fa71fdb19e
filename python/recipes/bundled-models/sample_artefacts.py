"""Artefacts of the DNA in the tube: copies the reference lacks, another individual, depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from genome import (
    EDGE,
    Codes,
    Generator,
    Individual,
    Template,
    Variant,
    diverge,
    haplotype,
    random_variants,
    without_overlaps,
)
from reads import Fragments, Library, Reads, chance


class Paralogue(Artefact):
    """Copies that the reference lacks: their reads pile up on the one locus that it has.

    Copies differ by 0.2-8 % (substitutions, a tenth of them indels), are there once or several
    times, in all cells' haplotypes or in one, and are 300-4000 bases long.
    """

    family = "paralogue"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        reference = individual.reference
        share, covered = rng.uniform(0.05, 0.16) * self.strength, 0
        while covered < share * len(reference):
            size = int(np.exp(rng.uniform(np.log(300), np.log(4000))))
            start = int(rng.integers(EDGE, len(reference) - EDGE - size))
            rate = float(np.exp(rng.uniform(np.log(0.002), np.log(0.08))))
            covered += size
            for _ in range(int(min(rng.geometric(0.6), 5))):
                piece, origin = changed_copy(rng, reference[start : start + size], start, rate)
                copy_number = individual.ploidy if rng.random() < 0.6 else 1
                individual.templates.append(flanked(rng, piece, origin, copy_number))


def changed_copy(
    rng: Generator, codes: Codes, start: int, rate: float
) -> tuple[Codes, NDArray[np.int32]]:
    """A copy that differs at `rate`, a tenth of it indels, and where its bases come from: `start`
    is that of the first, -1 that of bases that the copy alone has."""
    size = len(codes)
    copy = diverge(rng, codes, rate * 0.9)
    grown, keep = np.zeros(size, np.bool_), np.repeat(True, size)
    for cut in np.flatnonzero(rng.random(size) < rate * 0.1):
        width = int(min(rng.geometric(0.4), 20))
        if rng.random() < 0.5:
            keep[cut : cut + width] = False
        else:
            grown[cut] = True
    origin = np.arange(start, start + size, dtype=np.int32)[keep]
    places = np.flatnonzero(grown[keep])
    extra = rng.integers(0, 4, len(places)).astype(np.uint8)
    return np.insert(copy[keep], places, extra), np.insert(origin, places, -1)


def flanked(
    rng: Generator, codes: Codes, origin: NDArray[np.int32], copy_number: float
) -> Template:
    """A template with 600 random bases on each side."""
    left, right = (rng.integers(0, 4, 600).astype(np.uint8) for _ in range(2))
    nowhere = np.full(600, -1, np.int32)
    return Template(
        np.concatenate([left, codes, right]),
        np.concatenate([nowhere, origin, nowhere]),
        copy_number,
    )


class LowComplexity(Artefact):
    """Reads of low-complexity arrays that land on a similar array elsewhere, clipped and bent.

    Arrays of few motif families (units of 1-30 bases, impure) are written into the reference; the
    individual has more such arrays than the reference, each a little different.
    """

    family = "low-complexity"

    def shape(self, rng: Generator, reference: Codes) -> None:
        self.motifs = [
            rng.integers(0, 4, int(rng.choice([1, 2, 3, 4, 6, 11, 17, 30]))).astype(np.uint8)
            for _ in range(int(rng.integers(4, 9)))
        ]
        self.impurity = rng.uniform(0.03, 0.15)
        self.count = max(3, int(len(reference) / 2500 * self.strength))
        self.arrays: list[tuple[int, Codes]] = []
        for at in rng.integers(EDGE, len(reference) - EDGE - 400, self.count):
            array = self.array(rng)
            if (reference[at : at + len(array)] < 4).all():
                reference[at : at + len(array)] = array
                self.arrays.append((int(at), array))

    def array(self, rng: Generator) -> Codes:
        """One impure repeat of 60-350 bases."""
        motif = self.motifs[int(rng.integers(len(self.motifs)))]
        return diverge(rng, np.resize(motif, int(rng.integers(60, 350))), self.impurity)

    def prepare(self, rng: Generator, individual: Individual) -> None:
        for at, array in self.arrays:
            if rng.random() < 0.6:  # the same array elsewhere, with its own flanks near it
                near = int(rng.integers(10, 120))
                start, end = at - near, at + len(array) + near
                piece = individual.reference[start:end].copy()
                piece = diverge(rng, piece, rng.uniform(0.005, 0.08))
                origin = np.arange(start, end, dtype=np.int32)
            else:
                piece = self.array(rng)
                origin = np.full(len(piece), -1, np.int32)
            copy_number = individual.ploidy * float(rng.choice([0.5, 1, 1, 2]))
            individual.templates.append(flanked(rng, piece, origin, copy_number))


class Contamination(Artefact):
    """Another individual of the species: 2-25 % of the DNA, a third of its variants shared."""

    family = "contamination"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        share = rng.uniform(0.04, 0.22) * (0.4 + 0.6 * self.strength)
        shared = [v for v in individual.variants if rng.random() < 0.35]
        taken = np.zeros(len(individual.reference), np.bool_)
        for variant in individual.variants:
            taken[max(0, variant.pos - 15) : variant.end + 15] = True
        density = rng.uniform(1 / 900, 1 / 350)
        own = random_variants(rng, individual.reference, individual.ploidy, density, taken)
        variants: list[Variant] = without_overlaps([*shared, *own], individual.ploidy)
        for template in individual.templates:
            template.copy_number *= 1 - share
        for which in range(individual.ploidy):
            other = haplotype(individual.reference, variants, which)
            other.copy_number = share
            individual.templates.append(other)


class Duplicates(Artefact):
    """Copies of a molecule by PCR, with errors that all later copies share (jackpots).

    Some copies differ by a base or two at an end, so that marking duplicates does not find them.
    """

    family = "duplicates"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.share = rng.uniform(0.2, 0.6) * self.strength
        self.family_size = rng.uniform(2, 9)
        self.hidden = rng.uniform(0.3, 1.0)
        self.errors = float(np.exp(rng.uniform(np.log(2e-4), np.log(3e-3))))

    def fragments(self, rng: Generator, fragments: Fragments, library: Library) -> Fragments:
        n = len(fragments.start)
        copies = np.where(
            rng.random(n) < self.share / self.family_size * 1.5,
            rng.geometric(1 / self.family_size, n),
            1,
        )
        rows = rng.permutation(np.repeat(np.arange(n), copies))[:n]
        result = fragments.take(np.sort(rows))
        copied = np.append(False, np.diff(result.molecule) == 0)
        moved = copied & (rng.random(len(rows)) < self.hidden)
        result.start = result.start + np.where(moved, rng.integers(-3, 4, len(rows)), 0)
        result.length = result.length + np.where(moved, rng.integers(-3, 4, len(rows)), 0)
        return result.take(rng.permutation(len(rows)))

    def bases(self, rng: Generator, reads: Reads, library: Library) -> None:
        molecule = np.repeat(reads.fragments.molecule[:, None], reads.path.shape[1], 1)
        hit = chance(molecule, reads.path, self.seed) < self.errors
        # Half of the errors are in every copy; the other half in some (a later cycle's).
        late = hit & (chance(molecule, reads.path, self.seed + 1) < 0.5)
        hit &= ~(late & (rng.random((len(hit), 1)) < 0.5))
        rows, columns = np.nonzero(hit)
        shift = 1 + (chance(molecule[hit], reads.path[hit], self.seed + 2) * 3).astype(np.uint8)
        bases = reads.bases[rows, columns]
        # The same base on both strands: a shift of the code by s is one by -s on the other.
        signed = np.where(reads.flip[rows, columns], 4 - shift, shift)
        reads.bases[rows, columns] = np.where(bases < 4, (bases + signed) % 4, bases)


class UnevenDepth(Artefact):
    """Depth that follows GC, wanders, and breaks in on short stretches; few reads decide there."""

    family = "uneven"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.gc_slope = rng.normal(0, 3.0) * self.strength
        self.wander = rng.uniform(0.3, 1.1) * self.strength
        self.scale = int(rng.integers(200, 5000))
        self.holes = rng.uniform(0, 1 / 3000) * self.strength

    def weights(self, template: Template) -> NDArray[np.float64] | None:
        rng = np.random.default_rng([self.seed, len(template.codes)])
        n = len(template.codes)
        strong = np.isin(template.codes, (1, 2)).astype(float)
        width = min(250, n)
        gc = np.convolve(strong, np.full(width, 1 / width), "same")
        knots = rng.normal(0, 1, n // self.scale + 2)
        along = np.interp(np.arange(n) / self.scale, np.arange(len(knots)), knots)
        weight = np.exp(np.clip(self.gc_slope * (gc - gc.mean()) + self.wander * along, -3, 2))
        for at in rng.integers(0, n, rng.poisson(n * self.holes)):
            weight[at : at + int(rng.integers(50, 600))] *= rng.uniform(0.02, 0.4)
        return np.asarray(weight)
