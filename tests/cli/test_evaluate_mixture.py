"""`evaluate`: what another share of false calls than the training's does to log-odds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.evaluate import metrics
from conftest import DATA, run_cli
from hosts.bundled import calibrated_shares
from hosts.tiny_network import with_manifest


def scored(folder: Path, *more: object) -> Path:
    out = folder / "scored.vcf.gz"
    words = ("-R", DATA / "ref.fa", "-o", out, "--quiet", *more)
    done = run_cli("score", DATA / "calls.vcf.gz", *words)
    assert done.code == 0, done.err
    return out


def evaluated(calls: Path, *more: object) -> dict[str, dict[str, Any]]:
    """By type the one score, of an evaluation beside the calls."""
    out = calls.with_name("evaluation")
    truth = ("--truth", DATA / "truth.vcf.gz")
    done = run_cli("evaluate", calls, *truth, "-R", DATA / "ref.fa", "-o", out, "--quiet", *more)
    assert done.code == 0, done.err
    scores = json.loads((out / "evaluation.json").read_text())["scores"]
    return {score["type"]: score for score in scores}


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def test_the_shift_is_that_of_both_shares(tmp_path: Path) -> None:
    found = evaluated(scored(tmp_path, "-I", DATA / "reads.bam"), "--score", "CNN_READS")
    for name, share in calibrated_shares("reads").items():
        score = found[name]
        here = score["true"] / (score["true"] + score["false"])
        mixture = score["mixture"]
        assert mixture["calibrated_true"] == pytest.approx(share)
        assert mixture["true"] == pytest.approx(here)
        assert mixture["shift"] == pytest.approx(logit(here) - logit(share))
        for row in score["calibration"]:
            assert (row["shifted"] > row["predicted"]) == (mixture["shift"] > 0)
    assert found["ALL"]["mixture"] is None, "SNPs and indels were calibrated each apart"
    assert all(row["shifted"] is None for row in found["ALL"]["calibration"])


def test_only_of_the_network_that_made_the_scores(
    tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNSCORE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    training = {"used": {"calibrated": ["SNP"], "true_share": {"SNP": 0.5}}}
    file = tmp_path / "own.onnx"
    network = with_manifest(tiny["reference"], file, name="own", training=training)
    calls = scored(tmp_path, "-m", network)
    only = ("--score", "CNN_1D", "--overwrite")
    assert evaluated(calls, *only)["SNP"]["mixture"] is None, "it is not installed"
    installed = tmp_path / "models" / "own.onnx"
    installed.write_bytes(file.read_bytes())
    assert evaluated(calls, *only)["SNP"]["mixture"]["calibrated_true"] == 0.5
    assert evaluated(calls, *only)["INDEL"]["mixture"] is None, "it was not calibrated"
    assert evaluated(calls, "--score=-CNN_1D", "--overwrite")["SNP"]["mixture"] is None
    with_manifest(tiny["reference"], installed, name="own", training={**training, "x": 1})
    assert evaluated(calls, *only)["SNP"]["mixture"] is None, "another network of that name"


def test_shifted_log_odds_are_calibrated_in_another_mixture() -> None:
    """Scores that are log-odds where half is true, of calls of which 5 % are false."""
    rng = np.random.default_rng(2)
    true = rng.random(200_000) > 0.05
    score = 2 * rng.normal(np.where(true, 1.0, -1.0))
    shift = logit(0.95)
    for row in metrics.calibration(score, true, "log-odds", shift=shift):
        assert row["shifted"] == pytest.approx(row["observed"], abs=0.02)
    first = metrics.calibration(score, true, "log-odds")[0]
    assert first["predicted"] is not None
    assert first["observed"] is not None
    assert first["observed"] - first["predicted"] > 0.3
    assert first["shifted"] is None


def test_figures_for_papers_say_both_shares(tmp_path: Path) -> None:
    evaluated(scored(tmp_path, "-I", DATA / "reads.bam"), "--score", "CNN_READS")
    words = ("-o", tmp_path / "r.html", "--figures", tmp_path / "fig", "--format", "svg")
    done = run_cli("report", tmp_path / "evaluation", *words)
    assert done.code == 0, done.err
    for name, share in calibrated_shares("reads").items():
        text = (tmp_path / "fig" / f"calibration.CNN_READS.{name}.svg").read_text()
        assert f"true: {share:.0%} where it was calibrated, here" in text
