"""A call file's records -> which of them a resource (known variants, a VCF or BCF) has.

A thin face of native/records/resource.c. The rule is GATK's, as FilterVariantTranches needs it: the
same position and one ALT allele after the shorter REF is extended to the longer; truth.py, which
normalises, is for judging calls.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from cnnscore._window import ffi, lib
from cnnscore.calls.records import Records
from cnnscore.errors import BadInput, call


class Resource:
    """An open resource, read once, forwards, beside the calls; an index is used where there is one.

    Errors: BadInput when it cannot be opened or read, is not sorted, or is of another build of the
    genome (contig lengths, REF bases).
    """

    def __init__(self, path: str) -> None:
        handle = ffi.new("cnnscore_resource **")
        self.path = path
        call(ffi, lib.cnnscore_resource_open, os.fsencode(path), handle)
        self._handle = ffi.gc(handle[0], lib.cnnscore_resource_close)

    def match(self, records: Records, wanted: NDArray[np.bool_], known: NDArray[np.uint8]) -> None:
        """Set known[i] = 1 where wanted[i] and the resource has the record; arrays [N].

        To be called with the batches of one sorted call file in turn.
        """
        wanted = np.ascontiguousarray(wanted, np.bool_)
        arguments = (
            ffi.cast("const uint8_t *", wanted.ctypes.data),
            ffi.cast("uint8_t *", known.ctypes.data),
        )
        call(ffi, lib.cnnscore_resource_match, self._handle, records.handle, *arguments)

    def check_contigs(self, calls: str, contigs: list[str]) -> None:
        """Errors: BadInput when the resource has the calls' `contigs` under other names alone."""
        if any(self._has(contig) for contig in contigs):
            return
        for contig in contigs:
            for other in _other_names(contig):
                if self._has(other):
                    raise BadInput(
                        f"{self.path} calls {other} what {calls} calls {contig}: rename its "
                        "contigs with `bcftools annotate --rename-chrs MAP`, MAP having a line "
                        f'"{other} {contig}" for each'
                    )

    def _has(self, contig: str) -> bool:
        return bool(lib.cnnscore_resource_has_contig(self._handle, contig.encode()))


def _other_names(contig: str) -> list[str]:
    bare = contig.removeprefix("chr")
    mitochondrial = {"M": ["MT", "chrM", "M"], "MT": ["chrM", "MT", "M"]}
    names = mitochondrial.get(bare, [bare, f"chr{bare}"])
    return [name for name in names if name != contig]
