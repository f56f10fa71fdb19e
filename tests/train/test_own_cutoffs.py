"""A network's curve of cut-offs: from held-out true calls alone, apart for bare calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs PyTorch: run by `make test`")

from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.description import LABELS
from cnnscore.network.cutoffs import LEVELS, BareCutoffs
from cnnscore.network.session import Session
from cnnscore.train import own_cutoffs as module
from cnnscore.train.config import load_config
from cnnscore.train.own_cutoffs import Before, own_cutoffs
from cnnscore.train.rehearsal import bundled
from cnnscore.train.samples import Samples, load_samples
from conftest import run_cli

KEYS = ("QUAL", "QD", "FS", "RelativeDepth")
SNP, NOT_SNP = LABELS.index("SNP"), LABELS.index("NOT_SNP")


@pytest.fixture
def scores_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in of a network is a number that its scores are moved by."""

    def predict(network: Any, samples: Samples, rows: Any, *, calibrated: bool) -> Any:
        assert calibrated
        return samples.planes["score"][rows] + network

    monkeypatch.setattr(module, "predict", predict)


def rows(scores: Any, bare: Any, label: int = SNP, split: str = "calibration") -> Samples:
    n = len(scores)
    return Samples(
        planes={"score": np.asarray(scores, float)},
        row_read=np.zeros(n + 1, np.int64),
        label=np.full(n, label, np.int8),
        split=np.full(n, SPLITS.index(split), np.int8),
        weight=np.ones(n, np.float32),
        bare=np.broadcast_to(bare, n).copy(),
    )


def joined(*parts: Samples) -> Samples:
    def of(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    scores = np.concatenate([part.planes["score"] for part in parts])
    label, split, weight, bare = map(of, ("label", "split", "weight", "bare"))
    return Samples(
        {"score": scores}, np.zeros(len(scores) + 1, np.int64), label, split, weight, bare=bare
    )


@pytest.mark.usefixtures("scores_are_stored")
def test_only_held_out_true_calls_count() -> None:
    true = rows(np.arange(1, 2001), False)
    more = [
        rows(np.full(5000, 9e3), False, split="train"),
        rows(np.full(5000, 9e3), False, split="test"),
        rows(np.full(5000, 9e3), False, label=NOT_SNP),
    ]
    used: dict[str, Any] = {}
    found, bare = own_cutoffs(0, joined(true, *more), None, KEYS, used)  # type: ignore[arg-type]
    assert found == {"SNP": {level: round(2000 * (1 - level / 100)) + 1 for level in LEVELS}}
    assert bare == BareCutoffs()
    assert used["cutoffs"] == ["validation+calibration"]


@pytest.mark.usefixtures("scores_are_stored")
def test_bare_calls_are_apart_where_there_are_enough_of_both() -> None:
    ours, theirs = np.arange(1, 2001) + 1e4, np.arange(1, 1001)
    samples = joined(rows(ours, False), rows(theirs, True))
    found, bare = own_cutoffs(0, samples, None, KEYS, {})  # type: ignore[arg-type]
    assert bare.annotations == ("QD", "FS")
    assert found["SNP"][99.0] == 1e4 + 21
    assert max(found["SNP"]) == 99.95
    assert bare.cutoffs["SNP"][99.0] == 11
    assert max(bare.cutoffs["SNP"]) == 99.9
    few = joined(rows(ours, False), rows(theirs[1:], True))
    found, bare = own_cutoffs(0, few, None, KEYS, {})  # type: ignore[arg-type]
    assert bare == BareCutoffs(), "999 are too few for 99.9 %: all are one"
    assert found["SNP"][90.0] < 1e4


@pytest.mark.usefixtures("scores_are_stored")
def test_a_refined_network_keeps_what_its_start_kept_of_bare_calls_too() -> None:
    """The start, whose scores are higher by 5, keeps 95 % of the general bare calls and 98 % of the
    others by its own cut-offs: so does the refined one."""
    general = joined(
        rows(np.arange(1, 1001) + 1e4, False, split="validation"),
        rows(np.arange(1, 1001), True, split="validation"),
    )
    start = Before(
        5,  # type: ignore[arg-type]
        {"SNP": {99.0: 1e4 + 20 + 5.5}},
        BareCutoffs(("QD", "FS"), {"SNP": {99.0: 5.5}}),
        general,
    )
    samples = joined(rows(np.full(1000, 2e4), False), rows(np.full(1000, 2e4), True))
    used: dict[str, Any] = {}
    found, bare = own_cutoffs(0, samples, start, KEYS, used)  # type: ignore[arg-type]
    assert used["cutoffs"] == ["validation+calibration", "general"]
    assert found["SNP"][99.0] == 1e4 + 11, "its own 99 % is lower than what the start kept"
    assert bare.cutoffs["SNP"][99.0] == 1
    assert bare.cutoffs["SNP"][99.9] == 1


def test_rows_know_whether_they_are_bare(synthetic: Path, tmp_path: Path) -> None:
    """By the annotations of the caller, also where the network fills them from the reads."""
    options = load_config("read-set", ()).data
    samples = load_samples([synthetic], options, tmp_path / "planes")
    dataset = Dataset(synthetic)
    columns = [
        dataset.layout.annotations.index(key)
        for key in ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum")
    ]
    values = np.concatenate([batch.annotations[:, columns] for batch, _ in dataset.batches()])
    assert samples.bare.tolist() == [sum(np.isfinite(row)) < 3 for row in values]
    rehearsed = bundled(options)
    assert rehearsed is not None
    assert 0.3 < rehearsed.samples.bare.mean() < 0.8, "two callers of three write none of them"


def test_a_trained_network_stores_its_curve(synthetic: Path, tmp_path: Path) -> None:
    sets = ("--set", "training.steps=20", "--set", "name=mine")
    done = run_cli("train", "read-set", synthetic, "-o", tmp_path / "run", "--quiet", *sets)
    assert done.code == 0, done.err
    path = tmp_path / "run" / "mine.onnx"
    manifest = Session(path, "cpu").manifest
    held_out = dict.fromkeys(("SNP", "INDEL"), 0)
    for split in ("validation", "calibration"):
        for name in held_out:
            held_out[name] += manifest.training["data"]["rows"][split][name]
    for name, n in held_out.items():
        assert list(manifest.cutoffs[name]) == [
            level for level in LEVELS if n >= round(1 / (1 - level / 100))
        ]
        assert (
            f"any from 50 to {max(manifest.cutoffs[name]):g} %"
            in path.with_suffix(".md").read_text()
        )
