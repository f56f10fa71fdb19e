"""How deep a sample usually is: the rule read a second time with pysam, and what it stands."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import ENCODINGS, NativeBatch, PlaneSpec, allele_rows
from conftest import DATA

REF = str(DATA / "ref.fa")
LENGTH = 100
Cell = tuple[str, int, int]
Stretch = tuple[str, int, int, int]


def depth_of(*reads: Path, reference: str = REF, **options: Any) -> float:
    rules: dict[str, Any] = {"read_rule": "primary", "read_limit": 64, **options}
    with WindowReader(ReaderOptions(reference, tuple(map(str, reads)), **rules)) as reader:
        return reader.measure_depth()


# ---- a plain reading of docs/encodings.md ----


def cut(cell: Cell, parts: int) -> list[Cell]:
    contig, begin, end = cell
    n = max(parts, 1)
    at = [begin + (end - begin) * i // n for i in range(n + 1)]
    return [(contig, at[i], at[i + 1]) for i in range(n)]


def look(bam: pysam.AlignmentFile, cell: Cell) -> int | None:
    contig, begin, end = cell
    first = next((read.reference_start for read in bam.fetch(contig, begin, end)), None)
    if first is None or max(first, begin) + 256 >= end:
        return None
    locus = max(first, begin) + 256
    return sum(
        not read.flag & (0x4 | 0x100 | 0x800 | 0x400 | 0x200) and bool(read.query_qualities)
        for read in bam.fetch(contig, locus, locus + 1)
    )


def expected(path: Path) -> float:
    with pysam.AlignmentFile(str(path)) as bam:
        lengths = dict(zip(bam.references, bam.lengths, strict=True))
        size = max(sum(lengths.values()) // 128, 1024)
        large = [contig for contig, length in lengths.items() if length >= size // 4]
        small = list(lengths)[:: len(lengths) // 4096 + 1]
        cells = [
            part
            for contig in large or small
            for part in cut((contig, 0, lengths[contig]), lengths[contig] // size)
        ]
        while True:
            found = [(cell, n) for cell in cells if (n := look(bam, cell)) is not None]
            seen = np.array([n for _, n in found], float)
            effective = seen.sum() ** 2 / (seen**2).sum() if seen.any() else 0
            cells = [p for c, _ in found for p in cut(c, min((c[2] - c[1]) // 1024, 16))]
            if effective >= 16 or not len(found) < len(cells) <= 4096:
                break
    if effective < 4:
        return math.nan
    seen.sort()
    return float(seen[np.searchsorted(2 * np.cumsum(seen), seen.sum())])


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


def write_bam(path: Path, contigs: dict[str, int], stretches: list[Stretch]) -> Path:
    """A BAM whose stretches (contig, begin, end, depth) are covered evenly."""
    header = pysam.AlignmentHeader.from_dict(
        {"SQ": [{"SN": name, "LN": length} for name, length in contigs.items()]}
    )
    order = list(contigs)
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        loci = sorted(
            (order.index(contig), int(start))
            for contig, begin, end, depth in stretches
            for start in np.linspace(begin, end, (end - begin) * depth // LENGTH, False)
        )
        for i, (contig, start) in enumerate(loci):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = f"r{i}", contig, start
            read.query_sequence = "A" * LENGTH
            read.query_qualities = pysam.qualitystring_to_array("I" * LENGTH)
            read.cigartuples = [(0, LENGTH)]
            out.write(read)
    pysam.index(str(path))
    return path


GENOME = {f"chr{i}": 40_000_000 for i in range(1, 5)} | {f"alt{i}": 5_000 for i in range(300)}


def test_a_file_of_one_region(tmp_path: Path) -> None:
    path = write_bam(tmp_path / "r.bam", GENOME, [("chr3", 12_345_678, 12_365_678, 30)])
    assert depth_of(path) == expected(path) == 30


def test_an_exome_counts_on_target(tmp_path: Path) -> None:
    """A hundredth is covered well, stray reads lie everywhere."""
    rng = np.random.default_rng(1)
    contigs = {"chr1": 6_000_000}
    targets = [("chr1", int(at), int(at) + 400, 60) for at in range(10_000, 5_990_000, 40_000)]
    strays = [("chr1", int(at), int(at) + 100, 1) for at in rng.integers(0, 5_990_000, 12_000)]
    path = write_bam(tmp_path / "e.bam", contigs, targets + strays)
    assert depth_of(path) == expected(path)
    assert 50 <= depth_of(path) <= 70


def test_scaffolds(tmp_path: Path) -> None:
    contigs = {f"scaffold{i}": 3_000 for i in range(9_000)}
    covered = [(name, 0, 3_000, 12) for name in list(contigs)[:90]]
    path = write_bam(tmp_path / "s.bam", contigs, covered)
    assert depth_of(path) == expected(path) == 12


@pytest.mark.parametrize("stretches", [[], [("chr1", 5_000, 5_800, 20)]])
def test_too_few_reads_say_nothing(stretches: list[Stretch], tmp_path: Path) -> None:
    assert math.isnan(depth_of(write_bam(tmp_path / "f.bam", {"chr1": 40_000}, stretches)))


def test_the_order_of_files_does_not_matter() -> None:
    both = DATA / "reads.bam", DATA / "deep.bam"
    assert depth_of(*both) == depth_of(*both[::-1]) > depth_of(both[0])


def test_rules_of_gatk_do_not_look() -> None:
    assert math.isnan(depth_of(DATA / "reads.bam", read_rule="gatk"))


# ---- where it goes ----


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
