"""Labelled windows on disk: WindowBatch <-> Parquet, one row per site.

A row holds the columns of a window batch for one site and one ALT allele, and beside them the
label, sample, split, weight and the user's tags. The file's metadata say how the windows were cut,
so that a batch read back is the batch that was written. Coordinates are 0-based half-open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of
from cnnscore.description import LABELS
from cnnscore.errors import BadInput, BadOutput
from cnnscore.extras import need
from cnnscore.files import aside, writing

METADATA_KEY = b"cnnscore.dataset"
SCHEMA = 1
SPLITS = ("train", "validation", "calibration", "test")
ROWS_PER_GROUP = 1024
COLUMNS = (
    *("contig", "pos", "end", "kind", "qual", "alleles", "annotations", "reference", "reads"),
    *("site_depth", "sample_depth", "label", "sample", "split", "weight", "allele"),
)
"""Columns of every data set; the user's tags come after them."""
_ROW_COLUMNS = ("label", "sample", "split", "weight", "allele")


@dataclass(frozen=True)
class Layout:
    """How the windows of a file were cut, and where they are from; kept in its metadata."""

    annotations: tuple[str, ...]
    """Keys of the annotation columns, in order."""
    reference_left: int
    reference_width: int
    read_rule: str
    read_limit: int
    """Most reads per site, 0 without reads."""
    contigs: tuple[tuple[str, int], ...]
    """Names and lengths, in the order of the call file."""
    tags: dict[str, str] = field(default_factory=dict)
    """The user's columns, the same for all rows of a file."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Files, command, version."""


@dataclass(frozen=True)
class LabelledRows:
    """What a row has beside its window: arrays of N."""

    label: NDArray[np.int8]
    """Index into LABELS."""
    split: NDArray[np.int8]
    """Index into SPLITS."""
    weight: NDArray[np.float32]
    """How many drawn rows this one stands for."""
    allele: NDArray[np.int16]
    """Number of the ALT allele in its record, from 1."""
    sample: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.label)

    def part(self, begin: int, end: int) -> LabelledRows:
        """Rows [begin, end)."""
        return LabelledRows(**{name: values[begin:end] for name, values in vars(self).items()})


class DatasetWriter:
    """One Parquet file that is being written. Made by `open_dataset`."""

    def __init__(self, path: Path, part: Path, layout: Layout) -> None:
        self.path, self.rows = path, 0
        self._layout, self._schema = layout, _schema(layout)
        parquet = need("dataset", "pyarrow.parquet")
        with self._writing():
            self._writer = parquet.ParquetWriter(part, self._schema, compression="zstd")

    def write(self, batch: WindowBatch, rows: LabelledRows) -> None:
        """Append a window batch with reference columns, and what its rows have beside."""
        if not len(batch):
            return
        with self._writing():
            self._writer.write_table(
                _to_table(batch, rows, self._layout, self._schema), ROWS_PER_GROUP
            )
        self.rows += len(batch)

    def close(self) -> None:
        """Finish the file."""
        with self._writing():
            self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # pyarrow's have no strerror
            raise BadOutput(f"cannot write {self.path}: {error.strerror or error}") from None


