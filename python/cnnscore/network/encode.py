"""WindowBatch -> the planes that a network's graph takes.

A thin face of native/encode (rules: docs/reference/encodings.md). Each encoding says what its
windows must hold and fills the inputs of its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnscore._encode import ffi, lib
from cnnscore.batch import WindowBatch, to_native
from cnnscore.errors import call
from cnnscore.network.providers import multiple

if TYPE_CHECKING:
    from cnnscore._encode import CData

Planes = dict[str, NDArray[Any]]  # uint8 or float32, by the name

CIGAR_LETTERS = str(ffi.string(lib.cnnscore_cigar_letters()).decode())
READ_LETTERS = str(ffi.string(lib.cnnscore_read_letters()).decode())
"""BAM's own codes of bases, 0-15."""
READ_N = READ_LETTERS.index("N")
READ_GAP, READ_NONE = lib.CNNSCORE_READ_GAP, lib.CNNSCORE_READ_NONE
"""Codes of a read's cell beside BAM's own, of which READ_N is one: a gap in it, no read there."""
READ_SPAN = lib.CNNSCORE_READ_SPAN
"""A bit of the same cells: what a read says of all its columns (flags, MAPQ) counts there."""
REFERENCE_GAP = lib.CNNSCORE_REF_GAP
REFERENCE_ANY, REFERENCE_NONE = lib.CNNSCORE_REF_ANY, lib.CNNSCORE_REF_NONE
"""Codes of the reference beside A C G T = 0-3: an insertion in a read, any base, none."""

READ_SCALARS = (
    "reverse",
    "mapq",
    "supports_alt",
    "supports_ref",
    "supports_other",
    "likelihood_ratio",
    "base_quality",
    "distance_5",
    "distance_3",
    "mismatches",
    "mismatches_q20",
    "mismatches_near",
    "indels",
    "indels_near",
    "clipped_fraction",
    "clip_near",
    "proper_pair",
    "mate_elsewhere",
    "second_of_pair",
    "spans",
    "mismatches_shared",
)
"""What `read-set` says of a read (F = 21), in this order: docs/reference/encodings.md."""

VARIANT_FEATURES = (
    "snp",
    "insertion",
    "deletion",
    "complex",
    "log_length",
    "transition",
    "purine",
    "cpg",
    "oxidation",
    "homopolymer_left",
    "homopolymer_right",
    "shift",
    "repeat_length",
    "repeat_period",
    "gc",
    "equals_previous",
    "equals_next",
    "multi_allelic",
)
"""What `read-set` and `reference` say of an ALT allele (V = 18), in the order of the planes."""


FROM_READS = {
    "MQ": lib.CNNSCORE_ANNOTATION_MQ,
    "DP": lib.CNNSCORE_ANNOTATION_DP,
    "FS": lib.CNNSCORE_ANNOTATION_FS,
    "SOR": lib.CNNSCORE_ANNOTATION_SOR,
    "MQRankSum": lib.CNNSCORE_ANNOTATION_MQ_RANK_SUM,
    "ReadPosRankSum": lib.CNNSCORE_ANNOTATION_READ_POS_RANK_SUM,
    "BaseQRankSum": lib.CNNSCORE_ANNOTATION_BASE_Q_RANK_SUM,
    "QD": lib.CNNSCORE_ANNOTATION_QD,
    "RO": lib.CNNSCORE_ANNOTATION_RO,
    "AO": lib.CNNSCORE_ANNOTATION_AO,
    "AB": lib.CNNSCORE_ANNOTATION_AB,
    "RelativeDepth": lib.CNNSCORE_ANNOTATION_RELATIVE_DEPTH,
}
"""Annotations that can be worked out from the reads, and their codes in C."""

ANNOTATION_SOURCES = {
    "caller": lib.CNNSCORE_ANNOTATIONS_CALLER,
    "reads": lib.CNNSCORE_ANNOTATIONS_READS,
    "fill": lib.CNNSCORE_ANNOTATIONS_FILL,
}


