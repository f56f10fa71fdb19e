"""Compressed files with a flipped bit: an error that says so at every door, and no output."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pysam
import pytest

from conftest import run_cli, run_process
from hosts.bgzf import SMALL, bgzf, block_starts
from hosts.plugin import bcftools, environment, plugin


def damaged_copies(path: Path, count: int = 8) -> Iterator[Path]:
    """The file with one bit of the compressed data of one block flipped, in turn along the file."""
    whole, rng = path.read_bytes(), random.Random(9)
    starts = list(block_starts(whole))
    copy = path.with_name(f"damaged.{path.name}")
    for suffix in (".tbi", ".csi"):
        if path.with_name(path.name + suffix).exists():
            shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    for start in starts[:: max(len(starts) // count, 1)]:
        data = bytearray(whole)
        data[start + 18 + rng.randrange(20)] ^= 1 << rng.randrange(8)
        copy.write_bytes(data)
        for index in path.parent.glob(f"{copy.name}.*"):
            index.touch()
        yield copy


@pytest.fixture(params=["vcf.gz", "bcf"])
def calls(request: pytest.FixtureRequest, box: Path) -> Path:
    """The calls in many small blocks, with an index."""
    path = box / f"small.{request.param}"
    kind = ["-Ov"] if request.param == "vcf.gz" else ["-Ou"]
    path.write_bytes(bgzf(bcftools("view", *kind, box / "calls.vcf.gz").out))
    assert bcftools("index", path).code == 0
    return path


Door = Callable[..., tuple[int, str]]


def through_command(box: Path, calls: Path, *words: object) -> tuple[int, str]:
    run = run_cli("score", calls, "-R", box / "ref.fa", "-o", box / "out.vcf", *words)
    return run.code, run.err


def through_plugin(box: Path, calls: Path, *words: object) -> tuple[int, str]:
    run = plugin(calls, "-f", box / "ref.fa", "-o", box / "out.vcf", *words)
    return {255: 2}.get(run.code, run.code), run.err


@pytest.mark.parametrize("more", [[], ["-r", "synA,synB"]], ids=["streamed", "by index"])
@pytest.mark.parametrize("door", [through_command, through_plugin], ids=["command", "plugin"])
def test_damaged_calls(door: Door, calls: Path, more: list[str], box: Path) -> None:
    assert door(box, calls, *more)[0] == 0
    (box / "out.vcf").unlink()
    for copy in damaged_copies(calls):
        code, err = door(box, copy, *more)
        assert (code, err.strip().count("\n")) == (2, 0), err
        assert copy.name in err
        assert not list(box.glob("*out*"))


def test_where_the_damage_is(box: Path) -> None:
    path = box / "small.vcf.gz"
    path.write_bytes(bgzf(gzip.decompress((box / "calls.vcf.gz").read_bytes())))
    late = list(damaged_copies(path))[-1]
    code, err = through_command(box, late)
    assert code == 2
    assert "after syn" in err
    assert "damaged" in err


def test_a_damaged_stream(box: Path) -> None:
    path = box / "small.vcf.gz"
    path.write_bytes(bgzf(gzip.decompress((box / "calls.vcf.gz").read_bytes())))
    words = ["-", "-R", box / "ref.fa", "-o", box / "out.vcf"]
    assert run_process("score", *words, input=path.read_bytes()).returncode == 0
    (box / "out.vcf").unlink()
    for copy in damaged_copies(path, 4):
        with copy.open("rb") as stream:
            run = run_process("score", *words, stdin=stream)
            assert run.returncode == 2, run.stderr
            assert b"standard input" in run.stderr
            stream.seek(0)
            other = [
                "bcftools",
                "+cnnscore",
                "-",
                "-f",
                str(box / "ref.fa"),
                "-o",
                str(box / "out.vcf"),
            ]
            done = subprocess.run(
                other, stdin=stream, env=environment(), capture_output=True, check=False
            )
            assert done.returncode == 255, done.stderr
        assert not list(box.glob("*out*"))


@pytest.mark.parametrize("threads", [1, 3])
def test_filter(calls: Path, threads: int, box: Path) -> None:
    """The calls, read once and twice, and the resource, streamed and by index."""
    scored = box / "scored.vcf.gz"
    assert run_cli("score", calls, "-R", box / "ref.fa", "-o", box / "scored.vcf").code == 0
    scored.write_bytes(bgzf((box / "scored.vcf").read_bytes()))
    output = ["-o", box / "out.vcf", "--threads", threads]
    for more in ([], ["--resource", calls]):
        assert run_cli("filter", scored, *more, *output).code == 0
        (box / "out.vcf").unlink()
        for copy in damaged_copies(scored, 4):
            run = run_cli("filter", copy, *more, *output)
            assert (run.code, copy.name in run.err) == (2, True), run.err
            assert not list(box.glob("*out*"))
    for copy in damaged_copies(calls, 4):
        run = run_cli("filter", scored, "--resource", copy, *output)
        assert (run.code, copy.name in run.err) == (2, True), run.err
        assert not list(box.glob("*out*"))


OPENED_OFTEN = """
import sys
from cnnscore.calls.records import Calls, Intervals, Records, htslib_verbosity
from cnnscore.errors import BadInput
htslib_verbosity(0)
for regions in (None, "synA,synB"):
    for number in range(100):
        try:
            calls = Calls(sys.argv[1], threads=2, intervals=Intervals(regions=regions))
            while calls.read(Records(), 99):
                continue
        except BadInput:
            continue
        raise SystemExit("read without a word")
"""


def test_threads_and_a_block_that_is_none(calls: Path) -> None:
    """htslib's threads end where reading fails: asked for the file's end, they never answered."""
    data = bytearray(calls.read_bytes())
    in_header, starts = len(str(pysam.VariantFile(str(calls)).header)), block_starts(bytes(data))
    data[list(starts)[in_header // SMALL + 2]] ^= 1
    calls.write_bytes(data)
    for index in calls.parent.glob(f"{calls.name}.*"):
        index.touch()
    done = subprocess.run(
        [sys.executable, "-c", OPENED_OFTEN, calls], capture_output=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_damaged_reads_and_reference(box: Path) -> None:
    pysam.tabix_compress(str(box / "ref.fa"), str(box / "small.fa.gz"))
    pysam.faidx(str(box / "small.fa.gz"))
    for name, option in (("reads.bam", "-I"), ("small.fa.gz", "-R")):
        whole, rng = (box / name).read_bytes(), random.Random(4)
        for _ in range(6):
            data = bytearray(whole)
            data[rng.randrange(len(data) // 8, len(data) - 100)] ^= 1 << rng.randrange(8)
            (box / name).write_bytes(data)
            for index in box.glob(f"{name}.*"):
                index.touch()
            words = ["-I", box / "reads.bam"] if option == "-I" else []
            fasta = box / (name if option == "-R" else "ref.fa")
            run = run_cli("score", box / "calls.vcf.gz", "-R", fasta, *words, "-o", box / "out.vcf")
            assert (run.code, name in run.err) == (2, True), run.err
            assert not list(box.glob("*out*"))
        (box / name).write_bytes(whole)


def test_a_damaged_bed(box: Path) -> None:
    text = b"".join(b"synA\t%d\t%d\n" % (i, i + 5) for i in range(0, 39_000, 10))
    path = box / "small.bed.gz"
    path.write_bytes(bgzf(text))
    for copy in damaged_copies(path, 5):
        code, err = through_command(box, box / "calls.vcf.gz", "--targets-file", copy)
        assert (code, copy.name in err) == (2, True), err
