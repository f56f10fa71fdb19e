"""Scores of GATK's networks against what GATK's own tools say of the same calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import DATA, run_cli
from hosts.read_files import split_reads
from oracles.golden_scores import GOLDEN, ODD, assert_scores, expected, tsv_scores, vcf_scores

pytestmark = pytest.mark.usefixtures("gatk_models")


@pytest.mark.parametrize("calls", ["calls", "edge"])
def test_1d(calls: str, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    run = run_cli(
        "score", DATA / f"{calls}.vcf.gz", "-R", DATA / "ref.fa", "-m", "gatk-1d", "-o", out
    )
    assert run.code == 0, run.err
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}1d.tsv") for tool in ("nv", "cnn"))
    assert_scores(out, "CNN_1D", expected(nv, cnn))


@pytest.mark.parametrize(
    ("calls", "reads"), [("calls", "reads"), ("edge", "reads"), ("deep", "deep")]
)
def test_2d(calls: str, reads: str, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    run = run_cli(
        *("score", DATA / f"{calls}.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / f"{reads}.bam"),
        *("-m", "gatk-2d", "--downsampling", "gatk", "-o", out),
    )
    assert run.code == 0, run.err
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}2d.tsv") for tool in ("nv", "cnn"))
    assert_scores(out, "CNN_2D", expected(nv, cnn))


@pytest.mark.parametrize("n_files", [2, 3])
@pytest.mark.parametrize(("calls", "reads"), [("calls", "reads"), ("deep", "deep")])
def test_several_read_files(calls: str, reads: str, n_files: int, tmp_path: Path) -> None:
    """30x and 200x, against CNNScoreVariants 4.6.0.0 (NVScoreVariants takes one file)."""
    out = tmp_path / "out.vcf"
    files = split_reads(DATA / f"{reads}.bam", n_files, tmp_path)
    run = run_cli(
        *("score", DATA / f"{calls}.vcf.gz", "-R", DATA / "ref.fa", "-o", out),
        *(word for path in files for word in ("-I", path)),
        *("-m", "gatk-2d", "--downsampling", "gatk"),
    )
    assert run.code == 0, run.err
    golden = tsv_scores(GOLDEN / f"{calls}.cnn2d.{n_files}-files.tsv")
    assert_scores(out, "CNN_2D", expected([], golden))


@pytest.mark.parametrize("name", ODD)
def test_odd_reads(name: str, shared: Path, tmp_path: Path) -> None:
    golden = shared / "golden" / "synthetic"
    out = tmp_path / "out.vcf"
    run = run_cli(
        *("score", golden / "odd" / "odd.vcf.gz", "-R", golden / "ref.fa"),
        *("-I", golden / "odd" / f"{name}.bam", "-m", "gatk-2d", "-o", out),
    )
    assert run.code == 0, run.err
    nv, cnn = (
        vcf_scores(golden / "odd" / f"{name}.{tool}2d.vcf", "CNN_2D") for tool in ("nv", "cnn")
    )
    assert_scores(out, "CNN_2D", expected(nv, cnn))


@pytest.mark.parametrize(
    ("model", "key", "nv"), [("gatk-1d", "CNN_1D", "nv1d"), ("gatk-2d", "CNN_2D", "nv2d")]
)
def test_real_reads(model: str, key: str, nv: str, shared: Path, tmp_path: Path) -> None:
    real, golden = shared / "data" / "na12878-chr20", shared / "golden" / "na12878-chr20"
    out = tmp_path / "out.vcf"
    reads = [] if model == "gatk-1d" else ["-I", real / "NA12878_S1.20.10.0-10.1M.bam"]
    run = run_cli(
        "score", real / "calls.vcf.gz", "-R", real / "ref.20.fa.gz", *reads, "-m", model, "-o", out
    )
    assert run.code == 0, run.err
    wanted = expected(
        vcf_scores(golden / f"calls.{nv}.vcf", key), vcf_scores(golden / "calls.cnn.vcf", key)
    )
    assert_scores(out, key, wanted)
