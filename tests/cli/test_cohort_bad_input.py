"""`score --sample-map`: what a table, reads and calls cannot be, or are and are told of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysam
import pytest

from hosts.cohorts import (
    NO_ALT,
    REF,
    SAMPLE,
    SHORT_READS,
    Row,
    even,
    none,
    refused,
    rows,
    same,
    score,
    scored,
    scores_of,
    three_samples,
    with_short_reads,
    write_cohort,
    write_map,
)
from hosts.read_files import edit_reads


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return three_samples(tmp_path_factory.mktemp("reads"))


def test_samples_without_a_row_are_counted(reads: dict[str, Path], tmp_path: Path) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(10), {SAMPLE: same, "B": even})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]))
    run = score(calls, table, tmp_path / "out.vcf")
    assert run.code == 0
    assert f"{table} has no row for 1 of 2 samples of {calls}, which get no scores: B" in run.err
    assert "10 of 15 carriers scored at 10 of 10 sites, reads of 1 sample, in" in run.err
    assert "5 carriers of 1 sample have no reads in the map" in run.err
    assert {key[2] for key in scores_of(tmp_path / "out.vcf")} == {"", SAMPLE}


def test_a_missing_index_is_found_first(reads: dict[str, Path], tmp_path: Path) -> None:
    """In whichever row, whoever carries."""
    names = [f"N{i}" for i in range(40)]
    bare = tmp_path / "bare.bam"
    shutil.copy(reads["B"], bare)
    columns: dict[str, Callable[[int, Row], str]] = {
        SAMPLE: same,
        "B": none,
        **dict.fromkeys(names, none),
    }
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), columns)
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]), ("B", bare))
    refused(
        score(calls, table, tmp_path / "out.vcf"),
        tmp_path / "out.vcf",
        f"{table}: row 2 (B): {bare} has no index: make one with `samtools index {bare}`",
    )


BAD_MAPS: dict[str, tuple[list[tuple[Any, ...]], str]] = {
    "no such sample": ([(SAMPLE, "{A}"), ("X", "{B}")], "row 2: {calls} has no sample X: take"),
    "another's reads": ([("B", "{A}")], "row 1 (B): no read group of {A} has SM:B, so no read"),
    "a sample twice": ([("B", "{B}"), ("B", "{B}")], "row 2 has the sample B of row 1: give all"),
    "a file twice": ([("B", "{B},{B}")], "row 1 (B) has {B} twice: its reads would count twice"),
    "no file": ([("B", "{B}.no")], "row 1 (B): cannot open the reads {B}.no: No such file"),
    "one field": ([("B",)], "row 1 has 1 field between tabs: give a sample, its reads"),
    "a depth": ([("B", "{B}", "deep")], "row 1 (B) has the depth deep: give a number above 0"),
    "no name": ([("", "{B}")], "row 1 lacks the sample"),
    "empty": ([], "has no row: sample, tab, reads"),
}


@pytest.mark.parametrize("fault", BAD_MAPS)
def test_bad_maps(fault: str, reads: dict[str, Path], tmp_path: Path) -> None:
    table, error = BAD_MAPS[fault]
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {SAMPLE: same, "B": same})
    words = {"A": reads[SAMPLE], "B": reads["B"], "calls": calls}
    written = [tuple(str(field).format(**words) for field in row) for row in table]
    path = write_map(tmp_path / "map.tsv", *written)
    refused(
        score(calls, path, tmp_path / "out.vcf"),
        tmp_path / "out.vcf",
        str(path),
        error.format(**words),
    )


def each_second(remainder: int) -> Callable[[int, pysam.AlignedSegment], bool]:
    """For `edit_reads`: half of the reads."""
    return lambda number, _: number % 2 == remainder


def test_the_same_reads_in_two_files(reads: dict[str, Path], tmp_path: Path) -> None:
    """A BAM and its CRAM, or a copy; files that share no read go together."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {"B": same})
    cram, copy = tmp_path / "B.cram", tmp_path / "copy.bam"
    pysam.view("-C", "-T", str(REF), "-o", str(cram), str(reads["B"]), catch_stdout=False)
    shutil.copy(reads["B"], copy)
    parts = [tmp_path / name for name in ("even.bam", "odd.bam")]
    for part, remainder in zip(parts, (0, 1), strict=True):
        shutil.copy(reads["B"], part)
        edit_reads(part, each_second(remainder))
    for path in (cram, copy):
        pysam.index(str(path))
        table = write_map(tmp_path / "map.tsv", ("B", f"{reads['B']},{path}"))
        error = f"{table}: row 1 (B): the reads {reads['B']} and {path} begin with the same read, "
        refused(score(calls, table, tmp_path / "out.vcf"), tmp_path / "out.vcf", error)
    table = write_map(tmp_path / "map.tsv", ("B", f"{parts[0]},{parts[1]}"))
    together = scored(calls, table, tmp_path / "together.vcf")
    table = write_map(tmp_path / "map.tsv", ("B", reads["B"]))
    assert scored(calls, table, tmp_path / "whole.vcf") == together


