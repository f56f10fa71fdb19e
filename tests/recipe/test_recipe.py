"""The design keeps its promises, and a simulated sample's truth is what its reads are made of."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from design import HELD_OUT, HELD_OUT_PROFILE, REGIONS, TAUGHT, Sample, design
from genome import (
    EDGE,
    Individual,
    Variant,
    confident_regions,
    haplotype,
    letters,
    like_damage,
    random_reference,
    random_variants,
    to_codes,
    without_overlaps,
)
from judgeable import CLUSTERS_KEPT, MARGIN, clusters_left_out, subtract
from profiles import PROFILES, draw_profile
from simulate import behind_gap, simulate, write_truth

RECIPE = Path(__file__).parents[2] / "python/recipes/bundled-models"


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return design(tomllib.loads((RECIPE / "config.toml").read_text()))


def test_test_samples_are_of_other_strengths_and_regions(samples: list[Sample]) -> None:
    for sample in samples:
        single = [s for s in sample.families.values() if len(sample.families) == 1]
        taught = [any(low <= s <= high for low, high in TAUGHT) for s in single]
        if sample.split in HELD_OUT:
            assert not any(taught)
        else:
            assert all(taught)
            assert sample.profile != HELD_OUT_PROFILE
        if sample.contig:
            fitting = [
                region
                for region in REGIONS["test" if sample.split in HELD_OUT else sample.split]
                if region[0] == sample.contig
                and region[1] <= sample.start
                and sample.start + sample.length <= region[2]
            ]
            assert fitting, sample
    assert any(sample.profile == HELD_OUT_PROFILE for sample in samples)


def test_splits_share_no_sequence_and_none_is_from_the_tested_region() -> None:
    spans = [(*region, split) for split, regions in REGIONS.items() for region in regions]
    for contig, start, end, split in spans:
        assert contig != "chr20" or end <= 9_900_000
        for other, low, high, its_split in spans:
            if split != its_split and contig == other:
                assert end <= low or high <= start


def test_captured_samples_are_those_that_were_sequenced_whole(samples: list[Sample]) -> None:
    whole = [sample for sample in samples if sample.split == "whole"]
    captured = [sample for sample in samples if sample.split == "capture"]
    assert len(whole) == len(captured) >= 4
    for one, other in zip(whole, captured, strict=True):
        assert replace(one, name=other.name, split="capture", capture=other.capture) == other
    assert {sample.capture for sample in captured} == {"exome", "panel"}
    taught = [sample.capture for sample in samples if sample.split == "train"]
    assert 0.1 < sum(map(bool, taught)) / len(taught) < 0.3


def test_every_family_is_in_every_split_and_none_in_some(samples: list[Sample]) -> None:
    for split in ("train", "test"):
        of_split = [sample for sample in samples if sample.split == split]
        assert {f for s in of_split for f in s.families} >= {"paralogue", "stutter", "chimera"}
        assert any(not sample.families for sample in of_split)
        assert {sample.ploidy for sample in of_split} == {1, 2}


def individual(seed: int, length: int = 30_000, ploidy: int = 2) -> Individual:
    rng = np.random.default_rng(seed)
    reference = random_reference(rng, length, 0.45)
    drawn = random_variants(rng, reference, ploidy, 1 / 150, np.zeros(length, np.bool_))
    variants = without_overlaps(drawn, ploidy)
    made = Individual(reference, ploidy, variants)
    made.templates = [haplotype(reference, variants, i) for i in range(ploidy)]
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_haplotypes_are_what_bcftools_makes_of_the_truth(tmp_path: Path, seed: int) -> None:
    made = individual(seed)
    write_truth(made, "s", tmp_path)
    (tmp_path / "ref.fa").write_text(f">s\n{letters(made.reference)}\n")
    plain, packed = tmp_path / "truth.vcf", tmp_path / "truth.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", packed, plain], check=True)
    subprocess.run(["bcftools", "index", tmp_path / "truth.vcf.gz"], check=True)
    for which, template in enumerate(made.templates):
        command = ["bcftools", "consensus", "-H", str(which + 1)]
        command += ["-f", str(tmp_path / "ref.fa"), str(tmp_path / "truth.vcf.gz")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert "".join(done.stdout.split()[1:]) == letters(template.codes)


def test_origins_point_at_the_bases_that_are_unchanged() -> None:
    made = individual(4)
    for template in made.templates:
        at = template.origin >= 0
        same = template.codes[at] == made.reference[template.origin[at]]
        assert same.mean() > 0.98
        assert (np.diff(template.origin[at]) > 0).all()


def test_variants_are_of_every_kind_and_clusters_are_confident() -> None:
    made = individual(5, 200_000)
    lengths = [len(v.alleles[1]) - len(v.alleles[0]) for v in made.variants]
    assert {0} < set(np.sign(lengths).tolist())
    snps = np.array([v.pos for v in made.variants if v.is_snp])
    assert (np.diff(snps) < 30).sum() > 50  # clusters
    regions = confident_regions(made)
    assert regions[0][0] >= EDGE
    assert sum(end - start for start, end in regions) > 150_000


def test_true_variants_look_like_damage_too() -> None:
    made = individual(6, 100_000)
    snps = [v for v in made.variants if v.is_snp]
    turned = like_damage(np.random.default_rng(1), made.variants, {2: 3, 1: 0}, 0.35)

    def share(variants: list[Variant]) -> float:
        at_gc = [v.alleles for v in variants if v.is_snp and v.alleles[0][0] in (1, 2)]
        return float(np.mean([(a[0], b[0]) in ((2, 3), (1, 0)) for a, b in at_gc]))

    assert len(snps) == sum(v.is_snp for v in turned)
    assert share(turned) > share(made.variants) + 0.2
    assert [v.alleles for v in turned if not v.is_snp] == [
        v.alleles for v in made.variants if not v.is_snp
    ]


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_state_and_make_errors(name: str) -> None:
    rng = np.random.default_rng(7)
    profile = draw_profile(rng, name)
    stated = profile.binned(profile.qualities(rng, 200, 0))
    assert stated.shape == (200, profile.read_length)
    if PROFILES[name].bins:
        assert set(np.unique(stated)) <= set(PROFILES[name].bins)
    bases = rng.integers(0, 4, 2000).astype(np.uint8)
    assert (profile.misread(rng, bases) != bases).all()


def test_a_sample_is_the_same_every_time(samples: list[Sample], tmp_path: Path) -> None:
    mixture = next(s for s in samples if len(s.families) > 4)
    small = replace(mixture, contig="", length=12_000, depth=12.0)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        nowhere = tmp_path / "not needed"
        assert simulate(small, nowhere, nowhere, tmp_path / folder) > 100
    for file in ("ref.fa", "truth.vcf", "confident.bed", "reads_1.fq", "reads_2.fq"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_no_piece_lies_in_a_gap() -> None:
    whole = to_codes("A" * 100 + "N" * 50 + "C" * 100)
    assert [behind_gap(whole, start, 40) for start in (0, 70, 81, 105, 130, 160)] == [
        0, 70, 150, 150, 130, 160
    ]  # fmt: skip


def test_codes_and_letters() -> None:
    assert letters(to_codes("acgtNRx")) == "ACGTNNN"


def test_holes_are_taken_out_of_regions() -> None:
    regions, holes = [("a", 0, 100), ("b", 5, 10)], [("a", 40, 50), ("a", 90, 120), ("b", 0, 20)]
    assert subtract(regions, holes) == [("a", 0, 40), ("a", 50, 90)]


def test_most_true_clusters_are_not_judged() -> None:
    alone = {("a", 50 + 1_000 * i, "A", "C") for i in range(500)}
    clusters = {("a", 500 + 1_000 * i + 10 * k, "A", "C") for i in range(500) for k in range(4)}
    holes = clusters_left_out(alone | clusters)
    left_out = {(contig, start + MARGIN, "A", "C") for contig, start, _ in holes}
    assert left_out <= clusters
    assert len(left_out) == pytest.approx((1 - CLUSTERS_KEPT) * len(clusters), rel=0.06)
    assert clusters_left_out(alone) == []
