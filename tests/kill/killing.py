"""One run, ended by a signal at one moment, and everything that must hold afterwards.

A moment is a time after the start, or a step: the making, renaming or removing of a file, at which
`at_event.c` sends the signal from within the process.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hosts.processes import marked
from hosts.waiting import wait_until
from kill.subjects import Subject

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT)
MOST_SECONDS = 300
ENDS_WITHIN = 60.0
"""Seconds from the signal to the end of the process, on a machine with other work."""
CHILDREN_END_WITHIN = 60.0
"""And of all that it started."""
NOISE = re.compile(r"Traceback|Exception ignored|Error in |Fatal |exception in thread", re.I)


@dataclass(frozen=True)
class Moment:
    """When the signal is sent."""

    seconds: float | None = None
    step: int | None = None

    def sooner(self) -> Moment:
        """For a run that was over before; a step comes when it comes."""
        return self if self.seconds is None else Moment(self.seconds * 0.8)

    def __str__(self) -> str:
        return f"at {self.seconds:.2f} s" if self.step is None else f"after step {self.step}"


@dataclass(frozen=True)
class Ended:
    """What came of a run."""

    faults: list[str]
    sent: bool
    """Whether the signal came before the end."""
    seconds: float
    """From the signal to the end of the process,"""
    children: float
    """and to that of the last process which it started."""


class Box:
    """Folders of one subject's runs: its outputs before them, and its temporary files."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self.subject, self.out, self.tmp = subject, folder / "out", folder / "tmp"
        self._before, self._made = folder / "before", folder / "made"
        self._sent = folder / "sent"
        for path in (self.out, self.tmp):
            path.mkdir(parents=True)
        self.whole("before")
        shutil.copytree(self.out, self._before)
        self.steps = self.whole("made", steps=folder / "steps")
        begin = time.monotonic()
        self.whole("made")
        self.seconds = time.monotonic() - begin
        shutil.copytree(self.out, self._made)
        self.old, self.new = self.state_of(self._before), self.state_of(self._made)
        assert self.old.keys() == self.new.keys() == set(subject.outputs), (self.old, self.new)
        self._telling = [name for name in self.new if self.old[name] != self.new[name]]
        assert self._telling

    def whole(self, generation: str, steps: Path | None = None) -> list[str]:
        """A run that nothing ends; its steps."""
        command = self.subject.command(self.out, self.tmp, generation)
        done = subprocess.run(
            command,
            env=self._environment(steps=steps),
            capture_output=True,
            timeout=MOST_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr.decode())
        return steps.read_text().splitlines() if steps and steps.exists() else []

    def state_of(self, folder: Path) -> dict[str, str]:
        """Each output that is there -> what tells it from that of another run.

        Errors: ValueError for one that is not whole.
        """
        found = {}
        for name in self.subject.outputs:
            if (folder / name).exists():
                found[name] = self.subject.identity(folder / name)
            if name.endswith((".tbi", ".csi")) and name in found:
                index = folder / name
                if index.stat().st_mtime_ns < index.with_suffix("").stat().st_mtime_ns:
                    raise ValueError(f"{name} is older than its calls")
        for name in self.subject.beside:
            if (folder / name).exists():
                self.subject.identity(folder / name)
        return found

    def end(self, number: signal.Signals, moment: Moment, *, replaces: bool) -> Ended:
        """A run that a signal ends, with or without outputs of an earlier run there."""
        self._reset(replaces)
        self._sent.unlink(missing_ok=True)
        mark = uuid.uuid4().hex
        environment = self._environment(mark=mark, moment=moment, number=number)
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                self.subject.command(self.out, self.tmp, "made"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
                start_new_session=True,
            )
            sent, begin = self._send(process, number, moment)
            try:
                status = process.wait(ENDS_WITHIN if sent else MOST_SECONDS)
            except subprocess.TimeoutExpired:
                status = None
            seconds = time.monotonic() - begin
            children = _wait_for_children(mark)
            if status is None or children is None:
                _kill_marked(mark)
                process.wait()
            err.seek(0)
            said = err.read().decode(errors="replace")
        faults = []
        if status is None:
            faults.append(f"it still ran {ENDS_WITHIN:g} s after the signal")
        if children is None:
            faults.append(f"what it started still ran after {CHILDREN_END_WITHIN:g} s")
        faults += self._faults(number, moment, status, said, replaces)
        return Ended(faults, sent, seconds, children or CHILDREN_END_WITHIN)

    def _send(
        self, process: subprocess.Popen[bytes], number: signal.Signals, moment: Moment
    ) -> tuple[bool, float]:
        """Whether it was sent before the end, and when."""
        if moment.seconds is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(MOST_SECONDS)
            return self._sent.exists(), time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment.seconds)
        begin = time.monotonic()
        if process.poll() is not None:
            return False, begin
        if number == signal.SIGINT:  # as a terminal does
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        return True, begin

    def _faults(
        self,
        number: signal.Signals,
        moment: Moment,
        status: int | None,
        said: str,
        replaces: bool,
    ) -> Iterator[str]:
        last = moment.step is None or moment.step == len(self.steps)
        ignored = number in self.subject.ignores and status == 0
        if (
            status not in (None, -number, 128 + number)
            and not (status == 0 and last)
            and not ignored
        ):
            yield f"exit status {status}"
        if NOISE.search(said):
            yield f"it said: {said[-2000:]}"
        try:
            state = self.state_of(self.out)
        except ValueError as error:
            yield str(error)
            return
        if status == 0 and state != self.new:
            yield f"exit status 0 with {self._told(state)}"
        yield from self._mixed(number, state, replaces)
        if left := self._left(killed=number == signal.SIGKILL):
            yield f"left: {left}"

    def _left(self, *, killed: bool = False) -> list[str]:
        """What is there beside the outputs; what is aside of one is not meant where a run is
        `killed`."""
        known = {Path(name) for name in (*self.subject.outputs, *self.subject.beside)}
        known |= {parent for name in known for parent in name.parents}
        if killed:
            hidden = re.compile(
                rf"\.({'|'.join(map(re.escape, self.subject.asides()))})\.\d+\.part"
            )
        found = []
        for path in sorted(self.out.rglob("*")):
            name = path.relative_to(self.out)
            if "tensorboard" in name.parts:  # grows as it is written
                continue
            if killed and set(name.parts) & set(self.subject.held):
                continue
            if name not in known and not (killed and any(map(hidden.fullmatch, name.parts))):
                found.append(str(name))
        if not killed:
            found += [path.name for path in self.tmp.iterdir() if self.subject.is_ours(path.name)]
        return found

    def _mixed(
        self, number: signal.Signals, state: dict[str, str], replaces: bool
    ) -> Iterator[str]:
        before = self.old if replaces else {}
        strange = [name for name in state if state[name] not in (before.get(name), self.new[name])]
        if strange:
            yield f"neither of before nor of this run: {strange}"
        if state in (before, self.new) or (self.subject.clears and not state):
            return
        seal, last = self.subject.seal, self.subject.last
        if number == signal.SIGKILL and state.get(last) in (before.get(last), None):
            state = {name: state[name] for name in state if name != last}
            if state == {name: self.new[name] for name in self.new if name != last}:
                return
        vouched = seal in state and {
            state[name] == self.new[name] for name in self._telling if name in state
        } != {state[seal] == self.new[seal]}
        if number != signal.SIGKILL or vouched or (seal in state and len(state) < len(self.new)):
            yield f"part of two runs: {self._told(state)}"

    def _told(self, state: dict[str, str]) -> str:
        def of(name: str) -> str:
            if name not in state:
                return "absent"
            return "new" if state[name] == self.new[name] else "old"

        return ", ".join(f"{name} {of(name)}" for name in self.new)

    def check_cleaned(self) -> list[str]:
        """A whole run after killed ones: what is left that is no output of it."""
        self._reset(replaces=True)
        self.whole("made")
        left = self._left()
        return [f"the next run left {left}"] if left else []

    def _reset(self, replaces: bool) -> None:
        for name in {Path(name).parts[0] for name in self.subject.outputs}:
            path = self.out / name
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        for name in self.subject.outputs if replaces else ():
            path = self.out / name
            path.parent.mkdir(exist_ok=True, parents=True)
            shutil.copy2(self._before / name, path)

    def _environment(
        self,
        *,
        mark: str = "",
        steps: Path | None = None,
        moment: Moment | None = None,
        number: signal.Signals | None = None,
    ) -> dict[str, str]:
        result = {**self.subject.environment(), "TMPDIR": str(self.tmp), "KILL_MARK": mark}
        if steps or (moment and moment.step):
            result |= {"LD_PRELOAD": str(preloaded()), "KILL_UNDER": f"{self.out}/"}
        if steps:
            result["KILL_LOG"] = str(steps)
        if moment and moment.step and number:
            result |= {"KILL_AFTER": str(moment.step), "KILL_SIGNAL": str(int(number))}
            result["KILL_SENT"] = str(self._sent)
        return result


