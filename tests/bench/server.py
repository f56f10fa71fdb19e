"""server.py BENCH_DATA: `cnnscore score --server` against `cnnscore score`, whole commands.

Client and server share this machine, as the command alone has it to itself; both sides take turns
in one run, and the best of TURNS counts on either side. The fast networks have the large data.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import compare, print_row

REQUIRED = {"gatk-1d": 0.9, "gatk-2d": 0.9, "reads": 0.9, "reference": 0.9}
WITH_READS = ("gatk-2d", "reads")
LARGE = ("reads", "reference")
TURNS = 3
SITES = ("dense", "sparse")


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    ok = True
    cnnscore = [sys.executable, "-m", "cnnscore"]
    for model, required in REQUIRED.items():
        data = Path(sys.argv[1]) / ("large" if model in LARGE else "small")
        with tempfile.TemporaryDirectory() as folder:
            address = f"unix:{folder}/s"
            command = [*cnnscore, "serve", "--listen", address, "-m", model, "--provider", "cpu"]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert server.stdout
            server.stdout.readline()
            for sites_name in SITES:
                files = [str(data / f"{sites_name}.vcf.gz"), "-R", str(data / "ref.fa")]
                files += ["-I", str(data / "30x.bam")] if model in WITH_READS else []
                score = [*cnnscore, "score", *files, "--quiet", "-o", os.devnull]
                local = [*score, "-m", model, "--provider", "cpu"]
                turns = compare(local, [*score, "--server", address], repeats=TURNS, warmups=0)
                seconds = [min(run.seconds for run in side) for side in (turns.a, turns.b)]
                speed = seconds[0] / seconds[1]
                text = f"{speed:.2f}x ({seconds[0]:.1f} s, {seconds[1]:.1f} s)"
                name = f"{model} {sites_name}: speed through a server / without"
                ok = print_row(name, text, f">= {required}x", speed >= required) and ok
            server.terminate()
            server.wait()
    sys.exit(0 if ok else 1)


main()
