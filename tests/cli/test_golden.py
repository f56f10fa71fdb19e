"""Scores of GATK's networks against what GATK's own tools say of the same calls.

The oracle is NVScoreVariants 4.6.2.0 where it gives a score, else CNNScoreVariants 4.6.0.0; both
print three decimals.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from conftest import DATA, TESTS, run_cli, scores_of

TOLERANCE = 0.0011
GOLDEN = TESTS / "golden" / "gatk"
ODD = [
    *("dup", "eqx", "hard", "indel", "mateunm", "mq0", "mq255", "nbase", "ncig"),
    *("noq", "norg", "qcf", "sec", "soft", "sup", "unm", "unp"),
]
pytestmark = pytest.mark.usefixtures("gatk_models")


def tsv_scores(path: Path) -> list[str | None]:
    """Scores of a golden TSV (contig, pos, score); none when the tool made no file."""
    if not path.exists():
        return []
    columns = [line.split("\t") for line in path.read_text().splitlines()]
    return [None if score == "." else score for _, _, score in columns]


def vcf_scores(path: Path, key: str) -> list[str | None]:
    return scores_of(path, key) if path.exists() else []


def expected(nv: list[str | None], cnn: list[str | None]) -> list[float]:
    """The oracle's score of each record."""

    def value(text: str | None) -> float:
        return math.nan if text in (None, ".", "nan") else float(str(text))

    first = [value(text) for text in nv] or [math.nan] * len(cnn)
    second = [value(text) for text in cnn]
    return [b if math.isnan(a) else a for a, b in zip(first, second, strict=True)]


def assert_scores(out: Path, key: str, wanted: list[float]) -> None:
    got = [math.nan if text is None else float(text) for text in scores_of(out, key)]
    assert len(got) == len(wanted) > 0
    wrong = [
        (i, a, b)
        for i, (a, b) in enumerate(zip(got, wanted, strict=True))
        if not abs(a - b) <= TOLERANCE
    ]
    assert not wrong


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
