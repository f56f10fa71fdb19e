"""Whose reads these are (native/window/read_groups.c, native/records/checks.c)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pysam
import pytest

from cnnscore.calls.records import Calls
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput
from conftest import DATA

Group = dict[str, str]


def write_reads(path: Path, groups: Sequence[Group]) -> str:
    """A BAM with these @RG lines and no read."""
    contigs = [{"SN": "synA", "LN": 40000}, {"SN": "synB", "LN": 12000}]
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": contigs, "RG": list(groups)}
    with pysam.AlignmentFile(str(path), "wb", header=header):
        pass
    pysam.index(str(path))
    return str(path)


def write_calls(path: Path, samples: Sequence[str]) -> Calls:
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    columns += ["FORMAT", *samples] if samples else []
    path.write_text("##fileformat=VCFv4.2\n" + "\t".join(columns) + "\n")
    return Calls(str(path))


def groups_of(*samples: str) -> list[Group]:
    return [{"ID": f"g{i}", "SM": sample} for i, sample in enumerate(samples)]


def reader(*paths: str, sample: str | None = None, rule: str = "primary") -> WindowReader:
    options = ReaderOptions(str(DATA / "ref.fa"), paths, sample, read_rule=rule, read_limit=4)
    return WindowReader(options)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return write_calls(tmp_path / "calls.vcf", ["a"])


@pytest.mark.parametrize("rule", ["primary", "gatk"])
@pytest.mark.parametrize("sample_lines", [groups_of("b"), groups_of("b", "b")])
def test_another_persons(
    calls: Calls, sample_lines: list[Group], rule: str, tmp_path: Path
) -> None:
    path = write_reads(tmp_path / "r.bam", sample_lines)
    with reader(path, rule=rule) as opened:
        assert opened.samples_warning(calls, None) == (
            f"{calls.path} has calls of a, and the read groups of {path} are of b (SM): are these "
            "the right reads? All of them count"
        )


def test_several_samples(calls: Calls, tmp_path: Path) -> None:
    path = write_reads(tmp_path / "r.bam", groups_of("c", "a", "c", "b"))
    with reader(path) as opened:
        assert opened.samples_warning(calls, None) == (
            f"the read groups of {path} are of 3 samples (SM), a, b, c, and all reads count: name "
            "the one whose reads these are with `sample=`"
        )
        strangers = write_calls(tmp_path / "other.vcf", ["d"])
        assert "are of a, b, c (SM)" in (opened.samples_warning(strangers, None) or "")
        assert opened.samples_warning(write_calls(tmp_path / "none.vcf", []), None)
    with reader(path, sample="a") as opened:
        assert opened.samples_warning(calls, "a") is None


def test_several_files(calls: Calls, tmp_path: Path) -> None:
    paths = [write_reads(tmp_path / f"{name}.bam", groups_of(name)) for name in "ab"]
    with reader(*paths) as opened:
        warning = opened.samples_warning(calls, None) or ""
    assert f"the read groups of {', '.join(paths)} are of 2 samples" in warning


def test_many_samples_are_not_all_named(calls: Calls, tmp_path: Path) -> None:
    path = write_reads(tmp_path / "r.bam", groups_of(*(f"s{i}" for i in range(3000))))
    with reader(path) as opened:
        warning = opened.samples_warning(calls, None) or ""
    assert "are of s0, s1, s10, s100, s1000 and 2995 others (SM)" in warning


@pytest.mark.parametrize(
    "groups", [[], [{"ID": "g"}], groups_of("a"), groups_of("a", "a")], ids=str
)
def test_nothing_to_say(calls: Calls, groups: list[Group], tmp_path: Path) -> None:
    with reader(write_reads(tmp_path / "r.bam", groups)) as opened:
        assert opened.samples_warning(calls, None) is None
        assert opened.samples_warning(write_calls(tmp_path / "none.vcf", []), None) is None


def test_no_reads_asked_for(calls: Calls) -> None:
    with WindowReader(ReaderOptions(str(DATA / "ref.fa"))) as opened:
        assert opened.samples_warning(calls, None) is None


def test_a_sample_that_no_read_group_has(tmp_path: Path) -> None:
    path = write_reads(tmp_path / "r.bam", groups_of("b", "a"))
    with pytest.raises(BadInput) as caught:
        reader(path, sample="x")
    assert str(caught.value) == (
        f"no read group of {path} has SM:x, so no read would count: their samples are a, b"
    )
    bare = write_reads(tmp_path / "bare.bam", [{"ID": "g"}])
    with pytest.raises(BadInput) as caught:
        reader(bare, sample="x")
    assert str(caught.value) == (
        f"no read group of {bare} has an SM, so no read is known to be of x: give the reads one "
        "with `samtools addreplacerg -r ID:1 -r SM:x`"
    )
    with reader(path, bare, sample="a"):  # one file that has it is enough
        pass
