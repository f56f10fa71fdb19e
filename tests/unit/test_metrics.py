"""Metrics: cases worked by hand, scikit-learn against our own counting, the bootstrap."""

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
    assert (
        metrics.interval(metrics.bootstrap([SCORES], np.full(7, all_true), 20, 1)[:, 0, 0]) is None
    )


@pytest.mark.parametrize("seed", range(5))
def test_our_counting_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(5, 400))
    scores = np.round(random.normal(size=n), int(random.integers(0, 4)))  # ties of all kinds
    is_true = random.random(n) < random.random()
    is_true[:2] = True, False
    ours = metrics._Ranked(scores, is_true).metrics(np.ones(n, np.int32))
    theirs = metrics.figures(scores, is_true)
    assert ours == pytest.approx([theirs[name] for name in metrics.METRICS])


def test_weights_are_repeated_rows() -> None:
    weight = np.array([2, 0, 1, 3, 1, 1, 2], np.int32)
    ours = metrics._Ranked(SCORES, TRUE).metrics(weight)
    rows = np.repeat(np.arange(7), weight)
    theirs = metrics.figures(SCORES[rows], TRUE[rows])
    assert ours == pytest.approx([theirs[name] for name in metrics.METRICS])


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


def test_missing_scores_come_last() -> None:
    values, fill = metrics.filled(np.array([3.0, np.nan, -5.0]))
    assert fill == -10.0
    assert values.tolist() == [3.0, -10.0, -5.0]
    assert metrics.filled(SCORES)[1] is None


def test_the_bootstrap_depends_on_its_seed_alone() -> None:
    random = np.random.default_rng(5)
    is_true = random.random(300) < 0.8
    good, noise = is_true + random.normal(size=300), random.normal(size=300)
    draws = metrics.bootstrap([good, noise], is_true, 200, 7)
    assert np.array_equal(draws, metrics.bootstrap([good, noise], is_true, 200, 7))
    assert not np.array_equal(draws, metrics.bootstrap([good, noise], is_true, 200, 8))
    auc = metrics.METRICS.index("roc_auc")
    low, high = metrics.interval(draws[:, 0, auc]) or (0, 0)
    assert low < (metrics.figures(good, is_true)["roc_auc"] or 0) < high
    better = metrics.difference(draws[:, 0, auc], draws[:, 1, auc])
    assert better["low"] > 0
    assert better["p"] < 0.02
    same = metrics.difference(draws[:, 0, auc], draws[:, 0, auc])
    assert (same["low"], same["high"], same["p"]) == (0, 0, 1)


def test_the_interval_holds_what_it_says() -> None:
    """Of 60 samples of a known AUC, some 95 % have it in their interval."""
    covered = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        is_true = random.random(200) < 0.5
        scores = is_true + random.normal(size=200)
        draws = metrics.bootstrap([scores], is_true, 100, seed)
        low, high = metrics.interval(draws[:, 0, 0]) or (0, 0)
        covered += low <= 0.76025 <= high  # Phi(1 / sqrt 2)
    assert covered >= 52


def test_replicates() -> None:
    assert metrics.replicates_for(10_000_000, None) == 200
    assert metrics.replicates_for(400_000, None) == 500
    assert metrics.replicates_for(10, None) == 1000
    assert metrics.replicates_for(10, 0) == 0
    assert metrics.bootstrap([SCORES], TRUE, 0, 1).shape == (0, 1, len(metrics.METRICS))
    assert metrics.interval(metrics.bootstrap([SCORES], TRUE, 0, 1)[:, 0, 0]) is None


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
