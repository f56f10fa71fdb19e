"""WindowBatch: N candidate sites as flat columns, the one thing that crosses every door.

The same fields are the C struct `cnnscore_window_batch` of native/include/cnnscore.h.
Coordinates are 0-based, half-open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args, get_type_hints

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
    def is_alt(self) -> NDArray[np.bool_]:
        """[alleles] whether each is an ALT allele of its site, and not REF."""
        is_alt = np.ones(int(self.site_allele[-1]), bool)
        is_alt[self.site_allele[:-1]] = False
        return is_alt

    @property
    def layout(self) -> tuple[int, ...]:
        """Widths of the columns, and which optional ones there are: batches alike can be joined."""
        widths = self.annotations.shape[1], self.reference_left, self.reference.shape[1]
        return (*widths, *(int(len(getattr(self, name)) > 0) for name in OPTIONAL))

    def locus(self, site: int) -> str:
        """`contig:pos`, 1-based, of a site: for messages."""
        return f"{self.contig_name(int(self.contig[site]))}:{int(self.pos[site]) + 1}"

    def contig_name(self, contig: int) -> str:
        """Name of the contig that `contig` columns number so."""
        begin, end = self.contig_offset[contig : contig + 2]
        return self.contig_names[begin:end].tobytes().decode("utf-8", "replace")

    def take_sites(self, sites: NDArray[np.int64]) -> WindowBatch:
        """The site columns of some sites, in that order, with memory of their own; no windows."""
        n, always = len(sites), [name for name in SITE_COLUMNS if name not in OPTIONAL]
        columns: dict[str, Any] = {name: getattr(self, name)[sites] for name in always}
        columns["reference"] = np.zeros((n, 0), np.uint8)
        columns |= {name: np.zeros(0, DTYPES[name]) for name in OPTIONAL}
        if len(self.qual):  # the record's; the other two are the reads'
            columns["qual"] = self.qual[sites]
        columns |= {"site_read": np.zeros(n + 1, np.int64), "read_offset": np.zeros(1, np.int64)}
        columns["reads"] = np.zeros(0, np.uint8)
        return replace(self, **columns, **self._take(ALLELES, sites))

    def part(self, begin: int, end: int) -> WindowBatch:
        """Sites [begin, end) alone: offsets from 0, and no contig that they do not use.

        Large columns are views of this batch's.
        """
        contigs, contig = np.unique(self.contig[begin:end], return_inverse=True)
        names = [self.contig_names[slice(*self.contig_offset[i : i + 2])] for i in contigs]
        columns = {name: getattr(self, name)[begin:end] for name in SITE_COLUMNS}
        columns["contig"] = contig.astype(np.int32)
        return WindowBatch(
            **columns,
            **self._slice(ALLELES, begin, end),
            **self._slice(READS, begin, end),
            contig_length=self.contig_length[contigs],
            contig_offset=offsets_of([len(name) for name in names]),
            contig_names=np.concatenate([np.zeros(0, np.uint8), *names]),
            reference_left=self.reference_left,
            owner=self.owner,
        )

    def _take(self, ragged: Ragged, sites: NDArray[np.int64]) -> dict[str, Any]:
        """What some sites have of ragged columns, in that order, copied."""
        first, offset, data = (getattr(self, name) for name in ragged)
        counts = np.diff(first)[sites]
        items = spans(first[sites], counts)
        lengths = np.diff(offset)[items]
        parts = (offsets_of(counts), offsets_of(lengths), data[spans(offset[items], lengths)])
        return dict(zip(ragged, parts, strict=True))

    def _slice(self, ragged: Ragged, begin: int, end: int) -> dict[str, NDArray[Any]]:
        """What sites [begin, end) have of ragged columns, with offsets from 0."""
        first, offset, data = (getattr(self, name) for name in ragged)
        first, items = _rebased(first[begin : end + 1])
        offset, entries = _rebased(offset[items.start : items.stop + 1])
        return dict(zip(ragged, (first, offset, data[entries]), strict=True))


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

    columns = {name: joined_offsets(name) if name in _OFFSETS else joined(name) for name in DTYPES}
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


Ragged = tuple[str, str, str]
"""Columns of what sites have any number of: first item of each site, first entry of each item,
entries."""
ALLELES: Ragged = ("site_allele", "allele_offset", "alleles")
READS: Ragged = ("site_read", "read_offset", "reads")
OPTIONAL = ("qual", "site_depth", "sample_depth")
_WIDE = ("annotations", "reference")
_OFFSETS = {*ALLELES[:2], *READS[:2], "contig_offset"}


def _dtypes() -> dict[str, np.dtype[Any]]:
    """Column -> its numbers, as the fields of WindowBatch have them."""
    types = get_type_hints(WindowBatch)
    columns = [f.name for f in fields(WindowBatch) if f.name not in ("reference_left", "owner")]
    return {name: _dtype(types[name]) for name in columns}


def _dtype(kind: Any) -> np.dtype[Any]:
    """Of NDArray[X], which is ndarray[shape, dtype[X]] or, in newer numpy, keeps X alone."""
    last = get_args(kind)[-1]
    number: np.dtype[Any] = np.dtype((get_args(last) or (last,))[0])
    return number


DTYPES = _dtypes()
"""All columns, in the order of WindowBatch, with their numbers."""
SITE_COLUMNS = tuple(
    name for name in DTYPES if name not in {*ALLELES, *READS} and not name.startswith("contig_")
)
"""Columns with an entry (or a row) for each site; the optional ones may be empty."""


def assemble(
    column: Callable[[str, int], NDArray[Any]],
    offsets: Callable[[str, int], NDArray[np.int64]],
    *,
    n: int,
    n_annotations: int,
    reference_left: int,
    reference_width: int,
    n_contigs: int,
    owner: Any = None,
) -> WindowBatch:
    """A batch of columns that stand somewhere else: `column(name, count)` and, of those with one
    entry more, `offsets(name, count)` fetch them."""
    columns = {name: column(name, n) for name in SITE_COLUMNS if name not in _WIDE}
    columns["annotations"] = column("annotations", n * n_annotations).reshape(n, n_annotations)
    reference = column("reference", n * reference_width)
    width = reference_width if len(reference) == n * reference_width else 0  # not read yet
    columns["reference"] = reference.reshape(n, width)
    for first, offset, data in (ALLELES, READS):
        columns[first] = offsets(first, n)
        columns[offset] = offsets(offset, int(columns[first][-1]))
        columns[data] = column(data, int(columns[offset][-1]))
    columns["contig_length"] = column("contig_length", n_contigs)
    columns["contig_offset"] = offsets("contig_offset", n_contigs)
    columns["contig_names"] = column("contig_names", int(columns["contig_offset"][-1]))
    return WindowBatch(**columns, reference_left=reference_left, owner=owner)


def from_native(ffi: Any, struct: Any, owner: Any) -> WindowBatch:
    """View the columns of a C batch as arrays, without a copy.

    `owner` must keep the memory alive; arrays are valid until it is filled again.
    """

    def column(name: str, count: int) -> NDArray[Any]:
        pointer, dtype = getattr(struct, name), DTYPES[name]
        if not pointer or count == 0:
            return np.zeros(0, dtype)
        return np.frombuffer(ffi.buffer(pointer, count * dtype.itemsize), dtype)

    def offsets(name: str, count: int) -> NDArray[np.int64]:
        found = column(name, count + 1)
        return found if len(found) else np.zeros(count + 1, np.int64)

    return assemble(
        column,
        offsets,
        n=struct.n_sites,
        n_annotations=struct.n_annotations,
        reference_left=struct.reference_left,
        reference_width=struct.reference_width,
        n_contigs=struct.n_contigs,
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
    for name, dtype in DTYPES.items():
        column = getattr(batch, name)
        if not column.flags.c_contiguous or column.dtype != dtype:
            raise ValueError(f"column {name} must be contiguous {dtype}, got {column.dtype}")
        if name in OPTIONAL and len(column) != len(batch):
            if len(column):
                raise ValueError(f"column {name} must have {len(batch)} entries or none")
            continue
        setattr(struct, name, ffi.cast(types[name].type, column.ctypes.data))
    return struct
