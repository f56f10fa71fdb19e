"""Calls that the walker is given: damaged and odd ones end or warn as in `cnnscore score`."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pysam
import pytest

from conftest import run_cli, scores_of
from hosts.walker_tool import CALLS, HEADER, READS, RECORDS, Tool, written

N_SYN_A = sum(line.startswith("synA") for line in RECORDS)
BLOCK_SIZE = struct.Struct("<H")


@dataclass(frozen=True)
class Interval:
    """Of a contig; 1-based, inclusive."""

    contig: str
    begin: int
    end: int

    @classmethod
    def of(cls, text: str) -> Interval:
        contig, _, span = text.partition(":")
        begin, _, end = (span or "1-1000000").partition("-")
        return cls(contig, int(begin), int(end))

    def has_any(self, records: list[str]) -> bool:
        loci = [record.split("\t")[:2] for record in records]
        return any(x == self.contig and self.begin <= int(pos) <= self.end for x, pos in loci)


def flipped(data: bytes, at: int) -> bytes:
    """One bit of it."""
    damaged = bytearray(data)
    damaged[at] ^= 1 << at % 8
    return bytes(damaged)


# ---- records ----


@pytest.mark.parametrize("reads", [(), (READS,)], ids=["reference", "reads"])
def test_telomeres_pass_unscored(reads: tuple[Path, ...], tool: Tool, tmp_path: Path) -> None:
    """Breakends at POS 0 and one past the contig: in their places, without a score, counted."""
    rest = "\t50\t.\tDP=9\tGT\t0/1\n"
    first, last = "synA\t0\t.\tN\t.[synB:1[" + rest, "synB\t12001\t.\tN\t]synA:1]." + rest
    calls = written(tmp_path / "calls.vcf", [first, *RECORDS, last])
    ran = tool.score(calls, *reads)
    assert ran.ok, ran.answer
    assert "294 of 296 records scored" in ran.log
    key = "CNN_2D" if reads else "CNN_1D"
    scores = scores_of(tool.out, key)
    lines = [line for line in tool.out.read_text().splitlines(True) if not line.startswith("#")]
    assert [lines[0], lines[-1]] == [first, last]
    assert scores[0] is scores[-1] is None
    assert None not in scores[1:-1]
    by_command = tmp_path / "command.vcf"
    inputs = tool.inputs(calls, *reads)
    done = run_cli("score", calls, "-o", by_command, *inputs)
    assert done.code == 0, done.err
    assert scores_of(by_command, key) == scores


def test_only_telomeres(tool: Tool, tmp_path: Path) -> None:
    """No site at all for the engine."""
    record = "synA\t0\t.\tN\t.[synB:1[\t50\t.\tDP=9\tGT\t0/1\n"
    ran = tool.score(written(tmp_path / "calls.vcf", [record]))
    assert ran.ok, ran.answer
    assert "0 of 1 records scored" in ran.log
    assert tool.out.read_text().endswith(record)


@pytest.mark.parametrize("pos", ["0", "x257"])
def test_bases_before_the_contig(pos: str, tool: Tool, tmp_path: Path) -> None:
    record = f"synA\t{pos}\t.\tA\tG\t50\t.\tDP=9\tGT\t0/1\n"
    said = tool.refused(written(tmp_path / "calls.vcf", [record, *RECORDS]))
    assert ("record synA:0 (A) lies before" if pos == "0" else pos) in said


@pytest.mark.parametrize("pos", [-5, 12002, 2_000_000_000])
def test_position_that_there_is_not(pos: int, tool: Tool, tmp_path: Path) -> None:
    record = RECORDS[-1].split("\t")
    record[1] = str(pos)
    said = tool.refused(written(tmp_path / "calls.vcf", [*RECORDS[:-1], "\t".join(record)]))
    assert str(pos) in said


@pytest.mark.parametrize("reads", [(), (READS,)], ids=["reference", "reads"])
def test_several_samples(reads: tuple[Path, ...], tool: Tool, tmp_path: Path) -> None:
    header = [*HEADER[:-1], HEADER[-1].rstrip("\n") + "\tanother\n"]
    records = [f"{line[:-1]}\t./.\n" for line in RECORDS]
    calls = written(tmp_path / "two.vcf", records, header)
    ran = tool.score(calls, *reads)
    assert ran.ok, ran.answer
    (warning,) = [line for line in ran.log.splitlines() if " WARN " in line]
    assert f"{calls} has 2 samples" in warning
    assert ("SampleReadFilter --sample" if reads else "scores each record once for all") in warning
    if not reads:
        done = run_cli("score", calls, "-o", tmp_path / "command.vcf", *tool.inputs(calls))
        assert "two.vcf has 2 samples: " in done.err
        assert "scores each record once for all" in done.err


def test_the_reads_of_one_of_several_samples(tool: Tool, tmp_path: Path) -> None:
    header = [*HEADER[:-1], HEADER[-1].rstrip("\n") + "\tanother\n"]
    records = [f"{line[:-1]}\t./.\n" for line in RECORDS]
    calls = written(tmp_path / "two.vcf", records, header)
    sample = HEADER[-1].split()[-1]
    ran = tool.score(calls, READS, options=("-RF", "SampleReadFilter", "--sample", sample))
    assert ran.ok, ran.answer
    assert " WARN " not in ran.log
    scores = scores_of(tool.out, "CNN_2D")
    assert tool.score(CALLS, READS).ok
    assert scores_of(tool.out, "CNN_2D") == scores


# ---- calls ----


def test_damaged_calls(tool: Tool, tmp_path: Path) -> None:
    """Each ends as a user's error that names the file: cut, garbled, of another kind."""
    text = "".join([*HEADER, *RECORDS])
    path = tmp_path / "calls.vcf"
    for damaged in (
        text[:-200],
        text.replace("\t276\t", "\tabc\t", 1),
        "".join(RECORDS),
        "",
        text.replace(RECORDS[5], "synA\t12\n"),
    ):
        path.write_text(damaged)
        assert "calls.vcf" in tool.refused(path)
    assert "reads.bam" in tool.refused(READS)
    assert "nowhere.vcf" in tool.refused(tmp_path / "nowhere.vcf")


