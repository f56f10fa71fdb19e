"""Records of many samples -> one site for each carrier; carriers' scores -> annotated records.

A thin face of native/records/cohort.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, from_native
from cnnscore.calls.htslib import ffi, lib
from cnnscore.errors import call

if TYPE_CHECKING:
    from cnnscore.calls.records import Records

SITE_KEY, NUMBER_KEY = "CNN_SITE", "CNN_N"
"""INFO of a record: the site's score from its carriers', and how many of them have one."""


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


def site_score(scores: NDArray[np.float32]) -> float:
    """The log-odds that at least one carrier is real, of their log-odds [n]; NaN are left out."""
    column = np.array(scores, np.float32)
    return float(lib.cnnscore_site_score(ffi.cast("float *", column.ctypes.data), len(column)))
