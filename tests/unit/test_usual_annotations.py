"""Annotations that are not there, or are not what GATK's callers write.

The rules stand in native/records/annotations.c; in Java: tests/gatk/test_java_twins.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnscore.calls.annotations import AnnotationCounts, annotation_counts, annotations_warnings
from cnnscore.calls.records import Calls, Records
from cnnscore.description import Description
from conftest import DATA
from hosts.twins import VECTORS

GATKS = ("MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum")
USUAL = {"MQ": 60, "DP": 30, "SOR": 0.7, "FS": 1, "QD": 20, "MQRankSum": 0.1, "ReadPosRankSum": 0}


def network(*annotations: str, encoding: str = "gatk-reference") -> Description:
    return Description(
        model="net", encoding=encoding, info_key="CNN_1D", info_description="", provider="cpu",
        window=128, read_limit=0, read_rule="none", reference_left=64, reference_width=192,
        sites_per_job=512, annotations=annotations, network="", cutoffs="",
    )  # fmt: skip


def read(path: Path, of: Description) -> Calls:
    calls, records = Calls(str(path), annotations=of.annotations), Records()
    while calls.read(records, 1000):
        pass
    return calls


def write(
    path: Path, infos: list[str], *, alt: str = "C", declared: tuple[str, ...] = GATKS
) -> Path:
    header = [f'##INFO=<ID={key},Number=1,Type=Float,Description="">' for key in declared]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    rows = [f"synA\t{at}\t.\tA\t{alt}\t.\t.\t{info}" for at, info in enumerate(infos, 1)]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=synA,length=40000>", *header, columns, *rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def info(**changed: object) -> str:
    """Of a usual record, with other values; None: without it."""
    values = {**USUAL, **changed}
    return ";".join(f"{key}={value}" for key, value in values.items() if value is not None)


def said(path: Path, of: Description | None = None) -> list[str]:
    of = of or network(*GATKS)
    return list(annotations_warnings(read(path, of), of))


@pytest.mark.parametrize("vector", VECTORS["annotation_range"], ids=str)
def test_what_gatks_callers_write(vector: dict[str, Any], tmp_path: Path) -> None:
    key, value = vector["key"], vector["value"]
    of = network(key)
    calls = read(write(tmp_path / "calls.vcf", [f"{key}={value}"], declared=(key,)), of)
    expected = AnnotationCounts(records=1, known=1, outside=int(vector["outside"]))
    assert annotation_counts(calls, of) == {key: expected}


@pytest.mark.parametrize(("outside", "warned"), [(25, False), (26, True)])
@pytest.mark.parametrize("key", GATKS)
def test_outside_in_many_records(key: str, outside: int, warned: bool, tmp_path: Path) -> None:
    infos = [info(**{key: 5000}) if i < outside else info() for i in range(100)]
    warnings = said(write(tmp_path / "calls.vcf", infos))
    assert len(warnings) == warned
    assert not warned or f"in {outside} of 100 records" in warnings[0]
    assert not warned or f"INFO/{key}" in warnings[0]


def test_outside_is_of_those_that_have_it(tmp_path: Path) -> None:
    infos = [info(MQRankSum=99 if i < 12 else 0 if i < 40 else None) for i in range(100)]
    (warning,) = said(write(tmp_path / "calls.vcf", infos))
    assert "INFO/MQRankSum not between -20 and 20 in 12 of 40 records" in warning


@pytest.mark.parametrize("missing", [None, "."])
@pytest.mark.parametrize(
    ("key", "lacking", "warned"),
    [
        *((key, lacking, lacking == 51) for key in GATKS[:5] for lacking in (50, 51)),
        *((key, lacking, lacking == 96) for key in GATKS[5:] for lacking in (95, 96)),
    ],
)
def test_lacking_in_most_records(
    key: str, lacking: int, warned: bool, missing: str | None, tmp_path: Path
) -> None:
    infos = [info(**{key: missing}) if i < lacking else info() for i in range(100)]
    warnings = said(write(tmp_path / "calls.vcf", infos))
    assert len(warnings) == warned
    assert not warned or f"lacks INFO/{key} in {lacking} of 100 records: net takes 0" in warnings[0]


def test_rank_sums_of_few_records(tmp_path: Path) -> None:
    infos = [info(MQRankSum=None, ReadPosRankSum=None)] * 99  # all may be homozygous
    assert not said(write(tmp_path / "calls.vcf", infos))


def test_each_fault_is_said_once_and_all_annotations_with_it(tmp_path: Path) -> None:
    infos = [info(MQ=255, QD=-3, DP=118_000, FS=None)] * 4
    declared = tuple(key for key in GATKS if key != "SOR")
    infos = [text.replace("SOR=0.7;", "") for text in infos]
    undeclared, lacking, outside, depth = said(
        write(tmp_path / "calls.vcf", infos, declared=declared)
    )
    assert "declares no INFO/SOR: net takes 0" in undeclared
    assert "lacks INFO/FS in 4 of 4 records: net takes 0" in lacking
    assert "INFO/MQ not between 0 and 70 in 4 of 4 records, QD not between 0 and 45 in 4" in outside
    assert "is not between 0 and 500 in 4 of 4 records: net has not seen such depths" in depth


def test_undeclared_but_there(tmp_path: Path) -> None:
    assert not said(write(tmp_path / "calls.vcf", [info()] * 4, declared=()))


@pytest.mark.parametrize("alt", ["<NON_REF>", "<*>", ".", "*"])
def test_records_without_a_sequence_do_not_count(alt: str, tmp_path: Path) -> None:
    """The blocks of a gVCF have none of the annotations."""
    assert not said(write(tmp_path / "calls.vcf", ["DP=9000"] * 200, alt=alt))


def test_our_networks_do_without(tmp_path: Path) -> None:
    of = network(*GATKS, encoding="read-set-2")
    assert not said(write(tmp_path / "calls.vcf", ["DP=9000"] * 200, declared=("DP",)), of)


@pytest.mark.parametrize(("some", "few"), [("QD=9;FS=0;SOR=1;MQ=60", False), ("QD=9;FS=0", True)])
def test_ours_without_reads_has_little_to_look_at(some: str, few: bool, tmp_path: Path) -> None:
    """Of the annotations that some callers leave out half are enough; QUAL is every caller's."""
    of = network("QUAL", *GATKS, encoding="reference")
    warned = said(write(tmp_path / "calls.vcf", [some] * 3), of)
    assert len(warned) == few
    assert not few or "lacks most of MQ, DP, SOR, FS, QD, MQRankSum, ReadPosRankSum" in warned[0]


@pytest.mark.parametrize("name", ["calls", "deep"])
def test_synthetic_calls_are_usual(name: str) -> None:
    assert not said(DATA / f"{name}.vcf.gz")


def test_calls_of_haplotypecaller_are_usual(shared: Path) -> None:
    files = [
        shared / "data" / "na12878-chr20" / "calls.vcf.gz",
        shared / "data" / "other-simulator-h30" / "hc.vcf.gz",
        *sorted((shared / "data" / "planted").glob("*/hc.vcf.gz")),
    ]
    assert len(files) == 7
    for path in files:
        assert not said(path), path
