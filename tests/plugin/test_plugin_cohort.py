"""`bcftools +cnnscore --sample-map` equals `cnnscore score --sample-map`, to the byte."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli
from hosts.cohorts import (
    SAMPLE,
    SHORT_READS,
    even,
    named_reads,
    none,
    rows,
    same,
    with_short_reads,
    write_cohort,
    write_map,
)
from hosts.plugin import Ran, plugin

REF = DATA / "ref.fa"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Calls of four samples, of which three have reads; and the table."""
    folder = tmp_path_factory.mktemp("cohort")
    columns = {"D": same, "B": even, "C": none, SAMPLE: same}
    calls = write_cohort(folder / "calls.vcf", rows(), columns)
    reads = {name: named_reads(folder, name) for name in ("B", "C")}
    table = write_map(
        folder / "map.tsv", ("B", reads["B"], 20), (SAMPLE, DATA / "reads.bam"), ("C", reads["C"])
    )
    return calls, table


def by_plugin(calls: Path, table: Path, *more: object) -> Ran:
    return plugin("-f", REF, "--sample-map", table, calls, "--no-version", *more)


def by_command(calls: Path, table: Path, out: Path, *more: object) -> bytes:
    run = run_cli(
        "score", calls, "-R", REF, "--sample-map", table, "--no-version", "-o", out, *more
    )
    assert run.code == 0, run.err
    return out.read_bytes()


@pytest.mark.parametrize(
    "more", [(), ("--threads", 1), ("--threads", 3, "-r", "synB"), ("-m", "reads", "-t", "synA")]
)
def test_equal_bytes(cohort: tuple[Path, Path], more: tuple[object, ...], tmp_path: Path) -> None:
    calls, table = cohort
    if "-r" in more:
        indexed = tmp_path / "calls.vcf.gz"
        pysam.tabix_compress(str(calls), str(indexed))
        pysam.tabix_index(str(indexed), preset="vcf")
        calls = indexed
    run = by_plugin(calls, table, *more)
    assert run.code == 0, run.err
    assert run.out == by_command(calls, table, tmp_path / "out.vcf", *more)
    assert b"CNN_SITE=" in run.out
    if not more:
        assert "588 of 882 carriers scored" not in run.err
        assert (
            f"{table} has no row for 1 of 4 samples of {calls}, which get no scores: D" in run.err
        )
        assert "441 of 735 carriers scored at 294 of 294 sites, reads of 2 samples" in run.err
        assert "; 294 carriers of 1 sample have no reads in the map" in run.err


def test_more_alleles_than_one_block_of_room(tmp_path: Path) -> None:
    """Two ALT alleles a carrier, alleles of other samples, and files of several samples."""
    both = tmp_path / "both.bam"
    pysam.merge("-f", str(both), str(DATA / "reads.bam"), str(named_reads(tmp_path, "B")))
    pysam.index(str(both))
    calls = write_cohort(tmp_path / "calls.vcf", rows(), {"B": even, SAMPLE: same})
    text = calls.read_text().replace("\t0/1:", "\t1/2:").splitlines(keepends=True)
    mixed = [
        line if line.startswith("#") else "\t".join(_with_another(line.split("\t")))
        for line in text
    ]
    calls.write_text("".join(mixed))
    table = write_map(tmp_path / "map.tsv", (SAMPLE, both), ("B", both))
    run = by_plugin(calls, table, "-O", "v")
    assert run.code == 0, run.err
    assert run.out == by_command(calls, table, tmp_path / "out.vcf")


def _with_another(fields: list[str]) -> list[str]:
    """A record with an insertion beside its ALT alleles; PL goes, as genotypes change."""
    alts = fields[4].split(",")
    fields[4] = ",".join([alts[0], fields[3] + "TT", *alts[1:]])
    return [
        *fields[:8],
        "GT",
        *(own.split(":")[0] for own in fields[9:-1]),
        fields[-1].split(":")[0] + "\n",
    ]


def test_bad_rows_are_found_first(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    """In the words of the command, and nothing is left."""
    calls, _ = cohort
    out = tmp_path / "out.vcf"
    bare = tmp_path / "bare.bam"
    bare.write_bytes((DATA / "reads.bam").read_bytes())
    tables: dict[str, list[tuple[object, ...]]] = {
        f"row 2 ({SAMPLE}): {bare} has no index": [(SAMPLE, bare)],
        f"row 1: {calls} has no sample X: take the row out": [("X", DATA / "reads.bam")],
        "row 1 (B): no read group of": [("B", DATA / "reads.bam")],
        "row 1 lacks the sample": [("", DATA / "reads.bam")],
        "row 1 has 1 field between tabs": [("B",)],
        f"({SAMPLE}) has the depth 0x9: give a number above 0": [
            (SAMPLE, DATA / "reads.bam", "0x9")
        ],
    }
    for error, table in tables.items():
        path = write_map(tmp_path / "map.tsv", *table)
        if "no index" in error:
            path.write_text("\n" + path.read_text())
        run = by_plugin(calls, path, "-o", out)
        assert run.code == 255
        assert error in run.err
        other = run_cli("score", calls, "-R", REF, "--sample-map", path, "-o", out)
        assert other.code == 2
        assert run.err.split("Error: ")[1] == other.err.split("error: ")[1]
        assert not out.exists()


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("-b", DATA / "reads.bam"), "-b does not go with --sample-map"),
        (("--sample", "B"), "--sample does not go with --sample-map"),
        (
            ("--annotations", "fill"),
            "another --annotations than reads does not go with --sample-map",
        ),
        (("-m", "reference"), "reference"),
        (("-o", "{table}"), "would replace the input"),
    ],
)
def test_options_that_do_not_go_together(
    cohort: tuple[Path, Path], more: tuple[object, ...], error: str
) -> None:
    calls, table = cohort
    before = table.read_text()
    run = by_plugin(calls, table, *(str(word).format(table=table) for word in more))
    assert run.code == 1, run.err
    assert error in run.err
    assert table.read_text() == before


def test_scores_that_are_there(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    calls, table = cohort
    once = tmp_path / "once.vcf"
    assert by_plugin(calls, table, "-o", once).code == 0
    again = by_plugin(once, table)
    assert again.code == 255
    assert f"{once} has FORMAT/CNN_READS already: replace it with --overwrite" in again.err
    assert by_plugin(once, table, "--overwrite").out == once.read_bytes()


def test_short_reads(tmp_path: Path) -> None:
    """In the words of the command."""
    calls, reads = with_short_reads(tmp_path)
    run = by_plugin(calls, write_map(tmp_path / "map.tsv", *reads.items()))
    assert run.code == 0, run.err
    assert [line for line in run.err.splitlines() if "shorter than" in line] == [
        f"Warning: {SHORT_READS}"
    ]
