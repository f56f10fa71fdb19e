"""Fragments that end where they should not: read through into the adapter."""

from __future__ import annotations

import numpy as np

from artefact import Artefact, locus_rates
from genome import Generator, Individual
from reads import GUARD, Fragments, Library, chance


class Adapter(Artefact):
    """Short fragments, read to their end and on into the adapter; at recurrent places most end.

    Where an enzyme cuts, or DNA breaks, the same few bases of adapter stand behind the same base in
    many reads: too few to be clipped, they are mismatches; more are clipped.
    """

    family = "adapter"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.short = rng.uniform(0.02, 0.35) * self.strength
        n = max(4, int(len(individual.reference) / 350 * self.strength))
        self.loci = np.unique(rng.integers(300, len(individual.reference) - 300, n))
        self.rate = locus_rates(rng, len(self.loci), self.strength)
        self.left = rng.random(len(self.loci)) < 0.5

    def fragments(self, rng: Generator, fragments: Fragments, library: Library) -> Fragments:
        start, length = fragments.start.copy(), fragments.length.copy()
        n = len(start)
        cut = rng.random(n) < self.short
        length[cut] = np.minimum(length[cut], rng.integers(35, 160, int(cut.sum())))
        for begin, end in library.spans:
            origin = library.origin[begin:end]
            where = np.flatnonzero(np.isin(origin, self.loci))
            which = np.searchsorted(self.loci, origin[where])
            at = where + begin
            for left in (False, True):
                chosen = self.left[which] == left
                places, rates = at[chosen], self.rate[which[chosen]]
                if len(places) == 0:
                    continue
                # The first place within the fragment, where it leaves 40 bases and more.
                first = np.searchsorted(places, start + 40)
                there = first < len(places)
                place = places[np.minimum(first, len(places) - 1)]
                there &= place < start + length - 40
                of_place = rates[np.minimum(first, len(places) - 1)]
                hit = there & (chance(fragments.molecule, place, self.seed) < of_place)
                if left:  # the fragment begins at the place
                    length[hit] -= place[hit] - start[hit]
                    start[hit] = place[hit]
                else:
                    length[hit] = place[hit] - start[hit]
        keep = (length >= 30) & (start >= GUARD)
        return Fragments(
            start[keep], length[keep], fragments.forward[keep], fragments.molecule[keep]
        )
