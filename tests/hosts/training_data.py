"""Data sets for the training tests, made of the synthetic calls."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import DATA, run_cli

COUNTS = {"NOT_SNP": 67, "NOT_INDEL": 6, "SNP": 192, "INDEL": 30}
"""Rows of the synthetic calls: one record has two ALT alleles."""


def need_extra(*modules: str) -> None:
    """Skip where the `train` extra is not installed: `make test` installs it."""
    for module in modules:
        if find_spec(module) is None:
            pytest.skip(
                f"needs {module}: `make test` installs it, or pip install 'cnnscore[train]'",
                allow_module_level=True,
            )


def make(output: Path, *more: object, truth: Path = DATA / "truth.vcf.gz") -> Path:
    """A data set of the synthetic calls, or what else `more` says."""
    files = ("-R", DATA / "ref.fa", "-I", DATA / "reads.bam", "--truth", truth)
    finished = run_cli("dataset", DATA / "calls.vcf.gz", *files, "--quiet", "-o", output, *more)
    assert finished.code == 0, finished.err
    return output
