"""cnnscore evaluate: which sample's alleles count, and whether genotypes match."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import run_cli

HEADER = (
    "##fileformat=VCFv4.2",
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="">',
    '##INFO=<ID=S,Number=1,Type=Float,Description="">',
    "##contig=<ID=c,length=10000>",
)


def write(path: Path, samples: str, rows: list[tuple[int, str, str, str]]) -> Path:
    """Rows of POS, REF, ALT and the genotypes, blank for none; the score is POS."""
    columns = [*("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")]
    lines = [*HEADER, "\t".join(columns + (["FORMAT", *samples.split()] if samples else []))]
    for pos, ref, alt, genotypes in rows:
        more = ["GT", *genotypes.split()] if samples else []
        fields = ["c", str(pos), ".", ref, alt, "30", ".", f"S={pos}", *more]
        lines.append("\t".join(fields))
    path.write_text("\n".join(lines) + "\n")
    return path


def evaluate(folder: Path, calls: Path, truth: Path, *more: object) -> dict[str, Any]:
    out = folder / f"out{len(list(folder.iterdir()))}"
    done = run_cli("evaluate", calls, "--truth", truth, "--score", "S", "-o", out, *more)
    assert done.code == 0, done.err
    return dict(json.loads((out / "evaluation.json").read_text()))


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    of = found["counts"][0]["types"]["ALL"]
    return of["true"], of["false"], of["missed"]


@pytest.fixture
def cohort(tmp_path: Path) -> dict[str, Path]:
    """40 sites: 15 are A's, of which the truth set has 10, and 5 that it does not; 20 are B's."""
    rows = []
    for i in range(40):
        a = "0/1" if i < 10 else "1/1" if i < 15 else "0/0" if i % 2 else "./."
        rows.append((100 + 10 * i, "A", "C", f"{a} {'0/1' if i >= 20 else '0/0'}"))
    truth = [(100 + 10 * i, "A", "C", "0/1") for i in (*range(10), *range(20, 25))]
    return {
        "calls": write(tmp_path / "cohort.vcf", "A B", rows),
        "truth": write(tmp_path / "truth.vcf", "A", truth),
    }


@pytest.mark.parametrize("unit", ["allele", "record"])
def test_a_cohorts_sample_has_its_own_calls(
    tmp_path: Path, cohort: dict[str, Path], unit: str
) -> None:
    found = evaluate(tmp_path, cohort["calls"], cohort["truth"], "--sample", "A", f"--unit={unit}")
    assert counts(found) == (10, 5, 5)
    assert found["counts"][0]["not_called"] == 25
    alone = tmp_path / "alone.vcf"
    subprocess.run(["bcftools", "view", "-c1", "-s", "A", "-o", alone, cohort["calls"]], check=True)
    assert counts(evaluate(tmp_path, alone, cohort["truth"], f"--unit={unit}")) == (10, 5, 5)
    of_b = evaluate(tmp_path, cohort["calls"], cohort["truth"], "--sample", "B")
    assert counts(of_b) == (5, 15, 10)


def test_a_one_sample_file_that_keeps_its_reference_calls(
    tmp_path: Path, cohort: dict[str, Path]
) -> None:
    one = tmp_path / "one.vcf"
    subprocess.run(["bcftools", "view", "-s", "A", "-o", one, cohort["calls"]], check=True)
    assert counts(evaluate(tmp_path, one, cohort["truth"])) == (10, 5, 5)
    everything = evaluate(tmp_path, one, cohort["truth"], "--all-alleles")
    assert counts(everything) == (15, 25, 0)


def test_an_allele_of_another_sample_in_the_same_record(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls.vcf", "A B", [(100, "A", "C,G", "0/1 0/2")])
    truth = write(tmp_path / "truth.vcf", "A", [(100, "A", "C", "0/1"), (200, "A", "C", "0/1")])
    assert counts(evaluate(tmp_path, calls, truth, "--sample", "A")) == (1, 0, 1)
    assert counts(evaluate(tmp_path, calls, truth, "--sample", "B")) == (0, 1, 2)


def test_a_file_without_genotypes_has_calls_all_the_same(tmp_path: Path) -> None:
    calls = write(tmp_path / "sites.vcf", "", [(100, "A", "C", ""), (110, "A", "C", "")])
    truth = write(tmp_path / "truth.vcf", "A", [(100, "A", "C", "0/1")])
    assert counts(evaluate(tmp_path, calls, truth)) == (1, 1, 0)


def test_no_genotype_of_the_sample(tmp_path: Path) -> None:
    calls = write(tmp_path / "c.vcf", "A B", [(100, "A", "C", "./. 0/1")])
    truth = write(tmp_path / "truth.vcf", "A", [(100, "A", "C", "0/1")])
    words = ["--truth", truth, "--score", "S", "-o", tmp_path / "out", "--sample", "A"]
    done = run_cli("evaluate", calls, *words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "has a genotype (GT) of the sample" in done.err
    assert "--all-alleles" in done.err
    assert run_cli("evaluate", calls, *words, "--all-alleles").code == 0


# ---- --match-genotype ----


def test_truth_against_itself_matches_genotypes(tmp_path: Path) -> None:
    rows = [
        (100, "A", "C", "0/1"), (110, "A", "C", "1/1"), (120, "A", "C", "./1"),
        (130, "A", "C,G", "1/2"), (140, "A", "C", "1"), (150, "A", "AC", "0/1"),
        (150, "A", "AC", "0/1"), (160, "A", "T", "0/0"), (160, "A", "T", "0/0"),
        (170, "AC", "GT", "0/1"), (180, "A", "C", "./."), (190, "A", "C,*", "1/2"),
    ]  # fmt: skip
    truth = write(tmp_path / "truth.vcf", "A", rows)
    for more in ((), ("--match-genotype",), ("--match-genotype", "--truth-sample", "A")):
        for unit in ("allele", "record"):
            true, false, missed = counts(evaluate(tmp_path, truth, truth, f"--unit={unit}", *more))
            assert (true, false, missed) == (10 if unit == "allele" else 9, 0, 0)


@pytest.mark.parametrize("side", ["calls", "truth"])
def test_matching_needs_genotypes_on_both_sides(tmp_path: Path, side: str) -> None:
    rows = [(100, "A", "C", "0/1"), (200, "A", "C", "1/1")]
    calls = write(tmp_path / "calls.vcf", "" if side == "calls" else "A", rows)
    truth = write(tmp_path / "truth.vcf", "" if side == "truth" else "A", rows)
    done = run_cli("evaluate", calls, "--truth", truth, "--score", "S", "--match-genotype",
                   "-o", tmp_path / "out")  # fmt: skip
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{side}.vcf has no genotypes (FORMAT/GT)" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("declared", [True, False])
def test_contigs_that_a_tbi_index_cannot_hold(declared: bool, tmp_path: Path) -> None:
    """Wheat, newts, lungfishes; and the next run replaces the index that it does not write."""
    far = [(pos, "A", "C", "0/1") for pos in (100, 600_000_000)]
    length = ",length=700000000" if declared else ""
    for name, rows in (("calls", far), ("truth", far[1:])):
        path = write(tmp_path / f"{name}.vcf", "A", rows)
        path.write_text(path.read_text().replace(",length=10000", length))
    words = ("evaluate", tmp_path / "calls.vcf", "--truth", tmp_path / "truth.vcf", "--score", "S")
    out = tmp_path / "out"
    done = run_cli(*words, "-o", out)
    assert done.code == 0, done.err
    assert {path.name for path in out.glob("compared*")} == {
        "compared.vcf.gz",
        "compared.vcf.gz.csi",
    }
    near = write(tmp_path / "near.vcf", "A", far[:1])
    done = run_cli("evaluate", near, "--truth", near, "--score", "S", "-o", out, "--overwrite")
    assert done.code == 0, done.err
    assert {path.name for path in out.glob("compared*")} == {
        "compared.vcf.gz",
        "compared.vcf.gz.tbi",
    }
