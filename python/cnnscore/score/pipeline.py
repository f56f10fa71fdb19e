"""Records -> windows -> scores, in parallel: jobs of some sites, and what bounds them.

Records are filled in by the calling thread, in order; worker threads read windows, encode and run
the network, each on a job of its own. What is in flight is bounded by the number of slots,
whatever the size of the input.
"""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowBuffers, WindowReader
from cnnscore.description import WindowScorer

log = logging.getLogger("cnnscore")

Fill = Callable[[Records, int], int]
"""Fills in up to a number of records; 0 at the end."""


@dataclass
class Slot:
    """The memory of one job; reused when its records are written."""

    records: Records = field(default_factory=Records)
    buffers: WindowBuffers = field(default_factory=WindowBuffers)
    """Of windows that the calling thread reads."""


@dataclass
class Job:
    """Some sites on their way through a worker."""

    slot: Slot
    sites: WindowBatch
    scores: Future[NDArray[np.float32]]


class Pipeline:
    """Workers with a window reader each, and the slots that bound what is in flight."""

    def __init__(
        self,
        source: Calls,
        engine: WindowScorer,
        score: Callable[[WindowBatch], NDArray[np.float32]],
        options: ReaderOptions,
        threads: int,
        in_order: bool,
        sample_depth: float | None,
    ) -> None:
        self._engine = engine
        self._score_batch = score
        self._in_order = in_order
        another = replace(options, is_another=True)
        self._all_readers = [
            WindowReader(another if i else options) for i in range(1 if in_order else threads)
        ]
        self._readers: queue.SimpleQueue[tuple[WindowReader, WindowBuffers]] = queue.SimpleQueue()
        self.checks = ReadChecks(
            self._all_readers[0],
            engine.description.model,
            uses_depth=engine.description.uses_depth,
            sample_depth=sample_depth,
        )
        for reader in self._all_readers:
            reader.set_depth(self.checks.depth)
            self._readers.put((reader, WindowBuffers()))
        self.checks.whose(source, options.sample)
        # One job per worker, one waiting for it, one being written.
        self._slots = [Slot() for _ in range(2 * threads + 1)]
        self._pending: deque[Job] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cnnscore")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            # Again and again: a job may have been between two calls.
            while busy := [job.scores for job in self._pending if not job.scores.done()]:
                self._engine.cancel()
                wait(busy, timeout=0.05)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for reader in self._all_readers:
            reader.close()

    def run(self, fill: Fill) -> Iterator[Job]:
        """Jobs of all records that `fill` gives, in order; asking for the next reuses a slot."""
        pending, more = self._pending, True
        sites_per_job = self._all_readers[0].job_sites(self._engine.description.sites_per_job)
        while True:
            while more and self._slots:
                job = self._next_job(fill, sites_per_job)
                if job is None:
                    more = False
                else:
                    pending.append(job)
            if not pending:
                return
            yield pending[0]
            self._slots.append(pending.popleft().slot)

    def _next_job(self, fill: Fill, limit: int) -> Job | None:
        slot = self._slots[-1]
        if fill(slot.records, limit) == 0:
            return None
        self._slots.pop()
        sites = slot.records.sites()
        if self._in_order:  # GATK's random state runs from site to site
            return Job(slot, sites, self._read_here(sites, slot.buffers))
        return Job(slot, sites, self._pool.submit(self._score, sites))

    def _read_here(self, sites: WindowBatch, buffers: WindowBuffers) -> Future[NDArray[np.float32]]:
        """Read windows on this thread. Workers get the last part alone, mostly all there is: those
        before it are scored here, as there is one memory for all.
        """
        before: list[NDArray[np.float32]] = []
        n = 0
        for windows in self._all_readers[0].parts(sites, buffers):
            n += len(windows)
            if n < len(sites):
                before.append(self._score_batch(windows))
        return self._pool.submit(lambda: np.concatenate([*before, self._score_batch(windows)]))

    def _score(self, sites: WindowBatch) -> NDArray[np.float32]:
        reader, buffers = self._readers.get()
        try:
            return np.concatenate([*map(self._score_batch, reader.parts(sites, buffers))])
        finally:
            self._readers.put((reader, buffers))

    def counts(self) -> ReadCounts:
        """What all readers have met so far."""
        return sum((reader.counts() for reader in self._all_readers), ReadCounts())

    def check_scores(self, scored: int) -> None:
        """Errors: BadInput when the network has no finite score for any site."""
        self._all_readers[0].check_scores(self.counts(), scored, self._engine.description)

    def warn(self, scored: int) -> None:
        """Say loudly where scores lack, and what reads did not count."""
        reader, counts = self._all_readers[0], self.counts()
        if warning := reader.scores_warning(counts, scored, self._engine.description):
            log.warning(warning)
        self.checks.warn(counts)
