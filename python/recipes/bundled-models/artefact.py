"""Artefacts: what makes a caller report variants that are not there. One class a family.

Each draws its own numbers within wide ranges, scaled by `strength` (design.py), so that a network
sees a family in many forms and no form twice. Every class says what it imitates. Here is what all
share; sample_artefacts.py has those of the DNA itself, duplicated.py those of sequence that is
there more than once, rearranged.py those of large events, molecule_artefacts.py and cut_ends.py
those of molecules and their reading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genome import Codes, Generator, Individual, Template
from reads import Fragments, Library, Reads


class Artefact:
    """A generator that does nothing; the hooks are called in this order."""

    family = "none"
    thins = False
    """Whether `weights` are parts of the depth that are left, not only where the reads lie."""

    def __init__(self, rng: Generator, strength: float) -> None:
        self.strength = strength
        self.seed = int(rng.integers(1 << 31))

    def shape(self, rng: Generator, reference: Codes) -> None:
        """Write into the reference, before variants are planted."""

    def prepare(self, rng: Generator, individual: Individual) -> None:
        """Choose loci, add templates."""

    def weights(self, template: Template) -> NDArray[np.float64] | None:
        """Relative depth along a template, or None."""
        return None

    def fragments(self, rng: Generator, fragments: Fragments, library: Library) -> Fragments:
        """The fragments that are sequenced in place of these."""
        return fragments

    def steps(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.steps`."""

    def paths(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.path` and `reads.flip`."""

    def bases(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.bases` and `reads.penalty`."""


def locus_rates(rng: Generator, n: int, strength: float) -> NDArray[np.float32]:
    """Rates of n loci: most are small, some reach 0.8."""
    rates = rng.beta(rng.uniform(0.8, 1.6), rng.uniform(2.0, 4.0), n) * (0.5 + 0.5 * strength)
    return np.clip(rates, 0.02, 0.8).astype(np.float32)


def draw_loci(rng: Generator, candidates: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """n of the candidates, or all."""
    return rng.choice(candidates, min(n, len(candidates)), replace=False)
