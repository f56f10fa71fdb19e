"""What ships: two small networks with cards and cut-offs, which tell true calls from false ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cnnscore
from accuracy import MOST_BYTES, MOST_MACS, multiply_accumulates
from cnnscore.calls.records import Calls, Records
from cnnscore.network.session import Session
from cnnscore.network.store import bundled_folder
from cnnscore.truth.labels import TRUE, Labeller
from cnnscore.truth.truth_set import TruthSet

SYNTHETIC = Path(__file__).parents[1] / "data/synthetic"
LEAST_AUC = {"reads": 0.9, "reference": 0.8}


@pytest.mark.parametrize("name", ["reads", "reference"])
def test_a_bundled_network_is_small_and_has_a_card(name: str) -> None:
    path = bundled_folder() / f"{name}.onnx"
    assert path.stat().st_size <= MOST_BYTES
    assert multiply_accumulates(path) <= MOST_MACS
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    for kind in ("SNP", "INDEL"):
        cutoffs = Session(path, "cpu").manifest.cutoffs[kind]
        assert cutoffs[99.9] < cutoffs[99.0]


@pytest.mark.parametrize("name", ["reads", "reference"])
def test_a_bundled_network_knows_artefacts_of_another_simulator(name: str, tmp_path: Path) -> None:
    calls, reference = SYNTHETIC / "calls.vcf.gz", SYNTHETIC / "ref.fa"
    scored = tmp_path / "scored.vcf"
    cnnscore.open(model=str(bundled_folder() / f"{name}.onnx")).score(
        str(calls),
        reference=str(reference),
        reads=[str(SYNTHETIC / "reads.bam")] if name == "reads" else [],
        output=str(scored),
    )
    file, records = Calls(str(scored)), Records()
    truth = TruthSet.read(str(SYNTHETIC / "truth.vcf.gz"), reference=str(reference))
    file.read(records, 1000)
    is_true = Labeller(truth, None).label(records.sites()).record == TRUE
    key = Session(bundled_folder() / f"{name}.onnx", "cpu").manifest.info_key
    score = records.numbers("INFO", key)[records.sites().site_allele[:-1]]
    assert np.isfinite(score).all()
    above = score[is_true][:, None] > score[~is_true][None]
    assert above.mean() > LEAST_AUC[name]
