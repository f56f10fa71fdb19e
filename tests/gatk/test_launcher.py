"""GATK's own script, with GATK_LOCAL_JAR as docs/tasks/gatk.md says: releases, options, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import DATA, scores_of
from hosts.gatk import ENGINE, SHORT, SOON, Gatk, ToolHost
from hosts.processes import children, runs, seconds_worked, worked_when_ended
from hosts.server import Server
from hosts.waiting import wait_until

REFERENCE, READS = DATA / "ref.fa", DATA / "reads.bam"
RELEASES = ["4.5.0.0", "4.6.0.0", "4.6.2.0"]


@dataclass(frozen=True)
class Launcher:
    """The script of a release, which every GATK jar holds; the walker beside its package."""

    script: Path
    walker: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GATK_LOCAL_JAR": str(self.walker)}

    def command(self, *arguments: object, java: tuple[str, ...] = ()) -> list[str]:
        options = ["--java-options", " ".join([*SHORT, *java])]
        return [sys.executable, str(self.script), *options, *map(str, arguments)]


def launcher(gatk: Gatk, version: str, folder: Path) -> Launcher:
    walker = gatk.packaged(version, folder)
    jar = gatk.folder.with_name(f"gatk-{version}") / f"gatk-{version}.jar"
    with zipfile.ZipFile(jar) as files:
        return Launcher(Path(files.extract("gatk", folder)), walker)


@pytest.mark.parametrize("version", RELEASES)
def test_releases(
    version: str,
    gatk: Gatk,
    tools: ToolHost,
    servers: dict[str, Server],
    tiny: dict[str, str],
    tmp_path: Path,
) -> None:
    """The same scores, with an engine of the tool's own; quiet when told so."""
    out, today = tmp_path / "out.vcf", tmp_path / "today.vcf"
    script = launcher(gatk, version, tmp_path)
    command = script.command(
        *("CnnScoreVariants", "--QUIET"),
        *("-V", DATA / "calls.vcf.gz", "-R", REFERENCE, "-I", READS, "-O", out),
        *("--model", tiny["reads"], "--engine", ENGINE, "--verbosity", "ERROR"),
        java=("-Xmx900m", "-Dcnnscore.test=1"),
    )
    done = subprocess.run(
        command, env=script.environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    own, _, said = done.stderr.partition("Running:\n")
    assert own.strip() == (
        f"Using GATK jar {script.walker} defined in environment variable GATK_LOCAL_JAR"
    )
    running, *rest = said.splitlines()
    assert "-Xmx900m -Dcnnscore.test=1 -jar" in running
    assert rest == []
    assert done.stdout == ""
    inputs = ("-V", DATA / "calls.vcf.gz", "-R", REFERENCE, "-I", READS)
    assert tools.score(*inputs, "-O", today, "--server", servers["reads"].address).ok
    assert scores_of(out, "CNN_2D") == scores_of(today, "CNN_2D")
    assert f'Version="{version}-cnnscore-' in out.read_text()


@pytest.mark.parametrize("version", RELEASES)
def test_the_old_tools_name(
    version: str, gatk: Gatk, servers: dict[str, Server], tmp_path: Path
) -> None:
    """Ours where GATK has none of that name any more; `--help` of ours everywhere."""
    script = launcher(gatk, version, tmp_path)
    done = subprocess.run(
        script.command("CNNScoreVariants", "--help"),
        env=script.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    is_ours = "USAGE: CnnScoreVariants" in done.stdout + done.stderr
    assert is_ours == (version == "4.6.2.0")


def test_the_package_of_4_6_1_0_is_found(gatk: Gatk, tmp_path: Path) -> None:
    """Maven Central has no such release: its name stands for the jars of the next. The walker is a
    link, as to the jar of an installed wheel."""
    (tmp_path / "elsewhere").mkdir()
    script = launcher(gatk, "4.6.2.0", tmp_path / "elsewhere")
    gatk.packaged("4.6.2.0", tmp_path, "4.6.1.0").unlink()
    (tmp_path / "cnnscore-gatk.jar").symlink_to(gatk.walker)
    script = Launcher(script.script, tmp_path / "cnnscore-gatk.jar")
    done = subprocess.run(
        script.command("CNNScoreVariants", "--help"),
        env=script.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "USAGE: CnnScoreVariants" in done.stdout + done.stderr


# ---- signals: to the script alone, as `kill` gives them, or to all, as a terminal does ----


@dataclass(frozen=True)
class Running:
    """The three processes, in the middle of the engine's work."""

    script: subprocess.Popen[bytes]
    jvm: int
    engine: int
    worked: float
    """Seconds on any CPU that the engine has worked so far."""


@contextmanager
def running(gatk: Gatk, calls: Path, out: Path, folder: Path) -> Iterator[Running]:
    script = launcher(gatk, "4.6.2.0", folder)
    command = script.command(
        *("CnnScoreVariants", "-V", calls, "-R", REFERENCE, "-I", READS, "-O", out),
        *("--model", "gatk-2d", "--engine", ENGINE),
    )
    log = folder / "log"
    with (
        log.open("w") as err,
        subprocess.Popen(
            command, env=script.environment, stderr=err, start_new_session=True
        ) as process,
    ):
        try:
            wait_until(lambda: "Starting traversal" in log.read_text())
            (jvm,) = children(process.pid)
            (engine,) = children(jvm)
            before = seconds_worked(engine)
            wait_until(lambda: seconds_worked(engine) > before + 0.2)
            yield Running(process, jvm, engine, seconds_worked(engine))
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "out.vcf"


def ends(started: Running, out: Path) -> None:
    """Soon there is no process, and nothing under the output's name."""
    worked = worked_when_ended(started.engine, lambda: not runs(started.jvm))
    assert worked < started.worked + SOON
    assert [path.name for path in out.parent.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, -15)], ids=["interrupt", "term"]
)
def test_signal_to_all(
    number: int, status: int, gatk: Gatk, gatk_models: Path, long_calls: Path, out: Path
) -> None:
    with running(gatk, long_calls, out, out.parent.parent) as started:
        os.killpg(started.script.pid, number)
        assert started.script.wait(300) == status
        ends(started, out)


def test_interrupt_of_the_script(
    gatk: Gatk, gatk_models: Path, long_calls: Path, out: Path
) -> None:
    """It kills its JVM as it goes."""
    with running(gatk, long_calls, out, out.parent.parent) as started:
        started.script.send_signal(signal.SIGINT)
        assert started.script.wait(300) == 1
        ends(started, out)


def test_kill_of_the_jvm(gatk: Gatk, gatk_models: Path, long_calls: Path, out: Path) -> None:
    with running(gatk, long_calls, out, out.parent.parent) as started:
        os.kill(started.jvm, signal.SIGKILL)
        assert started.script.wait(300) != 0
        ends(started, out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_end_of_the_script_alone(
    number: int, gatk: Gatk, gatk_models: Path, long_calls: Path, out: Path
) -> None:
    """The JVM goes on, as with all of GATK's tools; when it ends, all ends."""
    with running(gatk, long_calls, out, out.parent.parent) as started:
        started.script.send_signal(number)
        assert started.script.wait(300) == -number
        before = seconds_worked(started.engine)
        wait_until(lambda: seconds_worked(started.engine) > before + 0.2)
        assert runs(started.jvm)
        os.kill(started.jvm, number)
        ends(started, out)


def test_the_jvm_finishes_without_its_script(gatk: Gatk, gatk_models: Path, out: Path) -> None:
    with running(gatk, DATA / "calls.vcf.gz", out, out.parent.parent) as started:
        started.script.kill()
        wait_until(lambda: not runs(started.jvm) and not runs(started.engine))
        assert sorted(path.name for path in out.parent.iterdir()) == [out.name, f"{out.name}.idx"]
        assert None not in scores_of(out, "CNN_2D")
