"""Reads whose bases are changed at chosen places; the rule is that of native/plant/plant.h."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.htslib import ffi, lib
from cnnscore.errors import call

MOST_BASES: int = lib.CNNSCORE_PLANT_MOST
"""Bases that one change can remove or insert."""


@dataclass(frozen=True, eq=False)
class ReadChanges:
    """N places where reads of a haplotype are changed, ascending in each contig. Bases are ASCII
    capitals; rows are filled up with zeros.
    """

    contigs: Sequence[str]
    """[C] names."""
    begin: NDArray[np.int64]
    """[C+1] changes of each contig."""
    pos: NDArray[np.int64]
    """[N] 0-based, in the sequence that the reads are aligned to: the first base that goes, or
    before which others come.
    """
    removed: NDArray[np.uint8]
    """[N, MOST_BASES] the bases that go."""
    inserted: NDArray[np.uint8]
    """[N, MOST_BASES] those that come."""
    haplotype: NDArray[np.uint8]
    """[N] 0 or 1."""


@dataclass(frozen=True)
class ChangedReads:
    """What was written."""

    reads: int
    changed: int


def change_reads(path: Path, output: Path, changes: ReadChanges, seed: int) -> ChangedReads:
    """Write the reads of a BAM as FASTQ, those of the chosen haplotypes changed.

    Errors: BadInput for a damaged file, a read without bases or qualities; BadOutput.
    """
    names = [ffi.new("char[]", os.fsencode(name)) for name in changes.contigs]
    columns = {
        "begin": ("int64_t *", np.int64, changes.begin),
        "pos": ("int64_t *", np.int64, changes.pos),
        "n_removed": ("int32_t *", np.int32, (changes.removed != 0).sum(axis=1)),
        "n_inserted": ("int32_t *", np.int32, (changes.inserted != 0).sum(axis=1)),
        "removed": ("uint8_t *", np.uint8, changes.removed),
        "inserted": ("uint8_t *", np.uint8, changes.inserted),
        "haplotype": ("uint8_t *", np.uint8, changes.haplotype),
    }
    given = ffi.new("cnnscore_changes *")
    given.struct_size = ffi.sizeof("cnnscore_changes")
    given.n_contigs = len(names)
    contigs = ffi.new("char *[]", names)
    given.contigs = contigs
    given.seed = seed
    arrays = {}
    for field, (kind, dtype, column) in columns.items():
        arrays[field] = np.ascontiguousarray(column, dtype)  # alive until the call has ended
        setattr(given, field, ffi.cast(kind, arrays[field].ctypes.data))
    done = ffi.new("cnnscore_changed_reads *")
    call(ffi, lib.cnnscore_change_reads, os.fsencode(path), os.fsencode(output), given, done)
    return ChangedReads(done.reads, done.changed)
