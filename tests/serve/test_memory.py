"""Window batches in memory that a client shares: equal scores, and clients that lie about it."""

from __future__ import annotations

import mmap
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from cnnscore.batch import concatenate
from cnnscore.errors import ServerError
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.memory import SUFFIX, TAKEN
from cnnscore.wire.messages import (
    CLIENT,
    MESSAGES,
    SCORE,
    MemoryPlace,
    columns_of,
    decode_scores,
    encode_batch,
    encode_place,
)
from hosts.mixed_load import resident
from hosts.server import Server, StartServer, Windows, scores_as_ever, serve_command
from hosts.waiting import wait_until

Codes = grpc.StatusCode
NAME = "0123456789abcdef" * 2


@pytest.fixture
def victim(servers: dict[str, Server], windows: dict[str, Windows]) -> Iterator[Server]:
    """A server that must be none the worse for what a test does to it."""
    server = servers["reads"]
    before = resident(server.process.pid)
    yield server
    assert server.process.poll() is None
    scores_as_ever(server.address, windows["reads"])
    assert all(line.startswith("cnnscore: ") for line in server.said().splitlines())
    assert resident(server.process.pid) - before < 300 << 20


def door(server: Server) -> str:
    """Where memory is handed over."""
    return server.address.removeprefix("unix:") + SUFFIX


def knock(server: Server) -> socket.socket:
    """A connection there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(door(server))  # waits where many do
    connection.settimeout(60)
    return connection


def answer(server: Server, name: bytes, *files: int) -> bytes:
    """What the server says to a message there; nothing when it hangs up."""
    with knock(server) as connection:
        socket.send_fds(connection, [name], list(files))
        with suppress(ConnectionResetError):
            return connection.recv(16)
        return b""


@contextmanager
def handed_over(server: Server, name: str = NAME) -> Iterator[int]:
    """Memory of a client of this name, as long as the block."""
    file = os.memfd_create("test")
    with knock(server) as connection:
        try:
            socket.send_fds(connection, [name.encode()], [file])
            assert connection.recv(16) == TAKEN
            yield file
        finally:
            os.close(file)


def lay(file: int, case: Windows, at: int = 0) -> MemoryPlace:
    """Put a case's batch there."""
    columns = columns_of(case.batch)
    place = MemoryPlace(at, tuple(column.nbytes for column in columns))
    for begin, column in zip(place.offsets, columns, strict=False):
        os.pwrite(file, column.tobytes(), at + begin)
    os.ftruncate(file, at + place.bytes)
    return place


def ask(server: Server, message: bytes, name: str = NAME) -> tuple[Codes, str, list[bytes]]:
    """How a stream of one message ends: code, details, answers."""
    with grpc.insecure_channel(server.address) as channel:
        call: Any = channel.stream_stream(SCORE)
        stream, answers = call(iter([message]), timeout=300, metadata=((CLIENT, name),)), []
        with suppress(grpc.RpcError):
            answers.extend(stream)
        return stream.code(), stream.details(), answers


def placed(case: Windows, place: MemoryPlace, **fields: Any) -> bytes:
    """A message of a batch that lies there; with other fields, a lie."""
    message: Any = MESSAGES["WindowBatch"]()
    message.ParseFromString(encode_place(case.batch, place, id=1, network=case.network))
    for name, value in fields.items():
        if name == "memory_columns":
            del message.memory_columns[:]
            message.memory_columns.extend(value)
        else:
            setattr(message, name, value)
    return bytes(message.SerializeToString())


