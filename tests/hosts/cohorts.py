"""Cohorts made of the synthetic sample: columns as a test says, and reads of any name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from conftest import DATA
from hosts.read_files import rename_sample

SAMPLE = "SYN1"
NO_CALL, NO_ALT = "./.", "0/0"


@dataclass(frozen=True)
class Row:
    """A record of the synthetic sample, as texts."""

    site: tuple[str, str, str, str]
    """CHROM, POS, REF, ALT."""
    column: str
    """GT:PL."""


def rows(limit: int | None = None) -> list[Row]:
    """The first records of the synthetic sample."""
    found = []
    with pysam.VariantFile(str(DATA / "calls.vcf.gz")) as calls:
        for record in calls:
            genotype = "/".join(map(str, record.samples[0]["GT"]))
            likelihoods = ",".join(map(str, record.samples[0]["PL"]))
            site = (record.chrom, str(record.pos), str(record.ref), ",".join(record.alts or ()))
            found.append(Row(site, f"{genotype}:{likelihoods}"))
            if len(found) == limit:
                break
    return found


def write_cohort(
    path: Path, records: Sequence[Row], columns: dict[str, Callable[[int, Row], str]]
) -> Path:
    """A VCF of `records` whose samples have what `columns` give of record number and record; QUAL
    and INFO are those of no sample.
    """
    head = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=synA,length=40000>",
        "##contig=<ID=synB,length=12000>",
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth of all samples">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">',
    ]
    names = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    head.append("#" + "\t".join([*names, *columns]))
    lines = []
    for number, row in enumerate(records):
        contig, pos, ref, alt = row.site
        fields = (contig, pos, ".", ref, alt, "99999", ".", "DP=20000", "GT:PL")
        lines.append("\t".join([*fields, *(column(number, row) for column in columns.values())]))
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path


def write_map(path: Path, *table: tuple[object, ...]) -> Path:
    """A sample map of these rows."""
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in table))
    return path


def named_reads(folder: Path, sample: str) -> Path:
    """The synthetic reads under the name of another sample."""
    path = folder / f"{sample}.bam"
    path.write_bytes((DATA / "reads.bam").read_bytes())
    rename_sample(path, sample)
    return path


def same(_: int, row: Row) -> str:
    """A column: the synthetic sample's."""
    return row.column


def even(number: int, row: Row) -> str:
    """A column: the same in each second record."""
    return NO_ALT if number % 2 else row.column


def none(_number: int, _row: Row) -> str:
    """A column of no carrier."""
    return NO_ALT
