"""The C encoders against the plain oracle, cell by cell, on sites nobody would call ordinary."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hosts import native_encode
from oracles import encode as oracle_encode
from oracles.encode import BAM_BASES, Read, Site

PLANES = ("bases", "quals", "rows", "reference")


def repeatable(max_examples: int, *, shrink: bool) -> settings:
    return settings(
        max_examples=max_examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


SNPS = [("A", ["C"]), ("G", ["T", "*"]), ("N", ["N"]), ("R", ["A", "C", "G", "T"]), ("a", ["T"])]
OTHERS = [
    ("A", ["AT"]), ("ACGTACGT", ["A"]), ("AC", ["GT"]), ("A", ["C", "AT"]), ("A", ["<DEL>"]),
    ("A", ["<NON_REF>"]), ("A", []), ("A", ["c"]), ("A", ["R"]), ("ACGT" * 50, ["A"]),
    ("A", ["A]chr2:321682]"]), ("A", ["."]), ("*", ["<INS>", "A"]),
]  # fmt: skip


def compare(sites: list[Site], window: int, spare_rows: int = 1, **batch_options: bool) -> None:
    """Encode all sites in one call, in a shuffled order, and compare with the oracle."""
    n_rows = max(1, max(len(site.reads) for site in sites) + spare_rows)
    left, right = window // 2 + spare_rows, window + spare_rows
    batch = native_encode.Batch(sites, left=left, width=left + right, **batch_options)
    native_encode.batch_check(batch)
    order = [i * 7 % len(sites) for i in range(len(sites) + 1)]
    planes = native_encode.encode_reads(batch, order, window, n_rows)
    plain = native_encode.encode_reference(batch, order, window)
    for row, i in enumerate(order):
        expected = oracle_encode.gatk_reads(sites[i], window, n_rows)
        for name, got, want in zip(PLANES, planes, expected, strict=True):
            np.testing.assert_array_equal(got[row], want, err_msg=f"site {i}: {name}")
        want = oracle_encode.gatk_reference(sites[i], window)
        np.testing.assert_array_equal(plain[row], want, err_msg=f"site {i}: gatk-reference")


# ---- small sites, drawn piece by piece so that a failure shrinks to something readable ----

lengths = st.one_of(st.integers(1, 12), st.sampled_from([0, 1, 30, 300]))
cigars = st.lists(st.tuples(st.sampled_from("MMMMIDNSHP=X"), lengths), max_size=7)


@st.composite
def small_reads(draw: st.DrawFn, pos: int) -> Read:
    seq = draw(st.text(alphabet=BAM_BASES, max_size=24))
    return Read(
        pos=max(-1, pos + draw(st.integers(-40, 40))),
        cigar=draw(cigars),
        seq=seq,
        qual=[(7 * i + 3) % 94 for i in range(len(seq))],
        flag=draw(st.sampled_from([0, 0x10, 0x4, 0xFFF, 0x63, 0x93])),
        mapq=draw(st.sampled_from([0, 60, 255])),
    )


@st.composite
def small_sites(draw: st.DrawFn) -> Site:
    contig = draw(st.text(alphabet="ACGTRYKMSWBVHDXNacgtrykmswbvhdxn*-.U", min_size=1, max_size=60))
    pos = draw(st.integers(0, len(contig) - 1))
    ref, alts = draw(st.sampled_from(SNPS + OTHERS))
    return Site(contig, pos, ref, alts, draw(st.lists(small_reads(pos), max_size=5)))


@repeatable(400, shrink=True)
@given(st.lists(small_sites(), min_size=1, max_size=3), st.integers(1, 33), st.integers(0, 2))
def test_small_sites_match_the_oracle(sites: list[Site], window: int, spare_rows: int) -> None:
    compare(sites, window, spare_rows)


# ---- whole pileups, made from a seed: hypothesis would spend its time drawing bases ----


def simulated_cigar(rng: random.Random, n_indels: int) -> list[tuple[str, int]]:
    """An alignment such as a mapper writes, with clips, indels and now and then N, P, =, X."""
    cigar: list[tuple[str, int]] = []
    if rng.random() < 0.2:
        cigar.append(("H", rng.randrange(1, 60)))
    if rng.random() < 0.3:
        cigar.append(("S", rng.randrange(1, 90)))
    for i in range(n_indels + 1):
        if i:
            op = rng.choice("IIIDDDNP")
            cigar.append((op, rng.choice([1, 1, 2, 3, 10, 50, 129, 400])))
        cigar.append((rng.choice("MMMMM=X"), rng.randrange(1, 80)))
    if rng.random() < 0.3:
        cigar.append(("S", rng.randrange(1, 90)))
    if rng.random() < 0.2:
        cigar.append(("H", rng.randrange(1, 60)))
    return cigar


def simulated_read(rng: random.Random, site_pos: int, window: int, shared: list[int]) -> Read:
    cigar = simulated_cigar(rng, rng.choice([0, 0, 0, 1, 1, 2, 5]))
    pos = max(-1, site_pos + rng.choice([rng.randrange(-170, 20), rng.randrange(-600, 600)]))
    if shared and rng.random() < 0.5:
        # Reads that carry an insertion at the same place, of this or that length.
        pos = max(-1, site_pos - rng.randrange(window))
        matched = site_pos - pos + shared[0]
        cigar = [("M", max(0, matched)), ("I", rng.choice(shared)), ("M", rng.randrange(80))]
    n_bases = sum(length for op, length in cigar if op in "MIS=X")
    if rng.random() < 0.05:
        n_bases = rng.choice([0, 1, n_bases + 1, 127, 128, 129])  # a CIGAR that does not fit
    if rng.random() < 0.05:
        cigar = []
    alphabet = rng.choice(["ACGT", "ACGT", "ACGTN", BAM_BASES])
    return Read(
        pos=pos,
        cigar=cigar,
        seq="".join(rng.choices(alphabet, k=n_bases)),
        qual=rng.choices(range(94), k=n_bases),
        flag=rng.randrange(0x1000) & (0xFFF if rng.random() < 0.1 else 0xFFB),
        mapq=rng.choice([0, 20, 60, 255]),
    )


def simulated_site(rng: random.Random, window: int, depth: int) -> Site:
    length = rng.choice([1, 50, 200, 1000])
    contig = "".join(rng.choices("ACGTacgtNRK", weights=[9] * 8 + [1] * 3, k=length))
    pos = rng.choice([0, length - 1, rng.randrange(length)])
    ref, alts = rng.choice(SNPS + OTHERS)
    shared = [rng.choice([1, 2, 7, 40]) for _ in range(3)] if rng.random() < 0.5 else []
    reads = [simulated_read(rng, pos, window, shared) for _ in range(depth)]
    if rng.random() < 0.7:
        reads.sort(key=lambda read: read.pos)
    return Site(contig, pos, ref, alts, reads)


@repeatable(300, shrink=False)
@given(
    st.integers(0, 2**32),
    st.sampled_from([128, 128, 128, 127, 64, 33, 2, 1, 200, 301]),
    st.integers(0, 40),
)
def test_simulated_pileups_match_the_oracle(seed: int, window: int, depth: int) -> None:
    rng = random.Random(seed)
    compare([simulated_site(rng, window, depth), simulated_site(rng, window, depth // 4)], window)


@repeatable(30, shrink=False)
@given(st.integers(0, 2**32))
def test_cigars_in_the_cg_tag_are_used(seed: int) -> None:
    rng = random.Random(seed)
    compare([simulated_site(rng, 128, 8)], 128, long_cigar=True)


# ---- cases worth a name ----

CONTIG = "ACGT" * 100


def one_row(read: Read, *others: Read, ref: str = "A", alt: str = "C", window: int = 16) -> str:
    """The row of `read` in a pileup at position 200, as text: '.' nothing, '*' gap."""
    site = Site(CONTIG, 200, ref, [alt], [read, *others])
    compare([site], window)
    batch = native_encode.Batch([site], left=window, width=3 * window)
    bases, _, rows, _ = native_encode.encode_reads(batch, [0], window, 1 + len(others))
    row = list(rows[0, :, 1]).index(read.mapq)
    return "".join((BAM_BASES + "*.")[code & 31] for code in bases[0, row])


def simple(start: int, cigar: list[tuple[str, int]], seq: str, mapq: int = 1) -> Read:
    return Read(start, cigar, seq, [30] * len(seq), mapq=mapq)


@pytest.mark.parametrize(
    ("read", "others", "row"),
    [
        # A deletion opens gaps, what follows keeps its reference column.
        (simple(192, [("M", 4), ("D", 3), ("M", 4)], "AAAACCCC"), [], "AAAA***CCCC....."),
        # The carrier of the longest insertion has nothing to open; the others wait for it.
        (simple(192, [("M", 4), ("I", 3), ("M", 4)], "AAAAGGGCCCC"), [], "AAAAGGGCCCC....."),
        (
            simple(192, [("M", 8)], "AAAACCCC"),
            [simple(192, [("M", 4), ("I", 3), ("M", 1)], "AAAAGGGC", 2)],
            "AAAA***CCCC.....",
        ),
        # '=' does not move the index of gap keys: the gap opens at the wrong end of it.
        (simple(192, [("=", 4), ("D", 3), ("M", 4)], "AAAACCCC"), [], "***AAAACCCC....."),
        # A gap beyond the end of a short read is appended to it.
        (
            simple(192, [("M", 2)], "AA"),
            [simple(192, [("M", 8), ("I", 2), ("M", 1)], "AAAAAAAAGGC", 2)],
            "AA**............",
        ),
        # Only the first `window` bases of a read exist, even when it starts before the window.
        (simple(184, [("M", 30)], "A" * 8 + "C" * 8 + "G" * 14), [], "CCCCCCCC........"),
        # Leading soft clips are laid out as bases, hard clips are nothing.
        (simple(196, [("H", 5), ("S", 2), ("M", 3)], "GGAAA"), [], "..GGAAA........."),
        # Every insertion left of column 1 is put in front, even of empty cells.
        (
            simple(194, [("M", 4)], "AAAA"),
            [simple(188, [("M", 2), ("I", 2), ("M", 8)], "CCGGCCCCCCCC", 2)],
            "**..AAAA........",
        ),
        # An unmapped read stands at -1 and is out of sight here.
        (Read(192, [("M", 4)], "AAAA", [30] * 4, flag=4, mapq=1), [], "................"),
    ],
)
def test_named_rows(read: Read, others: list[Read], row: str) -> None:
    assert one_row(read, *others) == row


def test_flags_and_mapq_span_all_but_the_last_used_column() -> None:
    site = Site(CONTIG, 200, "A", ["C"], [simple(195, [("M", 4)], "ACGT")])
    batch = native_encode.Batch([site], left=16, width=48)
    bases, _, _, _ = native_encode.encode_reads(batch, [0], 16, 1)
    assert [column for column in range(16) if bases[0, 0, column] & 32] == [3, 4, 5]


def test_no_sites_is_no_work() -> None:
    batch = native_encode.Batch([], left=64, width=192)
    native_encode.batch_check(batch)
    assert native_encode.encode_reads(batch, [], 128, 128)[0].shape == (0, 128, 128)
    assert native_encode.encode_reference(batch, [], 128).shape == (0, 128)
