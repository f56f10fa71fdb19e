"""Columns of sites -> WindowBatch: the reference around each site and the reads over it.

A thin face of native/window; files are read by the C library, with the GIL released.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from cnnscore.batch import WindowBatch, from_native, to_native
from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.records import warning_of, warnings_of
from cnnscore.errors import call

if TYPE_CHECKING:
    from cnnscore._window import CData
    from cnnscore.calls.records import Calls
    from cnnscore.description import Description

log = logging.getLogger("cnnscore")

READ_RULES = {
    "none": lib.CNNSCORE_READS_NONE,
    "gatk": lib.CNNSCORE_READS_GATK,
    "primary": lib.CNNSCORE_READS_PRIMARY,
}
BATCH_BYTES = int(lib.CNNSCORE_BATCH_BYTES)
"""A good size of a batch's reads."""
_ANY_SIZE = (1 << 63) - 1
DOWNSAMPLING = {"site": lib.CNNSCORE_DOWNSAMPLE_SITE, "gatk": lib.CNNSCORE_DOWNSAMPLE_GATK}


@dataclass(frozen=True)
class ReaderOptions:
    """What a WindowReader opens, and what of it a site gets.

    `read_rule` is "none", "gatk" or "primary" (native/include/cnnscore.h); `downsampling`, of rule
    "gatk", is "site" (a site's sample depends on the site alone) or "gatk" (GATK's running random
    state: one reader, file order). `reference_left` and `reference_width` are columns. `is_another`
    says that a reader of the same files is open: their indexes are not checked again.
    `whole_reads`: long reads are not cut to what an encoding can see of them
    (docs/reference/encodings.md).
    """

    reference: str | None
    """None: the sample's depth can be measured, and no window read."""
    reads: tuple[str, ...] = ()
    sample: str | None = None
    read_rule: str = "none"
    read_limit: int = 0
    downsampling: str = "site"
    reference_left: int = 64
    reference_width: int = 192
    is_another: bool = False
    whole_reads: bool = False

    @classmethod
    def of_network(
        cls, network: Description, reference: str, reads: Sequence[str], sample: str | None
    ) -> Self:
        """What `network` takes; `reads` and their `sample` only if it looks at reads."""
        return cls(
            reference=reference,
            reads=tuple(reads) if network.needs_reads else (),
            sample=sample if network.needs_reads else None,
            read_rule=network.read_rule,
            read_limit=network.read_limit,
            reference_left=network.reference_left,
            reference_width=network.reference_width,
        )


@dataclass(frozen=True)
class ReadCounts:
    """What a reader has met; fields as in `cnnscore_reader_counts`."""

    reads: int = 0
    unmapped: int = 0
    secondary: int = 0
    duplicate: int = 0
    qc_fail: int = 0
    no_read_group: int = 0
    artificial: int = 0
    other_sample: int = 0
    no_qualities: int = 0
    too_short: int = 0
    sites: int = 0
    sites_sampled: int = 0
    sites_empty: int = 0
    records: int = 0
    with_allele: int = 0

    @property
    def counted(self) -> int:
        """Reads that count."""
        return int(lib.cnnscore_reads_that_count(_native(self)))

    def __add__(self, other: ReadCounts) -> ReadCounts:
        """Counts of two readers of the same files."""
        mine, theirs = vars(self), vars(other)
        return ReadCounts(**{name: mine[name] + theirs[name] for name in mine})

    def __sub__(self, before: ReadCounts) -> ReadCounts:
        """What a reader has met since."""
        mine, theirs = vars(self), vars(before)
        return ReadCounts(**{name: mine[name] - theirs[name] for name in mine})


READS_WITHOUT_GROUP = int(lib.CNNSCORE_READS_WITHOUT_GROUP)
"""When this many reads were seen and none has a read group, none will: fail then, not later."""
SITES_WITHOUT_READS = int(lib.CNNSCORE_SITES_WITHOUT_READS)
"""When no read counts at this many sites, fail if none will, not later."""


