"""The recipe's cohorts: who has which variants and artefacts."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam

import simulate_cohort
from cohort_design import Cohort, design_cohorts
from design import FAMILIES
from genome import Template, random_reference

RECIPE = Path(simulate_cohort.__file__).parent


def config() -> dict[str, Any]:
    return tomllib.loads((RECIPE / "cohorts.toml").read_text())


def small(**fields: Any) -> Cohort:
    """A trio and one more, of a random genome."""
    given = {"name": "c1", "split": "test", "samples": 4, "trio": True, "real": False}
    (cohort,) = design_cohorts(config() | {"cohorts": [given]})
    usual = {"length": 60_000, "crossovers": 3.0, "de_novo": 3e-4}
    return replace(cohort, **(usual | fields))


def test_the_design_keeps_its_splits_apart() -> None:
    cohorts = design_cohorts(config())
    assert {cohort.split for cohort in cohorts} == {"valid", "test"}
    assert len({cohort.seed for cohort in cohorts}) == len(cohorts)
    sizes = [len(cohort.members) for cohort in cohorts]
    assert min(sizes) == 3
    assert max(sizes) == 20
    for cohort in cohorts:
        assert cohort.contig in ("", {"valid": "chr20", "test": "chr21"}[cohort.split])
        assert cohort.split == "test" or cohort.profile != "binned4"
        for member in cohort.members:
            assert member.contaminant != member.name
            assert bool(member.contaminant) == (member.contamination > 0)


def test_rare_variants_are_many() -> None:
    """k of n haplotypes with a chance of 1/k, and two haplotypes differ at theta."""
    rng = np.random.default_rng(1)
    codes = random_reference(rng, 800_000, 0.45)
    haplotypes, theta = 10, 1 / 500
    variants = simulate_cohort.population(rng, codes, haplotypes, theta)
    genotypes = np.array([one.genotype for one in variants])
    assert genotypes.shape[1] == haplotypes
    counts = np.bincount(genotypes.sum(1), minlength=haplotypes + 1)[1:] / len(variants)
    expected = 1 / np.arange(1, haplotypes + 1)
    assert np.abs(counts - expected / expected.sum()).max() < 0.04
    differ = np.mean(
        [(genotypes[:, i] != genotypes[:, j]).sum() for i in range(5) for j in range(5, 10)]
    )
    assert 0.8 * theta < differ / len(codes) < 1.2 * theta


def test_a_child_has_its_parents_haplotypes_and_new_variants(tmp_path: Path) -> None:
    cohort = small()
    simulate_cohort.simulate(cohort, Path(), tmp_path)
    father, mother, child = "s01", "s02", "s04"
    assert (tmp_path / "family.ped").read_text().split()[:4] == ["family", child, father, mother]
    new = turns = 0
    last: dict[str, int] = {}
    with pysam.VariantFile(str(tmp_path / "truth.vcf")) as truth:
        for record in truth:
            genotypes = {name: record.samples[name]["GT"] for name in record.samples}
            if "DE_NOVO" in record.info:
                new += 1
                assert sorted(genotypes.pop(child)) == [0, 1]
                assert all(set(genotype) == {0} for genotype in genotypes.values())
                continue
            for copy, parent in zip(genotypes[child], (father, mother), strict=True):
                own = genotypes[parent]
                assert copy in own
                if own[0] != own[1]:
                    turns += own.index(copy) != last.get(parent, own.index(copy))
                    last[parent] = own.index(copy)
    assert new >= 5
    assert 1 <= turns <= 14  # two parents, three crossovers each on average


def test_all_samples_have_the_same_copies() -> None:
    """Collapsed copies lie at the same loci with the same bases; some are not in all samples."""
    cohort = small()
    rng = np.random.default_rng(3)
    paralogue = FAMILIES["paralogue"](rng, 1.5)
    everyone, frequencies, _ = simulate_cohort.make_population(cohort, [paralogue], Path())
    copies = everyone.templates[everyone.ploidy :]
    assert len(copies) == len(frequencies) >= 3
    samples = [
        simulate_cohort.make_member(np.random.default_rng(i), cohort, i, everyone, frequencies, [])
        for i in range(len(cohort.members))
    ]

    def has(templates: list[Template], copy: Template) -> bool:
        return any(one.codes is copy.codes for one in templates)

    in_all = set()
    for copy, frequency in zip(copies, frequencies, strict=True):
        having = [has(sample.templates, copy) for sample in samples]
        assert frequency == 1 or 0.2 <= frequency <= 0.9
        assert all(having) or frequency < 1
        in_all.add(all(having))
    assert in_all == {True, False}


def test_the_contaminant_is_another_sample() -> None:
    members = small().members
    members = (replace(members[0], contaminant="s03", contamination=0.1), *members[1:])
    cohort = small(members=members)
    everyone, frequencies, _ = simulate_cohort.make_population(cohort, [], Path())
    rng = np.random.default_rng(0)
    sample = simulate_cohort.make_member(rng, cohort, 0, everyone, frequencies, [])
    amounts = [template.copy_number for template in sample.templates]
    assert amounts == [0.9, 0.9, 0.1, 0.1]
    for template, index in zip(sample.templates, (0, 1, 4, 5), strict=True):
        assert np.array_equal(template.codes, everyone.templates[index].codes)
    assert [one.copy_number for one in everyone.templates] == [1.0] * everyone.ploidy


def test_the_seed_decides(tmp_path: Path) -> None:
    cohort = small(length=12_000)
    digests = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        simulate_cohort.simulate(cohort, Path(), folder)
        digests.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2 * len(cohort.members) + 4
