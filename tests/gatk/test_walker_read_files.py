"""Read files that the walker is given: damaged and odd ones end or warn as in `cnnscore score`."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import run_cli, scores_of
from hosts.read_files import split_reads
from hosts.walker_tool import CALLS, HEADER, READS, RECORDS, REFERENCE, Tool, written


@pytest.fixture
def cram(tmp_path: Path) -> Path:
    """The reads as CRAM, with their index."""
    path = tmp_path / "reads.cram"
    pysam.view(
        "-O",
        "cram,version=3.0",
        "-T",
        str(REFERENCE),
        "-o",
        str(path),
        str(READS),
        catch_stdout=False,
    )
    pysam.index(str(path))
    return path


@pytest.fixture
def bam(tmp_path: Path) -> Path:
    """A copy of the reads with their index."""
    for ending in ("", ".bai"):
        shutil.copy(f"{READS}{ending}", tmp_path)
    return tmp_path / "reads.bam"


def test_all_reads_without_the_networks_filter(tool: Tool, bam: Path, tmp_path: Path) -> None:
    """Reads without a group count then, as docs/tasks/gatk.md says."""
    groupless = tmp_path / "groupless.bam"
    with (
        pysam.AlignmentFile(str(READS)) as source,
        pysam.AlignmentFile(str(groupless), "wb", template=source) as out,
    ):
        for read in source:
            read.set_tag("RG", None)
            out.write(read)
    pysam.index(str(groupless))
    assert "groupless.bam has a read group" in tool.refused(CALLS, groupless)
    ran = tool.score(CALLS, groupless, options=("--disable-read-filter", "NetworkReadFilter"))
    assert ran.ok, ran.answer
    scores = scores_of(tool.out, "CNN_2D")
    assert tool.score(CALLS, bam).ok
    assert scores_of(tool.out, "CNN_2D") == scores


@pytest.mark.parametrize("kind", ["bam", "cram"])
@pytest.mark.parametrize("cut", ["half", "end"])
def test_reads_cut_short(kind: str, cut: str, tool: Tool, request: pytest.FixtureRequest) -> None:
    """In the middle, or at the end marker, after which htsjdk does not ask."""
    reads: Path = request.getfixturevalue(kind)
    whole = reads.read_bytes()
    marker = 28 if kind == "bam" else 38
    reads.write_bytes(whole[: len(whole) // 2] if cut == "half" else whole[:-marker])
    said = tool.refused(CALLS, reads)
    assert str(reads) in said
    assert "is truncated (it has no end marker)" in said
    done = run_cli("score", CALLS, "-o", tool.out, *tool.inputs(CALLS, reads))
    assert done.code == 2
    assert "truncated" in done.err


def test_damaged_reads(tool: Tool, bam: Path) -> None:
    data = bytearray(bam.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    bam.write_bytes(data)
    assert str(bam) in tool.refused(CALLS, bam)


NO_INDEX = b"BAI\1" + bytes(4)
INDEXES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda index: b"", "is cut short"),
    "cut": (lambda index: index[:128], "is cut short"),
    "garbage": (lambda index: b"garbage\n" * 100, "is no index"),
    "no contigs": (lambda index: NO_INDEX, "has another count of contigs"),
    "minus one": (lambda index: b"BAI\1" + b"\xff" * 100, "has another count of contigs"),
    "offset": (lambda index: index.replace(index[20:28], b"\xff" * 7 + b"\x7f"), "points past"),
    "longer": (lambda index: index + bytes(100), "is longer than it says"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_index_of_reads_that_is_none(name: str, tool: Tool, bam: Path) -> None:
    damage, words = INDEXES[name]
    index = Path(f"{bam}.bai")
    index.write_bytes(damage(index.read_bytes()))
    said = tool.refused(CALLS, bam)
    assert f"the index {index} {words}" in said
    assert f"`samtools index {bam}`" in said
    done = run_cli("score", CALLS, "-o", tool.out, *tool.inputs(CALLS, bam))
    assert done.code == 2
    assert f"`samtools index {bam}`" in done.err


@pytest.mark.parametrize("content", ["text", "gzip", "elsewhere"])
def test_index_of_a_cram_that_is_none(content: str, tool: Tool, cram: Path) -> None:
    index = Path(f"{cram}.crai")
    match content:
        case "text":
            index.write_text("garbage")
        case "gzip":
            index.write_bytes(gzip.compress(b"garbage\n"))
        case "elsewhere":
            index.write_bytes(gzip.compress(b"0\t1\t40000\t999999999\t10\t10\n"))
    assert str(cram) in tool.refused(CALLS, cram)


def test_sound_indexes_are_taken(tool: Tool, bam: Path, cram: Path) -> None:
    assert tool.score(CALLS, bam).ok
    scores = scores_of(tool.out, "CNN_2D")
    assert tool.score(CALLS, cram).ok
    assert scores_of(tool.out, "CNN_2D") == scores
    Path(f"{bam}.bai").unlink()
    pysam.index("-c", str(bam))
    assert tool.score(CALLS, bam).ok
    assert scores_of(tool.out, "CNN_2D") == scores


def test_reads_without_an_index(tool: Tool, bam: Path) -> None:
    Path(f"{bam}.bai").unlink()
    assert str(bam) in tool.refused(CALLS, bam)


def test_several_files_that_are_not_sorted(tool: Tool, tmp_path: Path) -> None:
    """By their headers; GATK would merge them in no order."""
    files = split_reads(READS, 2, tmp_path)
    unsorted = tmp_path / "unsorted.bam"
    with pysam.AlignmentFile(str(files[1])) as source:
        header = source.header.to_dict()
        header["HD"] = {"VN": "1.6", "SO": "unknown"}
        with pysam.AlignmentFile(str(unsorted), "wb", header=header) as out:
            for read in source:
                out.write(read)
    pysam.index(str(unsorted))
    assert "SO:coordinate" in tool.refused(CALLS, files[0], unsorted)
    assert tool.score(CALLS, unsorted).ok  # alone it is


def test_a_file_given_twice(tool: Tool, bam: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.bam"
    link.symlink_to(bam)
    Path(f"{link}.bai").symlink_to(f"{bam}.bai")
    assert f"the reads {bam} and {link} are one file" in tool.refused(CALLS, bam, link)


@pytest.mark.parametrize("reads", ["bam", "cram"])
def test_reads_of_another_sample(
    reads: str, tool: Tool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Warned of as in `cnnscore score`; a sample that no read is of is refused."""
    path: Path = request.getfixturevalue(reads)
    name = HEADER[-1].split()[-1]
    header = [*HEADER[:-1], HEADER[-1].replace(name, "somebody")]
    calls = written(tmp_path / "calls.vcf", RECORDS, header)
    words = "calls.vcf has calls of somebody, and the read groups of"
    ran = tool.score(calls, path)
    assert ran.ok, ran.answer
    assert words in ran.log
    assert f"are of {name} (SM)" in ran.log
    done = run_cli("score", calls, "-o", tmp_path / "c.vcf", *tool.inputs(calls, path))
    assert words in done.err
    ran = tool.score(calls, path, options=("-RF", "SampleReadFilter", "--sample", "somebody"))
    assert f"has SM:somebody, so no read would count: their samples are {name}" in ran.answer


def test_reads_of_several_samples(tool: Tool, bam: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bam"
    with pysam.AlignmentFile(str(bam)) as source:
        header = source.header.to_dict()
        header["RG"][0]["SM"] = "somebody"
        with pysam.AlignmentFile(str(other), "wb", header=header) as out:
            for read in source:
                out.write(read)
    pysam.index(str(other))
    ran = tool.score(CALLS, bam, other)
    assert ran.ok, ran.answer
    assert "are of 2 samples (SM), " in ran.log
    assert "SampleReadFilter --sample" in ran.log
