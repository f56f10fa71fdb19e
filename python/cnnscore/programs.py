"""Other programs that run for us: they end when this process is ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

_running: set[subprocess.Popen[str]] = set()


def run_program(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end, what it says in `stdout` and `stderr`. Errors: OSError."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,  # a group in the background that reads a terminal is stopped
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # with what it starts itself: a script and its JVM
    ) as process:
        _running.add(process)
        try:
            out, err = process.communicate()
        except BaseException:
            _kill(process)
            raise
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def kill_programs() -> None:
    """End all of them, for an end of this process that unwinds no stack."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
