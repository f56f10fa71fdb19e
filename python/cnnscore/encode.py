"""WindowBatch -> the uint8 planes that a network's graph takes.

A thin face of native/encode (rules: docs/encodings.md). Each encoding says what its windows must
hold and fills the inputs of its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore._encode import ffi, lib
from cnnscore.batch import WindowBatch, to_native
from cnnscore.errors import raise_native

Planes = dict[str, NDArray[Any]]

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
)
"""What `read-set` says of a read (F = 20), in the order of the planes: docs/encodings.md."""

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
    "tract",
    "repeat_length",
    "repeat_period",
    "gc",
    "equals_previous",
    "equals_next",
    "multi_allelic",
)
"""What `read-set` and `reference` say of an ALT allele (V = 18), in the order of the planes."""


@dataclass(frozen=True)
class Rows:
    """What is encoded together: rows of planes, each a site, or an ALT allele of a site."""

    site: NDArray[np.int64]
    """[n] indices into the batch."""
    allele: NDArray[np.int64]
    """[n] number of the ALT allele, as in GT: 1 is the first; 0 where an encoding sees records."""

    def __len__(self) -> int:
        return len(self.site)

    def __getitem__(self, which: Any) -> Rows:
        """Some of the rows, by slice, mask or indices."""
        return Rows(self.site[which], self.allele[which])


@dataclass(frozen=True)
class PlaneSpec:
    """What a network's manifest says of its planes."""

    window: int
    """Columns of reference around POS."""
    annotations: tuple[str, ...] = ()
    """INFO keys in input order; QUAL is the record's QUAL."""
    annotations_from: str = "caller"
    """"caller": as the record has them; "reads": worked out from the reads where cnnscore can;
    "fill": the same where the record has none."""


class NativeBatch:
    """A batch as the C encoders take it; made once, encoded in parts."""

    def __init__(self, batch: WindowBatch) -> None:
        self.batch = batch
        self.struct = to_native(ffi, batch)

    def deepest(self, rows: Rows) -> int:
        """Most reads of one of these rows' sites, at least 1."""
        site_read = self.batch.site_read
        return max(int((site_read[rows.site + 1] - site_read[rows.site]).max(initial=0)), 1)

    def check(self) -> None:
        """Check counts, offsets and BAM records of a batch from outside. Errors: BadBatch."""
        error = ffi.new("cnnscore_error *")
        if lib.cnnscore_batch_check(self.struct, error) != 0:
            raise_native(ffi, error)


def _gatk_annotations(native: NativeBatch, rows: Rows) -> NDArray[np.float32]:
    # GATK's networks take 0 for a missing value; their batch normalisation is all the scaling.
    values: NDArray[np.float32] = np.nan_to_num(
        native.batch.annotations[rows.site], nan=0.0, posinf=np.inf, neginf=-np.inf
    )
    return values


def encode_gatk_reference(native: NativeBatch, rows: Rows, spec: PlaneSpec) -> Planes:
    """`gatk-reference` of n sites.

    Returns `reference` uint8 [n, window] and `annotations` float32 [n, A].
    """
    reference = np.empty((len(rows), spec.window), np.uint8)
    error = ffi.new("cnnscore_error *")
    if (
        lib.cnnscore_encode_gatk_reference(
            native.struct, _int64(rows.site), len(rows), spec.window, _uint8(reference), error
        )
        != 0
    ):
        raise_native(ffi, error)
    return {"reference": reference, "annotations": _gatk_annotations(native, rows)}


def encode_gatk_reads(native: NativeBatch, rows: Rows, spec: PlaneSpec) -> Planes:
    """`gatk-reads` of n sites, padded to the longest pile of these (R reads, at least 1).

    Returns `bases` and `quals` uint8 [n, R, window], `rows` uint8 [n, R, 2], `reference` uint8
    [n, window], `annotations` float32 [n, A].
    """
    n, n_rows, window = len(rows), native.deepest(rows), spec.window
    bases = np.empty((n, n_rows, window), np.uint8)
    quals = np.empty((n, n_rows, window), np.uint8)
    flags = np.empty((n, n_rows, 2), np.uint8)
    reference = np.empty((n, window), np.uint8)
    error = ffi.new("cnnscore_error *")
    if (
        lib.cnnscore_encode_gatk_reads(
            native.struct,
            _int64(rows.site),
            n,
            window,
            n_rows,
            _uint8(bases),
            _uint8(quals),
            _uint8(flags),
            _uint8(reference),
            error,
        )
        != 0
    ):
        raise_native(ffi, error)
    return {
        "bases": bases,
        "quals": quals,
        "rows": flags,
        "reference": reference,
        "annotations": _gatk_annotations(native, rows),
    }


@dataclass(frozen=True)
class Encoding:
    """How sites become a network's inputs, and what their windows must hold for it."""

    name: str
    encode: Callable[[NativeBatch, Rows, PlaneSpec], Planes]
    inputs: frozenset[str]
    """Names of the graph's inputs: what `encode` fills."""
    read_rule: str
    """Which reads count: a name of windows.READ_RULES."""
    sites_per_run: int
    """Sites a network call takes by default: large enough to fill the kernels, small enough for
    the caches (docs/performance.md)."""
    sites_per_job: int
    """Sites a worker reads, encodes and scores at a time."""

    def rows(self, native: NativeBatch) -> Rows:
        """All rows of a batch, in site order."""
        n = len(native.batch)
        return Rows(np.arange(n, dtype=np.int64), np.zeros(n, np.int64))

    @property
    def needs_reads(self) -> bool:
        """Whether the encoding looks at reads."""
        return self.read_rule != "none"

    def reference_columns(self, window: int) -> tuple[int, int]:
        """(columns left of POS, columns in all) that a window batch must hold. Right of POS there
        is room for the shift of windows that a contig's start cuts."""
        return window // 2, window // 2 + window


ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding(
            "gatk-reference",
            encode_gatk_reference,
            frozenset({"reference", "annotations"}),
            read_rule="none",
            sites_per_run=64,
            sites_per_job=512,
        ),
        Encoding(
            "gatk-reads",
            encode_gatk_reads,
            frozenset({"bases", "quals", "rows", "reference", "annotations"}),
            read_rule="gatk",
            sites_per_run=4,
            sites_per_job=128,
        ),
    )
}


def _int64(array: NDArray[np.int64]) -> Any:
    return ffi.cast("const int64_t *", np.ascontiguousarray(array, np.int64).ctypes.data)


def _uint8(array: NDArray[np.uint8]) -> Any:
    return ffi.cast("uint8_t *", array.ctypes.data)
