"""A million calls against a million truth alleles: within 3 minutes and 1.5 GB on 2 cores; with
`--calls N` as much per million.

The data are made here, seeded: a random genome of 120 Mb with a repeat every 400 bases, 85 % SNPs,
15 % indels (a third of them written away from their leftmost place), 3 % false calls, four scores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from timing import print_row, run_once

CALLS = 1_000_000
SPACING = 120
MOST_SECONDS, MOST_BYTES = 180, 1.5e9
BASES = np.frombuffer(b"ACGT", np.uint8)


def make(folder: Path, n: int) -> dict[str, Path]:
    """Write reference, calls, truth set and regions of `n` calls; once."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "reference": folder / "ref.fa",
        "calls": folder / "calls.vcf.gz",
        "truth": folder / "truth.vcf.gz",
        "confident": folder / "confident.bed",
    }
    if all(path.exists() for path in paths.values()):
        return paths
    random = np.random.default_rng(1)
    length = n * SPACING + 1000
    genome = BASES[random.integers(0, 4, length)]
    for begin in range(200, length - 20, 400):
        genome[begin : begin + 12] = genome[begin]
    with paths["reference"].open("wb") as file:
        file.write(b">c\n" + genome.tobytes() + b"\n")
    (folder / "ref.fa.fai").write_text(f"c\t{length}\t3\t{length}\t{length + 1}\n")
    text = genome.tobytes().decode()
    pos = np.arange(n) * SPACING + 200 + random.integers(0, 40, n)
    is_true = random.random(n) > 0.03
    kind = random.random(n)
    shift = random.integers(1, 4, n)
    scores = random.normal(size=(n, 4)) + is_true[:, None] * np.array([3.0, 2.0, 1.0, 0.5])
    genotype = np.where(random.random(n) < 0.6, "0/1", "1/1")
    depth = random.poisson(30, n)
    header = (
        f"##fileformat=VCFv4.2\n##contig=<ID=c,length={length}>\n"
        '##INFO=<ID=CNN_A,Number=1,Type=Float,Description="">\n'
        '##INFO=<ID=CNN_B,Number=1,Type=Float,Description="">\n'
        '##INFO=<ID=QD,Number=1,Type=Float,Description="">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    )
    calls, truth = [header], [header]
    for i in range(n):
        p = int(pos[i])
        if kind[i] < 0.85:
            ref = text[p]
            alt = "CGTA"["ACGT".index(ref)]
        elif kind[i] < 0.93:
            ref, alt = text[p : p + 1 + int(shift[i])], text[p]
        else:
            ref, alt = text[p], text[p] + "ACG"[: int(shift[i])]
        a, b, c, d = scores[i]
        site = f"c\t{p + 1}\t.\t{ref}\t{alt}\t"
        calls.append(
            f"{site}{30 + 10 * c:.2f}\t.\tCNN_A={a:.3f};CNN_B={b:.3f};QD={d:.2f}\tGT:DP\t"
            f"{genotype[i]}:{depth[i]}\n"
        )
        if is_true[i]:
            truth.append(f"{site}.\tPASS\t.\tGT:DP\t{genotype[i]}:.\n")
        if i % 33 == 0:  # missed by the caller
            ref = text[p + 60]
            alt = "CGTA"["ACGT".index(ref)]
            truth.append(f"c\t{p + 61}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT:DP\t0/1:.\n")
    for lines, path in ((calls, paths["calls"]), (truth, paths["truth"])):
        subprocess.run(
            ["bcftools", "view", "-Oz1", "-o", path], input="".join(lines).encode(), check=True
        )
    begins = range(0, length, 50_000)
    paths["confident"].write_text("".join(f"c\t{b}\t{b + 47_000}\n" for b in begins))
    return paths


def main() -> None:
    """Make the data, evaluate, print; fails when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder for the data")
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args()
    folder = options.data / f"evaluate-{options.calls}"
    paths = make(folder, options.calls)
    run = run_once(
        [
            sys.executable, "-m", "cnnscore", "evaluate", str(paths["calls"]),
            "--truth", str(paths["truth"]), "--confident", str(paths["confident"]),
            "-R", str(paths["reference"]), "-o", str(folder / "out"), "--quiet",
        ]
    )  # fmt: skip
    done = f"{run.seconds:.0f} s ({run.cpu_seconds:.0f} s of CPU)"
    name, millions = f"evaluate {options.calls:,} calls, four scores", options.calls / CALLS
    most = MOST_SECONDS * millions
    ok = print_row(name, done, f"<= {most:.0f} s", run.seconds <= most)
    memory = f"{run.peak_rss / 1e9:.2f} GB"
    most = MOST_BYTES * millions
    told = f"<= {most / 1e9:.1f} GB"
    ok &= print_row(f"{name}: peak memory", memory, told, run.peak_rss <= most)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
