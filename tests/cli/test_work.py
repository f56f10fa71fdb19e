"""`score --work`: shards in a folder, gone on with after any end, equal to one process."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysam
import pytest

import cnnscore
from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import Intervals
from cnnscore.errors import BadInput
from cnnscore.files import absolute_name
from cnnscore.network.session import Session
from cnnscore.scatter.task import Task, score_in_worker
from cnnscore.scatter.work import _for_workers
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions
from conftest import DATA, Finished, run_cli
from hosts.waiting import wait_until

REF = DATA / "ref.fa"
N = 8


def arguments(out: Path, folder: Path, *more: object) -> tuple[object, ...]:
    return (
        *("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam", "--no-version"),
        *("-o", out, "--work", folder, "--shards", N, *more),
    )


def score(out: Path, folder: Path, *more: object) -> Finished:
    return run_cli(*arguments(out, folder, *more))


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


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder whose shards are all done."""
    folder = tmp_path_factory.mktemp("kept") / "work"
    run = score(folder.parent / "out.vcf", folder, "--keep-work")
    assert run.code == 0, run.err
    return folder


@pytest.fixture
def work(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "work"
    shutil.copytree(kept, folder)
    return folder


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


def test_an_output_in_the_work_folder(tmp_path: Path) -> None:
    """It would go with the folder; and one whose folder is not there is said at once."""
    folder = tmp_path / "work"
    for out, code, said in (
        (folder / "out.vcf", 1, "lies in the work folder"),
        (folder / "shards" / ".." / "out.vcf", 1, "lies in the work folder"),
        (folder, 1, "lies in the work folder"),
        (tmp_path / "none" / "out.vcf", 2, "there is no folder"),
    ):
        run = score(out, folder)
        assert run.code == code
        assert said in run.err
        assert not folder.exists()


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


@pytest.mark.parametrize(
    ("other", "said"),
    [({"network": "0" * 64}, "has another network reads"), ({"version": "9.9"}, "has cnnscore")],
)
def test_workers_are_like_the_plan(other: dict[str, Any], said: str, tmp_path: Path) -> None:
    """A node with another release, or another file of the network's name, scores nothing."""
    settings = EngineSettings(model="reads")
    task = Task(
        name="1-000001",
        engine=settings,
        network=settings.open(has_reads=True).description.network,
        version=cnnscore.__version__,
        calls=str(DATA / "calls.vcf.gz"),
        reference=str(REF),
        reads=(str(DATA / "reads.bam"),),
        options=ScoreOptions(intervals=Intervals(regions="synB"), is_shard=True),
        written=OutputOptions(output_type="z"),
        output=str(tmp_path / "shard.vcf.gz"),
        logs=str(tmp_path),
        threads=1,
        sites=62,
    )
    (told,) = score_in_worker([task])
    assert isinstance(told, dict)
    assert told["sites"] == 62
    Path(task.output).unlink()
    with pytest.raises(BadInput, match=said):
        score_in_worker([replace(task, **other)])
    assert not Path(task.output).exists()


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


def test_another_plan(work: Path, tmp_path: Path) -> None:
    out, reads = tmp_path / "out.vcf", tmp_path / "again.bam"
    shutil.copy(DATA / "reads.bam", reads)
    shutil.copy(DATA / "reads.bam.bai", f"{reads}.bai")
    cases = (
        (("--shards", 5), "shards: 8, now 5"),
        (("--info-key", "MINE"), "info_key: CNN_READS, now MINE"),
        (("--sample-depth", 31.5), "sample_depth: none, now 31.5"),
        (("--per-allele",), "per_allele: False, now True"),
        (("-t", "synA"), "targets: none, now synA"),
        (("-I", reads), f"now with the reads {reads.resolve()}"),
    )
    for more, said in cases:
        run = score(out, work, *more)
        assert run.code == 2
        assert "has another plan" in run.err
        assert said in run.err
    assert not out.exists()


def test_an_input_that_has_changed(box: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "work", tmp_path / "out.vcf"
    command = ("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-o", out, "--work", folder)
    assert run_cli(*command, "--shards", 2, "--keep-work").code == 0
    os.utime(box / "ref.fa", ns=(0, 10**18))
    run = run_cli(*command, "--shards", 2)
    assert run.code == 2
    assert f"{box.resolve()}/ref.fa has changed: another time)" in run.err


def test_folders_that_are_not_trusted(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"

    def refused(folder: Path, said: str) -> None:
        run = score(out, folder)
        assert run.code == 2
        assert said in run.err
        assert not out.exists()

    link = tmp_path / "link"
    link.symlink_to(work)
    refused(link, "is a symbolic link")
    shard, aside = work / "shards" / "1-000004.vcf.gz", tmp_path / "aside"
    shard.rename(aside)
    shard.symlink_to(aside)
    refused(work, "1-000004.vcf.gz is a symbolic link")
    shard.unlink()
    aside.rename(shard)
    for name in ("plan.json", "shards.jsonl", "shards", "logs"):
        there = work / name
        there.rename(aside)
        there.symlink_to(aside)
        refused(work, f"{name} is a symbolic link")
        there.unlink()
        aside.rename(there)
        mode = (work / name).stat().st_mode
        (work / name).chmod(mode | 0o002)
        refused(work, f"{name} may be written by everybody")
        (work / name).chmod(mode)
    plan = (work / "plan.json").read_text()
    changed = {**json.loads(plan), "samples": [3]}
    for text in ("[]", "{}", '{"schema": 1}', '{"schema": true}', json.dumps(changed), "nothing"):
        (work / "plan.json").write_text(text)
        refused(work, "is no plan")
    (work / "plan.json").write_text('{"schema": 99}')
    refused(work, "plan.json is of another release of cnnscore (schema 99")
    (work / "plan.json").write_text(plan)
    others = tmp_path / "others"
    others.mkdir()
    (others / "thesis.txt").write_text("mine")
    refused(others, "holds other files (thesis.txt)")
    if os.geteuid() == 0:
        for path in (work / "plan.json", work / "shards.jsonl", shard, work):
            os.chown(path, 12345, -1)
            refused(work, f"{path.name} belongs to somebody else")
            os.chown(path, os.geteuid(), -1)


def test_one_run_at_a_time(work: Path, tmp_path: Path) -> None:
    with (work / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = score(tmp_path / "out.vcf", work)
    assert run.code == 1
    assert "is at work in" in run.err


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


def test_usage(tmp_path: Path) -> None:
    out, folder = tmp_path / "out.vcf", tmp_path / "work"
    cases: tuple[tuple[tuple[object, ...], str], ...] = (
        (("-r", "synA"), "--targets"),
        (("--downsampling", "gatk"), "without shards"),
        (("--cluster", "moon"), "--cluster moon"),
        (("--cluster", "local:0"), "--cluster local:0"),
    )
    for more, said in cases:
        run = score(out, folder, *more)
        assert run.code == 1
        assert said in run.err
    run = run_cli("score", DATA / "calls.vcf.gz", "-R", REF, "-o", out, "--cluster", "local")
    assert run.code == 1
    assert "go with --work" in run.err
    run = run_cli("score", "-", "-R", REF, "-o", out, "--work", folder)
    assert run.code == 2
    assert not folder.exists()


# ---- Dask ----


@pytest.fixture
def dask() -> None:
    pytest.importorskip(
        "distributed", reason="needs the extra cnnscore[cluster]: run by `make test`"
    )


@pytest.mark.usefixtures("dask")
def test_addresses_and_configurations(tmp_path: Path) -> None:
    out, folder, config = tmp_path / "out.vcf", tmp_path / "work", tmp_path / "cluster.toml"
    beyond = score(out, folder, "--cluster", "tcp://192.0.2.1:8786")
    assert beyond.code == 1
    assert "beyond this machine" in beyond.err
    assert "--insecure" in beyond.err
    plain = score(out, folder, "--cluster", "tls://192.0.2.1:8786")
    assert plain.code == 1
    assert "[security] of --cluster-config" in plain.err
    for text, said in (
        ("nonsense", "is no TOML"),
        ("[queue]\nname = 1", "queue is none of its tables"),
        ("[workers]\nthread = 1", "[workers] has thread"),
        ("[security]\ncertificate = 'x'", "[security] of the configuration"),
    ):
        config.write_text(text)
        run = score(out, folder, "--cluster", "tls://[::1]:8786", "--cluster-config", config)
        assert run.code == 2
        assert said in run.err
    assert not folder.exists()


@pytest.mark.usefixtures("dask")
def test_no_key_is_written_where_others_write(work: Path, tmp_path: Path) -> None:
    """A queueing system's jobs find the certificate of the run in the work folder."""
    out, logs, aside = tmp_path / "out.vcf", work / "logs", tmp_path / "aside"
    logs.rename(aside)
    logs.symlink_to(aside)
    run = score(out, work, "--cluster", "slurm")
    assert run.code == 2
    assert "logs is a symbolic link" in run.err
    logs.unlink()
    aside.rename(logs)
    work.chmod(0o777)
    run = score(out, work, "--cluster", "slurm")
    assert run.code == 2
    assert "may be written by everybody" in run.err
    assert not list(work.rglob("tls.*"))


@pytest.mark.usefixtures("dask")
def test_the_key_of_a_run_is_the_users_alone(tmp_path: Path) -> None:
    from cnnscore.scatter.queues import _of_this_run

    bait = tmp_path / "bait"
    bait.write_text("")
    key = tmp_path / f"tls.{os.getpid()}.key"
    key.symlink_to(bait)
    with _of_this_run(tmp_path) as security:
        assert security.require_encryption
        assert key.lstat().st_mode & 0o777 == 0o600
        assert not key.is_symlink()
    assert not list(tmp_path.glob("tls.*"))
    assert not bait.read_text()


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