@dataclass(frozen=True)
class PlaneRows:
    """What is encoded together: rows of planes, each a site, or an ALT allele of a site."""

    site: NDArray[np.int64]
    """[n] indices into the batch, contiguous."""
    allele: NDArray[np.int64]
    """[n] number of the ALT allele, as in GT: 1 is the first; 0 where an encoding sees records."""

    def __len__(self) -> int:
        return len(self.site)

    def __getitem__(self, which: slice | NDArray[np.bool_] | NDArray[np.int64]) -> PlaneRows:
        """Some of the rows, by slice, mask or indices."""
        return PlaneRows(
            np.ascontiguousarray(self.site[which]), np.ascontiguousarray(self.allele[which])
        )


@dataclass(frozen=True)
class PlaneSpec:
    """What a network's manifest says of its planes."""

    window: int
    """Columns of reference around POS."""
    annotations: tuple[str, ...] = ()
    """INFO keys in input order; QUAL is the record's QUAL."""
    annotations_from: str = "caller"
    """A name of ANNOTATION_SOURCES. caller: as the record has them; reads: worked out from the
    reads where cnnscore can (FROM_READS); fill: the same where the record has none."""
    read_step: int = 1
    """gatk-reads: planes have a multiple of so many rows."""


class NativeBatch:
    """A batch as the C encoders take it; made once, encoded in parts."""

    def __init__(self, batch: WindowBatch) -> None:
        self.batch = batch
        self.struct = to_native(ffi, batch)

    def deepest(self, rows: PlaneRows) -> int:
        """Most reads of one of these rows' sites, at least 1."""
        site_read = self.batch.site_read
        return max(int((site_read[rows.site + 1] - site_read[rows.site]).max(initial=0)), 1)

    def check(self) -> None:
        """Check counts, offsets and BAM records of a batch from outside. Errors: BadBatch."""
        call(ffi, lib.cnnscore_batch_check, self.struct)

    def has_parts(self) -> bool:
        """Whether any record holds a part of its read alone. Errors: BadBatch."""
        any_part = ffi.new("int32_t *")
        call(ffi, lib.cnnscore_batch_has_parts, self.struct, any_part)
        return bool(any_part[0])


def _gatk_annotations(native: NativeBatch, rows: PlaneRows) -> NDArray[np.float32]:
    # GATK's networks take 0 for a missing value; their batch normalisation is all the scaling.
    values: NDArray[np.float32] = np.nan_to_num(
        native.batch.annotations[rows.site], nan=0.0, posinf=np.inf, neginf=-np.inf
    )
    return values


def encode_gatk_reference(native: NativeBatch, rows: PlaneRows, spec: PlaneSpec) -> Planes:
    """`gatk-reference` of n sites.

    Returns `reference` uint8 [n, window] and `annotations` float32 [n, A].
    """
    reference = np.empty((len(rows), spec.window), np.uint8)
    call(
        ffi,
        lib.cnnscore_encode_gatk_reference,
        native.struct,
        _int64(rows.site),
        len(rows),
        spec.window,
        _uint8(reference),
    )
    return {"reference": reference, "annotations": _gatk_annotations(native, rows)}


def encode_gatk_reads(native: NativeBatch, rows: PlaneRows, spec: PlaneSpec) -> Planes:
    """`gatk-reads` of n sites, padded to the longest pileup of these (R reads, at least 1), and to
    a multiple of `spec.read_step`.

    Returns `bases` and `quals` uint8 [n, R, window], `rows` uint8 [n, R, 2], `reference` uint8
    [n, window], `annotations` float32 [n, A].
    """
    n, window = len(rows), spec.window
    n_rows = multiple(native.deepest(rows), spec.read_step)
    bases, quals = np.empty((2, n, n_rows, window), np.uint8)
    flags = np.empty((n, n_rows, 2), np.uint8)
    reference = np.empty((n, window), np.uint8)
    call(
        ffi,
        lib.cnnscore_encode_gatk_reads,
        native.struct,
        _int64(rows.site),
        n,
        window,
        n_rows,
        _uint8(bases),
        _uint8(quals),
        _uint8(flags),
        _uint8(reference),
    )
    return {
        "bases": bases,
        "quals": quals,
        "rows": flags,
        "reference": reference,
        "annotations": _gatk_annotations(native, rows),
    }


