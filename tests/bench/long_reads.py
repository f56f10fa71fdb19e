"""long_reads.py BENCH_DATA: peak memory and CPU time of `score` by length of reads and by depth.

The same sites and the same number of bases over each of them, from 150 bases to 100,000 per read;
and amplicons. The data are simulated here and seeded: BENCH_DATA is not looked at.
"""

import argparse
import os
import sys
import tempfile
from array import array
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pysam

from timing import Run, print_row, run_once

SEED, DEPTH, SPACING = 20261129, 30, 1000
LENGTHS = (150, 20_000, 100_000)
PEAK_MB = {150: 300, 20_000: 300, 100_000: 500}
CPU = 3.0  # times that of 150 bp
AMPLICONS, AMPLICON, AMPLICON_DEPTH, AMPLICON_MB = 128, 250, 3000, 300
MISMATCHES, INDELS = 0.003, 0.004  # per base
ACGT = np.frombuffer(b"ACGT", np.uint8)
QUALITIES = np.repeat(np.array([12, 20, 30, 40], np.uint8), [1, 4, 10, 35])
M, I, D = 0, 1, 2  # noqa: E741 - BAM's operators

Bases = npt.NDArray[np.uint8]


def read_at(rng: np.random.Generator, bases: Bases) -> tuple[str, list[tuple[int, int]]]:
    """Sequence and CIGAR of a read of these bases of a haplotype, with errors."""
    wrong = np.flatnonzero(rng.random(len(bases)) < MISMATCHES)
    bases = bases.copy()
    bases[wrong] = rng.choice(ACGT, len(wrong))
    at = np.flatnonzero(rng.random(len(bases)) < INDELS)
    parts, cigar, done = [], [], 0
    for event, inserts in zip(at.tolist(), (rng.random(len(at)) < 0.5).tolist(), strict=True):
        if event <= done or event + 2 >= len(bases):
            continue
        parts.append(bases[done:event].tobytes())
        cigar += [(M, event - done), (I if inserts else D, 1)]
        done = event if inserts else event + 1
        parts.append(b"A" if inserts else b"")
    parts.append(bases[done:].tobytes())
    cigar.append((M, len(bases) - done))
    return b"".join(parts).decode(), cigar


def write_reads(path: Path, haplotypes: list[Bases], length: int, starts: list[int]) -> None:
    """An indexed BAM: reads of both haplotypes that start there."""
    rng = np.random.default_rng([SEED, length])
    n = len(haplotypes[0])
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": n}]}
    header["RG"] = [{"ID": "1", "SM": "sample"}]
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, start in enumerate(starts):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag = f"r{number}", 16 * int(rng.integers(2))
            read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
            sequence, cigar = read_at(rng, haplotypes[number % 2][start : start + length])
            read.query_sequence, read.cigartuples = sequence, cigar
            quality = QUALITIES[rng.integers(len(QUALITIES), size=len(sequence))]
            read.query_qualities = array("B", quality.tobytes())
            read.set_tag("RG", "1")
            out.write(read)
    pysam.index(str(path))


def spread(n: int, length: int) -> list[int]:
    """Starts of reads of this length, DEPTH times over n bases."""
    rng = np.random.default_rng([SEED, length, DEPTH])
    starts = np.sort(rng.integers(-length // 2, n - length // 2, DEPTH * n // length))
    return [max(start, 0) for start in starts.tolist()]


def write_calls(folder: Path, n_sites: int) -> tuple[list[Bases], list[int]]:
    """ref.fa and calls.vcf, of which half are in the sample; the two haplotypes, and the calls'
    positions.
    """
    rng = np.random.default_rng(SEED)
    first = rng.choice(ACGT, (n_sites + 1) * SPACING)
    second, sites = first.copy(), []
    (folder / "ref.fa").write_bytes(b">chr1\n" + first.tobytes() + b"\n")
    pysam.faidx(str(folder / "ref.fa"))
    with (folder / "calls.vcf").open("w") as vcf:
        vcf.write(f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={len(first)}>\n")
        vcf.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        vcf.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample\n")
        for site in range(n_sites):
            pos = SPACING // 2 + site * SPACING + int(rng.integers(SPACING // 2))
            sites.append(pos)
            alt = int(rng.choice(ACGT[first[pos] != ACGT]))
            ref = chr(first[pos])
            if site % 5 == 0:  # a deletion, made up
                bases = first[pos : pos + 1 + int(rng.integers(1, 9))].tobytes().decode()
                vcf.write(f"chr1\t{pos + 1}\t.\t{bases}\t{ref}\t300\t.\t.\tGT\t0/1\n")
                continue
            vcf.write(f"chr1\t{pos + 1}\t.\t{ref}\t{chr(alt)}\t300\t.\t.\tGT\t0/1\n")
            if site % 2:
                second[pos] = alt
    return [first, second], sites


def score(folder: Path, reads: str, model: str, region: str = "") -> list[str]:
    """A command that scores the calls, of a region or all."""
    command = [sys.executable, "-m", "cnnscore", "score", str(folder / "calls.vcf")]
    command += ["-R", str(folder / "ref.fa"), "-I", str(folder / reads)]
    command += ["-t", region] if region else []
    return [*command, "-m", model, "-o", os.devnull, "--quiet", "--threads", "2"]


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--sites", type=int, default=1200)
    parser.add_argument("--models", nargs="+", default=["reads"])
    wanted = parser.parse_args()
    ok = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        haplotypes, sites = write_calls(folder, wanted.sites)
        for length in LENGTHS:
            starts = spread(len(haplotypes[0]), length)
            write_reads(folder / f"{length}.bam", haplotypes, length, starts)
        starts = [pos - AMPLICON // 2 for pos in sites[:AMPLICONS] for _ in range(AMPLICON_DEPTH)]
        write_reads(folder / "amplicons.bam", haplotypes, AMPLICON, starts)
        for model in wanted.models:
            runs: dict[int, Run] = {}
            for length in LENGTHS:
                command = score(folder, f"{length}.bam", model)
                run_once(command)
                runs[length] = min(
                    (run_once(command) for _ in range(3)), key=lambda r: r.cpu_seconds
                )
                peak, most = runs[length].peak_rss / 1e6, PEAK_MB[length]
                claim = f"{model}, {wanted.sites} sites at {DEPTH}x of {length:,} bp: peak"
                ok = print_row(claim, f"{peak:.0f} MB", f"<= {most} MB", peak <= most) and ok
            for length in LENGTHS[1:]:
                ratio = runs[length].cpu_seconds / runs[150].cpu_seconds
                each = 1000 * runs[length].cpu_seconds / wanted.sites
                claim = f"{model}, {length:,} bp: CPU / that of 150 bp"
                said = f"{ratio:.2f}x, {each:.2f} ms per site"
                ok = print_row(claim, said, f"<= {CPU}x", ratio <= CPU) and ok
            region = f"chr1:1-{sites[min(AMPLICONS, len(sites)) - 1] + 1}"
            peak = run_once(score(folder, "amplicons.bam", model, region)).peak_rss / 1e6
            claim = f"{model}, {AMPLICONS} amplicons at {AMPLICON_DEPTH}x of {AMPLICON} bp: peak"
            fits = peak <= AMPLICON_MB
            ok = print_row(claim, f"{peak:.0f} MB", f"<= {AMPLICON_MB} MB", fits) and ok
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
