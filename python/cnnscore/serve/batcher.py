"""Window batches of several clients -> full network batches -> each client's own scores.

A site decides its score alone, so joining changes no bit of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, concatenate
from cnnscore.description import WindowScorer

log = logging.getLogger("cnnscore")

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Filling:
    """When a network batch is full."""

    enough: int
    """Sites that a network call takes: with fewer, a worker waits for more,"""
    seconds: float
    """this long at most."""
    most: int
    """Sites of several batches joined, of those that wait anyway."""


@dataclass
class _Waiting:
    batch: WindowBatch
    scores: Future[Scores]
    since: float


class Batcher:
    """Workers that score what was submitted, in the order in which it came.

    `on_job(sites, batches)` is called by a worker before it scores these together.
    """

    def __init__(
        self,
        engine: WindowScorer,
        threads: int,
        filling: Filling,
        on_job: Callable[[int, int], None] = lambda sites, batches: None,
    ) -> None:
        self._engine, self._filling, self._on_job = engine, filling, on_job
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._taking = threading.Lock()  # one worker at a time fills a job, the others compute
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, name=f"cnnscore-{i}", daemon=True)
            for i in range(threads)
        ]
        for worker in self._workers:
            worker.start()

    def submit(self, batch: WindowBatch) -> Future[Scores]:
        """Scores float32 [N] of a batch that was checked; cancelled while it waits, it is dropped.

        The future has BadBatch where the network cannot take the batch: whom it was joined with
        notices nothing.
        """
        waiting = _Waiting(batch, Future(), time.monotonic())
        if len(batch) == 0:
            waiting.scores.set_result(np.zeros(0, np.float32))
            return waiting.scores
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.scores

    def waiting_sites(self) -> int:
        """Sites that no worker has taken yet."""
        with self._changed:
            return sum(len(waiting.batch) for waiting in self._waiting)

    def close(self) -> None:
        """Finish what was submitted, end the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while job := self._take():
            job = [waiting for waiting in job if waiting.scores.set_running_or_notify_cancel()]
            if job:
                self._on_job(sum(len(waiting.batch) for waiting in job), len(job))
                self._score(job)
            del job  # its windows need not wait for the next one

    def _take(self) -> list[_Waiting]:
        """What to score together; nothing when closed and done."""
        with self._taking, self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return []
            job = [self._waiting.popleft()]
            sites, deadline = len(job[0].batch), job[0].since + self._filling.seconds
            while True:
                while self._waiting and self._joins(job[0], sites):
                    job.append(self._waiting.popleft())
                    sites += len(job[-1].batch)
                left = deadline - time.monotonic()
                if sites >= self._filling.enough or self._waiting or self._closed or left <= 0:
                    return job
                self._changed.wait(left)

    def _joins(self, first: _Waiting, sites: int) -> bool:
        head = self._waiting[0].batch
        return head.layout == first.batch.layout and sites + len(head) <= self._filling.most

    def _score(self, job: list[_Waiting]) -> None:
        try:
            scores = self._engine.score(concatenate([waiting.batch for waiting in job]))
        except BaseException as error:
            if len(job) == 1:
                job[0].scores.set_exception(error)
                return
            log.debug("scored apart, as one of %d joined batches fails: %s", len(job), error)
            for waiting in job:
                self._score([waiting])
            return
        begin = 0
        for waiting in job:
            end = begin + len(waiting.batch)
            waiting.scores.set_result(scores[begin:end])
            begin = end
