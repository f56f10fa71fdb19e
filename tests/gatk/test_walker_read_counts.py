"""Reads of which none counts, or few: refused, or warned of, with the reasons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import DATA
from hosts.gatk import Ran, ToolHost
from hosts.server import Server

READS = DATA / "reads.bam"
INPUTS = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.vcf"


def changed(folder: Path, change: Callable[[pysam.AlignedSegment, int], bool]) -> Path:
    """The reads, each as `change` leaves it, but for those of which it says no."""
    path = folder / "reads.bam"
    with (
        pysam.AlignmentFile(str(READS)) as source,
        pysam.AlignmentFile(str(path), "wb", template=source) as target,
    ):
        for number, read in enumerate(source):
            if change(read, number):
                target.write(read)
    pysam.index(str(path))
    return path


def marked(*flags: int, only: str = "") -> Callable[[pysam.AlignedSegment, int], bool]:
    """Each read, or those of one contig, with one of these flags in turn."""

    def mark(read: pysam.AlignedSegment, number: int) -> bool:
        if only in ("", read.reference_name):
            read.flag |= flags[number % len(flags)]
        return True

    return mark


class Tool:
    def __init__(self, tools: ToolHost, engines: dict[str, Server], out: Path) -> None:
        self._tools, self._engines, self.out = tools, engines, out

    def score(self, reads: Path, *options: str, model: str = "read-set") -> Ran:
        server = self._engines[model].address
        return self._tools.score(*INPUTS, "-I", reads, "-O", self.out, "--server", server, *options)


@pytest.fixture
def tool(tools: ToolHost, engines: dict[str, Server], out: Path) -> Tool:
    return Tool(tools, engines, out)


@pytest.mark.parametrize(
    ("flags", "reasons"),
    [
        ((1024,), ["100 % are marked as duplicates"]),
        ((2048,), ["100 % are secondary or supplementary"]),
        (
            (1024, 256, 512),
            [
                "33 % fail quality checks (QC-fail)",
                "33 % are marked as duplicates",
                "33 % are secondary or supplementary",
            ],
        ),
    ],
)
def test_no_read_counts(
    flags: tuple[int, ...], reasons: list[str], tool: Tool, tmp_path: Path
) -> None:
    ran = tool.score(changed(tmp_path, marked(*flags)))
    assert ran.answer.startswith("user error: ")
    assert "reads.bam counts for " in ran.answer
    for reason in reasons:
        assert reason in ran.answer
    assert not tool.out.exists()


@pytest.mark.parametrize("model", ["read-set", "gatk-2d"])
def test_no_reads(model: str, tool: Tool, tmp_path: Path) -> None:
    ran = tool.score(changed(tmp_path, lambda read, number: False), model=model)
    assert "reads.bam has no aligned reads, and " in ran.answer
    assert not tool.out.exists()


def test_duplicates_count_for_gatks_networks(tool: Tool, tmp_path: Path) -> None:
    ran = tool.score(changed(tmp_path, marked(1024)), model="gatk-2d")
    assert ran.ok, ran.answer
    assert " WARN " not in ran.log


def test_few_sites_have_reads_that_count(tool: Tool, tmp_path: Path) -> None:
    ran = tool.score(changed(tmp_path, marked(1024, only="synA")))
    assert ran.ok, ran.answer
    assert "reads.bam counts at 232 of 294 sites: of 9,602 reads over them, 76 % are" in ran.log


def test_a_shard_without_reads(tool: Tool, tmp_path: Path) -> None:
    """Where reads count elsewhere, as on chrY of a woman, it is a warning; also where there are
    some that do not count."""
    nothing_there = changed(tmp_path, lambda read, number: read.reference_name != "synA")
    ran = tool.score(nothing_there, "-L", "synA")
    assert ran.ok, ran.answer
    assert "reads.bam lies over any of the 232 sites" in ran.log
    ran = tool.score(changed(tmp_path, marked(1024, only="synA")), "-L", "synA")
    assert ran.ok, ran.answer
    assert "counts at 232 of 232 sites" in ran.log
    assert "100 % are marked as duplicates" in ran.log


def test_filters_of_the_user_drop_all(tool: Tool) -> None:
    options = ("-RF", "MappingQualityReadFilter", "--minimum-mapping-quality", "254")
    ran = tool.score(READS, *options)
    assert "100 % are dropped by a --read-filter" in ran.answer


def test_all_is_well(tool: Tool) -> None:
    ran = tool.score(READS)
    assert ran.ok, ran.answer
    assert " WARN " not in ran.log
