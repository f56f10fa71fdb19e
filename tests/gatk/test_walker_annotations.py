"""Annotations that a network of GATK's is not used to: the walker says what the other doors say."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from conftest import DATA, run_cli
from hosts.gatk import ToolHost
from hosts.plugin import plugin
from hosts.server import StartServer


def test_the_words_of_the_command(
    tools: ToolHost, tiny: dict[str, str], tmp_path: Path, start: StartServer
) -> None:
    text = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode()
    text = re.sub(r"##INFO=<ID=QD.*\n", "", text)  # not declared
    text = re.sub(r"(?<=[\t;])(QD|FS|MQRankSum)=[^;\t]*;?", "", text)
    text = re.sub(r"(?<=[\t;])(MQ|DP)=[^;\t]*", r"\1=501", text)
    calls = tmp_path / "calls.vcf"
    calls.write_text(text)
    address = start(tiny["reference"]).address
    common = (calls, "-R", DATA / "ref.fa")
    run = run_cli("score", *common, "--server", address, "-o", tmp_path / "here.vcf")
    said = [
        x.removeprefix("cnnscore: warning: ")
        for x in run.err.splitlines()
        if x.startswith("cnnscore: warning")
    ]
    assert len(said) == 4, run.err
    ran = tools.score("-V", *common, "--server", address, "-O", tmp_path / "there.vcf")
    assert ran.ok, ran.answer
    warned = [x.partition(" - ")[2] for x in ran.log.splitlines() if " WARN " in x]
    assert [x for x in warned if x in said] == said, ran.log


def test_little_for_a_network_without_reads(
    tools: ToolHost, tmp_path: Path, start: StartServer
) -> None:
    """Calls with QUAL alone, as other callers have them: all doors say that this is too little."""
    text = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode()
    calls = tmp_path / "calls.vcf"
    calls.write_text(re.sub(r"(?<=\t)[^\t]*(?=\tGT)", "DP=9", text))
    common = (calls, "-R", DATA / "ref.fa")
    address = start("reference").address
    run = run_cli("score", *common, "--server", address, "-o", tmp_path / "here.vcf")
    (said,) = [x for x in run.err.splitlines() if x.startswith("cnnscore: warning")]
    assert "lacks most of QD, FS, SOR, MQ, MQRankSum, ReadPosRankSum, and reference" in said
    ran = tools.score("-V", *common, "--server", address, "-O", tmp_path / "there.vcf")
    assert ran.ok, ran.answer
    assert said.removeprefix("cnnscore: warning: ") in ran.log
    done = plugin(calls, "-o", tmp_path / "plugin.vcf", "-f", DATA / "ref.fa", "-m", "reference")
    assert said.removeprefix("cnnscore: warning: ") in done.err, done.err


def test_nothing_to_say(
    tools: ToolHost, tiny: dict[str, str], tmp_path: Path, start: StartServer
) -> None:
    ran = tools.score(
        "-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-O", tmp_path / "out.vcf",
        "--server", start(tiny["reference"]).address,
    )  # fmt: skip
    assert ran.ok, ran.answer
    assert "INFO/" not in ran.log
