"""Servers that stop, start anew, stand still or meet another at their socket; clients that die."""

from __future__ import annotations

import gzip
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cnnscore.errors import BadOutput, ServerError
from cnnscore.serve.server import STOPPING
from cnnscore.serve.socket_file import SocketFile
from cnnscore.wire.client import RemoteEngine
from conftest import DATA, run_process
from hosts.mixed_load import MixedLoad, resident
from hosts.plugin import environment
from hosts.server import Server, StartServer, Windows, scores_as_ever, serve_command
from hosts.waiting import wait_until

# ---- restarts ----


@contextmanager
def working(address: str, case: Windows, count: int) -> Iterator[list[list[str]]]:
    """Clients that score on and on, whatever happens; what each met: `right`, or an error."""
    met: list[list[str]] = [[] for _ in range(count)]
    enough = threading.Event()

    def client(number: int) -> None:
        remote = RemoteEngine(address, timeout=300)
        while not enough.is_set():
            try:
                got = remote.score(case.batch)
                met[number].append("right" if got.tobytes() == case.scores.tobytes() else "WRONG")
            except ServerError as error:
                met[number].append(str(error))
                enough.wait(0.05)
        remote.close()

    with ThreadPoolExecutor(count) as pool:
        ends = [pool.submit(client, number) for number in range(count)]
        try:
            yield met
        finally:
            enough.set()
        for end in ends:
            end.result(300)


