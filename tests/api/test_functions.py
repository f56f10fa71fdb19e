"""filter, evaluate, view and models: what the commands do, as functions."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

import cnnscore as cs
from conftest import DATA, run_cli

CALLS, REF, READS, TRUTH = (
    DATA / name for name in ("calls.vcf.gz", "ref.fa", "reads.bam", "truth.vcf.gz")
)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scored") / "scored.vcf.gz"
    with cs.open() as scorer:
        scorer.score(CALLS, reference=REF, reads=READS, output=path, write_index="tbi")
    return path


def lines_of(path: Path) -> list[str]:
    """Without those that say which command wrote it."""
    lines = path.read_text().splitlines()
    return [line for line in lines if not line.startswith("##cnnscore_filter")]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, []),
        (
            {"tranches": {"SNP": 99, "INDEL": [99, 99.9]}},
            ["--snp-tranche", "99", "--indel-tranche", "99", "--indel-tranche", "99.9"],
        ),
        ({"resources": TRUTH}, ["--resource", TRUTH]),
        (
            {"resources": [TRUTH], "tranches": {"SNP": 99.0}, "types": "gatk", "clear": True},
            [
                *("--resource", TRUTH, "--snp-tranche", "99", "--types", "gatk"),
                "--invalidate-previous-filters",
            ],
        ),
        ({"thresholds": {"SNP": 0.5}, "soft": True}, ["--threshold", "SNP=0.5", "--soft"]),
        ({"expect_false": {"SNP": 20}}, ["--expect-false", "SNP=20"]),
    ],
    ids=str,
)
def test_filter_writes_what_the_command_writes(
    arguments: dict[str, Any], options: list[Any], scored: Path, tmp_path: Path
) -> None:
    summary = cs.filter(scored, output=tmp_path / "api.vcf", **arguments)
    run = run_cli("filter", scored, *options, "-o", tmp_path / "command.vcf")
    assert run.code == 0, run.err
    ours, theirs = (lines_of(tmp_path / name) for name in ("api.vcf", "command.vcf"))
    same = [[re.sub(r'From="[^"]*"', "", line) for line in lines] for lines in (ours, theirs)]
    assert same[0] == same[1]
    assert isinstance(summary, cs.FilterSummary)
    assert summary.records == 294


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ({"thresholds": {"SNP": 0}, "resources": [TRUTH]}, cs.UsageError, "both set cut-offs"),
        ({"thresholds": 0.5}, TypeError, "by variant type, as {'SNP': 0.5}"),
        ({"thresholds": 0}, TypeError, "by variant type, as {'SNP': 0.5}, not 0"),
        ({"expect_false": 0}, TypeError, "by variant type, as {'SNP': 5}, not 0"),
        ({"tranches": 0}, TypeError, "by variant type, as {'SNP': 99.9}, not 0"),
        ({"thresholds": {}}, cs.UsageError, "`thresholds=` has no number"),
        ({"thresholds": {"SNP": []}}, cs.UsageError, "`thresholds=` has no number"),
        ({"expect_false": {}}, cs.UsageError, "`expect_false=` has no number"),
        ({"tranches": {}}, cs.UsageError, "`tranches=` has no number"),
        ({"thresholds": 0, "resources": [TRUTH]}, cs.UsageError, "both set cut-offs"),
        ({"thresholds": {"SNP": "low"}}, TypeError, "takes numbers"),
        ({"thresholds": {"SNP": float("nan")}}, cs.UsageError, "NaN"),
        ({"thresholds": {"snv": 1}}, cs.UsageError, "SNP or INDEL"),
        ({"thresholds": {"SNP": 1}, "tranches": {"SNP": 99}}, cs.UsageError, "in place of"),
        ({"thresholds": {"SNP": 1}, "model": "reads"}, cs.UsageError, "`model=` gives its own"),
        ({"expect_false": {"SNP": 100}}, cs.UsageError, "above 0 and below 100"),
        ({"tranches": {"SNP": 100}}, cs.UsageError, "`tranches=` takes the percentage"),
        ({"resources": 3}, TypeError, "`resources=` takes a file's name"),
    ],
    ids=str,
)
def test_filter_refuses(
    wrong: dict[str, Any], kind: type[Exception], message: str, scored: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message) as error:
        cs.filter(scored, output=tmp_path / "out.vcf", **wrong)
    assert isinstance(error.value, cs.CnnscoreError)
    assert not re.search(r"(?<!\w)--?[a-z]", str(error.value)), "an option of the command"
    assert not (tmp_path / "out.vcf").exists()


def test_a_fraction_in_place_of_a_percentage(
    scored: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cs.filter(scored, output=tmp_path / "out.vcf", expect_false={"SNP": 0.05, "INDEL": 0.05})
    (said,) = [record.getMessage() for record in caplog.records]
    assert "takes percentages: 0.05 % is one false call in 2,000; if 5 % is meant, give 5" in said


def test_evaluate_finds_what_the_command_finds(scored: Path, tmp_path: Path) -> None:
    found = cs.evaluate(scored, truth=TRUTH, reference=REF, scores=["CNN_READS", "QD"])
    run = run_cli(
        *("evaluate", scored, "--truth", TRUTH, "-R", REF, "-o", tmp_path / "out"),
        *("--score", "CNN_READS", "--score", "QD"),
    )
    assert run.code == 0, run.err
    wanted = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    for key in ("command", "date"):
        wanted.pop(key)
    assert json.loads(json.dumps(found.result)) == wanted
    table = found.table().to_pandas().set_index(["score", "type"])
    by_name = {(score["name"], score["type"]): score for score in wanted["scores"]}
    for name, score in by_name.items():
        auc = score["metrics"]["roc_auc"]
        row = table.loc[name]
        assert (row["true"], row["false"]) == (score["true"], score["false"])
        for column, value in (("roc_auc", auc["value"]), ("roc_auc_low", auc["low"])):
            assert row[column] == value or (value is None and np.isnan(row[column]))
    assert list(found.filters()["filter"]) == ["PASS"] * 3
    assert found.filters()["true_kept"][2] == wanted["counts"][0]["types"]["ALL"]["true"]
    assert np.isfinite(found.filters()["truth_recall"]).all()
    curves = found.curves().to_pandas()
    snps = curves[(curves["score"] == "CNN_READS") & (curves["type"] == "SNP")]
    assert snps["recall"].iloc[-1] == 1
    assert snps["recall"].is_monotonic_increasing
    last = snps.iloc[-1]
    assert last["precision"] == last["true"] / (last["true"] + last["false"])
    assert len(found.plot().axes) == 4
    assert "CNN_READS" in repr(found)
    assert "<th>roc_auc</th>" in found._repr_html_()
    other = tmp_path / "renamed.vcf.gz"
    with pysam.VariantFile(str(scored)) as calls:
        text = str(calls.header).replace("SYN1", "OTHER") + "".join(map(str, calls))
    other.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(cs.BadInput, match="`same_sample=`"):
        cs.evaluate([scored, other], truth=TRUTH, scores="CNN_READS")
    both = cs.evaluate([scored, other], truth=TRUTH, scores="CNN_READS", same_sample=True)
    assert len(both.table()) == 6
    with pytest.raises(cs.UsageError, match="give `truth=` or `truth_map=`"):
        cs.evaluate(scored)


def test_view_writes_the_page_of_the_command(tmp_path: Path) -> None:
    page = cs.view(
        CALLS, reference=REF, reads=READS, output=tmp_path / "api.html", limit=3, attribution=20
    )
    run = run_cli(
        *("view", CALLS, "-R", REF, "-I", READS, "-o", tmp_path / "command.html"),
        *("--sites", "3", "--attribution", "20"),
    )
    assert run.code == 0, run.err
    ours, theirs = (
        re.sub(r'"command": ?"(?:[^"\\]|\\.)*"', "", (tmp_path / name).read_text())
        for name in ("api.html", "command.html")
    )
    assert ours == theirs
    assert (page.sites, page.records) == (3, 294)
    assert page._repr_html_().startswith('<iframe srcdoc="&lt;!')
    with pytest.raises(cs.UsageError, match="give one of `sites=`, `worst=`"):
        cs.view(CALLS, reference=REF, output=tmp_path / "x.html", worst=True, random=True)
    with pytest.raises(cs.UsageError, match="`truth=`"):
        cs.view(CALLS, reference=REF, output=tmp_path / "x.html", confident="c.bed")


def test_models_are_those_of_the_command() -> None:
    names = run_cli("model", "list", "--names").out.split()
    found = {model.name: model for model in cs.models()}
    assert list(found) == names
    assert found["reads"].needs_reads
    assert "CNN_READS" in found["reads"]._repr_html_()
    assert not found["reference"].needs_reads


def test_functions_keep_their_names() -> None:
    """Packages are called as they are: neither takes the other's place, in any order."""
    code = (
        "import cnnscore.filter.run, cnnscore.evaluate.run, cnnscore\n"
        "from cnnscore.filter.run import filter_calls\n"
        "from cnnscore.evaluate import run\n"
        "assert callable(cnnscore.filter) and callable(cnnscore.evaluate)\n"
        "assert cnnscore.filter is not cnnscore.evaluate\n"
        "assert run.evaluate is not cnnscore.evaluate\n"
        "import cnnscore.filter.run as other, cnnscore.evaluate.run as second\n"
        "assert other.filter_calls is filter_calls and second is run\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
