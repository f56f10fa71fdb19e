"""A sample's genotypes -> which alleles it carries, and how often.

All of it starts from `Records.dosage(partial=True)`: how often a genotype holds each allele. A file
without samples, or whose header declares no GT, has no genotypes: each ALT is a call of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput

NOT_CARRIED, HET, HOM, NO_GENOTYPE = 1, 2, 4, 8
"""What a genotype says of an allele. A set: `./1` is HET or HOM, 6; several records join theirs."""


def sample_column(calls: Calls, sample: str | None) -> int:
    """The sample column to take; 0 for a file without samples, which then has no genotypes.

    Errors: BadInput for an unknown sample, or several and none named.
    """
    names = calls.sample_names
    if sample is not None:
        if sample not in names:
            raise BadInput(
                f"{calls.path} has no sample {sample}; it has {', '.join(names) or 'none'}"
            )
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


def zygosity(sites: WindowBatch, dosage: NDArray[np.int8]) -> NDArray[np.uint8]:
    """[alleles] HOM when every copy of a record's genotype is the allele (so in haploids), HET when
    some are, else NOT_CARRIED; HET | HOM when the copies that are not known decide it, NO_GENOTYPE
    when none is known to be the allele.
    """
    if not len(sites):
        return np.zeros(0, np.uint8)
    is_part = dosage < 0
    known = np.where(is_part, -1 - dosage.astype(np.int64), dosage)
    total = np.add.reduceat(known, sites.site_allele[:-1])
    alone = known == np.repeat(total, np.diff(sites.site_allele))
    whole = np.where(known == 0, NOT_CARRIED, np.where(alone, HOM, HET))
    part = np.where(known == 0, NO_GENOTYPE, np.where(alone, HET | HOM, HET))
    return np.where(is_part, part, whole).astype(np.uint8)