def padded_depth(depth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows that `read-set` pads sites of these depths to, each by its own depth alone.

    ONNX Runtime sums 20 reads, and 20 reads with 4 empty rows, in a different order: padding to the
    deepest site of a batch would make a score depend on the sites beside it. (Steps of 16 cost an
    eighth of the network's time.)
    """
    return np.maximum(-(-depth // 16), 1) * 16


def encode_read_set(
    native: NativeBatch, rows: PlaneRows, spec: PlaneSpec, *, realign: bool = False
) -> Planes:
    """`read-set` of n ALT alleles, padded to the deepest site of these (R: `padded_depth` of it);
    with `realign`, `read-set-2`: reads that fit neither REF nor ALT are aligned to both.

    Returns `reads` float32 [n, R, F] (READ_SCALARS; zeros beyond a site's reads, whose order is one
    of content), `mask` float32 [n, R] (1 where there is a read), `variant` float32 [n, V]
    (VARIANT_FEATURES), `annotations` float32 [n, A] (NaN = missing). Errors: ValueError when the
    batch has other annotation columns than `spec` names.
    """
    if len(spec.annotations) != native.batch.annotations.shape[1]:
        raise ValueError(
            f"{native.batch.annotations.shape[1]} annotation columns, {len(spec.annotations)} names"
        )
    n, n_reads = len(rows), int(padded_depth(np.array([native.deepest(rows)]))[0])
    reads = np.empty((n, n_reads, len(READ_SCALARS)), np.float32)
    mask = np.empty((n, n_reads), np.float32)
    variant = np.empty((n, len(VARIANT_FEATURES)), np.float32)
    annotations = np.empty((n, native.batch.annotations.shape[1]), np.float32)
    codes = np.array([FROM_READS.get(name, 0) for name in spec.annotations], np.int32)
    wanted = _native_rows(rows, spec)
    wanted.n_reads, wanted.realign = n_reads, realign
    wanted.annotations_from = ANNOTATION_SOURCES[spec.annotations_from]
    wanted.annotation_codes = ffi.cast("const int32_t *", codes.ctypes.data)
    call(
        ffi,
        lib.cnnscore_encode_read_set,
        native.struct,
        wanted,
        _float(reads),
        _float(mask),
        _float(variant),
        _float(annotations),
    )
    return {"reads": reads, "mask": mask, "variant": variant, "annotations": annotations}


def encode_reference(native: NativeBatch, rows: PlaneRows, spec: PlaneSpec) -> Planes:
    """`reference` of n ALT alleles.

    Returns `reference` and `alternate` uint8 [n, window] (A C G T = 0-3, any 5, none 6), `variant`
    float32 [n, V] (VARIANT_FEATURES), `annotations` float32 [n, A] (the record's, NaN = missing).
    """
    n = len(rows)
    reference, alternate = np.empty((2, n, spec.window), np.uint8)
    variant = np.empty((n, len(VARIANT_FEATURES)), np.float32)
    call(
        ffi,
        lib.cnnscore_encode_reference,
        native.struct,
        _native_rows(rows, spec),
        _uint8(reference),
        _uint8(alternate),
        _float(variant),
    )
    annotations = native.batch.annotations[rows.site]
    return {
        "reference": reference,
        "alternate": alternate,
        "variant": variant,
        "annotations": annotations,
    }


def record_rows(native: NativeBatch) -> PlaneRows:
    """One row per site, for encodings that see a record as one."""
    n = len(native.batch)
    return PlaneRows(np.arange(n, dtype=np.int64), np.zeros(n, np.int64))


def allele_rows(native: NativeBatch) -> PlaneRows:
    """One row per ALT allele that can be scored: a sequence of ACGTN that differs from REF.

    Errors: BadBatch when the batch contradicts itself.
    """
    room = max(int(native.batch.site_allele[-1]), 0)
    sites, alleles = np.empty(room, np.int64), np.empty(room, np.int64)
    n = ffi.new("int64_t *")
    call(
        ffi,
        lib.cnnscore_batch_alleles,
        native.struct,
        ffi.cast("int64_t *", sites.ctypes.data),
        ffi.cast("int64_t *", alleles.ctypes.data),
        n,
    )
    return PlaneRows(sites[: n[0]], alleles[: n[0]])


@dataclass(frozen=True)
class Encoding:
    """How sites become a network's inputs, and what their windows must hold for it."""

    name: str
    encode: Callable[[NativeBatch, PlaneRows, PlaneSpec], Planes]
    rows: Callable[[NativeBatch], PlaneRows]
    """All rows of a batch, in site order: record_rows or allele_rows."""
    inputs: frozenset[str]
    """Names of the graph's inputs: what `encode` fills."""
    read_rule: str
    """Which reads count: a name of windows.READ_RULES."""
    shifts: bool = True
    """Whether bases from the right of the window may move into it."""
    annotations_from: tuple[str, ...] = ("caller",)
    """Names of ANNOTATION_SOURCES that it can take, the default first."""

    @property
    def needs_reads(self) -> bool:
        """Whether the encoding looks at reads."""
        return self.read_rule != "none"

    @property
    def by_allele(self) -> bool:
        """Whether rows are ALT alleles, not records."""
        return self.rows is allele_rows

    def reference_columns(self, window: int) -> tuple[int, int]:
        """(columns left of POS, columns in all) that a window batch must hold. Right of POS there
        may be room for what moves in: the shift of GATK's windows at a contig's start, or what
        follows a deletion."""
        return window // 2, window // 2 + window if self.shifts else window


_READ_SET = Encoding(
    "read-set",
    encode_read_set,
    allele_rows,
    frozenset({"reads", "mask", "variant", "annotations"}),
    read_rule="primary",
    shifts=False,
    annotations_from=("fill", "reads", "caller"),
)
ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding(
            "gatk-reference",
            encode_gatk_reference,
            record_rows,
            frozenset({"reference", "annotations"}),
            read_rule="none",
        ),
        Encoding(
            "gatk-reads",
            encode_gatk_reads,
            record_rows,
            frozenset({"bases", "quals", "rows", "reference", "annotations"}),
            read_rule="gatk",
        ),
        _READ_SET,
        replace(_READ_SET, name="read-set-2", encode=partial(encode_read_set, realign=True)),
        Encoding(
            "reference",
            encode_reference,
            allele_rows,
            frozenset({"reference", "alternate", "variant", "annotations"}),
            read_rule="none",
        ),
    )
}


class ReadFields(NamedTuple):
    """What a read's record says of it: `pos` is 0-based, `bases` are ASCII letters [n]."""

    name: str
    flag: int
    mapq: int
    pos: int
    template: int
    cigar: list[tuple[str, int]]
    bases: NDArray[np.uint8]


def read_fields(record: NDArray[np.uint8]) -> ReadFields:
    """Of a BAM record without block_size. Errors: BadBatch."""
    f = ffi.new("cnnscore_read_fields *")
    call(ffi, lib.cnnscore_read_fields_of, _uint8(record), len(record), f)
    bases = np.empty(f.n_bases, np.uint8)
    lib.cnnscore_read_bases(f, _uint8(bases))
    operators = np.frombuffer(ffi.buffer(f.cigar, 4 * f.n_cigar)[:], "<u4").tolist()
    cigar = [(CIGAR_LETTERS[op & 15], op >> 4) for op in operators]
    name = ffi.buffer(f.name, f.name_length)[:].decode("utf-8", "replace")
    return ReadFields(name, f.flag, f.mapq, f.pos, f.template_length, cigar, bases)


def _native_rows(rows: PlaneRows, spec: PlaneSpec) -> CData:
    # The arrays are the caller's: they outlive the call.
    return ffi.new(
        "cnnscore_rows *",
        {
            "sites": _int64(rows.site),
            "alleles": _int64(rows.allele),
            "n": len(rows),
            "window": spec.window,
        },
    )


def _float(array: NDArray[np.float32]) -> CData:
    return ffi.cast("float *", array.ctypes.data)


def _int64(array: NDArray[np.int64]) -> CData:
    if not array.flags.c_contiguous or array.dtype != np.int64:
        raise ValueError("rows must be contiguous int64")
    return ffi.cast("const int64_t *", array.ctypes.data)


def _uint8(array: NDArray[np.uint8]) -> CData:
    return ffi.cast("uint8_t *", array.ctypes.data)
