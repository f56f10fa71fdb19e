"""Damaged indexes of the reference: an error that names it. Sound ones of odd FASTAs: none."""

from __future__ import annotations

import random
from pathlib import Path

import pysam
import pytest

from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput
from conftest import run_cli
from hosts.bgzf import END, bgzf
from hosts.plugin import plugin

BLOCK = 3000


def packed(box: Path) -> Path:
    """The reference with bgzip's compression and both its indexes."""
    path = box / "small.fa.gz"
    path.write_bytes(bgzf((box / "ref.fa").read_bytes(), BLOCK))
    pysam.faidx(str(path))
    return path


def refused(box: Path, fasta: Path, index: Path) -> str:
    """At the command and at the plugin, in the same words."""
    out = box / "out.vcf"
    run = run_cli("score", box / "calls.vcf.gz", "-R", fasta, "-o", out)
    other = plugin(box / "calls.vcf.gz", "-f", fasta, "-b", box / "reads.bam", "-o", out)
    assert (run.code, other.code, out.exists()) == (2, 255, False), run.err + other.err
    assert other.err.removeprefix("Error: ") == run.err.removeprefix("cnnscore: error: ")
    assert run.err.startswith(f"cnnscore: error: the index {index} ")
    assert f"make it anew with `samtools faidx {fasta}`" in run.err
    return run.err


def test_an_altered_gzi(box: Path) -> None:
    """htslib ends the process ("Assertion `fp->block_offset <= fp->block_length' failed")."""
    fasta = packed(box)
    index = Path(f"{fasta}.gzi")
    whole = index.read_bytes()
    assert len(whole) == 8 + 16 * 17
    for at in (8, 8 + 7, 16, 16 + 7, 100, 107, len(whole) - 8, len(whole) - 16):
        changed = bytearray(whole)
        changed[at] ^= 1
        index.write_bytes(changed)
        assert "does not fit its file" in refused(box, fasta, index)
    index.write_bytes((5).to_bytes(8, "little") + whole[8 : 8 + 16 * 5])
    assert "leaves blocks out" in refused(box, fasta, index)
    for content, words in (
        (whole[:-16], "another length"),
        (whole + b"\0", "another length"),
        (whole[:5], "cut short"),
        (b"", "cut short"),
        (b"\xff" * 8 + whole[8:], "another length"),
    ):
        index.write_bytes(content)
        assert words in refused(box, fasta, index)


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "bgzipped"])
def test_an_altered_fai(is_packed: bool, box: Path) -> None:
    """Other bases than those of the site, or in a bgzipped FASTA a signal."""
    fasta = packed(box) if is_packed else box / "ref.fa"
    index = Path(f"{fasta}.fai")
    lines = index.read_text().splitlines()
    for number, line in enumerate(lines):
        name, *values = line.split("\t")
        for at in range(4):
            for change in (-61, -1, 1, 61, 10**9, 2**33):
                value = int(values[at]) + change
                changed = [name, *values[:at], str(value), *values[at + 1 :]]
                altered = [*lines[:number], "\t".join(changed), *lines[number + 1 :]]
                index.write_text("\n".join(altered) + "\n")
                with pytest.raises(BadInput, match=rf"the index \S*{index.name} (has|does)"):
                    WindowReader(ReaderOptions(str(fasta), (), None, "none", 0)).close()
    for text, words in (
        ("", "is empty"),
        ("synA\n", "no contig"),
        ("\t1\t2\t3\t4\n", "no contig"),
        ("synA\t40000\t6\t-60\t61\n", "no contig"),
        ("synB\t40000\t6\t60\t61\n", "does not fit"),
        (lines[0].replace("synA", "syn") + "\n", "does not fit"),
    ):
        index.write_text(text)
        assert words in refused(box, fasta, index)


ODD = {
    "no newline at the end": b">a\nACGT\nAC",
    "one line": b">a some words\nACGTACGT\n>b\nAC\n",
    "one line without an end": b">a\nACGTACGT",
    "blanks before the name": b"> a x\nACGT\nAC\n",
    "CRLF": b">a\r\nACGT\r\nAC\r\n>b x\r\nACGT\r\n",
    "blank lines at the end": b">a\nACGT\nACGT\n\n\n",
    "blank lines between": b">a\nACGT\nAC\n\n>b\nACGT\n",
    "an empty contig": b">empty\n>a\nACGT\n",
    "full last lines": b">a\nACGT\nACGT\n>b\nACGT\n",
    "one base": b">a\nA\n>b\nC\n",
    "soft-masked, IUPAC and gaps": b">a\nacgn\nRY-*\n",
    "a name of many letters": b">HLA-A*01:01:01:01|x=1 " + b"y" * 100_000 + b"\nACGT\n",
    "a long name": b">" + b"n" * 20_000 + b"\nACGT\n",
    "a line beyond the limit": b">a\n" + b"ACGT" * 40_000 + b"\nAC\n>b\nAC\n",
    "tabs after the name": b">a\tx\nACGT\n",
}


@pytest.mark.parametrize("name", ODD)
def test_sound_ones(name: str, tmp_path: Path) -> None:
    for path, content in (
        (tmp_path / "odd.fa", ODD[name]),
        (tmp_path / "odd.fa.gz", bgzf(ODD[name], 7)),
        (tmp_path / "joined.fa.gz", bgzf(ODD[name][:9], 4) + bgzf(ODD[name][9:], 1000)),
        (tmp_path / "one.fa.gz", bgzf(ODD[name], 60_000)),
        (tmp_path / "no_end.fa.gz", bgzf(ODD[name], 60_000).removesuffix(END)),
    ):
        path.write_bytes(content)
        pysam.faidx(str(path))
        WindowReader(ReaderOptions(str(path), (), None, "none", 0)).close()


def test_any_mutation_of_a_gzi(box: Path) -> None:
    fasta = packed(box)
    index, rng = Path(f"{fasta}.gzi"), random.Random(5)
    whole = index.read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        index.write_bytes(changed)
        with pytest.raises(BadInput, match=index.name):
            WindowReader(ReaderOptions(str(fasta), (), None, "none", 0)).close()
