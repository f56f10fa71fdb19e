"""The cohorts: how many samples each has, which genome, reads and artefacts, drawn from one seed.

Cohorts of the split `valid` fit what is said of a site by its carriers; those of `test` are held
out. Sequence, strengths and the profile that is held out are those of design.py's splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from design import HELD_OUT_PROFILE, REGIONS, strength
from profiles import PROFILES

SHARED = ("paralogue", "low-complexity", "context", "stutter", "chimera")
"""Families whose loci lie in the sequence: every sample of a cohort has them there."""
PRIVATE = ("oxidation", "deamination", "duplicates", "uneven")
"""Families of one library."""
HAVE_PRIVATE, CONTAMINATED = 0.25, 0.2
"""Shares of the samples that have each private family, and some DNA of another sample."""
MIXED = 0.3
"""The strength of a family among several, as a part of that of one alone."""


@dataclass(frozen=True)
class Member:
    """One sample of a cohort."""

    name: str
    depth: float
    insert: tuple[float, float]
    families: dict[str, float]
    """Private family -> strength."""
    contaminant: str
    """The sample whose DNA is in the tube, or empty;"""
    contamination: float
    """and how much of the tube's it is."""


@dataclass(frozen=True)
class Cohort:
    """Some samples of one population; see simulate_cohort.py for what the fields do."""

    name: str
    split: str
    seed: int
    members: tuple[Member, ...]
    trio: bool
    """Whether the last sample is the child of the first, its father, and the second."""
    families: dict[str, float]
    """Shared family -> strength."""
    profile: str
    contig: str
    """Of the real sequence, or empty: a random genome of GC content `gc`."""
    start: int
    length: int
    gc: float
    theta: float
    """Bases at which two haplotypes differ, a base."""
    crossovers: float
    """Mean number in what a parent hands on;"""
    de_novo: float
    """new variants of a child a base. Both far more than people have, whose genomes are longer."""


def draw_members(rng: np.random.Generator, split: str, n: int, depth: float) -> tuple[Member, ...]:
    """n samples around a mean depth."""
    names = [f"s{i:02d}" for i in range(1, n + 1)]
    members = []
    for name in names:
        families = {
            family: round(strength(rng, split) * MIXED, 3)
            for family in PRIVATE
            if rng.random() < HAVE_PRIVATE
        }
        other = str(rng.choice([one for one in names if one != name]))
        contaminated = rng.random() < CONTAMINATED
        members.append(
            Member(
                name=name,
                depth=round(depth * float(np.exp(rng.normal(0, 0.3))), 1),
                insert=(round(rng.uniform(300, 500), 1), round(rng.uniform(40, 110), 1)),
                families=families,
                contaminant=other if contaminated else "",
                contamination=round(rng.uniform(0.03, 0.12), 3) if contaminated else 0.0,
            )
        )
    return tuple(members)


def draw_cohort(number: int, given: dict[str, Any], config: dict[str, Any]) -> Cohort:
    """The cohort `number` of a configuration (cohorts.toml), of which `given` is the entry."""
    rng = np.random.default_rng([config["seed"], number])
    split, n = given["split"], given["samples"]
    length = int(config["bases"] / (n * config["depth"]) * config["scale"])
    length = int(np.clip(length, config["shortest"], config["longest"]))
    contig, start = "", 0
    if given["real"]:
        contig, begin, end = REGIONS[split][0]
        start = int(rng.integers(begin, max(begin + 1, end - length)))
    profiles = [name for name in PROFILES if name != HELD_OUT_PROFILE]
    profile = HELD_OUT_PROFILE if given.get("held_out_profile") else str(rng.choice(profiles))
    return Cohort(
        name=given["name"],
        split=split,
        seed=int(rng.integers(1 << 31)),
        members=draw_members(rng, split, n, config["depth"]),
        trio=given["trio"],
        families={family: round(strength(rng, split) * MIXED, 3) for family in SHARED},
        profile=profile,
        contig=contig,
        start=start,
        length=length,
        gc=round(float(rng.uniform(0.35, 0.6)), 3),
        theta=float(rng.uniform(1 / 1000, 1 / 600)),
        crossovers=config["crossovers"],
        de_novo=config["de_novo"],
    )


def design_cohorts(config: dict[str, Any]) -> list[Cohort]:
    """All cohorts of a configuration (cohorts.toml)."""
    return [draw_cohort(i, given, config) for i, given in enumerate(config["cohorts"], 1)]
