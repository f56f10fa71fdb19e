"""`view --sample-map`: the carriers of each chosen record under each other, as they were scored."""

from __future__ import annotations

import re
from pathlib import Path

import pysam
import pytest

from cnnscore.score.engine import Engine
from cnnscore.viewer.carriers import open_cohort_view
from cnnscore.viewer.choose import Choice
from conftest import DATA, run_cli
from hosts.cohorts import SAMPLE, even, named_reads, none, rows, same, write_cohort, write_map

REF = DATA / "ref.fa"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Scored calls and the table; C carries nothing, D has no reads."""
    folder = tmp_path_factory.mktemp("cohort")
    columns = {"D": same, "B": even, "C": none, SAMPLE: same}
    calls = write_cohort(folder / "calls.vcf", rows(60), columns)
    read = [(name, named_reads(folder, name)) for name in ("B", "C")]
    table = write_map(folder / "map.tsv", *read, (SAMPLE, DATA / "reads.bam"))
    scored = folder / "scored.vcf"
    run = run_cli("score", calls, "-R", REF, "--sample-map", table, "-o", scored)
    assert run.code == 0, run.err
    return scored, table


def test_sites_are_those_that_were_scored(cohort: tuple[Path, Path]) -> None:
    """In the order of the records, and of the samples within one; their own alleles and reads."""
    scored, table = cohort
    with pysam.VariantFile(str(scored)) as calls:
        expected = [
            (record.pos, name, record.samples[name]["CNN_READS"])
            for record in calls
            for name in ("B", SAMPLE)
            if record.samples[name]["CNN_READS"] is not None
        ]
    with open_cohort_view(
        str(scored),
        Engine("reads", annotations_from="reads"),
        reference=str(REF),
        sample_map=str(table),
    ) as view:
        sites = list(view.sites)
        assert view.count == len(sites) == len(view.rank) == len(expected) == 90
    found = [(site.record.pos, dict(site.record.sample)["sample"], site.score) for site in sites]
    assert [site[:2] for site in found] == [site[:2] for site in expected]
    assert [site[2] for site in found] == pytest.approx([site[2] for site in expected], abs=0.0006)
    assert all(site.reads for site in sites)


def test_the_worst_sites_with_their_carriers(cohort: tuple[Path, Path]) -> None:
    scored, table = cohort
    with pysam.VariantFile(str(scored)) as calls:
        worst = min(calls, key=lambda record: record.info["CNN_SITE"])
    with open_cohort_view(
        str(scored),
        Engine("reads", annotations_from="reads"),
        reference=str(REF),
        sample_map=str(table),
        choice=Choice(3, worst=True),
    ) as view:
        sites, rank = list(view.sites), view.rank.tolist()
    assert len({site.record.name for site in sites}) == 3
    assert sites[rank.index(0)].record.pos == worst.pos
    assert sorted(set(rank)) == [0, 1, 2]


def test_terminal_and_page(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    scored, table = cohort
    words = ("view", scored, "-R", REF, "--sample-map", table, "--sites", 2)
    run = run_cli(*words, "--terminal")
    assert run.code == 0, run.err
    assert len(re.findall("synA:257", run.out)) == 2  # B and the synthetic sample
    page = tmp_path / "page.html"
    run = run_cli(*words, "-o", page, "--attribution", 0)
    assert run.code == 0, run.err
    assert "3 carriers of 60 records in" in run.err
    assert page.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("-I", "{reads}"), 1, "-I does not go with --sample-map"),
        (("--sample", "B"), 1, "--sample does not go with --sample-map"),
        (("-m", "reference"), 1, "reference"),
        (("--worst", 2, "--info-key", "NONE"), 2, "has no INFO/NONE to choose by: score it first"),
    ],
)
def test_what_cannot_be(
    cohort: tuple[Path, Path], tmp_path: Path, words: tuple[object, ...], code: int, error: str
) -> None:
    scored, table = cohort
    more = [str(word).format(reads=DATA / "reads.bam") for word in words]
    out = tmp_path / "page.html"
    run = run_cli("view", scored, "-R", REF, "--sample-map", table, *more, "-o", out)
    assert run.code == code, run.err
    assert error in run.err
    assert not out.exists()


def test_records_without_a_carrier_with_reads(tmp_path: Path) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {"D": same, SAMPLE: none})
    table = write_map(tmp_path / "map.tsv", (SAMPLE, DATA / "reads.bam"))
    out = tmp_path / "page.html"
    run = run_cli("view", calls, "-R", REF, "--sample-map", table, "-o", out)
    assert run.code == 2
    assert "no sample of the 3 chosen records both carries an ALT allele and has reads" in run.err
    assert not out.exists()
