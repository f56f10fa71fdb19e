"""What benchmark scripts share: run commands, compare two in one run, print one row per claim.

The machine's speed drifts, so a claim is a ratio of two commands that took turns, never a number
of seconds from another day.
"""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

# Runs the command from a small process of its own. On Linux a child's peak RSS starts at that of
# the process that spawned it, so a benchmark that has loaded arrays would see its own memory.
# The floor is this interpreter's: about 10 MB.
_WRAPPER = """
import os, sys, time
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
cpu = usage.ru_utime + usage.ru_stime
os.write(out, f"{code} {seconds} {cpu} {usage.ru_maxrss}".encode())
"""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_COLUMNS = (56, 28, 20)


@dataclass(frozen=True)
class Run:
    """One run of a command: wall seconds, CPU seconds, peak resident memory in bytes.

    CPU and memory cover the command and the children it waited for; of several processes, memory
    is that of the largest one, not their sum.
    """

    seconds: float
    cpu_seconds: float
    peak_rss: int


@dataclass(frozen=True)
class Ratio:
    """Time of A over time of B: ratio of the medians; lowest and highest of the single turns."""

    median: float
    low: float
    high: float
    a: list[Run]
    b: list[Run]

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.low:.2f}-{self.high:.2f})"


def run_once(command: Sequence[str]) -> Run:
    """Run a command, its output thrown away; RuntimeError with its messages if it fails."""
    wrapped = [sys.executable, "-ISc", _WRAPPER, *command]
    done = subprocess.run(wrapped, capture_output=True, text=True, check=False)
    code, seconds, cpu, rss = done.stdout.split() or ("not started", "0", "0", "0")
    if code != "0":
        raise RuntimeError(f"`{' '.join(command)}` failed ({code}): {done.stderr[-2000:]}")
    return Run(float(seconds), float(cpu), int(rss) * _RSS_UNIT)


def run_repeatedly(command: Sequence[str], *, repeats: int = 5, warmups: int = 1) -> list[Run]:
    """Run a command `warmups` times unmeasured, to fill the page cache, then `repeats` times."""
    for _ in range(warmups):
        run_once(command)
    return [run_once(command) for _ in range(repeats)]


def compare(a: Sequence[str], b: Sequence[str], *, repeats: int = 5, warmups: int = 1) -> Ratio:
    """Wall time of `a` over that of `b`, run in turns; who goes first changes with each turn."""
    for _ in range(warmups):
        run_once(a)
        run_once(b)
    runs_a: list[Run] = []
    runs_b: list[Run] = []
    for turn in range(repeats):
        pair = [(a, runs_a), (b, runs_b)]
        for command, runs in pair if turn % 2 == 0 else reversed(pair):
            runs.append(run_once(command))
    return ratio_of(runs_a, runs_b)


def ratio_of(a: list[Run], b: list[Run]) -> Ratio:
    """The ratio of runs that took turns."""
    turns = [x.seconds / y.seconds for x, y in zip(a, b, strict=True)]
    return Ratio(median_seconds(a) / median_seconds(b), min(turns), max(turns), a, b)


def median_seconds(runs: Sequence[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def print_row(claim: str, measured: object, required: object, ok: bool) -> bool:
    """Print `claim | measured | required | ok` (or FAIL) in fixed columns; returns `ok`."""
    values = (claim, measured, required)
    cells = [str(cell).ljust(width) for cell, width in zip(values, _COLUMNS, strict=True)]
    print(" | ".join([*cells, "ok" if ok else "FAIL"]), flush=True)
    return ok