@cache
def preloaded() -> Path:
    """`at_event.c`, compiled."""
    source = Path(__file__).with_name("at_event.c")
    result = Path(tempfile.mkdtemp(prefix="at-event-")) / "at_event.so"
    flags = ["-std=gnu11", "-O1", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", result, source, "-ldl"], check=True)
    return result


def _wait_for_children(mark: str) -> float | None:
    """Seconds until no process has the mark; None: some still do."""
    begin = time.monotonic()
    try:
        wait_until(lambda: not marked(mark), CHILDREN_END_WITHIN)
    except AssertionError:
        return None
    return time.monotonic() - begin


def _kill_marked(mark: str) -> None:
    for pid in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def reader_leaves(command: list[str], variables: Mapping[str, str], size: int) -> list[str]:
    """Faults of a command whose output's reader goes away after so many bytes: it ends as the
    others in a pipe do, and says nothing."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    read = len(process.stdout.read(size))
    process.stdout.close()
    said = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    status = process.wait(MOST_SECONDS)
    faults = [f"it ended after {read} bytes"] if read < size else []
    if status not in (-signal.SIGPIPE, 128 + signal.SIGPIPE):
        faults.append(f"exit status {status}")
    return [*faults, f"it said: {said}"] if said else faults


def size_of_output(command: list[str], variables: Mapping[str, str]) -> int:
    """Bytes that a command prints."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return len(done.stdout)
