"""The held-out samples that ask one thing: what is counted."""

from __future__ import annotations

import numpy as np

from call_sets import Labelled
from questions import (
    beside,
    capture_claims,
    in_both,
    invented_claims,
    lost,
    near_claims,
    near_loss,
)

CUT = {"SNP": -1.0, "INDEL": 1.0}


def rows(*records: tuple[int, str, bool, float]) -> Labelled:
    """Records of (0-based start, REF/ALT, true, score)."""
    start, alleles, true, score = zip(*records, strict=True)
    ref = np.array([len(text.split("/")[0]) for text in alleles])
    same = np.array([len(set(map(len, text.split("/")))) == 1 for text in alleles])
    starts = np.array(start, np.int64)
    return Labelled(
        np.array(true), np.where(same, 0, 1).astype(np.int8), {"reads": np.array(score)},
        starts, starts + ref, np.array(alleles),
    )  # fmt: skip


def test_beside_counts_from_the_end_of_what_is_before() -> None:
    start, end = np.array([0, 20, 31, 60, 75]), np.array([11, 21, 50, 61, 76])
    assert beside(start, end, 10).tolist() == [True, True, True, True, False]
    assert beside(start, end, 8).tolist() == [False] * 5
    assert beside(start[:1], end[:1], 10).tolist() == [False]


def test_the_cut_off_is_of_the_type_and_no_score_is_lost() -> None:
    score = np.array([-1.0, -1.1, 0.9, 1.0, np.nan])
    types = np.array([0, 0, 1, 1, 0], np.int8)
    assert lost(score, types, CUT).tolist() == [False, True, True, False, True]


def test_only_true_variants_beside_true_ones_are_asked_for() -> None:
    one = rows(
        (100, "A/AT", True, 0.5),  # lost: an indel under 1
        (105, "C/G", True, -0.5),  # kept, but below 0
        (110, "C/T", False, -9.0),
        (500, "C/T", True, -9.0),  # alone
        (505, "G/T", False, 3.0),
    )
    found = near_loss([one], "reads", CUT)
    assert (found.total, found.cut, found.below_zero) == (2, 1, 1)
    claims: list[bool] = []
    near_claims(lambda claim, said, kept: claims.append(kept), [one], "reads", CUT)
    assert claims == [False, False, False]


def test_whole_and_captured_are_compared_on_the_calls_of_both() -> None:
    whole = rows(
        (1, "A/C", False, -5.0), (9, "A/G", False, -5.0), (20, "A/T", False, -5.0),
        (30, "C/G", True, 2.0), (40, "C/G", True, 2.0),
    )  # fmt: skip
    captured = rows(
        (30, "C/G", True, -2.0), (9, "A/G", False, 0.0), (1, "A/C", False, -5.0),
        (40, "C/G", False, 2.0), (20, "A/C", False, 2.0),
    )  # fmt: skip
    one, other = in_both(whole, captured)
    assert one.start.tolist() == other.start.tolist() == [1, 9, 30]
    said: list[tuple[str, bool]] = []
    capture_claims(
        lambda claim, found, kept: said.append((found, kept)), [(whole, captured)], "reads", CUT
    )
    assert said == [("1 and 2 of 2", False), ("1 and 0 of 1", False)]


def test_few_calls_that_no_caller_makes_pass() -> None:
    sets = [
        rows((1, "A/C", False, -5.0), (9, "A/G", False, -0.5)),
        rows((1, "A/AC", False, 0.0), (9, "A/AG", False, -0.5)),
    ]
    claims: list[tuple[str, bool]] = []
    invented_claims(lambda claim, said, kept: claims.append((said, kept)), sets, "reads", CUT)
    assert claims == [("1 of 2 (50.0%)", False), ("0 of 2 (0.0%)", True)]
