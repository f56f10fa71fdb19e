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


class NativeBatch:
    """A batch as the C encoders take it; made once, encoded in parts."""

    def __init__(self, batch: WindowBatch) -> None:
        self.batch = batch
        self.struct = to_native(ffi, batch)

    def check(self) -> None:
        """Check counts, offsets and BAM records of a batch from outside. Errors: BadBatch."""
        error = ffi.new("cnnscore_error *")
        if lib.cnnscore_batch_check(self.struct, error) != 0:
            raise_native(ffi, error)


def _annotations(native: NativeBatch, order: NDArray[np.int64]) -> NDArray[np.float32]:
    # GATK's networks take 0 for a missing value; their batch normalisation is all the scaling.
    values: NDArray[np.float32] = np.nan_to_num(
        native.batch.annotations[order], nan=0.0, posinf=np.inf, neginf=-np.inf
    )
    return values


def encode_gatk_reference(native: NativeBatch, order: NDArray[np.int64], window: int) -> Planes:
    """`gatk-reference` of the sites `order` (n indices into the batch).

    Returns `reference` uint8 [n, window] and `annotations` float32 [n, A].
    """
    reference = np.empty((len(order), window), np.uint8)
    error = ffi.new("cnnscore_error *")
    if (
        lib.cnnscore_encode_gatk_reference(
            native.struct, _int64(order), len(order), window, _uint8(reference), error
        )
        != 0
    ):
        raise_native(ffi, error)
    return {"reference": reference, "annotations": _annotations(native, order)}


def encode_gatk_reads(native: NativeBatch, order: NDArray[np.int64], window: int) -> Planes:
    """`gatk-reads` of the sites `order`, padded to the longest pile of these (R rows, at least 1).

    Returns `bases` and `quals` uint8 [n, R, window], `rows` uint8 [n, R, 2], `reference` uint8
    [n, window], `annotations` float32 [n, A].
    """
    depth = native.batch.site_read[order + 1] - native.batch.site_read[order]
    n, n_rows = len(order), max(int(depth.max(initial=0)), 1)
    bases = np.empty((n, n_rows, window), np.uint8)
    quals = np.empty((n, n_rows, window), np.uint8)
    rows = np.empty((n, n_rows, 2), np.uint8)
    reference = np.empty((n, window), np.uint8)
    error = ffi.new("cnnscore_error *")
    if (
        lib.cnnscore_encode_gatk_reads(
            native.struct,
            _int64(order),
            n,
            window,
            n_rows,
            _uint8(bases),
            _uint8(quals),
            _uint8(rows),
            _uint8(reference),
            error,
        )
        != 0
    ):
        raise_native(ffi, error)
    return {
        "bases": bases,
        "quals": quals,
        "rows": rows,
        "reference": reference,
        "annotations": _annotations(native, order),
    }


@dataclass(frozen=True)
class Encoding:
    """How sites become a network's inputs, and what their windows must hold for it."""

    name: str
    encode: Callable[[NativeBatch, NDArray[np.int64], int], Planes]
    read_rule: str
    """Which reads count: a name of windows.READ_RULES."""
    sites_per_run: int
    """Sites a network call takes by default: large enough to fill the kernels, small enough for
    the caches (docs/performance.md)."""
    sites_per_job: int
    """Sites a worker reads, encodes and scores at a time."""

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
        Encoding("gatk-reference", encode_gatk_reference, "none", 64, 512),
        Encoding("gatk-reads", encode_gatk_reads, "gatk", 4, 128),
    )
}


def _int64(array: NDArray[np.int64]) -> Any:
    return ffi.cast("const int64_t *", np.ascontiguousarray(array, np.int64).ctypes.data)


def _uint8(array: NDArray[np.uint8]) -> Any:
    return ffi.cast("uint8_t *", array.ctypes.data)
