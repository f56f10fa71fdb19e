"""Depth as capture and gene panels have it: peaks over targets, little between.

No artefact of its own: it goes with any family, as little or much depth does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from genome import Generator, Individual, Template

LOWEST, HIGHEST = 0.15, 1.0
"""Height of a peak, as a part of the sample's depth."""


class Capture(Artefact):
    """Targets with heights of their own.

    exome: single peaks of 150-500 bases, some thousand apart. panel: genes of 2-8 kb, all of which
    is read, in tiles of 120-300 bases that overlap, far from each other.
    """

    family = "capture"
    thins = True

    def __init__(self, rng: Generator, kind: str) -> None:
        super().__init__(rng, 1.0)
        self.kind = kind

    def prepare(self, rng: Generator, individual: Individual) -> None:
        # Numbers of its own: without the capture all else is drawn the same (design.py, twins).
        rng = np.random.default_rng([self.seed, 1])
        length = len(individual.reference)
        self.depth = np.full(length, rng.uniform(0.002, 0.02))
        self.targets: list[tuple[int, int]] = []
        at = int(rng.integers(300, 1500))
        while at < length - 600:
            if self.kind == "exome":
                end = at + int(np.clip(rng.normal(220, 80), 120, 500))
                self.peak(rng, at, end)
                at = end + int(rng.exponential(1200)) + 300
            else:
                end = min(at + int(rng.integers(2000, 8000)), length - 600)
                tile = at
                while tile < end:
                    size = int(rng.integers(120, 300))
                    self.peak(rng, tile, tile + size)
                    tile += int(size * rng.uniform(0.4, 0.9))
                at = end + int(rng.exponential(8000)) + 2000

    def peak(self, rng: Generator, start: int, end: int) -> None:
        """One target: its height over itself, falling off within some fifty bases."""
        height = rng.uniform(LOWEST, HIGHEST)
        low, high = max(0, start - 300), min(len(self.depth), end + 300)
        at = np.arange(low, high)
        outside = np.maximum(np.maximum(start - at, at - end + 1), 0)
        shape = height * np.exp(-0.5 * (outside / 55.0) ** 2)
        self.depth[low:high] = np.maximum(self.depth[low:high], shape)
        self.targets.append((start, end))

    def weights(self, template: Template) -> NDArray[np.float64]:
        """Copies are captured as what they are like; what is like nothing here is not."""
        here = template.origin >= 0
        weight = np.full(len(template.codes), float(self.depth.min()))
        weight[here] = self.depth[template.origin[here]]
        # Inserted bases are read with their neighbours.
        last = np.maximum.accumulate(np.where(here, np.arange(len(here)), 0))
        near = ~here & (np.arange(len(here)) - last < 200) & here[last]
        weight[near] = weight[last[near]]
        return weight
