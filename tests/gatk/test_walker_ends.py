"""However the tool's JVM ends, its engine ends with it, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import DATA, scores_of
from hosts.gatk import ENGINE, SOON, Gatk, ToolHost, run
from hosts.processes import children, runs, seconds_worked, worked_when_ended
from hosts.server import StartServer
from hosts.waiting import wait_until
from kill.killing import preloaded

INPUTS = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For temporary files, and a socket: a short name. At the end none of ours is there."""
    folder = tmp_path_factory.mktemp("t") / "t"
    folder.mkdir()
    yield folder
    assert _ours(folder) == []


def _ours(folder: Path) -> list[Path]:
    """GATK has some of its own."""
    return list(folder.glob("cnnscore*"))


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["kill", "term", "interrupt", "hang-up"],
)
def test_signals(
    number: int,
    status: int,
    gatk: Gatk,
    gatk_models: Path,
    long_calls: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    """In the middle of the engine's work."""
    out = tmp_path / "out" / "out.vcf.gz"
    out.parent.mkdir()
    inputs = ("-V", long_calls, *INPUTS[2:], "--model", "gatk-2d", "--engine", ENGINE)
    command = gatk.command("CnnScoreVariants", *inputs, "-O", out, "--tmp-dir", folder)
    log = tmp_path / "log"
    with log.open("w") as err, subprocess.Popen(command, stderr=err) as tool:
        try:
            wait_until(lambda: "Starting traversal" in log.read_text())
            (engine,) = children(tool.pid)
            assert _ours(folder) == []  # from here on nothing is left whatever happens
            before = seconds_worked(engine)
            wait_until(lambda: seconds_worked(engine) > before + 1)
            before = seconds_worked(engine)
            tool.send_signal(number)
            ended = worked_when_ended(engine, lambda: tool.poll() is not None)
            assert ended < before + SOON
            assert tool.returncode == status
        finally:
            tool.kill()
    assert "ERROR" not in log.read_text()
    left = [path.name for path in out.parent.iterdir()]
    hidden = [f".{out.name}.{tool.pid}.part"]  # the next run with this output removes it
    assert left == (hidden if number == signal.SIGKILL else [])


def test_an_output_is_replaced_in_one_step(
    gatk: Gatk, tiny: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    """`kill -9` finds the old one or the new one, and no index of the other."""
    out, log = tmp_path / "out.vcf.gz", tmp_path / "steps"
    out.write_text("old")
    out.with_name("out.vcf.gz.tbi").write_text("of the old one")
    inputs = (*INPUTS, "--model", tiny["reads"], "--engine", ENGINE, "-O", out)
    command = gatk.command("CnnScoreVariants", *inputs, "--tmp-dir", folder)
    preload = {"LD_PRELOAD": preloaded(), "KILL_UNDER": f"{out}", "KILL_LOG": log}
    done = run(command, env={**os.environ, **{key: str(value) for key, value in preload.items()}})
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines() == [
        f"remove {out}.tbi",
        f"rename {out}",
        f"rename {out}.tbi",
    ]


def test_killed_while_the_engine_starts(gatk: Gatk, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    inputs = (*INPUTS, "--model", "reads", "--engine", ENGINE, "-O", tmp_path / "out.vcf")
    command = gatk.command("CnnScoreVariants", *inputs, "--tmp-dir", folder)
    with log.open("w") as err, subprocess.Popen(command, stderr=err) as tool:
        try:
            wait_until(lambda: children(tool.pid))
            (engine,) = children(tool.pid)
        finally:
            tool.kill()
    wait_until(lambda: not runs(engine))


# ---- --tmp-dir ----


def test_socket_lies_in_tmp_dir(tools: ToolHost, tiny: dict[str, str], folder: Path) -> None:
    out = folder.with_name("out.vcf")
    ran = tools.score(
        *(*INPUTS, "-O", out, "--model", tiny["reads"], "--engine", ENGINE, "--tmp-dir", folder)
    )
    assert ran.ok, ran.answer
    assert f"--listen unix:{folder}/cnnscore" in ran.log
    assert len(scores_of(out, "CNN_2D")) == 294


def test_tmp_dir_too_long_for_a_socket(tools: ToolHost, tiny: dict[str, str], folder: Path) -> None:
    long = folder.with_name("long" * 30)
    long.mkdir()
    out = folder.with_name("out.vcf")
    ran = tools.score(
        *(*INPUTS, "-O", out, "--model", tiny["reads"], "--engine", ENGINE, "--tmp-dir", long)
    )
    assert ran.ok, ran.answer
    assert f"{long} is too long for a socket" in ran.log
    assert _ours(long) == []


@pytest.mark.parametrize("length", [106, 107])
def test_the_longest_path_of_a_server(
    length: int, tools: ToolHost, tiny: dict[str, str], folder: Path, start: StartServer
) -> None:
    path = folder / ("s" * (length - len(f"{folder}/")))
    out = folder.with_name("out.vcf")
    server = start(tiny["reads"], listen=f"unix:{path}")
    ran = tools.score(*INPUTS, "-O", out, "--server", server.address)
    assert ran.ok == (length == 106)
    if not ran.ok:
        assert f"unix:{path} is too long for a socket of Java's (over 106 bytes)" in ran.answer


def test_tmp_dir_that_holds_no_folder(tools: ToolHost, tmp_path: Path) -> None:
    """A file: GATK takes it, as it can be read and written."""
    file, out = tmp_path / "file", tmp_path / "out.vcf"
    file.touch()
    ran = tools.score(*INPUTS, "-O", out, "--model", "reads", "--tmp-dir", file)
    assert ran.answer.startswith("user error: ")
    assert str(file) in ran.answer
    assert "--tmp-dir" in ran.answer
    assert not out.exists()