_COUNTED = [field.name for field in fields(ReadCounts)]


def _counts(native: CData) -> ReadCounts:
    return ReadCounts(*(getattr(native, name) for name in _COUNTED))


def _native(counts: ReadCounts) -> CData:
    return ffi.new("cnnscore_reader_counts *", vars(counts))


class WindowReader:
    """One set of file handles; used by one thread at a time.

    Errors on opening: BadInput for a missing, truncated or unindexed file, and where no read group
    has the sample.
    """

    def __init__(self, options: ReaderOptions) -> None:
        handle = ffi.new("cnnscore_reader **")
        paths = [ffi.new("char[]", os.fsencode(path)) for path in options.reads]
        path_array = ffi.new("char *[]", [*paths, ffi.NULL])
        reference = (
            ffi.NULL
            if options.reference is None
            else ffi.new("char[]", os.fsencode(options.reference))
        )
        sample = ffi.NULL if options.sample is None else ffi.new("char[]", options.sample.encode())
        native = ffi.new(
            "cnnscore_reader_options *",
            {
                "struct_size": ffi.sizeof("cnnscore_reader_options"),
                "reference": reference,
                "reads": ffi.cast("const char *const *", path_array),
                "n_reads": len(paths),
                "sample": sample,
                "read_rule": READ_RULES[options.read_rule],
                "read_limit": options.read_limit,
                "downsampling": DOWNSAMPLING[options.downsampling],
                "reference_left": options.reference_left,
                "reference_width": options.reference_width,
                "is_another": options.is_another,
                "whole_reads": options.whole_reads,
            },
        )
        call(ffi, lib.cnnscore_reader_open, native, handle)
        self._handle = ffi.gc(handle[0], lib.cnnscore_reader_close)
        self._n_reads = len(paths)

    def read(
        self,
        sites: WindowBatch,
        buffers: WindowBuffers | None = None,
        *,
        first: int = 0,
        most_bytes: int = _ANY_SIZE,
    ) -> WindowBatch:
        """Windows of the site columns of `sites`, which the result shares, from site `first` on:
        all of them, or those up to the one whose reads bring the batch to `most_bytes`.

        Errors: BadInput for an unknown contig, another contig length, a position past the
        contig's end, a REF that differs from the reference, reads that cannot be decoded.
        With `buffers` the result is valid until they are used again.
        """
        buffers = buffers or WindowBuffers()
        call(
            ffi,
            lib.cnnscore_reader_read,
            self._handle,
            to_native(ffi, sites),
            first,
            most_bytes,
            buffers.handle,
        )
        return from_native(ffi, lib.cnnscore_windows_batch(buffers.handle), (buffers, sites))

    def parts(self, sites: WindowBatch, buffers: WindowBuffers) -> Iterator[WindowBatch]:
        """Windows of `sites` as `read` gives them, in batches of bounded size; each is valid until
        the next is asked for.
        """
        first = 0
        while first < len(sites):
            part = self.read(sites, buffers, first=first, most_bytes=BATCH_BYTES)
            yield part
            first += len(part)

    def measure_depth(self) -> float:
        """How many reads usually count at a locus that has any: of the files as a whole, whatever
        sites are read (docs/reference/encodings.md). NaN for a rule other than "primary", and where
        there are too few reads to tell. Errors: BadInput of the files.
        """
        depth = ffi.new("float *")
        call(ffi, lib.cnnscore_reader_measure_depth, self._handle, depth)
        return float(depth[0])

    def set_depth(self, depth: float) -> None:
        """What batches of this reader say of it from now on (`sample_depth`); NaN: nothing."""
        lib.cnnscore_reader_set_depth(self._handle, depth)

    def job_sites(self, most: int) -> int:
        """How many sites make a job: `most`, or fewer of a deep sample, so that the few sites of a
        panel are work for more than one thread.
        """
        return int(lib.cnnscore_reader_job_sites(self._handle, most))

    def counts(self) -> ReadCounts:
        """What this reader has met so far."""
        counts = ffi.new("cnnscore_reader_counts *")
        lib.cnnscore_reader_count(self._handle, counts)
        return _counts(counts)

    def look(self) -> ReadCounts:
        """Whether any read of the files counts, wherever it lies: `sites_empty` is 0 where one
        does. The rest is of the reads that were looked at. Errors: BadInput of the files.
        """
        counts = ffi.new("cnnscore_reader_counts *")
        call(ffi, lib.cnnscore_reader_look, self._handle, counts)
        return _counts(counts)

    def depth_warning(self, depth: float) -> str | None:
        """What to say of a depth that was measured here: it is unknown, or the reads lie in a small
        part of the contigs, as those of a slice do.
        """
        return warning_of(lib.cnnscore_warn_of_depth, self._handle, depth)

    def samples_warning(self, calls: Calls, sample: str | None) -> str | None:
        """What to say where the reads may be of somebody else than the calls: no `sample` was
        named, and the read groups are of several samples, or none is of the calls' one sample.
        """
        name = ffi.NULL if sample is None else sample.encode()
        return warning_of(lib.cnnscore_warn_of_read_samples, calls.handle, self._handle, name)

    def check_read_groups(self, counts: ReadCounts, looker: str, *, enough: int = 1) -> None:
        """`counts` are of all readers of these files; `looker` is who drops reads without a read
        group.

        Errors: BadInput when at least `enough` reads were seen and none has a read group.
        """
        name = looker.encode()
        call(ffi, lib.cnnscore_check_read_groups, self._handle, _native(counts), enough, name)

    def check_reads(
        self, counts: ReadCounts, looked: ReadCounts, looker: str, *, enough: int = 1
    ) -> None:
        """`counts` are of all readers of these files, `looked` what `look` gave, `looker` who
        looks at reads.

        Errors: BadInput when there were `enough` sites and no read counts, at none of them and
        nowhere else.
        """
        counted, elsewhere = _native(counts), _native(looked)
        name = looker.encode()
        call(ffi, lib.cnnscore_check_reads, self._handle, counted, elsewhere, enough, name)

    def check_scores(self, counts: ReadCounts, scored: int, network: Description) -> None:
        """`counts` are of all readers, `scored` sites got a score. Errors: BadInput when the
        network has none for any of the sites that it must have one for.
        """
        texts = network.encoding.encode(), network.model.encode()
        call(ffi, lib.cnnscore_check_scores, _native(counts), scored, *texts)

    def scores_warning(self, counts: ReadCounts, scored: int, network: Description) -> str | None:
        """What to say where it has none for some of them."""
        texts = network.encoding.encode(), network.model.encode()
        return warning_of(lib.cnnscore_warn_of_scores, _native(counts), scored, *texts)

    def reads_warnings(self, counts: ReadCounts) -> Iterator[str]:
        """What to say at the end of reads that did not count."""
        return warnings_of(lib.cnnscore_warn_of_reads, self._handle, _native(counts))

    def contigs(self) -> Iterator[bytes]:
        """Names of the reference's contigs."""
        number = 0
        while (name := lib.cnnscore_reader_contig(self._handle, number)) != ffi.NULL:
            yield ffi.string(name)
            number += 1

    def check_contigs(self) -> None:
        """Errors: BadInput where a contig of the read files has another length than in the
        reference, or a file has none of its contigs: before any site lies on it.
        """
        call(ffi, lib.cnnscore_reader_check_contigs, self._handle)

    def warn_of_indexes(self) -> None:
        """Say which indexes of the reads are older than their files."""
        for number in range(self._n_reads):
            text = lib.cnnscore_reader_note(self._handle, number)
            if text != ffi.NULL:
                log.warning("%s", ffi.string(text).decode("utf-8", "replace"))

    def close(self) -> None:
        """Close the files."""
        ffi.release(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WindowBuffers:
    """Memory that a reader fills; reused from batch to batch by one thread."""

    def __init__(self) -> None:
        self.handle = ffi.gc(lib.cnnscore_windows_new(), lib.cnnscore_windows_free)
