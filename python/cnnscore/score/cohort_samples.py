"""The samples of a cohort whose reads are named: looked at before the first site is scored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.records import Calls
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.description import Description
from cnnscore.errors import BadInput, UsageError
from cnnscore.score.sample_map import SampleReads

log = logging.getLogger("cnnscore")


class CohortSamples:
    """Sample columns and their rows in the map."""

    def __init__(
        self,
        path: str,
        rows: dict[int, SampleReads],
        n_samples: int,
        windows: ReaderOptions,
        network: Description,
    ) -> None:
        self._path, self._rows, self._network = path, rows, network
        self.options = {
            column: replace(windows, reads=row.reads, sample=row.sample)
            for column, row in rows.items()
        }
        """Sample column -> how to read its windows."""
        self.wanted: NDArray[np.uint8] = np.zeros(n_samples, np.uint8)
        """[samples] 1 where the map has the sample."""
        self.wanted[list(rows)] = 1
        self._depth: dict[int, float] = {}
        self._lock = threading.Lock()

    @property
    def n_read(self) -> int:
        """Samples whose reads were looked at."""
        return len(self._depth)

    @contextmanager
    def naming(self, column: int) -> Iterator[None]:
        """Errors of a sample's files name its row too."""
        try:
            yield
        except (BadInput, UsageError) as error:
            row = self._rows[column]
            raise type(error)(f"{self._path}: row {row.row} ({row.sample}): {error}") from None

    def check(self, column: int) -> None:
        """Open the files of a sample and close them. Errors: BadInput that names the row."""
        with self.naming(column), WindowReader(self.options[column]) as reader:
            reader.warn_of_indexes()
        self.options[column] = replace(self.options[column], is_another=True)

    def depth_of(self, column: int, reader: WindowReader) -> float:
        """How deep a sample is: what the map says, else measured once. Errors: BadInput where no
        read of its files counts.
        """
        with self._lock:
            if column in self._depth:
                return self._depth[column]
        looked = reader.look()
        reader.check_read_groups(looked, self._network.model)
        reader.check_reads(looked, looked, self._network.model)
        given = self._rows[column].depth
        depth = reader.measure_depth() if given is None else given
        with self._lock:
            self._depth[column] = depth
        return depth


def open_samples(
    calls: Calls,
    path: str,
    sample_map: Sequence[SampleReads],
    windows: ReaderOptions,
    network: Description,
    threads: int,
) -> CohortSamples:
    """The samples of the map at `path`: their files are all there, indexed and theirs.

    Errors: BadInput that names the row: a sample that the calls lack, a file that cannot be opened,
    has no index, or is not of this sample by its read groups.
    """
    names = {name: column for column, name in enumerate(calls.sample_names)}
    rows = {}
    for row in sample_map:
        if row.sample not in names:
            raise BadInput(
                f"{path}: row {row.row}: {calls.path} has no sample {row.sample}: take the row "
                "out, or write the name as `bcftools query -l` does"
            )
        rows[names[row.sample]] = row
    if missing := [name for name, column in names.items() if column not in rows]:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} others" * (len(missing) > 5))
        log.warning(
            "%s has no row for %d of %d samples of %s, which get no scores: %s",
            *(path, len(missing), len(names), calls.path, shown),
        )
    samples = CohortSamples(path, rows, len(names), windows, network)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(samples.check, sorted(rows, key=lambda column: rows[column].row)):
            pass
    return samples
