"""Normalised alleles: worked cases by hand, and `bcftools norm` as the independent reading."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pysam
import pytest

from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadInput
from cnnscore.truth.alleles import Alleles, Normaliser

#            0         1         2
#            0123456789012345678901234
REFERENCE = "ACGTTTTTGCACACACATGNNACGT"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "ref.fa"
    path.write_text(
        f">c\n{REFERENCE}\n>long\n{'ACCA' * 10}{'CA' * 400}GT\n>run\nAAAAGG\n"
        f">pairs\n{'CA' * 60}GG\n"
    )
    pysam.faidx(str(path))
    return path


def write_vcf(path: Path, rows: list[tuple[str, int, str, str]], header: str = "") -> Path:
    """Rows of contig, 0-based position, REF, ALT."""
    names = dict.fromkeys(row[0] for row in rows)
    lines = ["##fileformat=VCFv4.2", *([header] if header else [])]
    lines += [f"##contig=<ID={name}>" for name in names]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += [f"{c}\t{pos + 1}\t.\t{ref}\t{alt}\t50\t.\t." for c, pos, ref, alt in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def normalise(path: Path, reference: Path | None) -> Alleles:
    calls, records = Calls(str(path)), Records()
    calls.read(records, 100_000)
    return Normaliser(None if reference is None else str(reference)).alleles(records.sites())


def rows(alleles: Alleles) -> list[tuple[int, str, str]]:
    return [(int(alleles.pos[i]), *alleles.ref_alt(i)) for i in range(len(alleles))]


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        (0, "A", "G", [(0, "A", "G")]),
        (0, "a", "g", [(0, "A", "G")]),
        (0, "ACG", "ACT", [(2, "G", "T")]),
        (0, "ACGT", "AGGT", [(1, "C", "G")]),
        (0, "ACG", "GCT", [(0, "A", "G"), (2, "G", "T")]),  # an MNP: the middle base is no part
        (3, "TT", "T", [(2, "GT", "G")]),  # suffix first: a deletion in the run moves to its left
        (6, "TT", "T", [(2, "GT", "G")]),
        (7, "T", "TT", [(2, "G", "GT")]),
        (9, "CACA", "CA", [(8, "GCA", "G")]),
        (13, "CACA", "CA", [(8, "GCA", "G")]),
        (16, "A", "ACA", [(8, "G", "GCA")]),
        (15, "CAT", "CACAT", [(8, "G", "GCA")]),
        (15, "C", "CAC", [(8, "G", "GCA")]),  # CA after C is AC: the same insertion
        (8, "GCAC", "TT", [(8, "GCAC", "TT")]),  # complex: whole
        (8, "GCAC", "GT", [(9, "CAC", "T")]),
        (0, "AC", "C", [(0, "AC", "C")]),  # at the contig's start no base lies before
        (0, "A", "TA", [(0, "A", "TA")]),
        (17, "TG", "T", [(17, "TG", "T")]),
        (20, "NA", "N", [(20, "NA", "N")]),  # N is no base to move over
    ],
)
def test_by_hand(
    tmp_path: Path, fasta: Path, pos: int, ref: str, alt: str, expected: list[object]
) -> None:
    path = write_vcf(tmp_path / "a.vcf", [("c", pos, ref, alt)])
    assert rows(normalise(path, fasta)) == expected


def test_without_a_reference_nothing_moves(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", [("c", 6, "TTG", "TG"), ("c", 15, "A", "ACA,T")])
    assert rows(normalise(path, None)) == [(6, "TT", "T"), (15, "A", "ACA"), (15, "A", "T")]


def test_what_cannot_be_compared_is_left_out(tmp_path: Path) -> None:
    alts = "*,<DEL>,A[c:3[,A,T,<NON_REF>"
    alleles = normalise(write_vcf(tmp_path / "a.vcf", [("c", 0, "A", alts)]), None)
    assert rows(alleles) == [(0, "A", "T")]
    assert alleles.row.tolist() == [5]


def test_far_moves_and_equal_changes(tmp_path: Path, fasta: Path) -> None:
    # The repeat is longer than one window of reference: several steps, and rotated on the way.
    calls = [("long", 40 + 2 * i - 1, "ACA", "A") for i in (1, 200, 399)]
    alleles = normalise(write_vcf(tmp_path / "a.vcf", calls), fasta)
    assert len(set(rows(alleles))) == 1
    assert len(set(alleles.change.tolist())) == 1
    assert rows(alleles)[0] == (37, "CCA", "C")


@pytest.mark.parametrize(
    ("contig", "written", "expected"),
    [
        ("run", [(0, "AA", "A"), (2, "AA", "A"), (3, "AG", "G")], (0, "AA", "A")),
        ("run", [(0, "A", "AA"), (2, "A", "AA"), (3, "A", "AA"), (3, "AG", "AAG")], (0, "A", "AA")),
        ("run", [(0, "AAAA", "A"), (1, "AAAG", "G")], (0, "AAAA", "A")),
        ("pairs", [(0, "CAC", "C"), (1, "ACA", "A"), (117, "ACA", "A")], (0, "CAC", "C")),
        ("pairs", [(0, "C", "ACC"), (0, "CA", "ACCA")], (0, "C", "ACC")),
        ("pairs", [(0, "C", "CAC"), (60, "C", "CAC"), (119, "A", "ACA")], (0, "C", "CAC")),
        ("pairs", [(0, "CACAC", "C"), (100, "CACAC", "C"), (101, "ACACA", "A")], (0, "CACAC", "C")),
    ],
)
def test_what_moves_to_a_contigs_first_base(
    tmp_path: Path,
    fasta: Path,
    contig: str,
    written: list[tuple[int, str, str]],
    expected: tuple[int, str, str],
) -> None:
    """An allele has one position and one text, that of `bcftools norm`, wherever it was written."""
    path = write_vcf(tmp_path / "a.vcf", [(contig, *row) for row in written])
    alleles = normalise(path, fasta)
    assert rows(alleles) == [expected] * len(written)
    assert len(set(alleles.change.tolist())) == len(set(alleles.start.tolist())) == 1
    norm = subprocess.run(
        ["bcftools", "norm", "-f", str(fasta), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    fields = [line.split("\t") for line in norm.stdout.splitlines() if not line.startswith("#")]
    assert {(int(f[1]) - 1, f[3], f[4]) for f in fields} == {expected}


def test_a_ref_that_is_not_the_reference(tmp_path: Path, fasta: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", [("c", 0, "G", "T")])
    with pytest.raises(BadInput, match="c:1 has REF G"):
        normalise(path, fasta)


def test_a_contig_that_the_reference_lacks_is_trimmed(tmp_path: Path, fasta: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", [("c", 6, "TT", "T"), ("other", 6, "TTG", "TG")])
    assert rows(normalise(path, fasta)) == [(2, "GT", "G"), (6, "TT", "T")]


def test_as_bcftools_norm(tmp_path: Path, data: Path) -> None:
    """Random SNPs and indels, at random offsets in longer alleles, over repeats."""
    random.seed(7)
    reference = pysam.FastaFile(str(data / "ref.fa"))
    bases = reference.fetch("synA")
    calls: list[tuple[str, int, str, str]] = []
    while len(calls) < 3000:
        pos = random.randrange(1, 39_000)
        ref = bases[pos : pos + random.randrange(1, 12)]
        left, right = random.randrange(len(ref)), random.randrange(3)
        alt = ref[: left + 1] + "".join(random.choices("ACGT", k=right)) + ref[left + 1 :]
        if random.random() < 0.5:  # a deletion instead
            alt = ref[:left] + ref[left + random.randrange(1, 3) :]
        if alt and alt != ref and set(ref) <= set("ACGT"):
            calls.append(("synA", pos, ref, alt))
    path = write_vcf(tmp_path / "a.vcf", sorted(calls, key=lambda row: row[1]))
    norm = subprocess.run(
        ["bcftools", "norm", "-f", str(data / "ref.fa"), "-m", "-any", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    fields = [line.split("\t") for line in norm.stdout.splitlines() if not line.startswith("#")]
    theirs = sorted((int(f[1]) - 1, f[3], f[4]) for f in fields)
    ours = sorted(rows(normalise(path, data / "ref.fa")))
    assert len(ours) == 3000
    assert ours == theirs
