"""A data set of the synthetic calls, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts.training_data import make


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled windows of the synthetic calls, in blocks of 2 kb."""
    path = tmp_path_factory.mktemp("data") / "synthetic.parquet"
    splits = ("--block", 2000, "--validation", 0.25, "--calibration", 0.25)
    return make(path, *splits, "--tag", "artefact=mixed")
