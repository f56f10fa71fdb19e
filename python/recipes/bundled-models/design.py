"""The samples: which genome, reads, artefacts and callers each has, all drawn from one seed.

Training and validation samples take strengths of 0.25-0.55, 0.7-1.0 and 1.3-1.6; test samples take
the gaps between them (mixtures: 0.45 of it, which training knows), chr21 beyond 8.1 Mb, seeds of
their own and a profile that training never sees. A sample carries one family, or a mixture of 4-7,
or none; `families` names them, so that any family or profile can be left out of training.

Beside the held-out samples stand two kinds with one question each: `near` (clean, true variants
beside each other everywhere), and pairs of `whole` and `capture`: one individual with one set of
artefacts, sequenced whole and by capture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np

from artefact import Artefact
from cut_ends import Adapter
from duplicated import DispersedCopies, Retrocopy, SegmentalDuplication, TandemCopies
from learnt import LEARNT
from molecule_artefacts import Chimera, ContextErrors, Deamination, Oxidation, Stutter
from profiles import PROFILES
from rearranged import Breakpoints
from sample_artefacts import Contamination, Duplicates, LowComplexity, Paralogue, UnevenDepth

FAMILIES: dict[str, type[Artefact]] = {
    artefact.family: artefact
    for artefact in (
        Paralogue,
        ContextErrors,
        Stutter,
        Oxidation,
        Deamination,
        Chimera,
        LowComplexity,
        Contamination,
        Duplicates,
        UnevenDepth,
        SegmentalDuplication,
        Retrocopy,
        DispersedCopies,
        TandemCopies,
        Breakpoints,
        Adapter,
    )
}
HELD_OUT_PROFILE = "binned4"
TAUGHT = ((0.25, 0.55), (0.7, 1.0), (1.3, 1.6))
"""Strengths that training may use."""

# Where the real sequence comes from: contig, start, end, of which split. GRCh38 chr20 beyond
# 9.9 Mb is left alone: b37 20:9.995-11.095M, where networks are tested, begins near there.
REGIONS = {
    "train": (("chr20", 100_000, 8_300_000), ("chr21", 5_220_000, 8_040_000)),
    "valid": (("chr20", 8_300_000, 9_900_000),),
    "test": (("chr21", 8_105_000, 10_000_000),),
}
HELD_OUT = ("test", "near", "whole", "capture")
PREFIX = {"train": "t", "valid": "v", "test": "h", "near": "n", "whole": "w", "capture": "c"}
NEAR = (1 / 5000, 1 / 700)
"""Groups of true variants beside each other, per base (neighbours.py)."""
CAPTURED = 0.2
"""Part of the training samples whose depth is that of capture or of a panel."""


@dataclass(frozen=True)
class Sample:
    """One simulated sample; see simulate.py for what the fields do."""

    name: str
    split: str
    seed: int
    families: dict[str, float]
    """Family -> strength; none: a clean sample."""
    profile: str
    contig: str
    """Of the real sequence, or empty: a random genome of GC content `gc`."""
    start: int
    length: int
    gc: float
    ploidy: int
    density: float
    """Random variants per base, on top of the real ones of the region."""
    depth: float
    insert: tuple[float, float]
    thresholds: dict[str, str]
    """Caller -> its options."""
    near: float
    """Groups of true variants beside each other, per base."""
    capture: str
    """`exome` or `panel`: `depth` is that of the highest peaks (capture.py); or empty."""


def strength(rng: np.random.Generator, split: str) -> float:
    """A strength that the split may use."""
    if split in HELD_OUT:
        return float(rng.choice([rng.uniform(0.57, 0.68), rng.uniform(1.02, 1.25)]))
    return float(rng.choice([rng.uniform(low, high) for low, high in TAUGHT]))


def draw_thresholds(rng: np.random.Generator, ploidy: int) -> dict[str, str]:
    """Loose options of each caller."""
    fraction = rng.choice([0.05, 0.1, 0.15])
    return {
        "haplotypecaller": f"-stand-call-conf {rng.choice([0, 2, 5, 10])}",
        "freebayes": f"-F {fraction} -C 2 --min-base-quality {rng.choice([0, 5])}",
        "bcftools": f"-P {rng.choice([0.0011, 0.01, 0.05])} --ploidy {ploidy}",
        "mpileup": f"-q {rng.choice([0, 1])} -Q {rng.choice([1, 13])}"
        + (" -B" if rng.random() < 0.3 else ""),
    }


def draw_depth(rng: np.random.Generator, split: str, families: tuple[str, ...]) -> float:
    """Mostly 8-75x, some much deeper, some where single reads decide."""
    depth = float(np.exp(rng.uniform(np.log(8), np.log(75))))
    if rng.random() < 0.12:
        depth = float(rng.uniform(75, 200))
    if rng.random() < 0.12:
        depth = float(rng.uniform(3, 10))
    if split == "train" and not families and rng.random() < 0.5:
        depth = float(rng.uniform(3, 12))
    return depth


def draw_sample(
    rng: np.random.Generator,
    name: str,
    split: str,
    families: tuple[str, ...],
    config: dict[str, Any],
    next_start: dict[tuple[str, str], int],
) -> Sample:
    """One sample; `next_start` remembers where the next piece of real sequence begins."""
    depth = draw_depth(rng, split, families)
    capture, near = "", float(np.exp(rng.uniform(*np.log(NEAR))))
    bases = config["bases"]
    if split in ("train", "valid") and rng.random() < CAPTURED:  # few bases of many are read
        capture, depth = str(rng.choice(["exome", "panel"])), float(rng.uniform(30, 200))
        bases = 100_000 * depth
    elif split == "whole":
        depth, bases = 60.0, 200_000 * 60.0
    elif split == "near":
        depth, near = float(rng.uniform(25, 45)), 1 / 500
    scale = config["scale"] * config["sizes"][split]
    length = max(int(np.clip(bases / depth, 70_000, 280_000) * scale), 12_000)
    mixture = len(families) > 1
    strengths = {
        family: round(strength(rng, split) * (0.45 if mixture else 1.0), 3) for family in families
    }
    names = [profile for profile in (*PROFILES, *LEARNT) if profile != HELD_OUT_PROFILE]
    profile = str(rng.choice(names))
    if split in HELD_OUT and rng.random() < 0.3:
        profile = HELD_OUT_PROFILE
    ploidy = 1 if rng.random() < 0.18 and split != "near" else 2
    contig, start = "", 0
    regions = REGIONS["test" if split in HELD_OUT else split]
    if rng.random() < 0.6:
        weights = np.array([end - begin for _, begin, end in regions], float)
        region = regions[int(rng.choice(len(regions), p=weights / weights.sum()))]
        contig = region[0]
        start = next_start.setdefault((split, contig), region[1])
        if start + 2 * length > region[2]:  # used up: begin anew, other variants and reads
            start = region[1] + int(rng.integers(0, 50_000))
        next_start[split, contig] = start + length
    mean = float(rng.uniform(220, 550))
    return Sample(
        name=name,
        split=split,
        seed=int(rng.integers(1 << 31)),
        families=strengths,
        profile=profile,
        contig=contig,
        start=start,
        length=length,
        gc=round(float(rng.uniform(0.30, 0.65)), 3),
        ploidy=ploidy,
        density=float(np.exp(rng.uniform(np.log(1 / 700), np.log(1 / 180)))),
        depth=round(depth, 1),
        insert=(round(mean, 1), round(float(rng.uniform(15, 110)), 1)),
        thresholds=draw_thresholds(rng, ploidy),
        near=near,
        capture=capture,
    )


def plan(counts: list[dict[str, int]], seed: int, prefix: str) -> list[tuple[str, ...]]:
    """The families of each sample of a split, from its blocks in config.toml."""
    planned: list[tuple[str, ...]] = []
    everything, mixtures = tuple(FAMILIES), 0
    for block in counts:
        planned += [(family,) for family in FAMILIES for _ in range(block.get("each_family", 0))]
        planned += [()] * block.get("clean", 0)
        for _ in range(block.get("mixture", 0)):
            rng = np.random.default_rng([seed, ord(prefix), 1000 + mixtures])
            chosen = rng.permutation(len(FAMILIES))[: int(rng.integers(4, 8))]
            planned.append(tuple(everything[i] for i in sorted(chosen)))
            mixtures += 1
    return planned


def design(config: dict[str, Any]) -> list[Sample]:
    """All samples of a configuration (config.toml)."""
    samples: list[Sample] = []
    for split, prefix in PREFIX.items():
        next_start: dict[tuple[str, str], int] = {}
        families_of = plan(config["samples"].get(split, []), config["seed"], prefix)
        for number, families in enumerate(families_of, 1):
            rng = np.random.default_rng([config["seed"], ord(prefix), number])
            name = f"{prefix}{number:02d}"
            samples.append(draw_sample(rng, name, split, families, config, next_start))
    captured = [
        replace(sample, name=f"c{sample.name[1:]}", split="capture", capture=kind)
        for sample, kind in zip(
            (s for s in samples if s.split == "whole"), cycle(("exome", "panel"))
        )
    ]
    return samples + captured
