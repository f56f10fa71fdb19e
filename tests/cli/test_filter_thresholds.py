"""Thresholds as `filter` reads them, scores of one number per allele, and records without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import DATA, run_cli
from hosts.filtered import info
from hosts.tranche_runs import filter_column

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=c,length=1000>\n"
    '##INFO=<ID=S,Number=1,Type=Float,Description="s">\n'
    '##INFO=<ID=A,Number=A,Type=Float,Description="a">\n'
    '##INFO=<ID=R,Number=R,Type=Float,Description="r">\n'
    '##INFO=<ID=P,Number=2,Type=Float,Description="p">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def filters(folder: Path, rows: list[str], *words: str) -> list[str]:
    """FILTER of each record after `filter`; rows are `REF ALT INFO`."""
    lines = []
    for i, row in enumerate(rows, 1):
        ref, alt, info = row.split()
        lines.append(f"c\t{10 * i}\t.\t{ref}\t{alt}\t.\t.\t{info}\n")
    (folder / "in.vcf").write_text(HEADER + "".join(lines))
    done = run_cli("filter", folder / "in.vcf", *words, "-o", folder / "out.vcf", "--no-version")
    assert done.code == 0, done.err
    text = (folder / "out.vcf").read_text().splitlines()
    return [line.split("\t")[6] for line in text if not line.startswith("#")]


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [
        ("1.1416e-14", [True, True, False]),
        ("1.1417E-14", [False, True, False]),
        ("+.5e1", [False, False, False]),
        ("inf", [False, False, False]),
        ("-inf", [True, True, True]),
    ],
)
def test_thresholds(tmp_path: Path, threshold: str, kept: list[bool]) -> None:
    rows = ["A C S=1.1416e-14", "A C S=2e-14", "A C S=1e-15"]
    found = filters(tmp_path, rows, "--info-key", "S", f"--threshold={threshold}")
    assert [name == "PASS" for name in found] == kept


@pytest.mark.parametrize(("threshold", "kept"), [("1e39", 0), ("-1e39", 2), ("1e400", 0)])
def test_thresholds_beyond_every_score(tmp_path: Path, threshold: str, kept: int) -> None:
    """They are infinite, and nothing of Python's own is said."""
    (tmp_path / "in.vcf").write_text(
        HEADER + "".join(f"c\t{i}\t.\tA\tC\t.\t.\tS={i}e37\n" for i in (1, 2))
    )
    done = run_cli("filter", tmp_path / "in.vcf", "--info-key", "S", f"--threshold={threshold}",
                   "-o", tmp_path / "out.vcf")  # fmt: skip
    assert done.code == 0, done.err
    assert all(line.startswith("cnnscore: ") for line in done.err.splitlines()), done.err
    shown = "none" if kept else "inf"
    assert f"{2 - kept} of 2 SNPs fail S, cut-offs {shown} ({threshold})" in done.err
    assert (tmp_path / "out.vcf").read_text().count("\tPASS\t") == kept


@pytest.mark.parametrize(
    ("threshold", "snp", "indel"),
    [
        ("SNP=1,2", ["1", "2"], []),
        ("snp=1,2,INDEL=3,4", ["1", "2"], ["3", "4"]),
        ("0,INDEL=3", ["0"], ["0", "3"]),
        ("1,2", ["1", "2"], ["1", "2"]),
    ],
)
def test_a_type_is_that_of_the_numbers_after_it(
    tmp_path: Path, threshold: str, snp: list[str], indel: list[str]
) -> None:
    rows = ["A C S=-9", "A AT S=-9"]
    found = filters(tmp_path, rows, "--info-key", "S", "--threshold", threshold)
    # They fail all of their type's: the FILTER is that of the lowest.
    assert found == [f"S_{kind}_below_{of[0]}" if of else "." for kind, of in
                     (("SNP", snp), ("INDEL", indel))]  # fmt: skip
    header = (tmp_path / "out.vcf").read_text()
    for kind, of in (("SNP", snp), ("INDEL", indel)):
        named = re.findall(rf"##FILTER=<ID=S_{kind}_below_([^,]+),", header)
        assert sorted(named) == of
    # Each option says its own type.
    apart = ("--threshold", "SNP=5", "--threshold", "7")
    assert filters(tmp_path, rows, "--info-key", "S", *apart) == [
        "S_SNP_below_5",
        "S_INDEL_below_7",
    ]


