"""speed.py BENCH_DATA: the whole command against bare ONNX Runtime on the same planes.

Both sides use all cores and take turns in one run. The command's start-up is left out: the time of
a run over one site is taken off. "Bare" runs the network over planes that lie ready in memory, in
the batches that the engine makes; "plain" is the textbook graph, untrimmed, Conv1D as Conv1D.
"""

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import Planes
from cnnscore.network.keras_import import import_networks
from cnnscore.network.providers import PLAIN
from cnnscore.score.engine import Engine
from timing import print_row, run_once

THREADS = len(os.sched_getaffinity(0))
TURNS = 3
COMMAND_SHARE = 0.85
PLAIN_RATIO = {"gatk-1d": 1.7, "gatk-2d": 1.8}
# The plain graph of gatk-2d takes a minute for all sites: a part gives the same rate.
PLAIN_SITES = 1000


def planes_of(engine: Engine, data: Path, sites_name: str, depth: str) -> list[Planes]:
    """The inputs of every network call that scoring the call file makes."""
    manifest = engine.manifest
    files = str(data / "ref.fa"), [str(data / f"{depth}.bam")]
    options = ReaderOptions.of_network(engine.description, *files, None)
    calls = Calls(str(data / f"{sites_name}.vcf.gz"), annotations=manifest.annotations)
    planes = []
    with WindowReader(options) as reader:
        while calls.read(records := Records(), engine.description.sites_per_job):
            planes += [part for _, part in engine.planes(reader.read(records.sites()))]
    return planes


def rate(engine: Engine, planes: list[Planes]) -> float:
    """Sites per second of the bare network on all cores."""
    sites = sum(len(part["annotations"]) for part in planes)
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(engine.session.run, planes))
    return sites / (time.perf_counter() - start)


def command(model: str, data: Path, sites_name: str, depth: str) -> list[str]:
    """The command line that scores a call file."""
    line = [sys.executable, "-m", "cnnscore", "score", str(data / f"{sites_name}.vcf.gz")]
    line += ["-R", str(data / "ref.fa"), "-m", model, "-o", os.devnull, "--quiet"]
    return line + (["-I", str(data / f"{depth}.bam")] if model == "gatk-2d" else [])


def measure(model: str, plain: Engine, data: Path, sites_name: str, depth: str) -> bool:
    """Time both sides in turns and print the two claims."""
    engine = Engine(model, provider="cpu")
    planes = planes_of(engine, data, sites_name, depth)
    sites = sum(len(part["annotations"]) for part in planes)
    score = command(model, data, sites_name, depth)
    first = Calls(str(data / f"{sites_name}.vcf.gz"))
    first.read(records := Records(), 1)
    locus = records.sites().locus(0)
    one_site = [*score, "-r", f"{locus}-{locus.split(':')[1]}"]
    rate(engine, planes[: len(planes) // 10])
    shares, speedups = [], []
    for _ in range(TURNS):
        bare = rate(engine, planes)
        whole = sites / (run_once(score).seconds - run_once(one_site).seconds)
        few = planes[: max(1, PLAIN_SITES * len(planes) // sites)]
        speedups.append(bare / rate(plain, few if model == "gatk-2d" else planes))
        shares.append(whole / bare)
    name = f"{model} {sites_name} {depth}, {sites:,} sites"
    ok = claim(f"{name}: command / bare", shares, COMMAND_SHARE)
    return claim(f"{name}: bare / plain graph", speedups, PLAIN_RATIO[model]) and ok


def claim(text: str, ratios: list[float], required: float) -> bool:
    """Print the median ratio against what is required."""
    ratio = statistics.median(ratios)
    measured = f"{ratio:.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
    return print_row(text, measured, f">= {required}x", ratio >= required)


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    data = Path(sys.argv[1]) / "small"
    jar = Path(os.environ["CNNSCORE_GATK_JAR"])
    ok = True
    for model in ("gatk-1d", "gatk-2d"):
        path = data / f"{model}.plain.onnx"
        path.write_bytes(import_networks(jar, model, form=PLAIN)[0].onnx)
        plain = Engine(str(path), provider="cpu")
        for sites_name, depth in (("dense", "30x"), ("sparse", "30x"), ("dense", "50x")):
            if model == "gatk-1d" and depth != "30x":
                continue  # no reads in it
            ok = measure(model, plain, data, sites_name, depth) and ok
    sys.exit(0 if ok else 1)


main()
