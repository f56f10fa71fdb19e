"""`tests/bench/peers.py` where GATK's own tools cannot be run: what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import TESTS


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TESTS / "bench" / "peers.py"), str(folder)]
    given = {name: value for name, value in os.environ.items() if not name.startswith("CNNSCORE")}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**given, **env}
    )


def gatk(folder: Path, *versions: str) -> str:
    """A folder of GATK that holds no GATK, beside those of other versions."""
    for version in versions:
        jars = folder / f"gatk-{version}"
        jars.mkdir()
        (jars / f"gatk-{version}.jar").touch()
    return str(folder / "gatk-4.6.2.0")


def test_without_gatk(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("skipped: no GATK: run by `make bench`, or set CNNSCORE_GATK") == 2


def test_one_version_of_gatk_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, CNNSCORE_GATK=gatk(tmp_path, "4.6.2.0"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("CNNScoreVariants 4.6.0.0: skipped: no GATK 4.6.0.0 in ")
    assert lines[1].startswith("NVScoreVariants 4.6.2.0: skipped: CNNSCORE_GATK_SOURCE names no")


def test_no_python_of_that_version(tmp_path: Path) -> None:
    given = {"CNNSCORE_GATK": gatk(tmp_path, "4.6.0.0", "4.6.2.0"), "PATH": "/nowhere"}
    done = run(tmp_path, PYENV_ROOT=str(tmp_path), **given)
    assert done.returncode == 0, done.stderr
    assert "CNNScoreVariants 4.6.0.0: skipped: no Python 3.6 on the PATH" in done.stdout


def test_packages_that_cannot_be_installed(tmp_path: Path) -> None:
    """What pip says, and no half environment that the next run would take for a whole one."""
    python = tmp_path / "versions" / "3.6.15" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.6.15 && exit\n'
                      'echo "no network" >&2; exit 1\n')  # fmt: skip
    python.chmod(0o755)
    given = {"CNNSCORE_GATK": gatk(tmp_path, "4.6.0.0"), "PYENV_ROOT": str(tmp_path)}
    done = run(tmp_path, **given, PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "failed: no network" in done.stdout
    assert not (tmp_path / "peers" / "CNNScoreVariants" / "ready").exists()
