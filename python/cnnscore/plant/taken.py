"""The reads over the regions: whose they are, and one sorted file of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote

import pysam

from cnnscore.calls.builds import TWO_BUILDS
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowReader
from cnnscore.errors import BadInput, UsageError
from cnnscore.plant.regions import Region
from cnnscore.plant.tools import run

log = logging.getLogger("cnnscore")
NOT_TAKEN = 0xF00
"""Flags of reads that no caller counts: secondary, of bad quality, duplicates, supplementary."""
HAS_QUALITIES = "max(qual) < 255"
"""samtools' filter; without qualities samtools would make some up."""
LONGEST_READ = 1000
"""Planting is for short reads: an aligner, callers and networks for long ones are others."""
LOOKED_AT = 2000
LONG_READ_PLATFORMS = {"ONT", "PACBIO"}


@dataclass(frozen=True)
class Source:
    """What the headers of the read files say."""

    sample: str
    groups: tuple[tuple[str, ...] | None, ...]
    """Of each file the read groups that are the sample's; None: all reads."""
    platform: str
    contigs: set[str]
    """That may have reads."""


def look_at(
    reads: Sequence[str], reference: str, lengths: Mapping[str, int], sample: str | None
) -> Source:
    """Whose reads these are; `lengths` are the reference's contigs.

    Errors: UsageError for several samples and none named, and a file that is given twice; BadInput
    for a sample that is not there, for long reads, another build, files of which no read counts,
    and one that cannot be read or has no index.
    """
    pysam.set_verbosity(0)  # what is wrong is said below, in one line
    if not reads:
        raise UsageError("truth is planted in reads: give them with `reads=`")
    samples: set[str] = set()
    contigs: set[str] = set()
    platforms: set[str] = set()
    of_file: list[list[dict[str, str]]] = []
    warnings: list[str] = []
    for path in reads:
        try:
            with pysam.AlignmentFile(path, reference_filename=reference) as file:
                groups = file.header.to_dict().get("RG", [])
                first = list(islice(file.fetch(until_eof=True), LOOKED_AT))
                contigs |= _with_reads(file)
                theirs = dict(zip(file.references, file.lengths, strict=True))
        except (OSError, ValueError) as error:
            raise BadInput(
                f"cannot read {path}: {error}; it must be a BAM or CRAM with an index "
                "(`samtools index`)"
            ) from None
        for contig in theirs.keys() & lengths.keys():
            if theirs[contig] != lengths[contig]:
                raise BadInput(
                    f"contig {contig} has {theirs[contig]:,} bases in the header of {path} and "
                    f"{lengths[contig]:,} in {reference}: {TWO_BUILDS}"
                )
        of_file.append(groups)
        samples |= {group["SM"] for group in groups if "SM" in group}
        platforms |= {group["PL"].upper() for group in groups if "PL" in group}
        longest = max((read.query_length for read in first), default=0)
        if longest > LONGEST_READ or platforms & LONG_READ_PLATFORMS:
            raise BadInput(
                f"{path} has long reads: truth is planted in those of up to {LONGEST_READ:,} "
                "bases, as are the callers and networks"
            )
        n_bare = sum(read.query_qualities is None for read in first)
        if 2 * n_bare > len(first):
            warnings.append(
                f"{path}: {n_bare:,} of its first {len(first):,} reads have no base qualities: "
                "such reads are left out"
            )
    if sample is None and len(samples) > 1:
        raise UsageError(f"the reads are of {', '.join(sorted(samples))}: choose one, `sample=`")
    if sample is not None and sample not in samples:
        there = ", ".join(sorted(samples)) or "none"
        raise BadInput(f"no read group of the reads has SM:{sample}: their samples are {there}")
    _check_reads(reads, reference, sample)
    for warning in warnings:
        log.warning(warning)
    chosen = [
        tuple(group["ID"] for group in groups if group.get("SM") == sample) if sample else None
        for groups in of_file
    ]
    name = sample or next(iter(samples), "sample")
    return Source(name, tuple(chosen), min(platforms, default="ILLUMINA"), contigs)


def _check_reads(reads: Sequence[str], reference: str, sample: str | None) -> None:
    """What is asked of read files everywhere. Errors: UsageError for a file that is given twice;
    BadInput where no read counts, wherever it lies.
    """
    options = ReaderOptions(reference, tuple(reads), sample, read_rule="primary", read_limit=1)
    with WindowReader(options) as reader:
        ReadChecks(reader, "planting", uses_depth=False).at_end(ReadCounts(sites=1, sites_empty=1))


def _with_reads(file: pysam.AlignmentFile) -> set[str]:
    file.check_index()
    if file.is_cram:  # whose index does not count
        return set(file.references)
    return {found.contig for found in file.get_index_statistics() if found.total}


def take_reads(
    reads: Sequence[str],
    reference: str,
    source: Source,
    regions: Sequence[Region],
    folder: Path,
    threads: int,
) -> Path:
    """A sorted BAM with index, in `folder`, of the sample's reads over the regions and of their
    mates, wherever those lie. Reads that no caller counts (NOT_TAKEN, HAS_QUALITIES) are left out.
    """
    bed, taken = folder / "regions.bed", folder / "taken.bam"
    bed.write_text("".join(f"{r.contig}\t{r.begin}\t{r.end}\n" for r in regions))
    parts = []
    for number, (path, groups) in enumerate(zip(reads, source.groups, strict=True)):
        if groups == ():
            continue
        part = folder / f"taken.{number}.bam"
        only = ""
        if groups:
            listed = folder / f"groups.{number}.txt"
            listed.write_text("".join(f"{group}\n" for group in groups))
            only = f"-R {quote(str(listed))} "
        # --fetch-pairs: a read whose mate lies outside is of a pair still.
        run(
            f"taking the reads of {path}",
            f"samtools view -u --fetch-pairs -F {NOT_TAKEN} -e {quote(HAS_QUALITIES)}"
            f" -T {quote(reference)} {only}-L {quote(str(bed))} {quote(path)}"
            f" | samtools sort -u -@ {threads} -T {quote(str(folder))}/sort -o {quote(str(part))}",
        )
        parts.append(quote(str(part)))
    run(
        "joining the reads",
        f"samtools merge -f --write-index -o {quote(str(taken))} {' '.join(parts)}",
    )
    for part in folder.glob("taken.[0-9]*.bam"):
        part.unlink()
    return taken
