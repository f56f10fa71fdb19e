"""Long reads are cut to what an encoding can see: planes equal those of whole reads to the bit.

Random CIGARs over a repetitive contig, in real BAM files: all operators, clips longer than the
window, tails and stretches of low quality, alleles that reach beyond the window.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cnnscore.batch import WindowBatch
from cnnscore.calls.windows import BATCH_BYTES, ReaderOptions, WindowBuffers, WindowReader
from cnnscore.errors import BadBatch
from cnnscore.network.encode import (
    NativeBatch,
    PlaneSpec,
    allele_rows,
    encode_gatk_reads,
    encode_read_set,
    read_fields,
    record_rows,
)
from cnnscore.wire.messages import MESSAGES, decode_batch, encode_batch
from hosts.long_reads import (
    ANNOTATIONS,
    Sample,
    header_of,
    random_sample,
    random_sites,
    read_of,
    repetitive,
    sites_of,
    write_sample,
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
