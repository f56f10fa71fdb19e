"""The gRPC service `Scorer`: streams of window batches in, streams of scores out.

One event loop moves messages; threads decode and check them (wire/messages.py) and score them
(batcher.py). What a stream may hold is bounded, what all streams hold together too: beyond that
nothing is read, and the client's own flow control makes it wait.

Nothing of a request is read before its sender was let in. `Describe` needs nothing of its request
and reads none of it: it is served as a stream, of which gRPC would else have received a message of
any size first.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc

from cnnscore.batch import WindowBatch
from cnnscore.errors import BadBatch, CnnscoreError, ServerError
from cnnscore.serve.batcher import Batcher
from cnnscore.serve.memory import Memory
from cnnscore.serve.prometheus import Metrics
from cnnscore.wire.messages import (
    CLIENT,
    SERVICE,
    MemoryPlace,
    ServerDescription,
    decode_batch,
    encode_description,
    encode_scores,
    memory_place,
)

log = logging.getLogger("cnnscore")

STOPPING = "the server is stopping; what it had taken is answered"
MAX_DETAILS = 1000  # characters of a status message: headers have a limit


FULL = (
    "all {} streams that the server takes are open: try again later, or start `cnnscore serve` "
    "with more of them"
)


class NotShared(CnnscoreError):
    """A batch lies in memory that its client has not handed over."""


class ScorerService:
    """Describe and Score, for `max_streams` streams of Score at a time.

    Above `queue_bytes` of window batches that wait or are in work, no more are read, and of one
    client no more than its share of them; each stream may exceed it by the one message that it was
    reading. How many batches a stream may have in work, and how large one may be, `server` says.
    `memory_of` has what a client shares.
    """

    def __init__(
        self,
        server: ServerDescription,
        batcher: Batcher,
        queue_bytes: int,
        max_streams: int,
        metrics: Metrics,
        token: str | None = None,
        memory_of: Callable[[str], Memory | None] = lambda client: None,
    ) -> None:
        self.memory_of = memory_of
        self.server, self.batcher, self.metrics = server, batcher, metrics
        self.last_use = time.monotonic()
        self._queue_bytes, self._max_streams, self._token = queue_bytes, max_streams, token
        self._streams: set[_Stream] = set()
        self._stopping = False
        self._held: Counter[str] = Counter()
        """Bytes by client."""
        self._let_go = asyncio.Event()

    @property
    def streams(self) -> int:
        """Streams open."""
        return len(self._streams)

    def handler(self) -> grpc.GenericRpcHandler:
        """For `grpc.aio.Server.add_generic_rpc_handlers`."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Describe": grpc.stream_stream_rpc_method_handler(self._describe),
                "Score": grpc.stream_stream_rpc_method_handler(self._score),
            },
        )

    async def stop(self, seconds: float) -> None:
        """Read no more batches; each stream ends when what it had read is answered.

        Waits for that, this many seconds at most. Streams that arrive meanwhile are told.
        """
        self._stopping = True
        for stream in self._streams:
            stream.stop()
        deadline = time.monotonic() + seconds
        while self._streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def _describe(self, _: object, context: Any) -> None:
        await self._authorize(context)
        self.last_use = time.monotonic()
        await context.write(encode_description(self.server))
        log.debug("described to %s", context.peer())

    async def _score(self, _: object, context: Any) -> None:
        await self._authorize(context)
        if self._stopping:
            await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)
        if self.streams >= self._max_streams:
            full = FULL.format(self._max_streams)
            await self._refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, full)
        stream = _Stream(self, context)
        self._streams.add(stream)
        self.metrics.streams.inc()
        try:
            refusal = await stream.run()
        finally:
            self._streams.discard(stream)
            self.metrics.streams.dec()
            self.last_use = time.monotonic()
        if refusal:
            await self._refuse(context, *refusal)

    async def _refuse(self, context: Any, code: grpc.StatusCode, details: str) -> None:
        self.metrics.refused.labels(code.name).inc()
        log.info("refused %s: %s: %s", context.peer(), code.name, details)
        await context.abort(code, details[:MAX_DETAILS])

    async def _authorize(self, context: Any) -> None:
        if self._token is None:
            return
        given = _metadata(context, "authorization")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            self.metrics.refused.labels("UNAUTHENTICATED").inc()
            log.warning("refused %s: no token, or a wrong one", context.peer())
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "this server wants a token: give the client the server's token file",
            )

    # ---- what streams share ----

    async def room(self, client: str) -> None:
        """Wait until another batch of this client may be read."""
        while not self._has_room(client):
            await self._let_go.wait()

    def _has_room(self, client: str) -> bool:
        others = len(self._held) - (client in self._held)
        # As many shares as clients have something here, and one for whoever comes next.
        share = self._queue_bytes / (others + 2)
        return self._held.total() < self._queue_bytes and self._held[client] < share

    def hold(self, client: str, size: int) -> None:
        """Count `size` bytes of a client in, or out if negative."""
        self._held[client] += size
        if not self._held[client]:
            del self._held[client]
        self.metrics.held_bytes.set(self._held.total())
        if size < 0:
            self._let_go.set()
            self._let_go = asyncio.Event()


