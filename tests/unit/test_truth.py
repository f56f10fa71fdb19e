"""Labels from a truth set and confident regions, on worked cases and on real calls."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cnnscore.calls.record_types import HET, HOM, NO_GENOTYPE, NOT_CARRIED, zygosity
from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadInput
from cnnscore.truth.genotypes import sample_column
from cnnscore.truth.labels import (
    FALSE,
    NOT_CALLED,
    NOT_COMPARED,
    OUTSIDE,
    TRUE,
    Labeller,
    called_dosage,
)
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import BATCH, TruthSet

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
        labels = labeller.label(
            records.sites(), records.dosage(partial=True) if genotypes else None
        )
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
    with pytest.raises(BadInput, match=r"2 samples \(X, Y\): name the one .* `sample=`$"):
        sample_column(Calls(str(path)), None)
    with pytest.raises(BadInput, match=r"view -c1 -s NAME\), .* `truth_sample=`$"):
        TruthSet.read(str(path))
    with pytest.raises(BadInput, match="no sample Z: `bcftools query -l` lists"):
        sample_column(Calls(str(path)), "Z")
    assert sample_column(Calls(str(path)), "Y") == 1


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


# ---- genotypes ----


@pytest.mark.parametrize(
    ("genotype", "expected"),  # of REF and of two ALT alleles
    [
        ("0/0", [HOM, NOT_CARRIED, NOT_CARRIED]),
        ("0/1", [HET, HET, NOT_CARRIED]),
        ("1|1", [NOT_CARRIED, HOM, NOT_CARRIED]),
        ("1/2", [NOT_CARRIED, HET, HET]),
        ("1", [NOT_CARRIED, HOM, NOT_CARRIED]),
        ("0/1/1", [HET, HET, NOT_CARRIED]),
        ("./1", [NO_GENOTYPE, HET | HOM, NO_GENOTYPE]),
        ("./1/2", [NO_GENOTYPE, HET, HET]),
        ("0|.", [HET | HOM, NO_GENOTYPE, NO_GENOTYPE]),
        ("./.", [NO_GENOTYPE] * 3),
        (".", [NO_GENOTYPE] * 3),
    ],
)
def test_zygosity(tmp_path: Path, genotype: str, expected: list[int]) -> None:
    calls, records = Calls(vcf(tmp_path / "g.vcf", [("a", 5, "A", "C,G", genotype)])), Records()
    calls.read(records, 9)
    assert zygosity(records.sites(), records.dosage(partial=True)).tolist() == expected


def cohort(path: Path, rows: list[tuple[int, str, str, str]], samples: str = "A\tB") -> str:
    """Rows of 0-based position, REF, ALT and genotypes."""
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="">']
    lines += ["##contig=<ID=a,length=1000>"]
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}")
    lines += [f"a\t{pos + 1}\t.\t{ref}\t{alt}\t9\t.\t.\tGT\t{gts}" for pos, ref, alt, gts in rows]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_what_the_sample_does_not_carry_is_not_called(tmp_path: Path) -> None:
    truth = TruthSet.read(
        vcf(tmp_path / "t.vcf", [("a", 10, "A", "C", "0/1"), ("a", 60, "A", "C", "0/1")])
    )
    rows = [
        (10, "A", "C,G", "0/1\t0/2"),  # B's allele is no call of A's
        (20, "A", "C", "0/0\t1/1"),
        (30, "A", "C", "./.\t0/1"),
        (40, "A", "C", "./1\t0/0"),
        (50, "A", "C", ".\t1"),
        (60, "A", "C", "0/0\t0/1"),  # in the truth set, and missed in A
    ]
    path = cohort(tmp_path / "c.vcf", rows)
    found = {}
    for sample in ("A", "B"):
        calls, records = Calls(path), Records()
        dosage = called_dosage(calls, sample)
        labeller = Labeller(truth, None)
        calls.read(records, 100)
        labels = labeller.label(records.sites(), dosage(records))
        alleles = labels.allele.tolist()
        found[sample] = (alleles[1:3], labels.record[1:].tolist(), len(labeller.missed()))
    no = NOT_CALLED
    assert found["A"] == ([TRUE, no], [no, no, FALSE, no, no], 1)
    assert found["B"] == ([no, FALSE], [FALSE, FALSE, no, FALSE, TRUE], 1)
    everything = Labeller(truth, None, all_alleles=True)
    assert everything.label(records.sites(), records.dosage(0)).record.tolist() == [
        TRUE, FALSE, FALSE, FALSE, FALSE, TRUE,
    ]  # fmt: skip


def test_a_sample_without_any_genotype_is_an_error(tmp_path: Path) -> None:
    truth = TruthSet.read(vcf(tmp_path / "t.vcf", [("a", 10, "A", "C", "0/1")]))
    path = cohort(tmp_path / "c.vcf", [(10, "A", "C", "./.\t0/1"), (20, "A", "C", "./.\t0/1")])
    labeller = Labeller(truth, None)
    calls, records = Calls(path), Records()
    calls.read(records, 100)
    labeller.label(records.sites(), records.dosage(0))
    with pytest.raises(BadInput, match=r"none of the 2 records .* has a genotype .*`all_alleles=`"):
        labeller.check(path)


def test_truth_alleles_listed_twice(tmp_path: Path) -> None:
    """Two het records are het, two 0/0 records are none that a caller must find."""
    rows = [
        (10, "A", "C", "0/1"), (10, "A", "C", "0/1"),
        (20, "A", "C", "0/0"), (20, "A", "C", "0/0"),
        (30, "A", "C", "0/1"), (30, "A", "C", "1/1"),
        (40, "A", "C", "0/0"), (40, "A", "C", "0/1"),
        (50, "A", "C", "./."),
    ]  # fmt: skip
    truth = TruthSet.read(cohort(tmp_path / "t.vcf", rows, samples="A"))
    order = np.argsort(truth.pos)
    assert truth.zygosity[order].tolist() == [
        HET, NOT_CARRIED, HET | HOM, NOT_CARRIED | HET, NO_GENOTYPE,
    ]  # fmt: skip
    assert truth.expected[order].tolist() == [True, False, True, True, False]
    calls = [("a", pos, "A", "C", "0/1") for pos in (10, 20, 30, 40, 50)]
    record, _ = label(
        vcf(tmp_path / "c.vcf", calls), Labeller(truth, None, match_genotype=True), genotypes=True
    )
    assert record == [TRUE, FALSE, TRUE, TRUE, FALSE]


def test_two_alleles_of_a_record_that_share_a_snp(tmp_path: Path) -> None:
    """GT/GC for AT is A>G on both copies, and T>C on one."""
    for genotype, first in (("1/2", "1/1"), ("1/1", "1/1"), ("0/2", "0/1"), ("./2", "1/1")):
        second = "0/1" if genotype[-1] == "2" else None
        apart = [("a", 10, "A", "G", first)] + ([("a", 11, "T", "C", second)] if second else [])
        together = vcf(tmp_path / "m.vcf", [("a", 10, "AT", "GT,GC", genotype)])
        single = vcf(tmp_path / "s.vcf", apart)
        for calls, path in ((together, single), (single, together)):
            labeller = Labeller(TruthSet.read(path), None, match_genotype=True)
            record, alleles = label(calls, labeller, genotypes=True)
            assert set(record) == {TRUE}, (genotype, calls)
            assert FALSE not in alleles, (genotype, calls)
            assert len(labeller.missed()) == 0, (genotype, calls)
    het = [("a", 10, "A", "G", "0/1"), ("a", 11, "T", "C", "0/1")]
    labeller = Labeller(TruthSet.read(vcf(tmp_path / "s.vcf", het)), None, match_genotype=True)
    whole = vcf(tmp_path / "m.vcf", [("a", 10, "AT", "GT,GC", "1/2")])
    assert label(whole, labeller, genotypes=True)[0] == [FALSE]


def test_a_half_call_matches_het_and_hom(tmp_path: Path) -> None:
    for one, other in (("./1", "0/1"), ("./1", "1/1"), ("0/1", "./1"), ("1", "1/.")):
        truth = TruthSet.read(vcf(tmp_path / "t.vcf", [("a", 10, "A", "C", one)]))
        path = vcf(tmp_path / "c.vcf", [("a", 10, "A", "C", other)])
        labeller = Labeller(truth, None, match_genotype=True)
        assert label(path, labeller, genotypes=True)[0] == [TRUE]
        assert len(labeller.missed()) == 0
