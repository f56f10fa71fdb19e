"""Window batches that lie: the encoders refuse them by name and never read beyond them."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cnnscore._encode import ffi, lib
from cnnscore.errors import BadBatch
from cnnscore.network.encode import READ_SCALARS, read_fields
from hosts import native_encode
from hosts.native_encode import Batch, EncodeError
from oracles.encode import Read, Site

ERR_USAGE, ERR_BATCH = -3, -5
WINDOW, ROWS = 128, 8
HUGE = 2**62

CONTIG = "ACGT" * 200


def good_batch() -> Batch:
    """Three sites, two reads each, at chrT:301, chrT:401 and chrT:501."""
    sites = []
    for pos in (300, 400, 500):
        reads = [
            Read(pos - 50, [("M", 60), ("I", 2), ("M", 38)], "ACGT" * 25, [30] * 100, 0x63),
            Read(pos - 20, [("S", 5), ("M", 55), ("D", 3), ("M", 40)], "CATG" * 25, [31] * 100),
        ]
        sites.append(Site(CONTIG, pos, "A", ["C", "AT"], reads))
    return Batch(sites, left=64, width=192)


def refusals(batch: Batch) -> list[str]:
    """What the check, gatk-reads and gatk-reference say; '' where they find no fault."""
    order = range(len(batch.columns["pos"]))
    said = []
    for call in (
        lambda: native_encode.batch_check(batch),
        lambda: native_encode.encode_reads(batch, order, WINDOW, ROWS),
        lambda: native_encode.encode_reference(batch, order, WINDOW),
    ):
        try:
            call()
            said.append("")
        except EncodeError as error:
            said.append(str(error) if error.code == ERR_BATCH else f"code {error.code}")
    return said


def test_a_good_batch_passes() -> None:
    assert refusals(good_batch()) == ["", "", ""]


@pytest.mark.parametrize("lie", [-1, -HUGE, 10**6, HUGE, 2**63 - 1])
@pytest.mark.parametrize(
    ("column", "index", "sites_at_fault", "words"),
    [
        ("site_allele", 1, ["site 0 (chrT:301)", "site 1 (chrT:401)"], "alleles are out of range"),
        ("allele_offset", 4, ["site 1 (chrT:401)"], "allele 0 is out of range"),
        ("site_read", 2, ["site 1 (chrT:401)", "site 2 (chrT:501)"], "reads are out of range"),
        ("read_offset", 3, ["site 1 (chrT:401)"], "bytes of read 0 are out of range"),
    ],
)
def test_lying_columns_are_refused_by_site(
    column: str, index: int, sites_at_fault: list[str], words: str, lie: int
) -> None:
    batch = good_batch()
    batch.columns[column][index] = lie
    if column in ("allele_offset", "read_offset") and lie < 0:
        words = "out of range"  # the entry before it may be named instead
    checked, reads, reference = refusals(batch)
    for said in (checked, reads):
        assert any(site in said for site in sites_at_fault), said
        assert words in said
    # gatk-reference looks at no read.
    assert bool(reference) == (column not in ("site_read", "read_offset"))


@pytest.mark.parametrize("lie", [-2, -HUGE, HUGE, 2**63 - 1, -(2**63)])
def test_impossible_positions_are_refused(lie: int) -> None:
    batch = good_batch()
    batch.columns["pos"][1] = lie
    for said in refusals(batch):
        assert "site 1 (chrT:" in said
        assert "position is out of range" in said


@pytest.mark.parametrize(
    ("column", "index", "lie", "words"),
    [
        ("contig", 2, 1, "site 2 (?:501): its contig is number 1 of 1"),
        ("contig", 0, -1, "site 0 (?:301): its contig is number -1 of 1"),
        ("kind", 1, 3, "site 1 (chrT:401): it is of unknown kind 3"),
        ("end", 1, 399, "site 1 (chrT:401): it ends before it starts"),
        ("contig_offset", 0, 5, "the name of contig 0 is out of range"),
        ("contig_offset", 0, -5, "the name of contig 0 is out of range"),
        ("contig_length", 0, -5, "the length of contig 0 is negative"),
    ],
)
def test_columns_that_only_the_check_reads(column: str, index: int, lie: int, words: str) -> None:
    batch = good_batch()
    batch.columns[column][index] = lie
    with pytest.raises(EncodeError, match="window batch") as caught:
        native_encode.batch_check(batch)
    assert words in str(caught.value)
    assert refusals(batch)[1:] == ["", ""]


def test_a_contig_name_with_odd_bytes_leaves_the_message_ascii() -> None:
    batch = good_batch()
    batch.columns["contig_names"] = np.frombuffer(b"\xff\n\0T", np.int8)
    batch.columns["kind"][0] = 9
    assert "(???T:301)" in refusals(batch)[0]


def test_missing_columns_are_refused() -> None:
    batch = good_batch()
    columns = ["pos", "site_allele", "allele_offset", "alleles", "site_read", "read_offset"]
    for column in [*columns, "reads", "reference", "contig", "contig_offset", "end", "kind"]:
        struct = batch.struct()
        setattr(struct, column, ffi.NULL)
        error = ffi.new("cnnscore_error *")
        assert lib.cnnscore_batch_check(struct, error) == ERR_BATCH
        assert b"missing" in ffi.string(error.message)


def with_record(record: bytes) -> Batch:
    """One SNP site at chrT:301 whose only read is these bytes."""
    batch = Batch([Site(CONTIG, 300, "A", ["C"])], left=64, width=192)
    batch.columns["site_read"][1] = 1
    batch.columns["read_offset"] = np.array([0, len(record)], np.int64)
    batch.columns["reads"] = np.frombuffer(record, np.uint8)
    return batch


READ = Read(280, [("M", 10), ("D", 2), ("M", 11)], "ACGTNACGTRACGTYACGTAA", [20] * 21)


def test_every_cut_record_is_refused() -> None:
    whole = native_encode.record_bytes(READ)
    for size in range(len(whole)):
        checked, reads, reference = refusals(with_record(whole[:size]))
        assert "site 0 (chrT:301): read 0 is no BAM record" in checked
        assert reads == checked
        assert reference == ""
    assert refusals(with_record(whole)) == ["", "", ""]


def test_every_cut_long_cigar_is_refused() -> None:
    whole = native_encode.record_bytes(READ, b"NMC\1MDZ21\0", long_cigar=True)
    tags = len(native_encode.record_bytes(READ)) - 4  # two operators stand in for three
    fine = [tags, tags + 4, tags + 10]  # between two tags: no CG there, the stand-in is used
    for size in range(tags, len(whole)):
        checked, reads, _ = refusals(with_record(whole[:size]))
        assert ("" if size in fine else "its tags are cut short") in checked
        assert (checked == "") == (size in fine)
        assert reads == checked
    assert refusals(with_record(whole)) == ["", "", ""]


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (16, b"\xff\xff\xff\xff", "do not fit"),  # l_seq
        (16, b"\xff\xff\xff\x7f", "do not fit"),
        (12, b"\xff\xff", "do not fit"),  # n_cigar_op
        (8, b"\xff", "do not fit"),  # l_read_name
        (37, b"\x1f", "operator other than MIDNSHP=X"),  # the first, after a name of 5 bytes
        (37, b"\xa9", "operator other than MIDNSHP=X"),  # 10B
    ],
)
def test_lying_records_are_refused(at: int, value: bytes, words: str) -> None:
    record = bytearray(native_encode.record_bytes(READ))
    record[at : at + len(value)] = value
    for said in refusals(with_record(bytes(record)))[:2]:
        assert words in said


def part_tag(**lies: int) -> bytes:
    """Of a part that holds the 21 bases of READ: from base 100 on, of 1000."""
    numbers = {"length": 1000, "begin": 100, "indels": 3, "good": 5, "good_end": 990, "low": 9}
    return b"cnBI\6\0\0\0" + struct.pack("<6I", *(numbers | lies).values())


@pytest.mark.parametrize(
    "lies",
    [
        {"length": 120},  # fewer bases than it holds
        {"length": 2**31, "good_end": 2**31},
        {"length": 2**32 - 1},
        {"begin": 980},
        {"begin": 2**32 - 1},
        {"good": 991},
        {"good_end": 1001},
        {"low": 986},
        {"good": 990, "low": 1},
    ],
)
def test_parts_of_reads_that_contradict_themselves_are_refused(lies: dict[str, int]) -> None:
    checked, reads, _ = refusals(with_record(native_encode.record_bytes(READ, part_tag(**lies))))
    assert "read 0 is no BAM record: its tag cn contradicts itself" in checked
    assert reads == checked
    for other in (b"", b"NMC\1"):  # alone, or after other tags
        sound = native_encode.record_bytes(READ, other + part_tag())
        assert refusals(with_record(sound)) == ["", "", ""]


def test_bases_that_a_part_does_not_hold_are_not_there() -> None:
    """Whatever CIGAR and tag say: no encoder looks beyond the record."""
    for begin in (0, 3, 19, 20, 21, 100, 10**8):
        tag = part_tag(length=begin + 40, begin=begin, good=0, good_end=30, low=1)
        read = Read(280, [("M", begin + 40)], READ.seq, READ.qual)
        batch = with_record(native_encode.record_bytes(read, tag))
        assert refusals(batch) == ["", "", ""]
        planes, mask, _ = native_encode.encode_read_set(batch, [(0, 1)], WINDOW, 1)
        assert mask.tolist() == [[1.0]]
        held = begin <= 20 < begin + 21
        quality = planes[0, 0, READ_SCALARS.index("base_quality")]
        assert quality == np.float32(0.5 if held else 0), begin


def test_unknown_tag_types_are_refused_where_tags_matter() -> None:
    tagged = native_encode.record_bytes(READ, b"XX?abc")
    assert refusals(with_record(tagged)) == ["", "", ""]
    stand_in = native_encode.record_bytes(READ, b"XX?abc", long_cigar=True)
    assert "unknown type" in refusals(with_record(stand_in))[0]


@pytest.mark.parametrize("long_cigar", [False, True])
def test_fields_of_a_read(long_cigar: bool) -> None:
    """What the viewer asks (native/encode/read_fields.c): a CG tag goes before its stand-in."""
    record = native_encode.record_bytes(READ, b"NMC\1MDZ21\0", long_cigar)
    fields = read_fields(np.frombuffer(record, np.uint8))
    assert fields.cigar == READ.cigar
    assert fields.bases.tobytes().decode() == READ.seq
    assert fields[:5] == ("read", READ.flag, READ.mapq, READ.pos, 0)


def test_fields_of_every_cut_record() -> None:
    whole = np.frombuffer(native_encode.record_bytes(READ, b"NMC\1", long_cigar=True), np.uint8)
    tags = len(native_encode.record_bytes(READ)) - 4
    for size in range(len(whole)):
        if size in (tags, tags + 4):  # between two tags
            assert read_fields(whole[:size].copy()).cigar == [("S", 21), ("N", 23)]
            continue
        with pytest.raises(BadBatch, match="a read: it"):
            read_fields(whole[:size].copy())


def test_too_many_reads_for_the_rows() -> None:
    with pytest.raises(EncodeError, match=r"site 2 \(chrT:501\): it has 2 reads") as caught:
        native_encode.encode_reads(good_batch(), [2], WINDOW, 1)
    assert caught.value.code == ERR_BATCH


def test_a_reference_too_narrow_for_the_window() -> None:
    for window in (129, 130, 1000):
        for call in (
            lambda w=window: native_encode.encode_reads(good_batch(), [0], w, ROWS),
            lambda w=window: native_encode.encode_reference(good_batch(), [0], w),
            lambda w=window: native_encode.encode_haplotypes(good_batch(), [(0, 1)], w),
            # which needs as much as the window alone
            lambda w=window + 1: native_encode.encode_read_set(good_batch(), [(0, 1)], w, ROWS),
        ):
            with pytest.raises(EncodeError, match="64 reference columns before POS and 128 from"):
                call()


@pytest.mark.parametrize("site", [-1, 3, HUGE, -HUGE])
def test_sites_that_the_batch_has_not(site: int) -> None:
    with pytest.raises(EncodeError, match="the batch has 3") as caught:
        native_encode.encode_reads(good_batch(), [0, site], WINDOW, ROWS)
    assert caught.value.code == ERR_USAGE
    with pytest.raises(EncodeError, match="the batch has 3"):
        native_encode.encode_reference(good_batch(), [0, site], WINDOW)
    with pytest.raises(EncodeError, match="the batch has 3"):
        native_encode.encode_read_set(good_batch(), [(0, 1), (site, 1)], WINDOW, ROWS)


def test_windows_and_rows_that_make_no_sense() -> None:
    struct, error = good_batch().struct(), ffi.new("cnnscore_error *")
    order, plane = ffi.new("int64_t[1]"), ffi.new("uint8_t[1]")
    for window, rows in [(0, 1), (-1, 1), (-(2**31), 1), (1, 0), (1, -1)]:
        code = lib.cnnscore_encode_gatk_reads(
            struct, order, 1, window, rows, plane, plane, plane, plane, error
        )
        assert code == ERR_USAGE


def test_a_batch_of_another_version_is_refused() -> None:
    struct, error = good_batch().struct(), ffi.new("cnnscore_error *")
    struct.struct_size -= 8
    assert lib.cnnscore_batch_check(struct, error) == ERR_BATCH
    assert b"another version" in ffi.string(error.message)


def test_our_own_encodings_refuse_what_the_check_refuses() -> None:
    for name, index, lie in [("site_read", 2, HUGE), ("read_offset", 3, -1), ("pos", 1, HUGE)]:
        batch = good_batch()
        batch.columns[name][index] = lie
        with pytest.raises(EncodeError, match="window batch: site"):
            native_encode.encode_read_set(batch, [(0, 1), (1, 1), (2, 1)], WINDOW, ROWS)


def test_errors_may_be_unwanted() -> None:
    batch = good_batch()
    batch.columns["kind"][0] = 9
    assert lib.cnnscore_batch_check(batch.struct(), ffi.NULL) == ERR_BATCH


def test_what_the_check_lets_pass_can_be_encoded() -> None:
    rng = random.Random(20240601)
    passed = refused = 0
    for _ in range(3000):
        batch = good_batch()
        reads = batch.columns["reads"].copy()
        for _ in range(rng.randrange(1, 4)):
            # Mostly in the fixed fields and CIGARs, which matter more than bases.
            record = int(batch.columns["read_offset"][rng.randrange(6)])
            reads[record + rng.choice([rng.randrange(60), rng.randrange(200)])] = rng.randrange(256)
        batch.columns["reads"] = reads
        checked, encoded, _ = refusals(batch)
        assert checked == encoded
        passed += not checked
        refused += bool(checked)
    assert passed > 100
    assert refused > 100


def test_a_hostile_cigar_costs_no_more_than_its_length() -> None:
    """32 reads of 65535 insertions, all at different keys, starts in descending order."""
    cigar = [("I", 200)] * 65535
    record = bytearray(native_encode.record_bytes(Read(0, cigar, "ACGT", [9] * 4)))
    records = b""
    for i in range(32):
        record[4:8] = (300 - i).to_bytes(4, "little")
        records += record
    batch = with_record(bytes(record))
    batch.columns["reads"] = np.frombuffer(records, np.uint8)
    batch.columns["read_offset"] = np.arange(33, dtype=np.int64) * len(record)
    batch.columns["site_read"] = np.array([0, 32], np.int64)
    started = time.process_time()
    native_encode.encode_reads(batch, [0], WINDOW, 32)
    assert time.process_time() - started < 10  # measured: 0.3 s


def test_many_alleles_cost_no_more_than_their_number() -> None:
    """400 ALT alleles, 60 reads: each read is held against each allele twice, not 400 times."""
    reads = [Read(250, [("M", 100)], "ACGT" * 25, [30] * 100)] * 60
    alts = ["A" + "ACGT"[i % 4] * (1 + i // 4) for i in range(400)]
    batch = Batch([Site(CONTIG, 300, "A", alts, reads)], left=64, width=192)
    rows = native_encode.scorable(batch)
    times = []
    for encode in (native_encode.encode_read_set, native_encode.encode_annotations):
        started = time.process_time()
        encode(batch, rows, WINDOW, 60)
        times.append(time.process_time() - started)
    assert times[1] < 10 * times[0], times  # measured: 2 times, where 400 would be 300


def test_fuzz_target_under_sanitizers(tmp_path: Path) -> None:
    """20,000 pseudo-random inputs; fuzz_encode.c says how to run it for longer."""
    program = tmp_path / "fuzz_encode"
    sanitize = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    probe = tmp_path / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    if subprocess.run(["cc", *sanitize, str(probe), "-o", str(program)], check=False).returncode:
        pytest.skip("cc has no address sanitizer here")
    target = Path(__file__).with_name("fuzz_encode.c")
    strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow"]
    native = Path(__file__).resolve().parents[2] / "native"
    include = [f"-I{native / folder}" for folder in ("include", "encode")]
    command = ["cc", "-DSTANDALONE", *sanitize, *strict, *include]
    sources = [str(target), *map(str, sorted((native / "encode").glob("*.c")))]
    subprocess.run([*command, *sources, "-lm", "-o", str(program)], check=True)
    run = subprocess.run([program, "20000"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "20000 inputs\n"
