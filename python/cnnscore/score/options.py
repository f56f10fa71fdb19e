"""What is asked of a run that scores records, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnnscore.calls.annotations import AnnotationCounts
from cnnscore.calls.reader_pool import MOST_OPEN_FILES
from cnnscore.calls.records import Intervals
from cnnscore.calls.windows import ReadCounts
from cnnscore.html import html_table
from cnnscore.progress import counted

NOT_SCORED = "without an ALT allele to score, or a finite score"
"""Why a site has no score."""


@dataclass(frozen=True)
class ScoreOptions:
    """Which records are scored, and how."""

    sample: str | None = None
    """Chooses the VCF column and, by the SM of their read groups, the reads."""
    intervals: Intervals = field(default_factory=Intervals)
    info_key: str | None = None
    """In place of the network's own."""
    overwrite: bool = False
    """Allow a key that the input has."""
    per_allele: bool = False
    """One score per ALT allele; the network must be one that scores alleles."""
    sample_depth: float | None = None
    """How deep the sample usually is (docs/reference/encodings.md); None: measured in the reads."""
    downsampling: str = "site"
    """How a site with more reads than the network takes is sampled: "site" (by the site alone), or
    "gatk" (GATK's running random state; whole file, in order)."""
    is_shard: bool = False
    """Part of a run that judges all parts together: no error where no read or score is in this."""


@dataclass(frozen=True)
class CohortOptions:
    """Which records of a cohort are scored, and how."""

    intervals: Intervals = field(default_factory=Intervals)
    overwrite: bool = False
    """Allow keys that the input has."""
    most_open_files: int = MOST_OPEN_FILES
    """Read files and references that are open at a time."""
    is_shard: bool = False
    """Part of a run that judges all parts together: no error where no carrier of it has a score."""


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    sites: int
    scored: int
    unscored: dict[str, int]
    """Sites without a score, by reason."""
    reads: ReadCounts
    seconds: float
    provider: str
    annotations: dict[str, AnnotationCounts]
    """Which of the network's annotations records have."""

    def __repr__(self) -> str:
        return f"<cnnscore.Summary: {self.text()}>"

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {"sites": self.sites, "scored": self.scored, **self.unscored}
        rows |= {"reads that count": self.reads.reads} if self.reads.reads else {}
        rows |= {"seconds": f"{self.seconds:.1f}", "computed on": self.provider}
        return html_table({name: [value] for name, value in rows.items()})

    def text(self) -> str:
        """One line for the user."""
        left = "; ".join(f"{count:,} {reason}" for reason, count in self.unscored.items() if count)
        return (
            f"{self.scored:,} of {self.sites:,} sites scored in {self.seconds:.1f} s "
            f"({self.sites / max(self.seconds, 1e-9):,.0f}/s, {self.provider})"
            + (f"; not scored: {left}" if left else "")
        )


@dataclass(frozen=True, repr=False)
class CohortSummary(Summary):
    """What a run over a cohort did; scored are sites with a scored carrier."""

    carriers: int
    """Genotypes that hold an ALT allele that is a sequence."""
    carriers_scored: int
    without_reads: int
    """Carriers whose sample has no row in the map."""
    samples_without_reads: int
    lengths: dict[int, tuple[int, int]]
    """Of the samples that carry something, by their columns: the reads that count, and how many of
    these are too short."""

    @property
    def samples_read(self) -> int:
        """Samples whose reads were read."""
        return len(self.lengths)

    def text(self) -> str:
        """One line for the user."""
        lacking = (
            f"; {self.without_reads:,} carriers of "
            f"{counted(self.samples_without_reads, 'sample')} have no reads in the map"
            if self.samples_without_reads
            else ""
        )
        return (
            f"{self.carriers_scored:,} of {self.carriers:,} carriers scored at {self.scored:,} of "
            f"{self.sites:,} sites, reads of {counted(self.samples_read, 'sample')}, in "
            f"{self.seconds:.1f} s ({self.carriers / max(self.seconds, 1e-9):,.0f}/s, "
            f"{self.provider}){lacking}"
        )
