"""Confident regions less what shall not be judged (see calls.smk): the loci where a caller misses
a true variant, and most clusters of true variants.

Two fifths of the simulated true variants have three others within 100 bases; in HG002 one in
fifteen. CLUSTERS_KEPT of the clusters are judged: networks meet twice to three times as many as
genomes have, since copies and chimeras make as many false ones.

Command: python judgeable.py --calls VCF --truth VCF --confident BED --reference FASTA --out BED
"""

from __future__ import annotations

import argparse
import subprocess
import zlib
from pathlib import Path

import numpy as np

MARGIN = 30
NEAR, NEIGHBOURS = 100, 3
CLUSTERS_KEPT, BLOCK = 0.25, 2_000
"""Clusters are kept or left out by blocks of so many bases."""


def alleles(vcf: Path, reference: Path) -> set[tuple[str, int, str, str]]:
    """Left-aligned single alleles (contig, 0-based position, ref, alt), MNPs taken apart."""
    split = ["bcftools", "norm", "-f", str(reference), "-m", "-any", "-a", "-Ou", str(vcf)]
    align = ["bcftools", "norm", "-f", str(reference), "-Ou"]
    show = ["bcftools", "query", "-f", "%CHROM\t%POS0\t%REF\t%ALT\n"]
    with (
        subprocess.Popen(split, stdout=subprocess.PIPE) as first,
        subprocess.Popen(align, stdin=first.stdout, stdout=subprocess.PIPE) as second,
    ):
        text = subprocess.run(
            show, stdin=second.stdout, stdout=subprocess.PIPE, check=True, text=True
        ).stdout
    if first.returncode or second.returncode:
        raise SystemExit(f"bcftools norm failed on {vcf}")
    rows = (line.split("\t") for line in text.splitlines())
    return {(contig, int(pos), ref, alt) for contig, pos, ref, alt in rows}


def clusters_left_out(truth: set[tuple[str, int, str, str]]) -> list[tuple[str, int, int]]:
    """Loci (contig, start, end) of clustered true variants, but for CLUSTERS_KEPT of them."""
    holes = []
    for contig in {variant[0] for variant in truth}:
        variants = sorted({(pos, len(ref)) for name, pos, ref, _ in truth if name == contig})
        at = np.array([pos for pos, _ in variants])
        near = np.searchsorted(at, at + NEAR, "right") - np.searchsorted(at, at - NEAR)
        for (pos, length), count in zip(variants, near, strict=True):
            drawn = zlib.crc32(f"{contig}:{pos // BLOCK}".encode()) / 2**32
            if count - 1 >= NEIGHBOURS and drawn >= CLUSTERS_KEPT:
                holes.append((contig, max(0, pos - MARGIN), pos + length + MARGIN))
    return holes


def subtract(
    regions: list[tuple[str, int, int]], holes: list[tuple[str, int, int]]
) -> list[tuple[str, int, int]]:
    """Regions less holes; both lists of (contig, start, end)."""
    left = []
    for contig, start, end in regions:
        at = start
        for _, low, high in sorted(hole for hole in holes if hole[0] == contig):
            if high <= at or low >= end:
                continue
            if low > at:
                left.append((contig, at, low))
            at = max(at, high)
        if at < end:
            left.append((contig, at, end))
    return left


def main() -> None:
    """Parse the command line, write the regions."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("calls", "truth", "confident", "reference", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    truth = alleles(args.truth, args.reference)
    missed = truth - alleles(args.calls, args.reference)
    holes = [
        (contig, max(0, pos - MARGIN), pos + len(ref) + MARGIN) for contig, pos, ref, _ in missed
    ]
    holes += clusters_left_out(truth)
    regions = []
    for line in args.confident.read_text().splitlines():
        contig, start, end = line.split("\t")
        regions.append((contig, int(start), int(end)))
    kept = subtract(regions, holes)
    args.out.write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in kept))


if __name__ == "__main__":
    main()
