"""The calibration chart of a score whose network is installed, in Chromium."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import run_cli
from web.conftest import OpenPage


def test_the_chart_shows_what_another_share_of_false_calls_does(
    open_page: OpenPage, data: Path, tmp_path: Path
) -> None:
    scored, folder = tmp_path / "scored.vcf.gz", tmp_path / "evaluation"
    inputs = ("-R", data / "ref.fa", "-I", data / "reads.bam", "-o", scored, "--quiet")
    assert run_cli("score", data / "calls.vcf.gz", *inputs).code == 0
    truth = ("--truth", data / "truth.vcf.gz", "-R", data / "ref.fa", "-o", folder)
    done = run_cli("evaluate", scored, *truth, "--score", "CNN_READS", "--score", "QUAL")
    assert done.code == 0, done.err
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]
    mixture = next(s for s in scores if s["type"] == "SNP" and s["key"] == "CNN_READS")["mixture"]
    page = open_page(folder / "report.html").page
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="SNPs", exact=True).click()
    page.select_option("#score", "CNN_READS")
    note = page.inner_text("#calibration-note")
    assert f"log-odds where {100 * mixture['calibrated_true']:.2f} % of the SNPs are true" in note
    assert f"{100 * mixture['true']:.2f} % are true" in note
    assert f"{abs(mixture['shift']):.2f}, its log-odds at that share" in note
    lines = page.evaluate(
        "document.getElementById('calibration').data.map(d => [d.marker?.symbol, [...d.x]])"
    )
    plain, hollow, _ = lines
    assert hollow[0] == f"{plain[0]}-open"
    for before, after in zip(plain[1], hollow[1], strict=True):
        assert (after > before) == (mixture["shift"] > 0)
    page.select_option("#score", "QUAL")
    assert page.inner_text("#calibration-note") == ""
    assert len(page.evaluate("document.getElementById('calibration').data")) == 2
