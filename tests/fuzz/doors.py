"""Runs a command line on a mutated file: `cnnscore` in a fork of this process, bcftools as it is.

A fork is milliseconds where a start of Python is half a second. What is forked has all modules
loaded and no thread.
"""

from __future__ import annotations

import gzip
import os
import resource
import select
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cnnscore import cli
from fuzz.kinds import Reading
from hosts.plugin import environment

ROOT = Path(__file__).parents[2]
SECONDS = 10.0
PATIENCE = 6
"""As many times SECONDS for what only waits."""
MOST_MEMORY = 16 << 30
"""Of addresses: a hostile count shall not take the machine's memory."""
FAULT = 70
OUTPUTS = ("-o out/out.vcf", "-o out/out.vcf.gz -W", "-o out/out.bcf")
OUT, TMP, MODELS = "out", "tmp", "models"
"""Folders of a box, in which commands run: outputs, temporary files, networks."""


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    status: int
    """An exit code, or minus a signal's number."""
    hangs: bool
    said: str
    written: dict[str, bytes]
    """Files by name, that it left in the folders of its box."""


cnnscore = cli.main


def command_line(reading: Reading, file: str, output: str) -> list[str]:
    words = f"{reading.words} {output}" if reading.has_output else reading.words
    start = "bcftools +cnnscore" if "plugin" in reading.door else "cnnscore"
    return [file if word == "FILE" else word for word in shlex.split(f"{start} {words}")]


def run(command: list[str], box: Path, engine: str | None) -> Ran:
    """Run it in its box; `engine` is what the plugin loads, None for the real one."""
    said = box / "said"
    with said.open("wb") as stderr:
        if command[0] == "bcftools":
            process = _start(command, box, engine, stderr.fileno())
            status, hangs = _wait(process.pid)
            process.returncode = status  # it has been waited for
        else:
            status, hangs = _wait(_fork(command[1:], box, stderr.fileno()))
    return Ran(status, hangs, said.read_text(errors="replace"), dict(written(box)))


def written(box: Path) -> Iterator[tuple[str, bytes]]:
    """What lies in the folders of a box, which is empty then; folders within end with a slash."""
    for folder in (OUT, TMP, MODELS):
        for path in sorted((box / folder).rglob("*"), reverse=True):  # a folder after what is in it
            name = str(path.relative_to(box))
            if path.is_dir():
                yield f"{name}/", b""
                path.rmdir()
            else:
                yield name, path.read_bytes()
                path.unlink()


def variables(box: Path) -> dict[str, str]:
    """The environment of its commands: nothing is written elsewhere."""
    return {
        "TMPDIR": str(box / TMP),
        "CNNSCORE_MODELS": str(box / MODELS),
        "REF_PATH": os.devnull,
    }


def _start(
    command: list[str], box: Path, engine: str | None, stderr: int
) -> subprocess.Popen[bytes]:
    more = variables(box) | ({"CNNSCORE_LIBRARY": engine} if engine else {})
    return subprocess.Popen(
        command,
        cwd=box,
        env=environment(more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def _fork(arguments: list[str], box: Path, stderr: int) -> int:
    pid = os.fork()
    if pid == 0:
        _be_cnnscore(arguments, box, stderr)
    return pid


def _be_cnnscore(arguments: list[str], box: Path, stderr: int) -> NoReturn:
    status = FAULT
    try:
        quietly()
        os.dup2(stderr, 2)
        os.chdir(box)
        os.environ.update(variables(box))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        status = cnnscore(arguments)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def quietly() -> None:
    """Nothing is read or said."""
    null = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)


def _wait(pid: int) -> tuple[int, bool]:
    """Status, and whether it had to be killed: where it computes for SECONDS, or waits for longer.

    A machine that is busy with other things is no fault of ours.
    """
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        begin = time.monotonic()
        while not poll.poll(SECONDS * 1000 / 10):
            if _computed(pid) > SECONDS or time.monotonic() - begin > PATIENCE * SECONDS:
                os.kill(pid, signal.SIGKILL)
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), True
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), False


def _computed(pid: int) -> float:
    """Seconds of processor."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def records_in(data: bytes) -> int | None:
    """How many a VCF or BCF has, compressed or not; None where its content cannot be walked."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if not data.startswith(b"BCF"):
        return sum(bool(line) and not line.startswith(b"#") for line in data.split(b"\n"))
    at, count = 9 + int.from_bytes(data[5:9], "little"), 0
    while at < len(data):
        at += 8 + sum(int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
        count += 1
    return count if at == len(data) else None
