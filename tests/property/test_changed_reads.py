"""Reads that are changed where truth is planted: as the oracle changes them, or an error."""

from __future__ import annotations

import gzip
import random
from array import array
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from cnnscore.calls.changed_reads import MOST_BASES, ChangedReads, ReadChanges, change_reads
from cnnscore.errors import BadInput, BadOutput
from hosts.bgzf import bgzf
from oracles.changed_reads import Change, changed, haplotype_of

CONTIGS = ("one", "two", "three")
LENGTH = 600
CODES = "MIDNSHP=X"


def draw_changes(rng: random.Random, bases: dict[str, str]) -> list[Change]:
    """Ascending in each contig."""
    found = []
    for contig in ("three", "one"):  # not in the order of the header; `two` has none
        pos = rng.randrange(1, 30)
        while pos + 20 < LENGTH:
            n = rng.randint(1, 15)
            text = "".join(rng.choices("ACGT", k=n))
            there = bases[contig][pos : pos + n]
            removed, inserted = rng.choice([(there[0], text[0]), (there, ""), ("", text)])
            found.append(Change(contig, pos, removed, inserted, rng.randrange(2)))
            pos += n + rng.choice([2, 3, 10, 60])
    return found


def columns(changes: list[Change]) -> ReadChanges:
    names = list(dict.fromkeys(change.contig for change in changes))
    counts = [sum(change.contig == name for change in changes) for name in names]

    def rows(texts: list[str]) -> np.ndarray:
        padded = [text.encode().ljust(MOST_BASES, b"\0") for text in texts]
        return np.frombuffer(b"".join(padded), np.uint8).reshape(-1, MOST_BASES)

    return ReadChanges(
        contigs=names,
        begin=np.concatenate([[0], np.cumsum(counts)]),
        pos=np.array([change.pos for change in changes]),
        removed=rows([change.removed for change in changes]),
        inserted=rows([change.inserted for change in changes]),
        haplotype=np.array([change.haplotype for change in changes], np.uint8),
    )


def draw_read(
    rng: random.Random, header: pysam.AlignmentHeader, bases: dict[str, str], number: int
) -> pysam.AlignedSegment:
    """With the reference's bases where it is aligned, mostly."""
    read = pysam.AlignedSegment(header)
    read.query_name = f"pair{number // 2}"
    contig = rng.choice(CONTIGS)
    start = rng.randrange(LENGTH - 120)
    cigar, text, at = [], "", start
    if rng.random() < 0.3:
        cigar.append((4, rng.randrange(1, 9)))
    for _ in range(rng.randrange(1, 6)):
        cigar.append((rng.choice([0, 0, 7]), rng.randrange(1, 20)))
        if rng.random() < 0.5:
            cigar.append((rng.choice([1, 2, 2, 3, 6]), rng.randrange(1, 5)))
    if rng.random() < 0.3:
        cigar.append((rng.choice([4, 5]), rng.randrange(1, 9)))
    for op, n in cigar:
        if op in (0, 7):
            text += bases[contig][at : at + n]
        elif op in (1, 4):
            text += "".join(rng.choices("ACGT", k=n))
        at += n if op in (0, 2, 3, 7) else 0
    wrong = [rng.choice("ACGTN") if rng.random() < 0.03 else base for base in text]
    read.query_sequence = "".join(wrong)
    read.query_qualities = array("B", [rng.randrange(2, 42) for _ in text])
    read.flag = rng.choice([0, 16, 99, 147, 4, 256, 2064])
    if not read.is_unmapped:
        read.cigartuples = cigar
        read.reference_id, read.reference_start = CONTIGS.index(contig), start
    return read


def write(path: Path, reads: list[pysam.AlignedSegment], header: pysam.AlignmentHeader) -> Path:
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for read in reads:
            bam.write(read)
    return path


def header_of() -> pysam.AlignmentHeader:
    return pysam.AlignmentHeader.from_references(CONTIGS, [LENGTH] * len(CONTIGS))


