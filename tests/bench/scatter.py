"""scatter.py BENCH_DATA [--shards N] [--turns N] [--copies N]: `score --cluster local:2`.

110,500 sites on 111 Mb (100 copies of the small genome of make_data.py) in 200 shards, scored by
two workers of one thread, against `score --threads 2`, in turns. The start-up of workers is left
out: of either side a run over no site is taken off. The records must be equal to the byte. On a
machine with other work the seconds of CPU, of all processes together, tell more than the clock.
`--copies` takes a part of the genome; with `--shards` in proportion each shard is as large.
"""

from __future__ import annotations

import argparse
import filecmp
import statistics
import sys
import tempfile
from pathlib import Path

import copies
from timing import Run, print_row, run_once

MOST = {"reads": 1.15, "gatk-2d": 1.05}
SHARDS, TURNS, WORKERS, COPIES = 200, 3, 2, 100


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--model", action="append", choices=list(MOST))
    options = parser.parse_args()
    data = copies.make(
        options.data / "small", options.data / f"copies-{options.copies}", options.copies
    )
    ok = True
    for model in options.model or MOST:
        with tempfile.TemporaryDirectory(prefix="scatter-") as name:
            ok = _compare(data, Path(name), model, options) and ok
    sys.exit(0 if ok else 1)


def _compare(data: Path, folder: Path, model: str, options: argparse.Namespace) -> bool:
    contig = (data / f"{copies.REFERENCE}.fai").read_text().split("\t")[0]
    none = ["-t", f"{contig}:1-1"]

    def one(out: str, where: list[str]) -> Run:
        return _run(data, model, folder / out, [*where, "--threads", str(WORKERS)])

    def cluster(out: str, where: list[str], shards: int) -> Run:
        work = ["--work", str(folder / "work"), "--cluster", f"local:{WORKERS}", "--threads", "1"]
        more = [*where, *work, "--shards", str(shards)]
        return _run(data, model, folder / out, more)

    walls, cpus, equal = [], [], True
    for turn in range(options.turns):
        sides = [
            lambda: (one("one.vcf", []), one("none.vcf", none)),
            lambda: (cluster("shards.vcf", [], options.shards), cluster("none.vcf", none, 2)),
        ]
        runs = {side: sides[side]() for side in ((0, 1) if turn % 2 == 0 else (1, 0))}
        wall = [runs[i][0].seconds - runs[i][1].seconds for i in (0, 1)]
        cpu = [runs[i][0].cpu_seconds - runs[i][1].cpu_seconds for i in (0, 1)]
        print(f"turn {turn + 1}: {_told(wall)} of the clock, {_told(cpu)} of CPU", flush=True)
        if min(wall + cpu) <= 0:
            sys.exit("too few sites: the start takes longer than the work")
        walls.append(wall[1] / wall[0])
        cpus.append(cpu[1] / cpu[0])
        equal &= filecmp.cmp(folder / "one.vcf", folder / "shards.vcf", shallow=False)
    label, ok = f"{model}: {options.shards} shards, 2 workers / 2 threads", True
    for what, ratios in (("clock", walls), ("CPU", cpus)):
        told = f"{statistics.median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
        is_met = statistics.median(ratios) <= MOST[model]
        ok = print_row(f"{label}, {what}", told, f"<= {MOST[model]}x", is_met) and ok
    return print_row(f"{model}: records", "equal" if equal else "differ", "equal", equal) and ok


def _told(seconds: list[float]) -> str:
    return " and ".join(f"{one:.1f} s" for one in seconds)


def _run(data: Path, model: str, out: Path, more: list[str]) -> Run:
    names = (copies.CALLS, "-R", copies.REFERENCE, "-I", copies.READS)
    calls = [name if name.startswith("-") else str(data / name) for name in names]
    command = [sys.executable, "-m", "cnnscore", "score", *calls, "-m", model]
    return run_once([*command, "--no-version", "--quiet", "-o", str(out), *more])


main()
