"""libcnnscore.so, as programs in C and in Python load it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
OK, INPUT, USAGE, BATCH, SERVER = 0, -2, -3, -5, -7


def build_library(folder: Path, flags: list[str]) -> Path:
    environment = {**os.environ, "CFLAGS": " ".join(flags), "LDFLAGS": " ".join(flags)}
    command = [sys.executable, str(NATIVE / "build_shim.py"), str(folder)]
    subprocess.run(command, env=environment, check=True)
    return folder / "libcnnscore.so"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library under test: the one that `make` built, else one built here."""
    made = os.environ.get("CNNSCORE_LIBRARY")
    return Path(made) if made else build_library(tmp_path_factory.mktemp("library"), [])
