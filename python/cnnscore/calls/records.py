"""VCF/BCF records -> columns of sites, and scores -> annotated VCF/BCF.

A thin face of native/records: the bcftools plugin reads and writes with the same C code, so that
both doors treat a record alike (docs/how-it-works/dataflow.md says why this is not pysam).
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, from_native
from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.score_lines import cohort_keys, score_lines
from cnnscore.description import Description
from cnnscore.errors import UsageError, call

if TYPE_CHECKING:
    from cnnscore._window import CData
    from cnnscore.calls.carriers import Carriers

log = logging.getLogger("cnnscore")


OVERLAPS = ("pos", "record", "variant")
"""What of a record must lie within an interval: its POS, its REF, or what an allele changes. Their
places here are bcftools' numbers for them."""


@dataclass(frozen=True)
class Intervals:
    """Which records: `regions` jump by index and take overlapping records, `targets` stream and
    take records whose POS lies within; each a list in bcftools' notation, or a file's path (BED,
    or lines CHROM, BEG, END). The overlaps change what a record must have within, as in bcftools:
    "pos", "record" or "variant". Errors: UsageError for both a list and a file, or another overlap.
    """

    regions: str | None = None
    regions_file: str | None = None
    targets: str | None = None
    targets_file: str | None = None
    regions_overlap: str = "record"
    targets_overlap: str = "pos"

    def __post_init__(self) -> None:
        for overlap in (self.regions_overlap, self.targets_overlap):
            if overlap not in OVERLAPS:
                raise UsageError(f"overlap {overlap!r}: choose from {', '.join(OVERLAPS)}")
        for kind, name in (("regions", "region"), ("targets", "targets")):
            if getattr(self, kind) and getattr(self, f"{kind}_file"):
                raise UsageError(f"give `{name}=` or `{kind}_file=`, not both")

    def files(self) -> list[str]:
        """The files among them."""
        given = self.regions_file, (self.targets_file or "").removeprefix("^")
        return [name for name in given if name]

    def __str__(self) -> str:
        """For people; empty where nothing was asked for."""
        asked = []
        for kind in ("regions", "targets"):
            if text := getattr(self, f"{kind}_file") or getattr(self, kind):
                asked.append(f"{kind} {text} (overlap: {getattr(self, f'{kind}_overlap')})")
        return ", ".join(asked)


class Records:
    """Some records of a call file with their columns; filled again and again.

    `numbers` and `dosage` need the file open.
    """

    def __init__(self) -> None:
        self.handle = ffi.gc(lib.cnnscore_records_new(), lib.cnnscore_records_free)
        self.lenders: list[Calls] = []  # whose header the native records may look into

    def sites(self) -> WindowBatch:
        """The site columns; valid until the records are filled again."""
        return from_native(ffi, lib.cnnscore_records_sites(self.handle), self)

    def numbers(self, field: str, key: str = "", sample: int = 0) -> NDArray[np.float64]:
        """[alleles] a numeric field over the alleles of `sites()`, NaN = missing.

        `field` is "QUAL", "INFO" or "FORMAT" (of the sample column `sample`). A Number=A field has
        one value per ALT (NaN for REF), Number=R one per allele; of any other the first value
        stands for all alleles of its record.
        """
        values = np.full(self._alleles(), np.nan)
        pointer = ffi.cast("double *", values.ctypes.data)
        kind = ("QUAL", "INFO", "FORMAT").index(field)
        call(ffi, lib.cnnscore_records_numbers, self.handle, kind, key.encode(), sample, pointer)
        return values

    def dosage(self, sample: int = 0, *, partial: bool = False) -> NDArray[np.int8]:
        """[alleles] how often the genotype of a sample column holds each allele; -1 = no GT.

        A genotype that lacks a copy (`./1`) is none, unless `partial`: an allele of which n copies
        are known has -1 - n then.
        """
        values = np.full(self._alleles(), -1, np.int8)
        pointer = ffi.cast("int8_t *", values.ctypes.data)
        call(ffi, lib.cnnscore_records_dosage, self.handle, sample, pointer)
        return values if partial else np.maximum(values, -1)

    def filtered(self) -> NDArray[np.bool_]:
        """[N] whether FILTER holds something other than PASS or `.`."""
        values = np.zeros(len(self.sites()), np.uint8)
        lib.cnnscore_records_filtered(self.handle, ffi.cast("uint8_t *", values.ctypes.data))
        return values.astype(bool)

    def filter_names(self, record: int) -> list[str]:
        """The names in FILTER of a record, in its order; PASS too."""
        return _names(lambda i: lib.cnnscore_records_filter_name(self.handle, record, i))

    def genotype_filtered(self, sample: int) -> NDArray[np.bool_]:
        """[N] whether FORMAT/FT of the column `sample` names a filter."""
        values = np.zeros(len(self.sites()), np.uint8)
        pointer = ffi.cast("uint8_t *", values.ctypes.data)
        call(ffi, lib.cnnscore_records_genotype_filtered, self.handle, sample, pointer)
        return values.astype(bool)

    def _alleles(self) -> int:
        return int(self.sites().site_allele[-1])


