"""Regions that truth is planted in: each becomes a contig of the planted reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pysam

from cnnscore.errors import BadInput, UsageError
from cnnscore.truth.regions import Regions


@dataclass(frozen=True)
class Region:
    """A piece of the reference, 0-based, half-open."""

    contig: str
    begin: int
    end: int
    whole: bool
    """All of its contig."""

    @property
    def name(self) -> str:
        """Of its contig in the planted reference: 1-based ends, as people write them."""
        return self.contig if self.whole else f"{self.contig}_{self.begin + 1}_{self.end}"

    @property
    def text(self) -> str:
        """As samtools and bcftools take it."""
        return f"{self.contig}:{self.begin + 1}-{self.end}"


def contig_lengths(reference: str) -> dict[str, int]:
    """Of a FASTA with .fai, in its order. Errors: BadInput."""
    try:
        with pysam.FastaFile(reference) as fasta:
            return dict(zip(fasta.references, fasta.lengths, strict=True))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read the reference {reference}: {error}") from None


def regions_of(
    lengths: Mapping[str, int], asked: str | None, file: str | None, with_reads: set[str]
) -> list[Region]:
    """What was asked for, joined where it overlaps, in the order of the FASTA's contigs, `lengths`;
    when nothing was, each contig that has reads.

    Errors: UsageError for what is no region; BadInput for a contig that the FASTA lacks, and for
    regions beyond the end of theirs.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    if file is not None:
        for named, found in Regions.read(file).spans.items():
            both = zip(found.begin.tolist(), found.end.tolist(), strict=True)
            spans[named.decode()] = list(both)
    for text in filter(None, (asked or "").split(",")):
        contig, begin, end = _parsed(text, lengths)
        spans.setdefault(contig, []).append((begin, end))
    if not asked and file is None:
        spans = {name: [(0, n)] for name, n in lengths.items() if name in with_reads}
    for name in spans:
        if name not in lengths:
            raise BadInput(f"the reference has no contig {name}, which a region is of")
    regions = [
        Region(name, begin, end, (begin, end) == (0, length))
        for name, length in lengths.items()
        for begin, end in _joined(spans.get(name, []), length)
    ]
    if not regions and (file or asked):
        raise BadInput(f"no region of {file or asked} has a base of the reference")
    if not regions:
        raise BadInput("the reference and the reads share no contig: are both of one build?")
    return regions


def _joined(spans: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted((begin, min(end, length)) for begin, end in spans if begin < length):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        elif begin < end:
            joined.append((begin, end))
    return joined


def _parsed(text: str, lengths: Mapping[str, int]) -> tuple[str, int, int]:
    """CHR, CHR:BEG, CHR:BEG- or CHR:BEG-END, 1-based."""
    if text in lengths:
        return text, 0, lengths[text]
    match = re.fullmatch(r"(.+):([0-9,]+)(-([0-9,]*))?", text)
    if not match:
        return text, 0, 0  # a contig that the reference lacks
    begin = int(match[2].replace(",", ""))
    end = int((match[4] or "").replace(",", "") or (begin if match[3] is None else 1 << 62))
    if not 1 <= begin <= end:
        raise UsageError(f"`region={text}`: give CHR or CHR:BEG-END, from 1 on")
    contig = match[1]
    if contig in lengths and begin > lengths[contig]:
        raise BadInput(f"`region={text}`: {contig} has {lengths[contig]:,} bases in the reference")
    return contig, begin - 1, end
