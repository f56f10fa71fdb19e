"""Metrics: cases worked by hand, curves, infinite and missing scores."""

from __future__ import annotations

import numpy as np
import pytest

from cnnscore.evaluate import metrics

# Scores descending: true, true, false, true, (true, false tied), false.
SCORES = np.array([9.0, 8.0, 7.0, 6.0, 5.0, 5.0, 1.0])
TRUE = np.array([1, 1, 0, 1, 1, 0, 0], bool)


def test_figures_by_hand() -> None:
    found = metrics.figures(SCORES, TRUE)
    # 12 pairs: a true call beats a false one 3+3+2... times: 9 and 8 beat all three false (6),
    # 6 beats two (2), 5 beats one and ties with one (1.5).
    assert found["roc_auc"] == pytest.approx(9.5 / 12)
    # Recall rises by a quarter at precision 1, 1, 3/4, and 4/6 at the tie.
    assert found["average_precision"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 6) / 4)
    assert found["best_f1"] == pytest.approx(2 * 4 / (6 + 4))
    assert found["best_f1_threshold"] == 5.0
    assert found["recall_at_precision_70"] == pytest.approx(3 / 4)
    assert found["recall_at_precision_80"] == pytest.approx(2 / 4)
    assert found["recall_at_precision_99"] == pytest.approx(2 / 4)


def test_a_precision_that_no_threshold_has() -> None:
    found = metrics.figures(np.array([3.0, 2.0, 1.0]), np.array([False, True, False]))
    assert found["recall_at_precision_70"] == 0.0
    assert found["roc_auc"] == 0.5


@pytest.mark.parametrize("all_true", [True, False])
def test_one_class_has_no_figures(all_true: bool) -> None:
    found = metrics.figures(SCORES, np.full(7, all_true))
    assert set(found.values()) == {None}


def test_curve_and_tranches() -> None:
    curve = metrics.curve(SCORES, TRUE)
    assert curve.threshold.tolist() == [9, 8, 7, 6, 5, 1]
    assert curve.true.tolist() == [1, 2, 2, 3, 4, 4]
    assert curve.false.tolist() == [0, 0, 1, 1, 2, 3]
    rows = metrics.tranches(curve, (50.0, 75.0, 76.0, 100.0))
    assert [row["threshold"] for row in rows] == [8, 6, 5, 5]
    assert rows[1]["precision"] == 3 / 4
    assert metrics.tranches(metrics.curve(SCORES, ~np.ones(7, bool)), (50.0,)) == []


def test_a_thinned_curve_has_points_of_the_whole() -> None:
    random = np.random.default_rng(3)
    scores, is_true = random.normal(size=50_000), random.random(50_000) < 0.99
    whole = metrics.curve(scores, is_true)
    thin = whole.thinned(400)
    assert len(thin.threshold) <= 402
    at = np.searchsorted(-whole.threshold, -thin.threshold)
    assert (whole.true[at] == thin.true).all()
    assert (whole.false[at] == thin.false).all()
    assert (thin.true[-1], thin.false[-1]) == (whole.true[-1], whole.false[-1])


def test_tranche_points_stay_in_a_thinned_curve() -> None:
    """Also where the tranches of 99.5, 99.9 and 100 % lie closer than the thinned points."""
    random = np.random.default_rng(4)
    scores, is_true = random.normal(size=30_000), random.random(30_000) < 0.9
    whole = metrics.curve(scores, is_true)
    levels = (90.0, 99.0, 99.5, 99.9, 99.99, 100.0)
    points = metrics.tranche_points(whole, levels)
    assert len(set(points)) == len(levels)
    thin = whole.thinned(40, keep=points)
    assert set(whole.threshold[points]) <= set(thin.threshold)
    rows = metrics.tranches(whole, levels)
    assert [row["threshold"] for row in rows] == whole.threshold[points].tolist()


def test_missing_and_infinite_scores_have_their_places() -> None:
    given = np.array([3.0, np.nan, -5.0, np.inf, -np.inf, 3.5])
    ordered = metrics.Ordered.of(given)
    assert np.isfinite(ordered.values).all()
    assert np.argsort(ordered.values).tolist() == [1, 4, 2, 0, 5, 3]
    back = [ordered.score(value) for value in ordered.values.tolist()]
    assert back == [3.0, None, -5.0, np.inf, -np.inf, 3.5]
    plain = metrics.Ordered.of(SCORES)
    assert np.array_equal(plain.values, SCORES)
    assert not plain.stands_for
    for alone in (np.nan, np.inf, -np.inf):
        values = metrics.Ordered.of(np.full(3, alone)).values
        assert np.isfinite(values).all()
        assert len(set(values.tolist())) == 1


def test_histogram_and_calibration() -> None:
    table = metrics.histogram(SCORES, TRUE, bins=4)
    assert (sum(table["true"]), sum(table["false"])) == (4, 3)
    bins = metrics.calibration(np.repeat([0.0, 2.0], 50), np.arange(100) % 10 < 5, "log-odds", 2)
    assert [row["predicted"] for row in bins] == pytest.approx([0.5, 1 / (1 + np.exp(-2))])
    assert bins[0]["observed"] == 0.5
    assert bins[0]["low"] == pytest.approx(0.366, abs=1e-3)  # Wilson, 25 of 50
    assert metrics.probability(np.array([10.0, 30.0]), "phred") == pytest.approx([0.9, 0.999])
    assert metrics.probability(SCORES, None) is None
    single = metrics.calibration(np.zeros(5), np.ones(5, bool), None)
    assert single[0]["n"] == 5
