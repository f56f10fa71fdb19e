"""The end of a command's process: at once, but after whatever others have to do at an end."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import DATA

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
PROCESS = """
import atexit, os, sys, threading
from cnnscore.__main__ import main

class Rest:
    def __del__(self, say=os.write):
        say(1, b"taken apart")

def later():
    threading.main_thread().join()
    print("thread")

rest = Rest()
code = main()
atexit.register(print, "at exit")
threading.Thread(target=later).start()
sys.exit(code)
"""


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROCESS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)


def in_shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `cnnscore LINE`, redirections included."""
    return subprocess.run(
        ["bash", "-c", f"{shlex.quote(sys.executable)} -m cnnscore {line}"],
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, **environment},
    )


def test_what_comes_before_the_end() -> None:
    run = ended("help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("'cnnscore --version' prints the version.\nthread\nat exit\n")


def test_the_code_of_a_failure() -> None:
    run = ended("filter", "/none.vcf", "-o", "-")
    assert run.returncode == 2
    assert "/none.vcf" in run.stderr
    assert run.stdout == "thread\nat exit\n"


FULL = "cnnscore: error: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "line",
    [
        "--version",
        "--help",
        "score --help",
        "help filter",
        "model list",
        "model card reads",
        "completion bash",
        "doctor",
        f"shards {DATA / 'calls.vcf.gz'}",
    ],
)
def test_an_output_that_is_full(line: str, unbuffered: str) -> None:
    run = in_shell(f"{line} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.returncode, run.stderr) == (2, FULL)


def test_an_output_that_fills_up_after_the_command() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", PROCESS, "filter", "/none.vcf"]
        run = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRONMENT
        )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 2
    assert run.stderr.endswith(FULL)


def test_a_reader_that_goes_away() -> None:
    run = in_shell("score --help | true; exit ${PIPESTATUS[0]}")
    assert (run.returncode in (0, 141), run.stderr) == (True, "")


FILTER = f"filter {DATA / 'calls.vcf.gz'} --info-key QD --threshold 5"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("quiet", ["", "--quiet"])
@pytest.mark.parametrize("nowhere", ["2>/dev/null", "2>&-", "2>/dev/full"])
def test_messages_that_nobody_can_read(
    tmp_path: Path, nowhere: str, quiet: str, unbuffered: str
) -> None:
    output = tmp_path / "x.vcf"
    run = in_shell(f"{FILTER} -o {output} {quiet} {nowhere}", PYTHONUNBUFFERED=unbuffered)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert output.read_text().count("\n") == len(in_shell(FILTER).stdout.splitlines())
    assert in_shell(f"filter /none.vcf {nowhere}", PYTHONUNBUFFERED=unbuffered).returncode == 2
