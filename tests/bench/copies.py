"""A genome of many copies of the small one: reference, reads and calls, soon made.

As good for a clock as one that is simulated and aligned as a whole: each copy has contigs of its
own. Only what is placed is copied, and a read's tags that name contigs are left out.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from make_data import bam_blocks

CALLS, REFERENCE, READS, DONE = "calls.vcf.gz", "ref.fa", "reads.bam", "done"


def make(small: Path, out: Path, copies: int) -> Path:
    """Fill `out` from the folder `small` of make_data.py, once; `out`."""
    if not (out / DONE).exists():
        out.mkdir(parents=True, exist_ok=True)
        lengths = [line.split("\t")[:2] for line in _lines(small / "ref.fa.fai")]
        contigs = [
            (f"{name}_{copy + 1}", length) for copy in range(copies) for name, length in lengths
        ]
        _reference(small / "ref.fa", out / REFERENCE, copies)
        _calls(small / "sparse.vcf.gz", out / CALLS, contigs, copies)
        _reads(small / "30x.bam", out / READS, contigs, copies)
        (out / DONE).touch()
    return out


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _reference(base: Path, out: Path, copies: int) -> None:
    text = base.read_text()
    names = [line[1:] for line in text.splitlines() if line.startswith(">")]
    with out.open("w") as file:
        for copy in range(copies):
            one = text
            for name in names:
                one = one.replace(f">{name}\n", f">{name}_{copy + 1}\n")
            file.write(one)
    subprocess.run(["samtools", "faidx", out], check=True)


def _calls(base: Path, out: Path, contigs: list[tuple[str, str]], copies: int) -> None:
    view = ["bcftools", "view", "--no-version", str(base)]
    lines = subprocess.check_output(view, text=True).splitlines()
    head = [line for line in lines if line.startswith("##") and not line.startswith("##contig")]
    head += [f"##contig=<ID={name},length={length}>" for name, length in contigs]
    head += [line for line in lines if line.startswith("#CHROM")]
    records = [line.split("\t", 1) for line in lines if not line.startswith("#")]
    with subprocess.Popen(
        ["bcftools", "view", "--no-version", "-Oz", "-o", out], stdin=subprocess.PIPE, text=True
    ) as packer:
        assert packer.stdin
        packer.stdin.write("\n".join(head) + "\n")
        for copy in range(copies):
            packer.stdin.writelines(f"{name}_{copy + 1}\t{rest}\n" for name, rest in records)
    assert packer.returncode == 0
    subprocess.run(["bcftools", "index", "-t", out], check=True)


def _reads(base: Path, out: Path, contigs: list[tuple[str, str]], copies: int) -> None:
    placed = out.with_name("placed.bam")
    strip = ["samtools", "view", "--no-PG", "-e", "refid >= 0", "-x", "XA", "-x", "SA", "-1"]
    subprocess.run([*strip, "-o", placed, base], check=True)
    old = subprocess.check_output(["samtools", "view", "--no-PG", "-H", placed], text=True)
    head = ["@HD\tVN:1.6\tSO:coordinate"]
    head += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs]
    head += [line for line in old.splitlines() if not line.startswith(("@SQ", "@HD", "@PG"))]
    text = "".join(f"{line}\n" for line in head).encode()
    header = b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<i", len(contigs))
    for name, length in contigs:
        header += struct.pack("<i", len(name) + 1) + name.encode() + b"\0"
        header += struct.pack("<i", int(length))
    blocks = list(bam_blocks(placed))
    step = len(contigs) // copies
    with (
        out.open("wb") as file,
        subprocess.Popen(
            ["bgzip", "-c", "-l", "1", "-@", "2"], stdin=subprocess.PIPE, stdout=file
        ) as packer,
    ):
        assert packer.stdin
        packer.stdin.write(header)
        for copy in range(copies):
            for block, starts in blocks:
                for field in (4, 24):  # refID and next_refID (SAM specification, section 4.2)
                    places = starts[:, None] + field + range(4)
                    numbers = block[places].view("<i4")
                    block[places] = (numbers + (step if copy else 0)).view("u1")
                packer.stdin.write(block.data)
    assert packer.returncode == 0
    placed.unlink()
    subprocess.run(["samtools", "index", "-@", "2", out], check=True)
