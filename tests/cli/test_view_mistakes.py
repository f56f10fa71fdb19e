"""`view --mistakes`: the sites that a report links to are those of the page, one and all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conftest import DATA, run_cli

SCORES = ("QUAL", "QD", "-FS")


def evaluate(out: Path, *calls: Path) -> dict[str, Any]:
    scores = [f"--score={name}" for name in SCORES]
    done = run_cli(
        "evaluate", *calls, "--truth", DATA / "truth.vcf.gz", "-R", DATA / "ref.fa", *scores,
        "-o", out, "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.err
    return dict(json.loads((out / "evaluation.json").read_text()))


def linked(result: dict[str, Any], name: str) -> set[str]:
    """What the links of the report name, of one call file."""
    return {
        f"{one['contig']}:{one['pos']}:{one['ref']}:{one['alt']}"
        for score in result["scores"]
        if score["file"] == name
        for kind in ("false", "true")
        for one in score["mistakes"][kind]
    }


def shown(page: Path) -> set[str]:
    """The addresses of the page's sites."""
    (text,) = re.findall(r'id="index"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)
    index = json.loads(text)
    at = index["columns"].index("name")
    return {site[at] for site in index["sites"]}


def view(page: Path, calls: Path, *words: object) -> Any:
    return run_cli(
        "view", calls, "-R", DATA / "ref.fa", "-m", "reference", "--attribution", "0", "-o", page,
        "--quiet", *words,
    )  # fmt: skip


def test_links_lead_to_their_sites(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "evaluation", DATA / "calls.vcf.gz")
    done = view(
        tmp_path / "view.html", DATA / "calls.vcf.gz", "--mistakes", tmp_path / "evaluation"
    )
    assert done.code == 0, done.err
    assert shown(tmp_path / "view.html") == linked(result, "calls")
    assert len(linked(result, "calls")) > 50
    report = (tmp_path / "evaluation" / "report.html").read_text()
    command = f"cnnscore view {DATA / 'calls.vcf.gz'} -R {DATA / 'ref.fa'} --mistakes EVALUATION"
    assert command in report
    # The first records have other sites: why the option is there.
    assert view(tmp_path / "first.html", DATA / "calls.vcf.gz").code == 0
    assert not linked(result, "calls") <= shown(tmp_path / "first.html")


def test_of_several_files_those_of_the_one_that_is_shown(tmp_path: Path) -> None:
    other = tmp_path / "other.vcf.gz"
    other.write_bytes((DATA / "calls.vcf.gz").read_bytes())
    evaluation = tmp_path / "evaluation"
    result = evaluate(evaluation, DATA / "calls.vcf.gz", other)
    done = view(tmp_path / "view.html", other, "--mistakes", evaluation / "evaluation.json")
    assert done.code == 0, done.err
    assert shown(tmp_path / "view.html") == linked(result, "other")
    third = tmp_path / "third.vcf.gz"
    third.write_bytes(other.read_bytes())
    done = view(tmp_path / "none.html", third, "--mistakes", evaluation)
    assert (done.code, "is none of these" in done.err) == (1, True), done.err


@pytest.mark.parametrize(
    "words",
    [["--worst", "3"], ["--site", "synA:820"], ["--random", "3"], ["--near-threshold", "0"]],
)
def test_one_rule(tmp_path: Path, words: list[str]) -> None:
    evaluate(tmp_path / "evaluation", DATA / "calls.vcf.gz")
    done = view(
        tmp_path / "view.html", DATA / "calls.vcf.gz", "--mistakes", tmp_path / "evaluation", *words
    )
    assert (done.code, "give one of" in done.err) == (1, True), done.err
    assert not (tmp_path / "view.html").exists()


def test_what_is_no_evaluation(tmp_path: Path) -> None:
    done = view(tmp_path / "view.html", DATA / "calls.vcf.gz", "--mistakes", tmp_path)
    assert (done.code, "evaluation.json" in done.err) == (2, True), done.err
