"""`score --sample-map`: a score for each carrier of a cohort, one for the site."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from cnnscore.calls.carriers import site_score
from conftest import DATA, TESTS, run_cli
from hosts.cohorts import (
    REF,
    SAMPLE,
    Row,
    Scores,
    even,
    none,
    rows,
    same,
    score,
    scored,
    three_samples,
    write_cohort,
    write_map,
)


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return three_samples(tmp_path_factory.mktemp("reads"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Scores:
    """A cohort of one sample."""
    folder = tmp_path_factory.mktemp("alone")
    calls = write_cohort(folder / "calls.vcf", rows(), {SAMPLE: same})
    table = write_map(folder / "map.tsv", (SAMPLE, DATA / "reads.bam"))
    return scored(calls, table, folder / "out.vcf")


def test_a_cohort_of_one_has_the_scores_of_its_sample(alone: Scores, tmp_path: Path) -> None:
    """Annotations from the reads, and for QUAL the sample's PL of 0/0, where all ALT alleles are
    carried."""
    with (
        pysam.VariantFile(str(DATA / "calls.vcf.gz")) as source,
        pysam.VariantFile(str(tmp_path / "calls.vcf"), "w", header=source.header) as target,
    ):
        for record in source:
            record.qual = record.samples[0]["PL"][0] - min(record.samples[0]["PL"])
            target.write(record)
    out = tmp_path / "out.vcf"
    run = run_cli(
        *("score", tmp_path / "calls.vcf", "-R", REF, "-I", DATA / "reads.bam", "-o", out),
        *("--sample", SAMPLE, "--annotations", "reads"),
    )
    assert run.code == 0, run.err
    compared = 0
    with pysam.VariantFile(str(out)) as calls:
        for record in calls:
            held = set(record.samples[0]["GT"]) - {0}
            if len(held) == len(record.alts or ()):
                own = record.info["CNN_READS"]
                assert alone[record.chrom, record.pos, SAMPLE] == own
                assert alone[record.chrom, record.pos, ""] == own
                compared += 1
    assert compared > 280


def test_who_does_not_carry_changes_nothing(
    alone: Scores, reads: dict[str, Path], tmp_path: Path
) -> None:
    """Non-carriers, the order of columns and rows, threads, open files: no bit of a score."""
    columns = {"B": even, "C": none, SAMPLE: same, "D": none}
    paths = [(name, path, depth) for (name, path), depth in zip(reads.items(), "..9", strict=True)]
    calls = write_cohort(tmp_path / "calls.vcf", rows(), columns)
    table = write_map(tmp_path / "map.tsv", *paths)
    first = scored(calls, table, tmp_path / "out.vcf", "--threads", 1)
    of_sample = {key: value for key, value in first.items() if key[2] == SAMPLE}
    assert of_sample == {key: value for key, value in alone.items() if key[2] == SAMPLE}
    assert {key[2] for key in first} == {"", SAMPLE, "B"}
    assert len([key for key in first if key[2] == "B"]) == math.ceil(len(of_sample) / 2)

    backwards = dict(reversed(columns.items()))
    del backwards["D"]
    calls = write_cohort(tmp_path / "other.vcf", rows(), backwards)
    table = write_map(tmp_path / "other.tsv", *reversed(paths))
    assert scored(calls, table, tmp_path / "b.bcf", "--threads", 3) == first
    more = ("--max-open-files", 2, "--batch-size", 3)
    assert scored(calls, table, tmp_path / "c.bcf", *more) == first


def of_site(scores: list[float]) -> float:
    """The formula of docs/tasks/cohorts.md, with the number that it names."""
    text = (TESTS.parent / "docs/tasks/cohorts.md").read_text()
    (number,) = re.findall(r"CNN_SITE = mean\(s\) \+ (\S+) \(max\(s\) - mean\(s\)\)", text)
    mean = math.fsum(scores) / len(scores)
    return mean + float(number) * (max(scores) - mean)


def test_the_site_stands_on_its_carriers(reads: dict[str, Path], tmp_path: Path) -> None:
    """Its score is made of theirs, as they are written."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(30), {SAMPLE: same, "B": even, "C": same})
    table = write_map(tmp_path / "map.tsv", *reads.items())
    found = scored(calls, table, tmp_path / "out.vcf")
    for contig, pos in {key[:2] for key in found}:
        own = [v for key, v in found.items() if key[:2] == (contig, pos) and key[2]]
        assert found[contig, pos, ""] == pytest.approx(of_site(own), abs=0.0006)


def test_the_score_of_a_site() -> None:
    nan = math.nan
    assert math.isnan(site_score(np.array([nan, nan], np.float32)))
    assert site_score(np.array([nan, -1.5], np.float32)) == -1.5
    cases: list[list[float]] = [[0, 0], [-2, 3], [1.5] * 7, [-4, -4.5, 6], [-1] * 20, [800, 900]]
    for scores in cases:
        found = site_score(np.array(scores, np.float32))
        assert found == pytest.approx(of_site(scores), abs=1e-9)
        assert min(scores) <= found <= max(scores)
        higher = [scores[0] + 0.25, *scores[1:]]
        assert site_score(np.array(higher, np.float32)) > found
    # A carrier more like all others says nothing new.
    assert site_score(np.array([-1.25] * 3000, np.float32)) == -1.25
    values = np.array([0.1, -3.7, 2.25, 0.3, -0.9], np.float32)
    assert len({site_score(np.array(order)) for order in itertools.permutations(values)}) == 1


