"""run.py [KIND...] [--mutations N] [--seed N]: mutated files of each kind, where they are read.

No signal, no hang, no traceback, no exit 0 with another output than promised (fuzz/kinds.py), no
file left over. Prints counts of each kind; exit 1 where anything is wrong. A file that does harm is
kept in --failures, with the command that shows it again: run.py KIND --mutations 1 --first NUMBER.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads would not be in a fork
from fuzz import doors, judge
from fuzz.inputs import write_inputs
from fuzz.kinds import CASES, KINDS, Case, Promise, Reading
from fuzz.layers import Layer

ROOT = Path(__file__).parents[2]
EXAMPLES = 3
"""Shown of each fault."""
REAL_PLUGIN_EVERY = 10
"""The real engine starts Python in each process; it reads networks by the code of `score`."""


@dataclass(frozen=True)
class Box:
    """Where a process runs its commands, and what all share."""

    inputs: Path
    folder: Path
    engine: str
    failures: Path
    seed: int


@dataclass
class Result:
    """What the doors did with one mutated file."""

    kind: str
    number: int
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By door: "whole" or "refused"."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """What is wrong at which door, and how to see it again."""


_box: Box


def mutation(kind: str, number: int, seed: int, inputs: Path) -> tuple[Case, Layer, bytes]:
    """The mutated file of a number: always the same."""
    cases = [case for case in CASES if case.kind == kind]
    case = cases[number % len(cases)]
    layers = list(case.layers)
    layer = layers[number // len(cases) % len(layers)]
    whole = (inputs / case.file).read_bytes()
    rng = random.Random(f"{seed} {kind} {number}")
    while (data := layer(whole, rng)) == whole:
        pass
    return case, layer, data


def readings(case: Case, number: int) -> list[tuple[Reading, str]]:
    """One command line per door, and where it writes to; they take turns."""
    chosen = []
    for door in dict.fromkeys(reading.door for reading in case.readings):
        if door == "real plugin" and number % REAL_PLUGIN_EVERY:
            continue
        of_door = [reading for reading in case.readings if reading.door == door]
        turn = random.Random(f"{door} {number}")
        chosen.append((turn.choice(of_door), turn.choice(doors.OUTPUTS)))
    return chosen


def try_number(task: tuple[str, int]) -> Result:
    """One mutated file at all doors of its kind."""
    kind, number = task
    case, layer, data = mutation(kind, number, _box.seed, _box.inputs)
    result = Result(kind, number)
    path = _box.folder / case.file
    turns = [
        (reading, output, whole_run(case.file, reading, output))
        for reading, output in readings(case, number)
    ]
    path.write_bytes(data)
    for index in path.parent.glob(f"{path.name}.*"):
        os.utime(index)
    for reading, output, whole in turns:
        command = doors.command_line(reading, case.file, output)
        engine = _box.engine if reading.door == "plugin" else None
        ran = doors.run(command, _box.folder, engine)
        promise = case.promise(layer, reading)
        records = None
        if promise is Promise.RECORDS:
            is_calls = "FILE" in reading.words.split()[:2]
            records = doors.records_in(data if is_calls else judge.output_of(whole))
        found = judge.faults(command[0], ran, promise, case.file, whole, records)
        result.ended[reading.door, "refused" if ran.status else "whole"] += 1
        if found:
            kept = _box.failures / f"{kind}-{_box.seed}-{number}-{case.file}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
            last = ran.said.strip().splitlines()[-1:] or ["nothing said"]
            result.faults.append(
                (
                    f"{reading.door}: {', '.join(found)}",
                    f"{kept} ({layer.__name__}): {' '.join(command)}\n      {last[0][:300]}\n"
                    f"      again: {sys.executable} {Path(__file__)} {kind} --seed {_box.seed} "
                    f"--first {number} --mutations 1",
                )
            )
    shutil.copy(_box.inputs / case.file, path)
    for index in path.parent.glob(f"{path.name}.*"):
        os.utime(index)
    return result


@cache
def whole_run(file: str, reading: Reading, output: str) -> doors.Ran:
    """What the command line does with the whole file; it must work."""
    engine = _box.engine if reading.door == "plugin" else None
    ran = doors.run(doors.command_line(reading, file, output), _box.folder, engine)
    if ran.status or ran.hangs:
        raise RuntimeError(f"{reading.words} {output} fails on the whole {file}: {ran.said}")
    return ran


def _enter(inputs: Path, engine: str, failures: Path, seed: int, kinds: list[str]) -> None:
    """A process of the pool gets a box of its own."""
    global _box  # noqa: PLW0603 - one per process
    folder = Path(tempfile.mkdtemp(dir=inputs.parent))
    for path in inputs.iterdir():
        shutil.copy2(path, folder)
    for name in (doors.OUT, doors.TMP, doors.MODELS):
        (folder / name).mkdir()
    _box = Box(inputs, folder, engine, failures, seed)
    _load_modules([case for case in CASES if case.kind in kinds])


def _load_modules(cases: list[Case]) -> None:
    """All that the commands import; found out by a fork, as runs start threads."""
    names = _box.folder / "names"
    pid = os.fork()
    if pid == 0:
        doors.quietly()
        os.chdir(_box.folder)
        os.environ.update(doors.variables(_box.folder))
        for case in cases:
            for reading in case.readings:
                if "plugin" not in reading.door:
                    doors.cnnscore(doors.command_line(reading, case.file, doors.OUTPUTS[0])[1:])
        names.write_text("\n".join(sys.modules))
        os._exit(0)
    os.waitpid(pid, 0)
    for _ in doors.written(_box.folder):
        pass
    for name in names.read_text().split():
        if name not in sys.modules:
            try:
                __import__(name)
            except ImportError:
                continue


def _build_engine(folder: Path) -> str:
    sources = [str(path) for path in sorted((ROOT / "native" / "encode").glob("*.c"))]
    library = folder / "stand_in_engine.so"
    includes = [f"-I{ROOT / 'native' / name}" for name in ("include", "encode")]
    source = str(Path(__file__).with_name("stand_in_engine.c"))
    options = ["-O1", "-g", "-shared", "-fPIC", "-std=gnu11"]
    command = ["gcc", *options, *includes, source, *sources, "-lm", "-o", str(library)]
    subprocess.run(command, check=True)
    return str(library)


def main(arguments: list[str] | None = None) -> int:
    """1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--mutations", type=int, default=1000, help="of each kind [1000]")
    parser.add_argument("--first", type=int, default=0, help="number of the first one [0]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--failures", type=Path, default=ROOT / ".make" / "fuzz")
    options = parser.parse_args(arguments)
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no kind {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")
    print(f"seed {options.seed}, {options.mutations:,} mutations of each kind", flush=True)
    numbers = range(options.first, options.first + options.mutations)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="cnnscore-fuzz-") as name:
        inputs = Path(name) / "inputs"
        inputs.mkdir()
        write_inputs(inputs)
        failures = options.failures.absolute()
        start = (inputs, _build_engine(Path(name)), failures, options.seed, options.kinds)
        with multiprocessing.get_context("fork").Pool(options.jobs, _enter, start) as pool:
            for kind in options.kinds:
                results = pool.imap(try_number, [(kind, number) for number in numbers], 4)
                wrong += _report(kind, list(results))
    print(f"{wrong} faults")
    return 1 if wrong else 0


def _report(kind: str, results: list[Result]) -> int:
    ended = sum((result.ended for result in results), Counter())
    by_door = ", ".join(
        f"{door} {ended[door, 'whole']} whole {ended[door, 'refused']} refused"
        for door in dict.fromkeys(door for door, _ in ended)
    )
    wrong = [fault for result in results for fault in result.faults]
    counts = Counter(what for what, _ in wrong)
    for what, count in counts.most_common():
        print(f"  {count} x {what}")
        examples = [how for one, how in wrong if one == what]
        print("\n".join(f"    {how}" for how in examples[:EXAMPLES]))
    print(f"{kind:6} {len(results):,} mutations: {by_door}; {len(wrong)} faults", flush=True)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
