"""Intervals and p-values: influences by finite differences, coverage, blocks, worked cases."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cnnscore.evaluate import blocks, influence, intervals
from cnnscore.evaluate.blocks import Blocks
from cnnscore.evaluate.sampled import INFLUENCES, LOCUS_BITS, Sampled, sample

FIGURES = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def bench(name: str) -> ModuleType:
    """A script of tests/bench as a module; its name may be that of a package."""
    path = Path(__file__).parents[1] / "bench" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


coverage = bench("coverage")


def calls(seed: int, true: int, false: int, shift: float = 1.5, digits: int = 9) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    is_true = np.arange(true + false) < true
    return np.round(random.normal(size=true + false) + shift * is_true, digits), is_true


def one(scores: Any, is_true: Any, locus: Any = None, drawn: Blocks | None = None) -> Sampled:
    locus = np.arange(len(scores)) if locus is None else locus
    return sample([(scores, is_true)], np.asarray(locus, np.uint64), drawn)[0]


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("digits", [9, 1, 0])
def test_influences_are_derivatives(figure: str, digits: int) -> None:
    scores, is_true = calls(3, 60, 40, digits=digits)
    found = INFLUENCES[figure](scores, is_true)
    value = FIGURES[figure](is_true, scores)
    assert found.value == pytest.approx(value)
    assert found.of_call.sum() == pytest.approx(0, abs=1e-12)
    for i in range(0, 100, 7):
        weight = np.ones(100)
        weight[i] += 1e-6
        moved = FIGURES[figure](is_true, scores, sample_weight=weight)
        assert found.of_call[i] == pytest.approx((moved - value) / 1e-6, abs=1e-6)


def test_the_variance_of_the_roc_auc_is_delongs() -> None:
    """By the formula's own words: placements of each class, their variances over their numbers."""
    scores, is_true = calls(4, 50, 12, digits=1)
    wins = (scores[is_true][:, None] > scores[~is_true]) + 0.5 * (
        scores[is_true][:, None] == scores[~is_true]
    )
    expected = wins.mean(1).var(ddof=1) / 50 + wins.mean(0).var(ddof=1) / 12
    unit = np.arange(62)
    found = influence.error(influence.roc_auc(scores, is_true), is_true, unit, 62)
    assert found.variance == pytest.approx(expected)
    assert 8 < found.freedom < 62


@pytest.mark.parametrize("few_true", [False, True])
@pytest.mark.parametrize("few", [10, 50])
def test_an_interval_holds_the_known_value_in_95_of_100_samples(few: int, few_true: bool) -> None:
    for kind in ("normal", "logistic"):
        world = coverage.World(kind, 0.9)
        found = coverage.coverage("roc_auc", world, few, few_true, 400)
        assert 0.91 <= found[0] <= 0.985, kind


def test_average_precision_is_held_too() -> None:
    found = coverage.coverage("average_precision", coverage.World("normal", 0.9), 30, False, 300)
    assert 0.90 <= found[0] <= 0.985


@pytest.mark.parametrize("few", [10, 30])
def test_two_equally_good_scores_seldom_differ(few: int) -> None:
    assert coverage.rejected(0.9, few, 400) <= 0.075


@pytest.mark.parametrize(("true", "false", "short"), [(300, 9, "false"), (3, 500, "true")])
def test_below_ten_of_a_class_there_is_none(true: int, false: int, short: str) -> None:
    scores, is_true = calls(1, true, false)
    found = one(scores, is_true)
    assert found.too_few == short
    assert found.interval("roc_auc") is None
    assert found.difference(one(-scores, is_true), "roc_auc") is None
    assert one(*calls(1, 300, 10)).too_few is None


def test_ten_calls_at_one_locus_are_one() -> None:
    scores, is_true = calls(2, 300, 20)
    locus = np.arange(320)
    locus[300:] = 300 + np.arange(20) // 10
    assert one(scores, is_true, locus).too_few == "false"


def test_nothing_misplaced_has_an_interval_still() -> None:
    is_true = np.arange(400) < 380
    found = one(is_true.astype(float) + np.arange(400) / 1000, is_true)
    low, high = found.interval("roc_auc") or (0, 0)
    assert 0.8 < low < 0.99
    assert high == 1.0


def test_the_interval_mirrors() -> None:
    """The AUC of -score is one less the AUC; so are its bounds."""
    scores, is_true = calls(6, 200, 25, digits=1)
    low, high = one(scores, is_true).interval("roc_auc") or (0, 0)
    mirrored = one(-scores, is_true).interval("roc_auc") or (0, 0)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-6)


