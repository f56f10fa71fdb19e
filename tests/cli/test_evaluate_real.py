"""cnnscore evaluate: the figures on real calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import run_cli


def figures_of(folder: Path, *scores: tuple[str, str]) -> list[float]:
    found = json.loads((folder / "evaluation.json").read_text())
    by_name = {(score["name"], score["type"]): score["metrics"] for score in found["scores"]}
    return [by_name[score]["roc_auc"]["value"] for score in scores]


@pytest.mark.parametrize("reference", [True, False])
def test_chr20_with_gatks_networks(shared: Path, tmp_path: Path, reference: bool) -> None:
    """One row per record, both types together; left-aligning changes no label here."""
    data = shared / "data" / "na12878-chr20"
    scored = shared / "golden" / "na12878-chr20" / "calls.cnn.vcf"
    more = ["-R", data / "ref.20.fa.gz"] if reference else []
    done = run_cli("evaluate", scored, "--truth", data / "truth.HG001_v3.3.2.vcf.gz", "--confident",
                   data / "confident.proxy.bed", "--unit", "record",
                   "-o", tmp_path / "out", *more)  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    of_all = found["counts"][0]["types"]["ALL"]
    assert (of_all["true"], of_all["false"]) == (192, 8)
    names = ("CNN_1D", "CNN_2D", "QUAL", "QD")
    values = figures_of(tmp_path / "out", *((name, "ALL") for name in names))
    assert values == pytest.approx([0.979, 0.950, 0.964, 0.888], abs=5e-4)


def test_chr21_with_vqslod(shared: Path, tmp_path: Path) -> None:
    """One row per ALT allele. 14 SNPs have no VQSLOD: they rank last."""
    data = shared / "data" / "chr21-labelled-calls"
    done = run_cli("evaluate", data / "calls.vcf.gz", "--truth", data / "truth.vcf.gz",
                   "--confident", data / "confident.bed.gz",
                   "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    types = found["counts"][0]["types"]
    assert (types["SNP"]["true"], types["SNP"]["false"]) == (9858, 54)
    assert (types["INDEL"]["true"], types["INDEL"]["false"]) == (1306, 6)
    names = ("QUAL", "QD", "VQSLOD")
    values = figures_of(tmp_path / "out", *((name, "SNP") for name in names))
    assert values == pytest.approx([0.799, 0.867, 0.867], abs=5e-4)
    values = figures_of(tmp_path / "out", *((name, "INDEL") for name in names))
    assert values == pytest.approx([0.519, 0.516, 0.717], abs=5e-4)
