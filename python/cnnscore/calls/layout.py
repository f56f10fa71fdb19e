"""Where the records of an indexed call file lie, contig by contig, and where it may be cut."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from cnnscore.calls.htslib import ffi, lib
from cnnscore.errors import call


@dataclass(frozen=True)
class Extent:
    """The records of one contig. Places are bytes of the file, and rise from record to record."""

    name: str
    records: int | None
    """None: the index does not count them (as those that GATK writes)."""
    begin: float
    end: float


class Layout:
    """An indexed call file as its index tells of it; native/records/layout.c.

    `contigs` are those that have records, in the order of the file. Errors: BadInput for a stream,
    and for a file that has no index, or one that is damaged or of another file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        handle = ffi.new("cnnscore_layout **")
        call(ffi, lib.cnnscore_layout_open, os.fsencode(path), handle)
        self._handle = ffi.gc(handle[0], lib.cnnscore_layout_close)
        self.contigs: list[Extent] = []
        extent = ffi.new("cnnscore_extent *")
        while True:
            name = lib.cnnscore_layout_contig(self._handle, len(self.contigs), extent)
            if name == ffi.NULL:
                break
            records = None if extent.records < 0 else int(extent.records)
            text = ffi.string(name).decode("utf-8", "surrogateescape")
            self.contigs.append(Extent(text, records, extent.begin, extent.end))

    def density(self) -> float:
        """Bytes of the file per record, among the first ones; 0.0 where there is none.

        Errors: BadInput for damaged records.
        """
        found = ffi.new("double *")
        call(ffi, lib.cnnscore_layout_density, self._handle, found)
        return float(found[0])

    def cut(self, contig: int, place: float) -> tuple[int, float] | None:
        """The first position (0-based) of `contigs[contig]`, of a record at `place` or later, that
        no earlier record's REF reaches, and the place of that record; None: there is none.

        Errors: BadInput for damaged records.
        """
        position, found = ffi.new("int64_t *"), ffi.new("double *")
        call(ffi, lib.cnnscore_layout_cut, self._handle, contig, place, position, found)
        return None if position[0] < 0 else (int(position[0]), float(found[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        ffi.release(self._handle)
