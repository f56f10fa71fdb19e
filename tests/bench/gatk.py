"""The GATK walker beside `cnnscore score`: their speed in one run, start-up excluded.

    python tests/bench/gatk.py bench-data        after `make gatk bench-data`

Each side starts a network of its own and uses all cores. What a run of the first record alone takes
(GATK's start is about 5 s) is taken from the whole, of the clock and of CPU. What the JVM compiles
while it scores, 5 s of CPU or more in each run, counts.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from timing import print_row, run_once

TURNS = 2  # the better of each side counts: the machine has other work
THREADS = str(len(os.sched_getaffinity(0)))
ENGINE = f"{sys.executable} -m cnnscore"


@dataclass(frozen=True)
class Claim:
    """What a network scores, and the part of the command's speed that the walker must have."""

    model: str
    folder: str
    calls: str
    reads: str
    required: float


CLAIMS = (
    Claim("gatk-1d", "small", "dense.vcf.gz", "", 0.85),
    Claim("gatk-2d", "small", "dense.vcf.gz", "30x.bam", 0.85),
    Claim("reads", "large", "dense.vcf.gz", "30x.bam", 0.3),  # docs/how-it-works/performance.md
)


def first_record(calls: Path, out: Path) -> Path:
    """Calls with one record."""
    with gzip.open(calls, "rt") as lines, out.open("w") as file:
        for line in lines:
            file.write(line)
            if not line.startswith("#"):
                break
    return out


def command(model: str, calls: Path, inputs: list[str], out: Path) -> list[str]:
    """`cnnscore score`."""
    words = [*ENGINE.split(), "score", str(calls), *inputs, "-m", model, "-o", str(out)]
    return [*words, "--threads", THREADS]


def walker(model: str, calls: Path, inputs: list[str], out: Path) -> list[str]:
    """The walker, with an engine of its own."""
    jars = f"{os.environ['CNNSCORE_WALKER']}:{os.environ['CNNSCORE_GATK']}/*"
    words = ["java", "-Xmx1g", "-cp", jars, "org.cnnscore.gatk.Main", "CnnScoreVariants"]
    words += ["-V", str(calls), *inputs, "--model", model, "-O", str(out)]
    return [*words, "--engine", f"{ENGINE} serve", "--intra-op-threads", THREADS]


def compare(claim: Claim, data: Path, folder: Path) -> bool:
    """Print the row of a claim; whether it holds."""
    calls = data / claim.calls
    inputs = ["-R", str(data / "ref.fa")]
    inputs += ["-I", str(data / claim.reads)] if claim.reads else []
    one = first_record(calls, folder / "first.vcf")
    seconds, cpu = [], []
    for _ in range(TURNS):
        for side in (command, walker):
            runs = [
                run_once(side(claim.model, which, inputs, folder / "out.vcf.gz"))
                for which in (one, calls)
            ]
            seconds.append(runs[1].seconds - runs[0].seconds)
            cpu.append(runs[1].cpu_seconds - runs[0].cpu_seconds)
    ours, walkers = min(seconds[::2]), min(seconds[1::2])
    of_cpu = min(cpu[::2]) / min(cpu[1::2])
    text = f"{ours / walkers:.2f}x ({ours:.1f} s, {walkers:.1f} s; in CPU {of_cpu:.2f}x)"
    name = f"{claim.model}: the walker's speed / the command's"
    return print_row(name, text, f">= {claim.required}x", ours / walkers >= claim.required)


def main() -> int:
    """Print one row per network; 1 when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        held = [compare(claim, Path(sys.argv[1]) / claim.folder, Path(folder)) for claim in CLAIMS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