def test_differences() -> None:
    random = np.random.default_rng(5)
    is_true = random.random(400) < 0.8
    good, noise = 2 * is_true + random.normal(size=400), random.normal(size=400)
    locus = np.arange(400, dtype=np.uint64)
    a, b = sample([(good, is_true), (noise, is_true)], locus)
    for figure in FIGURES:
        better = a.difference(b, figure)
        assert better is not None
        # A figure may be None by its type, but not of so many calls.
        assert better.value == pytest.approx(a.figures[figure] - b.figures[figure])  # type: ignore[operator]
        assert 0 < better.low < better.value < better.high
        assert better.p < 0.001
        back = b.difference(a, figure)
        assert back is not None
        assert (-back.high, -back.low, back.p) == pytest.approx((better.low, better.high, better.p))
        same = a.difference(a, figure)
        assert same == intervals.Difference(0.0, 0.0, 0.0, 1.0)


def test_p_is_where_the_interval_meets_0() -> None:
    """p < 0.05 when the 95 % interval leaves 0 out, and else not."""
    met = set()
    for seed in range(60):
        random = np.random.default_rng(seed)
        is_true = np.arange(330) < 300
        shared = random.normal(size=330)
        columns = [
            (shared + random.normal(size=330) + shift * is_true, is_true) for shift in (2.3, 1.6)
        ]
        a, b = sample(columns, np.arange(330, dtype=np.uint64))
        found = a.difference(b, "roc_auc")
        assert found is not None
        excludes = found.low > 0 or found.high < 0
        assert excludes == (found.p < intervals.LEVEL)
        met.add(excludes)
    assert met == {True, False}


# ---- blocks ----


def clustered(seed: int, blocks_of: int = 60, each: int = 8) -> tuple[Any, Any, Any]:
    """Calls of a block share their class and most of their score: scores, labels, loci."""
    random = np.random.default_rng(seed)
    is_true = np.repeat(random.random(blocks_of) < 0.5, each)
    shared = np.repeat(random.normal(size=blocks_of), each)
    scores = 0.95 * shared + 0.3 * random.normal(size=blocks_of * each) + 1.3 * is_true
    block = np.repeat(np.arange(blocks_of), each).astype(np.uint64)
    within = np.tile(np.arange(each), blocks_of).astype(np.uint64)
    contig = block // np.uint64(20)
    locus = (contig << np.uint64(LOCUS_BITS)) | (block * np.uint64(100_000) + within)
    return scores, is_true, locus


def test_calls_of_a_block_are_not_independent() -> None:
    """Drawn one by one their interval is far too narrow; drawn by block it holds."""
    held = {"locus": 0, "block": 0}
    for seed in range(100):
        scores, is_true, locus = clustered(seed)
        for name, drawn in (("locus", None), ("block", Blocks(100_000, 100, 1))):
            low, high = one(scores, is_true, locus, drawn).interval("roc_auc") or (0, 0)
            held[name] += low <= 0.8194 <= high  # Phi(1.3 / sqrt(2 (0.95^2 + 0.3^2)))
    assert held["block"] >= 88
    assert held["locus"] <= 75


def test_block_draws_agree_with_sums_over_blocks() -> None:
    scores, is_true, locus = clustered(3)
    unit = np.unique(locus // np.uint64(100_000), return_inverse=True)[1]
    units = int(unit.max()) + 1
    errors = {
        figure: influence.error(of(scores, is_true), is_true, unit, units)
        for figure, of in INFLUENCES.items()
    }
    drawn = blocks.block_errors(
        [errors], [(scores, is_true)], unit, units, Blocks(100_000, 2000, 1)
    )[0]
    for figure, error in errors.items():
        assert drawn[figure].variance == pytest.approx(error.variance, rel=0.25)


def test_the_bootstrap_depends_on_its_seed_alone_and_counts_as_scikit_learn() -> None:
    scores, is_true, locus = clustered(5)
    unit = np.arange(len(scores))
    columns = [(scores, is_true), (-scores, is_true)]
    draws = blocks.bootstrap(columns, unit, len(unit), 50, 7)
    assert np.array_equal(draws, blocks.bootstrap(columns, unit, len(unit), 50, 7))
    assert not np.array_equal(draws, blocks.bootstrap(columns, unit, len(unit), 50, 8))
    for digits in (0, 1, 9):
        rounded = np.round(scores, digits)
        once = blocks._Ranked(rounded, is_true).figures(np.ones(len(unit), np.int32))
        assert once == pytest.approx([FIGURES[name](is_true, rounded) for name in blocks.FIGURES])
    assert len(locus) == len(unit)


def test_how_many_draws() -> None:
    assert Blocks(1, None, 1).draws(10_000_000) == 200
    assert Blocks(1, None, 1).draws(400_000) == 500
    assert Blocks(1, None, 1).draws(10) == 1000
    assert Blocks(1, 30, 1).draws(10) == 30