class Calls:
    """An open VCF or BCF (`-` is standard input).

    `annotations` are the INFO keys of the annotation columns; `name` is what messages call the
    file; with `sites_only` FORMAT and the samples are not parsed. `reference` is a FASTA whose
    contigs may be named in intervals too. `again` says that the file is read a second time, and its
    intervals were warned of. Errors: BadInput when the file cannot be opened, is
    truncated, or lacks the index that regions need, and for intervals that are none or lie on a
    contig that nobody knows; UsageError for a list of intervals that cannot be read.
    """

    def __init__(
        self,
        path: str,
        *,
        intervals: Intervals | None = None,
        annotations: Sequence[str] = (),
        must_be_sorted: bool = False,
        threads: int = 0,
        name: str | None = None,
        sites_only: bool = False,
        reference: str | None = None,
        again: bool = False,
    ) -> None:
        intervals = intervals or Intervals()
        handle = ffi.new("cnnscore_calls **")
        regions = intervals.regions_file or intervals.regions
        targets = intervals.targets_file or intervals.targets
        keep = [ffi.new("char[]", key.encode()) for key in annotations]
        keys = ffi.new("char *[]", [*keep, ffi.NULL])
        texts = {
            "path": ffi.new("char[]", os.fsencode(path)),
            "regions": ffi.NULL if regions is None else ffi.new("char[]", os.fsencode(regions)),
            "targets": ffi.NULL if targets is None else ffi.new("char[]", os.fsencode(targets)),
            "name": ffi.NULL if name is None else ffi.new("char[]", os.fsencode(name)),
            "reference": ffi.NULL
            if reference is None
            else ffi.new("char[]", os.fsencode(reference)),
        }
        native = ffi.new(
            "cnnscore_calls_options *",
            {
                "struct_size": ffi.sizeof("cnnscore_calls_options"),
                **texts,
                "regions_file": intervals.regions_file is not None,
                "targets_file": intervals.targets_file is not None,
                "regions_overlap": OVERLAPS.index(intervals.regions_overlap),
                "targets_overlap": OVERLAPS.index(intervals.targets_overlap),
                "annotations": ffi.cast("const char *const *", keys),
                "n_annotations": len(annotations),
                # htslib looks targets up in the order of the records.
                "must_be_sorted": must_be_sorted or targets is not None,
                "threads": threads,
                "sites_only": sites_only,
            },
        )
        self.path = name or path
        call(ffi, lib.cnnscore_calls_open, native, handle)
        self.handle = ffi.gc(handle[0], lib.cnnscore_calls_close)
        self._noted = ""
        self._again = again
        self._note()

    @property
    def samples(self) -> int:
        """Number of sample columns."""
        return int(lib.cnnscore_calls_samples(self.handle))

    def has_info(self, key: str) -> bool:
        """Whether the header declares the INFO key."""
        return bool(lib.cnnscore_calls_has_info(self.handle, key.encode()))

    @property
    def sample_names(self) -> list[str]:
        """Names of the sample columns."""
        return _names(lambda i: lib.cnnscore_calls_sample_name(self.handle, i))

    def fields(self, field: str) -> list[str]:
        """IDs of the declared INFO or FORMAT fields (`field` is "INFO" or "FORMAT")."""
        is_format = field == "FORMAT"
        return _names(lambda i: lib.cnnscore_calls_field_name(self.handle, is_format, i))

    def header(self) -> list[str]:
        """The lines of the header, as they are written."""
        text = lib.cnnscore_calls_header(self.handle)
        if text == ffi.NULL:
            raise MemoryError
        lines: str = ffi.string(text).decode("utf-8", "surrogateescape")
        return lines.splitlines()

    def clear_filters(self) -> None:
        """Take all FILTER lines but PASS out of what is written."""
        call(ffi, lib.cnnscore_calls_clear_filters, self.handle)

    def add_header(self, line: str) -> None:
        """Add a `##` line to what is written; it replaces one of the same kind and ID."""
        text = line.encode("utf-8", "surrogateescape")
        call(ffi, lib.cnnscore_calls_add_header, self.handle, text)

    def drop_header(self, line: str) -> None:
        """Take a `##` line, as `header` has it, out of what is written."""
        text = line.encode("utf-8", "surrogateescape")
        call(ffi, lib.cnnscore_calls_drop_header, self.handle, text)

    def check_sample(self, sample: str | None, *, needs_one: bool = False) -> None:
        """Errors: BadInput when there is no column of `sample`; when none was named and there are
        several, though one is needed (`needs_one`): reads are of one sample.
        """
        name = ffi.NULL if sample is None else sample.encode()
        call(ffi, lib.cnnscore_calls_check_sample, self.handle, name, needs_one)

    def samples_warning(self, sample: str | None) -> str | None:
        """What to say where none was named, so that scores stand for several samples."""
        name = ffi.NULL if sample is None else sample.encode()
        return warning_of(lib.cnnscore_calls_warn_of_samples, self.handle, name)

    def check_key(self, key: str, *, overwrite: bool = False) -> None:
        """Errors: BadInput when there is an INFO/key already and it is not to be replaced."""
        call(ffi, lib.cnnscore_calls_check_key, self.handle, key.encode(), overwrite)

    def add_score(self, key: str, description: Description, *, per_allele: bool = False) -> None:
        """Declare the scores that a network writes under `key`: the INFO line, and the line
        ##cnnscore_model that says which network it was (network/provenance.py).
        """
        native, _kept = score_lines(key, description, per_allele)
        call(ffi, lib.cnnscore_calls_add_score, self.handle, native)

    def add_cohort_scores(
        self, keys: Sequence[str], description: Description, *, overwrite: bool = False
    ) -> None:
        """Declare what a network writes of a cohort: `keys` are those of Writer.write_carriers.
        Errors: BadInput where the calls have one of them and it is not to be replaced.
        """
        native, _kept = score_lines(keys[0], description, False)
        names, _texts = cohort_keys(keys)
        call(ffi, lib.cnnscore_calls_add_cohort_scores, self.handle, names, native, bool(overwrite))

    def add_depth(self, key: str, depth: float, *, given: bool) -> None:
        """Declare how deep the sample is that scores under `key` are of; NaN: unknown."""
        call(ffi, lib.cnnscore_calls_add_depth, self.handle, key.encode(), depth, given)

    def read(self, records: Records, limit: int) -> int:
        """Fill `records` with up to `limit` records; 0 at the end.

        Errors: BadInput naming the locus of a truncated or malformed record.
        """
        # Native records look into the calls that they are of: after an error, of either.
        records.lenders.append(self)
        n = call(ffi, lib.cnnscore_calls_read, self.handle, records.handle, limit)
        records.lenders = [self]
        if n == 0:
            self._note()
        return n

    def parse(self, records: Records, lines: bytes) -> int:
        """In place of reading, fill `records` with VCF lines; their number.

        Errors: BadInput for a line that is no record.
        """
        records.lenders.append(self)
        n = call(ffi, lib.cnnscore_calls_parse, self.handle, records.handle, lines, len(lines))
        records.lenders = [self]
        return n

    def _note(self) -> None:
        """Warn of intervals that select less than they seem to, and of a file without records."""
        text = lib.cnnscore_calls_note(self.handle)
        note = "" if text == ffi.NULL else ffi.string(text).decode("utf-8", "replace")
        if note != self._noted and not self._again:
            log.warning("%s", note)
        self._noted = note

    def progress(self) -> float | None:
        """Part of the file that is read, 0-1; None when its size is not known."""
        part = float(lib.cnnscore_calls_progress(self.handle))
        return None if math.isnan(part) else part

    def close(self) -> None:
        """Close the file."""
        ffi.release(self.handle)


