"""`cnnscore serve --end-with-stdin`: the server of a process that is gone does not outlive it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnscore.errors import ServerError
from cnnscore.wire.client import RemoteEngine
from hosts.server import Windows, serve_command
from hosts.waiting import wait_until, wait_until_loaded

SOON = 60  # seconds, on a machine with other work; without the leash its clients never stop
Leashed = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def leashed(tmp_path: Path, tiny: dict[str, str]) -> Iterator[Leashed]:
    """Starts a server whose standard input is a pipe; its socket is FOLDER/s."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, stdin: int = subprocess.PIPE) -> subprocess.Popen[str]:
        folder.mkdir()
        command = serve_command(
            *("--listen", f"unix:{folder}/s", "-m", tiny["reference"], "--end-with-stdin")
        )
        with (tmp_path / "log").open("w") as err:
            started.append(
                subprocess.Popen(
                    command, stdin=stdin, stdout=subprocess.PIPE, stderr=err, text=True
                )
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        with process:  # closes its pipes
            pass


def _let_go(process: subprocess.Popen[str]) -> float:
    """Seconds until it ends when its standard input does."""
    assert process.stdin
    begin = time.monotonic()
    process.stdin.close()
    assert process.wait(300) == 1
    return time.monotonic() - begin


def test_it_ends_in_the_middle_of_work(
    leashed: Leashed, windows: dict[str, Windows], tmp_path: Path
) -> None:
    folder, case = tmp_path / "mine", windows["reference"]
    server = leashed(folder)
    assert server.stdout
    assert server.stdout.readline() == f"ready unix:{folder}/s\n"
    scored = [0] * 4

    def client(number: int) -> None:
        remote = RemoteEngine(f"unix:{folder}/s")
        try:
            while True:
                remote.score(case.batch)
                scored[number] += 1
        except ServerError:
            pass
        finally:
            remote.close()

    with ThreadPoolExecutor(len(scored)) as pool:
        ends = [pool.submit(client, number) for number in range(len(scored))]
        wait_until(lambda: min(scored) > 0)
        seconds = _let_go(server)
        for end in ends:
            end.result(300)
    assert seconds < SOON
    assert not folder.exists()


def test_it_ends_while_it_starts(leashed: Leashed, tmp_path: Path) -> None:
    server = leashed(tmp_path / "mine")
    wait_until_loaded(server, "onnxruntime")
    _let_go(server)
    assert not (tmp_path / "mine").exists()


def test_nobody_holds_it(leashed: Leashed, tmp_path: Path) -> None:
    assert leashed(tmp_path / "mine", subprocess.DEVNULL).wait(300) == 1
    assert "standard input has ended" in (tmp_path / "log").read_text()


def test_what_else_is_in_its_folder_stays(leashed: Leashed, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    server = leashed(folder)
    (folder / "other").touch()
    assert server.stdout
    assert server.stdout.readline().startswith("ready ")
    _let_go(server)
    assert [path.name for path in folder.iterdir()] == ["other"]


def test_a_short_path_from_here(
    leashed: Leashed, windows: dict[str, Windows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the absolute one is too long for a socket."""
    here = tmp_path / ("long" * 30)
    here.mkdir()
    monkeypatch.chdir(here)
    server = leashed(Path("mine"))
    assert server.stdout
    assert server.stdout.readline() == "ready unix:mine/s\n"
    remote = RemoteEngine("unix:mine/s")
    case = windows["reference"]
    assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    remote.close()
    _let_go(server)
    assert not Path("mine").exists()
