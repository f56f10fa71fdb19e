"""Fragments that end where they should not: read through into the adapter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from artefact import Artefact, locus_rates
from genome import Generator, Individual
from reads import GUARD, Fragments, Library, chance

SHORTEST = 35


class Adapter(Artefact):
    """Short fragments, read to their end and on into the adapter; at recurrent places most end.

    Where an enzyme cuts, or DNA breaks, the adapter stands behind the same base in many reads. Four
    bases of it and more are clipped, fewer are mismatches: of few reads where one end of the
    fragment is free, of most where both are cut, a read's length less 1-4 bases apart.
    """

    family = "adapter"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.short = rng.uniform(0.02, 0.35) * self.strength
        n = max(6, int(len(individual.reference) / 350 * self.strength))
        self.loci = np.unique(rng.integers(300, len(individual.reference) - 300, n))
        n = len(self.loci)
        self.rate = locus_rates(rng, n, self.strength)
        self.side = rng.choice(["left", "right", "both"], n, p=[0.25, 0.25, 0.5])
        self.beyond = rng.integers(1, 5, n)

    def fragments(self, rng: Generator, fragments: Fragments, library: Library) -> Fragments:
        start, length = fragments.start.copy(), fragments.length.copy()
        cut = rng.random(len(start)) < self.short
        length[cut] = np.minimum(length[cut], rng.integers(SHORTEST, 160, int(cut.sum())))
        for begin, end in library.spans:
            where = np.flatnonzero(np.isin(library.origin[begin:end], self.loci))
            if len(where) == 0:
                continue
            locus = np.searchsorted(self.loci, library.origin[begin + where])
            # The first place within a fragment that leaves it long enough.
            first = np.searchsorted(begin + where, start + SHORTEST)
            which = np.minimum(first, len(where) - 1)
            place, locus = begin + where[which], locus[which]
            there = (first < len(where)) & (place < np.minimum(start + length, end) - SHORTEST)
            hit = there & (chance(fragments.molecule, place, self.seed) < self.rate[locus])
            left, right, both = (
                hit & (self.side[locus] == side) for side in ("left", "right", "both")
            )
            length[right] = place[right] - start[right]
            length[left] -= place[left] - start[left]
            start[left] = place[left]
            # Ends waver, or all but one would be marked as duplicates.
            start[both] = place[both] - rng.integers(0, 3, int(both.sum()))
            length[both] = (
                fragments.cycles - self.beyond[locus[both]] - rng.integers(0, 2, int(both.sum()))
            )
            inside = start + length <= end
            length = np.where(inside, length, 0)
        keep = (length >= SHORTEST - 5) & (start >= GUARD)
        return replace(fragments, start=start, length=length).take(keep)
