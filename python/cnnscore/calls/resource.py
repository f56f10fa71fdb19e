"""A call file's records -> which of them a resource (known variants, a VCF or BCF) has.

A thin face of native/records/resource.c. The rule is GATK's, as FilterVariantTranches needs it: the
same position and one ALT allele after the shorter REF is extended to the longer; truth.py, which
normalises, is for judging calls. A record whose REF is not the call's is passed over, as known
variants by the million have some; GATK ends there.
"""

from __future__ import annotations

import logging
import os

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.builds import TWO_BUILDS, are_two_builds
from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.records import Records
from cnnscore.errors import BadInput, call

log = logging.getLogger("cnnscore")


class Resource:
    """An open resource, read once, forwards, beside the calls; an index is used where there is one.

    With `ends_at_mismatch` the first record whose REF is as long as the call's and another is an
    error, as in GATK. Errors: BadInput when it cannot be opened or read, is not sorted, or has
    contigs of other lengths than the calls.
    """

    def __init__(self, path: str, *, ends_at_mismatch: bool = False) -> None:
        handle = ffi.new("cnnscore_resource **")
        self.path = path
        call(ffi, lib.cnnscore_resource_open, os.fsencode(path), ends_at_mismatch, handle)
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

    def check_build(self, calls: str) -> None:
        """After the last batch of `calls`: a warning where records were passed over.

        Errors: BadInput when so many REF alleles contradict those of the calls that it is of
        another build.
        """
        counts = ffi.new("cnnscore_resource_counts *")
        first = ffi.string(lib.cnnscore_resource_count(self._handle, counts)).decode()
        if are_two_builds(counts.shared, counts.contradicting):
            raise BadInput(
                f"{self.path} and {calls} disagree on REF at {counts.contradicting:,} of "
                f"{counts.shared:,} shared positions (the first is {first}): {TWO_BUILDS}"
            )
        if counts.mismatching:
            log.warning(
                "at %s of the %s positions that %s shares with the calls, it has records with "
                "another REF, which are passed over (the first is %s)",
                f"{counts.mismatching:,}",
                f"{counts.shared:,}",
                self.path,
                first,
            )

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
