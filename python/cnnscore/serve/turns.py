"""Whose sites are scored next: what each client has sent and no worker has taken, by turns.

Nothing here is locked: batcher.py sees to it.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch

Layout = tuple[int, ...]


class Waiting:
    """A batch whose sites are taken from the first on; its scores gather here."""

    def __init__(self, batch: WindowBatch) -> None:
        self.batch, self.since = batch, time.monotonic()
        self.result: Future[NDArray[np.float32]] = Future()
        self.scores = np.full(len(batch), np.nan, np.float32)
        self.left = self.missing = len(batch)
        """Sites that nobody has taken; sites without their score."""

    def take(self, most: int) -> Part:
        """The next sites."""
        begin, end = len(self.batch) - self.left, len(self.batch) - max(0, self.left - most)
        self.left = len(self.batch) - end
        whole = (begin, end) == (0, len(self.batch))
        return Part(self, begin, self.batch if whole else self.batch.part(begin, end))


@dataclass(frozen=True)
class Part:
    """Sites of a batch that are scored together, from site `begin` on."""

    of: Waiting
    begin: int
    batch: WindowBatch

    def __len__(self) -> int:
        return len(self.batch)


class Turns:
    """Each client's batches in the order in which they came; the clients take turns."""

    def __init__(self) -> None:
        self._clients: OrderedDict[Hashable, deque[Waiting]] = OrderedDict()  # the next one first

    def add(self, client: Hashable, waiting: Waiting) -> None:
        """What `client` has sent: at least one site."""
        self._clients.setdefault(client, deque()).append(waiting)

    def __bool__(self) -> bool:
        self._forget()
        return bool(self._clients)

    def sites(self) -> int:
        """Sites that nobody has taken."""
        self._forget()
        return sum(waiting.left for queue in self._clients.values() for waiting in queue)

    def take(self, most: int, layout: Layout | None = None) -> list[Part]:
        """At most so many sites, in equal shares of all clients that have such.

        They can be joined: all have `layout`, or that of whoever's turn it is.
        """
        parts: list[Part] = []
        self._forget()
        while most > 0 and self._clients:
            heads = {client: queue[0].batch.layout for client, queue in self._clients.items()}
            layout = layout or next(iter(heads.values()))
            turn = [client for client, head in heads.items() if head == layout]
            if not turn:
                break
            share = -(-most // len(turn))
            for client in turn:
                taken = self._take_of(client, min(share, most), layout)
                most -= sum(map(len, taken))
                parts += taken
        return parts

    def _take_of(self, client: Hashable, most: int, layout: Layout) -> list[Part]:
        parts: list[Part] = []
        queue = self._clients[client]
        while most > 0 and queue and queue[0].batch.layout == layout:
            if not queue[0].result.done():
                parts.append(queue[0].take(most))
                most -= len(parts[-1])
            if queue[0].result.done() or not queue[0].left:
                queue.popleft()
        if parts:
            self._clients.move_to_end(client)
        if not queue:
            del self._clients[client]
        return parts

    def _forget(self) -> None:
        """Drop what nobody waits for any more: cancelled, or failed with a part of it."""
        for client, queue in list(self._clients.items()):
            wanted = deque(waiting for waiting in queue if not waiting.result.done())
            if wanted:
                self._clients[client] = wanted
            else:
                del self._clients[client]
