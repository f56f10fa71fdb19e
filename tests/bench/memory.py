"""memory.py BENCH_DATA: peak memory, and how it grows when the sites grow tenfold."""

import os
import sys
from pathlib import Path

from timing import print_row, run_once

PEAK_MB, GROWTH = 700, 1.10


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "large"
    ok = True
    for model in ("gatk-1d", "gatk-2d"):
        for sites in ("dense", "sparse"):
            peaks = []
            for name in (f"{sites}.tenth", sites):
                command = [sys.executable, "-m", "cnnscore", "score", str(data / f"{name}.vcf.gz")]
                command += ["-R", str(data / "ref.fa"), "-m", model, "-o", os.devnull, "--quiet"]
                command += ["-I", str(data / "30x.bam")] if model == "gatk-2d" else []
                peaks.append(run_once(command).peak_rss / 1e6)
            label = f"{model} {sites}, 100,000 sites and more: peak"
            small = peaks[1] <= PEAK_MB
            ok = print_row(label, f"{peaks[1]:.0f} MB", f"<= {PEAK_MB} MB", small) and ok
            growth = peaks[1] / peaks[0]
            label = f"{model} {sites}: peak / peak at a tenth of the sites"
            ok = print_row(label, f"{growth:.2f}", f"<= {GROWTH}", growth <= GROWTH) and ok
    sys.exit(0 if ok else 1)


main()
