"""Error profiles: how a sequencer reads DNA, how sure it says it is, and how wrong that is.

Each profile is drawn anew within its ranges for every sample, so that none can be learnt by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genome import Codes, Generator


@dataclass(frozen=True)
class Ranges:
    """From what a profile's numbers are drawn (low, high); `lengths` lists read lengths."""

    lengths: tuple[int, ...]
    first: tuple[float, float]
    """Mean base quality of the first cycles."""
    drop: tuple[float, float]
    """How much of it is lost towards the last cycle."""
    spread: tuple[float, float]
    """Standard deviation of a base's quality."""
    bins: tuple[int, ...]
    """Qualities that are told apart; none: every integer."""
    scale: tuple[float, float]
    """True error rate : the stated one."""
    indels: tuple[float, float]
    """Insertions and deletions per base."""


PROFILES = {
    "hiseq": Ranges((100, 101, 125, 150), (35, 39), (6, 13), (2, 5), (), (0.7, 1.5), (5e-6, 5e-5)),
    "novaseq": Ranges(
        (100, 150, 151), (36, 38), (2, 8), (3, 7), (2, 12, 23, 37), (0.6, 1.6), (5e-6, 5e-5)
    ),
    "miseq": Ranges((200, 250), (36, 38), (9, 17), (2, 5), (), (0.8, 2.0), (1e-5, 1e-4)),
    "ga2": Ranges((100,), (32, 36), (11, 19), (3, 7), (), (1.0, 3.0), (2e-5, 2e-4)),
    "bgi": Ranges((100, 150), (33, 37), (1, 6), (2, 6), (), (0.7, 2.0), (1e-5, 1e-4)),
    "sharp": Ranges((150,), (40, 44), (0, 5), (1, 3), (), (0.6, 3.0), (2e-6, 2e-5)),
    "flat": Ranges((100, 150, 200), (17, 38), (0, 0), (0, 0), (), (0.5, 3.0), (1e-5, 1e-4)),
    "short": Ranges((35, 36, 50, 75), (32, 38), (5, 14), (2, 5), (), (0.8, 2.0), (5e-6, 5e-5)),
    "binned4": Ranges(
        (125, 200, 250), (33, 39), (3, 12), (2, 6), (2, 15, 27, 40), (0.6, 2.0), (5e-6, 8e-5)
    ),
}
"""The last one is kept for the held-out test (design.py)."""


@dataclass(frozen=True)
class Profile:
    """A profile as drawn for one sample."""

    read_length: int
    means: NDArray[np.float32]
    """Mean quality a mate and cycle, [2, read_length]."""
    spread: float
    read_spread: float
    bins: tuple[int, ...]
    scale: float
    indels: float
    spectrum: NDArray[np.float64]
    """Cumulative share of the wrong bases for each true one, [4, 4]."""
    bad_reads: float
    """Share of reads with ten times the errors, without saying so."""
    tails: float
    """Share of reads whose quality breaks down before the end."""

    def qualities(self, rng: Generator, n: int, mate: int) -> NDArray[np.int16]:
        """Stated qualities of n reads, [n, read_length], before rounding into bins."""
        length = self.read_length
        noise = rng.normal(0, 1, (n, length)).astype(np.float32)
        noise[:, 1:] = 0.8 * noise[:, 1:] + 0.6 * noise[:, :-1]
        level = rng.normal(0, self.read_spread, (n, 1)).astype(np.float32)
        quality = self.means[mate][None] + level + self.spread * noise
        broken = rng.random(n) < self.tails
        since = rng.integers(length // 3, length, n)
        tail = broken[:, None] & (np.arange(length)[None] >= since[:, None])
        quality[tail] = rng.integers(2, 9, int(tail.sum()))
        whole: NDArray[np.int16] = np.clip(np.rint(quality), 2, 45).astype(np.int16)
        return whole

    def binned(self, quality: NDArray[np.int16]) -> NDArray[np.uint8]:
        """Qualities as the machine writes them."""
        if not self.bins:
            return quality.astype(np.uint8)
        bins = np.array(self.bins)
        table = bins[np.abs(np.arange(64)[:, None] - bins[None]).argmin(1)]
        written: NDArray[np.uint8] = table[quality].astype(np.uint8)
        return written

    def misread(self, rng: Generator, bases: Codes) -> Codes:
        """What wrong bases are read for these."""
        draw = rng.random(len(bases))
        read: Codes = (draw[:, None] > self.spectrum[bases]).sum(1).astype(np.uint8)
        return read


def draw_profile(rng: Generator, name: str) -> Profile:
    """A profile within the ranges of PROFILES[name]."""
    ranges = PROFILES[name]
    length = int(rng.choice(ranges.lengths))
    cycles = np.linspace(0, 1, length)
    first, drop = rng.uniform(*ranges.first), rng.uniform(*ranges.drop)
    bend = rng.uniform(1.2, 3)
    means = np.stack([first - drop * cycles**bend, first - drop * 1.3 * cycles**bend])
    means[:, :5] -= 0.08 * drop  # the first cycles are a little worse
    spectrum = rng.dirichlet(np.full(4, 2.0), 4)
    np.fill_diagonal(spectrum, 0)
    spectrum /= spectrum.sum(1, keepdims=True)
    return Profile(
        read_length=length,
        means=means.astype(np.float32),
        spread=rng.uniform(*ranges.spread),
        read_spread=float(rng.uniform(0.3, 1.5)) if ranges.spread[1] else 0.0,
        bins=ranges.bins,
        scale=rng.uniform(*ranges.scale),
        indels=float(np.exp(rng.uniform(*np.log(ranges.indels)))),
        spectrum=np.cumsum(spectrum, 1),
        bad_reads=float(rng.uniform(0.002, 0.03)),
        tails=float(rng.uniform(0, 0.08)),
    )
