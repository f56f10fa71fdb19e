"""How deep a sample usually is: against a plain reading of the rule, and what it stands."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import ENCODINGS, NativeBatch, PlaneSpec, allele_rows
from conftest import DATA
from hosts.twins import Stretch, write_bam
from oracles.sample_depth import expected

REF = str(DATA / "ref.fa")


def depth_of(*reads: Path, reference: str = REF, **options: Any) -> float:
    rules: dict[str, Any] = {"read_rule": "primary", "read_limit": 64, **options}
    with WindowReader(ReaderOptions(reference, tuple(map(str, reads)), **rules)) as reader:
        return reader.measure_depth()


@pytest.mark.parametrize("name", ["reads", "deep"])
def test_is_what_the_rule_says(name: str) -> None:
    path = DATA / f"{name}.bam"
    assert depth_of(path) == expected(path)


def test_real_reads(shared: Path) -> None:
    real = shared / "data" / "na12878-chr20"
    for name, depth in (("NA12878_S1.20.10.0-10.1M", 52), ("NA12878.7x.20.10.0-10.27M", 7)):
        path = real / f"{name}.bam"
        found = depth_of(path, reference=str(real / "ref.20.fa.gz"))
        assert found == expected(path)
        assert depth <= found <= depth + 4  # where there are reads: loci without count nothing


# ---- samples of other kinds ----


def test_an_exome_counts_on_target(tmp_path: Path) -> None:
    """A hundredth is covered well, stray reads lie everywhere."""
    rng = np.random.default_rng(1)
    contigs = [("chr1", 6_000_000)]
    targets = [("chr1", int(at), int(at) + 400, 60) for at in range(10_000, 5_990_000, 40_000)]
    strays = [("chr1", int(at), int(at) + 100, 1) for at in rng.integers(0, 5_990_000, 12_000)]
    path = write_bam(tmp_path / "e.bam", contigs, targets + strays)
    assert depth_of(path) == expected(path)
    assert 50 <= depth_of(path) <= 70


def test_scaffolds(tmp_path: Path) -> None:
    contigs = [(f"scaffold{i}", 3_000) for i in range(3_000)]
    covered = [(name, 0, 3_000, 12) for name, _ in contigs[:90]]
    path = write_bam(tmp_path / "s.bam", contigs, covered)
    assert depth_of(path) == expected(path) == 12


def test_a_contig_of_another_length_is_another_one(tmp_path: Path) -> None:
    covered: list[Stretch] = [
        ("chr1", at, at + 1500, 10) for at in range(10_000, 3_900_000, 60_000)
    ]
    deep: list[Stretch] = [("chr2", at, at + 1500, 80) for at in range(10_000, 900_000, 20_000)]
    paths = [
        write_bam(tmp_path / f"{length}.bam", [("chr1", 4_000_000), ("chr2", length)], stretches)
        for length, stretches in ((1_000_000, covered + deep), (1_000_001, covered + deep))
    ]
    assert depth_of(*paths) == depth_of(*paths[::-1]) == expected(*paths) == 20


def test_the_order_of_files_does_not_matter() -> None:
    both = DATA / "reads.bam", DATA / "deep.bam"
    assert depth_of(*both) == depth_of(*both[::-1]) > depth_of(both[0])


def test_the_order_of_contigs_in_a_header_does_not_matter(tmp_path: Path) -> None:
    """Of so many scaffolds every second is looked at, by name; the others are three times as
    deep."""
    contigs = [(f"s{i:04}", 3_000) for i in range(5_000)]
    covered = [(name, 0, 1_500, 24 if i % 2 else 8) for i, (name, _) in enumerate(contigs[:60])]
    rng = np.random.default_rng(5)
    orders = [contigs, contigs[::-1], [contigs[i] for i in rng.permutation(len(contigs))]]
    files = [write_bam(tmp_path / f"{i}.bam", order, covered) for i, order in enumerate(orders)]
    assert {depth_of(file) for file in files} == {expected(files[0])} == {8}
    pairs = [depth_of(*pair) for pair in permutations(files, 2)]
    assert set(pairs) == {expected(*files[:2])} == {16}


@pytest.mark.parametrize("seed", range(8))
def test_neighbouring_cells_are_looked_at_in_one_pass(seed: int, tmp_path: Path) -> None:
    """Slices and amplicons, whose cells lie close: with gaps, and with reads over many cells."""
    rng = np.random.default_rng(seed)
    contigs = [(f"chr{i}", int(10 ** rng.uniform(3.5, 6))) for i in range(3)]
    files = []
    for i in range(1 + seed % 2):
        stretches: list[Stretch] = []
        for contig, length in contigs:
            for _ in range(rng.integers(1, 6)):
                begin = int(rng.integers(0, length - 1_500))
                end = begin + int(rng.integers(150, 40_000))
                stretches.append((contig, begin, min(end, length), int(rng.integers(1, 60))))
        reads = int(rng.choice([100, 100, 1_000]))
        files.append(write_bam(tmp_path / f"{i}.bam", contigs, stretches, read_length=reads))
    np.testing.assert_equal(depth_of(*files), expected(*files))


def test_rules_of_gatk_do_not_look() -> None:
    assert math.isnan(depth_of(DATA / "reads.bam", read_rule="gatk"))


# ---- where it goes ----


def test_jobs_of_a_deep_sample_hold_fewer_sites() -> None:
    """A panel's few sites are work for more than one thread."""
    options = ReaderOptions(REF, (str(DATA / "reads.bam"),), None, "primary", 64)
    with WindowReader(options) as reader:
        assert reader.job_sites(512) == 512  # its depth is not known
        for depth, sites in ((1, 512), (64, 512), (128, 256), (1_000, 32), (1e9, 16)):
            reader.set_depth(depth)
            assert reader.job_sites(512) == sites
        assert reader.job_sites(10) == 10


def test_sites_say_how_deep_they_are_against_it() -> None:
    encoding = ENCODINGS["read-set"]
    left, width = encoding.reference_columns(600)
    options = ReaderOptions(
        REF, (str(DATA / "reads.bam"),), None, "primary", 16, "site", left, width
    )
    calls = Calls(str(DATA / "calls.vcf.gz"), annotations=("RelativeDepth",))
    calls.read(records := Records(), 1000)
    spec = PlaneSpec(600, ("RelativeDepth",), "fill")
    with WindowReader(options) as reader:
        before = reader.read(records.sites())
        assert not len(before.sample_depth)
        rows = allele_rows(NativeBatch(before))
        unknown = encoding.encode(NativeBatch(before), rows, spec)["annotations"]
        assert np.isnan(unknown).all()
        reader.set_depth(31)
        after = reader.read(records.sites())
        found = encoding.encode(NativeBatch(after), rows, spec)["annotations"][:, 0]
        assert (after.sample_depth == 31).all()
        np.testing.assert_array_equal(before.reads, after.reads)  # the reader goes on as before
        deep = (after.site_depth > 16)[rows.site]
        assert deep.any()
        np.testing.assert_allclose(found, after.site_depth[rows.site] / np.float32(31), rtol=1e-6)
        reader.set_depth(2)
        capped = encoding.encode(NativeBatch(reader.read(records.sites())), rows, spec)
        assert capped["annotations"].max() == 4
