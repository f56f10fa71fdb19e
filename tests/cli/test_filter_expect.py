"""`filter --expect-false`: cut-offs from the share of false calls that the user expects."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.network.calibration import even_odds
from conftest import DATA, run_cli
from hosts.tiny_network import with_manifest

TRAINING = {
    "metrics": {"calibration": {"SNP": {"true": 300, "false": 100}}},
    "used": {"calibrated": ["SNP"]},
    "configuration": {"training": {"calibration_odds": "data"}},
}


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def scored(network: str, folder: Path) -> Path:
    out = folder / "scored.vcf"
    arguments = ("-R", DATA / "ref.fa", "-m", network, "-o", out, "--quiet")
    done = run_cli("score", DATA / "calls.vcf.gz", *arguments)
    assert done.code == 0, done.err
    return out


def snp_cutoff(calls: Path, *words: object) -> float:
    out = calls.with_name("filtered.vcf")
    done = run_cli("filter", calls, *words, "-o", out, "--no-version")
    assert done.code == 0, done.err
    found = re.search(r'##cnnscore_cutoffs=<.*SNP="[^"]*:([^:"]*)"', out.read_text())
    assert found, out.read_text()[:3000]
    return float(found[1])


@pytest.mark.parametrize(
    ("change", "true"),
    [
        ({}, 0.75),
        ({"used": {"calibrated": ["SNP"], "true_share": {"SNP": 0.6}}}, 0.6),
        ({"configuration": {"training": {"calibration_odds": "even"}}}, 0.5),
    ],
)
def test_log_odds_are_moved_by_both_shares(
    tiny: dict[str, str], tmp_path: Path, change: dict[str, Any], true: float
) -> None:
    file = tmp_path / "own.onnx"
    network = with_manifest(tiny["reference"], file, name="own", training=TRAINING | change)
    calls = scored(network, tmp_path)
    for percent in (0.5, 20, 60):
        found = snp_cutoff(calls, "--expect-false", f"SNP={percent}%", "-m", network)
        assert found == pytest.approx(logit(true) - logit(1 - percent / 100), abs=6e-4)


def test_the_cutoff_makes_the_fewest_mistakes() -> None:
    """Among all cut-offs, on scores that are log-odds at one share, where another share is true."""
    rng = np.random.default_rng(1)
    n, calibrated_at, share = 400_000, 0.7, 0.04
    true = rng.random(n) > share
    # normal scores of unit variance and means +-d / 2 have the likelihood ratio d * x
    x = rng.normal(np.where(true, 1.0, -1.0))
    score = 2 * x + logit(calibrated_at)
    best = even_odds(calibrated_at, share)
    cutoffs = np.arange(-6, 6, 0.25) + best
    mistakes = [int(((score >= cut) != true).sum()) for cut in cutoffs]
    assert abs(cutoffs[int(np.argmin(mistakes))] - best) <= 0.5


def test_the_bundled_network_of_the_header(tmp_path: Path) -> None:
    """It is looked up by name and digest; one percentage is that of both types."""
    out, filtered = tmp_path / "scored.vcf", tmp_path / "filtered.vcf"
    inputs = ("-R", DATA / "ref.fa", "-I", DATA / "reads.bam")
    assert run_cli("score", DATA / "calls.vcf.gz", *inputs, "-o", out, "--quiet").code == 0
    done = run_cli("filter", out, "--expect-false", "5", "-o", filtered)
    assert done.code == 0, done.err
    for name in ("SNP", "INDEL"):
        (line,) = re.findall(rf"{name}s are kept, as are .*", done.err)
        assert f"of the true {name}s where the network reads was measured" in line
        assert f": likelier true than false where 5 % of the {name}s are false" in line
        assert "; stricter: " in line
    text = filtered.read_text()
    assert 'From="expected false SNP 5 %, INDEL 5 %; network reads"' in text
    scores = re.findall(r"\tCNN_READS_SNP_below_\S+\t.*?CNN_READS=([-.0-9]+)", text)
    cut = float(re.findall(r"ID=CNN_READS_SNP_below_([-.0-9]+)", text)[0])
    assert scores
    assert all(float(score) < cut for score in scores)


def test_another_network_of_that_name_is_refused(
    tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", training=TRAINING)
    calls = scored(network, tmp_path)
    monkeypatch.setenv("CNNSCORE_MODELS", str(models))
    done = run_cli("filter", calls, "--expect-false", "SNP=5", "-o", tmp_path / "f.vcf")
    assert done.code == 1
    assert "no network named own" in done.err
    assert "--model" in done.err
    with_manifest(tiny["reference"], models / "own.onnx", name="own", training={})
    done = run_cli("filter", calls, "--expect-false", "SNP=5", "-o", tmp_path / "f.vcf")
    assert done.code == 1
    assert "is not the one that made CNN_1D" in done.err
    (models / "own.onnx").write_bytes(Path(network).read_bytes())
    assert run_cli("filter", calls, "--expect-false", "SNP=5", "-o", tmp_path / "f.vcf").code == 0
    # its indels are not calibrated
    done = run_cli("filter", calls, "--expect-false", "5", "-o", tmp_path / "g.vcf")
    assert done.code == 1
    assert "no calibrated log-odds of INDELs" in done.err
    assert not (tmp_path / "g.vcf").exists()


@pytest.mark.parametrize("text", ["0", "100", "-5", "X=5", "5%%", "SNP=", "nan", "inf"])
def test_what_is_no_percentage(tmp_path: Path, text: str) -> None:
    done = run_cli("filter", "none.vcf", f"--expect-false={text}", "-o", tmp_path / "f.vcf")
    assert done.code == 1
    assert "give a percentage above 0 and below 100" in done.err


def test_a_fraction_may_be_meant(tiny: dict[str, str], tmp_path: Path) -> None:
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", training=TRAINING)
    calls = scored(network, tmp_path)
    for text, warns in (("0.05", True), ("0.05%", False), ("1", False)):
        words = ("--expect-false", f"SNP={text}", "-m", network, "-o", tmp_path / "f.vcf")
        done = run_cli("filter", calls, *words, "--quiet")
        assert done.code == 0, done.err
        says = "0.05 % is one false call in 2,000; if 5 % is meant, give 5"
        assert (says in done.err) is warns
        assert ("--expect-false takes percentages" in done.err) is warns


@pytest.mark.parametrize("second", ["SNP=10", "SNP=5", "10"])
def test_one_percentage_per_type(second: str, tmp_path: Path) -> None:
    words = ("--expect-false=SNP=5", f"--expect-false={second}", "-o", tmp_path / "f.vcf")
    done = run_cli("filter", "none.vcf", *words)
    assert done.code == 1
    assert f"--expect-false {second!r}: a percentage of SNPs is given twice" in done.err


def test_it_is_in_place_of_other_cutoffs(tmp_path: Path) -> None:
    for other in (["--threshold", "0"], ["--snp-tranche", "99"]):
        done = run_cli("filter", "n.vcf", "--expect-false=5", *other, "-o", tmp_path / "f.vcf")
        assert (done.code, "in place of" in done.err) == (1, True)


RESOURCE = ["--resource", DATA / "truth.vcf.gz"]


@pytest.mark.parametrize(
    "words", [[], RESOURCE, ["--threshold", "-3"], ["--expect-false", "5"]], ids=str
)
def test_stricter_choices_are_counted(words: list[Any], tmp_path: Path) -> None:
    """By the output itself: filtering with the choice that the summary names keeps that number.
    Of a network's choices one is a score of 0, where the cut-offs taken are lower."""
    out = tmp_path / "scored.vcf"
    inputs = ("-R", DATA / "ref.fa", "-I", DATA / "reads.bam")
    assert run_cli("score", DATA / "calls.vcf.gz", *inputs, "-o", out, "--quiet").code == 0
    done = run_cli("filter", out, *words, "-o", tmp_path / "f.vcf")
    choices = re.search(r"SNPs are kept.*; stricter: (.*)", done.err)
    assert choices, done.err
    found = re.findall(r"(\d+) at [^(]* \(([^)]*)\)", choices[1])
    (taken,) = re.findall("##cnnscore_cutoffs=<.*>", (tmp_path / "f.vcf").read_text())
    scores = re.findall(r":([-.0-9]+)", " ".join(re.findall(r'SNP(?:_bare)?="(.*?)"', taken)))
    below = all(float(score) < 0 for score in scores)
    at_zero = "--threshold 0" in [label for _, label in found]
    assert at_zero is (below and words is not RESOURCE)
    for number, label in found:
        choice = label.split() if "--" in label else ["--snp-tranche", label]
        more = words if words is RESOURCE else []
        again = run_cli("filter", out, *more, *choice, "-o", tmp_path / "g.vcf")
        fail = re.search(r"(\d+) of (\d+) SNPs fail", again.err)
        assert fail, again.err
        assert int(fail[2]) - int(fail[1]) == int(number)
