"""`cnnscore filter --resource`: records of known variants whose REF is not the call's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from conftest import run_cli
from hosts.tranche_runs import filter_column

HEAD = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=100000>
##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Score">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
Row = tuple[int, str, str]

SITES: list[Row] = [(100 * i, "ACGT"[i % 4], "CGTA"[i % 4]) for i in range(1, 61)]
"""60 calls: more than a single odd record could outweigh."""


def write(path: Path, rows: list[Row], scores: bool = False) -> Path:
    lines = [
        f"chr1\t{pos}\t.\t{ref}\t{alt}\t30\t.\t{f'CNN_2D={i % 13}' if scores else '.'}\n"
        for i, (pos, ref, alt) in enumerate(rows)
    ]
    path.write_text(HEAD + "".join(lines))
    return path


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return write(tmp_path / "calls.vcf", SITES, scores=True)


def run(tmp_path: Path, calls: Path, *arguments: object) -> tuple[int, str, list[str]]:
    out = tmp_path / "out.vcf"
    out.unlink(missing_ok=True)
    done = run_cli("filter", calls, "-o", out, "--snp-tranche", "50", *arguments)
    return done.code, done.err, filter_column(out) if out.exists() else []


def of(tmp_path: Path, rows: list[Row], name: str = "known.vcf") -> list[object]:
    return ["--resource", write(tmp_path / name, rows)]


@pytest.mark.parametrize(
    "odd",
    [
        (100, "T", "G"),  # other bases
        (100, "N", "G"),
        (100, "R", "A,G"),  # IUPAC
        (100, "n", "g"),
        (100, "TA", "GA"),  # another length, other bases
        (100, "CT", "GG"),
        (100, "CN", "GN"),  # its REF is the call's as far as that reaches
        (100, "N", "<DEL>"),
    ],
)
@pytest.mark.parametrize("where", ["before", "behind", "alone"])
def test_an_odd_record_is_passed_over(odd: Row, where: str, tmp_path: Path, calls: Path) -> None:
    good, rest = SITES[0], SITES[1:]
    known = {"before": [odd, good], "behind": [good, odd], "alone": [odd]}[where]
    agrees = odd[1].upper().startswith(good[1])
    expected = run(tmp_path, calls, *of(tmp_path, rest if where == "alone" else SITES))
    if agrees and where == "alone":  # GATK's rule: CN>GN extends C>G
        expected = run(tmp_path, calls, *of(tmp_path, [good, *rest] if odd[2] == "GN" else rest))
    code, said, column = run(tmp_path, calls, *of(tmp_path, [*known, *rest]))
    assert code == 0, said
    assert column == expected[2]
    warnings = [line for line in said.splitlines() if "warning" in line and "REF" in line]
    assert len(warnings) == (0 if agrees else 1), said
    if not agrees:
        assert f"at 1 of the 60 positions that {tmp_path}/known.vcf shares" in warnings[0]
        assert f"the first is chr1:100, {odd[1]} there and C in the calls" in warnings[0]


def other(row: Row) -> Row:
    return row[0], "ACGT"["ACGT".index(row[1]) - 2], row[2]


@pytest.mark.parametrize("at", ["first", "last", "anywhere"])
@pytest.mark.parametrize("n", [6, 7])
def test_more_than_a_tenth_is_another_build(at: str, n: int, tmp_path: Path, calls: Path) -> None:
    rows = list(range(60))
    chosen = {"first": rows[:n], "last": rows[-n:], "anywhere": random.Random(n).sample(rows, n)}
    known = [other(row) if i in chosen[at] else row for i, row in enumerate(SITES)]
    code, said, column = run(tmp_path, calls, *of(tmp_path, known))
    if n == 6:
        assert code == 0, said
        assert "at 6 of the 60 positions" in said
        assert len(column) == 60
        return
    assert code == 2
    assert column == []
    assert f"known.vcf and {calls} disagree on REF at 7 of 60 shared positions" in said
    assert "two builds of the genome" in said
    assert "LiftoverVcf" in said


def test_each_resource_is_judged_by_itself(tmp_path: Path, calls: Path) -> None:
    """Whichever comes first: what one has is compared with the other all the same."""
    good, bad = of(tmp_path, SITES, "good.vcf"), of(tmp_path, list(map(other, SITES)), "bad.vcf")
    for both in ([*good, *bad], [*bad, *good]):
        code, said, _ = run(tmp_path, calls, *both)
        assert code == 2
        assert f"bad.vcf and {calls} disagree on REF at 60 of 60 shared positions" in said


def test_unknown_bases_are_no_other_build(tmp_path: Path, calls: Path) -> None:
    known = [
        (pos, "N", alt) if i % 2 else (pos, ref, alt) for i, (pos, ref, alt) in enumerate(SITES)
    ]
    code, said, _ = run(tmp_path, calls, *of(tmp_path, known))
    assert code == 0, said
    assert "at 30 of the 60 positions" in said


def test_gatks_own_rule_is_at_hand(tmp_path: Path, calls: Path) -> None:
    gatk = ["--ref-mismatch", "gatk"]
    for odd in ("T", "N"):
        known = of(tmp_path, [*SITES[:31], (SITES[31][0], odd, "G"), *SITES[32:]])
        code, said, column = run(tmp_path, calls, *known, *gatk)
        assert (code, column) == (2, [])
        assert f"at chr1:3200 REF is A in {calls} and {odd} in {known[1]}" in said
        assert "--ref-mismatch gatk" in said
    code, said, _ = run(tmp_path, calls, *of(tmp_path, SITES), *gatk)
    assert code == 0, said
    code, said, _ = run(tmp_path, calls, "--threshold", "0", *gatk)
    assert code == 1
