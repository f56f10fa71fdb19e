"""An individual without variants, sequenced with one artefact, no errors: what was read where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from genome import COMPLEMENT, Codes, Individual, haplotype, random_reference
from profiles import Profile, draw_profile
from reads import Library, Reads, draw_fragments, make_mate

LENGTH, DEPTH = 40_000, 60


class Spy(Artefact):
    """The last artefact in the list: notes what the others left."""

    def __init__(self) -> None:
        super().__init__(np.random.default_rng(0), 1.0)
        self.seen: list[tuple[int, Reads, Codes]] = []

    def bases(self, rng: np.random.Generator, reads: Reads, library: Library) -> None:
        """Keep the reads as they are before the machine's errors."""
        self.seen.append((reads.mate, reads, reads.bases.copy()))


@dataclass
class Pileup:
    """Bases on the + strand over the reference, one row each."""

    site: NDArray[np.int32]
    base: Codes
    minus: NDArray[np.bool_]
    """Whether read from the - strand."""
    mate: NDArray[np.int64]
    molecule: NDArray[np.int64]
    reads: list[Reads]
    library: Library
    individual: Individual

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Where a base differs from the reference."""
        differs: NDArray[np.bool_] = self.base != self.individual.reference[self.site]
        return differs & (self.site >= 0)

    def depth(self) -> NDArray[np.int64]:
        """[reference] bases over each position."""
        return np.bincount(self.site[self.site >= 0], minlength=len(self.individual.reference))


def quiet() -> Profile:
    """A machine that makes no errors."""
    drawn = draw_profile(np.random.default_rng(1), "sharp")
    return Profile(**{**drawn.__dict__, "scale": 0.0, "indels": 0.0})


def pileup(artefact: Artefact, seed: int = 3) -> Pileup:
    """An individual without variants, sequenced with one artefact and no errors."""
    rng = np.random.default_rng(seed)
    reference = random_reference(rng, LENGTH, 0.42)
    artefact.shape(rng, reference)
    individual = Individual(reference, 2, [])
    individual.templates = [haplotype(reference, [], 0), haplotype(reference, [], 1)]
    artefact.prepare(rng, individual)
    library, profile, spy = Library(individual.templates), quiet(), Spy()
    fragments = draw_fragments(
        rng,
        library,
        depth=DEPTH,
        ploidy=2,
        read_length=profile.read_length,
        insert=(350.0, 40.0),
        artefacts=[artefact],
    )
    for mate in (0, 1):
        make_mate(rng, library, fragments, mate, profile, [artefact, spy])
    parts = []
    for mate, reads, bases in spy.seen:
        shape = bases.shape
        forward = np.where(reads.flip, COMPLEMENT[bases], bases)
        molecule = np.repeat(reads.fragments.molecule[:, None], shape[1], 1)
        columns = (reads.site, forward, reads.flip, np.full(shape, mate), molecule)
        parts.append([column.ravel() for column in columns])
    site, base, minus, mates, molecules = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    reads_ = [reads for _, reads, _ in spy.seen]
    return Pileup(site, base, minus, mates, molecules, reads_, library, individual)


def new(family: type[Artefact], strength: float = 1.0, seed: int = 5) -> Artefact:
    return family(np.random.default_rng(seed), strength)
