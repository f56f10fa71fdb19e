"""Whether two call files are of one build of the genome: REF bases at positions they share."""

from __future__ import annotations

ENOUGH_SHARED_POSITIONS, MOST_DISAGREEING = 5, 0.1
"""Of one build nearly all agree; a few odd records are no other build."""

TWO_BUILDS = (
    "they are of two builds of the genome; lift one over (`CrossMap vcf`, `gatk LiftoverVcf`)"
)


def are_two_builds(shared: int, disagreeing: int) -> bool:
    """Whether so many of the shared positions disagree that no odd records explain it."""
    return shared >= ENOUGH_SHARED_POSITIONS and disagreeing > MOST_DISAGREEING * shared
