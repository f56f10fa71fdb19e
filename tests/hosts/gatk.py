"""Real GATK with the walker: one JVM that runs many tools, and processes of their own."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import DATA
from hosts.server import Server, start_server
from hosts.stand_in import write_stand_ins

MAIN = "org.cnnscore.gatk.Main"
RUN_MANY = Path(__file__).parents[1] / "gatk" / "RunMany.java"
TOOL = "CnnScoreVariants"
ENGINE = f"{sys.executable} -m cnnscore serve"
SOON = 20.0
"""Seconds of CPU that an engine may work on for after its tool was ended: where others work too,
a JVM takes its time. Without the leash it would be minutes."""
# GATK starts in a third of the time: what runs for seconds gains nothing from a second compiler.
SHORT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class Ran:
    """What a tool did."""

    answer: str
    """`ok`, or the error."""
    log: str

    @property
    def ok(self) -> bool:
        return self.answer == "ok"


class ToolHost:
    """A JVM that runs tools one after the other."""

    def __init__(self, class_path: str, log: Path) -> None:
        self._log = log
        with log.open("w") as err:
            self._process = subprocess.Popen(
                ["java", *SHORT, "-Xmx1g", "-cp", class_path, str(RUN_MANY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )

    @property
    def pid(self) -> int:
        """The JVM's."""
        return self._process.pid

    def run(self, *arguments: object) -> Ran:
        """Run `TOOL ARGUMENTS`."""
        assert self._process.stdin
        assert self._process.stdout
        begin = self._log.stat().st_size
        self._process.stdin.write("\t".join(map(str, arguments)) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("answer "):
                log = self._log.read_bytes()[begin:].decode()
                return Ran(line.removeprefix("answer ").rstrip("\n").replace("\\n", "\n"), log)
        raise AssertionError(f"the JVM ended: {self._log.read_text()[-3000:]}")

    def score(self, *arguments: object) -> Ran:
        """Run `CnnScoreVariants ARGUMENTS`."""
        return self.run(TOOL, *arguments)

    def close(self) -> None:
        """End the JVM."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        if self._process.wait(300) != 0:
            raise AssertionError(self._log.read_text()[-3000:])
        self._process.stdout.close()


@dataclass(frozen=True)
class Gatk:
    """Where GATK and the walker are."""

    folder: Path
    """Jars of GATK 4.6.2.0 and of what it needs."""
    walker: Path
    """cnnscore-gatk.jar."""

    def command(self, *arguments: object, heap: str = "1g") -> list[str]:
        """A command line of GATK with the walker on its class path: behind GATK, as the walker's
        jar names a GATK of its own."""
        path = f"{self.folder}/*:{self.walker}"
        return ["java", *SHORT, f"-Xmx{heap}", "-cp", path, MAIN, *map(str, arguments)]

    def packaged(self, version: str, folder: Path, name: str | None = None) -> Path:
        """The walker beside a jar that has the name of that release's package (or of `name`'s), and
        stands for its jars from Maven: nothing else of a GATK is near."""
        jars = sorted(self.folder.with_name(f"gatk-{version}").glob("*.jar"))
        assert jars, f"make {self.folder.with_name(f'gatk-{version}')}/ready"
        line = "Class-Path: " + " ".join(jar.as_uri() for jar in jars)
        manifest = "\n ".join(line[at : at + 70] for at in range(0, len(line), 70)) + "\n"
        with zipfile.ZipFile(folder / f"gatk-package-{name or version}-local.jar", "w") as package:
            package.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n" + manifest)
        return Path(shutil.copy(self.walker, folder))

    def ask(self, program: str, folder: Path, *arguments: object) -> Any:
        """What a program of tests/gatk, in the walker's package, answers; `folder` is for it."""
        path = f"{self.walker}:{self.folder}/*"
        source = RUN_MANY.with_name(f"{program}.java")
        quick = [f"-J{option}" for option in SHORT]
        subprocess.run(["javac", *quick, "-cp", path, "-d", str(folder), str(source)], check=True)
        words = ["-Xmx1g", "-cp", f"{folder}:{path}", f"org.cnnscore.gatk.{program}"]
        ran = run(["java", *SHORT, *words, *map(str, arguments)])
        lines = [line for line in ran.stdout.splitlines() if line.startswith("answers ")]
        assert len(lines) == 1, ran.stderr[-3000:]
        return json.loads(lines[0].removeprefix("answers "))


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, **options
    )


@pytest.fixture(scope="session")
def gatk() -> Gatk:
    """GATK from Maven and the walker's jar: `make test` brings them, `make test-core` does not."""
    names = ("CNNSCORE_GATK", "CNNSCORE_WALKER")
    folders = [Path(os.environ.get(name, "-")) for name in names]
    if not os.environ.get("CNNSCORE_MODELS") or not all(path.exists() for path in folders):
        pytest.skip("needs GATK and the walker: run by `make test`, not by `make test-core`")
    return Gatk(*folders)


@pytest.fixture(scope="session")
def tools(gatk: Gatk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolHost]:
    """One JVM with GATK 4.6.2.0 and the walker, for all tests."""
    host = ToolHost(f"{gatk.walker}:{gatk.folder}/*", tmp_path_factory.mktemp("jvm") / "log")
    yield host
    host.close()


@pytest.fixture(scope="session")
def engines(
    gatk_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """A server for each of GATK's networks, `gatk-1d` and `gatk-2d`, and of stand-ins for our own,
    `read-set` and `reference`."""
    folder = tmp_path_factory.mktemp("engines")
    models = {"gatk-1d": "gatk-1d", "gatk-2d": "gatk-2d", **write_stand_ins(folder)}
    running = {name: start_server(folder, model=model) for name, model in models.items()}
    yield running
    for server in running.values():
        server.stop(signal.SIGTERM)


@pytest.fixture(scope="session")
def long_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each synthetic record 60 times: a minute's work for a network that looks at reads."""
    path = tmp_path_factory.mktemp("calls") / "long.vcf"
    lines = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode().splitlines(True)
    path.write_text("".join(line if line.startswith("#") else line * 60 for line in lines))
    return path
