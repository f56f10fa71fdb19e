"""`--precision` of GATK's tool."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conftest import DATA, run_cli, scores_of
from hosts.amx import needs_amx
from hosts.gatk import ENGINE, ToolHost
from hosts.told import FAKE

INPUTS = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa")


def model_line(path: Path) -> str:
    (line,) = (
        text for text in path.read_text().splitlines() if text.startswith("##cnnscore_model")
    )
    return line


@pytest.mark.parametrize(("said", "is_told"), [("bf16", True), ("exact", False), ("", False)])
def test_what_the_engine_says_is_in_the_header(
    said: str, is_told: bool, tools: ToolHost, tmp_path: Path
) -> None:
    engine = f"{sys.executable} {FAKE} describe:precision={said}"
    ran = tools.score(*INPUTS, "-O", tmp_path / "out.vcf", "--engine", engine)
    assert ran.ok, ran.answer
    assert (",Precision=bf16>" in model_line(tmp_path / "out.vcf")) == is_told
    assert "Precision=>" not in model_line(tmp_path / "out.vcf")


def test_with_a_server_it_is_refused(tools: ToolHost, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    ran = tools.score(*INPUTS, "-O", out, "--server", "unix:/s", "--precision", "bf16")
    assert ran.answer.startswith("user error: ")
    assert "--precision is the server's" in ran.answer
    assert not out.exists()


def test_an_engine_that_refuses(tools: ToolHost, tiny: dict[str, str], tmp_path: Path) -> None:
    """Whatever this machine has: the network lacks what bf16 wants."""
    options = ("--engine", ENGINE, "--model", tiny["reference"], "--precision", "bf16")
    ran = tools.score(*INPUTS, "-O", tmp_path / "out.vcf", *options)
    assert ran.answer.startswith("user error: ")
    assert "--precision bf16" in ran.answer


def test_the_scores_of_the_command(gatks_networks: Path, tools: ToolHost, tmp_path: Path) -> None:
    needs_amx()
    network = ("-m", gatks_networks / "gatk-1d.onnx")
    by_cli, out = tmp_path / "cli.vcf", tmp_path / "out.vcf"
    run = run_cli("score", *INPUTS[1:], "-o", by_cli, *network, "--precision", "bf16")
    assert run.code == 0, run.err
    options = ("--engine", ENGINE, "--model", network[1], "--precision", "bf16")
    ran = tools.score(*INPUTS, "-O", out, *options)
    assert ran.ok, ran.answer
    assert scores_of(out, "CNN_1D") == scores_of(by_cli, "CNN_1D")
    assert model_line(out) == model_line(by_cli)
