"""Labels from a truth set and confident regions, on worked cases and on real calls."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadInput
from cnnscore.truth.labels import (
    BATCH,
    FALSE,
    NOT_COMPARED,
    OUTSIDE,
    TRUE,
    Labeller,
    TruthSet,
    truth_column,
)
from cnnscore.truth.regions import Regions

Row = tuple[str, int, str, str, str]  # contig, 0-based position, REF, ALT, GT


def vcf(path: Path, rows: list[Row], *, contigs: dict[str, int] | None = None) -> str:
    contigs = contigs or {row[0]: 1000 for row in rows}
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="">']
    lines += ['##FILTER=<ID=bad,Description="">']
    lines += [f"##contig=<ID={name},length={length}>" for name, length in contigs.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS")
    for contig, pos, ref, alt, gt in rows:
        flag = "bad" if gt.endswith("!") else "PASS"
        lines.append(f"{contig}\t{pos + 1}\t.\t{ref}\t{alt}\t9\t{flag}\t.\tGT\t{gt.rstrip('!')}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def label(
    calls_path: str, labeller: Labeller, genotypes: bool = False
) -> tuple[list[int], list[int]]:
    calls, records = Calls(calls_path), Records()
    record: list[int] = []
    allele: list[int] = []
    while calls.read(records, 3):
        labels = labeller.label(records.sites(), records.dosage() if genotypes else None)
        record += labels.record.tolist()
        allele += labels.allele.tolist()
    labeller.check(calls_path)
    return record, allele


TRUTH: list[Row] = [
    ("a", 10, "A", "C", "0/1"),
    ("a", 20, "G", "T", "1/1"),
    ("a", 30, "A", "C", "0/1"),
    ("a", 31, "C", "G", "0/1"),
    ("a", 50, "TA", "T,TAA", "1/2"),
    ("a", 90, "G", "C", "0/1"),
    ("b", 10, "A", "C", "0/0"),
    ("b", 20, "A", "T", "0/1!"),
]
CALLS: list[Row] = [
    ("a", 10, "A", "C", "0/1"),  # true
    ("a", 10, "A", "G", "0/1"),  # another allele
    ("a", 20, "GG", "TG", "0/1"),  # true once trimmed; another genotype
    ("a", 30, "AC", "CG", "0/1"),  # an MNP: both SNPs are true
    ("a", 30, "AC", "CT", "0/1"),  # one of two
    ("a", 50, "T", "TA,G,*", "1/2"),  # one allele true
    ("a", 70, "T", "G", "0/1"),  # not confident
    ("a", 95, "T", "<DEL>", "0/1"),  # not comparable
    ("b", 10, "A", "C", "0/1"),
    ("b", 20, "A", "T", "0/1"),
]
CONFIDENT = "track x\nb\t0\t100\na\t0\t25\na\t20\t60\n#c\na\t80\t100\tname\n"


@pytest.fixture
def truth_vcf(tmp_path: Path) -> str:
    return vcf(tmp_path / "truth.vcf", TRUTH)


@pytest.fixture
def calls_vcf(tmp_path: Path) -> str:
    return vcf(tmp_path / "calls.vcf", CALLS)


@pytest.fixture
def confident(tmp_path: Path) -> Regions:
    path = tmp_path / "confident.bed"
    path.write_text(CONFIDENT)
    return Regions.read(str(path))


def test_labels(truth_vcf: str, calls_vcf: str, confident: Regions) -> None:
    labeller = Labeller(TruthSet.read(truth_vcf), confident)
    record, allele = label(calls_vcf, labeller)
    assert record == [
        TRUE, FALSE, TRUE, TRUE, FALSE, TRUE, OUTSIDE, NOT_COMPARED, TRUE, TRUE,
    ]  # fmt: skip
    multi = allele[10:14]
    assert multi == [NOT_COMPARED, TRUE, FALSE, NOT_COMPARED]
    missed = [labeller.truth.ref_alt(i) for i in labeller.missed()]
    assert missed == [("TA", "T"), ("G", "C")]


def test_without_regions_all_is_confident(truth_vcf: str, calls_vcf: str) -> None:
    record, _ = label(calls_vcf, Labeller(TruthSet.read(truth_vcf), None))
    assert record[6] == FALSE


def test_passing_truth_and_a_named_sample(
    truth_vcf: str, calls_vcf: str, confident: Regions
) -> None:
    truth = TruthSet.read(truth_vcf, sample="S", passing=True)
    assert truth.filtered == 1
    record, _ = label(calls_vcf, Labeller(truth, confident))
    assert record[8:] == [FALSE, FALSE]  # 0/0 in the truth; filtered there


def test_genotypes_must_match_when_asked(
    truth_vcf: str, calls_vcf: str, confident: Regions
) -> None:
    truth = TruthSet.read(truth_vcf)
    record, _ = label(calls_vcf, Labeller(truth, confident, match_genotype=True), genotypes=True)
    assert record[:4] == [TRUE, FALSE, FALSE, TRUE]  # the third: het called, hom in truth


def test_batches_and_order_do_not_matter(
    tmp_path: Path, truth_vcf: str, confident: Regions
) -> None:
    truth = TruthSet.read(vcf(tmp_path / "reversed.vcf", TRUTH[::-1]))
    record, _ = label(vcf(tmp_path / "r.vcf", CALLS[::-1]), Labeller(truth, confident))
    assert record[::-1] == [
        TRUE, FALSE, TRUE, TRUE, FALSE, TRUE, OUTSIDE, NOT_COMPARED, TRUE, TRUE,
    ]  # fmt: skip


def test_regions_gz_and_bad_lines(tmp_path: Path, confident: Regions) -> None:
    zipped = tmp_path / "c.bed.gz"
    zipped.write_bytes(gzip.compress(CONFIDENT.encode()))
    assert Regions.read(str(zipped)).bases() == confident.bases() == 180
    edges = confident.contains(
        [b"a", b"x"],
        np.array([0, 0, 0, 0, 1], np.int32),
        np.array([0, 59, 60, 99, 5], np.int64),
    )
    assert edges.tolist() == [True, True, False, True, False]
    bad = tmp_path / "bad.bed"
    for text, message in (
        ("a\t5\t4\n", "line 1"),
        ("a\t0\t4\na\tx\t4\n", "line 2"),
        ("", "no reg"),
    ):
        bad.write_text(text)
        with pytest.raises(BadInput, match=message):
            Regions.read(str(bad))
    with pytest.raises(BadInput, match="No such file"):
        Regions.read(str(tmp_path / "none.bed"))
    bad.write_bytes(gzip.compress(b"a\t0\t4\n" * 99)[:-9])
    with pytest.raises(BadInput, match=r"bad\.bed"):
        Regions.read(str(bad))


def test_other_names_other_builds(tmp_path: Path, truth_vcf: str, confident: Regions) -> None:
    truth = TruthSet.read(truth_vcf)
    renamed = vcf(tmp_path / "chr.vcf", [("chra", 10, "A", "C", "0/1")])
    with pytest.raises(BadInput, match=r"contigs are chra here and a, b there; .*--rename-chrs"):
        label(renamed, Labeller(truth, confident))
    other = vcf(tmp_path / "n.vcf", [("zz", 10, "A", "C", "0/1")])
    with pytest.raises(BadInput, match="one build of the genome"):
        label(other, Labeller(truth, confident))
    longer = vcf(tmp_path / "l.vcf", CALLS, contigs={"a": 999, "b": 1000})
    with pytest.raises(BadInput, match="contig a has 999 bases in the header of the calls"):
        label(longer, Labeller(truth, confident))
    swap = str.maketrans("ACGT", "CGTA")
    lifted = vcf(tmp_path / "s.vcf", [(c, p, r.translate(swap), "N", g) for c, p, r, _, g in CALLS])
    with pytest.raises(BadInput, match="disagree on the REF base"):
        label(lifted, Labeller(truth, confident))


def test_nothing_within_the_confident_regions(tmp_path: Path, truth_vcf: str) -> None:
    bed = tmp_path / "c.bed"
    bed.write_text("chra\t0\t100\n")
    calls = vcf(tmp_path / "calls.vcf", CALLS)
    with pytest.raises(BadInput, match=r"none of the .* lies within .*rename"):
        label(calls, Labeller(TruthSet.read(truth_vcf), Regions.read(str(bed))))
    bed.write_text("a\t500\t600\n")
    with pytest.raises(BadInput, match="of the same region"):
        label(calls, Labeller(TruthSet.read(truth_vcf), Regions.read(str(bed))))


def test_truth_of_another_build_than_the_reference(tmp_path: Path, data: Path) -> None:
    path = vcf(tmp_path / "t.vcf", [("synA", 5, "A", "C", "0/1"), ("synA", 6, "A", "C", "0/1")])
    with pytest.raises(BadInput, match="does not fit the reference"):
        TruthSet.read(path, reference=str(data / "ref.fa"))


def test_samples(tmp_path: Path) -> None:
    path = tmp_path / "two.vcf"
    path.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tX\tY\n"
    )
    with pytest.raises(BadInput, match=r"2 samples \(X, Y\): name the one"):
        truth_column(Calls(str(path)), None)
    with pytest.raises(BadInput, match="no sample Z; it has X, Y"):
        truth_column(Calls(str(path)), "Z")
    assert truth_column(Calls(str(path)), "Y") == 1


def test_an_empty_truth_set(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no usable allele"):
        TruthSet.read(vcf(tmp_path / "t.vcf", [("a", 5, "A", "<DEL>", "0/1")]))


def counts(folder: Path, truth: str, bed: str, reference: str | None) -> Counter[tuple[str, int]]:
    labeller = Labeller(
        TruthSet.read(str(folder / truth), reference=reference), Regions.read(str(folder / bed))
    )
    calls, records = Calls(str(folder / "calls.vcf.gz")), Records()
    found: Counter[tuple[str, int]] = Counter()
    while calls.read(records, BATCH):
        labels = labeller.label(records.sites())
        kind = np.where(labels.alleles.is_snp, "snp", "indel")
        found.update(zip(kind.tolist(), labels.part.tolist(), strict=True))
        found.update(("record", value) for value in labels.record.tolist())
    return found


def test_real_calls_chr21(shared: Path) -> None:
    found = counts(
        shared / "data" / "chr21-labelled-calls", "truth.vcf.gz", "confident.bed.gz", None
    )
    assert (found["snp", TRUE], found["snp", FALSE]) == (9858, 54)
    assert (found["indel", TRUE], found["indel", FALSE]) == (1306, 6)


@pytest.mark.parametrize("aligned", [False, True])
def test_real_calls_chr20(shared: Path, aligned: bool) -> None:
    folder = shared / "data" / "na12878-chr20"
    reference = str(folder / "ref.20.fa.gz") if aligned else None
    found = counts(folder, "truth.HG001_v3.3.2.vcf.gz", "confident.proxy.bed", reference)
    assert (found["record", TRUE], found["record", FALSE]) == (192, 8)
