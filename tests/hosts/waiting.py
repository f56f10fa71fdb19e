"""Waiting for what other threads and processes do: for the event, never for a time."""

from __future__ import annotations

import fcntl
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 300
"""Seconds after which a wait is given up: what takes one on an idle machine may take fifty where
others work, and what hangs is told as surely."""


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until the condition holds; `seconds` is when to give up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def wait_until_read(process: subprocess.Popen[Any], seconds: float = PATIENCE) -> None:
    """Wait until a process has read all that was written into its standard input, a pipe."""
    pipe = process.stdin
    assert pipe

    def unread() -> int:
        assert process.poll() is None, "it has ended"
        answer = fcntl.ioctl(pipe, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    wait_until(lambda: unread() == 0, seconds)


def wait_until_loaded(
    process: subprocess.Popen[Any], library: str, seconds: float = PATIENCE
) -> None:
    """Wait until a process has the code of `library` in memory."""
    maps = Path(f"/proc/{process.pid}/maps")
    wait_until(lambda: library in maps.read_text(), seconds)
