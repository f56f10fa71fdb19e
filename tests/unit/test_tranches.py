"""The rule of cut-offs and verdicts, and the columns it looks at, against cases worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnscore.calls.record_types import (
    INDEL,
    MIXED,
    MNP,
    NO_VARIATION,
    SNP,
    SYMBOLIC,
    record_types,
    transitions,
    zygosities,
)
from cnnscore.calls.records import Calls, Records
from cnnscore.errors import UsageError
from cnnscore.filter.tranche_table import TrancheTable
from cnnscore.filter.tranches import (
    TypeCutoffs,
    check_tranches,
    network_cutoffs,
    resource_cutoffs,
    sensitivities,
    threshold_cutoffs,
    too_few,
    two_decimals,
)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def cuts(cutoffs: TypeCutoffs) -> list[tuple[float, str]]:
    return [(float(cut.score), cut.filter) for cut in cutoffs.cuts]


def test_resource_cutoffs() -> None:
    # Ten scores from the highest down: number int(level / 100 * 9).
    scores = floats(*range(10))
    found = cuts(resource_cutoffs("SNP", "CNN_2D", [0, 50, 90, 99.95], scores))
    assert found == [
        (9, "CNN_2D_SNP_Tranche_0.00_50.00"),
        (5, "CNN_2D_SNP_Tranche_50.00_90.00"),
        (1, "CNN_2D_SNP_Tranche_90.00_99.95"),
        (1, "CNN_2D_SNP_Tranche_99.95_100.00"),
    ]


def test_what_scores_the_cutoff_fails_it() -> None:
    cutoffs = resource_cutoffs("SNP", "K", [50, 80], floats(4, 3, 2, 1, 0))
    assert [float(cut.score) for cut in cutoffs.cuts] == [2, 1]
    assert cutoffs.grades(floats(9, 2.001, 2, 1.5, 1, 0, -9)).tolist() == [0, 0, 1, 1, 2, 2, 2]
    tied = resource_cutoffs("SNP", "K", [10, 90], floats(1, 1, 1))
    assert tied.grades(floats(1.5, 1, 0.5)).tolist() == [0, 2, 2]


def test_own_cutoffs_and_thresholds_keep_what_scores_them() -> None:
    own = network_cutoffs("INDEL", "CNN_READS", {99.9: -1.0004, 99.0: 0.5}, "reads")
    assert cuts(own) == [
        (0.5, "CNN_READS_INDEL_Tranche_99.00_99.90"),
        (-1, "CNN_READS_INDEL_Tranche_99.90_100.00"),
    ]
    assert own.grades(floats(0.5, 0.499, -1, -1.001)).tolist() == [0, 1, 1, 2]
    plain = threshold_cutoffs("SNP", "QUAL", ["20", "30.5", "20"])
    assert cuts(plain) == [(30.5, "QUAL_SNP_below_30.5"), (20, "QUAL_SNP_below_20")]
    assert plain.grades(floats(30.5, 20, 19.99)).tolist() == [0, 1, 2]
    for same in (["0", "0.0"], ["1", "-0", "+0"], ["inf", "1e39"], ["0.1", "0.1000000001"]):
        with pytest.raises(UsageError, match=r"are one score, \S+, and one cut-off for SNPs"):
            threshold_cutoffs("SNP", "QUAL", same)


def test_without_resource_calls_nothing_fails() -> None:
    assert resource_cutoffs("SNP", "K", [99], floats()).grades(floats(-1e30)).tolist() == [0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(99.985, "99.99"), (99.005, "99.01"), (99.4, "99.40"), (1, "1.00"), (99.999, "100.00")],
)
def test_two_decimals_are_java_s(value: float, text: str) -> None:
    assert two_decimals(value) == text


def test_tranches_are_checked() -> None:
    assert check_tranches([99.9, 1, 99.9, 0], "--snp-tranche") == [0, 1, 99.9]
    for bad in ([], [100], [-0.1], [float("nan")]):
        with pytest.raises(UsageError, match="--snp-tranche"):
            check_tranches(bad, "--snp-tranche")
    with pytest.raises(UsageError, match=r"two decimals, and 99.001 and 99.002 are one there"):
        check_tranches([99.002, 90, 99.001], "--snp-tranche")


def test_sensitivity_is_the_part_of_resource_calls_that_score_as_high() -> None:
    known = floats(0, 1, 1, 3)
    found = sensitivities(floats(4, 3, 2, 1, 0.5, -1), known)
    assert found.tolist() == [0, 0.25, 0.25, 0.75, 0.75, 1]
    assert np.isnan(sensitivities(floats(1), floats())).all()


def test_too_few_means_less_than_two_beyond() -> None:
    assert (too_few(1999, 99.9), too_few(2001, 99.9)) == (True, False)
    assert (too_few(19, 90), too_few(21, 90), too_few(0, 0)) == (True, False, True)


VCF = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS
"""
# REF, ALT, GT -> type, transition, zygosity
ROWS = [
    ("A", "G", "0/1", SNP, 1, 1),
    ("A", "c", "1/1", SNP, 0, 2),
    ("a", "G,T", "1/2", SNP, -1, 1),
    ("A", "N", "0/0", SNP, -1, 0),
    ("A", "*", "1", SNP, -1, 2),
    ("A", "AT", "./.", INDEL, -1, -1),
    ("AC", "A,ACT", "2|2", INDEL, -1, 2),
    ("AC", "*", "0", INDEL, -1, 0),
    ("AC", "GT", "0/1", MNP, -1, 1),
    ("AC", "A,GT", "0/0/1", MIXED, -1, 1),
    ("A", "<DEL>", "0/1", SYMBOLIC, -1, 1),
    ("A", "A[1:77[", "0/1", SYMBOLIC, -1, 1),
    ("A", "A.", "0/1", SYMBOLIC, -1, 1),
    ("A", ".A", "0/1", SYMBOLIC, -1, 1),
    ("A", "G,<NON_REF>", "0/1", MIXED, -1, 1),
    ("A", ".", "0/0", NO_VARIATION, -1, 0),
]


