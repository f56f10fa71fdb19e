"""A sample's genotypes -> which alleles it carries, and how often.

All of it starts from `Records.dosage(partial=True)`: how often a genotype holds each allele. A file
without samples, or whose header declares no GT, has no genotypes: each ALT is a call of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput


def sample_column(calls: Calls, sample: str | None) -> int:
    """The sample column to take; 0 for a file without samples, which then has no genotypes.

    Errors: BadInput for an unknown sample, or several and none named.
    """
    names = calls.sample_names
    if sample is not None:
        calls.check_sample(sample)
        return names.index(sample)
    if len(names) > 1:
        some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise BadInput(f"{calls.path} has {len(names)} samples ({some}): name the one to compare")
    return 0


def has_genotypes(calls: Calls) -> bool:
    """Whether the file has samples, and its header declares their GT."""
    return bool(calls.sample_names) and "GT" in calls.fields("FORMAT")


def carried(dosage: NDArray[np.int8]) -> NDArray[np.bool_]:
    """[alleles] whether the genotype holds the allele, in as far as it is known (`./1` holds 1)."""
    holds: NDArray[np.bool_] = (dosage > 0) | (dosage < -1)
    return holds
