"""python_api.py BENCH_DATA: tables and iteration in Python against the file that `score` writes."""

import sys
from pathlib import Path

from timing import compare, print_row

TABLE_RATE, ITER_RATE = 0.9, 0.5
"""Least parts of the rate of `Scorer.score`."""
START = """
import os, sys, pysam, cnnscore
calls, reference, reads = sys.argv[1:]
"""
SCORE = """
with cnnscore.open("reads") as scorer:
    scorer.score(calls, reference=reference, reads=reads, output=os.devnull, output_type="v")
"""
TABLE = """
with cnnscore.open("reads") as scorer:
    scorer.table(calls, reference=reference, reads=reads).to_numpy()
"""
ITER = """
with cnnscore.open("reads") as scorer, pysam.VariantFile(calls) as records:
    sum(1 for record, score in scorer.iter(records, reference=reference, reads=reads))
"""


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "small"
    files = [str(data / name) for name in ("dense.vcf.gz", "ref.fa", "30x.bam")]
    score = [sys.executable, "-c", START + SCORE, *files]
    ok = True
    for name, code, least in (("table", TABLE, TABLE_RATE), ("iter", ITER, ITER_RATE)):
        ratio = compare(score, [sys.executable, "-c", START + code, *files])
        claim = f"rate of `scorer.{name}`, part of `scorer.score`"
        ok = print_row(claim, ratio, f">= {least}", ratio.median >= least) and ok
    sys.exit(0 if ok else 1)


main()