def test_record_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    lines = [
        f"1\t{i + 1}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t{gt}\n"
        for i, (ref, alt, gt, *_) in enumerate(ROWS)
    ]
    path.write_text(VCF + "".join(lines))
    calls, records = Calls(str(path)), Records()
    assert calls.read(records, 100) == len(ROWS)
    sites = records.sites()
    types = record_types(sites)
    assert types.tolist() == [row[3] for row in ROWS]
    assert transitions(sites, types).tolist() == [row[4] for row in ROWS]
    assert zygosities(sites, records.dosage(0)).tolist() == [row[5] for row in ROWS]


def test_tranche_table() -> None:
    cutoffs = resource_cutoffs("SNP", "K", [50, 75], floats(4, 3, 2, 1, 0))
    table = TrancheTable([cutoffs], with_resources=True)
    scores = floats(9, 8, 7, 2, 2, 1, 0, -3)
    table.add(
        "SNP",
        cutoffs.grades(scores),
        np.array([1, 1, 0, 1, 0, 0, 0, 0], bool),
        np.array([1, 0, 1, 1, 1, 0, -1, 0], np.int8),
        [np.array([1, 2, 1, 1, 0, -1, 2, 1], np.int8)],
    )
    table.add_resource("SNP", cutoffs.grades(floats(4, 3, 2, 1, 0)))
    head, *rows = [line.split("\t") for line in table.text().splitlines()]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["tranche"] for row in found] == ["50", "75", "all"]
    assert [row["kept"] for row in found] == ["3", "5", "8"]
    assert [row["known"] for row in found] == ["2", "3", "3"]
    assert [row["novel"] for row in found] == ["1", "2", "5"]
    assert [row["titv_known"] for row in found] == ["1.000", "2.000", "2.000"]
    assert [row["titv_novel"] for row in found] == ["NA", "NA", "1.000"]
    assert [row["het_hom"] for row in found] == ["2.000", "3.000", "2.000"]
    assert [row["resource_kept"] for row in found] == ["2", "3", "5"]
    assert [row["cutoff"] for row in found] == ["2.000", "1.000", "NA"]
    assert found[0]["filter"] == "K_SNP_Tranche_50.00_75.00"
