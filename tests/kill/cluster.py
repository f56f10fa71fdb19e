"""cluster.py [--workers N] [--schedulers N] [--seed N]: processes of `score --cluster` are killed.

A run of two workers is measured; then a worker is killed at N random moments, and the process of
the scheduler. Each run must end, or be gone on with, with the bytes of one process, and leave
nothing. Printed: what came of each, and how many runs the signal met.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from kill.cluster_run import ClusterRun


def main() -> None:
    """Print a row for each kind of process; exit 1 when a run left a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--schedulers", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    faulty = 0
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        run = ClusterRun(Path(name))
        print(f"a run takes {run.seconds:.1f} s")
        for kind, number in (("worker", options.workers), ("scheduler", options.schedulers)):
            met = found = 0
            for _ in range(number):
                part = chance.random()
                if kind == "worker":
                    was_met, faults = run.kill_worker(part, chance)
                else:
                    was_met, faults = run.kill_scheduler(part)
                told = "; ".join(faults) or ("as it should be" if was_met else "too late")
                print(f"{kind} at {part:.2f} of the run: {told}", flush=True)
                met, found = met + was_met, found + bool(faults)
            print(f"{kind:10} {number:3} runs, {met:3} met, {found:3} with faults", flush=True)
            faulty += found
    sys.exit(1 if faulty else 0)


main()
