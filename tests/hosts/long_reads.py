"""Long reads that tests make: random CIGARs over a repetitive contig, and noisy reads of the
synthetic reference.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest

from cnnscore.batch import WindowBatch, offsets_of
from cnnscore.network.encode import FROM_READS
from conftest import DATA

CONTIG = "chrL"
CODES = "MIDNSHP=X"
ANNOTATIONS = tuple(FROM_READS)
LENGTH, DEPTH = 3000, 100
MISMATCHES, INDELS = 0.01, 0.05  # per base
M, I, D, N, S = 0, 1, 2, 3, 4  # noqa: E741 - BAM's operators


def repetitive(rng: random.Random, length: int) -> str:
    contig = ""
    while len(contig) < length:
        unit = "".join(rng.choices("ACGT", k=rng.randrange(1, 5)))
        contig += unit * rng.choice([1, 1, 2, 5, 9])
    return contig[:length]


@dataclass
class Sample:
    """A contig in a FASTA, and reads of it in BAMs."""

    bases: str
    reference: str
    reads: tuple[str, ...]


def random_cigar(rng: random.Random, length: int) -> list[tuple[str, int]]:
    """Of about this many bases of the reference; some have what a mapper would not write."""
    middle: list[tuple[str, int]] = []
    span, long = 0, rng.choice([5, 40, 400])
    while span < length:
        op = rng.choices("M=XIDNP", weights=[40, 20, 10, 12, 12, 2, 1])[0]
        n = rng.choice([0, 1, 1, 2, 3, 9]) if op in "IDX" else rng.randrange(1, long)
        n = rng.randrange(1, 300) if op in "IDN" and rng.random() < 0.05 else n
        middle.append((op, n))
        span += n if op in "M=XDN" else 0
    if rng.random() < 0.8:  # mostly as a mapper writes them
        middle = [("M", rng.randrange(1, 30)), *middle, ("M", rng.randrange(1, 30))]
    if rng.random() < 0.05:
        middle.insert(rng.randrange(len(middle)), ("S", 5))
    head = [(op, rng.choice([1, 30, 500])) for op in "HS" if rng.random() < 0.3]
    tail = [(op, rng.choice([1, 30, 500])) for op in "SH" if rng.random() < 0.3]
    return [*head, *middle, *tail]


def read_of(
    rng: random.Random, header: pysam.AlignmentHeader, bases: str, cigar: list[tuple[str, int]]
) -> pysam.AlignedSegment | None:
    """A read somewhere on the contig, of its bases but for errors; None where it does not fit."""
    span = sum(n for op, n in cigar if op in "M=XDN")
    if span >= len(bases):
        return None
    read = pysam.AlignedSegment(header)
    read.query_name = f"read{rng.randrange(10**6)}"
    read.flag = rng.choice([0, 16, 99, 147, 83, 163, 97, 145])
    read.reference_id, read.reference_start = 0, rng.randrange(len(bases) - span)
    read.mapping_quality = rng.choice([0, 20, 60, 60, 60, 255])
    at, parts = read.reference_start, []
    for op, n in cigar:
        if op in "M=X":
            parts.append(bases[at : at + n])
        elif op in "IS":
            parts.append(bases[at : at + n] if rng.random() < 0.5 else repetitive(rng, n + 1)[:n])
            parts[-1] += "A" * (n - len(parts[-1]))
        at += n if op in "M=XDN" else 0
    errors = rng.choice([0, 0.01, 0.1])
    sequence = "".join(parts)
    read.query_sequence = "".join(
        rng.choice("ACGTNR") if rng.random() < errors else base for base in sequence
    )
    low = rng.choice([0, 0, 0.01, 0.3])
    quality = [rng.randrange(2, 18) if rng.random() < low else 30 for _ in sequence]
    for end in range(rng.choice([0, 0, 50])):
        if end < len(quality):
            quality[rng.choice([end, -1 - end])] = 2
    read.query_qualities = array("B", quality)
    read.cigartuples = [(CODES.index(op), n) for op, n in cigar]
    if read.flag & 1:
        read.next_reference_id = rng.choice([0, 0, 1])
        read.next_reference_start = read.reference_start
    read.set_tag("RG", rng.choice(["one", "one", "two"]))
    return read if sequence else None


def write_sample(
    folder: Path,
    bases: str,
    reads: Sequence[pysam.AlignedSegment],
    header: pysam.AlignmentHeader,
    files: int = 1,
) -> Sample:
    reference = folder / "ref.fa"
    reference.write_text(f">{CONTIG}\n{bases}\n>other\nACGT\n")
    pysam.faidx(str(reference))
    paths = tuple(str(folder / f"{file}.bam") for file in range(files))
    for file, path in enumerate(paths):
        with pysam.AlignmentFile(path, "wb", header=header) as out:
            for read in sorted(reads[file::files], key=lambda read: read.reference_start):
                out.write(read)
        pysam.index(path)
    return Sample(bases, str(reference), paths)


def header_of(bases: str) -> pysam.AlignmentHeader:
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": CONTIG, "LN": len(bases)}, {"SN": "other", "LN": 4}],
            "RG": [{"ID": "one", "SM": "s"}, {"ID": "two", "SM": "t"}],
        }
    )


def random_sample(rng: random.Random, folder: Path) -> Sample:
    bases = repetitive(rng, rng.choice([1500, 6000]))
    header = header_of(bases)
    longest = len(bases) // 2
    reads = [
        read_of(rng, header, bases, random_cigar(rng, rng.randrange(1, longest))) for _ in range(40)
    ]
    held = [read for read in reads if read]
    return write_sample(folder, bases, held, header, files=rng.choice([1, 1, 3]))


def random_sites(rng: random.Random, bases: str, n: int) -> WindowBatch:
    pos = sorted(rng.randrange(len(bases) - 1) for _ in range(n))
    alleles: list[list[str]] = []
    for at in pos:
        ref = bases[at : at + rng.choice([1, 1, 1, 1, 2, 5, 90, 700])]
        new = [
            rng.choice("ACGT"),
            ref[:1] + repetitive(rng, 9)[: rng.randrange(9)],
            ref[:1] + bases[at + 1 : at + 1 + rng.randrange(200)] + ref[1:],
            "".join(rng.choices("ACGT", k=len(ref))),
            "<DEL>",
        ]
        alleles.append([ref, *rng.sample(new, rng.choice([1, 1, 2, 3]))])
    return sites_of(bases, pos, alleles, rng.choice([0, 0, 30000]))


def sites_of(
    bases: str, pos: Sequence[int], alleles: Sequence[Sequence[str]], longer: int = 0
) -> WindowBatch:
    flat = [allele.encode() for site in alleles for allele in site]
    n = len(pos)
    ends = [
        min(at + len(site[0]) + longer * (i % 7 == 0), len(bases))
        for i, (at, site) in enumerate(zip(pos, alleles, strict=True))
    ]
    return WindowBatch(
        contig=np.zeros(n, np.int32),
        pos=np.array(pos, np.int64),
        end=np.array(ends, np.int64),
        kind=np.zeros(n, np.uint8),
        site_allele=offsets_of([len(site) for site in alleles]),
        allele_offset=offsets_of([len(allele) for allele in flat]),
        alleles=np.frombuffer(b"".join(flat), np.uint8),
        annotations=np.full((n, len(ANNOTATIONS)), np.nan, np.float32),
        reference=np.zeros((n, 0), np.uint8),
        site_read=np.zeros(n + 1, np.int64),
        read_offset=np.zeros(1, np.int64),
        reads=np.zeros(0, np.uint8),
        contig_length=np.array([len(bases)], np.int64),
        contig_offset=offsets_of([len(CONTIG)]),
        contig_names=np.frombuffer(CONTIG.encode(), np.uint8),
        qual=np.full(n, 300, np.float32),
    )


def long_read(rng: np.random.Generator, bases: str) -> tuple[str, list[tuple[int, int]]]:
    """Sequence and CIGAR of a noisy read of these bases; some are spliced, some clipped."""
    parts, cigar, at = [], [], 0
    steps, lengths = rng.geometric(INDELS, LENGTH).tolist(), rng.integers(1, 4, LENGTH).tolist()
    ops = rng.choice([I, D, N], p=[0.499, 0.499, 0.002], size=LENGTH).tolist()
    for step, length, op in zip(steps, lengths, ops, strict=True):
        n = 600 if op == N else length
        if at + step + n + 2 >= len(bases):
            break
        parts.append(bases[at : at + step] + ("GATC"[:n] if op == I else ""))
        cigar += [(M, step), (op, n)]
        at += step + (0 if op == I else n)
    parts.append(bases[at:])
    cigar.append((M, len(bases) - at))
    if rng.random() < 0.1:
        parts.append("ACGT" * 200)
        cigar.append((S, 800))
    sequence = np.frombuffer("".join(parts).encode(), np.uint8).copy()
    wrong = np.flatnonzero(rng.random(len(sequence)) < MISMATCHES)
    sequence[wrong] = rng.choice(np.frombuffer(b"ACGT", np.uint8), len(wrong))
    return sequence.tobytes().decode(), cigar


@pytest.fixture(scope="module")
def long_reads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(19)
    path = tmp_path_factory.mktemp("long") / "long.bam"
    with pysam.FastaFile(str(DATA / "ref.fa")) as fasta:
        lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "RG": [{"ID": "a", "SM": "SYN1"}]}
        contigs = [{"SN": name, "LN": length} for name, length in lengths.items()]
        with pysam.AlignmentFile(str(path), "wb", header={**header, "SQ": contigs}) as out:
            for contig, (name, length) in enumerate(lengths.items()):
                starts = rng.integers(0, length - LENGTH, DEPTH * length // LENGTH)
                for number, start in enumerate(np.sort(starts).tolist()):
                    bases = fasta.fetch(name, start, start + LENGTH).upper()
                    read = pysam.AlignedSegment(out.header)
                    read.query_name, read.flag = f"{name}{number}", 16 * int(rng.integers(2))
                    read.reference_id, read.reference_start = contig, start
                    read.mapping_quality = 60
                    read.query_sequence, read.cigartuples = long_read(rng, bases)
                    quality = rng.choice([5, 15, 30], p=[0.1, 0.2, 0.7], size=read.query_length)
                    read.query_qualities = array("B", quality.astype(np.uint8).tobytes())
                    read.set_tag("RG", "a")
                    out.write(read)
    pysam.index(str(path))
    return path
