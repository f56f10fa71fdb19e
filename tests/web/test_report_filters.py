"""The page of `cnnscore evaluate`: what PASS keeps, of filtered calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import run_cli
from web.conftest import OpenPage
from web.report_pages import ready, result


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Simulated calls, filtered by two thresholds of QD."""
    folder = tmp_path_factory.mktemp("filters")
    calls = folder / "calls.vcf.gz"
    done = run_cli("filter", data / "calls.vcf.gz", "--info-key", "QD", "--threshold", "SNP=10,15",
                   "--threshold", "INDEL=10", "-o", calls)  # fmt: skip
    assert done.code == 0, done.err
    done = run_cli("evaluate", calls, "--truth", data / "truth.vcf.gz", "-R", data / "ref.fa",
                   "--score", "QD", "-o", folder / "evaluation")  # fmt: skip
    assert done.code == 0, done.err
    return folder / "evaluation"


def test_what_pass_keeps(open_page: OpenPage, evaluation: Path) -> None:
    page = ready(open_page(evaluation / "report.html")).page
    found = result(evaluation)["filters"]
    for button, kind in (("Indels", "INDEL"), ("Both", "ALL"), ("SNPs", "SNP")):
        page.get_by_role("button", name=button, exact=True).click()
        shown = page.locator("#filters tbody tr:visible")
        rows = [row for row in found if row["type"] == kind]
        assert shown.count() == len(rows) == {"SNP": 3, "INDEL": 1, "ALL": 1}[kind]
        for i, row in enumerate(rows):
            name, *cells = shown.nth(i).locator("th, td").all_inner_texts()
            assert name == row["filter"] + (" alone" if i else "")
            counts = ("true_kept", "true_lost", "false_kept", "false_removed")
            assert cells[:4] == [f"{row[key]:,}" for key in counts]
            figures = ("precision", "recall", "f1", "truth_recall")
            assert cells[4:] == [f"{row[key]:.4f}" for key in figures]
