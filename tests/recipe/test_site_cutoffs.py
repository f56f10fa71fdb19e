"""The recipe's cut-offs for a cohort's sites: levels, the network's file, its card."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import site_cutoffs
from cnnscore.cli.model import _card, _info
from cnnscore.network.session import Session
from cnnscore.network.store import bundled_folder
from cohort_calls import Cohort, Labelled
from site_cutoffs import kept_rows, kept_table, with_section, with_site_cutoffs

CUTOFFS = {"SNP": {90.0: 1.5, 99.0: -0.25}, "INDEL": {90.0: 0.5}}
READS = bundled_folder() / "reads.onnx"


def labelled(**scores: list[float]) -> Labelled:
    """Sites with these scores, by `true_SNP`, `false_INDEL` and so on; one carrier each."""
    values = np.array([score for of in scores.values() for score in of])
    kinds = [name for name, of in scores.items() for _ in of]
    n = len(values)
    return Labelled(
        np.array([kind.startswith("true") for kind in kinds]),
        np.array([kind.endswith("INDEL") for kind in kinds]).astype(np.int8),
        np.arange(n, dtype=np.uint64),
        {"CNN_SITE": values},
        np.arange(n),
        np.array([kind.startswith("true") for kind in kinds]),
        {"CNN_READS": values},
    )


def test_two_callers_calls_count_once() -> None:
    """A level needs its true sites, not the calls of them; false calls set nothing."""
    true = [float(i) for i in range(200)]
    rows = labelled(true_SNP=true, false_SNP=[-50.0] * 90, true_INDEL=true[:19])
    one, two = (site_cutoffs.site_cutoffs(rows, callers) for callers in (1, 2))
    assert one["SNP"][95.0] == two["SNP"][95.0] == 10
    assert two["SNP"][99.0] == 2
    assert (max(one["SNP"]), max(two["SNP"])) == (99.5, 99.0)
    assert (max(one["INDEL"]), max(two["INDEL"])) == (94.0, 85.0)
    assert site_cutoffs.site_cutoffs(labelled(false_SNP=[1.0]), 2) == {}


def test_the_file_keeps_its_graph(tmp_path: Path) -> None:
    before = READS.read_bytes()
    after = with_site_cutoffs(before, CUTOFFS)
    assert with_site_cutoffs(after, CUTOFFS) == after
    graphs = [onnx.load_from_string(file).graph.SerializeToString() for file in (before, after)]
    assert graphs[0] == graphs[1]
    (tmp_path / "net.onnx").write_bytes(after)
    old, new = Session(READS, "cpu").manifest, Session(tmp_path / "net.onnx", "cpu").manifest
    assert new.site_cutoffs == CUTOFFS
    assert replace(new, site_cutoffs=old.site_cutoffs) == old
    assert with_site_cutoffs(after, old.site_cutoffs) == before


def test_what_they_keep() -> None:
    parts = [labelled(true_SNP=[2.0, -1.0], false_SNP=[1.0]), labelled(true_SNP=[1.5, 0.0])]
    rows = kept_rows("gatk", parts, CUTOFFS)
    assert [(row["type"], row["level"]) for row in rows] == [
        ("SNP", 90.0), ("SNP", 99.0), ("INDEL", 90.0)
    ]  # fmt: skip
    assert [(row["kept"], row["true"], row["removed"], row["false"]) for row in rows] == [
        (2, 4, 1, 1), (3, 4, 0, 1), (0, 0, 0, 0)
    ]  # fmt: skip
    table = kept_table(rows)
    assert table[2].startswith("| GenotypeGVCFs | SNP | 90 | 1.500 | 50.0 % (15.0 to 85.0) of 4 |")
    assert table[4].endswith("| none | none |")


def test_a_card_has_the_section_once() -> None:
    card = "# net\n\n## Cut-offs\n\n- a\n\n## What it does not know\n\n- all\n"
    rows = kept_rows("gatk", [labelled(true_SNP=[2.0])], CUTOFFS)
    once = with_section(card, CUTOFFS, rows)
    assert with_section(once, CUTOFFS, rows) == once
    headings = [line for line in once.splitlines() if line.startswith("## ")]
    assert headings == ["## Cut-offs", site_cutoffs.HEADING, "## What it does not know"]
    assert once.endswith("\n\n## What it does not know\n\n- all\n")
    assert with_section("# net\n", CUTOFFS, rows).endswith(" |\n")


def test_a_card_that_is_not_written_has_them_and_so_has_model_info(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.onnx").write_bytes(with_site_cutoffs(READS.read_bytes(), CUTOFFS))
    _card(str(tmp_path / "net.onnx"))
    assert (
        "- SNP, sites of a cohort (CNN_SITE): 99 %: -0.250; any from 90" in capsys.readouterr().out
    )
    _info(str(tmp_path / "net.onnx"), as_json=False)
    shown = "cut-offs of CNN_SITE  SNP:90.0:1.500,SNP:99.0:-0.250,INDEL:90.0:0.500"
    assert shown in capsys.readouterr().out


def test_the_whole_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cohorts of the split `valid` set what is written, those of `test` the card's figures."""
    network = tmp_path / "net.onnx"
    shutil.copyfile(READS, network)
    network.with_suffix(".md").write_text("# net\n")
    members = [{"name": "s01"}]
    design = [
        {"name": split, "split": split, "trio": False, "members": members}
        for split in ("valid", "test")
    ]
    (tmp_path / "cohorts.json").write_text(json.dumps(design))
    scores = {"valid": [float(i) for i in range(100)], "test": [0.0, 9.0, 20.0, 30.0]}

    def label(cohort: Cohort, _scored: Path, _keys: object) -> Labelled:
        return labelled(true_SNP=scores[cohort.split])

    monkeypatch.setattr(site_cutoffs, "score", lambda cohort, _network, _out: cohort.calls)
    monkeypatch.setattr(site_cutoffs, "label", label)
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), "--network", str(network)])
    site_cutoffs.main()
    of_snps = Session(network, "cpu").manifest.site_cutoffs["SNP"]
    assert (of_snps[90.0], max(of_snps)) == (10.0, 99.0)
    row = "| GenotypeGVCFs | SNP | 90 | 10.000 | 50.0 % (15.0 to 85.0) of 4 | none |"
    assert row in network.with_suffix(".md").read_text()
