"""The script for people with a GPU, run on the CPU: short, and all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "check.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.usefixtures("gatk_models")
def test_all_of_it_on_the_cpu() -> None:
    words = ["--provider", "cpu", "--network", "gatk-2d", "--batch", "8", "16", "--seconds", "0.1"]
    done = run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    for claim in (
        "294 sites of calls: from GATK's scores",
        "sites of deep: from GATK's scores",
        "a site in batches of 1 to 24",
        "sites that one core encodes per second",
        "16 sites of 128 rows x 128: memory",
        "probabilities of its two forms",
    ):
        assert claim in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| cpu gatk-2d | ")]
    assert {row.split(" | ")[1] for row in rows} == {"8", "16"}
    assert rows[-1].split(" | ")[-1] != "- |"  # in company
    assert done.stdout.endswith("all holds\n")


@pytest.mark.usefixtures("gatk_models")
def test_a_provider_that_is_not_there_fails() -> None:
    if os.path.exists("/dev/nvidia0"):  # noqa: PTH110
        pytest.skip("a GPU is here")
    done = run("--provider", "cuda", "--network", "gatk-1d")
    assert done.returncode == 1
    assert "does not work here" in done.stdout
    assert done.stdout.endswith("not all holds: see the rows that end with FAIL\n")
