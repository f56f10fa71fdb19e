"""A network's curve of cut-offs: any level, bare calls, and its way through a header line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from cnnscore.errors import BadInput
from cnnscore.network.cutoffs import (
    LEVELS,
    BareCutoffs,
    bare,
    callers_annotations,
    cutoff_at,
    cutoffs_text,
    default_levels,
    ranges_text,
    read_cutoffs_text,
    share_text,
)
from cnnscore.network.manifest import parse_manifest
from cnnscore.network.session import Session

TWO = {99.0: 1.0, 99.9: -1.0}


def test_any_level_between_stored_ones_that_are_near() -> None:
    """Of scores whose quantiles are known: normal ones, of which the curve stores LEVELS."""
    scores = np.sort(np.random.default_rng(1).normal(3, 2, 400_000))

    def lowest(level: float) -> float:
        return float(scores[int(len(scores) * (1 - level / 100))])

    curve = {level: lowest(level) for level in LEVELS}
    for level in (50.0, 55.5, 75.0, 93.3, 98.7, 99.0, 99.2, 99.42, 99.85, 99.93, 99.95):
        cut = cutoff_at(curve, level)
        assert cut is not None
        lost = 100 * (scores < cut).mean()
        assert lost == pytest.approx(100 - level, rel=0.06), level
    assert cutoff_at(curve, 49.9) is None
    assert cutoff_at(curve, 99.96) is None
    assert ranges_text(curve) == "50 to 99.95"


def test_two_points_are_no_curve() -> None:
    assert cutoff_at(TWO, 99.9) == -1.0
    assert cutoff_at(TWO, 99.5) is None
    assert cutoff_at(TWO, 95) is None
    assert ranges_text(TWO) == "99, 99.9"
    assert ranges_text({95.0: 1, 98.0: 0, 99.0: -1, 99.9: -2}) == "95, 98 to 99, 99.9"


def test_levels_that_are_taken_where_none_is_named() -> None:
    assert default_levels(dict.fromkeys(LEVELS, 0.0)) == [99.0, 99.9]
    assert default_levels({50.0: 2, 98.0: 1, 99.0: 0}) == [99.0]
    assert default_levels({90.0: 2, 98.0: 1}) == []


def test_bare_calls_lack_more_than_half_of_the_callers_annotations() -> None:
    keys = callers_annotations(("QUAL", "QD", "FS", "SOR", "MQ", "RelativeDepth"))
    assert keys == ("QD", "FS", "SOR", "MQ")
    known = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    assert bare(known).tolist() == [False, False, True, True]
    assert bare(np.zeros((2, 0), bool)).tolist() == [False, False]


def test_a_header_line_holds_both_curves() -> None:
    cutoffs = {"SNP": {50.0: 4.0, 99.95: -1.0}, "INDEL": {99.0: 0.5}}
    of_bare = BareCutoffs(("QD", "MQ"), {"SNP": {99.0: 0.25}})
    text = cutoffs_text(cutoffs, of_bare)
    assert text == "SNP:50.0:4.000,SNP:99.95:-1.000,INDEL:99.0:0.500;QD MQ;SNP:99.0:0.250"
    assert read_cutoffs_text(text) == (cutoffs, of_bare)
    assert cutoffs_text(cutoffs) == text.split(";")[0]
    assert read_cutoffs_text(text.split(";")[0]) == (cutoffs, BareCutoffs())


def test_those_of_sites_follow_all_others() -> None:
    """Writers of headers take them off (tests/golden/twins.json); one that does not harms none."""
    cutoffs, sites = {"SNP": {99.0: 1.0}}, {"SNP": {98.0: 2.0}, "INDEL": {98.0: -1.0}}
    of_bare = BareCutoffs(("QD",), {"SNP": {99.0: 0.25}})
    text = cutoffs_text(cutoffs, of_bare, sites)
    assert text == "SNP:99.0:1.000;QD;SNP:99.0:0.250;CNN_SITE;SNP:98.0:2.000,INDEL:98.0:-1.000"
    assert read_cutoffs_text(text) == (cutoffs, of_bare)
    assert read_cutoffs_text(cutoffs_text(cutoffs, None, sites)) == (cutoffs, BareCutoffs())
    assert read_cutoffs_text(text.partition(";CNN_SITE;")[2]) == (sites, BareCutoffs())
    assert cutoffs_text({}, None, sites).startswith(";CNN_SITE;SNP:")
    assert cutoffs_text({}) == ""


@pytest.mark.parametrize(
    "damaged",
    [
        "SNP:99.0:-1,SNP:99.9:2",
        "SNP:99.0:1.0;QD;SNP:99.0:0.5,SNP:99.9:0.501",
        "SNP:99.0:1.0;QD",
        "SNP:99.0:1.0;;SNP:99.0:0.5",
        "SNP:99.0:1.0;QD;",
        "SNP:99.0:1.0;QD;INDEL:99.0:0.5",
        "SNP:99.0:1.0;Q-D;SNP:99.0:0.5",
        "SNP:99.0:1.0;QD;SNP:99.0:0.5;",
        "SNP:99.0:1.0;QD;SNP:99.0:nan",
    ],
)
def test_a_damaged_line_gives_none(damaged: str) -> None:
    assert read_cutoffs_text(damaged) == ({}, BareCutoffs())


@pytest.mark.parametrize(
    ("of_bare", "says"),
    [
        ([], "must list annotations"),
        ({"annotations": "QD", "cutoffs": {}}, "must list annotations"),
        ({"annotations": ["Q D"], "cutoffs": {}}, "must list annotations"),
        ({"annotations": ["CNN_SITE"], "cutoffs": {}}, "must list annotations"),
        ({"annotations": ["QD"]}, "must give SNP and INDEL"),
        ({"annotations": ["QD"], "cutoffs": {"INDEL": {"99.0": 1}}}, "types that have cut-offs"),
        ({"annotations": [], "cutoffs": {"SNP": {"99.0": 1}}}, "types that have cut-offs"),
        ({"annotations": ["QD"], "cutoffs": {"SNP": {"99.0": 1, "99.9": 2}}}, "those of SNP rise"),
    ],
)
def test_a_manifest_with_bad_bare_cutoffs_is_refused(
    of_bare: object, says: str, tiny: dict[str, str]
) -> None:
    fields = {**asdict(Session(Path(tiny["reference"])).manifest), "schema": 1}
    fields |= {"cutoffs": {"SNP": {"99.0": 1}}, "bare_cutoffs": of_bare}
    with pytest.raises(BadInput, match=says):
        parse_manifest(json.dumps(fields), "net.onnx")


def test_the_share_at_a_score_is_the_level_that_has_it() -> None:
    levels = {50.0: 2.0, 75.0: 1.0, 80.0: 1.0, 90.0: 0.0, 99.9: -1.0}
    for level in (50.0, 62.5, 70.0, 80.0, 85.0, 90.0, 99.9):
        score = cutoff_at(levels, level)
        assert score is not None
        assert share_text(levels, float(np.float32(score))) == f"{level:g} %"
    assert share_text(levels, 2.001) == "less than 50 %"
    assert share_text(levels, -1.001) == "more than 99.9 %"
    assert share_text(levels, -0.5) == "90 to 99.9 %", "too far apart for a line between"
    assert share_text(levels, float("inf")) == "less than 50 %"
    assert share_text(levels, float("-inf")) == "more than 99.9 %"
