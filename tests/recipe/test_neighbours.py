"""True variants beside each other: at every distance, of every kind, in every phase; and listed as
the truth writes them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from genome import Individual, confident_regions, haplotype, random_reference, without_overlaps
from neighbours import FURTHEST, ROOM, make_group, neighbours
from stated import shown, stated, with_calls_near, within

LENGTH = 400_000


@pytest.fixture(scope="module")
def made() -> Individual:
    rng = np.random.default_rng(3)
    reference = random_reference(rng, LENGTH, 0.42)
    groups = neighbours(rng, reference, 2, 1 / 500, np.zeros(LENGTH, np.bool_))
    individual = Individual(reference, 2, without_overlaps(groups, 2))
    individual.templates = [haplotype(reference, individual.variants, i) for i in range(2)]
    return individual


def distances(made: Individual) -> list[int]:
    gaps = [right.pos - left.end + 1 for left, right in pairwise(made.variants)]
    return [gap for gap in gaps if gap < ROOM]


def test_every_distance_is_there_and_half_are_within_ten(made: Individual) -> None:
    found = Counter(distances(made))
    assert set(found) == set(range(1, FURTHEST + 1))
    assert 0.4 < sum(found[gap] for gap in range(1, 11)) / found.total() < 0.8


def test_every_kind_and_phase_is_there(made: Individual) -> None:
    pairs = [
        (left, right) for left, right in pairwise(made.variants) if right.pos - left.end < FURTHEST
    ]
    kinds = Counter((left.is_snp, right.is_snp) for left, right in pairs)
    assert min(kinds.values()) > 50
    assert len(kinds) == 4
    phases = Counter((left.genotype, right.genotype) for left, right in pairs)
    het, other, hom = (0, 1), (1, 0), (1, 1)
    for wanted in ((het, het), (het, other), (hom, hom), (het, hom)):
        assert phases[wanted] > 15


def test_clusters_of_up_to_seven_snps_within_a_hundred_bases(made: Individual) -> None:
    at = np.array([variant.pos for variant in made.variants if variant.is_snp])
    most = np.searchsorted(at, at + 100, "right") - np.arange(len(at))
    assert most.max() >= 7


def test_a_group_is_true_on_its_haplotypes(made: Individual) -> None:
    for which, template in enumerate(made.templates):
        carried = sum(variant.genotype[which] != 0 for variant in made.variants)
        shift = sum(
            len(variant.alleles[1]) - len(variant.alleles[0])
            for variant in made.variants
            if variant.genotype[which]
        )
        assert carried > 500
        assert len(template.codes) == LENGTH + shift  # none was left out as overlapping


def test_neighbours_are_where_calls_are_judged(made: Individual) -> None:
    regions = np.array(confident_regions(made))
    for variant in made.variants[5:-5]:
        at = np.searchsorted(regions[:, 0], variant.pos, "right") - 1
        assert regions[at, 0] <= variant.pos < regions[at, 1]


def test_a_haploid_group_is_on_its_one_haplotype() -> None:
    rng = np.random.default_rng(1)
    reference = random_reference(rng, 20_000, 0.5)
    for _ in range(20):
        assert {variant.genotype for variant in make_group(rng, reference, 1, 5000)} == {(1,)}


def test_the_list_has_the_truth_and_the_false_calls_that_are_judged() -> None:
    truth = {("a", 100, "AC", "A"), ("a", 106, "G", "T"), ("a", 900, "C", "G")}
    merged = ("a", 100, "ACTTTTG", "ATTTTT")  # both, in other words
    one = ({merged, ("a", 500, "A", "C"), ("a", 700, "G", "C")}, [("a", 300, 600)])
    other = ({("a", 650, "T", "C")}, [("a", 0, 1000)])
    true, false = stated(truth, [one, other])
    assert true == {("a", 100, "AC", "A"), ("a", 106, "G", "T")}  # no read says 900
    assert false == {("a", 500, "A", "C"), ("a", 650, "T", "C")}


def test_spans_begin_at_their_start_and_end_before_their_end() -> None:
    found = {("a", 9, "A", "C"), ("a", 10, "A", "C"), ("a", 19, "A", "C"), ("a", 20, "A", "C")}
    assert {allele[1] for allele in within(found, [("a", 10, 20), ("b", 0, 9)])} == {10, 19}
    assert with_calls_near({("b", 10, "A", "C")}, found) == set()


def aligned(folder: Path, *reads: tuple[int, str, str, int]) -> pysam.AlignmentFile:
    """Reads (start, CIGAR, bases, flag) on contig a."""
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "a", "LN": 1000}]}
    )
    with pysam.AlignmentFile(str(folder / "reads.bam"), "wb", header=header) as file:
        for start, cigar, bases, flag in reads:
            read = pysam.AlignedSegment(header)
            read.query_name, read.flag, read.reference_id = "r", flag, 0
            read.reference_start, read.mapping_quality = start, 60
            read.query_sequence, read.cigarstring = bases, cigar
            file.write(read)
    pysam.index(str(folder / "reads.bam"))
    return pysam.AlignmentFile(str(folder / "reads.bam"))


def test_a_true_one_that_no_read_shows_is_not_listed(tmp_path: Path) -> None:
    reads = aligned(
        tmp_path,
        (100, "20M", "A" * 10 + "C" + "A" * 9, 0),
        (200, "20M", "A" * 10 + "C" + "A" * 9, 1024),  # a duplicate: cnnscore does not see it
        (300, "10M2D10M", "A" * 20, 0),
        (500, "15M5S", "A" * 20, 0),
        (700, "100M", "A" * 100, 0),
    )
    listed = {
        ("a", 110, "A", "C"): True,
        ("a", 110, "A", "G"): False,
        ("a", 210, "A", "C"): False,
        ("a", 325, "A", "AC"): True,  # an aligner may write it otherwise, near by
        ("a", 510, "A", "AC"): True,
        ("a", 750, "A", "AC"): False,
        ("a", 900, "AC", "A"): False,  # no read at all
    }
    assert shown(set(listed), reads) == {allele for allele, is_shown in listed.items() if is_shown}
