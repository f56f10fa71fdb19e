"""Scored records as columns in memory, for numpy, pandas, polars and whatever reads Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import KIND_INDEL, KIND_SNP, WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.text import Text, alt_alleles, contig_names, joined_alts, ref_alleles
from cnnscore.checked import type_of
from cnnscore.errors import BadInput, UsageError, WrongType
from cnnscore.html import html_table
from cnnscore.score.options import Summary

if TYPE_CHECKING:
    import pandas
    import polars

SHOWN = 5
"""Rows that a notebook shows of each end."""
OWN_COLUMNS = ("contig", "pos", "ref", "alt", "type", "qual", "score")
TYPES = {KIND_SNP: "SNP", KIND_INDEL: "INDEL"}
OTHER = "OTHER"


class Table:
    """Columns in memory. Made by `Scorer.table`: records and their scores; and by `Evaluation`.

    Of records: `contig`, `pos` (int64, 1-based), `ref`, `alt` (with commas as in VCF; one allele
    per row where alleles were scored), `type` (SNP, INDEL, OTHER), `qual` and `score` (float32,
    NaN: missing), and float64 INFO fields that were asked for. `table["score"]` is one of them as a
    numpy array, texts as an array of str.

    It has the Arrow PyCapsule interface, in which NaN is a missing value: `polars.DataFrame(table)`
    and `pyarrow.table(table)` take it as it is.
    """

    def __init__(
        self, columns: dict[str, NDArray[Any] | Text], summary: Summary | None = None
    ) -> None:
        self._columns = columns
        self.summary = summary
        """What the run did; None for a table of something else."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._columns)

    def __len__(self) -> int:
        return max(map(len, self._columns.values()), default=0)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if not isinstance(name, str):
            raise WrongType(
                f"`table[...]` takes the name of a column, not {type_of(name)}; rows are of "
                "`table[name][...]`, `.to_pandas()` or `.to_polars()`"
            )
        if name not in self._columns:
            raise KeyError(f"{name!r}: the columns are {', '.join(self._columns)}")
        column = self._columns[name]
        return column.strings() if isinstance(column, Text) else column

    def to_numpy(self) -> NDArray[np.void]:
        """A structured array [N], one field per column; texts are objects (str).

        >>> import cnnscore
        >>> with cnnscore.open("reference") as scorer:
        ...     rows = scorer.table(CALLS, reference=REFERENCE).to_numpy()
        >>> rows[rows["score"] < 0].dtype.names
        ('contig', 'pos', 'ref', 'alt', 'type', 'qual', 'score')
        """
        arrays = {name: self[name] for name in self._columns}
        rows = np.empty(len(self), [(name, array.dtype) for name, array in arrays.items()])
        for name, array in arrays.items():
            rows[name] = array
        return rows

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas DataFrame. Errors: UsageError where pandas is not installed."""
        frame: pandas.DataFrame = _library("pandas").DataFrame(
            {name: self[name] for name in self._columns}
        )
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A polars DataFrame. Errors: UsageError where polars is not installed."""
        frame: polars.DataFrame = _library("polars").DataFrame(self)
        return frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with an Arrow stream of one batch; another schema is the consumer's to make."""
        from cnnscore.calls.arrow import arrow_stream

        return arrow_stream(self._columns, len(self))

    def __repr__(self) -> str:
        return f"<cnnscore.Table: {len(self):,} rows; {', '.join(self._columns)}>"

    def _repr_html_(self) -> str:
        numbers = list(range(len(self)))
        if len(numbers) > 2 * SHOWN:
            numbers = numbers[:SHOWN] + numbers[-SHOWN:]
        parts = [_part(column, numbers) for column in self._columns.values()]
        rows = {str(n): [part[i] for part in parts] for i, n in enumerate(numbers)}
        table = html_table(rows, head=["", *self._columns])
        return f"{table}<p>{len(self):,} rows</p>"


def _part(column: NDArray[Any] | Text, rows: list[int]) -> list[str]:
    if isinstance(column, Text):
        begin, end = column.offsets[rows], column.offsets[np.array(rows, np.int64) + 1]
        return list(Text.cut(column.data, begin, end - begin).strings())
    values = column[rows]
    return [f"{value:.4g}" if values.dtype.kind == "f" else f"{value}" for value in values]


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f"this needs {name}, which is not installed: pip install {name}") from None


class TableParts:
    """Batch after batch of records and their scores -> a Table."""

    def __init__(self, calls: Calls, info: Sequence[str], *, per_allele: bool) -> None:
        """Errors: BadInput for an INFO field that the header does not declare, UsageError for the
        name of another column.
        """
        for number, key in enumerate(info):
            if key in (*OWN_COLUMNS, *info[:number]):
                raise UsageError(f"`info={key}`: the table has a column of that name")
            if not calls.has_info(key):
                raise BadInput(f"{calls.path} has no INFO/{key}: its header declares others")
        self._info, self._per_allele = info, per_allele
        self._parts: list[dict[str, Any]] = []

    def add(self, records: Records, sites: WindowBatch, scores: NDArray[np.float32]) -> None:
        """Keep copies of what the records have; `scores` are [N], or per ALT allele."""
        alts = np.diff(sites.site_allele) - 1
        rows = np.repeat(np.arange(len(sites)), alts) if self._per_allele else np.arange(len(sites))
        part: dict[str, Any] = {
            "contig": _rows_of(contig_names(sites), rows),
            "pos": sites.pos[rows] + 1,
            "ref": _rows_of(ref_alleles(sites), rows),
            "alt": alt_alleles(sites) if self._per_allele else joined_alts(sites),
            "type": sites.kind[rows],
            "qual": sites.qual[rows],
            "score": scores.copy(),
        }
        for key in self._info:
            values = records.numbers("INFO", key)
            refs = values[sites.site_allele[:-1]]
            if self._per_allele:
                part[key] = values[sites.is_alt]
            else:  # a field with a value per ALT has none for REF
                first_alt = np.minimum(sites.site_allele[:-1] + 1, len(values) - 1)
                part[key] = np.where(np.isnan(refs) & (alts > 0), values[first_alt], refs)
        self._parts.append(part)

    def table(self, summary: Summary) -> Table:
        """All of them."""
        empty = {"pos": np.int64, "type": np.uint8, "qual": np.float32, "score": np.float32}
        columns: dict[str, NDArray[Any] | Text] = {}
        for name in (*OWN_COLUMNS, *self._info):
            parts = [part.pop(name) for part in self._parts]
            if name in ("contig", "ref", "alt"):
                columns[name] = Text.join(parts)
            else:
                start = np.zeros(0, empty.get(name, np.float64))
                columns[name] = np.concatenate([start, *parts])
        columns["type"] = _types(columns["type"])
        return Table(columns, summary)


def _rows_of(text: Text, rows: NDArray[np.int64]) -> Text:
    begin = text.offsets[rows]
    return Text.cut(text.data, begin, text.offsets[rows + 1] - begin)


def _types(kinds: Any) -> Text:
    names = Text.of([TYPES.get(kind, OTHER) for kind in range(3)])
    return _rows_of(names, kinds.astype(np.int64))