class _Stream:
    """One client's batches: read, scored side by side, answered in their order."""

    def __init__(self, service: ScorerService, context: Any) -> None:
        self._service, self._context = service, context
        name = _metadata(context, CLIENT).decode("ascii", "replace")
        self._client = name or f"stream {id(self)}"
        self._slots = asyncio.Semaphore(service.server.max_in_flight)
        self._answers: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
        self._stopped = False
        self._reader: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        if self._reader:
            self._reader.cancel()

    async def run(self) -> tuple[grpc.StatusCode, str] | None:
        """Serve the client to the end of its stream; what it is refused with, if it is."""
        self._reader = asyncio.create_task(self._read())
        answer = None
        try:
            while answer := await self._answers.get():
                scores = await answer
                await self._context.write(scores)  # a client that does not read waits here
                self._slots.release()
            if not self._stopped:
                self._reader.result()  # or why it could not read on
        except Exception as error:
            return _status(error)
        finally:
            await self._end(answer)
        return (grpc.StatusCode.UNAVAILABLE, STOPPING) if self._stopped else None

    async def _read(self) -> None:
        try:
            while True:
                await self._slots.acquire()
                await self._service.room(self._client)
                message = await self._context.read()
                if message is grpc.aio.EOF:
                    return
                place = memory_place(message)
                size = place.bytes if place else len(message)
                memory = self._memory(place)
                # Counted before the next look at the room, and out even if the task never starts.
                self._service.hold(self._client, size)
                task = asyncio.create_task(self._answer(message, place, memory))
                task.add_done_callback(partial(self._let_go, size))
                self._answers.put_nowait(task)
                del message
        finally:
            self._answers.put_nowait(None)

    def _memory(self, place: MemoryPlace | None) -> Memory | None:
        """What has a batch that is not in its message. Errors: BadBatch, NotShared."""
        if not place:
            return None
        if place.bytes > (most := self._service.server.max_message_bytes):
            raise BadBatch(
                f"window batch: {place.bytes} bytes in shared memory where the server takes {most}"
            )
        if memory := self._service.memory_of(self._client):
            return memory
        raise NotShared("window batch: it is in memory that its client does not share here")

    def _let_go(self, size: int, _: object) -> None:
        self._service.hold(self._client, -size)

    async def _answer(
        self, message: bytes, place: MemoryPlace | None, memory: Memory | None
    ) -> bytes:
        service, arrived = self._service, time.monotonic()
        network = service.server.description.network
        id, batch = await asyncio.to_thread(_decode, message, place, memory, network)
        del message
        service.server.description.check(batch)
        scores = await asyncio.wrap_future(service.batcher.submit(batch, self._client))
        service.metrics.answered(len(scores), time.monotonic() - arrived)
        return encode_scores(id, scores)

    async def _end(self, answer: asyncio.Task[bytes] | None) -> None:
        """Drop what is still in work."""
        tasks: list[asyncio.Task[Any]] = [self._reader] if self._reader else []
        tasks += [answer] if answer else []
        while not self._answers.empty():
            if task := self._answers.get_nowait():
                tasks.append(task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _decode(
    message: bytes, place: MemoryPlace | None, memory: Memory | None, network: str
) -> tuple[int, WindowBatch]:
    content = memory.read(place.at, place.bytes) if place and memory else None
    return decode_batch(message, network=network, place=place, content=content)


def _metadata(context: Any, key: str) -> bytes:
    """What a client sent under a key, or nothing."""
    given = dict(context.invocation_metadata() or ()).get(key, b"")
    return given.encode() if isinstance(given, str) else bytes(given)


def _status(error: Exception) -> tuple[grpc.StatusCode, str]:
    """How a client is told."""
    if isinstance(error, NotShared):
        return grpc.StatusCode.ABORTED, str(error)
    if isinstance(error, BadBatch):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    if isinstance(error, ServerError):
        return grpc.StatusCode.FAILED_PRECONDITION, str(error)
    if isinstance(error, MemoryError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, "the server is out of memory: send less at once"
    log.error("a fault while scoring", exc_info=error)
    words = str(error) if isinstance(error, CnnscoreError) else type(error).__name__
    return grpc.StatusCode.INTERNAL, f"a fault of the server, see its log: {words}"
