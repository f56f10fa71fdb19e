"""Reads as the walker sends them: a BAM's bytes, copied, are what it makes of decoded reads."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import pysam

from conftest import DATA
from hosts.gatk import Gatk

HEADER = {"SQ": [{"SN": "synA", "LN": 40000}], "RG": [{"ID": "a", "SM": "s"}]}
LONG_CIGAR = 70_000
"""Operators: more than a record has place for, so that they are in a tag."""


def write_random(path: Path, rng: random.Random, reads: int) -> Path:
    """Reads of all lengths, letters, operators and flags; some lack bases, qualities or a CIGAR."""
    header = pysam.AlignmentHeader.from_dict(HEADER)
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for i in range(reads):
            length = rng.choice([0, 1, 2, 7, 150, 151, 3000])
            bases = "".join(rng.choices("=ACMGRSVTWYHKDBN", k=length))
            read = pysam.AlignedSegment(header)
            read.query_name = f"{i}" + "x" * rng.choice([0, 1, 9, 240])
            read.flag = rng.choice([0, 16, 99, 147, 4, 1024, 2048])
            read.reference_id, read.reference_start = 0, rng.randrange(30000)
            read.mapping_quality = rng.randrange(256)
            read.query_sequence = bases
            if length and rng.random() < 0.9:
                read.query_qualities = pysam.qualitystring_to_array("I" * length)
            if length > 2 and rng.random() < 0.9:
                clip = rng.randrange(1, length - 1)
                read.cigartuples = [(5, 3), (4, clip), (0, length - clip), (2, rng.randrange(9))]
            if rng.random() < 0.5:
                read.set_tag("RG", "a")
            out.write(read)
        read.query_sequence = "A" * LONG_CIGAR
        read.cigartuples = [(0, 1), (1, 1)] * (LONG_CIGAR // 2)
        out.write(read)
    return path


def spoil(path: Path, out: Path) -> Path:
    """The reads with what no writer leaves: half a byte more, qualities of which the first alone is
    missing."""
    data = bytearray(gzip.decompress(path.read_bytes()))
    at = 8 + struct.unpack_from("<i", data, 4)[0]
    contigs = struct.unpack_from("<i", data, at)[0]
    at += 4
    for _ in range(contigs):
        at += 8 + struct.unpack_from("<i", data, at)[0]
    while at < len(data):
        size, name, operators, bases = struct.unpack_from("<i8xB3xH2xi", data, at)
        qualities = at + 36 + name + 4 * operators + (bases + 1) // 2
        if bases % 2:
            data[qualities - 1] |= 5
        if bases:
            data[qualities] = 0xFF
        at += 4 + size
    with pysam.BGZFile(str(out), "wb", None) as file:
        file.write(bytes(data))
    return out


def test_copied_and_decoded_are_alike(gatk: Gatk, tmp_path: Path) -> None:
    reads = 300
    made = write_random(tmp_path / "random.bam", random.Random("records"), reads)
    spoilt = spoil(made, tmp_path / "spoilt.bam")
    cram = tmp_path / "reads.cram"
    reference = DATA / "ref.fa"
    options = ["-O", "cram,version=3.0", "-T", str(reference), "-o", str(cram)]
    pysam.view(*options, str(DATA / "reads.bam"), catch_stdout=False)
    bam, *others = gatk.ask(
        "Encodings", tmp_path, reference, DATA / "reads.bam", made, spoilt, cram
    )
    assert [found["unlike"] for found in (bam, *others)] == [[]] * 4
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as file:
        assert bam["copied"] == file.count(until_eof=True)
    assert [found["copied"] for found in others] == [reads, reads, 0]
