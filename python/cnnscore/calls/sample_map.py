"""A table of a cohort's samples -> where the reads of each lie.

A thin face of native/records/sample_map.h, which the bcftools plugin reads it with too.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.records import warning_of
from cnnscore.errors import call
from cnnscore.files import absolute_name

if TYPE_CHECKING:
    from cnnscore._window import CData
    from cnnscore.calls.records import Calls


@dataclass(frozen=True)
class SampleReads:
    """A row of the table."""

    sample: str
    reads: tuple[str, ...]
    depth: float | None
    """How deep the sample usually is; None: measured in the reads."""
    row: int
    """Its line in the table, from 1 on."""


class SampleMap:
    """The rows of a table with tabs and without a header line, as GenomicsDBImport's sample name
    map: the sample, its BAM or CRAM files with commas between, and where it is known its depth.
    Relative names are relative to `folder`, or else to where the command runs. Empty lines,
    and those that begin with #, are passed over.

    Errors: BadInput that names the row.
    """

    def __init__(self, path: str, folder: str | None = None) -> None:
        handle = ffi.new("cnnscore_sample_map **")
        call(ffi, lib.cnnscore_sample_map_read, os.fsencode(path), handle)
        self._handle = ffi.gc(handle[0], lib.cnnscore_sample_map_free)
        self.path = path
        n = lib.cnnscore_sample_map_rows(self._handle)
        native = (lib.cnnscore_sample_map_row(self._handle, i) for i in range(n))
        self.rows = [_row(row, folder) for row in native]

    def files(self) -> tuple[str, ...]:
        """The read files of all rows."""
        return tuple(name for row in self.rows for name in row.reads)

    def match(self, calls: Calls) -> tuple[dict[int, SampleReads], str | None]:
        """The rows by the sample column of the calls that each is of, and what to say where samples
        have none. Errors: BadInput for a row of a sample that the calls lack.
        """
        rows = np.full(calls.samples, -1, np.int32)
        pointer = ffi.cast("int32_t *", rows.ctypes.data)
        call(ffi, lib.cnnscore_sample_map_match, self._handle, calls.handle, pointer)
        warning = warning_of(lib.cnnscore_sample_map_warn, self._handle, calls.handle, pointer)
        return {int(i): self.rows[rows[i]] for i in np.flatnonzero(rows >= 0)}, warning


def _row(row: CData, folder: str | None) -> SampleReads:
    def text(of: CData) -> str:
        return os.fsdecode(ffi.string(of))

    names = (text(row.reads[i]) for i in range(row.n_reads))
    return SampleReads(
        text(row.sample),
        tuple(absolute_name(name, folder) if folder else name for name in names),
        None if math.isnan(row.depth) else float(row.depth),
        int(row.row),
    )
