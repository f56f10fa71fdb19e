"""Which network made a score: a header line of a scored file, written by score, read by filter.

##cnnscore_model=<ID=CNN_2D,Model="gatk-2d",Network=...,Version=0.1.0,Cutoffs="SNP:99.0:1.234,...">

ID is the INFO key of the score, Network the SHA-256 of the network's file, and Cutoffs (left out
where the network has none) its manifest's field of that name: TYPE:LEVEL:SCORE, comma-separated.
It is written by native/records/checks.c, for the command and the bcftools plugin.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from cnnscore.description import VARIANT_TYPES

Cutoffs = dict[str, dict[float, float]]
"""By type (SNP, INDEL) and level: the score that this percentage of true calls reaches."""

_LINE = re.compile(r"##cnnscore_model=<(.*)>\s*$")
_FIELD = re.compile(r'([^=,]+)=("[^"]*"|[^,]*)')


@dataclass(frozen=True)
class Provenance:
    """The network of one INFO key, as the header tells it."""

    key: str
    model: str
    network: str
    """SHA-256 of the network's file, hex."""
    cutoffs: Cutoffs = field(default_factory=dict)


def read_model_lines(header: Iterable[str]) -> dict[str, Provenance]:
    """The networks that header lines tell of, by INFO key."""
    found = {}
    for line in header:
        match = _LINE.match(line)
        if match:
            fields = {name: value.strip('"') for name, value in _FIELD.findall(match[1])}
            key = fields.get("ID", "")
            found[key] = Provenance(
                key=key,
                model=fields.get("Model", ""),
                network=fields.get("Network", ""),
                cutoffs=_read_cutoffs(fields.get("Cutoffs", "")),
            )
    return found


def cutoffs_text(cutoffs: Cutoffs) -> str:
    """Cut-offs as the header line has them: scores at three decimals, rounded as scores are."""
    return ",".join(
        f"{variant_type}:{level}:{round_score(score):.3f}"
        for variant_type in VARIANT_TYPES
        for level, score in sorted(cutoffs.get(variant_type, {}).items())
    )


def round_score(score: float) -> float:
    """A score at the three decimals that are written, ties to even, and never -0
    (native/records/writer.c)."""
    return round(float(np.float32(score)) * 1000.0) / 1000.0 + 0.0


def _read_cutoffs(text: str) -> Cutoffs:
    cutoffs: Cutoffs = {}
    for item in filter(None, text.split(",")):
        try:
            variant_type, level, score = item.split(":")
            cutoffs.setdefault(variant_type, {})[float(level)] = float(score)
        except ValueError:
            return {}  # not ours, or damaged: as good as none
    sound = all(
        variant_type in VARIANT_TYPES and 0 < level < 100 and math.isfinite(score)
        for variant_type, levels in cutoffs.items()
        for level, score in levels.items()
    )
    return cutoffs if sound else {}
