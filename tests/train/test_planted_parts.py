"""Which alleles are planted, and which calls are judged then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from cnnscore.plant.own_sequence import AROUND_OWN, OWN_CHANCE, _few
from cnnscore.plant.sites import NEAR_TRUTH, bed, draw_sites, plant
from cnnscore.truth.labels import Labeller


def test_sites_keep_their_distance_and_depend_on_their_contig_alone() -> None:
    rng = np.random.default_rng(5)
    bases = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 300_000)]
    known = np.ones(len(bases), bool)
    known[100_000:150_000] = False
    sites = draw_sites("chr1", bases, known, 7, 2)
    assert 0.6 < np.mean(sites.is_snp) < 0.76
    assert 0.34 < np.mean(sites.homozygous) < 0.46
    assert {0, *range(1, 16)} >= set(np.unique(sites.n_removed).tolist())
    assert np.diff(sites.pos).min() >= 40
    assert not ((sites.pos > 99_980) & (sites.pos < 150_010)).any()
    assert len(sites.pos) == pytest.approx(250_000 / 400, rel=0.15)
    again = draw_sites("chr1", bases, known, 7, 2)
    assert np.array_equal(sites.removed, again.removed)
    assert not np.array_equal(sites.pos, draw_sites("chr2", bases, known, 7, 2).pos)
    snp = sites.is_snp
    assert (sites.removed[snp, 0] != sites.inserted[snp, 0]).all()
    made = plant("chr1", bases, known, sites)
    assert len(made.bases) == len(made.known)
    assert bed("chr1", ~made.known).count("\n") == 1


def test_how_few_reads_a_heterozygote_may_show() -> None:
    from scipy.stats import binom

    depth = np.arange(8, 101)
    few = _few(depth)
    assert (binom.cdf(few, depth, 0.5) >= OWN_CHANCE).all()
    assert (binom.cdf(few - 1, depth, 0.5) < OWN_CHANCE).all()
    assert _few(np.array([2000]))[0] == 2001
    assert AROUND_OWN < NEAR_TRUTH


@pytest.mark.parametrize(("distance", "label"), [(0, -1), (20, -1), (21, 0)])
def test_calls_near_a_true_allele_are_not_judged(
    distance: int, label: int, tmp_path: Path, labelled: Callable[[Labeller, Path], list[int]]
) -> None:
    from cnnscore.truth.truth_set import TruthSet

    (tmp_path / "ref.fa").write_text(">c\n" + "ACGT" * 100 + "\n")
    pysam.faidx(str(tmp_path / "ref.fa"))
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO".replace(" ", "\t")
    head = f"##fileformat=VCFv4.2\n##contig=<ID=c,length=400>\n{columns}\n"
    (tmp_path / "truth.vcf").write_text(f"{head}c\t101\t.\tA\tC\t.\t.\t.\n")
    pos = 101 + distance
    ref = "ACGT"[(pos - 1) % 4]
    alt = "T" if ref != "T" else "G"
    lines = f"c\t101\t.\tA\tC\t.\t.\t.\nc\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n"
    (tmp_path / "calls.vcf").write_text(head + lines)
    truth = TruthSet.read(str(tmp_path / "truth.vcf"), reference=str(tmp_path / "ref.fa"))
    found = labelled(Labeller(truth, None, near_truth=20), tmp_path / "calls.vcf")
    assert found == [1, label]
    assert labelled(Labeller(truth, None), tmp_path / "calls.vcf") == [1, 0]


@pytest.fixture
def labelled() -> Callable[[Labeller, Path], list[int]]:
    from cnnscore.calls.records import Calls, Records

    def labels(labeller: Labeller, path: Path) -> list[int]:
        calls, records = Calls(str(path)), Records()
        calls.read(records, 10)
        return [int(label) for label in labeller.label(records.sites()).record]

    return labels