def test_alleles_of_others_change_nothing(
    alone: Scores, reads: dict[str, Path], tmp_path: Path
) -> None:
    """B has an ALT allele of its own, for whose sake REF is longer in each record."""
    with pysam.FastaFile(str(REF)) as fasta:

        def joint(row: Row) -> Row:
            contig, pos, ref, alt = row.site
            end = int(pos) - 1 + len(ref)
            tail = fasta.fetch(contig, end, end + 3)
            alts = [ref[0], *(allele + tail for allele in alt.split(","))]
            gt, pl = row.column.split(":")
            moved = "/".join(str(int(i) + 1) if i != "0" else i for i in gt.split("/"))
            # PL of genotypes with the new allele: worse than any.
            n = len(alt.split(",")) + 1
            old = iter(pl.split(","))
            pairs = [(j, k) for k in range(n + 1) for j in range(k + 1)]
            values = ["9999" if 1 in pair else next(old) for pair in pairs]
            site = (contig, pos, ref + tail, ",".join(alts))
            return Row(site, f"{moved}:{','.join(values)}")

        usual = [row for row in rows(60) if "*" not in row.site[3]]
        records = [joint(row) for row in usual]
    columns: dict[str, Callable[[int, Row], str]] = {"B": lambda *_: "0/1", SAMPLE: same}
    calls = write_cohort(tmp_path / "calls.vcf", records, columns)
    table = write_map(tmp_path / "map.tsv", *list(reads.items())[:2])
    found = scored(calls, table, tmp_path / "out.vcf")
    own = {key: value for key, value in found.items() if key[2] == SAMPLE}
    assert len(own) == len(usual)
    assert own == {key: alone[key] for key in own}


def test_a_map_as_spreadsheets_and_people_write_it(
    alone: Scores, reads: dict[str, Path], tmp_path: Path
) -> None:
    """A byte order mark, lines that end in CRLF, comments, blanks; rows keep their numbers."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(), {SAMPLE: same})
    table = tmp_path / "map.tsv"
    lines = ("# sample\treads", "", f" {SAMPLE} \t {reads[SAMPLE]} \t", "  # the end")
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert scored(calls, table, tmp_path / "out.vcf") == alone
    table.write_text(table.read_text().replace(SAMPLE, "X"))
    run = score(calls, table, tmp_path / "other.vcf")
    assert run.code == 2
    assert f"{table}: row 3: {calls} has no sample X" in run.err


# ---- genotypes ----

GENOTYPES = {
    "1": True,  # haploid
    "0": False,
    "0|1": True,
    "1|0": True,
    "./1": True,
    "1/.": True,
    "./.": False,
    ".": False,
    "0/0/0/1": True,
    "0/0/0/0": False,
    "0/2": False,  # *
    "2/3": False,  # * and <DEL>
    "1/2": True,
    "0/3": False,
}


def test_genotypes(tmp_path: Path) -> None:
    """Phase, ploidy and half calls; alleles that are no sequence."""
    site = ("synA", "276", "A", "G,*,<DEL>")

    def column(genotype: str) -> Callable[[int, Row], str]:
        return lambda *_: genotype

    names = {f"S{i}": genotype for i, genotype in enumerate(GENOTYPES)}
    header = f"{DATA}/reads.bam"
    with pysam.AlignmentFile(header) as bam:
        head = bam.header.to_dict()
        group = head["RG"][0]
        head["RG"] = [{**group, "ID": name, "SM": name} for name in names]
        with pysam.AlignmentFile(str(tmp_path / "all.bam"), "wb", header=head) as target:
            for read, name in zip(bam.fetch("synA", 0, 600), itertools.cycle(names), strict=False):
                read.set_tag("RG", name)
                target.write(read)
    pysam.index(str(tmp_path / "all.bam"))
    calls = write_cohort(
        tmp_path / "calls.vcf", [Row(site, "")], {name: column(gt) for name, gt in names.items()}
    )
    table = write_map(tmp_path / "map.tsv", *((name, tmp_path / "all.bam", 20) for name in names))
    found = scored(calls, table, tmp_path / "out.vcf")
    carriers = {name for name, genotype in names.items() if GENOTYPES[genotype]}
    assert {key[2] for key in found} == {"", *carriers}


def test_a_thousand_alleles(reads: dict[str, Path], tmp_path: Path) -> None:
    """A carrier is scored by those it carries."""
    several = [
        "".join(bases) for n in (2, 3, 4, 5) for bases in itertools.product("ACGT", repeat=n)
    ]
    alts = ["G", *(f"A{text}" for text in several[:999])]
    site = ("synA", "276", "A", ",".join(alts))
    columns: dict[str, Callable[[int, Row], str]] = {
        SAMPLE: lambda *_: "0/1",
        "B": lambda *_: "0/1000",
        "C": lambda *_: "0/0",
    }
    calls = write_cohort(tmp_path / "calls.vcf", [Row(site, "")], columns)
    table = write_map(tmp_path / "map.tsv", *reads.items())
    found = scored(calls, table, tmp_path / "out.vcf")
    single = write_cohort(
        tmp_path / "one.vcf", [Row(("synA", "276", "A", "G"), "")], {SAMPLE: lambda *_: "0/1"}
    )
    one = scored(
        single, write_map(tmp_path / "one.tsv", (SAMPLE, reads[SAMPLE])), tmp_path / "o.vcf"
    )
    key = ("synA", 276, SAMPLE)
    assert found[key] == one[key]
    assert found["synA", 276, "B"] < found[key]
