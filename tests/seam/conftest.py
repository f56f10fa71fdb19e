"""libcnnscore.so, as programs in C and in Python load it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.batch import WindowBatch
from hosts.server import Windows
from seam.library import Library

NATIVE = Path(__file__).parents[2] / "native"
HERE = Path(__file__).parent
STRICT = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow"]
INPUT, USAGE, BATCH, SERVER = -2, -3, -5, -7

Host = Callable[..., subprocess.CompletedProcess[str]]


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


def build_program(source: Path, output: Path, *flags: str) -> Path:
    include = f"-I{NATIVE / 'include'}"
    command = ["cc", *STRICT, include, str(source), *flags, "-ldl", "-lpthread", "-o", str(output)]
    subprocess.run(command, check=True)
    return output


@pytest.fixture(scope="session")
def host(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Runs a command of host.c; the library must say nothing on stderr."""
    program = build_program(HERE / "host.c", tmp_path_factory.mktemp("host") / "host")

    def run(
        *arguments: object,
        env: dict[str, str] | None = None,
        library: Path = library,
        **options: Any,
    ) -> Any:
        finished = subprocess.run(
            [program, library, *map(str, arguments)],
            env=dict(os.environ) if env is None else env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )
        assert finished.stderr == ""
        assert finished.returncode == 0
        return finished

    return run


@dataclass(frozen=True)
class Case:
    """A network, a file with windows that fit it, and what the Python engine says of them."""

    model: str
    file: Path
    scores: bytes


def write_batch(path: Path, batch: WindowBatch) -> None:
    """As host.c reads it."""
    counts = [len(batch), batch.annotations.shape[1], batch.reference_left]
    counts += [batch.reference.shape[1], len(batch.contig_length)]
    columns = (
        *(batch.contig, batch.pos, batch.end, batch.kind, batch.site_allele, batch.allele_offset),
        *(batch.alleles, batch.annotations, batch.reference, batch.site_read, batch.read_offset),
        *(batch.reads, batch.contig_length, batch.contig_offset, batch.contig_names),
    )
    with path.open("wb") as file:
        file.write(np.array(counts, np.int32).tobytes())
        for column in columns:
            file.write(np.int64(column.nbytes).tobytes() + column.tobytes())


@pytest.fixture(scope="session")
def cases(windows: dict[str, Windows], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """One case for each encoding."""
    folder = tmp_path_factory.mktemp("batches")
    for kind, what in windows.items():
        write_batch(folder / kind, what.batch)
    return {
        kind: Case(what.model, folder / kind, what.scores.tobytes())
        for kind, what in windows.items()
    }


@pytest.fixture(params=["reference", "reads"])
def case(request: pytest.FixtureRequest, windows: dict[str, Windows]) -> Windows:
    return windows[request.param]


@pytest.fixture(scope="module")
def inside(library: Path) -> Library:
    return Library(library)


@pytest.fixture
def engine(inside: Library, case: Windows) -> Iterator[Any]:
    opened = inside.open(case.model, threads=2)
    yield opened
    inside.lib.cnnscore_engine_close(opened)
