"""What the walker is given: damaged and odd files end or warn as in `cnnscore score`."""

from __future__ import annotations

import gzip
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli, scores_of
from hosts.gatk import Ran, ToolHost
from hosts.read_files import split_reads
from hosts.server import Server

REFERENCE, CALLS, READS = DATA / "ref.fa", DATA / "calls.vcf.gz", DATA / "reads.bam"
LINES = gzip.decompress(CALLS.read_bytes()).decode().splitlines(keepends=True)
HEADER = [line for line in LINES if line.startswith("#")]
RECORDS = LINES[len(HEADER) :]


class Tool:
    """The tool on a network that looks at reads, or does not."""

    def __init__(self, tools: ToolHost, servers: dict[str, Server], out: Path) -> None:
        self._tools, self._servers, self.out = tools, servers, out

    def score(self, calls: Path, *reads: Path, options: tuple[str, ...] = ()) -> Ran:
        return self._tools.score(*self.inputs(calls, *reads), "-V", calls, "-O", self.out, *options)

    def inputs(self, calls: Path, *reads: Path) -> list[object]:
        server = self._servers["reads" if reads else "reference"].address
        given = (word for path in reads for word in ("-I", path))
        return ["-R", REFERENCE, "--server", server, *given]

    def refused(self, calls: Path, *reads: Path) -> str:
        """What it says."""
        ran = self.score(calls, *reads)
        assert ran.answer.startswith("user error: "), ran.answer
        assert not self.out.exists()
        return ran.answer


@pytest.fixture
def tool(tools: ToolHost, servers: dict[str, Server], tmp_path: Path) -> Tool:
    return Tool(tools, servers, tmp_path / "out.vcf")


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


def written(path: Path, records: list[str], header: list[str] = HEADER) -> Path:
    path.write_text("".join([*header, *records]))
    return path


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


# ---- reads ----


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


# ---- calls ----


def test_damaged_calls(tool: Tool, tmp_path: Path) -> None:
    """Each ends as a user's error that names the file: cut, garbled, of another kind."""
    text = "".join(LINES)
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
