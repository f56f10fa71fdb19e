"""What a data set holds: rows by split and class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.dataset.parquet import SPLITS
from cnnscore.description import LABELS
from cnnscore.html import html_table


@dataclass(frozen=True, eq=False)
class DatasetSummary:
    """A data set that was made. `cnnscore.train` takes its `path`, or the folder that it is in."""

    path: str
    """The Parquet file."""
    counts: NDArray[np.int64]
    """[4, 4] rows by split (train, validation, calibration, test) and class (NOT_SNP, NOT_INDEL,
    SNP, INDEL)."""

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return int(self.counts.sum())

    @property
    def missing(self) -> list[str]:
        """Classes without a row."""
        return [label for label, n in zip(LABELS, self.counts.sum(axis=0), strict=True) if not n]

    def text(self) -> str:
        """For the user: one line for all, and one per split that has rows."""
        lines = [f"{self.path}: {self.rows:,} rows", f"{'':<12}{_cells(LABELS)}"]
        lines += [f"{name:<12}{_cells(cells)}" for name, cells in self._splits().items()]
        return "\n".join(lines)

    def _splits(self) -> dict[str, list[str]]:
        splits = zip(SPLITS, self.counts.tolist(), strict=True)
        return {name: [f"{n:,}" for n in of_split] for name, of_split in splits if any(of_split)}

    def __repr__(self) -> str:
        return f"<cnnscore.DatasetSummary\n{self.text()}>"

    def _repr_html_(self) -> str:
        return html_table(self._splits(), head=["", *LABELS])


def _cells(texts: list[str] | tuple[str, ...]) -> str:
    return "".join(f"{text:>12}" for text in texts)
