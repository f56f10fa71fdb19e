"""Each generator makes its artefact, and no other: seen in the bases and where they come from."""

from __future__ import annotations

import numpy as np
import pytest

from artefact import Artefact
from design import FAMILIES
from genome import COMPLEMENT, random_reference, repeat_spans
from hosts.sequenced import DEPTH, LENGTH, new, pileup
from molecule_artefacts import Chimera, ContextErrors, Deamination, Oxidation, Stutter
from sample_artefacts import Contamination, Duplicates, LowComplexity, Paralogue, UnevenDepth


def test_nothing_without_artefact() -> None:
    found = pileup(new(Artefact))
    assert not found.wrong.any()
    assert abs(found.depth()[2000:-2000].mean() / DEPTH - 1) < 0.1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.family)
def test_equal_seeds_make_equal_reads(family: type[Artefact]) -> None:
    one, other = pileup(new(family)), pileup(new(family))
    assert np.array_equal(one.site, other.site)
    assert np.array_equal(one.base, other.base)


def test_context_errors_are_of_one_strand() -> None:
    artefact = new(ContextErrors)
    found = pileup(artefact)
    assert isinstance(artefact, ContextErrors)
    loci = np.flatnonzero(artefact.rate[0] > 0.3)
    others = np.setdiff1d(loci, np.flatnonzero(artefact.rate[1]))
    at = np.isin(found.site, others)
    assert len(others) > 3
    assert found.wrong[at & ~found.minus].mean() > 0.15
    assert found.wrong[at & found.minus].mean() < 0.01


@pytest.mark.parametrize(
    ("family", "first_read"), [(Oxidation, {(2, 3)}), (Deamination, {(1, 3), (2, 0)})]
)
def test_damage_changes_one_base_into_one_other(
    family: type[Artefact], first_read: set[tuple[int, int]]
) -> None:
    found = pileup(new(family))
    wrong = found.wrong
    assert wrong.sum() > 500
    true, seen = found.individual.reference[found.site[wrong]], found.base[wrong]
    as_read = found.minus[wrong]
    true = np.where(as_read, COMPLEMENT[true], true)
    seen = np.where(as_read, COMPLEMENT[seen], seen)
    of_first = found.mate[wrong] == 0
    changes = set(zip(true[of_first].tolist(), seen[of_first].tolist(), strict=True))
    assert changes <= first_read
    complements = {(3 - a, 3 - b) for a, b in first_read}
    of_second = zip(true[~of_first].tolist(), seen[~of_first].tolist(), strict=True)
    assert set(of_second) <= complements


def test_mates_agree_on_damage() -> None:
    found = pileup(new(Oxidation))
    keys = found.molecule * LENGTH + found.site
    wrong_keys, count = np.unique(keys[found.wrong], return_counts=True)
    both, total = np.unique(keys[np.isin(keys, wrong_keys)], return_counts=True)
    assert (total == 2).any()  # mates overlap somewhere
    assert np.array_equal(both, wrong_keys)
    assert np.array_equal(count, total)


def test_stutter_slips_by_whole_units_inside_repeats() -> None:
    artefact = new(Stutter)
    found = pileup(artefact)
    inside = np.zeros(LENGTH, np.int64)
    for unit, least in ((1, 5), (2, 8), (3, 9), (4, 12), (5, 15), (6, 18)):
        for start, end in repeat_spans(found.individual.reference, unit, least):
            inside[start - 1 : end + 1] = 1
    slips = 0
    for reads in found.reads:
        rows, columns = np.nonzero((reads.steps != 1) & (np.arange(reads.steps.shape[1]) > 0))
        slips += len(rows)
        assert inside[reads.site[rows, columns]].all()
        assert set(np.unique(reads.steps[rows, columns])) <= {*range(-5, 8)} - {1}
    assert slips > 100


def test_stutter_keeps_to_the_repeat() -> None:
    """A slip changes the length of a repeat; the bases around it stay the reference's."""
    found = pileup(new(Stutter))
    assert found.wrong.mean() < 1e-5


def test_paralogues_pile_up_with_differences() -> None:
    found = pileup(new(Paralogue))
    depth, wrong = found.depth(), np.bincount(found.site[found.wrong], minlength=LENGTH)
    copied = depth > 1.35 * DEPTH
    assert 0.01 < copied.mean() < 0.6
    assert wrong[copied].sum() > 0.9 * wrong.sum()
    assert len(found.individual.templates) > 2


def test_contamination_has_the_share_and_the_variants_of_another() -> None:
    found = pileup(new(Contamination))
    share = sum(t.copy_number for t in found.individual.templates[2:]) / 2
    assert 0.03 < share < 0.25
    sites, count = np.unique(found.site[found.wrong], return_counts=True)
    fraction = count / np.maximum(found.depth()[sites], 1)
    common = fraction[count > 3]
    assert len(common) > 20
    assert np.median(common) < 1.5 * share


def test_duplicates_share_errors() -> None:
    found = pileup(new(Duplicates))
    molecules = found.reads[0].fragments.molecule
    _, copies = np.unique(molecules, return_counts=True)
    assert (copies > 1).mean() > 0.05
    wrong = found.wrong & (found.mate == 0)
    keys = found.molecule[wrong] * LENGTH + found.site[wrong]
    _, repeats = np.unique(keys, return_counts=True)
    assert repeats.max() > 1


def test_chimeras_go_on_elsewhere() -> None:
    artefact = new(Chimera)
    found = pileup(artefact)
    breaks = folds = 0
    for reads in found.reads:
        jump = np.abs(np.diff(reads.path, axis=1)) > 1
        turned = np.diff(reads.flip.astype(np.int8), axis=1) != 0
        breaks += int((jump | turned).any(axis=1).sum())
        folds += int(turned.any(axis=1).sum())
    total = sum(len(reads.path) for reads in found.reads)
    assert 0.002 < breaks / total < 0.3
    assert folds > 20


def test_low_complexity_is_in_the_reference_and_more_of_it_in_the_individual() -> None:
    artefact = new(LowComplexity)
    plain = random_reference(np.random.default_rng(3), LENGTH, 0.42)
    found = pileup(artefact)
    assert isinstance(artefact, LowComplexity)
    assert len(artefact.arrays) >= 3
    assert (plain != found.individual.reference).sum() > 500
    assert len(found.individual.templates) == 2 + len(artefact.arrays)


def test_uneven_depth_varies_more_than_chance() -> None:
    def spread(artefact: Artefact) -> float:
        depth = pileup(artefact).depth()[2000:-2000]
        blocks = depth[: len(depth) // 400 * 400].reshape(-1, 400).mean(1)
        return float(blocks.std() / blocks.mean())

    assert spread(new(UnevenDepth)) > 2 * spread(new(Artefact))
