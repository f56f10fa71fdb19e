"""GATK's networks without their annotations, or with a cohort's: the same scores, and a warning."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pysam
import pytest

import cnnscore
from conftest import DATA, Finished, run_cli
from hosts.plugin import plugin
from hosts.server import StartServer

REF = DATA / "ref.fa"


def write_calls(path: Path, *, without: str = "", depth: int = 0, every: int = 1) -> Path:
    """The calls without some INFO keys, or with one depth in the first of `every` records."""
    lines = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode().splitlines()
    if without:
        lines = [x for x in lines if not re.match(rf"##INFO=<ID=({without}),", x)]
        lines = [re.sub(rf"(?<=[\t;])({without})=[^;\t]*;?", "", x) for x in lines]
    if depth:
        lines = [
            re.sub(r"(?<=[\t;])DP=\d+", f"DP={depth}", x) if i % every == 0 else x
            for i, x in enumerate(lines)
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def score(calls: Path, model: str, *arguments: object) -> Finished:
    out = calls.with_suffix(".out.vcf")
    return run_cli("score", calls, "-R", REF, "-m", model, "-o", out, *arguments)


def warnings(run: Finished) -> list[str]:
    assert run.code == 0, run.err
    return [line for line in run.err.splitlines() if line.startswith("cnnscore: warning")]


def test_annotations_that_are_not_declared(tiny: dict[str, str], tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.vcf", without="QD|SOR")
    (warning,) = warnings(score(calls, tiny["reference"]))
    assert "declares no INFO/" in warning
    named = warning.partition("INFO/")[2].partition(":")[0].split(", ")
    assert sorted(named) == ["QD", "SOR"]
    assert "gatk VariantAnnotator" in warning


def test_a_cohorts_depth(tiny: dict[str, str], tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.vcf", depth=118_000)
    (warning,) = warnings(score(calls, tiny["reference"]))
    assert "INFO/DP of " in warning
    assert "is not between 0 and 500 in 294 of 294 records" in warning
    assert "gatk SelectVariants" in warning


@pytest.mark.parametrize(("depth", "every"), [(500, 1), (501, 5), (0, 1)])
def test_nothing_to_say(depth: int, every: int, tiny: dict[str, str], tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.vcf", depth=depth, every=every)
    assert not warnings(score(calls, tiny["reference"]))


def test_our_networks_do_without(stand_ins: dict[str, str], tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.vcf", without="QD|SOR", depth=118_000)
    assert not warnings(score(calls, stand_ins["reference"]))


def test_no_records(tiny: dict[str, str], tmp_path: Path) -> None:
    calls = write_calls(tmp_path / "calls.vcf", without="QD")
    calls.write_text("".join(re.findall(r"^#.*\n", calls.read_text(), re.MULTILINE)))
    (warning,) = warnings(score(calls, tiny["reference"]))
    assert "has no records" in warning


def test_the_other_doors(tiny: dict[str, str], tmp_path: Path, start: StartServer) -> None:
    calls = write_calls(tmp_path / "calls.vcf", without="QD", depth=501)
    text = re.sub(r"(?<=[\t;])(MQ)=[^;\t]*", r"\1=255", calls.read_text())
    calls.write_text(re.sub(r"(?<=[\t;])FS=[^;\t]*;?", "", text))
    here = warnings(score(calls, tiny["reference"]))
    assert len(here) == 4
    run = plugin(calls, "-f", REF, "-m", tiny["reference"], "-o", tmp_path / "out.vcf")
    assert run.code == 0, run.err
    there = [x.partition(": ")[2] for x in run.err.splitlines() if x.startswith("Warning: ")]
    assert there == [x.removeprefix("cnnscore: warning: ") for x in here]
    out = tmp_path / "served.vcf"
    address = start(tiny["reference"]).address
    served = run_cli("score", calls, "-R", REF, "--server", address, "-o", out)
    assert warnings(served) == here


def test_in_python(tiny: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls = write_calls(tmp_path / "calls.vcf", depth=501)
    scorer = cnnscore.open(model=tiny["reference"])
    scorer.score(calls, reference=REF, output=tmp_path / "out.vcf")
    list(scorer.score_records(pysam.VariantFile(str(calls)), reference=REF))
    (first, second) = [record.getMessage() for record in caplog.records]
    assert f"INFO/DP of {calls} is not between" in first
    assert "INFO/DP of the records given is not between" in second


def test_shards_are_judged_together(tiny: dict[str, str], tmp_path: Path) -> None:
    """Half of the calls, on one contig, have a cohort's depth."""
    plain = write_calls(tmp_path / "calls.vcf", without="FS")
    text = re.sub(r"(?m)^(synA\t.*[\t;])DP=\d+", r"\1DP=501", plain.read_text())
    plain.write_text(text)
    calls = tmp_path / "calls.vcf.gz"
    pysam.tabix_compress(str(plain), str(calls))
    pysam.tabix_index(str(calls), preset="vcf")
    whole = warnings(score(calls, tiny["reference"]))
    assert len(whole) == 2
    work = ("--work", tmp_path / "work", "--shards", 3)
    assert warnings(score(calls, tiny["reference"], *work)) == whole
