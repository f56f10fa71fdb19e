"""The walker's output: whole or not there, by the name and the mode it has; never over an input."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pysam
import pytest

from conftest import DATA
from hosts.gatk import Gatk, Ran, ToolHost, run
from hosts.plugin import bcftools
from hosts.server import Server

FAKE = Path(__file__).parent / "fake_engine.py"
REFERENCE = DATA / "ref.fa"
KEY = "CNN_1D"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Calls with their index, in a folder of their own."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for ending in ("", ".tbi"):
        shutil.copy(DATA / f"calls.vcf.gz{ending}", folder)
    return folder / "calls.vcf.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


class Tool:
    """The tool on these calls, on a server."""

    def __init__(self, tools: ToolHost, server: Server, calls: Path) -> None:
        self._tools, self._server, self.calls = tools, server, calls

    def score(self, out: object, *options: object) -> Ran:
        inputs = ("-V", self.calls, "-R", REFERENCE, "--server", self._server.address)
        return self._tools.score(*inputs, "-O", out, *options)


@pytest.fixture
def tool(tools: ToolHost, servers: dict[str, Server], calls: Path) -> Tool:
    return Tool(tools, servers["reference"], calls)


def scored(path: Path) -> int:
    """How many records have a score."""
    with pysam.VariantFile(str(path)) as calls:
        return sum(KEY in record.info for record in calls)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard", "dots"])
def test_never_over_the_calls(way: str, tool: Tool, folder: Path) -> None:
    before, out = tool.calls.read_bytes(), folder / "out.vcf.gz"
    match way:
        case "itself":
            out = tool.calls
        case "symbolic":
            out.symlink_to(tool.calls)
        case "hard":
            out.hardlink_to(tool.calls)
        case "dots":
            out = folder / ".." / "calls" / "calls.vcf.gz"
    ran = tool.score(out)
    assert ran.answer.startswith("user error: ")
    assert "is the input" in ran.answer
    assert "Initializing engine" not in ran.log  # before anything is opened
    assert tool.calls.read_bytes() == before


def test_never_over_reads_or_reference(tool: Tool, tmp_path: Path) -> None:
    for name in ("ref.fa", "ref.fa.fai", "ref.dict", "reads.bam", "reads.bam.bai"):
        shutil.copy(DATA / name, tmp_path)
    for name in ("ref.fa", "reads.bam"):
        before = (tmp_path / name).read_bytes()
        inputs = ("-R", tmp_path / "ref.fa", "-I", tmp_path / "reads.bam")
        ran = tool._tools.score("-V", tool.calls, *inputs, "-O", tmp_path / name)
        assert f"is the input {tmp_path / name} itself" in ran.answer
        assert (tmp_path / name).read_bytes() == before


def test_through_a_link_with_its_mode(tool: Tool, folder: Path, tmp_path: Path) -> None:
    """Which the index lies beside, as it is what users name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    real, out = elsewhere / "real.vcf.gz", folder / "out.vcf.gz"
    real.write_text("older")
    real.chmod(0o640)
    for stale in (real, out):
        stale.with_name(f"{stale.name}.csi").write_text("older")
    out.symlink_to("../elsewhere/real.vcf.gz")
    ran = tool.score(out, "--create-output-variant-md5")
    assert ran.ok, ran.answer
    assert out.is_symlink()
    assert names(folder) == ["out.vcf.gz", "out.vcf.gz.md5", "out.vcf.gz.tbi"]
    assert names(elsewhere) == ["real.vcf.gz"]
    assert real.stat().st_mode & 0o777 == 0o640
    assert scored(out) == 294
    index = folder / "out.vcf.gz.tbi"
    assert index.stat().st_mtime >= real.stat().st_mtime
    with pysam.VariantFile(str(out)) as indexed:
        assert len(list(indexed.fetch("synA", 9999, 20000))) > 10


def test_a_link_to_nothing_yet(tool: Tool, folder: Path, tmp_path: Path) -> None:
    out = folder / "out.vcf"
    out.symlink_to(tmp_path / "real.vcf")
    assert tool.score(out).ok
    assert out.is_symlink()
    assert scored(tmp_path / "real.vcf") == 294


def test_no_older_index_stays(tool: Tool, folder: Path) -> None:
    out = folder / "out.vcf.gz"
    for ending in (".tbi", ".csi", ".md5"):
        (folder / f"{out.name}{ending}").write_text("of another file")
    assert tool.score(out, "--create-output-variant-index", "false").ok
    assert names(folder) == ["out.vcf.gz"]


