"""Window batches of several clients -> full network batches -> each client's own scores.

A site decides its score alone, so neither joining nor splitting changes a bit of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, concatenate
from cnnscore.description import WindowScorer
from cnnscore.serve.turns import Part, Turns, Waiting

log = logging.getLogger("cnnscore")

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Filling:
    """When a job is full."""

    enough: int
    """Sites that a network call takes: with fewer, a worker waits for more,"""
    seconds: float
    """this long at most."""
    most: int
    """Sites scored together, of those that wait anyway."""


class Batcher:
    """Workers that score what was submitted.

    A job has as many sites of one client as of another, whoever came first and however large
    their batches are; a client's own come in their order. `on_job(sites, batches)` is called by a
    worker before it scores parts of so many batches together.
    """

    def __init__(
        self,
        engine: WindowScorer,
        threads: int,
        filling: Filling,
        on_job: Callable[[int, int], None] = lambda sites, batches: None,
    ) -> None:
        self._engine, self._filling, self._on_job = engine, filling, on_job
        self._turns = Turns()
        self._changed = threading.Condition()
        self._taking = threading.Lock()  # one worker at a time fills a job, the others compute
        self._settling = threading.Lock()
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, name=f"cnnscore-{i}", daemon=True)
            for i in range(threads)
        ]
        for worker in self._workers:
            worker.start()

    def submit(self, batch: WindowBatch, client: Hashable = None) -> Future[Scores]:
        """Scores float32 [N] of a batch that was checked; cancelled, what waits of it is dropped.

        The future has BadBatch where the network cannot take the batch: whom it was joined with
        notices nothing.
        """
        waiting = Waiting(batch)
        if len(batch) == 0:
            waiting.result.set_result(waiting.scores)
            return waiting.result
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._turns.add(client, waiting)
            self._changed.notify()
        return waiting.result

    def waiting_sites(self) -> int:
        """Sites that no worker has taken yet."""
        with self._changed:
            return self._turns.sites()

    def close(self) -> None:
        """Finish what was submitted, end the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while job := self._take():
            self._on_job(sum(map(len, job)), len({part.of for part in job}))
            self._score(job)
            del job  # its windows need not wait for the next one

    def _take(self) -> list[Part]:
        """What to score together; nothing when closed and done."""
        job: list[Part] = []
        with self._taking, self._changed:
            while True:
                room = self._filling.most - sum(map(len, job))
                job += self._turns.take(room, job[0].batch.layout if job else None)
                if not job:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                left = job[0].of.since + self._filling.seconds - time.monotonic()
                full = sum(map(len, job)) >= self._filling.enough
                if full or self._turns or self._closed or left <= 0:
                    return job
                self._changed.wait(left)

    def _score(self, job: list[Part]) -> None:
        try:
            scores = self._engine.score(concatenate([part.batch for part in job]))
        except BaseException as error:
            if len(job) == 1:
                self._settle(job[0].of, error)
                return
            log.debug("scored apart, as one of %d joined batches fails: %s", len(job), error)
            for part in job:
                if not part.of.result.done():  # somebody waits for it
                    self._score([part])
            return
        begin = 0
        for part in job:
            end = begin + len(part)
            part.of.scores[part.begin : part.begin + len(part)] = scores[begin:end]
            with self._settling:
                part.of.missing -= len(part)
                whole = part.of.missing == 0
            if whole:
                self._settle(part.of)
            begin = end

    def _settle(self, waiting: Waiting, error: BaseException | None = None) -> None:
        """Give a batch its scores or its error, whichever comes first, unless it was cancelled."""
        with self._settling:
            if waiting.result.done() or not waiting.result.set_running_or_notify_cancel():
                return
            if error:
                waiting.result.set_exception(error)
            else:
                waiting.result.set_result(waiting.scores)
