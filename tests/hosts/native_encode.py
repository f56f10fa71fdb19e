"""The encoders of native/encode for tests: each call checked, and a maker of window batches."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnscore._encode import ffi, lib
from oracles.encode import BAM_BASES, CIGAR_LETTERS, Read, Site

CANARY = 0xEE  # no code, flag or quality in the tests has this value


class EncodeError(Exception):
    """A negative return code of an encoder and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def record_bytes(read: Read, tags: bytes = b"", long_cigar: bool = False) -> bytes:
    """A read as a BAM record without block_size; `long_cigar` moves the CIGAR into a CG tag."""
    cigar = [length << 4 | CIGAR_LETTERS.index(op) for op, length in read.cigar]
    if long_cigar:
        span = sum(length for op, length in read.cigar if op in "MDN=X")
        tags += struct.pack(f"<3sBI{len(cigar)}I", b"CGB", ord("I"), len(cigar), *cigar)
        cigar = [len(read.seq) << 4 | 4, span << 4 | 3]
    codes = [BAM_BASES.index(base) for base in read.seq]
    if len(codes) % 2:
        codes.append(0)
    name = b"read\0"
    fixed = struct.pack(
        "<iiBBHHHIiii",
        0, read.pos, len(name), read.mapq, 0, len(cigar), read.flag, len(read.seq), -1, -1, 0,
    )  # fmt: skip
    packed = bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))
    return fixed + name + struct.pack(f"<{len(cigar)}I", *cigar) + packed + bytes(read.qual) + tags


class Batch:
    """A cnnscore_window_batch over numpy columns; change a column before calling `struct`."""

    def __init__(
        self, sites: Sequence[Site], *, left: int, width: int, long_cigar: bool = False
    ) -> None:
        alleles = [allele.encode() for site in sites for allele in [site.ref, *site.alts]]
        reads = [record_bytes(read, b"", long_cigar) for site in sites for read in site.reads]
        reference = np.zeros((len(sites), width), np.uint8)
        for i, site in enumerate(sites):
            for column in range(width):
                at = site.pos - left + column
                if 0 <= at < len(site.contig_sequence):
                    reference[i, column] = ord(site.contig_sequence[at])
        pos = np.array([site.pos for site in sites], np.int64)
        self.left = left
        self.columns: dict[str, np.ndarray] = {
            "contig": np.zeros(len(sites), np.int32),
            "pos": pos,
            "end": pos + np.array([len(site.ref) for site in sites], np.int64),
            "kind": np.zeros(len(sites), np.uint8),
            "site_allele": _offsets([1 + len(site.alts) for site in sites]),
            "allele_offset": _offsets([len(allele) for allele in alleles]),
            "alleles": np.frombuffer(b"".join(alleles), np.int8),
            "annotations": np.zeros(0, np.float32),
            "reference": reference,
            "site_read": _offsets([len(site.reads) for site in sites]),
            "read_offset": _offsets([len(read) for read in reads]),
            "reads": np.frombuffer(b"".join(reads), np.uint8),
            "contig_length": np.zeros(1, np.int64),
            "contig_offset": _offsets([4]),
            "contig_names": np.frombuffer(b"chrT", np.int8),
        }

    def struct(self) -> Any:
        """Return a cdata cnnscore_window_batch*; it borrows this object's columns."""
        batch = ffi.new("cnnscore_window_batch *")
        batch.struct_size = ffi.sizeof("cnnscore_window_batch")
        batch.n_sites = len(self.columns["pos"])
        batch.n_annotations = 0
        batch.reference_left = self.left
        batch.reference_width = self.columns["reference"].shape[1]
        batch.n_contigs = len(self.columns["contig_offset"]) - 1
        self.columns = {name: np.ascontiguousarray(v) for name, v in self.columns.items()}
        for name, values in self.columns.items():
            setattr(batch, name, ffi.cast(ffi.typeof(getattr(batch, name)), values.ctypes.data))
        return batch


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _checked(function: Any, *arguments: Any) -> None:
    error = ffi.new("cnnscore_error *")
    code = function(*arguments, error)
    if code != 0:
        assert error.code == code
        raise EncodeError(code, ffi.string(error.message).decode("ascii"))


class _Plane:
    """An output array with canaries after it, to see that a call writes its cells and no more."""

    def __init__(self, *shape: int) -> None:
        self.size = int(np.prod(shape))
        self.memory = np.full(self.size + 64, CANARY, np.uint8)
        self.array = self.memory[: self.size].reshape(shape)
        self.pointer = ffi.cast("uint8_t *", self.memory.ctypes.data)

    def check(self) -> np.ndarray:
        assert (self.memory[self.size :] == CANARY).all(), "written beyond the end"
        return self.array


def batch_check(batch: Batch) -> None:
    """Raise EncodeError where cnnscore_batch_check refuses the batch."""
    _checked(lib.cnnscore_batch_check, batch.struct())


