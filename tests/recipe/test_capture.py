"""Captured depth: peaks over targets, little between, and the same DNA as without."""

from __future__ import annotations

import numpy as np
import pytest

from capture import HIGHEST, LOWEST, Capture
from genome import Individual, Template, haplotype, random_reference
from hosts.sequenced import DEPTH, LENGTH, pileup
from sample_artefacts import flanked


@pytest.mark.parametrize(("kind", "part"), [("exome", (0.05, 0.35)), ("panel", (0.1, 0.8))])
def test_depth_is_in_the_targets_alone(kind: str, part: tuple[float, float]) -> None:
    artefact = Capture(np.random.default_rng(4), kind)
    depth = pileup(artefact).depth()
    inside, near = np.zeros(LENGTH, np.bool_), np.zeros(LENGTH, np.bool_)
    heights = []
    for start, end in artefact.targets:
        inside[start:end] = True
        near[max(0, start - 600) : end + 600] = True
        heights.append(depth[start:end].mean() / DEPTH)
    assert part[0] < inside.mean() < part[1]
    assert 0.1 * LOWEST < min(heights) < max(heights) < 1.6 * HIGHEST
    assert np.std(heights) > 0.1
    assert depth[~near].mean() < 0.05 * DEPTH


def test_copies_are_captured_as_what_they_are_like() -> None:
    rng = np.random.default_rng(6)
    reference = random_reference(rng, LENGTH, 0.42)
    individual = Individual(reference, 1, [], [haplotype(reference, [], 0)])
    artefact = Capture(np.random.default_rng(4), "exome")
    artefact.prepare(rng, individual)
    start, end = max(artefact.targets, key=lambda target: artefact.depth[target[0]])
    origin = np.arange(start, end, dtype=np.int32)
    copy: Template = flanked(rng, reference[start:end].copy(), origin, 1.0)
    weight = artefact.weights(copy)
    assert np.array_equal(weight[600 : 600 + end - start], artefact.depth[start:end])
    assert weight[:600].max() == weight[-300:].max() == artefact.depth.min()


def test_its_numbers_are_its_own() -> None:
    """An individual is the same with and without: `w` and `c` samples are compared."""
    reference = random_reference(np.random.default_rng(6), LENGTH, 0.42)
    individual = Individual(reference, 1, [], [haplotype(reference, [], 0)])
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    Capture(np.random.default_rng(4), "panel").prepare(rng, individual)
    assert rng.random() == untouched.random()
