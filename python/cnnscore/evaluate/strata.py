"""Calls -> strata: genotype, depth, sequence context, allele length, BED files.

Each function gives [N] indices into its names. A call without the value is in the last stratum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.record_types import HET, HOM
from cnnscore.truth.alleles import Alleles

GENOTYPES = ("het", "hom", "other")
DEPTHS = ("0-9", "10-19", "20-29", "30-49", "50-99", "100 and more", "not known")
_DEPTH_EDGES = (10, 20, 30, 50, 100)
CONTEXTS = (
    "homopolymer 10 and longer",
    "homopolymer 6-9",
    "repeat of 2-6 bases, 10 and longer",
    "other sequence",
    "not known",
)
LENGTHS = (
    "SNP",
    "insertion 1",
    "insertion 2-5",
    "insertion 6-15",
    "insertion over 15",
    "deletion 1",
    "deletion 2-5",
    "deletion 6-15",
    "deletion over 15",
)
_LENGTH_EDGES = (2, 6, 16)

Index = NDArray[np.int8]

# The reference columns around a position that its context is taken from.
CONTEXT_LEFT, CONTEXT_WIDTH = 40, 81
_LONGEST_UNIT = 6


def genotype(zygosity: NDArray[np.uint8]) -> Index:
    """Zygosities (record_types.py) -> index into GENOTYPES."""
    return np.select([zygosity == HET, zygosity == HOM], [0, 1], 2).astype(np.int8)


def depth(reads: NDArray[np.float64]) -> Index:
    """Reads over the site (NaN = missing) -> index into DEPTHS."""
    index = np.digitize(reads, _DEPTH_EDGES)
    return np.where(np.isnan(reads), len(DEPTHS) - 1, index).astype(np.int8)


def length(alleles: Alleles) -> Index:
    """Normalised alleles -> index into LENGTHS; a complex allele by its change of length."""
    change = alleles.alt_length - alleles.ref_length
    index = 1 + np.digitize(np.abs(change), _LENGTH_EDGES) + np.where(change < 0, 4, 0)
    return np.where(change == 0, 0, index).astype(np.int8)


def context(reference: NDArray[np.uint8]) -> Index:
    """Reference windows [N, CONTEXT_WIDTH] -> index into CONTEXTS.

    Column CONTEXT_LEFT is the first base that changes. The longest run that touches it, or the base
    before it, decides: first a homopolymer, then a tandem repeat of a unit of 2 to 6 bases (length
    in bases).
    """
    n = len(reference)
    homopolymer = _longest_run(reference, 1)
    repeat = np.zeros(n, np.int64)
    for unit in range(2, _LONGEST_UNIT + 1):
        run = _longest_run(reference, unit)
        repeat = np.maximum(repeat, np.where(run >= 2 * unit, run, 0))
    known = reference[:, CONTEXT_LEFT] != 0
    return np.select(
        [~known, homopolymer >= 10, homopolymer >= 6, repeat >= 10], [4, 0, 1, 2], 3
    ).astype(np.int8)


def _longest_run(reference: NDArray[np.uint8], unit: int) -> NDArray[np.int64]:
    """[N] bases of the longest stretch of period `unit` that touches the middle."""
    known = (reference != 0) & (reference != ord("N"))
    same = (reference[:, :-unit] == reference[:, unit:]) & known[:, :-unit]
    longest = np.zeros(len(reference), np.int64)
    # same[:, i] joins bases i and i + unit. These are the joins of stretches that hold the first
    # base that changes, or the base before it.
    for middle in range(CONTEXT_LEFT - unit - 1, CONTEXT_LEFT + 1):
        right = _leading(same[:, middle:])
        left = _leading(same[:, :middle][:, ::-1])
        run = np.where(right > 0, left + right + unit, 0)
        longest = np.maximum(longest, run)
    return longest


def _leading(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[N] how many columns are True before the first False."""
    count: NDArray[np.int64] = np.where(same.all(axis=1), same.shape[1], np.argmin(same, axis=1))
    return count
