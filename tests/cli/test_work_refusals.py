"""`score --work`: what is refused: words, other plans, folders that are not trusted, clusters."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cnnscore
from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import Intervals
from cnnscore.errors import BadInput
from cnnscore.scatter.task import Task, score_in_worker
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions
from conftest import DATA, run_cli
from hosts.read_files import edit_reads
from hosts.work_folders import REF, score


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


def test_another_plan(work: Path, tmp_path: Path) -> None:
    out, reads = tmp_path / "out.vcf", tmp_path / "more.bam"
    shutil.copy(DATA / "reads.bam", reads)
    edit_reads(reads, lambda number, _: number > 0)
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
