"""Calls that no caller makes: where there is nothing, or a true variant misspelt."""

from __future__ import annotations

import numpy as np
import pytest

import invented
from judgeable import MARGIN

RNG = np.random.default_rng(3)
LINE = "".join(np.array(list("ACGT"))[RNG.integers(0, 4, 60_000)])
CONTIGS = {"one": LINE}
CONFIDENT = [("one", 300, 59_700)]


def other(base: str, by: int = 1) -> str:
    return "ACGT"[("ACGT".index(base) + by) % 4]


TRUTH = {("one", at, LINE[at], other(LINE[at])) for at in range(1_000, 20_000, 150)}
TRUTH |= {("one", at, LINE[at], LINE[at] + "AC") for at in range(20_000, 40_000, 150)}
TRUTH |= {("one", at, LINE[at : at + 4], LINE[at]) for at in range(40_000, 59_000, 150)}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there is enough to look at."""
    monkeypatch.setattr(invented, "PLAIN", (0.5, 0.5, 0.5))
    monkeypatch.setattr(invented, "MISSPELT", (0.8, 0.8))


@pytest.mark.usefixtures("often")
def test_none_is_true_and_each_is_of_the_reference() -> None:
    found = invented.invented(CONTIGS, CONFIDENT, TRUTH, set(), np.random.default_rng(1))
    assert len(found) > 500
    assert not found & TRUTH
    for contig, at, ref, alt in found:
        assert CONTIGS[contig][at : at + len(ref)] == ref != alt
        assert 300 <= at < 59_700


@pytest.mark.usefixtures("often")
def test_plain_ones_stand_off_from_what_is_called_and_the_rest_at_a_true_one() -> None:
    called = {("one", at, LINE[at], other(LINE[at])) for at in range(1_075, 59_000, 150)}
    found = invented.invented(CONTIGS, CONFIDENT, TRUTH, called, np.random.default_rng(2))
    truth = np.sort([at for _, at, _, _ in TRUTH])
    near = np.sort([at for _, at, _, _ in TRUTH | called])
    for _, at, _, _ in found:
        if at not in truth:
            assert np.abs(near - at).min() > MARGIN
    misspelt = [(at, ref, alt) for _, at, ref, alt in found if at in truth]
    lengths = {len(alt) - len(ref) for at, ref, alt in misspelt if 20_000 <= at < 40_000}
    assert lengths == {1, 3, -2}  # of insertions of 2
    assert {len(alt) - len(ref) for at, ref, alt in misspelt if at >= 40_000} == {-2, -4, 3}


def test_few_as_they_are() -> None:
    found = invented.invented(CONTIGS, CONFIDENT, TRUTH, set(), np.random.default_rng(4))
    indels = sum(len(ref) != len(alt) for _, _, ref, alt in found)
    assert 0 < indels < 0.06 * len(TRUTH)
    assert 0 < len(found) - indels < 0.1 * len(TRUTH)


def test_a_short_sample_has_one() -> None:
    (one,) = invented.anywhere(CONTIGS, [("one", 950, 1_140)], TRUTH, np.random.default_rng(5))
    assert abs(one[1] - 1_000) > MARGIN
    with pytest.raises(SystemExit, match="no place"):
        invented.anywhere(CONTIGS, [("one", 990, 1_010)], TRUTH, np.random.default_rng(5))