@pytest.mark.parametrize("number", STOPPING)
def test_a_server_that_is_told_to_end_leaves_no_socket(
    number: int, start: StartServer, tiny: dict[str, str]
) -> None:
    server = start(tiny["reference"])
    socket = Path(server.address.removeprefix("unix:"))
    assert socket.exists()
    assert server.stop(number) == 0, server.said()
    assert "Traceback" not in server.said()
    assert not list(socket.parent.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_restart_under_clients(
    number: int, start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    """Each batch is right, or an error that names the remedy; then clients go on as they are."""
    case = windows["reference"]
    server = start(tiny["reference"])
    with working(server.address, case, 4) as met:
        for _ in range(2):
            wait_until(lambda: all(m and m[-1] == "right" for m in met))
            server.stop(number)
            wait_until(lambda: all(m[-1] != "right" for m in met))
            server = start(tiny["reference"], listen=server.address)
            wait_until(lambda: all(m[-1] == "right" for m in met))
    said = {words for m in met for words in m} - {"right"}
    assert said
    assert all("is it running? `cnnscore serve` starts one" in words for words in said), said


def test_a_server_that_stands_still(
    start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    """SIGSTOP: who waits is answered afterwards, who has no time is told."""
    case = windows["reference"]
    server = start(tiny["reference"])
    patient, impatient = RemoteEngine(server.address), RemoteEngine(server.address, timeout=3)
    server.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(patient.score, case.batch) for _ in range(3)]
        with pytest.raises(ServerError, match=r"did not answer in 3 s"):
            impatient.score(case.batch)
        newcomer = pool.submit(RemoteEngine, server.address)
        assert not any(wait.done() for wait in waits)
        assert not newcomer.done()
        server.process.send_signal(signal.SIGCONT)
        for wait in waits:
            assert wait.result(300).tobytes() == case.scores.tobytes()
        newcomer.result(300).close()
    patient.close()
    impatient.close()
    assert server.stop() == 0


# ---- the socket's name ----


def test_two_servers_start_at_once(tiny: dict[str, str], tmp_path: Path) -> None:
    """One has the name, the other is told; who connects reaches the one."""
    listen = f"unix:{tmp_path}/s"
    started = [
        subprocess.Popen(
            serve_command("--listen", listen, "-m", tiny["reference"]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        wait_until(lambda: sum(process.poll() is None for process in started) == 1)
        (winner,) = [process for process in started if process.poll() is None]
        assert winner.stdout
        assert winner.stdout.readline() == f"ready {listen}\n"
        RemoteEngine(listen).close()
        for process in started:
            if process is not winner:
                out, err = process.communicate()
                assert (process.returncode, out) == (2, "")
                assert "listens at" in err or "another server starts at" in err
        winner.send_signal(signal.SIGTERM)
        winner.communicate(timeout=300)
        assert list(tmp_path.iterdir()) == []
    finally:
        for process in started:
            process.kill()
            process.communicate()


KEPT: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _closes_sockets() -> Iterator[None]:
    yield
    while KEPT:
        KEPT.pop().close()


def bind_to(target: str) -> None:
    """What gRPC does."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(target.removeprefix("unix:"))
    listener.listen(1)
    KEPT.append(listener)


def test_a_name_that_is_taken_between(tmp_path: Path) -> None:
    """Another server, or a link of a stranger's, comes after we looked: never replaced."""

    def with_link(target: str) -> None:
        bind_to(target)
        (tmp_path / "s").symlink_to(tmp_path / "other")

    bind_to(f"unix:{tmp_path}/other")
    with pytest.raises(BadOutput, match="is there already, and is no socket"):
        SocketFile(tmp_path / "s", 0o600, with_link)
    assert (tmp_path / "s").is_symlink()
    assert (tmp_path / "other").exists()
    (tmp_path / "s").unlink()

    def with_server(target: str) -> None:
        bind_to(target)
        bind_to(f"unix:{tmp_path}/s")

    with pytest.raises(BadOutput, match="a server listens at"):
        SocketFile(tmp_path / "s", 0o600, with_server)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "s"]


def test_only_its_own_socket_goes(tmp_path: Path) -> None:
    first = SocketFile(tmp_path / "s", 0o640, bind_to)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o640
    (tmp_path / "s").unlink()  # somebody did, and started another
    second = SocketFile(tmp_path / "s", 0o600, bind_to)
    first.close()
    assert (tmp_path / "s").is_socket()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_socket_in_a_folder_of_a_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reached from within: its own address is short."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    monkeypatch.chdir(folder)
    SocketFile(Path("s"), 0o600, bind_to).close()
    assert list(folder.iterdir()) == []


def test_a_stopped_server_keeps_its_socket(start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reference"])
    server.process.send_signal(signal.SIGSTOP)
    done = run_process("serve", "-m", tiny["reference"], "--listen", server.address)
    assert (done.returncode, b"a server listens at" in done.stderr) == (2, True)
    server.process.send_signal(signal.SIGCONT)
    RemoteEngine(server.address).close()
    assert server.stop() == 0


# ---- clients that die ----


class Client:
    """A run of `cnnscore score` or `bcftools +cnnscore` that scores on a server."""

    def __init__(self, door: str, address: str, output: Path) -> None:
        self.output = output
        if door == "score":
            command = [sys.executable, "-m", "cnnscore", "score", "-", "-R", DATA / "ref.fa"]
            command += ["--quiet", "--server", address]
        else:
            command = ["bcftools", "+cnnscore", "-", "-f", DATA / "ref.fa", "-m", address]
        self.process = subprocess.Popen(
            [*map(str, command), "-o", str(output)],
            env=environment() if door == "plugin" else None,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._calls = gzip.decompress((DATA / "calls.vcf.gz").read_bytes())

    def send_half(self) -> None:
        """And wait until it writes."""
        assert self.process.stdin
        self.process.stdin.write(self._calls[: len(self._calls) // 2])
        self.process.stdin.flush()
        wait_until(lambda: any(self.output.parent.iterdir()))

    def send_rest(self) -> tuple[int, str]:
        """Its exit code and what it said."""
        with suppress(BrokenPipeError):
            _, err = self.process.communicate(self._calls[len(self._calls) // 2 :], timeout=300)
        return self.process.returncode, err.decode()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "box").mkdir()
    return tmp_path / "box" / "out.vcf"


DOORS = ["score", "plugin"]


@pytest.mark.parametrize("door", DOORS)
def test_a_client_that_stands_still(
    door: str, servers: dict[str, Server], windows: dict[str, Windows], output: Path
) -> None:
    """SIGSTOP in the middle of its calls: nobody waits for it, and it goes on afterwards."""
    server = servers["reference"]
    client = Client(door, server.address, output)
    client.send_half()
    client.process.send_signal(signal.SIGSTOP)
    scores_as_ever(server.address, windows["reference"])
    client.process.send_signal(signal.SIGCONT)
    code, _ = client.send_rest()
    assert code == 0
    assert [path.name for path in output.parent.iterdir()] == ["out.vcf"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("end", ["term", "kill", "stopped and killed", "another network"])
def test_each_death_of_the_server(
    end: str, door: str, start: StartServer, tiny: dict[str, str], output: Path
) -> None:
    """In the middle of a file: one error that names the server and the remedy, and no output."""
    server = start(tiny["reference"])
    client = Client(door, server.address, output)
    client.send_half()
    if end == "stopped and killed":
        server.process.send_signal(signal.SIGSTOP)
    server.stop(signal.SIGTERM if end in ("term", "another network") else signal.SIGKILL)
    if end == "another network":
        start(tiny["reads"], listen=server.address)
    code, err = client.send_rest()
    assert code == (2 if door == "score" else 255)
    assert server.address in err or "another network" in err
    assert "is it running? `cnnscore serve` starts one" in err or "another network" in err
    assert "Traceback" not in err
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_each_death_of_a_client(
    number: signal.Signals,
    door: str,
    start: StartServer,
    tiny: dict[str, str],
    windows: dict[str, Windows],
    output: Path,
) -> None:
    """Its streams go with it; the server and the others do not notice."""
    server = start(tiny["reference"], "--idle-timeout", 2)
    client = Client(door, server.address, output)
    client.send_half()
    client.process.send_signal(number)
    client.process.communicate(timeout=300)
    assert client.process.returncode in (-number, 128 + number)
    left = [path.name for path in output.parent.iterdir()]
    assert left == ([f".out.vcf.{client.process.pid}.part"] if number == signal.SIGKILL else [])
    scores_as_ever(server.address, windows["reference"])
    assert server.process.wait(300) == 0  # no stream is open any more
    assert "Traceback" not in server.said()


def test_mixed_load_in_flat_memory(
    start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    """Twenty turns of each kind of client. Ten minutes: tests/bench/server_load.py."""
    server = start(tiny["reads"], "--max-queue", 16)
    load = MixedLoad(server.address, windows["reads"])
    memory: list[int] = []
    kinds = ("small", "large", "hostile", "leaving", "other")
    load.run(
        lambda: min(load.done[kind] for kind in kinds) >= 20,
        lambda: memory.append(resident(server.process.pid)),
    )
    assert load.done["wrong"] == 0
    assert max(memory[-len(memory) // 3 :]) - max(memory[: len(memory) // 3]) < 150 << 20
    scores_as_ever(server.address, windows["reads"])
    assert server.stop() == 0
    assert "Traceback" not in server.said()
