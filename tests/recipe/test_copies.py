"""Sequence that is there more than once, and large events: what the class says is there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cut_ends import Adapter
from duplicated import DispersedCopies, Retrocopy, SegmentalDuplication, TandemCopies, copies_of
from genome import COMPLEMENT, Individual, Variant, haplotype, random_reference
from hosts.sequenced import DEPTH, LENGTH, new, pileup
from rearranged import Breakpoints, lose, spliced

LINE = np.random.default_rng(8).integers(0, 4, 2000).astype(np.uint8)


def plain(ploidy: int = 2) -> Individual:
    individual = Individual(LINE.copy(), ploidy, [])
    individual.templates = [haplotype(LINE, [], i) for i in range(ploidy)]
    return individual


def test_segmental_duplications_are_alike_and_have_a_third_copy() -> None:
    artefact = new(SegmentalDuplication)
    found = pileup(artefact)
    assert isinstance(artefact, SegmentalDuplication)
    assert artefact.third
    reference = found.individual.reference
    for source, target, size in artefact.blocks:
        same = reference[source : source + 200] == reference[target : target + 200]
        assert size >= 900
        assert same.mean() > 0.5  # but for indels before that
    copies = copies_of(found.individual)
    source, target, size = artefact.third[0]
    both = copies[source : source + size].mean() + copies[target : target + size].mean()
    assert 2.4 < both < 4.2  # two in each haplotype, and half a copy or one more
    assert copies_of(plain()).mean() == 1


def test_duplicated_blocks_differ_by_what_is_claimed() -> None:
    shares = []
    for seed in range(6):
        artefact = new(SegmentalDuplication, seed=seed)
        reference = random_reference(np.random.default_rng(seed), LENGTH, 0.42)
        artefact.shape(np.random.default_rng(seed + 50), reference)
        assert isinstance(artefact, SegmentalDuplication)
        for source, target, size in artefact.blocks:
            whole = reference[source : source + size]
            words = {whole[i : i + 25].tobytes() for i in range(size - 24)}
            copy = reference[target : target + size]
            kept = [copy[i : i + 25].tobytes() in words for i in range(0, size - 24, 25)]
            shares.append(1 - (1 - np.mean(kept)) / 25)
    assert len(shares) > 10
    assert np.min(shares) > 0.978
    assert np.max(shares) < 0.999


def test_retrocopies_lack_introns() -> None:
    artefact = new(Retrocopy)
    found = pileup(artefact)
    assert isinstance(artefact, Retrocopy)
    depth = found.depth()
    more = 0
    for gene in artefact.exons:
        exons = np.concatenate([depth[a:b] for a, b in gene]).mean()
        introns = np.concatenate([depth[b:c] for (_, b), (c, _) in pairwise(gene)]).mean()
        more += exons > 1.2 * introns
    assert more >= 0.7 * len(artefact.exons) > 1
    jumps = sum(
        int((np.diff(t.origin[t.origin >= 0]) > 60).any()) for t in found.individual.templates[2:]
    )
    assert jumps == len(artefact.exons)


def test_dispersed_copies_are_in_a_haplotype_where_the_reference_has_none() -> None:
    artefact = new(DispersedCopies)
    found = pileup(artefact)
    assert isinstance(artefact, DispersedCopies)
    assert len(artefact.inserted) > 3
    lengths = [len(template.codes) - LENGTH for template in found.individual.templates[:2]]
    assert max(lengths) > 100
    for at in artefact.inserted:
        there = [
            np.diff(np.flatnonzero(np.isin(t.origin, (at - 1, at))))[0] > 100
            for t in found.individual.templates[:2]
        ]
        assert any(there)


def test_tandem_copies_change_by_whole_units_and_are_the_truth() -> None:
    artefact = new(TandemCopies)
    found = pileup(artefact)
    assert isinstance(artefact, TandemCopies)
    individual = found.individual
    assert {size > 0 for _, size in artefact.changes} == {True, False}
    assert all(abs(size) >= 60 for _, size in artefact.changes)
    assert len(individual.variants) == len(artefact.changes)
    for which in range(2):
        told = haplotype(individual.reference, individual.variants, which).codes
        assert np.array_equal(told, individual.templates[which].codes)


def test_breakpoints_leave_the_haplotype_that_they_describe() -> None:
    artefact = new(Breakpoints)
    found = pileup(artefact)
    assert isinstance(artefact, Breakpoints)
    kinds = {kind for kind, _, _ in artefact.events}
    assert len(kinds) >= 3
    copies = copies_of(found.individual)
    for kind, start, end in artefact.events:
        if kind == "deletion":
            assert copies[start:end].max() <= 0.5
        elif kind == "insertion":
            assert start == end


@pytest.mark.parametrize("kind", ["deletion", "insertion", "inversion", "duplication"])
def test_each_event_is_made_of_the_haplotypes_own_sequence(kind: str) -> None:
    individual, extra = plain(), np.array([0, 1], np.uint8)
    foreign = np.full(50, 3, np.uint8)
    span = (900, 900) if kind == "insertion" else (900, 1200)
    assert new(Breakpoints).make(individual, 1, kind, span, foreign, extra)  # type: ignore[attr-defined]
    changed = individual.templates[1].codes
    middle = {
        "deletion": [extra],
        "insertion": [extra, foreign],
        "inversion": [extra, COMPLEMENT[LINE[900:1200][::-1]]],
        "duplication": [LINE[900:1200], extra, LINE[900:1200]],
    }[kind]
    expected = np.concatenate([LINE[:900], *middle, LINE[span[1] :]])
    assert np.array_equal(changed, expected)
    assert np.array_equal(individual.templates[0].codes, LINE)


def test_true_variants_go_with_the_sequence_that_a_haplotype_loses() -> None:
    alleles = (b"\x00", b"\x01")
    individual = plain()
    individual.variants = [
        Variant(950, alleles, (1, 1)), Variant(960, alleles, (0, 1)), Variant(1300, alleles, (0, 1))
    ]  # fmt: skip
    lose(individual, 900, 1200, 1)
    left = [(variant.pos, variant.genotype) for variant in individual.variants]
    assert left == [(950, (1, 0)), (1300, (0, 1))]


def test_nothing_is_put_where_the_haplotype_has_no_such_base() -> None:
    template = plain().templates[0]
    assert spliced(template, 900, 1200, np.empty(0, np.uint8))
    assert not spliced(template, 1000, 1300, np.empty(0, np.uint8))
    assert len(template.codes) == len(LINE) - 300


def test_fragments_end_at_recurrent_places_and_are_read_into_the_adapter() -> None:
    artefact = new(Adapter)
    found = pileup(artefact)
    ends = []
    for reads in found.reads:
        inside = reads.site >= 0
        short = ~inside.all(axis=1) & inside[:, 0]
        assert short.mean() > 0.1
        last = reads.site[np.arange(len(inside)), np.maximum(inside.sum(axis=1) - 1, 0)]
        ends.append(last[short])
    _, often = np.unique(np.concatenate(ends), return_counts=True)
    assert np.sort(often)[-20:].min() > DEPTH / 15
