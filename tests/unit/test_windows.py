"""native/window against pysam and a plain reading of the rules."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, _dtype, from_native, to_native
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput, UsageError
from cnnscore.network.encode import NativeBatch, read_fields
from conftest import DATA
from oracles.reads import reads_of_site
from oracles.sampling import GATK_SEED, JavaRandom, reservoir, site_seed

REF = str(DATA / "ref.fa")
ANNOTATIONS = ("MQ", "DP", "QD")
LIMIT = 128


def batches(calls: Path, limit: int, **options: Any) -> Iterator[WindowBatch]:
    source = Calls(str(calls), annotations=ANNOTATIONS, **options)
    while True:
        records = Records()
        if source.read(records, limit) == 0:
            return
        yield records.sites()


def reader(reads: Path, **changes: Any) -> WindowReader:
    options = {"read_rule": "gatk", "read_limit": LIMIT, **changes}
    return WindowReader(ReaderOptions(REF, (str(reads),), **options))


def names(batch: WindowBatch, site: int) -> list[str]:
    """Name and flag of each read of a site, from the BAM records."""
    result = []
    for read in range(batch.site_read[site], batch.site_read[site + 1]):
        record = batch.reads[batch.read_offset[read] : batch.read_offset[read + 1]].tobytes()
        length, flag = record[8], struct.unpack_from("<H", record, 14)[0]
        result.append(f"{record[32 : 31 + length].decode()}/{flag}")
    return result


def contig_of(batch: WindowBatch, site: int) -> str:
    return batch.locus(site).split(":")[0]


@pytest.mark.parametrize(
    ("calls", "reads"), [("calls", "reads"), ("edge", "reads"), ("deep", "deep")]
)
@pytest.mark.parametrize("limit", [7, 1000])
@pytest.mark.parametrize("downsampling", ["site", "gatk"])
def test_reads_are_those_of_pysam(calls: str, reads: str, limit: int, downsampling: str) -> None:
    running = JavaRandom(GATK_SEED)
    ours = reader(DATA / f"{reads}.bam", downsampling=downsampling)
    sites = 0
    with pysam.AlignmentFile(str(DATA / f"{reads}.bam")) as bam:
        for site_batch in batches(DATA / f"{calls}.vcf.gz", limit):
            batch = ours.read(site_batch)
            for site in range(len(batch)):
                contig, start, end = (
                    contig_of(batch, site),
                    int(batch.pos[site]),
                    int(batch.end[site]),
                )
                own = JavaRandom(site_seed(contig, start))
                random = running if downsampling == "gatk" else own
                expected = reservoir(reads_of_site([bam], contig, start, end), LIMIT, random)
                assert names(batch, site) == [f"{r.query_name}/{r.flag}" for r in expected]
            sites += len(batch)
    assert sites > 40
    assert (ours.counts().sites_sampled > 0) == (reads == "deep")


def test_records_are_whole_bam_records() -> None:
    (sites,) = batches(DATA / "calls.vcf.gz", 1000)
    batch = reader(DATA / "reads.bam").read(sites)
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as bam:
        site = 5
        wanted = {
            f"{read.query_name}/{read.flag}": read
            for read in bam.fetch(
                contig_of(batch, site), int(batch.pos[site]), int(batch.end[site])
            )
        }
        for name, index in zip(
            names(batch, site), range(batch.site_read[site], batch.site_read[site + 1]), strict=True
        ):
            record = batch.reads[batch.read_offset[index] : batch.read_offset[index + 1]].tobytes()
            read = wanted[name]
            _, pos, l_name, mapq, _, n_cigar, flag, l_seq = struct.unpack_from("<iiBBHHHI", record)
            assert (pos, mapq, flag, l_seq) == (
                read.reference_start,
                read.mapping_quality,
                read.flag,
                read.query_length,
            )
            cigar = struct.unpack_from(f"<{n_cigar}I", record, 32 + l_name)
            assert [(c & 15, c >> 4) for c in cigar] == read.cigartuples
            assert record[-l_seq:] == bytes(read.query_qualities or [])


def test_reference_columns() -> None:
    with pysam.FastaFile(REF) as fasta:
        for sites in batches(DATA / "edge.vcf.gz", 10):
            batch = WindowReader(ReaderOptions(REF, reference_left=64, reference_width=192)).read(
                sites
            )
            for site in range(len(batch)):
                contig, begin = contig_of(batch, site), int(batch.pos[site]) - 64
                whole = fasta.fetch(contig).upper()
                text = "".join(
                    whole[i] if 0 <= i < len(whole) else "\0" for i in range(begin, begin + 192)
                )
                assert batch.reference[site].tobytes().decode() == text
            assert not len(batch.reads)


def test_site_columns() -> None:
    (sites,) = batches(DATA / "edge.vcf.gz", 1000)
    for site, record in enumerate(pysam.VariantFile(str(DATA / "edge.vcf.gz"))):
        assert sites.locus(site) == f"{record.chrom}:{record.pos}"
        assert sites.end[site] == record.stop
        spans = sites.allele_offset[sites.site_allele[site] : sites.site_allele[site + 1] + 1]
        alleles = [sites.alleles[a:b].tobytes().decode() for a, b in pairwise(spans)]
        assert alleles == list(record.alleles or ())
        for column, key in enumerate(ANNOTATIONS):
            value = record.info.get(key, np.nan)
            np.testing.assert_equal(sites.annotations[site, column], np.float32(value))


def test_sites_in_any_order() -> None:
    (sites,) = batches(DATA / "calls.vcf.gz", 1000)
    ours = reader(DATA / "reads.bam")
    whole = ours.read(sites)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(sites))[:60]
    lengths = np.diff(sites.site_allele)[order]
    alleles = [slice(sites.site_allele[site], sites.site_allele[site + 1]) for site in order]
    texts = [
        sites.alleles[sites.allele_offset[a] : sites.allele_offset[a + 1]]
        for part in alleles
        for a in range(part.start, part.stop)
    ]
    shuffled = WindowBatch(
        contig=sites.contig[order],
        pos=sites.pos[order],
        end=sites.end[order],
        kind=sites.kind[order],
        site_allele=np.concatenate([[0], np.cumsum(lengths)]),
        allele_offset=np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(
            np.int64
        ),
        alleles=np.concatenate(texts),
        annotations=sites.annotations[order],
        reference=np.zeros((len(order), 0), np.uint8),
        site_read=np.zeros(len(order) + 1, np.int64),
        read_offset=np.zeros(1, np.int64),
        reads=np.zeros(0, np.uint8),
        contig_length=sites.contig_length,
        contig_offset=sites.contig_offset,
        contig_names=sites.contig_names,
    )
    batch = ours.read(shuffled)
    for i, site in enumerate(order):
        assert names(batch, i) == names(whole, int(site))


def test_batch_crosses_the_seam_unchanged() -> None:
    from cnnscore._window import ffi

    (sites,) = batches(DATA / "edge.vcf.gz", 1000)
    batch = reader(DATA / "reads.bam").read(sites)
    again = from_native(ffi, to_native(ffi, batch), batch)
    for name in (
        "contig",
        "pos",
        "end",
        "kind",
        "site_allele",
        "allele_offset",
        "alleles",
        "reference",
        "reads",
    ):
        np.testing.assert_array_equal(getattr(batch, name), getattr(again, name))
    np.testing.assert_array_equal(batch.annotations, again.annotations)


def test_columns_in_either_form_of_numpy() -> None:
    """NDArray[X] is ndarray[shape, dtype[X]], or keeps X alone, as list[X] does here."""
    for kind in (np.ndarray[Any, np.dtype[np.int32]], list[np.int32], NDArray[np.int32]):
        assert _dtype(kind) == np.int32


def test_artificial_haplotypes_and_bare_reads_are_left_out(tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict(
        {
            "SQ": [{"SN": "synA", "LN": 40000}, {"SN": "synB", "LN": 12000}],
            "RG": [
                {"ID": name, "SM": "s"}
                for name in ("ArtificialHaplotypeRG", "ArtificialHaplotype", "x")
            ],
        }
    )
    path = tmp_path / "reads.bam"
    kinds = [
        "x",
        "ArtificialHaplotypeRG",
        "ArtificialHaplotype",
        None,
        "no quals",
        "no seq",
        "no cigar",
    ]
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for i, kind in enumerate(kinds):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id = f"r{i}", 0
            read.reference_start = 256 if kind == "no cigar" else 250
            if kind != "no seq":
                read.query_sequence = "A" * 50
                if kind != "no quals":
                    read.query_qualities = pysam.qualitystring_to_array("I" * 50)
            if kind != "no cigar":
                read.cigartuples = [(0, 50)]
            if kind is not None:
                read.set_tag("RG", "x" if kind.startswith("no ") else kind)
            out.write(read)
    pysam.index(str(path))
    intervals = Intervals(regions="synA:257-257")
    (sites,) = batches(DATA / "calls.vcf.gz", 10, intervals=intervals)
    ours = reader(path)
    assert names(ours.read(sites), 0) == ["r0/0"]
    counts = ours.counts()
    assert (counts.reads, counts.no_read_group, counts.no_qualities) == (7, 1, 3)


def bam_with(tmp_path: Path, *reads: tuple[str, list[tuple[int, int]], int]) -> Path:
    """A BAM of reads (name, CIGAR, bases) at synA:251."""
    header = pysam.AlignmentHeader.from_dict(
        {"SQ": [{"SN": "synA", "LN": 40000}], "RG": [{"ID": "x", "SM": "s"}]}
    )
    path = tmp_path / "reads.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for name, cigar, length in reads:
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = name, 0, 250
            read.query_sequence = "A" * length
            read.query_qualities = pysam.qualitystring_to_array("I" * length)
            read.cigartuples = cigar
            read.set_tag("RG", "x")
            out.write(read)
    pysam.index(str(path))
    return path


def test_more_operators_than_16_bits_count(tmp_path: Path) -> None:
    """The record then has a placeholder, and the CIGAR in the tag CG (SAM specification 4.2.2)."""
    cigar = [(0, 1), (1, 1)] * 35_000
    path = bam_with(tmp_path, ("long", cigar, 70_000))
    (sites,) = batches(DATA / "calls.vcf.gz", 10, intervals=Intervals(regions="synA:257-257"))
    batch = reader(path, whole_reads=True).read(sites)
    assert names(batch, 0) == ["long/0"]
    record = batch.reads.tobytes()
    assert struct.unpack_from("<H", record, 12)[0] == 2
    at = record.rindex(b"CGBI")
    (count,) = struct.unpack_from("<I", record, at + 4)
    operators = struct.unpack_from(f"<{count}I", record, at + 8)
    assert [(value & 15, value >> 4) for value in operators] == cigar
    assert read_fields(batch.reads).cigar == [("M", 1), ("I", 1)] * 35_000
    NativeBatch(batch).check()


def test_longest_name(tmp_path: Path) -> None:
    """A name of 255 bytes that lacks its NUL, of which htslib makes 256, stays within its byte."""
    path = bam_with(tmp_path, ("b" * 254, [(0, 50)], 50))
    whole = gzip.decompress(path.read_bytes())
    at = whole.index(b"b" * 254 + b"\0")
    with pysam.BGZFile(str(path), "wb", None) as out:
        out.write(whole[: at + 254] + b"b" + whole[at + 255 :])
    pysam.index(str(path))
    (sites,) = batches(DATA / "calls.vcf.gz", 10, intervals=Intervals(regions="synA:257-257"))
    batch = reader(path).read(sites)
    assert names(batch, 0) == ["b" * 254 + "/0"]
    NativeBatch(batch).check()


def test_bad_options() -> None:
    with pytest.raises(UsageError, match="limit"):
        WindowReader(ReaderOptions(REF, (str(DATA / "reads.bam"),), read_rule="gatk", read_limit=0))
    with pytest.raises(BadInput, match=r"none\.bam"):
        reader(Path("none.bam"))
