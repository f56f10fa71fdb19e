"""wheel_speed.py PYTHON: whether a wheel, in the environment of PYTHON, is as fast as the clone.

`make check-dist` has one. Both score the same calls, in turns, so that what else the machine does
meets both.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

import pysam

from timing import compare, print_row, run_repeatedly

DATA = Path(__file__).parents[1] / "data" / "synthetic"
TIMES = 100  # the records of the synthetic set, each as often: start-up is little beside it
SPEED, HELP_S = 0.97, 0.3


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    installed = Path(sys.argv[1]).absolute()
    # Not what lies in the clone: the wheel's own.
    os.environ.pop("PYTHONPATH", None)
    os.chdir("/")
    pysam.set_verbosity(0)  # it would miss an index
    with tempfile.TemporaryDirectory() as work:
        many = f"{work}/many.vcf.gz"
        with (
            pysam.VariantFile(str(DATA / "calls.vcf.gz")) as calls,
            pysam.VariantFile(many, "wz", header=calls.header) as out,
        ):
            for record in calls:
                for _ in range(TIMES):
                    out.write(record)
        score = ["-P", "-m", "cnnscore", "score", many, "-R", str(DATA / "ref.fa"), "--quiet"]
        score += ["-I", str(DATA / "reads.bam"), "-o", f"{work}/out.vcf.gz"]
        ratio = compare([sys.executable, *score], [str(installed), *score])
    ok = print_row("wheel / clone, sites per second", ratio, f">= {SPEED}", ratio.median >= SPEED)
    shown = run_repeatedly([str(installed), "-P", "-m", "cnnscore", "--help"])
    seconds = statistics.median(run.cpu_seconds for run in shown)  # other work does not count
    name = "the wheel's cnnscore --help"
    ok &= print_row(name, f"{seconds:.2f} s of a core", f"<= {HELP_S} s", seconds <= HELP_S)
    sys.exit(0 if ok else 1)


main()