def encode_reference(batch: Batch, order: Sequence[int], window: int) -> np.ndarray:
    """uint8[n, window] of cnnscore_encode_gatk_reference."""
    reference = _Plane(len(order), window)
    sites = ffi.new("int64_t[]", list(order))
    _checked(
        lib.cnnscore_encode_gatk_reference,
        batch.struct(), sites, len(order), window, reference.pointer,
    )  # fmt: skip
    return reference.check()


def encode_reads(
    batch: Batch, order: Sequence[int], window: int, n_rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """bases, quals, rows, reference of cnnscore_encode_gatk_reads."""
    n = len(order)
    planes = (
        _Plane(n, n_rows, window),
        _Plane(n, n_rows, window),
        _Plane(n, n_rows, 2),
        _Plane(n, window),
    )
    sites = ffi.new("int64_t[]", list(order))
    _checked(
        lib.cnnscore_encode_gatk_reads,
        batch.struct(), sites, n, window, n_rows, *(plane.pointer for plane in planes),
    )  # fmt: skip
    bases, quals, rows, reference = (plane.check() for plane in planes)
    return bases, quals, rows, reference


class _FloatPlane:
    """The same of floats."""

    def __init__(self, *shape: int) -> None:
        self.size = int(np.prod(shape))
        self.memory = np.full(self.size + 16, CANARY, np.float32)
        self.array = self.memory[: self.size].reshape(shape)
        self.pointer = ffi.cast("float *", self.memory.ctypes.data)

    def check(self) -> np.ndarray:
        assert (self.memory[self.size :] == CANARY).all(), "written beyond the end"
        return self.array


def scorable(batch: Batch) -> list[tuple[int, int]]:
    """(site, allele) of cnnscore_batch_alleles."""
    room = int(batch.columns["site_allele"].max(initial=0)) + 1
    sites, alleles = ffi.new("int64_t[]", room), ffi.new("int64_t[]", room)
    n = ffi.new("int64_t *")
    _checked(lib.cnnscore_batch_alleles, batch.struct(), sites, alleles, n)
    return [(sites[i], alleles[i]) for i in range(n[0])]


def _rows(rows: Sequence[tuple[int, int]], window: int, n_reads: int) -> tuple[Any, list[Any]]:
    keep = [ffi.new("int64_t[]", [row[i] for row in rows]) for i in range(2)]
    wanted = ffi.new("cnnscore_rows *")
    wanted.sites, wanted.alleles = keep
    wanted.n, wanted.window, wanted.n_reads = len(rows), window, n_reads
    return wanted, keep


def encode_read_set(
    batch: Batch,
    rows: Sequence[tuple[int, int]],
    window: int,
    n_reads: int,
    *,
    realign: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """reads, mask, variant of cnnscore_encode_read_set."""
    wanted, _keep = _rows(rows, window, n_reads)
    wanted.realign = realign
    n = len(rows)
    planes = (
        _FloatPlane(n, n_reads, lib.CNNSCORE_READ_SCALARS),
        _FloatPlane(n, n_reads),
        _FloatPlane(n, lib.CNNSCORE_VARIANT_FEATURES),
        _FloatPlane(n, 0),
    )
    _checked(
        lib.cnnscore_encode_read_set, batch.struct(), wanted, *(plane.pointer for plane in planes)
    )
    reads, mask, variant, _ = (plane.check() for plane in planes)
    return reads, mask, variant


def encode_annotations(
    batch: Batch, rows: Sequence[tuple[int, int]], window: int, n_reads: int
) -> np.ndarray:
    """annotations of cnnscore_encode_read_set, worked out from the reads, in order of codes."""
    wanted, _keep = _rows(rows, window, n_reads)
    known = range(lib.CNNSCORE_ANNOTATION_MQ, lib.CNNSCORE_ANNOTATION_AB + 1)
    codes = ffi.new("int32_t[]", list(known))
    wanted.annotations_from, wanted.annotation_codes = lib.CNNSCORE_ANNOTATIONS_READS, codes
    n = len(rows)
    struct = batch.struct()
    struct.n_annotations = len(codes)
    missing = np.full((struct.n_sites, len(codes)), np.nan, np.float32)
    struct.annotations = ffi.cast("const float *", missing.ctypes.data)
    planes = (
        _FloatPlane(n, n_reads, lib.CNNSCORE_READ_SCALARS),
        _FloatPlane(n, n_reads),
        _FloatPlane(n, lib.CNNSCORE_VARIANT_FEATURES),
        _FloatPlane(n, len(codes)),
    )
    _checked(lib.cnnscore_encode_read_set, struct, wanted, *(plane.pointer for plane in planes))
    return [plane.check() for plane in planes][-1]


def encode_haplotypes(
    batch: Batch, rows: Sequence[tuple[int, int]], window: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """reference, alternate, variant of cnnscore_encode_reference."""
    wanted, _keep = _rows(rows, window, 1)
    reference, alternate = _Plane(len(rows), window), _Plane(len(rows), window)
    variant = _FloatPlane(len(rows), lib.CNNSCORE_VARIANT_FEATURES)
    _checked(
        lib.cnnscore_encode_reference,
        batch.struct(), wanted, reference.pointer, alternate.pointer, variant.pointer,
    )  # fmt: skip
    return reference.check(), alternate.check(), variant.check()
