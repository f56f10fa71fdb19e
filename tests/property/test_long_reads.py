"""Long reads are cut to what an encoding can see: planes equal those of whole reads to the bit.

Random CIGARs over a repetitive contig, in real BAM files: all operators, clips longer than the
window, tails and stretches of low quality, alleles that reach beyond the window.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_read_set import repetitive

from cnnscore.batch import WindowBatch, offsets_of
from cnnscore.calls.windows import BATCH_BYTES, ReaderOptions, WindowBuffers, WindowReader
from cnnscore.errors import BadBatch
from cnnscore.network.encode import (
    FROM_READS,
    NativeBatch,
    PlaneSpec,
    allele_rows,
    encode_gatk_reads,
    encode_read_set,
    read_fields,
    record_rows,
)
from cnnscore.wire.messages import MESSAGES, decode_batch, encode_batch

CONTIG = "chrL"
CODES = "MIDNSHP=X"
ANNOTATIONS = tuple(FROM_READS)


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


def planes_of(batch: WindowBatch, rule: str, window: int) -> list[bytes]:
    native = NativeBatch(batch)
    native.check()
    if rule == "gatk":
        planes = encode_gatk_reads(native, record_rows(native), PlaneSpec(window))
    else:
        spec, rows = PlaneSpec(window, ANNOTATIONS, "reads"), allele_rows(native)
        planes = encode_read_set(native, rows, spec)
        again = encode_read_set(native, rows, spec, realign=True)
        planes |= {f"{name}, realigned": plane for name, plane in again.items()}
    return [planes[name].tobytes() for name in sorted(planes)]


def compare(
    sample: Sample,
    sites: WindowBatch,
    rule: str,
    window: int,
    whose: str | None = None,
    limit: int = 128,
    downsampling: str = "site",
) -> tuple[int, int]:
    """Bytes of the reads, whole and cut."""
    left = window // 2
    width = left + window if rule == "gatk" else window
    options = ReaderOptions(
        sample.reference, sample.reads, whose, rule, limit, downsampling, left, width
    )
    with (
        WindowReader(options) as cutting,
        WindowReader(replace(options, whole_reads=True)) as reader,
    ):
        whole, cut = reader.read(sites), cutting.read(sites)
        np.testing.assert_array_equal(whole.site_read, cut.site_read)
        np.testing.assert_array_equal(whole.site_depth, cut.site_depth)
        assert planes_of(whole, rule, window) == planes_of(cut, rule, window)
        if downsampling == "site":  # GATK's random state runs on
            check_alone(sites, cut, cutting)
        return len(whole.reads), len(cut.reads)


def check_alone(sites: WindowBatch, together: WindowBatch, reader: WindowReader) -> None:
    """A site read after others, last first, has the bytes that it has among them."""
    records = [together.reads[slice(*span)].tobytes() for span in pairwise(together.read_offset)]
    for site in range(len(sites) - 1, -1, -3):
        alone = reader.read(sites, first=site, most_bytes=0)
        assert len(alone) == 1
        own = [alone.reads[slice(*span)].tobytes() for span in pairwise(alone.read_offset)]
        assert own == records[slice(*together.site_read[site : site + 2])]


@pytest.mark.parametrize("rule", ["primary", "gatk"])
@pytest.mark.parametrize("window", [600, 128, 20, 3])
def test_planes_of_cut_reads_are_those_of_whole_ones(
    rule: str, window: int, tmp_path: Path
) -> None:
    whole = cut = 0
    for seed in range(12):
        rng = random.Random(f"{rule} {window} {seed}")
        folder = tmp_path / str(seed)
        folder.mkdir()
        sample = random_sample(rng, folder)
        sites = random_sites(rng, sample.bases, 40)
        whose, limit = rng.choice([None, None, "s"]), rng.choice([128, 128, 5])
        downsampling = rng.choice(["site", "gatk"]) if rule == "gatk" else "site"
        found = compare(sample, sites, rule, window, whose, limit, downsampling)
        whole, cut = whole + found[0], cut + found[1]
    assert cut < whole * (0.9 if window > 200 else 0.7), (
        f"{cut} bytes of {whole}: hardly any is cut"
    )


@pytest.mark.parametrize("rule", ["primary", "gatk"])
def test_a_cigar_that_is_in_a_tag(rule: str, tmp_path: Path) -> None:
    rng = random.Random(5)
    bases = repetitive(rng, 120_000)
    header = header_of(bases)
    reads = []
    for n, part in ((35_000, "=X"), (33_000, "MD"), (40_000, "MI"), (70_000, "M")):
        read = read_of(rng, header, bases, [("S", 300), *[(op, 1) for op in part] * n, ("S", 9)])
        assert read
        assert len(read.cigartuples or []) > 65535
        reads.append(read)
    sample = write_sample(tmp_path, bases, reads, header)
    whole, cut = compare(sample, random_sites(rng, bases, 60), rule, 128)
    assert cut < whole * (0.05 if rule == "primary" else 0.8)


def test_a_batch_ends_with_the_site_that_fills_it(tmp_path: Path) -> None:
    """Its size is bounded by bytes, and the parts are the whole."""
    rng = random.Random(6)
    sample = random_sample(rng, tmp_path)
    sites = random_sites(rng, sample.bases, 50)
    options = ReaderOptions(sample.reference, sample.reads, None, "primary", 128, "site", 300, 600)
    with WindowReader(options) as reader:
        whole = reader.read(sites)
        ends = whole.read_offset[whole.site_read[1:]]
        for most in (0, 1, int(ends[0]), int(ends[0]) + 1, 20_000, BATCH_BYTES):
            first, reads = 0, []
            while first < len(sites):
                part = reader.read(sites, first=first, most_bytes=most)
                sizes = part.read_offset[part.site_read[1:]]
                assert (sizes[:-1] < most).all(), "it went on"
                assert sizes[-1] >= most or first + len(part) == len(sites), "it ended early"
                assert part.pos.tolist() == sites.pos[first : first + len(part)].tolist()
                np.testing.assert_array_equal(
                    part.reference, whole.reference[first : first + len(part)]
                )
                np.testing.assert_array_equal(
                    part.annotations, sites.annotations[first : first + len(part)]
                )
                reads.append(part.reads.tobytes())
                first += len(part)
            assert b"".join(reads) == whole.reads.tobytes()
        assert [len(part) for part in reader.parts(sites, WindowBuffers())] == [len(sites)]


def test_a_part_of_a_read_is_not_shown_as_one(tmp_path: Path) -> None:
    rng = random.Random(7)
    bases = repetitive(rng, 6000)
    header = header_of(bases)
    read = read_of(rng, header, bases, [("M", 5000)])
    assert read
    sample = write_sample(tmp_path, bases, [read], header)
    sites = sites_of(bases, [read.reference_start + 2500], [["A", "C"]])
    options = ReaderOptions(sample.reference, sample.reads, None, "gatk", 9, "site", 64, 192)
    sites = sites_of(bases, [int(sites.pos[0])], [[bases[int(sites.pos[0])], "N"]])
    with WindowReader(options) as reader:
        batch = reader.read(sites)
        assert len(batch.reads) < 200
        with pytest.raises(BadBatch, match="it is a part of one"):
            read_fields(batch.reads[: batch.read_offset[1]])


def test_the_wire_says_where_reads_are_parts(tmp_path: Path) -> None:
    """A server that knows no parts refuses another version; whole reads go out as they ever did."""
    rng = random.Random(8)
    sample = random_sample(rng, tmp_path)
    sites = random_sites(rng, sample.bases, 9)
    for whole_reads, version in ((True, 1), (False, 2)):
        options = ReaderOptions(
            sample.reference, sample.reads, None, "primary", 128, "site", 64, 128
        )
        with WindowReader(replace(options, whole_reads=whole_reads)) as reader:
            batch = reader.read(sites)
        message = encode_batch(batch, 0, len(batch), id=1, network="n")
        parsed = MESSAGES["WindowBatch"]()
        parsed.ParseFromString(message)
        assert parsed.ListFields()[0][1] == version
        _, again = decode_batch(message, network="n")
        assert again.reads.tobytes() == batch.reads.tobytes()
