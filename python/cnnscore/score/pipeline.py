"""Records -> windows -> scores, in parallel: jobs of some sites, and what bounds them.

Records are filled in by the calling thread, in order; worker threads read windows, encode and run
the network, each on a job of its own. What is in flight is bounded by the number of slots,
whatever the size of the input.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Records
from cnnscore.calls.windows import ReadCounts, WindowBuffers, WindowReader
from cnnscore.description import WindowScorer
from cnnscore.score.readers import Readers

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
    """Workers with a window reader each, and the slots that bound what is in flight.

    `alone`: nobody else uses the engine, so that what it is at can be ended.
    """

    def __init__(
        self,
        engine: WindowScorer,
        score: Callable[[WindowBatch], NDArray[np.float32]],
        readers: Readers,
        threads: int,
        *,
        alone: bool,
    ) -> None:
        self._engine = engine
        self._alone = alone
        self._score_batch = score
        self._readers = readers
        self._counts = ReadCounts()
        self._counting = threading.Lock()
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
            while self._alone and (
                busy := [job.scores for job in self._pending if not job.scores.done()]
            ):
                self._engine.cancel()
                wait(busy, timeout=0.05)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, fill: Fill) -> Iterator[Job]:
        """Jobs of all records that `fill` gives, in order; asking for the next reuses a slot."""
        pending, more = self._pending, True
        sites_per_job = self._readers.first.job_sites(self._engine.description.sites_per_job)
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
        if self._readers.in_order:  # GATK's random state runs from site to site
            return Job(slot, sites, self._read_here(sites, slot.buffers))
        return Job(slot, sites, self._pool.submit(self._score, sites))

    def _read_here(self, sites: WindowBatch, buffers: WindowBuffers) -> Future[NDArray[np.float32]]:
        """Read windows on this thread. Workers get the last part alone, mostly all there is: those
        before it are scored here, as there is one memory for all.
        """
        before: list[NDArray[np.float32]] = []
        n = 0
        with self._counted(self._readers.first) as reader:
            for windows in reader.parts(sites, buffers):
                n += len(windows)
                if n < len(sites):
                    before.append(self._score_batch(windows))
        return self._pool.submit(lambda: np.concatenate([*before, self._score_batch(windows)]))

    def _score(self, sites: WindowBatch) -> NDArray[np.float32]:
        with self._readers.free() as (reader, buffers), self._counted(reader):
            return np.concatenate([*map(self._score_batch, reader.parts(sites, buffers))])

    @contextmanager
    def _counted(self, reader: WindowReader) -> Iterator[WindowReader]:
        """What the reader meets in the block is of this run, whoever uses it before and after."""
        before = reader.counts()
        try:
            yield reader
        finally:
            with self._counting:
                self._counts += reader.counts() - before

    def counts(self) -> ReadCounts:
        """What the readers have met in this run so far."""
        with self._counting:
            return self._counts

    def check_scores(self, scored: int) -> None:
        """Errors: BadInput when the network has no finite score for any site."""
        self._readers.first.check_scores(self.counts(), scored, self._engine.description)

    def warn(self, scored: int) -> None:
        """Say loudly where scores lack, and what reads did not count."""
        reader, counts = self._readers.first, self.counts()
        if warning := reader.scores_warning(counts, scored, self._engine.description):
            log.warning(warning)
        self._readers.checks.warn(counts)
