"""plugin.py BENCH_DATA: `bcftools +cnnscore` against `cnnscore score`, whole commands.

Both sides use all cores and take turns in one run; the best of TURNS counts on either side.
"""

import os
import sys
from pathlib import Path

from timing import compare, print_row

sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts.plugin import plugin_folder

REQUIRED = 0.95
TURNS = 5


def commands(model: str, data: Path, sites_name: str) -> tuple[list[str], list[str]]:
    """The command line, and the plugin's."""
    calls, reference = str(data / f"{sites_name}.vcf.gz"), str(data / "ref.fa")
    reads = str(data / "30x.bam")
    common = ["-m", model, "--provider", "cpu", "-o", os.devnull, calls]
    score = [sys.executable, "-m", "cnnscore", "score", "-R", reference, "--quiet", *common]
    plugin = ["bcftools", "+cnnscore", "-f", reference, *common]
    if model == "gatk-2d":
        score += ["-I", reads]
        plugin += ["-b", reads]
    return score, plugin


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "small"
    os.environ["BCFTOOLS_PLUGINS"] = str(plugin_folder())
    ok = True
    for model in ("gatk-1d", "gatk-2d"):
        for sites_name in ("dense", "sparse"):
            score, plugin = commands(model, data, sites_name)
            turns = compare(score, plugin, repeats=TURNS, warmups=0)
            seconds = [min(run.seconds for run in side) for side in (turns.a, turns.b)]
            speed = seconds[0] / seconds[1]
            text = f"{speed:.2f}x ({seconds[0]:.1f} s, {seconds[1]:.1f} s)"
            name = f"{model} {sites_name}: plugin's speed / command's"
            ok = print_row(name, text, f">= {REQUIRED}x", speed >= REQUIRED) and ok
    sys.exit(0 if ok else 1)


main()
