"""A sample's genotypes -> which alleles it carries, and how often.

All of it starts from `Records.dosage(partial=True)`: how often a genotype holds each allele. A file
without samples, or whose header declares no GT, has no genotypes: each ALT is a call of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.record_types import HET, HOM, zygosity
from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput
from cnnscore.truth.alleles import Alleles

OF_CALLS = "name the one to compare with `sample=`"
OF_TRUTH = "take one out (bcftools view -c1 -s NAME), or for evaluate name it with `truth_sample=`"
"""What to do where a file has several samples."""


def sample_column(calls: Calls, sample: str | None, remedy: str = OF_CALLS) -> int:
    """The sample column to take; 0 for a file without samples, which then has no genotypes.

    Errors: BadInput for an unknown sample, or several and none named (with the `remedy`).
    """
    names = calls.sample_names
    if sample is not None:
        calls.check_sample(sample)
        return names.index(sample)
    if len(names) > 1:
        some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise BadInput(f"{calls.path} has {len(names)} samples ({some}): {remedy}")
    return 0


def has_genotypes(calls: Calls) -> bool:
    """Whether the file has samples, and its header declares their GT."""
    return bool(calls.sample_names) and "GT" in calls.fields("FORMAT")


def file_has_genotypes(path: str) -> bool:
    """The same of a file that is not open yet. Errors: BadInput when it cannot be opened."""
    calls = Calls(path)
    try:
        return has_genotypes(calls)
    finally:
        calls.close()


def carried(dosage: NDArray[np.int8]) -> NDArray[np.bool_]:
    """[alleles] whether the genotype holds the allele, in as far as it is known (`./1` holds 1)."""
    holds: NDArray[np.bool_] = (dosage > 0) | (dosage < -1)
    return holds


def zygosity_of(
    sites: WindowBatch, alleles: Alleles, dosage: NDArray[np.int8]
) -> NDArray[np.uint8]:
    """[K] zygosity (record_types.py) of normalised alleles. Two ALT alleles of a record may share
    one, as GT and GC for AT share A>G: it is on every copy that either is on.
    """
    result = zygosity(sites, dosage)[alleles.row]
    several = np.flatnonzero(np.diff(sites.site_allele)[alleles.site] > 2)
    if not len(several):
        return result
    columns = [column[several] for column in (alleles.change, alleles.start, alleles.site)]
    order = np.lexsort(columns)
    new = np.zeros(len(order), bool)
    for column in columns:
        new[1:] |= np.diff(column[order]) != 0
    group, at = np.cumsum(new), several[order]
    known = np.where(dosage < 0, -1 - dosage.astype(np.int64), dosage)
    total = np.add.reduceat(known, sites.site_allele[:-1])[alleles.site[at]]
    copies = np.bincount(group, known[alleles.row[at]])[group]
    whole = np.where(dosage[alleles.row[at]] < 0, HET | HOM, HOM)
    joined = np.where(copies == total, whole, HET)
    of_two = (np.bincount(group)[group] > 1) & (copies > 0)
    result[at[of_two]] = joined[of_two]
    return result
