"""kill.py [--moments N] [--subject NAME]...: every signal at many moments of every kind of run.

A run is measured, then ended by each signal at N moments spread over its length, and after each
step that it does with a file of its outputs. Printed: moments, those at which the signal met the
run, faults, and the longest time that a run and what it had started took to end. A run that is over
before its moment is run again with a sooner one; a moment without a signal is a fault.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts.gatk import Gatk
from kill.killing import SIGNALS, Box, Ended, Moment, reader_leaves, size_of_output
from kill.subjects import subjects, to_stdout


def gatk_of_make() -> Gatk | None:
    """What `make gatk` has made, where it has."""
    folders = [Path(os.environ.get(name, "-")) for name in ("CNNSCORE_GATK", "CNNSCORE_WALKER")]
    return Gatk(*folders) if all(folder.exists() for folder in folders) else None


TRIES = 5
"""Runs for one moment: machines with other work are slow when a run is measured, and fast later."""


def end_runs(box: Box, number: signal.Signals, moments: list[Moment]) -> int:
    """Print a row of one subject and signal, and its faults; how many moments had some."""
    found, met, seconds, children = 0, 0, 0.0, 0.0
    for i, moment in enumerate(moments):
        ended, when = _end(box, number, moment, replaces=moment.step is not None or i % 2 == 0)
        met += ended.sent
        seconds = max(seconds, ended.seconds)
        children = max(children, ended.children)
        faults = ended.faults if ended.sent else [*ended.faults, "no signal met the run"]
        for fault in faults:
            print(f"{box.subject.name} {number.name} {when}: {fault}", flush=True)
        found += bool(faults)
    if number == signal.SIGKILL:
        for fault in box.check_cleaned():
            print(f"{box.subject.name} {number.name}: {fault}", flush=True)
            found += 1
    row = f"{len(moments):5} {met:5} {found:6}  {seconds:4.1f} s  {children:4.1f} s"
    print(f"{box.subject.name:14} {number.name:8} {row}", flush=True)
    return found


def _end(
    box: Box, number: signal.Signals, moment: Moment, *, replaces: bool
) -> tuple[Ended, Moment]:
    """A run that the signal met, and when, if one of a few can be had."""
    for _ in range(TRIES):
        ended = box.end(number, moment, replaces=replaces)
        if ended.sent or ended.faults:
            break
        moment = moment.sooner()
    return ended, moment


def leave_readers(folder: Path, options: argparse.Namespace) -> tuple[int, int]:
    """Print a row of each command that prints; runs, and those with faults."""
    runs = faulty = 0
    for name, (command, variables) in to_stdout(folder).items():
        if options.subject and f"{name}|" not in options.subject:
            continue
        size, found = size_of_output(command, variables), 0
        assert size > 20_000, f"{name} prints too little: {size}"
        for i in range(options.moments):
            at = 1 + (size - 10_000) * i // options.moments
            faults = reader_leaves(command, variables, at)
            for fault in faults:
                print(f"{name}| reader leaves after {at} bytes: {fault}", flush=True)
            found += bool(faults)
        print(f"{name + '|':14} {'reader':8} {options.moments:5} {'':5} {found:6}", flush=True)
        runs, faulty = runs + options.moments, faulty + found
    return runs, faulty


def main() -> None:
    """Print one row per subject and signal; exit 1 when a run left a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--subject", action="append", default=[], help="`score|`: its reader")
    parser.add_argument("--signal", action="append", default=[], help="SIGTERM, ...")
    options = parser.parse_args()
    numbers = [number for number in SIGNALS if not options.signal or number.name in options.signal]
    print(f"{'':14} {'signal':8} {'at':>5} {'met':>5} {'faults':>6}  ends    children end within")
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        folder, runs, faulty = Path(name), 0, 0
        for subject in subjects(folder, gatk_of_make()).values():
            if options.subject and subject.name not in options.subject:
                continue
            box = Box(subject, folder / subject.name)
            moments = [Moment(box.seconds * i / options.moments) for i in range(options.moments)]
            moments += [Moment(step=i + 1) for i in range(len(box.steps))]
            for number in numbers:
                faulty += end_runs(box, number, moments)
                runs += len(moments)
        more = leave_readers(folder, options)
    runs, faulty = runs + more[0], faulty + more[1]
    print(f"{runs} moments, {faulty} with faults")
    sys.exit(1 if faulty else 0)


if __name__ == "__main__":
    main()
