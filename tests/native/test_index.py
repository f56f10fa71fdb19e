"""Damaged indexes of every kind: an error that names the index, or the scores of the whole one.

Never a signal (it would end the test run), never fewer records.
"""

from __future__ import annotations

import gzip
import itertools
import os
import random
import struct
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput
from cnnscore.score import readers
from conftest import run_cli
from hosts.plugin import bcftools, plugin

MUTATIONS = 40


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Cut short, or a bit, a byte or a word changed."""
    kind, at = rng.randrange(4), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    changed = bytearray(data)
    if kind == 1:
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        changed[at] = rng.randrange(256)
    else:
        word = rng.choice([b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8])
        changed[at : at + len(word)] = word
    return bytes(changed)


def score(box: Path, calls: str, reads: str | None) -> tuple[int, str, bytes]:
    out = box / "out.vcf"
    words = ["-I", box / reads] if reads else ["-r", "synA:3000-30000,synB"]
    run = run_cli("score", box / calls, "-R", box / "ref.fa", "--no-version", "-o", out, *words)
    written = out.read_bytes() if out.exists() else b""
    out.unlink(missing_ok=True)
    return run.code, run.err, written


def make(box: Path, kind: str) -> tuple[str, str | None, Path]:
    """Calls, reads and the index that is read of them."""
    if kind == "bai":
        return "calls.vcf.gz", "reads.bam", box / "reads.bam.bai"
    if kind == "csi of a BAM":
        (box / "reads.bam.bai").unlink()
        pysam.index("-c", str(box / "reads.bam"))
        return "calls.vcf.gz", "reads.bam", box / "reads.bam.csi"
    if kind == "crai":
        cram, fasta = str(box / "reads.cram"), str(box / "ref.fa")
        pysam.view("-C", "-T", fasta, "-o", cram, str(box / "reads.bam"), catch_stdout=False)
        pysam.index(cram)
        return "calls.vcf.gz", "reads.cram", Path(f"{cram}.crai")
    if kind == "tbi":
        return "calls.vcf.gz", None, box / "calls.vcf.gz.tbi"
    if kind == "csi of a VCF":
        (box / "calls.vcf.gz.tbi").unlink()
        pysam.tabix_index(str(box / "calls.vcf.gz"), preset="vcf", csi=True)
        return "calls.vcf.gz", None, box / "calls.vcf.gz.csi"
    assert bcftools("view", "-Ob", "-o", box / "calls.bcf", box / "calls.vcf.gz").code == 0
    assert bcftools("index", box / "calls.bcf").code == 0
    return "calls.bcf", None, box / "calls.bcf.csi"


@pytest.mark.parametrize(
    "kind", ["bai", "csi of a BAM", "crai", "tbi", "csi of a VCF", "csi of a BCF"]
)
def test_mutated_indexes(kind: str, box: Path) -> None:
    calls, reads, index = make(box, kind)
    code, err, whole = score(box, calls, reads)
    assert code == 0, err
    content, rng = index.read_bytes(), random.Random(17)
    zipped = content[:2] == b"\x1f\x8b"
    refused = 0
    for _ in range(MUTATIONS):
        plain = gzip.decompress(content) if zipped else content
        changed = mutated(plain, rng)
        index.write_bytes(gzip.compress(changed, 1) if zipped else changed)
        os.utime(index)
        code, err, written = score(box, calls, reads)
        assert code in (0, 2), err
        assert written == (whole if code == 0 else b""), err
        refused += "the index" in err and index.name in err and "make it anew" in err
    assert refused > MUTATIONS // 2


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
@pytest.mark.parametrize("slices", [1, 3])
def test_a_slice_lies_where_its_header_says(version: str, slices: int, box: Path) -> None:
    """Each line of a CRAI, its start and its span altered: they rise, and lie in the contig."""
    cram, index = box / "reads.cram", box / "reads.cram.crai"
    options = (f"version={version}", "seqs_per_slice=1500", f"slices_per_container={slices}")
    pysam.view(
        *("-C", "-T", str(box / "ref.fa")),
        *(word for option in options for word in ("--output-fmt-option", option)),
        *("-o", str(cram), str(box / "reads.bam")),
        catch_stdout=False,
    )
    pysam.index(str(cram))
    content = index.read_bytes()
    lines = [line.split("\t") for line in gzip.decompress(content).decode().splitlines()]
    assert len(lines) > 5
    code, err, _ = score(box, "calls.vcf.gz", "reads.cram")
    assert code == 0, err
    for number, column in itertools.product(range(len(lines)), (1, 2)):
        if lines[number][0] == "-1":
            continue
        changed = [list(line) for line in lines]
        changed[number][column] = str(int(lines[number][column]) + 3)
        text = "".join("\t".join(line) + "\n" for line in changed)
        index.write_bytes(gzip.compress(text.encode(), 1))
        code, err, written = score(box, "calls.vcf.gz", "reads.cram")
        assert (code, written) == (2, b""), changed[number]
        assert "reads.cram.crai has a slice elsewhere than it is: make it anew with" in err


def test_an_index_is_checked_once(
    box: Path, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by each worker's reader: that of a genome has some megabytes."""
    opened = []

    class Reader(WindowReader):
        def __init__(self, options: ReaderOptions) -> None:
            opened.append(options.is_another)
            super().__init__(options)

    monkeypatch.setattr(readers, "WindowReader", Reader)
    words = ("-R", box / "ref.fa", "-I", box / "reads.bam", "-m", tiny["reads"], "--threads", "3")
    run = run_cli("score", box / "calls.vcf.gz", *words, "-o", box / "out.vcf")
    assert (run.code, opened) == (0, [False, True, True]), run.err
    index = box / "reads.bam.bai"
    index.write_bytes(index.read_bytes() + b"x")  # which htslib does not mind
    options = ReaderOptions(str(box / "ref.fa"), (str(box / "reads.bam"),), None, "gatk", 9)
    with pytest.raises(BadInput, match="is longer than it says"):
        WindowReader(options)
    WindowReader(replace(options, is_another=True)).close()


