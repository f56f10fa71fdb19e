"""Which network made a score: a header line of a scored file, written by score, read by filter.

##cnnscore_model=<ID=CNN_2D,Model="gatk-2d",Network=...,Version=0.1.0,Cutoffs="SNP:99.0:1.234,...">

ID is the INFO key of the score, Network the SHA-256 of the network's file, and Cutoffs (left out
where the network has none) its manifest's field of that name (network/cutoffs.py); on the line of
a cohort's sites, CNN_SITE, its `site_cutoffs`.
It is written by native/records/checks.c, for the command and the bcftools plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cnnscore.network.cutoffs import BareCutoffs, Cutoffs, read_cutoffs_text

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
    bare_cutoffs: BareCutoffs = field(default_factory=BareCutoffs)


def read_model_lines(header: Iterable[str]) -> dict[str, Provenance]:
    """The networks that header lines tell of, by INFO key."""
    found = {}
    for line in header:
        match = _LINE.match(line)
        if match:
            fields = {name: value.strip('"') for name, value in _FIELD.findall(match[1])}
            key = fields.get("ID", "")
            cutoffs, bare_cutoffs = read_cutoffs_text(fields.get("Cutoffs", ""))
            found[key] = Provenance(
                key=key,
                model=fields.get("Model", ""),
                network=fields.get("Network", ""),
                cutoffs=cutoffs,
                bare_cutoffs=bare_cutoffs,
            )
    return found
