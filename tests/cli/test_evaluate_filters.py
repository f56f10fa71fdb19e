"""cnnscore evaluate: what PASS keeps and loses, of true and of false calls."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pysam
import pytest

from conftest import TESTS, Finished, run_cli

HEADER = """##fileformat=VCFv4.2
##contig=<ID=c,length=10000>
##FILTER=<ID=T99,Description="t">
##FILTER=<ID=QD2,Description="q">
##INFO=<ID=S,Number=1,Type=Float,Description="s">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=FT,Number=1,Type=String,Description="f">
"""
# POS, REF, ALT, FILTER, GT; what the truth set says
CALLS = [
    (10, "A", "C", "PASS", "0/1"),  # true
    (20, "A", "C", ".", "0/1"),  # true
    (30, "A", "C,G", "T99", "1/2"),  # true, false
    (40, "A", "C,G", "PASS", "1/2"),  # true, true
    (50, "A", "C", "T99", "0/1"),  # true; its truth record is filtered
    (60, "A", "C", "T99", "0/1"),  # false
    (70, "A", "C", "T99;QD2", "0/1"),  # false
    (80, "A", "C", "QD2", "0/1"),  # false
    (90, "A", "C", "PASS", "0/1"),  # false
    (100, "A", "AT", "PASS", "0/1"),  # true
    (110, "A", "AT", "QD2", "0/1"),  # true
    (120, "A", "AT", "PASS", "0/1"),  # false
    (130, "A", "AT", "QD2", "0/1"),  # false
    (140, "A", "C", "T99", "0/0"),  # not called
    (150, "AC", "GT", "T99", "0/1"),  # true: two truth alleles
    (160, "A", "C", "PASS", "0/1"),  # true, and
    (160, "A", "C", "T99", "0/1"),  # called again
    (5000, "A", "C", "T99", "0/1"),  # outside
]
TRUTH = [
    *((10, "A", "C", "."), (20, "A", "C", "."), (30, "A", "C", "."), (40, "A", "C,G", ".")),
    *((50, "A", "C", "T99"), (100, "A", "AT", "."), (110, "A", "AT", "."), (150, "A", "G", ".")),
    *((151, "C", "T", "."), (160, "A", "C", "."), (170, "A", "C", "."), (180, "A", "AT", "T99")),
]
KEPT = ("true_kept", "true_lost", "false_kept", "false_removed", "truth_kept", "truth")


def write(path: Path, rows: list[tuple[int, str, str, str, str]], ft: str = "") -> Path:
    lines = ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA"]
    for pos, ref, alt, filter_, genotype in rows:
        sample = f"GT:FT\t{genotype}:{ft}" if ft else f"GT\t{genotype}"
        lines.append(f"c\t{pos}\t.\t{ref}\t{alt}\t30\t{filter_}\tS={pos}\t{sample}")
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def case(tmp_path: Path) -> dict[str, Path]:
    rows = [(*row, "1/2" if "," in row[2] else "0/1" if row[0] < 155 else "1/1") for row in TRUTH]
    (tmp_path / "confident.bed").write_text("c\t0\t1000\n")
    return {
        "calls": write(tmp_path / "calls.vcf", CALLS),
        "truth": write(tmp_path / "truth.vcf", rows),
        "bed": tmp_path / "confident.bed",
        "out": tmp_path / "out",
    }


def run(case: dict[str, Path], *words: object, calls: tuple[Path, ...] = ()) -> Finished:
    done = run_cli(
        "evaluate", *(calls or [case["calls"]]), "--truth", case["truth"], "--confident",
        case["bed"], "--score", "S", "-o", case["out"], "--overwrite", *words,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done


def evaluate(case: dict[str, Path], *words: object, **more: Any) -> dict[str, Any]:
    run(case, *words, **more)
    return dict(json.loads((case["out"] / "evaluation.json").read_text()))


def counts(found: dict[str, Any], kind: str, name: str = "PASS", file: str = "calls") -> Any:
    rows = [
        r for r in found["filters"] if (r["file"], r["type"], r["filter"]) == (file, kind, name)
    ]
    return tuple(rows[0][key] for key in KEPT) if rows else None


def figures(found: dict[str, Any], kind: str, name: str = "PASS") -> list[Any]:
    (row,) = [r for r in found["filters"] if (r["type"], r["filter"]) == (kind, name)]
    return [row[key] for key in ("precision", "recall", "f1", "truth_recall")]


# ---- counts by hand ----


def test_alleles(case: dict[str, Path]) -> None:
    found = evaluate(case)
    assert counts(found, "SNP") == (5, 4, 1, 4, 5, 10)
    assert counts(found, "INDEL") == (1, 1, 1, 1, 1, 3)
    assert counts(found, "ALL") == (6, 5, 2, 5, 6, 13)
    assert figures(found, "SNP") == pytest.approx([5 / 6, 5 / 9, 2 / 3, 0.5])
    assert figures(found, "INDEL") == pytest.approx([0.5, 0.5, 0.5, 1 / 3])


def test_each_filter_as_if_it_were_the_only_one(case: dict[str, Path]) -> None:
    found = evaluate(case)
    assert counts(found, "SNP", "T99") == (5, 4, 2, 3, 5, 10)
    assert counts(found, "SNP", "QD2") == (9, 0, 3, 2, 9, 10)
    assert counts(found, "INDEL", "QD2") is None  # it is the only one: its row is that of PASS
    assert counts(found, "INDEL", "T99") is None
    assert counts(found, "ALL", "QD2") is None  # of each type apart
    names = [row["filter"] for row in found["filters"] if row["type"] == "SNP"]
    assert names == ["PASS", "QD2", "T99"]


def test_records(case: dict[str, Path]) -> None:
    found = evaluate(case, "--unit", "record")
    assert counts(found, "SNP") == (4, 4, 1, 3, 5, 10)
    assert counts(found, "INDEL") == (1, 1, 1, 1, 1, 3)


def test_passing_truth(case: dict[str, Path]) -> None:
    """Without the filtered truth records of 50 and 180 the call of 50 is false."""
    found = evaluate(case, "--passing-truth")
    assert counts(found, "SNP") == (5, 3, 1, 5, 5, 9)
    assert counts(found, "INDEL") == (1, 1, 1, 1, 1, 2)


def test_one_filter_has_no_row_of_its_own(case: dict[str, Path]) -> None:
    write(case["calls"], [(*row[:3], row[3].replace("QD2", "T99"), row[4]) for row in CALLS])
    found = evaluate(case)
    assert {row["filter"] for row in found["filters"]} == {"PASS"}


def test_nothing_passes(case: dict[str, Path]) -> None:
    write(case["calls"], [(*row[:3], "T99", row[4]) for row in CALLS])
    done = run(case)
    found = json.loads((case["out"] / "evaluation.json").read_text())
    assert counts(found, "SNP") == (0, 9, 0, 5, 0, 10)
    assert figures(found, "SNP") == [None, 0, None, 0]
    assert "PASS keeps 0 of 9 true SNPs and 0 of 5 false ones: recall 0.000" in done.err


def test_no_true_call(case: dict[str, Path]) -> None:
    write(case["calls"], [row for row in CALLS if row[0] in (60, 90)])
    assert figures(evaluate(case), "SNP") == [0, None, None, 0]


def test_a_filter_that_the_header_lacks(case: dict[str, Path]) -> None:
    text = case["calls"].read_text().replace('##FILTER=<ID=QD2,Description="q">\n', "")
    case["calls"].write_text(text)
    assert counts(evaluate(case), "SNP", "QD2") == (9, 0, 3, 2, 9, 10)


# ---- the same as of a file without what fails ----


@pytest.mark.parametrize("unit", ["allele", "record"])
@pytest.mark.parametrize(
    "more", [(), ("--passing-truth",), ("--match-genotype",), ("--all-alleles",)]
)
def test_as_bcftools_view(
    case: dict[str, Path], tmp_path: Path, unit: str, more: tuple[str, ...]
) -> None:
    found = evaluate(case, "--unit", unit, *more)
    same_as_passing_alone(case, found, tmp_path, "--unit", unit, *more)


def test_as_bcftools_view_on_real_looking_calls(data: Path, tmp_path: Path) -> None:
    filtered = tmp_path / "calls.vcf.gz"
    done = run_cli("filter", data / "calls.vcf.gz", "--info-key", "QD", "--threshold", "10,20",
                   "-o", filtered)  # fmt: skip
    assert done.code == 0, done.err
    (tmp_path / "all.bed").write_text("synA\t0\t40000\nsynB\t0\t12000\n")
    case = {
        "calls": filtered,
        "truth": data / "truth.vcf.gz",
        "bed": tmp_path / "all.bed",
        "out": tmp_path / "out",
    }
    done = run_cli("evaluate", filtered, "--truth", case["truth"], "--confident", case["bed"],
                   "--score", "QD", "-R", data / "ref.fa", "-o", case["out"])  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads((case["out"] / "evaluation.json").read_text())
    assert len({row["filter"] for row in found["filters"] if row["type"] == "SNP"}) == 3
    same_as_passing_alone(case, found, tmp_path, "-R", data / "ref.fa", score="QD")


def same_as_passing_alone(
    case: dict[str, Path], found: dict[str, Any], folder: Path, *words: object, score: str = "S"
) -> None:
    passing, out = folder / "passing.vcf", folder / "passing"
    subprocess.run(
        ["bcftools", "view", "-f", "PASS,.", "-o", passing, case["calls"]],
        check=True, capture_output=True,
    )  # fmt: skip
    done = run_cli("evaluate", passing, "--truth", case["truth"], "--confident", case["bed"],
                   "--score", score, "-o", out, *words)  # fmt: skip
    assert done.code == 0, done.err
    alone = json.loads((out / "evaluation.json").read_text())
    for kind, of in alone["counts"][0]["types"].items():
        kept = counts(found, kind)
        assert (kept[0], kept[2]) == (of["true"], of["false"])
        assert (kept[4], kept[5]) == (of["truth"] - of["missed"], of["truth"])
        whole = found["counts"][0]["types"][kind]
        assert (kept[0] + kept[1], kept[2] + kept[3]) == (whole["true"], whole["false"])


# ---- where it is said ----


def test_what_it_says_at_the_end(case: dict[str, Path]) -> None:
    lines = run(case).err.splitlines()
    assert lines[-2:] == [
        "PASS keeps 5 of 9 true SNPs and 1 of 5 false ones: precision 0.833, recall 0.556, "
        "recall of the truth set 0.500",
        "PASS keeps 1 of 2 true indels and 1 of 2 false ones: precision 0.500, recall 0.500, "
        "recall of the truth set 0.333",
    ]
    assert "PASS" not in run(case, "--quiet").err


def test_all_pass(case: dict[str, Path]) -> None:
    write(case["calls"], [(*row[:3], "PASS" if row[0] < 100 else ".", row[4]) for row in CALLS])
    done = run(case)
    found = json.loads((case["out"] / "evaluation.json").read_text())
    assert counts(found, "ALL") == (11, 0, 7, 0, 11, 13)
    said = [line for line in done.err.splitlines() if "filter" in line]
    assert said == ["no compared call has failed a filter"]
    page = (case["out"] / "report.html").read_text()
    assert "No compared call of calls fails FILTER" in page
    assert '<table id="filters">' not in page


def test_the_lines_of_the_documentation(data: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls.vcf.gz"
    done = run_cli("filter", data / "calls.vcf.gz", "--info-key", "QD", "--threshold", "10",
                   "-o", calls)  # fmt: skip
    assert done.code == 0, done.err
    done = run_cli("evaluate", calls, "--truth", data / "truth.vcf.gz", "-R", data / "ref.fa",
                   "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 0, done.err
    page = (TESTS.parent / "docs" / "tasks" / "evaluate.md").read_text()
    assert "\n".join(done.err.splitlines()[-2:]) in page


def test_the_table(case: dict[str, Path]) -> None:
    found = evaluate(case)
    with (case["out"] / "filters.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == [
        *("file", "type", "filter", "true_kept", "true_lost", "false_kept", "false_removed"),
        *("precision", "recall", "f1", "truth_kept", "truth", "truth_recall"),
    ]
    assert len(rows) == len(found["filters"])
    assert (rows[0]["type"], rows[0]["filter"], rows[0]["true_lost"]) == ("SNP", "PASS", "4")
    assert float(rows[0]["precision"]) == pytest.approx(5 / 6, abs=1e-5)


def test_compared_has_the_filter(case: dict[str, Path]) -> None:
    evaluate(case)
    with pysam.VariantFile(str(case["out"] / "compared.vcf.gz")) as lines:
        found = {
            (line.pos, *(line.alts or ())): (str(line.info["LABEL"]), list(line.filter))
            for line in lines
        }
    assert found[10, "C"] == found[20, "C"] == ("TP", ["PASS"])
    assert found[30, "C"] == ("TP", ["T99"])
    assert found[30, "G"] == ("FP", ["T99"])
    assert found[70, "C"] == ("FP", ["QD2", "T99"])
    assert found[151, "T"] == ("TP", ["T99"])
    assert found[170, "C"] == ("FN", [])


def test_names_that_a_filter_line_cannot_hold(case: dict[str, Path]) -> None:
    """As of `bcftools filter -s 'QD<2,x'`: encoded in compared.vcf.gz, as they are elsewhere."""
    text = case["calls"].read_text().replace("ID=QD2", 'ID="QD<2,x>"').replace("QD2", "QD<2,x>")
    case["calls"].write_text(text)
    found = evaluate(case)
    assert counts(found, "SNP", "QD<2,x>") == (9, 0, 3, 2, 9, 10)
    with pysam.VariantFile(str(case["out"] / "compared.vcf.gz")) as lines:
        names = {name for line in lines for name in line.filter}
    assert names == {"PASS", "T99", "QD%3C2%2Cx%3E"}


def test_several_files(case: dict[str, Path], tmp_path: Path) -> None:
    other = write(tmp_path / "other.vcf", [(*row[:3], ".", row[4]) for row in CALLS])
    done = run(case, calls=(case["calls"], other))
    found = json.loads((case["out"] / "evaluation.json").read_text())
    assert counts(found, "SNP") == (5, 4, 1, 4, 5, 10)
    assert counts(found, "SNP", file="other") == (9, 0, 5, 0, 9, 10)
    assert "calls: PASS keeps 5 of 9 true SNPs" in done.err
    assert "other: no compared call has failed a filter" in done.err
    page = (case["out"] / "report.html").read_text()
    assert '<table id="filters">' in page
    assert "No compared call of other fails FILTER" in page


# ---- filters of genotypes ----


def test_a_genotype_that_ft_fails(case: dict[str, Path]) -> None:
    """As `cnnscore filter --per-sample` leaves them: FILTER as it is, FT of each carrier."""
    write(case["calls"], [(*row[:3], ".", row[4]) for row in CALLS], ft="T99")
    found = evaluate(case)
    assert counts(found, "SNP") == (0, 9, 0, 5, 0, 10)
    with pysam.VariantFile(str(case["out"] / "compared.vcf.gz")) as lines:
        assert {tuple(line.filter) for line in lines} == {("FT",), ()}
    write(case["calls"], CALLS, ft="PASS")
    assert counts(evaluate(case), "SNP") == (5, 4, 1, 4, 5, 10)


def test_a_cohort_is_pooled(case: dict[str, Path], tmp_path: Path) -> None:
    both = tmp_path / "both.vcf"
    lines = case["calls"].read_text().splitlines()
    # B has the genotypes of A up to 100, and none after that.
    head = [line for line in lines if line.startswith("##")]
    columns, *rows = [line for line in lines if not line.startswith("##")]
    rows = [f"{row}\t{row[-3:] if i < 9 else './.'}" for i, row in enumerate(rows)]
    both.write_text("\n".join([*head, f"{columns}\tB", *rows]) + "\n")
    table, out = tmp_path / "map.tsv", tmp_path / "cohort"
    table.write_text(f"A\t{case['truth']}\t{case['bed']}\nB\t{case['truth']}\t{case['bed']}\n")
    done = run_cli("evaluate", both, "--truth-map", table, "--score", "S", "-o", out)
    assert done.code == 0, done.err
    found = json.loads((out / "evaluation.json").read_text())
    # B: true 10, 20, 40 twice kept, 30 and 50 lost; false 90 kept, 30, 60, 70, 80 removed.
    assert counts(found, "SNP", file="both") == (5 + 4, 4 + 2, 1 + 1, 4 + 4, 5 + 4, 20)
    assert counts(found, "SNP", "QD2", file="both") == (9 + 6, 0, 3 + 3, 2 + 2, 9 + 6, 20)
    assert "PASS keeps 9 of 15 true SNPs and 2 of 10 false ones" in done.err


def test_what_soft_filtering_writes_is_no_score(data: Path, tmp_path: Path) -> None:
    scored, soft = tmp_path / "scored.vcf.gz", tmp_path / "soft.vcf.gz"
    score = ("-R", data / "ref.fa", "-I", data / "reads.bam")
    assert run_cli("score", data / "calls.vcf.gz", *score, "-o", scored).code == 0
    assert run_cli("filter", scored, "--soft", "-o", soft).code == 0
    truth = ("--truth", data / "truth.vcf.gz", "-R", data / "ref.fa")
    assert run_cli("evaluate", soft, *truth, "-o", tmp_path / "out").code == 0
    names = json.loads((tmp_path / "out" / "evaluation.json").read_text())["scores"]
    assert {row["name"] for row in names} == {"CNN_READS", "QUAL", "QD"}
