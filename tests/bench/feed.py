"""feed.py BENCH_DATA: what one core makes ready for a network on a GPU: records, windows, planes.

gatk-2d at 30x, one thread. The CPU time of each part, per site; what a core feeds is all of them.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.score.engine import Engine
from timing import print_row

REQUIRED = 12_000
TURNS = 3


def parts(engine: Engine, data: Path, sites_name: str) -> tuple[dict[str, float], int]:
    """CPU seconds by part, and the sites."""
    network = engine.description
    options = ReaderOptions.of_network(network, str(data / "ref.fa"), [str(data / "30x.bam")], None)
    spent: defaultdict[str, float] = defaultdict(float)
    buffers, records, sites = WindowBuffers(), Records(), 0
    with WindowReader(options) as reader:
        calls = Calls(str(data / f"{sites_name}.vcf.gz"), annotations=network.annotations)
        now = time.process_time()

        def lap(part: str) -> None:
            nonlocal now
            begun, now = now, time.process_time()
            spent[part] += now - begun

        while calls.read(records, network.sites_per_job):
            lap("records")
            windows = reader.read(records.sites(), buffers)
            lap("windows")
            for _ in engine.planes(windows):
                pass
            lap("planes")
            sites += len(windows)
    return spent, sites


def main() -> None:
    """Exit 1 when a core feeds less than is required."""
    data = Path(sys.argv[1]) / "small"
    engine = Engine("gatk-2d", provider="cpu", rules="cuda")
    ok = True
    for name in ("dense", "sparse"):
        runs = [parts(engine, data, name) for _ in range(TURNS)]
        spent, sites = min(runs, key=lambda run: sum(run[0].values()))
        text = ", ".join(f"{part} {1e6 * seconds / sites:.1f}" for part, seconds in spent.items())
        print(f"{name}, {sites:,} sites, us per site: {text}")
        rate = sites / spent["planes"]
        claim = f"gatk-2d {name} 30x: sites encoded per second and core"
        ok = print_row(claim, f"{rate:,.0f}", f">= {REQUIRED:,}", rate >= REQUIRED) and ok
        whole = sites / sum(spent.values())
        print(f"{name}: with records and windows {whole:,.0f} sites per second and core")
    sys.exit(0 if ok else 1)


main()
