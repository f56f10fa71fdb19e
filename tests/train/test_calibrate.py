"""Figures of merit, calibration and cut-offs on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cnnscore.network.cutoffs import LEVELS
from cnnscore.train.calibrate import (
    cutoffs,
    expected_error,
    fit_calibration,
    mean_quality,
    rank,
    rank_by_type,
    true_shares,
)

ONES = np.ones(4)


def test_ranking_by_hand() -> None:
    # Falling scores: true, false, true, false.
    scores, true = np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False])
    ranking = rank(scores, true, ONES)
    assert ranking.roc_auc == pytest.approx(3 / 4)  # of 4 pairs, (2, 3) is wrong
    assert ranking.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert ranking.artefact_precision == pytest.approx((1 + 2 / 3) / 2)
    assert (ranking.true, ranking.false) == (2, 2)


def test_ties_count_half_and_weights_count_as_rows() -> None:
    true = np.array([True, False, True, False])
    assert rank(np.zeros(4), true, ONES).roc_auc == pytest.approx(0.5)
    scores = np.array([3.0, 2.0, 1.0, 0.0])
    doubled = rank(scores, true, np.array([1.0, 2.0, 1.0, 1.0]))
    repeated = rank(scores[[0, 1, 1, 2, 3]], true[[0, 1, 1, 2, 3]], np.ones(5))
    assert doubled.roc_auc == pytest.approx(repeated.roc_auc)
    assert doubled.average_precision == pytest.approx(repeated.average_precision)


def test_a_type_without_artefacts_has_no_ranking() -> None:
    label = np.array([2, 2, 0, 3], np.int8)  # SNP, SNP, NOT_SNP, INDEL
    rankings = rank_by_type(np.array([2.0, 1.0, 0.0, 5.0]), label, np.ones(4, np.float32))
    assert rankings["SNP"].roc_auc == 1
    assert np.isnan(rankings["INDEL"].roc_auc)
    assert mean_quality(rankings) == 1
    assert np.isnan(mean_quality({"INDEL": rankings["INDEL"]}))


def sampled(
    slope: float, offset: float, kind: int, n: int = 20_000
) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose true log-odds are slope * score + offset, and labels drawn by these."""
    random = np.random.default_rng(kind)
    scores = random.normal(0, 2, n)
    true = random.random(n) < 1 / (1 + np.exp(-(slope * scores + offset)))
    return scores, (kind + 2 * true).astype(np.int8)


def test_calibration_finds_slope_and_offset_of_each_type() -> None:
    (snp, snp_label), (indel, indel_label) = sampled(1.5, 0.7, 0), sampled(0.4, -1.0, 1)
    scores, label = np.concatenate([snp, indel]), np.concatenate([snp_label, indel_label])
    weight = np.ones(len(scores), np.float32)
    fitted, lacking = fit_calibration(scores, label, weight, "data")
    assert lacking == []
    assert fitted["SNP"] == pytest.approx((1.5, 0.7), abs=0.06)
    assert fitted["INDEL"] == pytest.approx((0.4, -1.0), abs=0.06)
    even, _ = fit_calibration(scores, label, weight, "even")
    prior = np.log((indel_label == 3).sum() / (indel_label == 1).sum())
    assert even["INDEL"][1] == pytest.approx(fitted["INDEL"][1] - prior, abs=0.06)
    before = expected_error(scores, label, weight)
    slope, offset = np.where(label % 2 == 0, 1.5, 0.4), np.where(label % 2 == 0, 0.7, -1.0)
    after = expected_error(slope * scores + offset, label, weight)
    assert after["SNP"] < 0.02 < before["SNP"]
    assert after["INDEL"] < 0.02 < before["INDEL"]


def test_calibration_of_separable_and_of_few_rows_stays_finite() -> None:
    scores = np.concatenate([np.full(50, -3.0), np.full(50, 3.0), [1.0, -1.0]])
    label = np.array([0] * 50 + [2] * 50 + [3, 1], np.int8)
    fitted, lacking = fit_calibration(scores, label, np.ones(102, np.float32), "data")
    assert lacking == ["INDEL"]
    assert fitted["INDEL"] == (1.0, 0.0)
    assert 1 < fitted["SNP"][0] * 3 + fitted["SNP"][1] < 6


def test_cutoffs_keep_their_part_of_the_true_calls() -> None:
    true = np.arange(1, 1001, dtype=np.float64)  # scores 1..1000
    label = np.array([2] * 1000 + [0] * 50 + [3] * 99, np.int8)
    scores = np.concatenate([true, np.zeros(50), np.zeros(99)])
    found = cutoffs(scores, label, np.ones(len(scores), np.float32))
    assert list(found["SNP"]) == [level for level in LEVELS if level < 99.95]
    assert (found["SNP"][99.0], found["SNP"][99.9]) == (11.0, 2.0)
    assert max(found["INDEL"]) == 98.5, "99 indels are too few for 99 %"
    for level, score in found["SNP"].items():
        assert (true >= score).mean() == pytest.approx(level / 100, abs=1e-9)


def test_the_share_of_true_calls_is_that_of_the_weights() -> None:
    label = np.array([0, 2, 2, 1, 3], np.int8)
    weight = np.array([1, 2, 1, 3, 1], np.float32)
    assert true_shares(label, weight, "data") == {"SNP": 0.75, "INDEL": 0.25}
    assert true_shares(label, weight, "even") == {"SNP": 0.5, "INDEL": 0.5}
