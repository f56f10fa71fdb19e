"""Servers as processes of their own, and windows to send to them."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.engine import Engine
from cnnscore.records import Calls, Records
from cnnscore.windows import ReaderOptions, WindowReader
from cnnscore.wire import MESSAGES, encode_batch

DATA = Path(__file__).parent / "data" / "synthetic"

READY_SECONDS = 60


@dataclass
class Server:
    """A `cnnscore serve` that runs."""

    process: subprocess.Popen[str]
    address: str
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text()


StartServer = Callable[..., Server]


def serve_command(*arguments: object) -> list[str]:
    """A command line of `cnnscore serve`."""
    return [sys.executable, "-m", "cnnscore", "serve", *map(str, arguments)]


def start_server(folder: Path, *arguments: object, listen: str | None = None) -> Server:
    """Start one and wait until it is ready."""
    log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
    # Sockets have short names.
    listen = listen or f"unix:{tempfile.mkdtemp(dir=folder)}/s"
    with log.open("w") as err:
        process = subprocess.Popen(
            serve_command("--listen", listen, *arguments),
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    assert process.stdout
    assert select.select([process.stdout], [], [], READY_SECONDS)[0], "not ready in time"
    line = process.stdout.readline()
    assert line.startswith("ready "), log.read_text()
    return Server(process, line.removeprefix("ready ").strip(), log)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that end with the test."""
    started: list[Server] = []

    def call(*arguments: object, listen: str | None = None) -> Server:
        started.append(start_server(tmp_path, *arguments, listen=listen))
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
    running = {kind: start_server(folder, "-m", model) for kind, model in tiny.items()}
    yield running
    codes = {kind: server.stop() for kind, server in running.items()}
    for kind, server in running.items():
        assert codes[kind] == 0, server.said()
        assert "Traceback" not in server.said()
        assert not os.path.exists(server.address.removeprefix("unix:"))  # noqa: PTH110


@dataclass(frozen=True)
class Windows:
    """A network, windows that fit it, and what a local engine says of them."""

    model: str
    network: str  # SHA-256
    batch: WindowBatch
    scores: np.ndarray


@pytest.fixture(scope="session")
def windows(tiny: dict[str, str]) -> dict[str, Windows]:
    """Windows of the synthetic sites for each tiny network."""
    return {kind: _windows(kind, model) for kind, model in tiny.items()}


def _windows(kind: str, model: str) -> Windows:
    engine = Engine(model, provider="cpu")
    network = engine.description
    records = Records()
    calls = Calls(str(DATA / "calls.vcf.gz"), annotations=network.annotations)
    calls.read(records, 24 if kind == "reads" else 200)
    reader = WindowReader(
        ReaderOptions(
            str(DATA / "ref.fa"),
            (str(DATA / "reads.bam"),) if kind == "reads" else (),
            read_rule=network.read_rule,
            read_limit=network.read_limit,
            reference_left=network.reference_left,
            reference_width=network.reference_width,
        )
    )
    batch = reader.read(records.sites())
    return Windows(model, network.network, batch, engine.score(batch))


# ---- hostile messages ----


def lie(batch: WindowBatch, **columns: Any) -> bytes:
    """A message of a batch with other columns; counts stay those of the batch."""
    message: Any = MESSAGES["WindowBatch"]()
    message.ParseFromString(encode_batch(batch, 0, len(batch), id=1, network="n"))
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
