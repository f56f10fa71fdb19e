"""Cohorts made of the synthetic sample: columns as a test says, and reads of any name; how they are
scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from conftest import DATA, Finished, run_cli
from hosts.read_files import as_short, edit_reads, rename_sample

REF = DATA / "ref.fa"
SAMPLE = "SYN1"
NO_CALL, NO_ALT = "./.", "0/0"
Scores = dict[tuple[str, int, str], float]
"""Of (contig, pos, sample); the site's under the sample ''."""


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


def score(calls: Path, table: Path, out: Path, *more: object) -> Finished:
    arguments = ("--sample-map", table, "-o", out, "--no-version")
    return run_cli("score", calls, "-R", REF, *arguments, *more)


def scored(calls: Path, table: Path, out: Path, *more: object) -> Scores:
    run = score(calls, table, out, *more)
    assert run.code == 0, run.err
    return scores_of(out)


def scores_of(path: Path) -> Scores:
    found: Scores = {}
    with pysam.VariantFile(str(path)) as calls:
        for record in calls:
            known = {
                name: sample["CNN_READS"]
                for name, sample in zip(record.samples, record.samples.values(), strict=True)
                if sample.get("CNN_READS") is not None
            }
            assert record.info.get("CNN_N", 0) == len(known)
            assert ("CNN_SITE" in record.info) == ("CNN_N" in record.info) == bool(known)
            for name, value in known.items():
                found[record.chrom, record.pos, str(name)] = value
            if known:
                found[record.chrom, record.pos, ""] = record.info["CNN_SITE"]
    return found


def refused(run: Finished, out: Path, *parts: str) -> None:
    """One error with these parts, before the first site; nothing is left of the output."""
    assert run.code == 2, run.err
    (error,) = [line for line in run.err.splitlines() if "warning" not in line]
    for part in parts:
        assert part in error
    assert not [path for path in out.parent.iterdir() if out.name in path.name]


SHORT_READS = (
    "most reads of 2 of 3 samples are shorter than 35 bases, which no network was tested on: "
    "do not trust the scores of D, B without a truth set"
)


def with_short_reads(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Calls of samples of which two have short reads, and a third that carries nothing; the read
    files.
    """
    columns = {"D": same, "C": none, "B": even, SAMPLE: same}
    calls = write_cohort(folder / "calls.vcf", rows(20), columns)
    reads = {name: named_reads(folder, name) for name in ("B", "C", "D")}
    for path in reads.values():
        edit_reads(path, as_short)
    return calls, {SAMPLE: DATA / "reads.bam", **reads}


def small_reads(folder: Path, n: int, end: int = 700) -> list[tuple[str, Path]]:
    """Names of n samples, and of each a small read file: those over the first bases of synA."""
    found = []
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as source:
        reads = list(source.fetch("synA", 0, end))
        head = source.header.to_dict()
    for i in range(n):
        path = folder / f"{i}.bam"
        head["RG"] = [{**head["RG"][0], "ID": "g", "SM": f"S{i}"}]
        header = pysam.AlignmentHeader.from_dict(head)
        with pysam.AlignmentFile(str(path), "wb", header=header) as target:
            for read in reads:
                read.set_tag("RG", "g")
                target.write(read)
        pysam.index(str(path))
        found.append((f"S{i}", path))
    return found


def carries(at: int, n: int) -> Callable[[int, Row], str]:
    """A column: it carries each n-th record from number `at` on."""
    return lambda number, row: row.column if number % n == at % n else NO_ALT


def three_samples(folder: Path) -> dict[str, Path]:
    """Read files of three samples."""
    return {SAMPLE: DATA / "reads.bam", **{name: named_reads(folder, name) for name in ("B", "C")}}
