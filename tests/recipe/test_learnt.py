"""Profiles as InSilicoSeq ships them: what is drawn is what the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learnt
from learnt import LEARNT, draw_learnt

CYCLES = 160


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A file of the same form: bad reads (a tenth) say 10 or 12, good ones 30 and, late, 25."""
    levels = np.arange(41)
    bad = np.where(levels < 10, 0, np.where(levels < 12, 0.5, 1.0))
    early, late = (levels >= 30).astype(float), (levels >= 25).astype(float)
    good = [early] * (CYCLES // 2) + [late] * (CYCLES // 2)
    table = np.empty(4, object)
    table[:] = [[], [bad] * CYCLES, [], good]
    wrong = {base: ([other for other in "ACGT" if other != base], [1.0, 0, 0]) for base in "ACGT"}
    cycles = np.array([wrong] * CYCLES, object)
    rates = np.array([dict.fromkeys("ACGT", 1e-5)] * CYCLES, object)
    for name in {file for files, _ in LEARNT.values() for file in files}:
        columns: dict[str, Any] = {
            "read_length": CYCLES,
            "ins_forward": rates,
            "del_forward": rates,
        }
        for mate in ("forward", "reverse"):
            columns[f"mean_count_{mate}"] = [0, 100, 0, 900]
            columns[f"quality_hist_{mate}"] = table
            columns[f"subst_choices_{mate}"] = cycles
        np.savez(tmp_path / f"{name}.npz", **columns)
    return tmp_path


@pytest.mark.parametrize("name", LEARNT)
def test_qualities_and_errors_are_those_of_the_file(name: str, profiles: Path) -> None:
    rng = np.random.default_rng(2)
    profile = draw_learnt(rng, name, profiles)
    quality = profile.qualities(rng, 2000, 1)
    assert quality.shape == (2000, profile.read_length)
    bad = (quality < 20).all(axis=1)
    assert bad.mean() == pytest.approx(0.1, abs=0.03)
    assert set(np.unique(quality[bad])) == {10, 12}
    assert set(np.unique(quality[~bad][:, : min(80, profile.read_length)])) <= {30}
    assert set(np.unique(quality[~bad][:, 80:])) <= {25}
    assert profile.indels == pytest.approx(2e-5)
    wrong = profile.misread(rng, np.array([0, 1, 2, 3], np.uint8))
    assert wrong.tolist() == [1, 0, 0, 0]


def test_no_profile_is_the_one_that_networks_are_tested_on() -> None:
    assert not [file for files, _ in LEARNT.values() for file in files if "hi" in file.lower()]


def test_what_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install"):
        draw_learnt(np.random.default_rng(1), "learnt-miseq")
