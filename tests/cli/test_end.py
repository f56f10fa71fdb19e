"""The end of a command's process: at once, but after whatever others have to do at an end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_what_comes_before_the_end() -> None:
    run = ended("help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("'cnnscore --version' prints the version.\nthread\nat exit\n")


def test_the_code_of_a_failure() -> None:
    run = ended("filter", "/none.vcf", "-o", "-")
    assert run.returncode == 2
    assert "/none.vcf" in run.stderr
    assert run.stdout == "thread\nat exit\n"


def test_an_output_that_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "cnnscore", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
    assert run.returncode == 120, "Python's own"
    assert "No space left on device" in run.stderr