@pytest.mark.parametrize("size", [0, 3, 4, 8, 128])
def test_an_index_cut_short(size: int, box: Path) -> None:
    for calls, reads, index in (
        ("calls.vcf.gz", "reads.bam", box / "reads.bam.bai"),
        ("calls.vcf.gz", None, box / "calls.vcf.gz.tbi"),
    ):
        index.write_bytes(index.read_bytes()[:size])
        code, err, _ = score(box, calls, reads)
        assert (code, index.name in err, err.strip().count("\n")) == (2, True, 0), err


def test_the_index_of_another_file(box: Path) -> None:
    """Two files of the same contigs: offsets past the end, or records that are not there."""
    deep = Path(__file__).parents[1] / "data" / "synthetic" / "deep.bam"
    pysam.index(str(deep), str(box / "reads.bam.bai"))
    code, err, _ = score(box, "calls.vcf.gz", "reads.bam")
    assert code == 2, err


@pytest.mark.parametrize("csi", [[], ["-c"]], ids=["bai", "csi"])
def test_contigs_in_another_order(csi: list[str], box: Path) -> None:
    """htslib indexes them as they are: another index would be no better."""
    reads = box / "reads.bam"
    with pysam.AlignmentFile(str(reads)) as file:
        records = [list(file.fetch(contig)) for contig in ("synB", "synA")]
        with pysam.AlignmentFile(str(box / "mixed.bam"), "wb", template=file) as mixed:
            for record in (*records[0], *records[1]):
                mixed.write(record)
    whole = score(box, "calls.vcf.gz", "reads.bam")
    assert whole[0] == 0, whole[1]
    pysam.index(*csi, str(box / "mixed.bam"))
    code, err, _ = score(box, "calls.vcf.gz", "mixed.bam")
    assert (code, err.strip().count("\n")) == (2, 0), err
    assert "mixed.bam." in err
    assert f"`samtools sort -o sorted.bam {box}/mixed.bam`" in err
    assert "make it anew" not in err
    pysam.sort("-o", str(box / "sorted.bam"), str(box / "mixed.bam"))
    pysam.index(*csi, str(box / "sorted.bam"))
    assert score(box, "calls.vcf.gz", "sorted.bam")[::2] == whole[::2]


def test_a_csi_is_made_anew_as_one(box: Path) -> None:
    """It goes before a BAI, which `samtools index` would put beside it."""
    calls, reads, index = make(box, "csi of a BAM")
    index.write_bytes(index.read_bytes()[:40])
    code, err, _ = score(box, calls, reads)
    assert code == 2, err
    assert f"make it anew with `samtools index -c {box}/reads.bam`" in err
    pysam.index("-c", str(box / "reads.bam"))
    assert score(box, calls, reads)[0] == 0


@pytest.mark.parametrize("kind", ["tbi", "csi of a VCF"])
def test_an_index_that_nobody_asks_for(kind: str, box: Path) -> None:
    """htslib reads it with each VCF's header: what cannot be believed is passed over."""
    calls, _, index = make(box, kind)
    words = ["-R", box / "ref.fa", "--no-version", "-o", box / "out.vcf"]
    assert run_cli("score", box / calls, *words).code == 0
    whole, content = (box / "out.vcf").read_bytes(), gzip.decompress(index.read_bytes())
    renamed = content.replace(b"synB\0", b"odd!\0")
    assert renamed != content
    for plain in (renamed, *(content[:size] for size in range(0, len(content), 60))):
        index.write_bytes(gzip.compress(plain, 1))
        run = run_cli("score", box / calls, *words)
        assert run.code == 0, run.err
        assert (box / "out.vcf").read_bytes() == whole
        other = plugin(box / calls, "-f", box / "ref.fa", *words[2:])
        assert other.code == 0, other.err
        known = ["--info-key", "QUAL", "--resource", box / calls, "-o", box / "out.vcf"]
        run = run_cli("filter", box / calls, *known)
        assert run.code == 0, run.err
        assert b"odd!" not in (box / "out.vcf").read_bytes()


def test_a_gap_in_a_linear_index(box: Path) -> None:
    """Of a stretch in which reads begin: htslib finds none of them there."""
    _, _, index = make(box, "bai")
    whole = bytearray(index.read_bytes())
    last = struct.unpack_from("<Q", whole, len(whole) - 8 * 2)[0]  # before the unplaced reads
    assert last > 0
    whole[-16:-8] = bytes(8)
    index.write_bytes(whole)
    code, err, _ = score(box, "calls.vcf.gz", "reads.bam")
    assert (code, "linear index" in err) == (2, True), err
