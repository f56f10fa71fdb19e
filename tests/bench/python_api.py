"""python_api.py BENCH_DATA: tables and iteration in Python against the file that `score` writes.

One process, in which they take turns with the network opened: a rate is of sites, without what it
takes to start. `Scorer.score` is what the command calls.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pysam

import cnnscore
from timing import Run, print_row, ratio_of

TABLE_RATE, ITER_RATE = 0.9, 0.5
"""Least parts of the rate of `Scorer.score`."""
TURNS = 9


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "small"
    calls, reference, reads = (str(data / name) for name in ("dense.vcf.gz", "ref.fa", "30x.bam"))
    with cnnscore.open("reads") as scorer:

        def score() -> int:
            return scorer.score(
                calls, reference=reference, reads=reads, output=os.devnull, output_type="v"
            ).sites

        def table() -> int:
            return len(scorer.table(calls, reference=reference, reads=reads).to_numpy()["score"])

        def iterate() -> int:
            with pysam.VariantFile(calls) as records:
                return sum(1 for _ in scorer.iter(records, reference=reference, reads=reads))

        runs = in_turns(score, table, iterate)
    ok = True
    for name, number, least in (("table", 1, TABLE_RATE), ("iter", 2, ITER_RATE)):
        ratio = ratio_of(runs[0], runs[number])
        claim = f"rate of `scorer.{name}`, part of `scorer.score`"
        ok = print_row(claim, ratio, f">= {least}", ratio.median >= least) and ok
    sys.exit(0 if ok else 1)


def in_turns(*functions: Callable[[], int]) -> list[list[Run]]:
    """TURNS runs of each; they must give the same number."""
    counts = {function() for function in functions}
    assert len(counts) == 1, counts
    runs: list[list[Run]] = [[] for _ in functions]
    for turn in range(TURNS):
        for i in range(len(functions)):
            number = (i + turn) % len(functions)
            cpu, start = time.process_time(), time.perf_counter()
            functions[number]()
            seconds = time.perf_counter() - start
            memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            runs[number].append(Run(seconds, time.process_time() - cpu, memory))
    return runs


if __name__ == "__main__":
    main()
