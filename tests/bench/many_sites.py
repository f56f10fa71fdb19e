"""many_sites.py BENCH_DATA [--most N]: cost and memory, from 100,000 sites to 10 million.

The bundled network without reads scores one SNP per base of a simulated genome, out of a bgzipped
VCF. CPU time, which other work on the machine changes little; a run of one site is taken off.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pysam

from timing import print_row, run_once

SMALLEST, MOST = 100_000, 10_000_000
COST, GROWTH = 1.10, 1.10
"""Of ten times the sites: CPU per site, and peak memory."""
LINES = 10_000


def calls(reference: Path, n: int) -> Iterator[str]:
    """A VCF of n SNPs, one per base, in pieces."""
    other = str.maketrans("ACGT", "CGTA")
    with pysam.FastaFile(str(reference)) as fasta:
        contigs = zip(fasta.references, fasta.lengths, strict=True)
        yield "##fileformat=VCFv4.2\n"
        yield from (f"##contig=<ID={name},length={length}>\n" for name, length in contigs)
        yield "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        for name in fasta.references:
            bases = fasta.fetch(name).upper()
            alts = bases.translate(other)
            for begin in range(0, min(n, len(bases)), LINES):
                end = min(begin + LINES, len(bases), n)
                rows = zip(range(begin, end), bases[begin:end], alts[begin:end], strict=True)
                yield "".join(
                    f"{name}\t{pos + 1}\t.\t{ref}\t{alt}\t50\t.\t.\n"
                    for pos, ref, alt in rows
                    if ref in "ACGT"
                )
            n -= min(n, len(bases))


def write(reference: Path, n: int, out: Path) -> None:
    """The VCF, bgzipped."""
    with (
        out.open("wb") as file,
        subprocess.Popen(["bgzip", "-c"], stdin=subprocess.PIPE, stdout=file, text=True) as packer,
    ):
        assert packer.stdin
        packer.stdin.writelines(calls(reference, n))
    assert packer.returncode == 0


def main() -> int:
    """1 when a claim fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--most", type=int, default=MOST)
    options = parser.parse_args()
    reference = options.data / "large" / "ref.fa"
    costs, peaks, sizes = [], [], [1]
    size = SMALLEST
    while size <= options.most:
        sizes.append(size)
        size *= 10
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / "calls.vcf.gz"
            write(reference, n, path)
            score = [sys.executable, "-m", "cnnscore", "score", str(path), "-R", str(reference)]
            score += ["-m", "reference", "-O", "u", "-o", os.devnull, "--quiet"]
            run = run_once(score)
            costs.append(run.cpu_seconds)
            peaks.append(run.peak_rss / 1e6)
            print(f"{n:,} sites: {run.cpu_seconds:.1f} s of CPU, {peaks[-1]:.0f} MB", flush=True)
    ok = True
    for i in range(2, len(sizes)):
        each = [(costs[j] - costs[0]) / sizes[j] for j in (i - 1, i)]
        name = f"{sizes[i]:,} sites / {sizes[i - 1]:,}"
        cost, growth = each[1] / each[0], peaks[i] / peaks[i - 1]
        ok = print_row(f"{name}: CPU per site", f"{cost:.2f}x", f"<= {COST}x", cost <= COST) and ok
        claim = f"{name}: peak memory"
        ok = print_row(claim, f"{growth:.2f}x", f"<= {GROWTH}x", growth <= GROWTH) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
