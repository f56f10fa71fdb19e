"""A queueing system that takes jobs at first, and later none: the run ends, and goes on later."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import DATA, Finished, run_cli
from hosts.waiting import wait_until

dask = pytest.importorskip("dask", reason="needs the extra cnnscore[cluster]: run by `make test`")
pytest.importorskip("dask_jobqueue", reason="needs the extra cnnscore[cluster]: run by `make test`")

SBATCH = """#!/bin/sh
if [ -e {box}/full ]; then
  echo refused >> {box}/asked
  echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy' >&2
  exit 1
fi
cp "$1" {box}/job.sh  # as SLURM does: the script is a temporary file
setsid sh {box}/job.sh > {box}/job.log 2>&1 < /dev/null &
echo $! >> {box}/jobs
echo "Submitted batch job $!"
"""
SCANCEL = "#!/bin/sh\nkill -9 -- -$1 2> /dev/null; exit 0\n"
INPUTS = (DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam", "--no-version")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        path = tmp_path / name
        path.write_text(text.format(box=tmp_path))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "cluster.toml").write_text('[cluster]\ninterface = "lo"\n[workers]\nthreads = 1\n')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("cnnscore.scatter.queues.TRY_AGAIN_S", (0.1, 0.1))
    return tmp_path


def score(box: Path) -> Finished:
    work = ("--work", box / "work", "--shards", 60, "--cluster", "slurm")
    config = ("--cluster-config", box / "cluster.toml")
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}):
        return run_cli("score", *INPUTS, "-o", box / "out.vcf", *work, *config)


def done(box: Path) -> int:
    with suppress(OSError):
        return (box / "work" / "shards.jsonl").read_text().count("sha256")
    return 0


def end_the_job_when_some_are_done(box: Path, run_has_ended: threading.Event) -> None:
    wait_until(lambda: done(box) > 0 or run_has_ended.is_set())
    (box / "full").touch()
    for job in (box / "jobs").read_text().split():
        os.killpg(int(job), signal.SIGKILL)


def test_no_job_in_place_of_one_that_has_ended(box: Path) -> None:
    has_ended = threading.Event()
    meanwhile = threading.Thread(target=end_the_job_when_some_are_done, args=(box, has_ended))
    meanwhile.start()
    run = score(box)
    has_ended.set()
    meanwhile.join()
    assert run.code == 2, run.err
    (said,) = [line for line in run.err.splitlines() if "all jobs have ended" in line]
    assert "sbatch takes no other" in said
    assert "Job violates accounting/QOS policy" in said
    assert "the same command goes on" in said
    assert "Traceback" not in run.err
    assert len((box / "asked").read_text().split()) == 3
    before = done(box)
    assert 0 < before < 60
    assert not (box / "out.vcf").exists()

    (box / "full").unlink()
    again = score(box)
    assert again.code == 0, again.err
    assert f"{before} of them done" in again.err or before == done(box)
    run_cli("score", *INPUTS, "-o", box / "one.vcf")
    assert (box / "out.vcf").read_bytes() == (box / "one.vcf").read_bytes()
    assert not (box / "work").exists()
    jobs = ",".join((box / "jobs").read_text().split())
    wait_until(lambda: subprocess.run(["pgrep", "-g", jobs], check=False).returncode == 1)
