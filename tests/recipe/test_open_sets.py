"""The sets beside the project, as accuracy.py judges by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from call_sets import Labelled
from cnnscore.network.cutoffs import BareCutoffs
from open_sets import (
    CALLERS,
    SIMULATOR,
    OwnCutoffs,
    bare_claims,
    levels,
    outside,
    pairs_claims,
    spans,
    within,
)

CUTOFFS = {"SNP": {99.0: -1.0, 99.9: -3.5}, "INDEL": {99.0: -2.0}}


def rows(start: list[int], scores: list[float], true: list[int]) -> Labelled:
    """SNPs at these places, scored by `net`."""
    n = len(start)
    return Labelled(
        np.array(true, np.bool_),
        np.zeros(n, np.int8),
        {"net": np.array(scores)},
        np.array(start, np.int64),
        np.array(start, np.int64) + 1,
        np.array(["AC"] * n),
    )


class Claims(dict[str, tuple[str, bool]]):
    """What was found of each claim, and whether it holds."""

    def __call__(self, text: str, found: str, kept: bool) -> None:
        self[text] = (found, bool(kept))


def test_what_a_bed_leaves_of_the_contigs(tmp_path: Path) -> None:
    """Regions out of order, overlapping, at both ends; a contig without any."""
    bed, fai = tmp_path / "x.bed", tmp_path / "x.fai"
    bed.write_text("a\t30\t40\na\t0\t5\na\t35\t50\na\t90\t100\n")
    fai.write_text("a\t100\t3\t60\t61\nb\t7\t200\t60\t61\n")
    left = outside(bed, fai, tmp_path / "left.bed").read_text()
    assert left == "a\t5\t30\na\t50\t90\nb\t0\t7\n"


def test_kinds_and_what_lies_in_them(tmp_path: Path) -> None:
    bed = tmp_path / "kinds.bed"
    bed.write_text("c\t10\t20\tsegdup\nc\t30\t31\tstutter\nc\t40\t50\tcollapsed\n")
    assert spans(bed, ("segdup", "collapsed")).tolist() == [[10, 20], [40, 50]]
    inside = within(rows([9, 10, 19, 20, 30, 45], [0.0] * 6, [1] * 6), spans(bed, ("segdup",)))
    assert inside.tolist() == [False, True, True, False, False, False]


def test_a_type_without_a_level_loses_nothing() -> None:
    assert levels(CUTOFFS) == {"SNP": -1.0, "INDEL": -2.0}
    assert levels(CUTOFFS, 99.9) == {"SNP": -3.5, "INDEL": -np.inf}


@pytest.mark.parametrize(("score", "kept"), [(-0.5, (True, False)), (-1.5, (False, False))])
def test_pairs(score: float, kept: tuple[bool, bool]) -> None:
    """Below 0, and below the cut-off; false records do not count."""
    claims = Claims()
    pairs_claims(claims, rows([1, 5, 9], [score, 3.0, -9.0], [1, 1, 0]), "net", OwnCutoffs(CUTOFFS))
    assert tuple(held for _, held in claims.values()) == kept
    assert [found.split(" (")[0] for found, _ in claims.values()] == [
        f"{int(score < -1)} of 2",
        "1 of 2",
    ]


def test_calls_without_annotations() -> None:
    true, false = [3.0] * 100, [-3.0] * 3 + [3.0] * 7
    sets = {
        f"{SIMULATOR}, {caller}": rows(list(range(110)), true + false, [1] * 100 + [0] * 10)
        for caller in CALLERS.values()
    }
    claims = Claims()
    bare_claims(claims, sets, "net", OwnCutoffs(CUTOFFS))
    assert [held for _, held in claims.values()] == [True, True]
    claims.clear()
    bare_claims(claims, sets, "net", OwnCutoffs({**CUTOFFS, "SNP": {99.0: -4.0}}))
    assert [held for _, held in claims.values()] == [False, False]


def test_a_call_without_annotations_has_a_cut_off_of_its_own() -> None:
    """One that lacks more than half of them; of a type that has none, that of all."""
    own = OwnCutoffs(CUTOFFS, BareCutoffs(("QD", "FS", "MQ"), {"SNP": {99.0: -3.0}}))
    calls = rows([1, 5, 9, 13], [-2.0, -2.0, -2.0, -2.5], [1, 1, 0, 0])
    calls.variant_type[3] = 1
    for key, values in {
        "QD": [9.0, np.nan, np.nan, np.nan],
        "FS": [0.0, 0.0, np.nan, np.nan],
        "MQ": [60.0, 60.0, 60.0, 60.0],
    }.items():
        calls.scores[key] = np.array(values)
    assert own.removed(calls, "net").tolist() == [True, True, False, True]
