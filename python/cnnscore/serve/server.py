"""A scoring server: where it listens, who may come in, when it ends. The work is service.py's."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what concerns us arrives as a status
import grpc

from cnnscore.errors import BadOutput, UsageError
from cnnscore.score.engine import Engine
from cnnscore.serve.batcher import Batcher, Filling
from cnnscore.serve.health import HealthService
from cnnscore.serve.memory import Memory, MemoryDoor
from cnnscore.serve.prometheus import Metrics
from cnnscore.serve.service import ScorerService
from cnnscore.serve.socket_file import SocketFile
from cnnscore.wire.address import Address
from cnnscore.wire.credentials import read_file, read_token
from cnnscore.wire.messages import ServerDescription

log = logging.getLogger("cnnscore")

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 30
LOG_SECONDS = 60
FILL_SECONDS = 0.002  # a small part of what a network call takes
# A batch costs the same however few sites it has: clients send more than a worker takes at a time.
# Those with reads stay below windows.BATCH_BYTES at 30x.
JOBS_WITHOUT_READS, JOBS_WITH_READS = 4, 1.75
MAX_IN_FLIGHT = 8  # batches of one stream: enough to hide the way there and back
GRPC_OPTIONS: list[tuple[str, int]] = [
    ("grpc.so_reuseport", 0),  # or a second server would share the port unnoticed
    # Small messages that unpack to large ones: refused.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    # Whoever connects and says nothing, or has had no call for long, is disconnected.
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 600_000),
]
# A peer that is gone without a word is noticed. On a Unix socket the kernel tells; there a client
# may also be stopped (Ctrl-Z) for longer.
TCP_OPTIONS = [("grpc.keepalive_time_ms", 60_000), ("grpc.keepalive_timeout_ms", 20_000)]


@dataclass(frozen=True)
class ServeOptions:
    """What `cnnscore serve` was asked for; see its help."""

    listen: Address
    model: str
    provider: str = "auto"
    precision: str = "exact"
    threads: int | None = None
    max_batch: int | None = None
    annotations: str | None = None
    max_queue_mb: int = 256
    max_message_mb: int = 64
    max_streams: int = 256
    idle_timeout: float | None = None
    socket_mode: int = 0o600
    tls_cert: str | None = None
    tls_key: str | None = None
    token_file: str | None = None
    insecure: bool = False
    metrics: Address | None = None


def serve(options: ServeOptions) -> None:
    """Score for clients until SIGTERM, SIGINT or SIGHUP, then finish what they had sent.

    Prints one line, `ready ADDRESS`, on stdout as soon as clients can come. Errors: UsageError,
    BadInput, BadOutput; before that line.
    """
    check_security(options)
    token = read_token(options.token_file) if options.token_file else None
    engine = Engine(
        options.model,
        provider=options.provider,
        precision=options.precision,
        batch_size=options.max_batch,
        annotations_from=options.annotations,
    )
    _take_all_file_descriptors()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a client that leaves does not end the server
    asyncio.run(_Server(options, engine, token).run())


def check_security(options: ServeOptions) -> None:
    """Errors: UsageError when strangers could come in."""
    tls = options.tls_cert, options.tls_key, options.token_file
    if options.listen.path:
        if any(tls) or options.insecure:
            raise UsageError(
                "`tls_cert=`, `tls_key=`, `token_file=` and `insecure=` are for tcp:; who may use "
                "a Unix socket is its file's mode (`socket_mode=`)"
            )
    elif options.insecure:
        if any(tls):
            raise UsageError("give `insecure=`, or TLS with a token, not both")
        if not options.listen.is_loopback:
            raise UsageError(
                f"`insecure=` is for loopback, and {options.listen} is not: give `tls_cert=`, "
                "`tls_key=` and `token_file=`"
            )
    elif not all(tls):
        raise UsageError(
            "a TCP server needs `tls_cert=`, `tls_key=` and `token_file=`, or `insecure=` on "
            "loopback"
        )


class _Server:
    """One engine behind one address."""

    def __init__(self, options: ServeOptions, engine: Engine, token: str | None) -> None:
        self._options, self._engine, self._token = options, engine, token
        self._threads = options.threads or len(os.sched_getaffinity(0))
        network = engine.description
        jobs = JOBS_WITH_READS if network.needs_reads else JOBS_WITHOUT_READS
        self._about = ServerDescription(
            description=replace(network, sites_per_job=int(jobs * network.sites_per_job)),
            max_message_bytes=options.max_message_mb << 20,
            max_in_flight=MAX_IN_FLIGHT,
        )
        self._metrics = Metrics(self._about)
        most = engine.description.sites_per_job
        self._batcher = Batcher(
            engine,
            self._threads,
            Filling(enough=engine.batch_size, seconds=FILL_SECONDS, most=most),
            self._metrics.job,
        )
        self._metrics.watch_queue(self._batcher.waiting_sites)
        self._memory_door: MemoryDoor | None = None

    async def run(self) -> None:
        options = self._options
        self._service = ScorerService(
            self._about,
            self._batcher,
            options.max_queue_mb << 20,
            options.max_streams,
            self._metrics,
            self._token,
            self._memory_of,
        )
        health = HealthService()
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._about.max_message_bytes),
                *GRPC_OPTIONS,
                *([] if options.listen.path else TCP_OPTIONS),
            ],
        )
        server.add_generic_rpc_handlers((self._service.handler(), health.handler()))
        stopped = _on_signals()  # from here on no signal leaves a socket
        address, socket_file = self._bind(server)
        stop_metrics: Callable[[], None] | None = None
        try:
            if address.path:
                path = Path(address.path)
                self._memory_door = MemoryDoor(path, options.socket_mode, options.max_streams)
            if options.metrics:
                where, stop_metrics = self._metrics.listen(options.metrics)
                log.info("metrics at http://%s/metrics", str(where).removeprefix("tcp:"))
            await server.start()
            gc.freeze()  # what is there by now stays: no collection need look through it
            self._say_ready(address)
            await self._until(stopped)
            log.info("stopping: finishing what clients have sent")
            told = asyncio.create_task(health.stop(1))
            await self._service.stop(GRACE_SECONDS)
            await told
            await server.stop(1)
            closing = asyncio.create_task(asyncio.to_thread(self._batcher.close))
            while not closing.done():  # nobody waits for what is in work: the time is up
                self._engine.cancel()
                await asyncio.wait({closing}, timeout=0.1)
            log.info("stopped")
        finally:
            if stop_metrics:
                stop_metrics()
            if self._memory_door:
                self._memory_door.close()
            if socket_file:
                socket_file.close()

    def _memory_of(self, client: str) -> Memory | None:
        return self._memory_door.of(client) if self._memory_door else None

    def _bind(self, server: grpc.aio.Server) -> tuple[Address, SocketFile | None]:
        """Listen, and take a socket's name: the real address, and the file to remove."""
        options, address = self._options, self._options.listen
        if address.path:
            file = SocketFile(Path(address.path), options.socket_mode, server.add_insecure_port)
            return address, file
        try:
            if options.insecure:
                port = server.add_insecure_port(address.target)
            else:
                port = server.add_secure_port(address.target, _credentials(options))
        except RuntimeError as error:
            raise BadOutput(f"cannot listen at {address}: is the port taken? ({error})") from None
        return Address(host=address.host, port=port), None

    def _say_ready(self, address: Address) -> None:
        network = self._about.description
        with suppress(OSError):  # nobody listens
            print(f"ready {address}", flush=True)
        log.info(
            "%s scores with %s on %s, %d threads",
            address,
            network.model,
            network.provider,
            self._threads,
        )

    async def _until(self, stopped: asyncio.Event) -> None:
        """Wait for the end; meanwhile say what was done."""
        said, at = 0.0, time.monotonic()
        wait = min(LOG_SECONDS, (self._options.idle_timeout or LOG_SECONDS) / 4)
        while not stopped.is_set():
            try:
                async with asyncio.timeout(wait):
                    await stopped.wait()
            except TimeoutError:
                now = time.monotonic()
                idle = 0.0 if self._service.streams else now - self._service.last_use
                if self._options.idle_timeout and idle >= self._options.idle_timeout:
                    log.info("nobody came for %.0f s", idle)
                    return
                if now - at >= LOG_SECONDS:
                    said, at = self._say_done(said, now - at), now

    def _say_done(self, before: float, seconds: float) -> float:
        sample = self._metrics.registry.get_sample_value
        sites = sample("cnnscore_sites_total") or 0.0
        if sites > before:
            log.info(
                "%d sites scored in %.0f s (%.0f/s), %d batches in all, %d streams open",
                sites - before,
                seconds,
                (sites - before) / seconds,
                sample("cnnscore_batches_total") or 0,
                self._service.streams,
            )
        return sites


def _on_signals() -> asyncio.Event:
    """Set by the first of `STOPPING`; the next one kills."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]

    def stop() -> None:
        stopped.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, stop)
    return stopped


def _take_all_file_descriptors() -> None:
    """One for each connection: the soft limit is made for programs that have few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _credentials(options: ServeOptions) -> grpc.ServerCredentials:
    assert options.tls_cert is not None  # check_security saw to these
    assert options.tls_key is not None
    certificate, key = read_file(options.tls_cert), read_file(options.tls_key)
    return grpc.ssl_server_credentials([(key, certificate)])