@pytest.mark.parametrize(
    "threshold",
    ["nan", "1e", "e5", "1e5.0", "0x1", "--5", "infinity", "=5", "MNP=5", "SNP=1,", "SNP=1,=2"],
)
def test_what_is_no_threshold(tmp_path: Path, threshold: str) -> None:
    (tmp_path / "in.vcf").write_text(HEADER)
    done = run_cli("filter", tmp_path / "in.vcf", "--info-key", "S", f"--threshold={threshold}")
    assert (done.code, "give a number" in done.err) == (1, True), done.err


def test_one_cutoff_is_written_once(tmp_path: Path) -> None:
    """What FILTERs would name apart, or alike, is refused before anything is written."""
    (tmp_path / "in.vcf").write_text(HEADER + "c\t1\t.\tA\tC\t.\t.\tS=1\n")
    out = tmp_path / "out.vcf"
    for words, says in (
        (["--threshold", "0,0.0,-0"], "--threshold: 0 and 0.0 are one score, 0"),
        (["--snp-tranche=99.001", "--snp-tranche=99.002"], "--snp-tranche: FILTERs have two"),
    ):
        done = run_cli("filter", tmp_path / "in.vcf", "--info-key", "S", *words, "-o", out)
        assert (done.code, done.err.count("\n"), out.exists()) == (1, 1, False)
        assert says in done.err


def test_one_number_per_allele_is_judged_by_its_highest(tmp_path: Path) -> None:
    rows = ["A C,G A=1,9", "A C,G A=.,3", "A C,G A=.,.", "A C A=7"]
    found = filters(tmp_path, rows, "--info-key", "A", "--threshold", "5")
    assert found == ["PASS", "A_SNP_below_5", "PASS", "PASS"]
    # Of one per allele that of REF says nothing of the variant.
    rows = ["A C,G R=99,1,2", "A C R=0,8"]
    found = filters(tmp_path, rows, "--info-key", "R", "--threshold", "5")
    assert found == ["R_SNP_below_5", "PASS"]
    done = run_cli("filter", tmp_path / "in.vcf", "--info-key", "P", "--threshold", "5")
    assert (done.code, "Number=A or R" in done.err) == (2, True), done.err


def test_a_score_per_allele_is_the_score(tmp_path: Path) -> None:
    """What `score --per-allele` writes is filtered as it stands."""
    scored, out = tmp_path / "scored.vcf", tmp_path / "out.vcf"
    words = ("-R", DATA / "ref.fa", "--per-allele", "-o", scored, "--quiet")
    done = run_cli("score", DATA / "calls.vcf.gz", *words)
    assert done.code == 0, done.err
    assert "##INFO=<ID=CNN_REF,Number=A," in scored.read_text()
    for more in ([], ["--resource", DATA / "truth.vcf.gz"], ["--threshold", "0"]):
        done = run_cli("filter", scored, *more, "-o", out)
        assert done.code == 0, done.err
        assert "SNPs fail CNN_REF" in done.err
    for name, score in zip(filter_column(out), info(out, "CNN_REF"), strict=True):
        assert score is not None
        assert (name == "PASS") == (max(map(float, score.split(","))) >= 0)


def test_records_without_a_score_fail_where_it_is_said(tmp_path: Path) -> None:
    rows = ["A C S=1", "A C .", "A AT .", "A . ."]
    words = ("--info-key", "S", "--threshold", "SNP=0")
    assert filters(tmp_path, rows, *words) == ["PASS", "PASS", ".", "PASS"]
    found = filters(tmp_path, rows, *words, "--unscored", "fail")
    assert found == ["PASS", "S_SNP_missing", ".", "PASS"]
    text = (tmp_path / "out.vcf").read_text()
    assert '##FILTER=<ID=S_SNP_missing,Description="SNP without S">' in text
    found = filters(tmp_path, rows, "--info-key", "S", "--threshold", "0", "--unscored", "fail")
    assert found == ["PASS", "S_SNP_missing", "S_INDEL_missing", "PASS"]
    found = filters(tmp_path, rows, *words, "--unscored", "fail", "--soft")
    assert found == ["."] * 4
    assert "S_TRANCHE=S_SNP_missing" in (tmp_path / "out.vcf").read_text()
