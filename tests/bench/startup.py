"""startup.py BENCH_DATA: how long a command takes before it scores."""

import os
import sys
from pathlib import Path

from timing import median_seconds, print_row, run_repeatedly

ONE_SITE_S, HELP_S = 1.0, 0.3


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "small"
    cnnscore = [sys.executable, "-m", "cnnscore"]
    score = [*cnnscore, "score", str(data / "sparse.vcf.gz"), "-R", str(data / "ref.fa")]
    score += ["-r", "chr1:1-60000", "-o", os.devnull, "--quiet"]
    reads = ["-I", str(data / "30x.bam")]
    ok = True
    for name, command, limit in (
        ("cnnscore --help", [*cnnscore, "--help"], HELP_S),
        ("start-up and few sites, gatk-1d", [*score, "-m", "gatk-1d"], ONE_SITE_S),
        ("start-up and few sites, gatk-2d", [*score, "-m", "gatk-2d", *reads], ONE_SITE_S),
    ):
        seconds = median_seconds(run_repeatedly(command))
        ok = print_row(name, f"{seconds:.2f} s", f"<= {limit} s", seconds <= limit) and ok
    sys.exit(0 if ok else 1)


main()