class Writer:
    """An output with the header of `calls`; `mode` is htslib's ("w", "wz6", "wb", "wbu"), `name` is
    what messages call it.

    Errors: BadOutput when it cannot be written.
    """

    def __init__(
        self, calls: Calls, path: str | Path, name: str, mode: str, threads: int = 0
    ) -> None:
        handle = ffi.new("cnnscore_writer **")
        self._calls = calls  # its header is what records are written with
        self._handle = ffi.NULL
        names = os.fsencode(path), os.fsencode(name), mode.encode()
        call(ffi, lib.cnnscore_writer_open, calls.handle, *names, threads, handle)
        self._handle = handle[0]

    def write(
        self, records: Records, key: str, scores: NDArray[np.float32], per_allele: bool = False
    ) -> None:
        """Write the records with INFO `key` = scores [N], three decimals; NaN writes no key, an
        empty `key` the records as they are. `per_allele`: a score for each ALT allele of each.
        """
        column = np.ascontiguousarray(scores, np.float32)
        pointer = ffi.cast("const float *", column.ctypes.data)
        write = lib.cnnscore_writer_write_alleles if per_allele else lib.cnnscore_writer_write
        call(ffi, write, self._handle, records.handle, key.encode(), pointer)

    def write_carriers(
        self, records: Records, carriers: Carriers, keys: Sequence[str], scores: NDArray[np.float32]
    ) -> None:
        """Write the records with the scores [carriers] of what `carriers` found in them. `keys` are
        that of FORMAT, and those of INFO for the site's score and the number of scored carriers.
        """
        column = np.ascontiguousarray(scores, np.float32)
        native, _kept = cohort_keys(keys)
        pointer = ffi.cast("const float *", column.ctypes.data)
        handles = self._handle, records.handle, carriers.handle
        call(ffi, lib.cnnscore_writer_write_carriers, *handles, native, pointer)

    def filter(
        self,
        records: Records,
        names: Sequence[str],
        verdict: NDArray[np.int32],
        *,
        clear: bool = False,
        verdict_key: str | None = None,
        sensitivity_key: str | None = None,
        sensitivity: NDArray[np.float32] | None = None,
    ) -> None:
        """Write the records with FILTER set: those they have and names[verdict], sorted, else PASS.

        `verdict` [N] is -1 for records that are kept, -2 for those not judged, which pass, and -3
        for those whose FILTER stays as it is. `clear` drops the filters that records come with.
        With `verdict_key` FILTER stays, and this INFO key says the name or PASS. `sensitivity` [N]
        goes to INFO `sensitivity_key`; NaN writes no key.
        """
        verdict = np.ascontiguousarray(verdict, np.int32)
        keep = [ffi.new("char[]", name.encode()) for name in names]
        texts = ffi.new("char *[]", [*keep, ffi.NULL])
        fields: dict[str, object] = {
            "struct_size": ffi.sizeof("cnnscore_filtering"),
            "names": ffi.cast("const char *const *", texts),
            "verdict": ffi.cast("const int32_t *", verdict.ctypes.data),
            "clear": clear,
        }
        if verdict_key is not None:
            fields["verdict_key"] = keep_key = ffi.new("char[]", verdict_key.encode())
            keep.append(keep_key)
        if sensitivity_key is not None:
            column = np.ascontiguousarray(sensitivity, np.float32)
            fields["sensitivity_key"] = keep_key = ffi.new("char[]", sensitivity_key.encode())
            fields["sensitivity"] = ffi.cast("const float *", column.ctypes.data)
            keep.append(keep_key)
        native = ffi.new("cnnscore_filtering *", fields)
        call(ffi, lib.cnnscore_writer_filter, self._handle, records.handle, native)

    def copy(self, path: str) -> bool:
        """Append the records of another file, whose header declares the same, block by block as
        they are; False, and nothing is written, where the two are compressed in other ways.

        Errors: BadInput when the other is damaged, BadOutput.
        """
        return bool(call(ffi, lib.cnnscore_writer_copy, self._handle, os.fsencode(path)))

    def close(self) -> None:
        """Flush and close. Errors: BadOutput; the output is not whole then."""
        handle, self._handle = self._handle, ffi.NULL
        call(ffi, lib.cnnscore_writer_close, handle)


