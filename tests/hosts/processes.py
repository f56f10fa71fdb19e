"""Processes that tests did not start themselves: those that the ones they started have started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hosts.waiting import wait_until


def children(pid: int) -> list[int]:
    """Processes that one has started."""
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False)
    return [int(word) for word in done.stdout.split()]


def marked(mark: str) -> list[int]:
    """Processes that have the mark in their environment, and run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """Whether it has not ended."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def seconds_worked(pid: int) -> float:
    """Its seconds on any CPU."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worked_when_ended(pid: int, ended: Callable[[], bool]) -> float:
    """Its seconds on any CPU in all, once it has ended and `ended()` holds too."""
    worked = 0.0

    def both_ended() -> bool:
        nonlocal worked
        with suppress(OSError):  # it is gone
            worked = max(worked, seconds_worked(pid))
        return ended() and not runs(pid)

    wait_until(both_ended)
    return worked


def _stat(pid: int) -> list[str]:
    """What stands behind its name in /proc."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
