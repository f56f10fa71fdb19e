"""Calls as a list states them: every true variant in the truth's own words, and the false ones of
all callers, without annotations or genotypes.

Of true variants beside each other callers write many in other words, or as one: their files hold
few that can be labelled. Here all stand. A true one is left out only where the reads have no sign
of it: no caller has anything near, or no read shows it. Of false ones those are taken that a
caller is judged for.

Command: python stated.py --truth VCF --confident BED --reference FASTA --reads BAM --calls VCF ...
                          [--all-clusters] --out VCF --judged BED

The file of a caller's judged regions lies beside its calls: NAME.bed of NAME.vcf.gz.
"""

from __future__ import annotations

import argparse
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam

from judgeable import MARGIN, alleles, clusters_left_out, subtract

Allele = tuple[str, int, str, str]
Span = tuple[str, int, int]
QUALITIES = (".", ".", ".", "30", "100", "500")
"""What a list may say of QUAL: nothing, or one value for all."""


def read_bed(path: Path) -> list[Span]:
    """Its spans."""
    rows = (line.split("\t")[:3] for line in path.read_text().splitlines())
    return [(contig, int(start), int(end)) for contig, start, end in rows]


def within(found: set[Allele], spans: list[Span]) -> set[Allele]:
    """Those whose position lies in a span."""
    inside = set()
    for contig in {allele[0] for allele in found}:
        of_contig = sorted(span for span in spans if span[0] == contig)
        starts = np.array([start for _, start, _ in of_contig])
        for allele in found:
            at = int(np.searchsorted(starts, allele[1], "right")) - 1 if len(starts) else -1
            if allele[0] == contig and at >= 0 and allele[1] < of_contig[at][2]:
                inside.add(allele)
    return inside


def with_calls_near(truth: set[Allele], called: set[Allele]) -> set[Allele]:
    """True variants that some call lies within MARGIN bases of."""
    kept = set()
    for contig in {allele[0] for allele in truth}:
        at = np.sort([pos for name, pos, _, _ in called if name == contig])
        for allele in truth:
            low, high = allele[1] - MARGIN, allele[1] + len(allele[2]) + MARGIN
            if allele[0] == contig and np.searchsorted(at, low) < np.searchsorted(at, high):
                kept.add(allele)
    return kept


def shown(found: set[Allele], reads: pysam.AlignmentFile) -> set[Allele]:
    """Those that some read shows: its base, or for an indel any indel or clip within MARGIN."""
    return {allele for allele in found if _is_shown(allele, reads)}


def _is_shown(allele: Allele, reads: pysam.AlignmentFile) -> bool:
    contig, at, ref, alt = allele
    if len(ref) == len(alt) == 1:
        counts = reads.count_coverage(contig, at, at + 1, quality_threshold=0)
        return bool(counts["ACGT".index(alt)][0])
    start, end = max(at - MARGIN, 0), at + len(ref) + MARGIN
    return any(
        start <= place <= end
        for read in reads.fetch(contig, start, end)
        if not (read.is_duplicate or read.is_secondary or read.is_qcfail)
        for place in _breaks(read)
    )


def _breaks(read: pysam.AlignedSegment) -> Iterator[int]:
    """Where on the reference its indels and clips are."""
    at = read.reference_start
    for operation, length in read.cigartuples or ():
        if operation in (pysam.CINS, pysam.CDEL, pysam.CSOFT_CLIP):
            yield at
        if operation not in (pysam.CINS, pysam.CSOFT_CLIP, pysam.CHARD_CLIP):
            at += length


def stated(
    truth: set[Allele], calls: list[tuple[set[Allele], list[Span]]]
) -> tuple[set[Allele], set[Allele]]:
    """True and false alleles of the list; `calls` are each caller's, and where they are judged."""
    everything = set().union(*(found for found, _ in calls))
    false = set().union(*(within(found - truth, judged) for found, judged in calls))
    return with_calls_near(truth, everything), false


def write(path: Path, listed: set[Allele], lengths: dict[str, int]) -> None:
    """A VCF of sites alone, compressed and indexed."""
    header = ["##fileformat=VCFv4.2"]
    header += [f"##contig=<ID={name},length={length}>" for name, length in lengths.items()]
    header.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    drawn = zlib.crc32(next(iter(lengths)).encode()) % len(QUALITIES)
    rows = [
        f"{contig}\t{pos + 1}\t.\t{ref}\t{alt}\t{QUALITIES[drawn]}\t.\t."
        for contig, pos, ref, alt in sorted(listed)
    ]
    text = "\n".join([*header, *rows]) + "\n"
    subprocess.run(["bcftools", "view", "-Oz", "-o", path], input=text.encode(), check=True)
    subprocess.run(["bcftools", "index", "-ft", path], check=True)


def main() -> None:
    """Parse the command line, write the list and where it is judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("truth", "confident", "reference", "reads", "out", "judged"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--calls", type=Path, nargs="+", required=True)
    parser.add_argument("--all-clusters", action="store_true")
    args = parser.parse_args()
    truth = alleles(args.truth, args.reference)
    calls = []
    for path in args.calls:
        judged = path.with_name(path.name.removesuffix(".vcf.gz") + ".bed")
        calls.append((alleles(path, args.reference), read_bed(judged)))
    true, false = stated(truth, calls)
    with pysam.AlignmentFile(str(args.reads)) as reads:
        true = shown(true, reads)
    index = args.reference.with_name(args.reference.name + ".fai").read_text().splitlines()
    lengths = {line.split("\t")[0]: int(line.split("\t")[1]) for line in index}
    write(args.out, true | false, lengths)
    holes = [] if args.all_clusters else clusters_left_out(truth)
    kept = subtract(read_bed(args.confident), holes)
    args.judged.write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in kept))


if __name__ == "__main__":
    main()
