"""`score --work` on the synthetic calls, and a work folder that is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import DATA, Finished, run_cli

REF = DATA / "ref.fa"
N = 8
"""How many shards there are."""


def arguments(out: Path, folder: Path, *more: object) -> tuple[object, ...]:
    return (
        *("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam", "--no-version"),
        *("-o", out, "--work", folder, "--shards", N, *more),
    )


def score(out: Path, folder: Path, *more: object) -> Finished:
    return run_cli(*arguments(out, folder, *more))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder whose shards are all done."""
    folder = tmp_path_factory.mktemp("kept") / "work"
    run = score(folder.parent / "out.vcf", folder, "--keep-work")
    assert run.code == 0, run.err
    return folder


@pytest.fixture
def work(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "work"
    shutil.copytree(kept, folder)
    return folder
