"""What each new family is for: a real caller reports variants that are not there."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from design import Sample, design
from judgeable import alleles
from simulate import simulate

RECIPE = Path(__file__).parents[2] / "python/recipes/bundled-models"
NEAR = 12


@pytest.fixture(scope="module")
def clean() -> Sample:
    """A small genome at 30x, read by a good machine, hardly a variant in it."""
    samples = design(tomllib.loads((RECIPE / "config.toml").read_text()))
    return replace(
        samples[0], contig="", length=24_000, depth=30.0, ploidy=2, density=1e-4, near=0.0,
        profile="sharp", families={}, capture="", insert=(350.0, 60.0), gc=0.42, seed=13,
    )  # fmt: skip


def called(sample: Sample, folder: Path) -> tuple[set[int], set[int]]:
    """Positions of calls of bcftools that are no true variants and not near any; and of the true
    ones that it finds."""
    folder.mkdir()
    simulate(sample, folder, folder, folder)
    script = f"""set -o pipefail; cd {folder}
        samtools faidx ref.fa; bwa index -p ref ref.fa 2>/dev/null
        bwa mem -v 1 -R '@RG\\tID:1\\tSM:s' ref reads_1.fq reads_2.fq 2>/dev/null \\
          | samtools sort -o reads.bam - 2>/dev/null
        samtools index reads.bam
        bcftools mpileup -f ref.fa reads.bam 2>/dev/null \\
          | bcftools call -mv -P 0.05 -Oz -o calls.vcf.gz
        bcftools view -Oz -o truth.vcf.gz truth.vcf"""
    subprocess.run(["bash", "-ec", script], check=True)
    truth = alleles(folder / "truth.vcf.gz", folder / "ref.fa")
    calls = alleles(folder / "calls.vcf.gz", folder / "ref.fa")
    true = {pos + i for _, pos, ref, _ in truth for i in range(-NEAR, len(ref) + NEAR)}
    return {call[1] for call in calls - truth} - true, {call[1] for call in calls & truth}


def test_hardly_a_false_call_without_artefact(clean: Sample, tmp_path: Path) -> None:
    false, _ = called(clean, tmp_path / "clean")
    assert len(false) <= 2


@pytest.mark.parametrize(
    ("family", "least"),
    [
        ("segdup", 5),
        ("retrocopy", 15),
        ("dispersed", 5),
        ("tandem", 8),
        ("breakpoint", 4),
        ("adapter", 3),
    ],
)
def test_false_calls_of(family: str, least: int, clean: Sample, tmp_path: Path) -> None:
    found = 0
    for seed in (11, 13):  # loci are few in a small genome
        sample = replace(clean, families={family: 1.0}, seed=seed)
        found += len(called(sample, tmp_path / f"{family}.{seed}")[0])
    assert found >= least


def test_a_copy_in_the_donor_is_what_makes_the_calls(clean: Sample, tmp_path: Path) -> None:
    """Duplicated blocks alone, each as often as in the reference: reads find their own place."""
    weak = replace(clean, families={"segdup": -1.0})  # no third copy is ever drawn
    false, _ = called(weak, tmp_path / "segdup")
    assert len(false) <= 3


@pytest.mark.parametrize("capture", ["exome", "panel"])
def test_captured_calls_lie_in_targets(capture: str, clean: Sample, tmp_path: Path) -> None:
    dense = replace(clean, density=1 / 150)
    _, whole = called(dense, tmp_path / "whole")
    _, found = called(replace(dense, capture=capture, depth=60.0), tmp_path / capture)
    assert 3 <= len(found) < len(whole)
    assert len(found - whole) <= 2  # the same individual
