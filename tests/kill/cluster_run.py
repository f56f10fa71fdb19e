"""`score --work --cluster local:2`, of which one process is killed; what must hold afterwards."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from hosts.processes import marked
from hosts.waiting import wait_until

DATA = Path(__file__).parents[1] / "data" / "synthetic"
SHARDS = 24
MOST_SECONDS = 240


class ClusterRun:
    """Runs in a folder of their own, of which `seconds` is the length of one that nothing ends."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tmp = folder / "out", folder / "tmp"
        for path in (self._folder, self._tmp):
            path.mkdir(parents=True)
        one = folder / "one.vcf"
        subprocess.run(self._command(one, ()), check=True, capture_output=True)
        self._wanted = one.read_bytes()
        begin = time.monotonic()
        assert not self._end(self._start(), killed=False)
        self.seconds = time.monotonic() - begin

    def kill_worker(self, part: float, chance: random.Random) -> tuple[bool, list[str]]:
        """Whether there was a worker at this part of the run's length, and faults: the run goes on
        without it."""
        process, mark = run = self._start()
        with suppress(subprocess.TimeoutExpired):
            process.wait(part * self.seconds)
        workers: list[int] = []

        def found() -> bool:
            workers[:] = [pid for pid in marked(mark) if is_worker(pid)]
            return bool(workers) or process.poll() is not None

        wait_until(found, MOST_SECONDS)
        met = False
        if workers:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                met = True
        self._sooner(met)
        return met, self._end(run, killed=False)

    def kill_scheduler(self, part: float) -> tuple[bool, list[str]]:
        """The same of the process that has the scheduler and the plan: its workers end with it, and
        the same command goes on."""
        run = self._start()
        process = run[0]
        with suppress(subprocess.TimeoutExpired):
            process.wait(part * self.seconds)
        met = process.poll() is None
        process.kill()
        self._sooner(met)
        faults = self._end(run, killed=True)
        return met, [*faults, *self._end(self._start(), killed=False)]

    def _sooner(self, met: bool) -> None:
        """The machine has less to do than when the length was measured."""
        if not met:
            self.seconds *= 0.8

    def _command(self, out: Path, more: tuple[object, ...]) -> list[str]:
        command = ("score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam")
        words = (*command, "--no-version", "--threads", 1, "-o", out, *more)
        return [sys.executable, "-m", "cnnscore", *map(str, words)]

    def _start(self) -> tuple[subprocess.Popen[str], str]:
        mark = uuid.uuid4().hex
        more = ("--work", self._folder / "work", "--shards", SHARDS, "--cluster", "local:2")
        process = subprocess.Popen(
            self._command(self._folder / "out.vcf", more),
            env={**os.environ, "KILL_MARK": mark, "TMPDIR": str(self._tmp)},
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, mark

    def _end(self, run: tuple[subprocess.Popen[str], str], *, killed: bool) -> list[str]:
        """Faults of a run that comes to its end."""
        process, mark = run
        faults = []
        try:
            _, said = process.communicate(timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            faults.append("it hangs")
        try:
            wait_until(lambda: not marked(mark))
        except AssertionError:
            faults.append("processes of it still run")
            for pid in marked(mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        out, work = self._folder / "out.vcf", self._folder / "work"
        if killed:
            if out.exists() and out.read_bytes() != self._wanted:
                faults.append("the output is not whole")
            return faults
        if process.returncode != 0 or "Traceback" in said:
            faults.append(f"exit status {process.returncode}: {said[-2000:]}")
        elif out.read_bytes() != self._wanted:
            faults.append("another output than that of one process")
        left = {path.name for path in self._folder.iterdir()} - {"out.vcf"}
        if left and process.returncode == 0:
            faults.append(f"left: {sorted(left)}")
        out.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
        return faults


def is_worker(pid: int) -> bool:
    """Whether a process of a run is a worker of Dask."""
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