def check_info_key(key: str) -> None:
    """Errors: UsageError for a text that cannot be an INFO key."""
    call(ffi, lib.cnnscore_check_info_key, key.encode("utf-8", "surrogateescape"))


def is_bed(path: str) -> bool:
    """Whether a file is BED, not FASTA: by its name, or by the columns of its first line."""
    return bool(lib.cnnscore_is_bed(os.fsencode(path)))


def warning_of(function: Callable[..., int], *arguments: object) -> str | None:
    """What `function(*arguments, warning)` of native code warns of."""
    warning = ffi.new("cnnscore_error *")
    if not function(*arguments, warning):
        return None
    return str(ffi.string(warning.message).decode("utf-8", "replace"))


def warnings_of(function: Callable[..., int], *arguments: object) -> Iterator[str]:
    """What `function(*arguments, i, warning)` warns of, for i from 0 on until it has no more."""
    i = 0
    while text := warning_of(function, *arguments, i):
        yield text
        i += 1


def htslib_verbosity(level: int) -> None:
    """0 silences htslib's own messages, 3 shows errors and warnings."""
    lib.cnnscore_htslib_verbosity(level)


def _names(name: Callable[[int], CData]) -> list[str]:
    found: list[str] = []
    while (text := name(len(found))) != ffi.NULL:
        found.append(ffi.string(text).decode("utf-8", "replace"))
    return found
