"""`score --work`: shards in a folder, gone on with after any end, equal to one process."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pysam
import pytest

from cnnscore.files import absolute_name
from cnnscore.network.session import Session
from cnnscore.scatter.work import _for_workers
from cnnscore.score.open import EngineSettings
from conftest import DATA, Finished, run_cli
from hosts.waiting import wait_until
from hosts.work_folders import REF, N, arguments, score


def started(out: Path, folder: Path, *more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cnnscore", *map(str, arguments(out, folder, *more))]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def done(folder: Path) -> list[dict[str, object]]:
    """What the log tells of shards."""
    log = folder / "shards.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one process writes."""
    out = tmp_path_factory.mktemp("whole") / "whole.vcf"
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam")
    run = run_cli(*calls, "--no-version", "-o", out)
    assert run.code == 0, run.err
    return out.read_bytes()


def test_equal_to_one_process(whole: bytes, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.vcf", tmp_path / "work"
    run = score(out, folder)
    assert run.code == 0, run.err
    assert out.read_bytes() == whole
    assert not folder.exists()
    first, last = run.err.splitlines()
    assert first.startswith(f"cnnscore: {N} shards; {folder} takes up to ")
    assert last.startswith("cnnscore: 294 of 294 sites scored in ")


@pytest.mark.parametrize("suffix", ["vcf.gz", "bcf"])
def test_compressed_with_an_index(suffix: str, tmp_path: Path) -> None:
    out, one = tmp_path / f"out.{suffix}", tmp_path / f"one.{suffix}"
    assert score(out, tmp_path / "work", "-W").code == 0
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam")
    assert run_cli(*calls, "--no-version", "-o", one).code == 0
    assert gzip.decompress(out.read_bytes()) == gzip.decompress(one.read_bytes())
    with pysam.VariantFile(str(out)) as opened:
        assert len(list(opened.fetch("synB"))) == 62


def test_the_header_has_the_command_of_the_plan(tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-o", out)
    run = run_cli(*calls, "--work", tmp_path / "work", "--shards", 3)
    assert run.code == 0, run.err
    text = out.read_text()
    assert text.count("##cnnscore_scoreCommand=") == 1
    assert "cnnscore_shard" not in text


def test_what_is_done_is_not_done_again(work: Path, whole: bytes, tmp_path: Path) -> None:
    """A log that a kill cut short, a shard that is gone, one that was altered: these alone."""
    files = {shard["shard"]: shard for shard in done(work)}
    log = work / "shards.jsonl"
    log.write_bytes(log.read_bytes().rstrip()[:-20])
    (work / "shards" / "1-000002.vcf.gz").unlink()
    damaged = work / "shards" / "1-000003.vcf.gz"
    content = bytearray(damaged.read_bytes())
    content[200] ^= 1
    damaged.write_bytes(content)
    (work / "shards" / ".1-000002.vcf.gz.999999999.part").write_bytes(b"of a run that is gone")
    untouched = work / "shards" / "1-000001.vcf.gz"
    before = untouched.stat().st_mtime_ns
    out = tmp_path / "out.vcf"
    run = score(out, work, "--keep-work")
    assert run.code == 0, run.err
    assert f"{N} shards, {N - 3} of them done" in run.err
    assert out.read_bytes() == whole
    assert untouched.stat().st_mtime_ns == before
    assert {shard["shard"]: shard["sha256"] for shard in done(work)} == {
        name: shard["sha256"] for name, shard in files.items()
    }
    assert len(list((work / "shards").iterdir())) == N


def test_a_log_that_was_altered(work: Path, whole: bytes, tmp_path: Path) -> None:
    """A line that does not tell what a worker tells is none: its shard is scored again."""
    log, lines = work / "shards.jsonl", done(work)
    others: tuple[dict[str, object], ...] = (
        {"sites": None},
        {"scored": 1 << 70},
        {"reads": {"reads": 1}},
        {"annotations": {"QD": 3}},
        {"provider": 1},
        {"bytes": True},
        {"annotations": {}},
    )
    altered = [{**told, **other} for told, other in zip(lines, others, strict=False)]
    log.write_text("\n".join(map(json.dumps, [*altered, *lines[len(others) :]])) + "\n")
    out = tmp_path / "out.vcf"
    run = score(out, work)
    assert run.code == 0, run.err
    assert f"{N} shards, {N - len(others)} of them done" in run.err
    assert out.read_bytes() == whole


def test_the_same_plan_from_another_folder(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are spelled otherwise there; one is a link."""
    (box / "below").mkdir()
    (box / "link.bed").symlink_to(box / "targets.bed")
    (box / "targets.bed").write_text("synA\t0\t9000\n")

    def again(before: str, targets: str) -> Finished:
        named = [f"{before}{name}" for name in ("calls.vcf.gz", "ref.fa", "reads.bam", "out.vcf")]
        words = zip(("score", "-R", "-I", "-o"), named, strict=True)
        more = ("--targets-file", f"{before}{targets}", "--work", f"{before}work", "--shards", 3)
        return run_cli(*(word for pair in words for word in pair), *more, "--keep-work")

    monkeypatch.chdir(box)
    first = again("", "targets.bed")
    assert first.code == 0, first.err
    monkeypatch.chdir(box / "below")
    for before, targets in (("../", "link.bed"), (f"{box}/", "targets.bed")):
        run = again(before, targets)
        assert run.code == 0, run.err
        assert "cnnscore: 3 shards, 3 of them done; " in run.err


def test_fewer_shards_than_asked_for(tmp_path: Path) -> None:
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-o", tmp_path / "out.vcf", "-t", "synB")
    run = run_cli(*calls, "--work", tmp_path / "work", "--shards", 1000)
    assert run.code == 0, run.err
    assert f"warning: {DATA}/calls.vcf.gz can be cut into " in run.err
    assert ", not into 1000" in run.err
    run = run_cli(*calls, "--work", tmp_path / "work", "--shards", 1)
    assert run.code == 0, run.err
    assert "cnnscore: 1 shard; " in run.err
    assert "warning" not in run.err


def test_the_network_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    begin = Session.__init__

    def counted(self: Session, *arguments: Any, **options: Any) -> None:
        opened.append(arguments)
        begin(self, *arguments, **options)

    monkeypatch.setattr(Session, "__init__", counted)
    run = score(tmp_path / "out.vcf", tmp_path / "work")
    assert run.code == 0, run.err
    assert len(opened) == 1


def test_killed_and_gone_on_with(whole: bytes, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.vcf", tmp_path / "work"
    run = started(out, folder)
    wait_until(lambda: len(done(folder)) >= 1)
    run.kill()
    run.communicate()
    assert not out.exists()
    assert score(out, folder).code == 0
    assert out.read_bytes() == whole
    assert not folder.exists()


def test_a_shard_that_cannot_be_scored(tmp_path: Path, box: Path) -> None:
    """It is named, and the others stay done."""
    lines = subprocess.run(
        ["bcftools", "view", box / "calls.vcf.gz"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fields = lines[-1].split("\t")
    fields[3] = "ACGTACGTACGTACGT"
    lines[-1] = "\t".join(fields)
    (box / "bad.vcf").write_text("\n".join(lines) + "\n")
    bad = box / "bad.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", bad, box / "bad.vcf"], check=True)
    subprocess.run(["bcftools", "index", bad], check=True)
    folder, out = tmp_path / "work", tmp_path / "out.vcf"
    run = run_cli("score", bad, "-R", REF, "-o", out, "--work", folder, "--shards", 4)
    assert run.code == 2
    assert "1 of 4 shards cannot be scored, and the others stay done" in run.err
    assert "1-000004 (synB:" in run.err or "1-000004 (synA:" in run.err
    assert "has REF ACGTACGTACGTACGT" in run.err
    assert len(done(folder)) == 3
    assert not out.exists()


def test_shards_without_records(tmp_path: Path) -> None:
    """`-t` leaves nothing of most; what is said is said of the whole."""
    out, one = tmp_path / "out.vcf", tmp_path / "one.vcf"
    run = score(out, tmp_path / "work", "-t", "synB")
    assert run.code == 0, run.err
    assert "warning" not in run.err
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam", "-t", "synB")
    assert run_cli(*calls, "--no-version", "-o", one).code == 0
    assert out.read_bytes() == one.read_bytes()


def test_workers_get_absolute_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may run in another folder; names of networks and addresses stay as they are."""
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    for model, wanted in (
        ("own.onnx", f"{here}/own.onnx"),
        ("./nets/own", f"{here}/nets/own"),
        ("reads", "reads"),
        ("unix:/s.sock", "unix:/s.sock"),
        (None, None),
    ):
        engine = _for_workers(EngineSettings(model=model, token_file="t"))
        assert (engine.model, engine.token_file) == (wanted, f"{here}/t")
    assert absolute_name("a.bam##idx##b.bai") == f"{here}/a.bam##idx##{here}/b.bai"
    assert absolute_name("s3://a/b##idx##c.bai") == f"s3://a/b##idx##{here}/c.bai"
