"""All kinds of clients at once, good and bad, until told to stop; what the server's memory does."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from cnnscore.batch import concatenate
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.messages import DESCRIBE, SCORE, encode_batch
from hosts.raw_http2 import HELLO, call, connect, part_of_message
from hosts.server import Windows, mutated
from hosts.waiting import wait_until


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


class MixedLoad:
    """Clients of the server at `address` (a Unix socket), whose network is that of `case`."""

    def __init__(self, address: str, case: Windows) -> None:
        self.address, self.case = address, case
        self.done: Counter[str] = Counter()
        """Turns of each kind of client; `wrong` scores."""
        self._stop = threading.Event()

    def run(
        self, enough: Callable[[], bool], look: Callable[[], object], seconds: float = 300
    ) -> None:
        """Until `enough()`, in so many seconds; `look()` is called again and again. Errors: what a
        client met that it must not meet.
        """
        kinds = [self.small, self.small, self.large, self.hostile, self.leaving, self.other]
        with ThreadPoolExecutor(len(kinds)) as pool:
            clients = [pool.submit(self._repeat, kind) for kind in kinds]

            def ended() -> bool:
                look()
                return enough() or any(client.done() for client in clients)

            try:
                wait_until(ended, seconds)
            finally:
                self._stop.set()
            for client in clients:
                client.result(300)

    def _repeat(self, kind: Callable[[random.Random], Iterator[None]]) -> None:
        turns = kind(random.Random(len(kind.__name__)))
        while not self._stop.is_set():
            next(turns)
            self.done[kind.__name__] += 1

    def _check(self, scores: np.ndarray, expected: np.ndarray) -> None:
        if scores.tobytes() != expected.tobytes():
            self.done["wrong"] += 1

    def small(self, rng: random.Random) -> Iterator[None]:
        """A few sites each time."""
        remote, batch = RemoteEngine(self.address, timeout=300), self.case.batch
        while True:
            begin = rng.randrange(len(batch) - 4)
            got = remote.score(batch.part(begin, begin + 4))
            self._check(got, self.case.scores[begin : begin + 4])
            yield

    def large(self, _: random.Random) -> Iterator[None]:
        """Many sites each time."""
        remote, batch = RemoteEngine(self.address, timeout=300), self.case.batch
        times = 10
        many = concatenate([batch.part(0, len(batch))] * times)
        while True:
            self._check(remote.score(many), np.tile(self.case.scores, times))
            yield

    def hostile(self, rng: random.Random) -> Iterator[None]:
        """Messages with bytes changed."""
        message = encode_batch(self.case.batch, 0, 4, id=1, network=self.case.network)
        with grpc.insecure_channel(self.address) as channel:
            score: Any = channel.stream_stream(SCORE)
            while True:
                with suppress(grpc.RpcError):
                    list(score(iter([mutated(rng, message)]), timeout=300))
                yield

    def leaving(self, rng: random.Random) -> Iterator[None]:
        """Goes away with batches in work, without a word."""
        message = encode_batch(
            self.case.batch, 0, len(self.case.batch), id=1, network=self.case.network
        )
        while True:
            with grpc.insecure_channel(self.address, [("turn", rng.random().hex())]) as channel:
                score: Any = channel.stream_stream(SCORE)
                stream = score(iter([message] * 8), timeout=300)
                if rng.random() < 0.5:
                    next(stream)
                stream.cancel()
            yield

    def other(self, rng: random.Random) -> Iterator[None]:
        """Large requests where small ones are due, beginnings of messages, nonsense."""
        with grpc.insecure_channel(self.address) as channel:
            describe: Any = channel.unary_unary(DESCRIBE)
            while True:
                describe(bytes(rng.randrange(1 << 22)), timeout=300)
                for sent in (
                    HELLO + call(SCORE) + part_of_message(60 << 20, b"x"),
                    HELLO + rng.randbytes(200),
                ):
                    with suppress(OSError):
                        connect(self.address, sent).close()
                yield
