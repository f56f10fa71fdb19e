"""Our own encodings in C against their plain oracle, number by number."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_encode import repeatable, simulated_site, small_sites

from hosts import native_encode
from hosts.long_reads import repetitive
from oracles import alleles as oracle_alleles
from oracles import read_set as oracle_read_set
from oracles.encode import BAM_BASES, Read, Site


def compare(sites: list[Site], window: int, **batch_options: bool) -> int:
    """Encode all alleles in one call, last first, and compare; returns how many there were."""
    batch = native_encode.Batch(sites, left=window // 2 + 1, width=2 * window + 1, **batch_options)
    expected = [oracle_alleles.alleles(site, window) for site in sites]
    rows = native_encode.scorable(batch)
    assert rows == [(i, number) for i, found in enumerate(expected) for number in found]
    rows.reverse()
    n_reads = max(1, *(len(site.reads) for site in sites)) + 1
    planes = [native_encode.encode_read_set(batch, rows, window, n_reads, realign=again)
              for again in (False, True)]  # fmt: skip
    (reads, mask, variant), (realigned, *others) = planes
    assert [mask.tolist(), variant.tolist()] == [other.tolist() for other in others]
    reference, alternate, same = native_encode.encode_haplotypes(batch, rows, window)
    np.testing.assert_array_equal(variant, same)
    for row, (i, number) in enumerate(rows):
        site, allele = sites[i], expected[i][number]
        n = len(site.reads)
        assert mask[row].tolist() == [1.0] * n + [0.0] * (n_reads - n)
        assert not reads[row, n:].any()
        # Rows come in an order of content: the same sets of numbers.
        rivals = [other for key, other in expected[i].items() if key != number]
        for plane, alternatives in ((reads, None), (realigned, rivals)):
            want = sorted(
                np.array(scalars, np.float32).tolist()
                for scalars in oracle_read_set.rows(site.reads, allele, alternatives)
            )
            assert sorted(plane[row, :n].tolist()) == want, f"site {i}, allele {number}"
        features = np.array(oracle_read_set.variant_features(allele), np.float32)
        np.testing.assert_allclose(variant[row], features, rtol=1e-6)
        codes = oracle_read_set.haplotypes(site, allele, window)
        assert (reference[row].tolist(), alternate[row].tolist()) == codes
    return len(rows)


@repeatable(200, shrink=True)
@given(st.lists(small_sites(), min_size=1, max_size=3), st.integers(1, 70))
def test_small_sites_match_the_oracle(sites: list[Site], window: int) -> None:
    compare(sites, window)


@repeatable(100, shrink=False)
@given(st.integers(0, 2**32), st.sampled_from([600, 128, 33, 1]), st.integers(0, 20))
def test_wild_pileups_match_the_oracle(seed: int, window: int, depth: int) -> None:
    rng = random.Random(seed)
    compare([simulated_site(rng, window, depth), simulated_site(rng, window, depth // 4)], window)


# ---- pileups as a sequencer and a mapper make them, over repeats ----


def real_site(rng: random.Random, depth: int) -> Site:
    """A site with a REF from the contig, and reads of both haplotypes, aligned or misaligned."""
    contig = repetitive(rng, 400)
    pos = rng.randrange(120, 280)
    ref = contig[pos : pos + rng.choice([1, 1, 1, 2, 3, 9, 40])]
    alts = [
        contig[pos] + "".join(rng.choices("ACGT", k=rng.choice([0, 0, 1, 2, 8]))),
        rng.choice("ACGT"),
        ref[:1] + contig[pos + 1 : pos + 1 + rng.randrange(4)] + ref[1:],
        "".join(rng.choices("ACGT", k=len(ref))),
    ]
    alts = rng.sample(alts, rng.choice([1, 1, 1, 2, 3]))
    reads = []
    for _ in range(depth):
        alt = rng.choice([ref, *alts])
        haplotype = contig[:pos] + alt + contig[pos + len(ref) :]
        begin = rng.randrange(max(0, pos - 90), pos + 10)
        seq = haplotype[begin : begin + rng.randrange(30, 100)]
        seq = "".join(b if rng.random() < 0.98 else rng.choice("ACGTN") for b in seq)
        change, before = len(alt) - len(ref), pos + 1 - begin
        cigar = [("M", len(seq))]
        if change and 0 < before < len(seq) - max(change, 0) and rng.random() < 0.8:
            gap = ("I", change) if change > 0 else ("D", -change)
            cigar = [("M", before), gap, ("M", len(seq) - before - max(change, 0))]
        elif rng.random() < 0.2:
            clip = rng.randrange(1, len(seq))
            cigar = [("M", len(seq) - clip), ("S", clip)]
        reads.append(
            Read(
                begin,
                cigar,
                seq,
                [rng.randrange(2, 42) for _ in seq],
                rng.choice([0x63, 0x93, 0x53, 0xA3, 0x10, 0]),
                rng.choice([0, 20, 60, 255]),
            )
        )
    return Site(contig, pos, ref, alts, reads)


@repeatable(40, shrink=False)
@given(st.integers(0, 2**32))
def test_real_pileups_match_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    compare([real_site(rng, 12) for _ in range(3)], 300)


def test_long_cigars_are_taken_from_their_tag() -> None:
    rng = random.Random(7)
    assert compare([real_site(rng, 12) for _ in range(10)], 300, long_cigar=True) >= 10


def test_the_order_of_reads_never_matters() -> None:
    """Bit for bit: planes of a pileup and of the same pileup shuffled."""
    rng = random.Random(11)
    for _ in range(50):
        site = real_site(rng, 40)
        shuffled = rng.sample(site.reads, len(site.reads))
        other = Site(site.contig_sequence, site.pos, site.ref, site.alts, shuffled)
        batch = native_encode.Batch([site, other], left=150, width=300)
        rows = native_encode.scorable(batch)
        reads, _, _ = native_encode.encode_read_set(batch, rows, 300, 40)
        half = len(rows) // 2
        assert reads[:half].tobytes() == reads[half:].tobytes()


def test_rows_of_a_site_need_not_stand_together() -> None:
    """Bit for bit: annotations, which are of all alleles, of shuffled rows and of rows alone."""
    rng = random.Random(12)
    sites = [real_site(rng, 40) for _ in range(20)]
    batch = native_encode.Batch(sites, left=150, width=300)
    rows = native_encode.scorable(batch)
    assert any(number > 1 for _, number in rows)
    together = native_encode.encode_annotations(batch, rows, 300, 40)
    assert np.isfinite(together).any(axis=0).sum() > 5
    order = rng.sample(range(len(rows)), len(rows))
    shuffled = native_encode.encode_annotations(batch, [rows[i] for i in order], 300, 40)
    assert shuffled.tobytes() == together[order].tobytes()
    for i, row in enumerate(rows):
        alone = native_encode.encode_annotations(batch, [row], 300, 40)
        assert alone.tobytes() == together[i].tobytes(), row


def test_a_wider_reference_changes_nothing() -> None:
    rng = random.Random(13)
    sites = [real_site(rng, 10) for _ in range(20)]
    planes = []
    for extra in (0, 77):
        batch = native_encode.Batch(sites, left=100 + extra, width=300 + 2 * extra)
        rows = native_encode.scorable(batch)
        both = [
            *native_encode.encode_read_set(batch, rows, 200, 10),
            *native_encode.encode_haplotypes(batch, rows, 200),
        ]
        planes.append([plane.tobytes() for plane in both])
    assert planes[0] == planes[1]


# ---- cases worth a name ----

CONTIG = "ACGTTGCA" * 12 + "CAAAAAAG" + "TGCATCGA" * 12
SITE = 96  # of the C before six A


def support(read: Read, ref: str, alt: str) -> str:
    """What a read of a site at SITE supports."""
    site = Site(CONTIG, SITE, ref, [alt], [read])
    compare([site], 180)
    batch = native_encode.Batch([site], left=90, width=180)
    reads, _, _ = native_encode.encode_read_set(batch, [(0, 1)], 180, 1)
    names = ["alt", "ref", "other"]
    return " ".join(name for name, x in zip(names, reads[0, 0, 2:5], strict=True) if x) or "none"


def simple(start: int, cigar: list[tuple[str, int]], seq: str) -> Read:
    return Read(start, cigar, seq, [30] * len(seq))


@pytest.mark.parametrize(
    ("read", "ref", "alt", "expected"),
    [
        (simple(90, [("M", 20)], CONTIG[90:110]), "C", "T", "ref"),
        (simple(90, [("M", 20)], CONTIG[90:96] + "T" + CONTIG[97:110]), "C", "T", "alt"),
        (simple(90, [("M", 20)], CONTIG[90:96] + "G" + CONTIG[97:110]), "C", "T", "other"),
        (simple(90, [("M", 20)], CONTIG[90:96] + "N" + CONTIG[97:110]), "C", "T", "none"),
        (simple(90, [("M", 6), ("D", 1), ("M", 9)], CONTIG[90:96] + CONTIG[97:106]), "C", "T",
         "other"),
        # One A less, at either end of the six: the same deletion.
        (simple(90, [("M", 7), ("D", 1), ("M", 9)], CONTIG[90:97] + CONTIG[98:107]), "CA", "C",
         "alt"),
        (simple(90, [("M", 12), ("D", 1), ("M", 9)], CONTIG[90:102] + CONTIG[103:112]), "CA", "C",
         "alt"),
        # Two less is another allele.
        (simple(90, [("M", 7), ("D", 2), ("M", 9)], CONTIG[90:97] + CONTIG[99:108]), "CA", "C",
         "other"),
        # A read that ends among the six A says nothing.
        (simple(80, [("M", 20)], CONTIG[80:100]), "CA", "C", "none"),
        # One that goes on, aligned without the gap that it needs, does.
        (simple(80, [("M", 27)], CONTIG[80:97] + CONTIG[98:108]), "CA", "C", "alt"),
        (simple(80, [("M", 30)], CONTIG[80:110]), "CA", "C", "ref"),
        # A clip that holds the insertion.
        (simple(80, [("M", 17), ("S", 20)], CONTIG[80:97] + "GGTCC" + CONTIG[97:112]), "C",
         "CGGTCC", "alt"),
    ],
)  # fmt: skip
def test_what_reads_support(read: Read, ref: str, alt: str, expected: str) -> None:
    assert support(read, ref, alt) == expected


# ---- read-set-2: what else is near counts for neither allele ----

PAIRS = "ACGGTTCAGCATGATTCCGA" * 2 + "CTGACCTAGGTCAAT" + "GGCATTACGCTTAGCAAGTC" * 2
PAIR = 47  # of the A before GGTC


def supports(read: Read, ref: str, alts: list[str], *, realign: bool) -> str:
    """What a read of a site at PAIR supports of its first ALT allele."""
    site = Site(PAIRS, PAIR, ref, alts, [read])
    compare([site], 80)
    batch = native_encode.Batch([site], left=40, width=80)
    reads, _, _ = native_encode.encode_read_set(batch, [(0, 1)], 80, 1, realign=realign)
    names = ["alt", "ref", "other"]
    return " ".join(name for name, x in zip(names, reads[0, 0, 2:5], strict=True) if x) or "none"


def carrying(*edits: tuple[int, str, str]) -> str:
    """PAIRS with (position, REF, ALT) put in."""
    sequence = PAIRS
    for pos, ref, alt in sorted(edits, reverse=True):
        assert PAIRS.startswith(ref, pos)
        sequence = sequence[:pos] + alt + sequence[pos + len(ref) :]
    return sequence


INSERTED, DELETED = (PAIR, "A", "ATTGC"), (PAIR + 5, "AATGG", "A")


@pytest.mark.parametrize(
    ("seq", "cigar", "ref", "alts", "before", "now"),
    [
        # An insertion beside a deletion that cancels it, written as mismatches.
        (carrying(INSERTED, DELETED), [("M", 95)], "A", ["ATTGC"], "ref", "alt"),
        (carrying(INSERTED, DELETED), [("M", 95)], "AGGTC", ["A"], "ref", "ref"),
        # Two insertions written as one.
        (carrying((PAIR, "A", "ATTGC"), (PAIR + 3, "T", "TGA")), [("M", 48), ("I", 6), ("M", 47)],
         "A", ["ATTGC"], "other", "alt"),
        # A SNP that the aligner's deletion covers, a base beside the true one.
        (carrying((PAIR + 1, "G", "C"), (PAIR + 2, "GTC", "G")), [("M", 48), ("D", 2), ("M", 45)],
         "AG", ["AC"], "other", "alt"),
        # A read that has another ALT allele of the site.
        (carrying((PAIR, "A", "ATTGCCA")), [("M", 48), ("I", 6), ("M", 47)], "A",
         ["ATTGC", "ATTGCCA"], "other", "other"),
        # More of the allele's units are another allele; what stands beside them is not.
        (carrying((PAIR, "A", "AGGGG")), [("M", 48), ("I", 4), ("M", 47)], "A", ["AGG"],
         "other", "other"),
        (carrying((PAIR, "A", "AGG"), (PAIR + 2, "G", "GCACA")), [("M", 50), ("I", 6), ("M", 45)],
         "A", ["AGG"], "other", "alt"),
        # The base after a large deletion of the read is not laid along what it deletes.
        (PAIRS[:20] + PAIRS[75:], [("M", 20), ("D", 55), ("M", 20)], "A", ["C"], "other", "other"),
        # Reads that fit one allele are not looked at again.
        (carrying(INSERTED), [("M", 48), ("I", 4), ("M", 47)], "A", ["ATTGC"], "alt", "alt"),
        (PAIRS, [("M", 95)], "A", ["ATTGC"], "ref", "ref"),
    ],
)  # fmt: skip
def test_what_else_is_near_counts_for_neither(
    seq: str, cigar: list[tuple[str, int]], ref: str, alts: list[str], before: str, now: str
) -> None:
    read = Read(0, cigar, seq, [30] * len(seq))
    assert supports(read, ref, alts, realign=False) == before
    assert supports(read, ref, alts, realign=True) == now


def random_edit(rng: random.Random, contig: str, pos: int) -> tuple[int, str, str]:
    """A SNP, an insertion or a deletion."""
    n, base = rng.randrange(1, 7), contig[pos]
    kinds = [
        (pos, base, rng.choice([other for other in "ACGT" if other != base])),
        (pos, base, base + "".join(rng.choices("ACGT", k=n))),
        (pos, contig[pos : pos + n + 1], base),
    ]
    return rng.choice(kinds)


def test_pairs_of_variants_that_the_aligner_writes_as_one() -> None:
    """Of reads of both haplotypes, over pairs of true variants 8 bases apart at most."""
    rng = random.Random(16)
    found: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for _ in range(150):
        contig = "".join(rng.choices("ACGT", k=300))
        one = random_edit(rng, contig, 150)
        two = random_edit(rng, contig, 150 + len(one[1]) + rng.randrange(1, 8))
        haplotype = contig[: two[0]] + two[2] + contig[two[0] + len(two[1]) :]
        haplotype = haplotype[: one[0]] + one[2] + haplotype[one[0] + len(one[1]) :]
        net = len(haplotype) - len(contig)
        gap = [("M", 151), ("I" if net > 0 else "D", abs(net)), ("M", 149 - max(0, -net))]
        reads = [
            simple(0, gap if net else [("M", 300)], haplotype),
            simple(0, [("M", 300)], contig),
        ]
        sites = [Site(contig, pos, ref, [alt], reads) for pos, ref, alt in (one, two)]
        batch = native_encode.Batch(sites, left=100, width=200)
        for realign, counts in found.items():
            planes, _, _ = native_encode.encode_read_set(
                batch, [(0, 1), (1, 1)], 200, 2, realign=realign
            )
            sides = planes[:, :, 2:5].sum(axis=1)  # alt, ref, other
            counts["both"] += int(((sides[:, 0] == 1) & (sides[:, 1] == 1)).sum())
    assert found[False]["both"] < 240, found
    assert found[True]["both"] >= 294, found


def test_reads_that_fit_an_allele_keep_every_bit() -> None:
    """Planes and annotations of isolated variants, reads of both alleles, no errors."""
    rng = random.Random(15)
    sites = []
    for _ in range(60):
        contig = "".join(rng.choices("ACGT", k=400))
        alt = contig[200] + "".join(rng.choices("ACGT", k=rng.randrange(1, 6)))
        reads = []
        for _ in range(20):
            begin, inserted = rng.randrange(120, 180), rng.random() < 0.5
            haplotype = contig[:200] + alt + contig[201:] if inserted else contig
            gap = [("M", 201 - begin), ("I", len(alt) - 1), ("M", begin - 100 - len(alt))]
            reads.append(
                simple(begin, gap if inserted else [("M", 100)], haplotype[begin : begin + 100])
            )
        sites.append(Site(contig, 200, contig[200], [alt], reads))
    batch = native_encode.Batch(sites, left=150, width=300)
    rows = native_encode.scorable(batch)
    planes = [
        [
            plane.tobytes()
            for plane in native_encode.encode_read_set(batch, rows, 300, 20, realign=x)
        ]
        for x in (False, True)
    ]
    assert planes[0] == planes[1]


@pytest.mark.parametrize("alt", ["*", "<DEL>", "<NON_REF>", ".", "A]chr2:3]", "C", "c", "R"])
def test_alleles_that_are_no_sequence_are_not_scored(alt: str) -> None:
    batch = native_encode.Batch([Site(CONTIG, SITE, "C", [alt, "T"])], left=64, width=192)
    assert native_encode.scorable(batch) == [(0, 2)]
    encoders: list[Callable[[list[tuple[int, int]]], object]] = [
        lambda rows: native_encode.encode_read_set(batch, rows, 128, 1),
        lambda rows: native_encode.encode_haplotypes(batch, rows, 128),
    ]
    for encode in encoders:
        with pytest.raises(native_encode.EncodeError, match=r"chrT:97\): its ALT allele 1 is no"):
            encode([(0, 1)])
        for wrong in (0, 3, -1):
            with pytest.raises(native_encode.EncodeError, match="was asked for"):
                encode([(0, wrong)])


NO_SEQUENCES = ["*", "<NON_REF>", "<*>", "<DEL>", "A]chr2:3]"]


def test_alleles_that_are_no_sequence_change_no_score() -> None:
    """Bit for bit: planes of a record, and of it with `<NON_REF>` and the like anywhere in ALT."""
    rng = random.Random(14)
    for _ in range(50):
        site = real_site(rng, 30)
        alts: list[str] = []
        for alt in site.alts:
            alts += rng.sample(NO_SEQUENCES, rng.randrange(3))
            alts.append(alt)
        alts += rng.sample(NO_SEQUENCES, rng.randrange(1, 3))
        other = Site(site.contig_sequence, site.pos, site.ref, alts, site.reads)
        planes = []
        for one in (site, other):
            batch = native_encode.Batch([one], left=150, width=600)
            rows = native_encode.scorable(batch)
            both = [
                *native_encode.encode_read_set(batch, rows, 300, 40),
                *native_encode.encode_haplotypes(batch, rows, 300),
                native_encode.encode_annotations(batch, rows, 300, 40),
            ]
            planes.append([plane.tobytes() for plane in both])
        assert planes[0] == planes[1]


def test_letters_of_bam_are_known() -> None:
    assert {letter for letter in BAM_BASES if oracle_alleles.bases(letter)} == set(BAM_BASES[1:])