@contextmanager
def open_dataset(path: Path, layout: Layout) -> Iterator[DatasetWriter]:
    """A writer of the data set `path`, which appears when the block ends; nothing remains when it
    is left by an exception. Errors: BadOutput when it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with aside(path) as part:
        writer = DatasetWriter(path, part, layout)
        try:
            yield writer
        except BaseException:
            with suppress(BadOutput):
                writer.close()
            raise
        writer.close()


class Dataset:
    """A Parquet file of labelled windows, read a row group at a time.

    Errors: BadInput for a file that is no data set of ours, or of another schema.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        parquet = need("dataset", "pyarrow.parquet")
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
            why = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise BadInput(f"{path} is not a data set of `cnnscore dataset`: {why}") from None
        text = (self._file.schema_arrow.metadata or {}).get(METADATA_KEY)
        self.layout = _parse_layout(text, path)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def batches(self) -> Iterator[tuple[WindowBatch, LabelledRows]]:
        """Window batches of up to ROWS_PER_GROUP sites, in file order, with their rows."""
        for group in range(self._file.num_row_groups):
            try:
                table = self._file.read_row_group(group)
            except (OSError, ValueError) as error:
                raise BadInput(
                    f"{self.path} is damaged ({str(error).splitlines()[0]}): make it again"
                ) from None
            yield self._from_table(table)

    def loci(self) -> tuple[list[str], NDArray[np.int64], LabelledRows]:
        """Contig and 0-based position of each row of the whole file, and its row."""
        table = self._file.read(columns=["contig", "pos", *_ROW_COLUMNS])
        pos = table.column("pos").to_numpy().astype(np.int64)
        return table.column("contig").to_pylist(), pos, _rows(table, self.path)

    def rows(self) -> LabelledRows:
        """The rows of the whole file without their windows."""
        return _rows(self._file.read(columns=list(_ROW_COLUMNS)), self.path)

    def _from_table(self, table: Any) -> tuple[WindowBatch, LabelledRows]:
        table = table.combine_chunks()
        layout, n = self.layout, table.num_rows

        def column(name: str) -> Any:
            return table.column(name).combine_chunks()

        site_allele, allele_values = _list_parts(column("alleles"))
        allele_offset, alleles = _binary_parts(allele_values)
        site_read, read_values = _list_parts(column("reads"))
        read_offset, reads = _binary_parts(read_values)
        _, reference = _binary_parts(column("reference"))
        names = [name.encode() for name, _ in layout.contigs]
        if len(reference) != n * layout.reference_width:
            raise BadInput(f"{self.path}: windows of another width than it says: make it again")
        index = {name: i for i, (name, _) in enumerate(layout.contigs)}
        batch = WindowBatch(
            contig=np.array([index[name] for name in column("contig").to_pylist()], np.int32),
            pos=column("pos").to_numpy(zero_copy_only=False),
            end=column("end").to_numpy(zero_copy_only=False),
            kind=column("kind").to_numpy(zero_copy_only=False),
            site_allele=site_allele,
            allele_offset=allele_offset,
            alleles=alleles,
            annotations=np.ascontiguousarray(
                column("annotations").flatten().to_numpy(zero_copy_only=False), np.float32
            ).reshape(n, len(layout.annotations)),
            reference=reference.reshape(n, layout.reference_width),
            site_read=site_read,
            read_offset=read_offset,
            reads=reads,
            contig_length=np.array([length for _, length in layout.contigs], np.int64),
            contig_offset=offsets_of(list(map(len, names))),
            contig_names=np.frombuffer(b"".join(names), np.uint8),
            qual=column("qual").to_numpy(zero_copy_only=False),
            site_depth=column("site_depth").to_numpy(zero_copy_only=False),
            sample_depth=column("sample_depth").to_numpy(zero_copy_only=False),
            reference_left=layout.reference_left,
            owner=table,
        )
        return batch, _rows(table, self.path)


def dataset_files(paths: Sequence[str | Path]) -> list[Path]:
    """Parquet files named, and those in folders named, sorted within each.

    Errors: BadInput for a path that is not there, or a folder without a data set.
    """
    files = []
    for path in map(Path, paths):
        found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise BadInput(f"no data set at {path}: `cnnscore dataset` makes them")
        files += found
    return files


def _schema(layout: Layout) -> Any:
    pa = need("dataset", "pyarrow")
    columns = _columns(len(layout.annotations)) | dict.fromkeys(layout.tags, _text())
    metadata = json.dumps({"schema": SCHEMA, **asdict(layout)}, sort_keys=True)
    return pa.schema(columns, metadata={METADATA_KEY: metadata.encode()})


def _text() -> Any:
    pa = need("dataset", "pyarrow")
    return pa.dictionary(pa.int32(), pa.string())


