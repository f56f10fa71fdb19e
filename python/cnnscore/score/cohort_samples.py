"""The samples of a cohort whose reads are named: looked at before the first site is scored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.reader_pool import ReaderPool
from cnnscore.calls.records import Calls
from cnnscore.calls.sample_map import SampleMap, SampleReads
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowReader
from cnnscore.description import Description
from cnnscore.errors import BadInput, UsageError

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
            reader.check_contigs()
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
        reader.check_reads(ReadCounts(sites=1, sites_empty=1), looked, self._network.model)
        given = self._rows[column].depth
        depth = reader.measure_depth() if given is None else given
        with self._lock:
            self._depth[column] = depth
        return depth


def open_samples(
    calls: Calls,
    sample_map: SampleMap,
    windows: ReaderOptions,
    network: Description,
    threads: int,
) -> CohortSamples:
    """The samples of the map: their files are all there, indexed and theirs.

    Errors: BadInput that names the row: a sample that the calls lack, a file that cannot be opened,
    has no index, or is not of this sample by its read groups.
    """
    rows, warning = sample_map.match(calls)
    if warning:
        log.warning(warning)
    samples = CohortSamples(sample_map.path, rows, calls.samples, windows, network)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(samples.check, sorted(rows, key=lambda column: rows[column].row)):
            pass
    return samples


class CohortReaders:
    """The read files of a cohort's samples, and the reference, of which so many are open at a time.

    Runs over the same calls may share them: the files are checked, and a sample's depth is
    measured, once. Errors: those of open_samples and ReaderPool.
    """

    def __init__(
        self,
        calls: Calls,
        sample_map: SampleMap,
        network: Description,
        reference: str,
        most_open_files: int,
        threads: int,
    ) -> None:
        windows = ReaderOptions.of_network(network, reference, (), None)
        self.samples = open_samples(calls, sample_map, windows, network, threads)
        self.pool = ReaderPool(self.samples.options, most_open_files)

    def close(self) -> None:
        """Close the files."""
        self.pool.close()
