"""Records of many samples -> one site for each carrier; carriers' scores -> annotated records.

A thin face of native/records/cohort.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, from_native
from cnnscore.calls.htslib import ffi, lib
from cnnscore.errors import call

if TYPE_CHECKING:
    from cnnscore.calls.records import Calls, Records
    from cnnscore.description import Description

NUMBER_KEY = "CNN_N"
"""INFO of a record: how many of its carriers have a score."""

COHORT_RECORDS = int(lib.CNNSCORE_COHORT_RECORDS)
"""Most records of one filling of `Records`,"""
COHORT_READS = int(lib.CNNSCORE_COHORT_READS)
"""most fillings of a block, which is in flight as a whole,"""
COHORT_CARRIERS = int(lib.CNNSCORE_COHORT_CARRIERS)
"""and with how many carriers one is full."""


class Carriers:
    """The carriers of some records: samples whose genotype holds an ALT allele that is a sequence.
    Filled again and again.
    """

    def __init__(self) -> None:
        self.handle = ffi.gc(lib.cnnscore_carriers_new(), lib.cnnscore_carriers_free)

    def find(self, records: Records, wanted: NDArray[np.uint8]) -> WindowBatch:
        """Site columns of the carriers among the samples with `wanted` [samples], each as a file
        of its sample alone would have it; in the order of the records. Valid until the records or
        these carriers are filled again. Errors: BadInput naming a malformed record.
        """
        pointer = ffi.cast("const uint8_t *", wanted.ctypes.data)
        call(ffi, lib.cnnscore_carriers_find, self.handle, records.handle, pointer)
        return from_native(ffi, lib.cnnscore_carriers_sites(self.handle), (self, records))

    def samples(self) -> NDArray[np.int32]:
        """[carriers] the sample column of each."""
        columns = lib.cnnscore_carriers_columns(self.handle)
        return np.frombuffer(ffi.buffer(columns.sample, 4 * columns.n), np.int32).copy()

    def records(self) -> NDArray[np.int32]:
        """[carriers] the number of the record of each."""
        columns = lib.cnnscore_carriers_columns(self.handle)
        return np.frombuffer(ffi.buffer(columns.record, 4 * columns.n), np.int32).copy()

    def unread(self, n_samples: int) -> NDArray[np.int64]:
        """[samples] carriers of each sample that is not wanted."""
        columns = lib.cnnscore_carriers_columns(self.handle)
        return np.frombuffer(ffi.buffer(columns.unread, 8 * n_samples), np.int64).copy()

    def numbers(self, records: Records, key: str) -> NDArray[np.float32]:
        """[carriers] FORMAT `key` of each of what was found in `records`; NaN where it has none."""
        values = np.full(self._n(), np.nan, np.float32)
        pointer = ffi.cast("float *", values.ctypes.data)
        name = key.encode()
        call(ffi, lib.cnnscore_carriers_numbers, self.handle, records.handle, name, pointer)
        return values

    def filter(
        self,
        records: Records,
        names: Sequence[str],
        verdict: NDArray[np.int32],
        *,
        clear: bool = False,
        no_calls: bool = False,
    ) -> int:
        """Set FORMAT/FT of `records`: the filters that genotypes have and names[verdict], sorted,
        else PASS; `.` of a genotype that nobody judged. `verdict` [carriers] is -1 for those that
        are kept, below for those not judged. `clear` drops the filters that genotypes come with.
        `no_calls` sets those to missing whose FT names a filter, and counts AC, AN and AF anew
        where a record has them. Returns how many held an allele until then.
        """
        verdict = np.ascontiguousarray(verdict, np.int32)
        keep = [ffi.new("char[]", name.encode()) for name in names]
        texts = ffi.new("char *[]", [*keep, ffi.NULL])
        fields: dict[str, object] = {
            "struct_size": ffi.sizeof("cnnscore_genotype_filtering"),
            "names": ffi.cast("const char *const *", texts),
            "verdict": ffi.cast("const int32_t *", verdict.ctypes.data),
            "clear": clear,
            "no_calls": no_calls,
        }
        native = ffi.new("cnnscore_genotype_filtering *", fields)
        return call(ffi, lib.cnnscore_carriers_filter, self.handle, records.handle, native)

    def _n(self) -> int:
        return int(lib.cnnscore_carriers_columns(self.handle).n)


def site_score(scores: NDArray[np.float32]) -> float:
    """The log-odds that a site is real, of its carriers' [n]; NaN are left out (cohort.h)."""
    column = np.array(scores, np.float32)
    return float(lib.cnnscore_site_score(ffi.cast("float *", column.ctypes.data), len(column)))


def check_network(network: Description) -> None:
    """Errors: UsageError for a network that cannot score carriers."""
    names = network.model.encode(), network.annotations_from.encode()
    call(ffi, lib.cnnscore_check_cohort_network, names[0], network.needs_reads, names[1])


def check_carriers(calls: Calls, carriers: int, scored: int) -> None:
    """Errors: BadInput where there were carriers to score, and none has a score."""
    call(ffi, lib.cnnscore_check_carriers, calls.handle, carriers, scored)


def short_reads_warning(calls: Calls, lengths: Mapping[int, tuple[int, int]]) -> str | None:
    """What to say of samples most of whose reads are short. `lengths`: of sample columns the reads
    that count, and how many of these are too short (`ReadCounts`).
    """
    from cnnscore.calls.records import warning_of

    columns = np.zeros((2, calls.samples), np.int64)
    for sample in range(calls.samples):
        columns[:, sample] = lengths.get(sample, (0, 0))
    counted, too_short = (ffi.cast("const int64_t *", column.ctypes.data) for column in columns)
    return warning_of(lib.cnnscore_warn_of_short_reads, calls.handle, counted, too_short)


def carriers_warning(carriers: int, empty: int) -> str | None:
    """What to say where most carriers have no read over their site."""
    from cnnscore.calls.records import warning_of

    return warning_of(lib.cnnscore_warn_of_carriers, carriers, empty)
