"""`--cluster` without what it needs: one line with the remedy, and nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import DATA, Finished, run_cli

dask = pytest.importorskip("dask", reason="needs the extra cnnscore[cluster]: run by `make test`")
pytest.importorskip("distributed", reason="needs the extra cnnscore[cluster]: run by `make test`")
pytest.importorskip("dask_jobqueue", reason="needs the extra cnnscore[cluster]: run by `make test`")


def score(folder: Path, *more: object) -> Finished:
    calls = ("score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-o", folder / "out.vcf")
    return run_cli(*calls, "--work", folder / "work", "--shards", 3, *more)


def refused(folder: Path, code: int, said: list[str], *more: object) -> None:
    run = score(folder, *more)
    assert run.code == code, run.err
    assert len(run.err.splitlines()) == 1, run.err
    for words in said:
        assert words in run.err
    assert not (folder / "work").exists()
    assert not (folder / "out.vcf").exists()


@pytest.mark.parametrize(
    ("cluster", "command"),
    [("slurm", "sbatch"), ("pbs", "qsub"), ("lsf", "bsub"), ("sge", "qsub")],
)
def test_a_queueing_system_that_is_not_there(
    cluster: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = [f"--cluster {cluster}: there is no command {command} here", "--cluster local"]
    refused(tmp_path, 1, said, "--cluster", cluster)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo sbatch: error: invalid partition nowhere >&2; exit 1", "invalid partition nowhere"),
        ("echo done", "Could not parse job id"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_queueing_system_that_takes_no_job(
    jobs: int, script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, config = tmp_path / "sbatch", tmp_path / "cluster.toml"
    submit.write_text(f"#!/bin/sh\n{script}\n")
    submit.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    config.write_text(f"[workers]\njobs = {jobs}\n")
    words = ["sbatch refuses", f"of {jobs} jobs", said, "[cluster] of --cluster-config"]
    refused(tmp_path, 2, words, "--cluster", "slurm", "--cluster-config", config)


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        for address in ("tcp://127.0.0.1:1", "tcp://localhost:port"):
            said = [f"the Dask scheduler {address} does not answer", "see that it runs"]
            refused(tmp_path, 2, said, "--cluster", address)


def test_what_a_configuration_cannot_say(tmp_path: Path) -> None:
    config = tmp_path / "cluster.toml"
    for text, cluster, code, said in (
        ("[workers]\njobs = 'x'", "local:1", 2, "[workers] jobs = 'x': give a whole number"),
        ("[workers]\njobs = 0", "slurm", 2, "[workers] jobs = 0: give a whole number"),
        ("[workers]\nthreads = true", "local:1", 2, "[workers] threads = True: give a whole"),
        ("[workers]\nserver = 1", "local:1", 2, "[workers] server = 1: give its address"),
        ("[resources]\nGPU = 'one'", "local:1", 2, "[resources] GPU = 'one': give a number"),
        ("[workers]\njobs = 3", "local:1", 1, "jobs is for queueing systems"),
        ("[workers]\njobs = 3", "tcp://127.0.0.1:1", 1, "jobs is for queueing systems"),
        ("[cluster]\ncores = 3", "tcp://127.0.0.1:1", 1, "[cluster] is for a cluster that is"),
        ("[cluster]\nhosts = 'x'", "local:1", 2, "hosts"),
    ):
        config.write_text(text)
        refused(tmp_path, code, [said], "--cluster", cluster, "--cluster-config", config)
