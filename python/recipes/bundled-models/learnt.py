"""Error profiles learnt from real runs, as InSilicoSeq ships them: qualities of each cycle, of
reads that are good or bad as a whole, and which wrong base is read for which.

Beside the drawn ones of profiles.py: another author's, from another's reads. InSilicoSeq is of the
extra `recipe`; it is read, not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genome import Generator
from profiles import Profile

LEARNT = {
    "learnt-miseq": (("miSeq_24", "miSeq_28", "miSeq_32", "miSeq_36"), (150, 200, 250, 300)),
    "learnt-nextseq": (("nextSeq",), (75, 100, 150)),
}
"""Profile -> files of InSilicoSeq, read lengths. Not its HiSeq: networks are tested on that."""
BASES = "ACGT"


@dataclass(frozen=True)
class LearntProfile(Profile):
    """Qualities by the learnt distributions, each cycle's by itself within good and bad reads."""

    shares: NDArray[np.float64]
    """Part of the reads in each class of mean quality, [2 mates, classes]."""
    cumulative: NDArray[np.float32]
    """Distribution of the quality, [2, classes, cycles, qualities]."""

    def qualities(self, rng: Generator, n: int, mate: int) -> NDArray[np.int16]:
        """Stated qualities of n reads, [n, read_length]."""
        classes = rng.choice(self.shares.shape[1], n, p=self.shares[mate])
        drawn = rng.random((n, self.read_length), np.float32)
        quality = np.zeros((n, self.read_length), np.int16)
        for kind in np.unique(classes):
            rows = np.flatnonzero(classes == kind)
            for cycle in range(self.read_length):
                of_cycle = self.cumulative[mate, kind, cycle]
                quality[rows, cycle] = np.searchsorted(of_cycle, drawn[rows, cycle])
        found: NDArray[np.int16] = np.clip(quality, 2, 45)
        return found


def folder() -> Path:
    """InSilicoSeq's profiles. Errors: SystemExit where it is not installed."""
    spec = find_spec("iss")
    if spec is None or spec.origin is None:
        raise SystemExit("the learnt profiles are InSilicoSeq's: pip install 'cnnscore[recipe]'")
    return Path(spec.origin).parent / "profiles"


def draw_learnt(rng: Generator, name: str, profiles: Path | None = None) -> LearntProfile:
    """A profile of LEARNT; how much its qualities are to be believed is drawn."""
    files, lengths = LEARNT[name]
    path = (profiles or folder()) / f"{rng.choice(files)}.npz"
    with np.load(path, allow_pickle=True) as model:
        length = min(int(rng.choice(lengths)), int(model["read_length"]))
        mates = ("forward", "reverse")
        counts = np.array([model[f"mean_count_{mate}"] for mate in mates], float)
        tables = [model[f"quality_hist_{mate}"] for mate in mates]
        substitutions = [dict(cycle) for cycle in model["subst_choices_forward"][:length]]
        indels = [
            float(np.mean([rate for cycle in model[f"{kind}_forward"] for rate in cycle.values()]))
            for kind in ("ins", "del")
        ]
    known = [kind for kind in range(counts.shape[1]) if all(len(table[kind]) for table in tables)]
    levels = max(len(table[kind][0]) for table in tables for kind in known)
    cumulative = np.ones((2, len(known), length, levels), np.float32)
    for mate, table in enumerate(tables):
        for row, kind in enumerate(known):
            of_kind = np.stack([np.asarray(cycle) for cycle in table[kind][:length]])
            cumulative[mate, row, :, : of_kind.shape[1]] = of_kind / of_kind[:, -1:]
    shares = counts[:, known] / counts[:, known].sum(1, keepdims=True)
    spectrum = np.zeros((4, 4))
    for cycle in substitutions:
        for true, (wrong, part) in cycle.items():
            for base, share in zip(wrong, part, strict=True):
                spectrum[BASES.index(true), BASES.index(base)] += share
    spectrum /= spectrum.sum(1, keepdims=True)
    return LearntProfile(
        read_length=length,
        means=np.zeros((2, length), np.float32),
        spread=0.0,
        read_spread=0.0,
        bins=(),
        scale=float(rng.uniform(0.7, 1.5)),
        indels=max(sum(indels), 2e-6),
        spectrum=np.cumsum(spectrum, 1),
        bad_reads=float(rng.uniform(0.0, 0.01)),
        tails=0.0,
        shares=shares,
        cumulative=cumulative,
    )