# ---- as it should be ----


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_our_client_sends_no_columns_and_has_the_same_scores(
    kind: str,
    servers: dict[str, Server],
    windows: dict[str, Windows],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = windows[kind]
    remote = RemoteEngine(servers[kind].address)
    sent: list[int] = []
    call = remote._score.future

    def future(message: bytes, **options: Any) -> Any:
        sent.append(len(message))
        return call(message, **options)

    monkeypatch.setattr(remote._score, "future", future)
    for _ in range(3):
        assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    assert len(sent) == 3
    assert max(sent) < 1000 < case.batch.reference.nbytes
    remote.close()


def test_what_another_implementation_lays_is_scored(
    victim: Server, windows: dict[str, Windows]
) -> None:
    case = windows["reads"]
    with handed_over(victim) as file:
        for at in (0, 1, 4096):
            code, details, answers = ask(victim, placed(case, lay(file, case, at)))
            assert code is Codes.OK, details
            assert decode_scores(answers[0], id=1, n_sites=24).tobytes() == case.scores.tobytes()


def test_a_place_is_used_again_and_a_batch_that_is_too_large_goes_in_parts(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    case = windows["reads"]
    server = start(tiny["reads"], "--max-message", 1)
    remote = RemoteEngine(server.address)
    n = 1 + (2 << 20) // (case.batch.reads.nbytes + case.batch.reference.nbytes)
    large = concatenate([case.batch.part(0, 24)] * n)
    for _ in range(3):
        assert remote.score(large).tobytes() == case.scores.tobytes() * n
    remote.close()
    assert "Traceback" not in server.said()


def test_a_server_that_is_started_again_gets_the_memory_again(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    case = windows["reads"]
    server = start(tiny["reads"])
    remote = RemoteEngine(server.address, timeout=60)
    assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    server.stop(signal.SIGKILL)
    with pytest.raises(ServerError):
        remote.score(case.batch)
    again = start(tiny["reads"], listen=server.address)

    def is_back() -> bool:  # gRPC lets some time pass before it connects again
        with suppress(ServerError):
            return remote.score(case.batch).tobytes() == case.scores.tobytes()
        return False

    wait_until(is_back)
    assert remote._memory
    assert remote._memory.is_shared()
    remote.close()
    again.stop()
    assert not Path(door(again)).exists()


def test_without_the_door_windows_travel_in_messages(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    server = start(tiny["reads"])
    Path(door(server)).unlink()
    scores_as_ever(server.address, windows["reads"])


def test_the_door_has_the_mode_of_the_socket(start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reads"], "--socket-mode", "660")
    assert Path(door(server)).stat().st_mode & 0o777 == 0o660


def test_a_file_that_stands_there_is_not_replaced(tmp_path: Path, tiny: dict[str, str]) -> None:
    file = tmp_path / f"s{SUFFIX}"
    file.write_text("mine")
    command = serve_command("--listen", f"unix:{tmp_path}/s", "-m", tiny["reads"])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode != 0
    assert f"{file} is there already, and is no socket" in done.stderr
    assert file.read_text() == "mine"
    assert not (tmp_path / "s").exists()


# ---- clients that lie ----


def test_only_a_name_with_one_file_of_memory_is_taken(victim: Server) -> None:
    memory, ends = os.memfd_create("test"), os.pipe()
    disk = os.open(__file__, os.O_RDONLY)
    zero, folder = os.open("/dev/zero", os.O_RDONLY), os.open("/", os.O_RDONLY)
    name = NAME.encode()
    for files in ([], [memory, memory], [memory] * 200, [ends[0]], [ends[1]], [zero], [folder]):
        assert answer(victim, name, *files) == b"", files
    assert answer(victim, name, disk) == b""
    for wrong in (b"", b"x", name[:-1], name + b"0", name.upper(), b"\xff" * 32, b"a" * 60_000):
        assert answer(victim, wrong, memory) == b"", wrong
    assert answer(victim, name, memory) == TAKEN
    for file in (memory, *ends, disk, zero, folder):
        os.close(file)


def test_a_name_is_one_clients(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    other = os.memfd_create("test")
    with handed_over(victim) as file:
        place = lay(file, case)
        assert answer(victim, NAME.encode(), other) == b""
        assert ask(victim, placed(case, place))[0] is Codes.OK
    os.close(other)
    wait_until(lambda: ask(victim, placed(case, place))[0] is Codes.ABORTED)
    code, details, _ = ask(victim, placed(case, place), name="nobody")
    assert (code, "does not share" in details) == (Codes.ABORTED, True)


def test_who_goes_on_talking_is_left(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    file = os.memfd_create("test")
    with knock(victim) as connection:
        socket.send_fds(connection, [NAME.encode()], [file])
        assert connection.recv(16) == TAKEN
        place = lay(file, case)
        socket.send_fds(connection, [b"more"], [file] * 3)
        with suppress(ConnectionResetError):
            assert connection.recv(16) == b""
        wait_until(lambda: ask(victim, placed(case, place))[0] is Codes.ABORTED)
    os.close(file)


def test_places_that_are_not_there(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    with handed_over(victim) as file:
        place = lay(file, case)
        n = list(place.columns)
        lies: list[dict[str, Any]] = [
            {"memory_at": place.bytes},
            {"memory_at": 1 << 40},
            {"memory_at": (1 << 63) - 1},
            {"memory_at": -1},
            {"memory_columns": n[:-1]},
            {"memory_columns": [*n, 0]},
            {"memory_columns": [0] * len(n)},
            {"memory_columns": [-8, *n[1:]]},
            {"memory_columns": [*n[:-1], 1 << 62]},
            {"memory_columns": [(1 << 63) - 1] * len(n)},
            {"memory_columns": [*n[:11], 64 << 20, *n[12:]]},
            {"memory_columns": [n[0] + 8, n[1] - 8, *n[2:]]},
            {"contig": b"\0" * 4 * 24},
            {"n_sites": 25},
        ]
        for fields in lies:
            code, details, _ = ask(victim, placed(case, place, **fields))
            assert code is Codes.INVALID_ARGUMENT, (fields, details)
            assert details.startswith("window batch: "), details
        large = encode_batch(case.batch, 0, 24, id=1, network=case.network)
        both = large + placed(case, place)
        assert ask(victim, both)[0] is Codes.INVALID_ARGUMENT
        assert ask(victim, placed(case, place, network="x"))[0] is Codes.FAILED_PRECONDITION


def test_memory_that_shrinks_or_cannot_be_read(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    with handed_over(victim) as file:
        place = lay(file, case)
        for size in (place.bytes - 1, 100, 0):
            os.ftruncate(file, size)
            code, details, _ = ask(victim, placed(case, place))
            assert (code, "the shared memory has no" in details) == (Codes.INVALID_ARGUMENT, True)
    memory = os.memfd_create("test")
    write_only = os.open(f"/proc/self/fd/{memory}", os.O_WRONLY)
    name = NAME[::-1]
    with knock(victim) as connection:
        socket.send_fds(connection, [name.encode()], [write_only])
        assert connection.recv(16) == TAKEN
        assert ask(victim, placed(case, place), name=name)[0] is Codes.INVALID_ARGUMENT
    os.close(write_only)
    os.close(memory)


def test_batches_that_change_while_they_are_read(
    victim: Server, windows: dict[str, Windows]
) -> None:
    """Whatever stands there is checked as a copy: a batch is answered, or refused."""
    case, rng = windows["reads"], random.Random(7)
    with handed_over(victim) as file:
        place = lay(file, case)
        memory = mmap.mmap(file, place.bytes)
        good = memory[:]
        message = placed(case, place)
        with grpc.insecure_channel(victim.address) as channel:
            score: Any = channel.unary_unary(SCORE)
            ends = dict.fromkeys(Codes, 0)
            for _ in range(400):
                call = score.future(message, timeout=300, metadata=((CLIENT, NAME),))
                for _ in range(rng.randrange(20)):  # meanwhile
                    memory[rng.randrange(len(memory))] = rng.randrange(256)
                with suppress(grpc.RpcError):
                    call.result()
                ends[call.code()] += 1
                if rng.random() < 0.3:
                    memory[:] = good
        assert ends[Codes.OK] > 10
        assert ends[Codes.INVALID_ARGUMENT] > 10
        assert ends[Codes.OK] + ends[Codes.INVALID_ARGUMENT] == 400
        memory.close()


def test_three_hundred_who_say_nothing(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    """They have their places for some seconds; others send messages meanwhile."""
    server = start(tiny["reads"], "--max-streams", 8)
    with ExitStack() as stack:
        silent = [stack.enter_context(knock(server)) for _ in range(300)]
        scores_as_ever(server.address, windows["reads"])
        assert silent[-1].recv(16) == b""
        assert silent[0].recv(16) == b""  # after a while
    with handed_over(server):
        pass
    assert np.isfinite(windows["reads"].scores).all()
    assert server.stop() == 0
    assert all(line.startswith("cnnscore: ") for line in server.said().splitlines())