@pytest.mark.parametrize("seed", range(12))
def test_reads_are_changed_as_the_oracle_says(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    header = header_of()
    bases = {name: "".join(rng.choices("ACGT", k=LENGTH)) for name in CONTIGS}
    changes = draw_changes(rng, bases)
    reads = [draw_read(rng, header, bases, number) for number in range(400)]
    path = write(tmp_path / "reads.bam", reads, header)
    done = change_reads(path, tmp_path / "reads.fq", columns(changes), seed)
    expected = []
    for read in reads:
        if not read.is_secondary and not read.is_supplementary:
            found, qualities = changed(read, changes, seed)
            text = "".join(chr(33 + quality) for quality in qualities)
            expected.append(f"@{read.query_name}\n{found}\n+\n{text}\n")
    written = (tmp_path / "reads.fq").read_text()
    assert written == "".join(expected)
    assert done.reads == len(expected)
    assert done.changed > 20


def test_half_of_the_pairs_are_of_each_haplotype_and_seeds_differ() -> None:
    names = [f"M00123:45:000-ABCDE:1:1101:{i}:{i * 7}" for i in range(4000)]
    first, second = ([haplotype_of(name, seed) for name in names] for seed in (1, 2))
    assert 0.47 < np.mean(first) < 0.53
    assert 0.45 < np.mean(np.array(first) == np.array(second)) < 0.55


def test_neighbouring_changes_hang_together(tmp_path: Path) -> None:
    """Of one haplotype: a read has all of them or none; of two, one each."""
    header = header_of()
    bases = "ACGT" * (LENGTH // 4)
    changes = [Change("one", 20, "A", "T", 0), Change("one", 40, "A", "T", 0)]
    changes.append(Change("one", 60, "A", "T", 1))
    reads = []
    for number in range(60):
        read = pysam.AlignedSegment(header)
        read.query_name, read.flag = f"r{number}", 0
        read.query_sequence, read.query_qualities = bases[:100], array("B", [30] * 100)
        read.cigartuples, read.reference_id, read.reference_start = [(0, 100)], 0, 0
        reads.append(read)
    path = write(tmp_path / "reads.bam", reads, header)
    change_reads(path, tmp_path / "reads.fq", columns(changes), 1)
    lines = (tmp_path / "reads.fq").read_text().splitlines()[1::4]
    assert {line[20] + line[40] + line[60] for line in lines} == {"TTA", "AAT"}


def simple_read(header: pysam.AlignmentHeader) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(header)
    read.query_name, read.flag = "r", 0
    read.query_sequence, read.query_qualities = "ACGTACGT", array("B", [30] * 8)
    read.cigartuples, read.reference_id, read.reference_start = [(0, 8)], 0, 16
    return read


@pytest.mark.parametrize("damage", ["bases", "qualities", "cut", "text", "contig", "folder"])
def test_what_is_refused(damage: str, tmp_path: Path) -> None:
    header = header_of()
    read = simple_read(header)
    if damage == "bases":
        read.query_sequence = None
        read.cigartuples = [(0, 8)]
    if damage == "qualities":
        read.query_qualities = None
    path = write(tmp_path / "reads.bam", [read], header)
    output = tmp_path / "reads.fq"
    change = Change("none" if damage == "contig" else "one", 20, "A", "C", 0)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-28])
    if damage == "text":
        path.write_text("no BAM")
    if damage == "folder":
        output = tmp_path / "none" / "reads.fq"
    said = {
        "bases": "the read r at one:17 has no bases",
        "qualities": "the read r at one:17 has no base qualities",
        "cut": "truncated",
        "text": "cannot open|not a BAM",
        "contig": "no contig none",
        "folder": "cannot write",
    }
    with pytest.raises(BadOutput if damage == "folder" else BadInput, match=said[damage]):
        change_reads(path, output, columns([change]), 1)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_content_ends_in_an_error_or_in_reads(seed: int, tmp_path: Path) -> None:
    """Bytes of records changed below the compression: no crash (and `make asan`: no bad access)."""
    rng = random.Random(seed)
    header = header_of()
    bases = {name: "".join(rng.choices("ACGT", k=LENGTH)) for name in CONTIGS}
    changes = draw_changes(rng, bases)
    reads = [draw_read(rng, header, bases, number) for number in range(30)]
    path = write(tmp_path / "reads.bam", reads, header)
    content = bytearray(gzip.decompress(path.read_bytes()))
    for _ in range(rng.choice([1, 4, 20])):
        content[rng.randrange(120, len(content))] = rng.randrange(256)
    damaged = tmp_path / "damaged.bam"
    damaged.write_bytes(bgzf(bytes(content)))
    try:
        done = change_reads(damaged, tmp_path / "reads.fq", columns(changes), seed)
    except BadInput:
        return
    assert isinstance(done, ChangedReads)
    lines = (tmp_path / "reads.fq").read_text(errors="replace").count("\n")
    assert lines >= 4 * done.reads
    assert all(a <= b for a, b in pairwise([0, done.changed, done.reads]))
