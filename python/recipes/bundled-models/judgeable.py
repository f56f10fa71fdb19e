"""Confident regions less the places where a caller misses a true variant (see calls.smk).

Command: python judgeable.py --calls VCF --truth VCF --confident BED --reference FASTA --out BED
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

MARGIN = 30


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
    missed = alleles(args.truth, args.reference) - alleles(args.calls, args.reference)
    holes = [
        (contig, max(0, pos - MARGIN), pos + len(ref) + MARGIN) for contig, pos, ref, _ in missed
    ]
    regions = []
    for line in args.confident.read_text().splitlines():
        contig, start, end = line.split("\t")
        regions.append((contig, int(start), int(end)))
    kept = subtract(regions, holes)
    args.out.write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in kept))


if __name__ == "__main__":
    main()
