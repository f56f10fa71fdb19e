"""Servers as processes of their own, and windows to send to them."""

from __future__ import annotations

import asyncio
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.score.engine import Engine
from cnnscore.serve.batcher import Batcher, Filling
from cnnscore.serve.prometheus import Metrics
from cnnscore.serve.service import ScorerService
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.messages import MESSAGES, ServerDescription, encode_batch

DATA = Path(__file__).parents[1] / "data" / "synthetic"

READY_SECONDS = 300


@dataclass
class Server:
    """A `cnnscore serve` that runs."""

    process: subprocess.Popen[str]
    address: str
    model: str
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        code = self.process.wait(300)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        return code

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text()


StartServer = Callable[..., Server]


def serve_command(*arguments: object) -> list[str]:
    """A command line of `cnnscore serve`."""
    return [sys.executable, "-m", "cnnscore", "serve", *map(str, arguments)]


def start_server(folder: Path, *arguments: object, model: str, listen: str | None = None) -> Server:
    """Start one and wait until it is ready; it ends with this process, however that ends."""
    log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
    # Sockets have short names.
    listen = listen or f"unix:{tempfile.mkdtemp(dir=folder)}/s"
    with log.open("w") as err:
        process = subprocess.Popen(
            serve_command("--listen", listen, "-m", model, "--end-with-stdin", *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    assert process.stdout
    assert select.select([process.stdout], [], [], READY_SECONDS)[0], "not ready in time"
    line = process.stdout.readline()
    assert line.startswith("ready "), log.read_text()
    return Server(process, line.removeprefix("ready ").strip(), model, log)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that end with the test."""
    started: list[Server] = []

    def call(model: str, *arguments: object, listen: str | None = None) -> Server:
        started.append(start_server(tmp_path, *arguments, model=model, listen=listen))
        return started[-1]

    yield call
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def servers(
    tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """One server for each tiny network, for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("servers")
    running = {kind: start_server(folder, model=model) for kind, model in tiny.items()}
    yield running
    codes = {kind: server.stop() for kind, server in running.items()}
    for kind, server in running.items():
        assert codes[kind] == 0, server.said()
        assert "Traceback" not in server.said()
        assert not Path(server.address.removeprefix("unix:")).exists()


@dataclass(frozen=True)
class Windows:
    """A network, windows that fit it, and what a local engine says of them."""

    model: str
    network: str  # SHA-256
    batch: WindowBatch
    scores: NDArray[np.float32]


@pytest.fixture(scope="session")
def windows(tiny: dict[str, str]) -> dict[str, Windows]:
    """Windows of the synthetic sites for each tiny network."""
    return {kind: make_windows(kind, model) for kind, model in tiny.items()}


def make_windows(kind: str, model: str) -> Windows:
    """Synthetic sites as a network wants them, with reads where `kind` is `reads`."""
    engine = Engine(model, provider="cpu")
    network = engine.description
    records = Records()
    calls = Calls(str(DATA / "calls.vcf.gz"), annotations=network.annotations)
    calls.read(records, 24 if kind == "reads" else 200)
    files = str(DATA / "ref.fa"), [str(DATA / "reads.bam")]
    reader = WindowReader(ReaderOptions.of_network(network, *files, None))
    batch = reader.read(records.sites())
    scores = engine.score(batch)
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > len(batch) / 2
    return Windows(model, network.network, batch, scores)


def scores_as_ever(address: str, case: Windows, **options: Any) -> None:
    """Whatever was done to the server there, a new client has its scores."""
    remote = RemoteEngine(address, timeout=300, **options)
    assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    remote.close()


# ---- hostile messages ----


def lie(batch: WindowBatch, network: str = "n", **columns: Any) -> bytes:
    """A message of a batch with other columns; counts stay those of the batch."""
    message: Any = MESSAGES["WindowBatch"]()
    message.ParseFromString(encode_batch(batch, 0, len(batch), id=1, network=network))
    for name, value in columns.items():
        setattr(message, name, value)
    return bytes(message.SerializeToString())


def mutated(rng: random.Random, message: bytes) -> bytes:
    """A message with bytes changed, lost, added or moved."""
    data = bytearray(message)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at : at + 8] = rng.choice([0, -1, 1, 2**31, -(2**63), 2**62]).to_bytes(
                    8, "little", signed=True
                )
            case 2:
                del data[at : at + rng.randrange(20)]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(20))
            case 4:
                del data[at:]
            case 5:  # columns change places
                data = data[at:] + data[:at]
        if not data:
            break
    return bytes(data)


# ---- a server in this process, with an engine that waits ----


class HeldEngine(Engine):
    """Scores when `go` is set; `entered` says that it was asked to."""

    def __init__(self, model: str) -> None:
        super().__init__(model, provider="cpu")
        self.entered, self.go = threading.Event(), threading.Event()

    def score(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Wait, then as ever."""
        self.entered.set()
        assert self.go.wait(300)
        return super().score(batch)


class WatchedService(ScorerService):
    """Remembers the most bytes of batches that ever waited or were in work."""

    most_held = 0

    def hold(self, client: str, size: int) -> None:
        """As ever, and remember."""
        super().hold(client, size)
        self.most_held = max(self.most_held, self._held.total())


ANY = Filling(enough=1, seconds=0, most=1000)


class HereServer:
    """The service on an event loop of this process."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        queue_bytes: int = 1 << 26,
        max_in_flight: int = 4,
        max_streams: int = 256,
        filling: Filling = ANY,
    ) -> None:
        self.about = ServerDescription(engine.description, 1 << 26, max_in_flight)
        self.address = f"unix:{folder}/here"
        self._engine, self._filling = engine, filling
        self._queue_bytes, self._max_streams = queue_bytes, max_streams
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._call(self._start())

    async def _start(self) -> None:
        metrics = Metrics(self.about)
        self.batcher = Batcher(self._engine, 1, self._filling, metrics.job)
        self.service = WatchedService(
            self.about, self.batcher, self._queue_bytes, self._max_streams, metrics
        )
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self.service.handler(),))
        self._server.add_insecure_port(self.address)
        await self._server.start()

    def held(self) -> float:
        """Bytes of batches waiting or in work."""
        return self.service.metrics.registry.get_sample_value("cnnscore_queue_bytes") or 0.0

    def stop_reading(self) -> None:
        """What SIGTERM begins with."""
        self._call(self.service.stop(0))

    def close(self) -> None:
        """End it at once."""

        async def stop() -> None:
            await self.service.stop(0)
            await self._server.stop(0)

        self._call(stop())
        self.batcher.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(300)


StartHere = Callable[..., HereServer]


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartHere]:
    """Starts servers in this process; they end with the test, their engines let go."""
    started: list[tuple[HeldEngine, HereServer]] = []

    def call(engine: HeldEngine, **options: Any) -> HereServer:
        folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
        started.append((engine, HereServer(engine, folder, **options)))
        return started[-1][1]

    yield call
    for engine, server in started:
        engine.go.set()
        server.close()
