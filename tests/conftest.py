"""Where tests find data and networks, and how they run the command line."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cnnscore.cli import main
from hosts.stand_in import write_stand_ins
from hosts.tiny_network import write_tiny_networks

TESTS = Path(__file__).parent

pytest_plugins = [
    "hosts.amx",
    "hosts.server",
    "hosts.secure_server",
    "hosts.gatk",
    "hosts.long_reads",
    "hosts.walker_tool",
    "hosts.work_folders",
]

# Tests that run in the background inherit ignored signals, and so would the commands they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

DATA = TESTS / "data" / "synthetic"
SHARED = Path(os.environ.get("CNNSCORE_SHARED", TESTS.parent.parent / "shared"))


# Where `make test` promises all that tests need, a test that skips for want of it fails.
NOTHING_MISSING = "CNNSCORE_TEST_ALL" in os.environ


def _not_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NOTHING_MISSING and report.skipped and "`make test`" in str(report.longrepr):
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test's skip."""
    report = yield
    _not_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module's skip."""
    report = yield
    _not_skipped(report)
    return report


@dataclass(frozen=True)
class Finished:
    """What a command line did."""

    code: int
    err: str
    out: str = ""


def run_cli(*arguments: object) -> Finished:
    """Run `cnnscore ARGUMENTS` in this process (its native output to files only)."""
    err, out = io.StringIO(), io.StringIO()
    with redirect_stderr(err), redirect_stdout(out):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Finished(code, err.getvalue(), out.getvalue())


def run_process(
    *arguments: object, limit: str = "", **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `cnnscore ARGUMENTS` as a process of its own, with a limit as the shell's ulimit takes
    it: code of ours between fork and exec would run in a process that other libraries share."""
    command = [sys.executable, "-m", "cnnscore", *map(str, arguments)]
    if limit:
        command = ["bash", "-c", f'ulimit {limit} && exec "$@"', "-", *command]
    return subprocess.run(command, capture_output=True, timeout=300, check=False, **options)


@pytest.fixture(scope="session")
def data() -> Path:
    """The synthetic data set that ships with the tests."""
    return DATA


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with private copies of the data, indexes not older than their files."""
    for name in ("calls.vcf.gz", "ref.fa", "reads.bam"):
        shutil.copy(DATA / name, tmp_path)
    for name in ("calls.vcf.gz.tbi", "ref.fa.fai", "reads.bam.bai"):
        shutil.copy(DATA / name, tmp_path)
        os.utime(tmp_path / name)
    return tmp_path


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the project; its absence skips, as users do not have it."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED}: this test needs the developers' real data")
    return SHARED


@pytest.fixture(scope="session")
def gatk_models() -> Path:
    """The folder of GATK's networks: `make test` makes it, `make test-core` goes without."""
    folder = os.environ.get("CNNSCORE_MODELS")
    if not folder:
        pytest.skip("needs GATK's networks: run by `make test`, not by `make test-core`")
    assert (Path(folder) / "gatk-2d.onnx").is_file(), f"CNNSCORE_MODELS={folder} lacks gatk-2d"
    return Path(folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of two small random networks: tiny["reference"] and tiny["reads"]."""
    return write_tiny_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Untrained networks of our own encodings: stand_ins["read-set"] and stand_ins["reference"]."""
    return write_stand_ins(tmp_path_factory.mktemp("stand-ins"))


def scores_of(path: Path, key: str) -> list[str | None]:
    """The text of INFO/key of each record of a plain VCF."""
    scores = []
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if line.startswith("#"):
            continue
        fields = dict(field.partition("=")[::2] for field in line.split("\t")[7].split(";"))
        scores.append(fields.get(key))
    return scores