def test_reads_of_another_reference(reads: dict[str, Path], tmp_path: Path) -> None:
    """The error names the row, the contig and the record."""
    path = tmp_path / "B.bam"
    with pysam.AlignmentFile(str(reads["B"])) as source:
        header = source.header.to_dict()
        header["SQ"][0]["LN"] = 50_000
        with pysam.AlignmentFile(str(path), "wb", header=header) as target:
            for read in source:
                target.write(read)
    pysam.index(str(path))
    calls = write_cohort(tmp_path / "calls.vcf", rows(5), {SAMPLE: same, "B": even})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]), ("B", path))
    run = score(calls, table, tmp_path / "out.vcf")
    refused(run, tmp_path / "out.vcf", f"{table}: row 2 (B):", str(path), "synA", "50000")


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(1), {SAMPLE: same})
    run = score(calls, tmp_path / "no.tsv", tmp_path / "out.vcf")
    missing = f"cannot read the sample map {tmp_path}/no.tsv: No such file"
    refused(run, tmp_path / "out.vcf", missing, "; give a table with tabs of samples, their reads")


def test_a_sample_without_a_read_that_counts(reads: dict[str, Path], tmp_path: Path) -> None:
    """Its reads are told of as they were looked at."""
    path = tmp_path / "B.bam"
    n = 0
    with (
        pysam.AlignmentFile(str(reads["B"])) as source,
        pysam.AlignmentFile(str(path), "wb", template=source) as target,
    ):
        for read in source.fetch("synA", 0, 3000):
            read.is_duplicate = True
            target.write(read)
            n += 1
    pysam.index(str(path))
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {"B": same})
    run = score(calls, write_map(tmp_path / "map.tsv", ("B", path)), tmp_path / "out.vcf")
    refused(
        run,
        tmp_path / "out.vcf",
        f"row 1 (B): no read of {path} counts",
        "100 % are marked as duplicates",
    )
    told = re.search(r" of ([\d,]+) reads over", run.err)
    assert told
    assert n <= int(told[1].replace(",", "")) < 1.5 * n  # those between two places looked at, twice


def test_scores_that_are_there(reads: dict[str, Path], tmp_path: Path) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {SAMPLE: same})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]))
    once, twice = tmp_path / "once.vcf", tmp_path / "out.vcf"
    first = scored(calls, table, once)
    refused(score(once, table, twice), twice, f"{once} has FORMAT/CNN_READS already: replace")
    assert scored(once, table, twice, "--overwrite") == first


def test_a_key_that_was_declared_in_another_way(reads: dict[str, Path], tmp_path: Path) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {SAMPLE: same})
    others = (
        '##FORMAT=<ID=CNN_READS,Number=.,Type=String,Description="x">',
        '##INFO=<ID=CNN_N,Number=.,Type=String,Description="x">',
    )
    text = calls.read_text().replace("##contig", "\n".join([*others, "##contig"]), 1)
    calls.write_text(text)
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]))
    assert len(scored(calls, table, tmp_path / "out.bcf", "--overwrite")) == 6
    with pysam.VariantFile(str(tmp_path / "out.bcf")) as made:
        assert made.header.formats["CNN_READS"].type == "Float"
        assert made.header.info["CNN_N"].type == "Integer"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("-I", "a.bam"), "-I does not go with --sample-map"),
        (("--sample", "B"), "--sample does not go with --sample-map"),
        (("--annotations", "fill"), "--annotations fill does not go with --sample-map"),
        (("-m", "reference"), "network reference"),
        (("--max-open-files", 1), "--max-open-files 1: one sample's reads and the reference are 2"),
        (("--table", "t"), "--table does not go with --sample-map"),
    ],
)
def test_options_that_do_not_go_together(
    more: tuple[object, ...], error: str, reads: dict[str, Path], tmp_path: Path
) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(1), {SAMPLE: same})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]))
    run = score(calls, table, tmp_path / "out.vcf", *more)
    assert run.code == 1, run.err
    assert error in run.err
    assert not (tmp_path / "out.vcf").exists()


def test_no_carrier_at_all(reads: dict[str, Path], tmp_path: Path) -> None:
    """Nothing to score is no error, and no read is read."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(4), {SAMPLE: none})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, reads[SAMPLE]))
    run = score(calls, table, tmp_path / "out.vcf")
    assert run.code == 0, run.err
    assert "0 of 0 carriers scored at 0 of 4 sites, reads of 0 samples" in run.err
    assert NO_ALT in (tmp_path / "out.vcf").read_text()
    assert scores_of(tmp_path / "out.vcf") == {}


def test_short_reads(tmp_path: Path) -> None:
    """One line for all samples that have such; none for one that carries nothing."""
    calls, reads = with_short_reads(tmp_path)
    run = score(calls, write_map(tmp_path / "map.tsv", *reads.items()), tmp_path / "out.vcf")
    assert run.code == 0, run.err
    assert [line for line in run.err.splitlines() if "shorter than" in line] == [
        f"cnnscore: warning: {SHORT_READS}"
    ]