@pytest.mark.parametrize("cut", ["half", "end"])
def test_compressed_calls_cut_short(cut: str, tool: Tool, tmp_path: Path) -> None:
    for ending in ("", ".tbi"):
        shutil.copy(f"{CALLS}{ending}", tmp_path)
    calls, whole = tmp_path / CALLS.name, CALLS.read_bytes()
    calls.write_bytes(whole[: len(whole) // 2] if cut == "half" else whole[:-28])
    said = tool.refused(calls)
    assert str(calls) in said
    assert cut == "half" or "is truncated (it has no end marker)" in said


def test_calls_without_an_index_for_intervals(tool: Tool, tmp_path: Path) -> None:
    calls = written(tmp_path / "calls.vcf", RECORDS)
    ran = tool.score(calls, options=("-L", "synB"))
    assert ran.answer.startswith("user error: ")
    assert "calls.vcf" in ran.answer
    assert "IndexFeatureFile" in ran.answer


def test_every_block_of_compressed_calls_is_checked(tool: Tool, tmp_path: Path) -> None:
    """One flipped bit anywhere: htsjdk took some for the end of the file, others for the text."""
    shutil.copy(f"{CALLS}.tbi", tmp_path)
    calls, whole = tmp_path / CALLS.name, CALLS.read_bytes()
    for place in range(0, len(whole) - 28, len(whole) // 40):
        calls.write_bytes(flipped(whole, place))
        Path(f"{calls}.tbi").touch()
        ran = tool.score(calls)
        assert ran.answer.startswith("user error: "), f"byte {place}: {ran.answer}"
        assert str(calls) in ran.answer
        assert not tool.out.exists()


def joined(calls: Path, *parts: list[str]) -> bytes:
    """Write parts of a file with blocks of their own, each with an empty one behind it; indexed."""
    data, part = b"", calls.with_name("part")
    for lines in parts:
        part.write_text("".join(lines))
        pysam.tabix_compress(str(part), str(calls), force=True)
        data += calls.read_bytes()
    calls.write_bytes(data)
    pysam.tabix_index(str(calls), preset="vcf", force=True)
    return data


@pytest.mark.parametrize("wanted", ["synA", "synB", "synA:1-20000", "synA:25000-30000"])
def test_of_intervals_the_blocks_that_they_read_are_checked(
    wanted: str, tool: Tool, tmp_path: Path
) -> None:
    """So a scatter of a hundred shards does not read the file a hundred times."""
    calls, cuts = tmp_path / "calls.vcf.gz", (0, 60, 120, 180, N_SYN_A, len(RECORDS))
    parts = [HEADER, *(RECORDS[begin:end] for begin, end in pairwise(cuts))]
    data = joined(calls, *parts)
    assert tool.score(calls, options=("-L", wanted)).ok
    expected = tool.out.read_text().partition("#CHROM")[2]
    tool.out.unlink()
    read = [Interval.of(wanted).has_any(part) for part in parts[1:]]
    assert 0 < sum(read) < len(read)
    at, refused = 0, []
    for part in parts:
        size = BLOCK_SIZE.unpack_from(data, at + 16)[0] + 1
        assert len("".join(part)) < 65_000  # one block
        calls.write_bytes(flipped(data, at + size // 2))
        Path(f"{calls}.tbi").touch()
        ran = tool.score(calls, options=("-L", wanted))
        refused.append(not ran.ok)
        if ran.ok:
            assert tool.out.read_text().partition("#CHROM")[2] == expected
            tool.out.unlink()
        else:
            assert f"{calls}" in ran.answer
            assert not tool.out.exists()
        assert not tool.score(calls).ok
        at += size + 28
    assert at == len(data)
    needed = [True, *read]  # the header comes first
    if wanted in ("synA", "synB"):
        assert refused == needed
    else:  # an index tells no more than windows of 16 kb
        assert not any(
            is_needed > is_refused for is_needed, is_refused in zip(needed, refused, strict=True)
        )


def test_a_block_without_content_does_not_end_the_check(tool: Tool, tmp_path: Path) -> None:
    """As between files that were joined: what lies behind it is read, and checked."""
    calls = tmp_path / "calls.vcf.gz"
    data = bytearray(joined(calls, [*HEADER, *RECORDS[:200]], RECORDS[200:]))
    assert tool.score(calls).ok
    assert len(scores_of(tool.out, "CNN_1D")) == len(RECORDS)
    tool.out.unlink()
    data[-32:-28] = bytes(4)  # the last block with content says that it has none
    calls.write_bytes(data)
    Path(f"{calls}.tbi").touch()
    assert f"{calls} is damaged: the compressed block at byte " in tool.refused(calls)
