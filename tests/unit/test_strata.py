"""Strata on worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from cnnscore.calls.record_types import HET, HOM, NO_GENOTYPE, NOT_CARRIED
from cnnscore.evaluate import strata


def window(left: str, right: str) -> np.ndarray:
    """A reference window whose first base that changes is right[0]."""
    random = "ACGTCATGACTGTCAGATCGTACTGACTGCATGCTAGTCA"
    text = (random * 2 + left)[-strata.CONTEXT_LEFT :] + (right + "C" + random * 2)
    return np.frombuffer(text[: strata.CONTEXT_WIDTH].encode(), np.uint8)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("G", "T", "other sequence"),
        ("G", "TTTTTT", "homopolymer 6-9"),
        ("GTTT", "TTT", "homopolymer 6-9"),
        ("GTTTTTT", "G", "homopolymer 6-9"),  # an insertion at the run's end
        ("GTTTTTTG", "G", "other sequence"),
        ("G", "T" * 10, "homopolymer 10 and longer"),
        ("G", "T" * 60, "homopolymer 10 and longer"),
        ("G", "CACACACACA", "repeat of 2-6 bases, 10 and longer"),
        ("GCACAC", "ACACA", "repeat of 2-6 bases, 10 and longer"),
        ("G", "CACACA", "other sequence"),
        ("G", "AAGTCAAAGTCA", "repeat of 2-6 bases, 10 and longer"),
        ("G", "N" * 20, "other sequence"),
    ],
)
def test_context(left: str, right: str, expected: str) -> None:
    index = strata.context(window(left, right)[None])
    assert strata.CONTEXTS[index[0]] == expected


def test_context_beyond_the_contig() -> None:
    index = strata.context(np.zeros((1, strata.CONTEXT_WIDTH), np.uint8))
    assert strata.CONTEXTS[index[0]] == "not known"


def test_depth_and_genotype() -> None:
    index = strata.depth(np.array([0, 9, 10, 49, 100, np.nan]))
    names = [strata.DEPTHS[i] for i in index]
    assert names == ["0-9", "0-9", "10-19", "30-49", "100 and more", "not known"]
    names = [
        strata.GENOTYPES[i]
        for i in strata.genotype(
            np.array([HET, HOM, NOT_CARRIED, NO_GENOTYPE, HET | HOM], np.uint8)
        )
    ]
    assert names == ["het", "hom", "other", "other", "other"]