def test_shards(tool: Tool, folder: Path) -> None:
    ran = tool.score(folder / "out.vcf.gz", "--max-variants-per-shard", 200)
    assert ran.ok, ran.answer
    shards = [f"out.shard_{number:05}.vcf.gz" for number in range(2)]
    assert names(folder) == sorted([*shards, *(f"{name}.tbi" for name in shards)])
    assert [scored(folder / name) for name in shards] == [200, 94]


def test_long_name(tool: Tool, folder: Path) -> None:
    out = folder / ("n" * (255 - len(".vcf.gz.tbi")) + ".vcf.gz")
    ran = tool.score(out)
    assert ran.ok, ran.answer
    assert names(folder) == sorted([out.name, f"{out.name}.tbi"])


def test_a_name_that_leaves_no_room_for_an_index(tool: Tool, folder: Path) -> None:
    out = folder / ("n" * (255 - len(".vcf")) + ".vcf")
    ran = tool.score(out, "--create-output-variant-index", "false")
    assert ran.ok, ran.answer
    assert scored(out) == 294
    assert list(folder.iterdir()) == [out]


def test_what_is_there_stays_when_the_run_fails(tools: ToolHost, calls: Path, folder: Path) -> None:
    out = folder / "out.vcf.gz"
    out.write_text("older")
    engine = ("--engine", f"{sys.executable} {FAKE} die")
    ran = tools.score("-V", calls, "-R", REFERENCE, "-O", out, *engine)
    assert "ended before its work was done" in ran.answer
    assert names(folder) == ["out.vcf.gz"]
    assert out.read_text() == "older"


def test_what_a_killed_run_left_goes(tool: Tool, folder: Path) -> None:
    pid = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    mine, running, other = (
        folder / f".{name}.{number}.part"
        for name, number in (("out.vcf", pid), ("out.vcf", os.getpid()), ("other.vcf", pid))
    )
    for path in (mine, running, other):
        path.mkdir()
        (path / "out.vcf").touch()
    assert tool.score(folder / "out.vcf").ok
    assert names(folder) == sorted([other.name, running.name, "out.vcf", "out.vcf.idx"])


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("nowhere/out.vcf", "there is no folder"),
        ("../out", "it is a folder"),
        ("calls.txt/out.vcf", "there is no folder"),
        ("loop.vcf", "too many symbolic links"),
        ("/dev/full", "No space left on device"),
        ("gs://bucket/out.vcf.gz", ""),
        ("http://127.0.0.1:9/out.vcf", ""),
        ("hdfs://nowhere/out.vcf", ""),
    ],
)
def test_cannot_be_written(out: str, words: str, tool: Tool, folder: Path) -> None:
    (folder / "calls.txt").touch()
    (folder / "loop.vcf").symlink_to("loop.vcf")
    path = out if ":" in out or out.startswith("/") else f"{folder}/{out}"
    ran = tool.score(path, "--create-output-variant-index", "false")
    assert ran.answer.startswith("user error: "), ran.answer
    assert out.rpartition("/")[2] in ran.answer
    assert words in ran.answer
    assert names(folder) == ["calls.txt", "loop.vcf"]


@pytest.mark.parametrize("name", ["out.bcf", "link.bcf"])
def test_bcf_is_refused(name: str, tool: Tool, folder: Path) -> None:
    """htsjdk writes BCF 2.1, which bcftools refuses: said before the engine starts, and what is
    there stays."""
    out = folder / name
    if name == "link.bcf":
        (folder / "real.vcf").write_text("older")
        out.symlink_to("real.vcf")
    before = names(folder)
    ran = tool.score(out)
    assert ran.answer.startswith(f"user error: Bad input: cannot write {out}: "), ran
    assert "bcftools view -Ob" in ran.answer
    assert "network" not in ran.log  # no engine was asked
    assert names(folder) == before
    assert name == "out.bcf" or out.read_text() == "older"
    # What the words advise is one that bcftools reads.
    scored_vcf, made = folder / "out.vcf.gz", folder / "made.bcf"
    assert tool.score(scored_vcf).ok
    assert bcftools("view", "-Ob", "-o", made, scored_vcf).code == 0
    assert scored(made) == 294


def test_exit_code(gatk: Gatk, calls: Path, folder: Path) -> None:
    """As GATK has it for a user's errors, on a line of its own."""
    arguments = ("-V", calls, "-R", REFERENCE, "-O", folder / "nowhere" / "out.vcf")
    done = run(gatk.command("CnnScoreVariants", *arguments))
    assert done.returncode == 2
    assert f"A USER ERROR has occurred: cannot write {folder}/nowhere/out.vcf: " in done.stderr
    assert "\tat " not in done.stderr
