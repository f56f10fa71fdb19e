"""WindowBatch: N candidate sites as flat columns, the one thing that crosses every door.

The same fields are the C struct `cnnscore_window_batch` of native/include/cnnscore.h.
Coordinates are 0-based, half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

KIND_SNP, KIND_INDEL, KIND_OTHER = 0, 1, 2


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """N sites, their reference windows (W columns), annotations (A) and reads (M BAM records).

    Site columns may stand alone (before windows are read): then `reference` has no columns and
    `site_read` is all zero.
    """

    contig: NDArray[np.int32]
    """[N] index into the contig columns."""
    pos: NDArray[np.int64]
    """[N] position of the first REF base."""
    end: NDArray[np.int64]
    """[N] exclusive end of the site: INFO/END, or pos + len(REF)."""
    kind: NDArray[np.uint8]
    """[N] KIND_SNP, KIND_INDEL or KIND_OTHER."""
    site_allele: NDArray[np.int64]
    """[N+1] first allele of each site; REF comes first."""
    allele_offset: NDArray[np.int64]
    """[alleles+1] byte offsets into `alleles`."""
    alleles: NDArray[np.uint8]
    """Allele strings, ASCII, as the VCF has them."""
    annotations: NDArray[np.float32]
    """[N, A] INFO values in the order asked for, NaN = missing."""
    reference: NDArray[np.uint8]
    """[N, W] ASCII bases, upper case; 0 = beyond the contig. POS is at column `reference_left`."""
    site_read: NDArray[np.int64]
    """[N+1] first read of each site."""
    read_offset: NDArray[np.int64]
    """[M+1] byte offsets into `reads`."""
    reads: NDArray[np.uint8]
    """BAM records (SAM spec 4.2) without block_size; tags may be left out."""
    contig_length: NDArray[np.int64]
    """[C] bases, 0 = not known."""
    contig_offset: NDArray[np.int64]
    """[C+1] byte offsets into `contig_names`."""
    contig_names: NDArray[np.uint8]
    """Contig names, bytes."""
    qual: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """[N] QUAL of the records, NaN = missing; or empty: not known."""
    site_depth: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """[N] reads that counted at each site, before the read limit; or empty: those of the batch."""
    sample_depth: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """[N] how many reads usually count where the sample has any, NaN = not known; or empty."""
    reference_left: int = 0
    owner: Any = None
    """What keeps the memory of the columns alive."""

    def __len__(self) -> int:
        return len(self.pos)

    @property
    def depth(self) -> NDArray[np.int64]:
        """[N] reads of each site."""
        return np.diff(self.site_read)

    @property
    def layout(self) -> tuple[int, ...]:
        """Widths of the columns, and which optional ones there are: batches alike can be joined."""
        widths = self.annotations.shape[1], self.reference_left, self.reference.shape[1]
        return (*widths, *(int(len(getattr(self, name)) > 0) for name in _OPTIONAL))

    def locus(self, site: int) -> str:
        """`contig:pos`, 1-based, of a site: for messages."""
        return f"{self.contig_name(int(self.contig[site]))}:{int(self.pos[site]) + 1}"

    def contig_name(self, contig: int) -> str:
        """Name of the contig that `contig` columns number so."""
        begin, end = self.contig_offset[contig : contig + 2]
        return self.contig_names[begin:end].tobytes().decode("utf-8", "replace")

    def take_sites(self, sites: NDArray[np.int64]) -> WindowBatch:
        """The site columns of some sites, in that order, with memory of their own; no windows."""
        counts = np.diff(self.site_allele)[sites]
        alleles = spans(self.site_allele[sites], counts)
        lengths = np.diff(self.allele_offset)[alleles]
        n = len(sites)
        return replace(
            self,
            contig=self.contig[sites],
            pos=self.pos[sites],
            end=self.end[sites],
            kind=self.kind[sites],
            site_allele=offsets_of(counts),
            allele_offset=offsets_of(lengths),
            alleles=self.alleles[spans(self.allele_offset[alleles], lengths)],
            annotations=self.annotations[sites],
            reference=np.zeros((n, 0), np.uint8),
            site_read=np.zeros(n + 1, np.int64),
            read_offset=np.zeros(1, np.int64),
            reads=np.zeros(0, np.uint8),
            qual=self.qual[sites] if len(self.qual) else self.qual,
            site_depth=np.zeros(0, np.int32),
            sample_depth=np.zeros(0, np.float32),
        )

    def part(self, begin: int, end: int) -> WindowBatch:
        """Sites [begin, end) alone: offsets from 0, and no contig that they do not use.

        Large columns are views of this batch's.
        """
        contigs, contig = np.unique(self.contig[begin:end], return_inverse=True)
        names = [self.contig_names[slice(*self.contig_offset[i : i + 2])] for i in contigs]
        site_allele, alleles = _rebased(self.site_allele[begin : end + 1])
        allele_offset, letters = _rebased(self.allele_offset[alleles.start : alleles.stop + 1])
        site_read, reads = _rebased(self.site_read[begin : end + 1])
        read_offset, read_bytes = _rebased(self.read_offset[reads.start : reads.stop + 1])
        return WindowBatch(
            contig=contig.astype(np.int32),
            pos=self.pos[begin:end],
            end=self.end[begin:end],
            kind=self.kind[begin:end],
            site_allele=site_allele,
            allele_offset=allele_offset,
            alleles=self.alleles[letters],
            annotations=self.annotations[begin:end],
            reference=self.reference[begin:end],
            site_read=site_read,
            read_offset=read_offset,
            reads=self.reads[read_bytes],
            contig_length=self.contig_length[contigs],
            contig_offset=offsets_of([len(name) for name in names]),
            contig_names=np.concatenate([np.zeros(0, np.uint8), *names]),
            qual=self.qual[begin:end],
            site_depth=self.site_depth[begin:end],
            sample_depth=self.sample_depth[begin:end],
            reference_left=self.reference_left,
            owner=self.owner,
        )


def concatenate(batches: Sequence[WindowBatch]) -> WindowBatch:
    """The sites of several batches as one, in order; columns are copied.

    The batches have one layout, and offsets from 0 (as those of `part` and of wire.py). Each keeps
    contigs of its own. Errors: ValueError for several layouts.
    """
    if len(batches) == 1:
        return batches[0]
    if len({batch.layout for batch in batches}) > 1:
        raise ValueError("batches of several layouts cannot be joined")

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(batch, name) for batch in batches])

    def joined_offsets(name: str) -> NDArray[Any]:
        columns = [getattr(batch, name) for batch in batches]
        return offsets_of(np.concatenate([np.diff(column) for column in columns]))

    columns = {
        name: joined_offsets(name) if name in _OFFSETS else joined(name) for name in _COLUMNS
    }
    first_contig = np.cumsum([0, *(len(batch.contig_length) for batch in batches[:-1])])
    columns["contig"] += np.repeat(first_contig, [len(batch) for batch in batches]).astype(np.int32)
    return WindowBatch(**columns, reference_left=batches[0].reference_left)


def _rebased(offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], slice]:
    """Offsets from 0, and the range of what they pointed to."""
    return offsets - offsets[0], slice(int(offsets[0]), int(offsets[-1]))


def offsets_of(lengths: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
    """[n+1] where each of n parts of these lengths begins, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def spans(begin: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers begin[i], begin[i] + 1, ... of each span, one after another."""
    offsets = offsets_of(lengths)
    return np.repeat(begin - offsets[:-1], lengths) + np.arange(int(offsets[-1]))


_OFFSETS = ["site_allele", "allele_offset", "site_read", "read_offset", "contig_offset"]
_OPTIONAL = ("qual", "site_depth", "sample_depth")
_COLUMNS = [f.name for f in fields(WindowBatch) if f.name not in ("reference_left", "owner")]


def from_native(ffi: Any, struct: Any, owner: Any) -> WindowBatch:
    """View the columns of a C batch as arrays, without a copy.

    `owner` must keep the memory alive; arrays are valid until it is filled again.
    """

    def view(pointer: Any, count: int, dtype: Any) -> NDArray[Any]:
        if not pointer or count == 0:
            return np.zeros(0, dtype)
        size = count * np.dtype(dtype).itemsize
        return np.frombuffer(ffi.buffer(pointer, size), dtype)

    n, width, n_contigs = struct.n_sites, struct.reference_width, struct.n_contigs
    site_allele = view(struct.site_allele, n + 1, np.int64)
    n_alleles = int(site_allele[-1])
    allele_offset = view(struct.allele_offset, n_alleles + 1, np.int64)
    if struct.site_read:
        site_read = view(struct.site_read, n + 1, np.int64)
        read_offset = view(struct.read_offset, int(site_read[-1]) + 1, np.int64)
    else:
        site_read, read_offset = np.zeros(n + 1, np.int64), np.zeros(1, np.int64)
    contig_offset = view(struct.contig_offset, n_contigs + 1, np.int64)
    return WindowBatch(
        contig=view(struct.contig, n, np.int32),
        pos=view(struct.pos, n, np.int64),
        end=view(struct.end, n, np.int64),
        kind=view(struct.kind, n, np.uint8),
        site_allele=site_allele,
        allele_offset=allele_offset,
        alleles=view(struct.alleles, int(allele_offset[-1]), np.uint8),
        annotations=view(struct.annotations, n * struct.n_annotations, np.float32).reshape(n, -1)
        if n
        else np.zeros((0, struct.n_annotations), np.float32),
        reference=view(struct.reference, n * width, np.uint8).reshape(n, -1)
        if struct.reference and n
        else np.zeros((n, 0), np.uint8),
        site_read=site_read,
        read_offset=read_offset,
        reads=view(struct.reads, int(read_offset[-1]), np.uint8),
        contig_length=view(struct.contig_length, n_contigs, np.int64),
        contig_offset=contig_offset,
        contig_names=view(struct.contig_names, int(contig_offset[-1]), np.uint8),
        qual=view(struct.qual, n, np.float32),
        site_depth=view(struct.site_depth, n, np.int32),
        sample_depth=view(struct.sample_depth, n, np.float32),
        reference_left=struct.reference_left,
        owner=owner,
    )


def to_native(ffi: Any, batch: WindowBatch) -> Any:
    """A C batch over the arrays of `batch`; keep the batch alive while it is used.

    Errors: ValueError when a column is not contiguous or has another dtype than its field says,
    or an optional one has another length than N.
    """
    struct = ffi.new("cnnscore_window_batch *")
    struct.struct_size = ffi.sizeof("cnnscore_window_batch")
    struct.n_sites = len(batch)
    struct.n_annotations = batch.annotations.shape[1]
    struct.reference_left = batch.reference_left
    struct.reference_width = batch.reference.shape[1]
    struct.n_contigs = len(batch.contig_length)
    types = dict(ffi.typeof("cnnscore_window_batch").fields)
    for name in _COLUMNS:
        column = getattr(batch, name)
        if not column.flags.c_contiguous or column.dtype != _DTYPES[name]:
            raise ValueError(
                f"column {name} must be contiguous {_DTYPES[name]}, got {column.dtype}"
            )
        if name in _OPTIONAL and len(column) != len(batch):
            if len(column):
                raise ValueError(f"column {name} must have {len(batch)} entries or none")
            continue
        setattr(struct, name, ffi.cast(types[name].type, column.ctypes.data))
    return struct


_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(
        "u1"
        if name in ("kind", "alleles", "reference", "reads", "contig_names")
        else "f4"
        if name in ("annotations", "qual", "sample_depth")
        else "i4"
        if name in ("contig", "site_depth")
        else "i8"
    )
    for name in _COLUMNS
}