def _columns(n_annotations: int) -> dict[str, Any]:
    pa, text = need("dataset", "pyarrow"), _text()
    return {
        "contig": text,
        "pos": pa.int64(),
        "end": pa.int64(),
        "kind": pa.uint8(),
        "qual": pa.float32(),
        "alleles": pa.list_(pa.binary()),
        "annotations": pa.list_(pa.float32(), n_annotations),
        "reference": pa.binary(),
        "reads": pa.list_(pa.binary()),
        "site_depth": pa.int32(),
        "sample_depth": pa.float32(),
        "label": text,
        "sample": text,
        "split": text,
        "weight": pa.float32(),
        "allele": pa.int16(),
    }


def _to_table(batch: WindowBatch, rows: LabelledRows, layout: Layout, schema: Any) -> Any:
    pa = need("dataset", "pyarrow")
    n = len(batch)

    def text(values: Sequence[str]) -> Any:
        return pa.array(values, pa.string()).dictionary_encode()

    def binary(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> Any:
        buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
        return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, buffers)

    def lists(offsets: NDArray[np.int64], values: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)

    width = batch.reference.shape[1]
    names = [name for name, _ in layout.contigs]
    unknown = np.full(n, np.nan, np.float32)
    columns = [
        text([names[contig] for contig in batch.contig]),
        pa.array(batch.pos),
        pa.array(batch.end),
        pa.array(batch.kind),
        pa.array(batch.qual if len(batch.qual) else unknown),
        lists(batch.site_allele, binary(batch.allele_offset, batch.alleles)),
        pa.FixedSizeListArray.from_arrays(
            pa.array(batch.annotations.reshape(-1)), len(layout.annotations)
        ),
        binary(np.arange(n + 1) * width, np.ascontiguousarray(batch.reference)),
        lists(batch.site_read, binary(batch.read_offset, batch.reads)),
        pa.array(batch.site_depth if len(batch.site_depth) else batch.depth.astype(np.int32)),
        pa.array(batch.sample_depth if len(batch.sample_depth) else unknown),
        text([LABELS[label] for label in rows.label]),
        text(list(rows.sample)),
        text([SPLITS[split] for split in rows.split]),
        pa.array(rows.weight),
        pa.array(rows.allele),
        *(text([value] * n) for value in layout.tags.values()),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _rows(table: Any, path: Path) -> LabelledRows:
    def codes(name: str, known: Sequence[str]) -> NDArray[np.int8]:
        index = {value: i for i, value in enumerate(known)}
        values = table.column(name).to_pylist()
        unknown = set(values) - set(known)
        if unknown:
            raise BadInput(
                f"{path}: column {name} has {sorted(map(str, unknown))[0]!r}, which is none of "
                f"{', '.join(known)}"
            )
        return np.array([index[value] for value in values], np.int8)

    weight = table.column("weight").to_numpy().astype(np.float32)
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise BadInput(f"{path}: column weight must be above 0 everywhere")
    return LabelledRows(
        label=codes("label", LABELS),
        split=codes("split", SPLITS),
        weight=weight,
        allele=table.column("allele").to_numpy().astype(np.int16),
        sample=np.array(table.column("sample").to_pylist(), object),
    )


def _parse_layout(text: bytes | None, path: Path) -> Layout:
    try:
        raw = json.loads(text or b"")
        schema = raw.pop("schema")
        if schema == SCHEMA:
            raw["annotations"] = tuple(raw["annotations"])
            raw["contigs"] = tuple((str(name), int(length)) for name, length in raw["contigs"])
            return Layout(**raw)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{path} is not a data set of `cnnscore dataset` (it lacks our metadata): make one"
        ) from None
    raise BadInput(
        f"{path} has data set schema {schema}, this cnnscore knows {SCHEMA}: make it again"
    )


def _list_parts(column: Any) -> tuple[NDArray[np.int64], Any]:
    """Offsets [n+1] from 0 and the values between the first and the last one."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.values[offsets[0] : offsets[-1]]


def _binary_parts(column: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets [n+1] from 0 and the bytes of a binary array."""
    _, offset_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offset_buffer or bytes(4), np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], data
