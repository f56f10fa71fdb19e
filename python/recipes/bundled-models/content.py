"""What makes the samples: its content stands among the parameters of rules.

A sample is made anew when its design or a line of what makes it is another; not when a file is
merely newer, as after a checkout.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

SIMULATORS = (
    *("simulate", "genome", "neighbours", "reads", "profiles", "learnt", "capture", "artefact"),
    *("sample_artefacts", "molecule_artefacts", "duplicated", "rearranged", "cut_ends"),
)
"""Modules that simulate."""


def content(*modules: str) -> str:
    """A digest of these modules of the recipe."""
    texts = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in modules]
    return hashlib.sha256(b"".join(texts)).hexdigest()
