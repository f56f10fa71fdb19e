"""`evaluate` of a cohort: each sample against its own truth set; trios of a pedigree."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import Finished, run_cli

HEAD = """##fileformat=VCFv4.2
##contig=<ID=c,length=100000>
##FILTER=<ID=Bad,Description="b">
##INFO=<ID=CNN_SITE,Number=1,Type=Float,Description="s">
##INFO=<ID=CNN_N,Number=1,Type=Integer,Description="n">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=FT,Number=1,Type=String,Description="f">
##FORMAT=<ID=CNN_READS,Number=1,Type=Float,Description="r">
"""


def write(path: Path, samples: str, lines: list[str]) -> Path:
    """A line is `REF ALT FILTER INFO FORMAT SAMPLE...`; positions are 10, 20, ..."""
    fixed = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
    text = HEAD + "\t".join([*fixed, *samples.split()]) + "\n"
    for i, line in enumerate(lines, 1):
        ref, alt, *others = line.split()
        text += "\t".join(["c", str(10 * i), ".", ref, alt, "30", *others]) + "\n"
    path.write_text(text)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    head, *lines = path.read_text().splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


# ---- each against its own truth ----


@pytest.fixture
def cohort(tmp_path: Path) -> dict[str, Path]:
    """A and B carry 20 alleles each, ten of them both; scores tell A's true ones apart, not B's."""
    lines, a_true, b_true = [], [], []
    for i in range(30):
        a, b = i < 20, i >= 10
        a_score = (5 + i if i % 2 else -5 - i) if a else "."
        b_score = i % 7 if b else "."
        lines.append(
            f"A C . CNN_SITE=1;CNN_N=1 GT:CNN_READS {'0/1' if a else '0/0'}:{a_score} "
            f"{'1/1' if b else '0/0'}:{b_score}"
        )
        if i % 2 and a:
            a_true.append(i)
        if i % 3 == 0 and b:
            b_true.append(i)

    def truth(name: str, true: list[int]) -> Path:
        path = tmp_path / f"{name}.vcf"
        path.write_text(
            HEAD + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            + "".join(f"c\t{10 * i + 10}\t.\tA\tC\t.\t.\t.\n" for i in true)
        )  # fmt: skip
        return path

    (tmp_path / "a.bed").write_text("c\t0\t100000\n")
    paths = {"calls": write(tmp_path / "calls.vcf", "A B", lines)}
    paths |= {"A": truth("A", a_true), "B": truth("B", b_true)}
    paths["map"] = tmp_path / "map.tsv"
    paths["map"].write_text(f"A\t{paths['A']}\t{tmp_path}/a.bed\nB\t{paths['B']}\n")
    return paths


def evaluated(folder: Path, *words: object) -> dict[str, Any]:
    run = evaluate(folder, *words)
    assert run.code == 0, run.err
    return dict(json.loads((folder / "evaluation.json").read_text()))


def evaluate(folder: Path, *words: object) -> Finished:
    return run_cli("evaluate", *words, "-o", folder)


def score_of(scores: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [score for score in scores if (score["name"], score["type"]) == (name, "SNP")]
    return found


def test_samples_pooled_and_apart(cohort: dict[str, Path], tmp_path: Path) -> None:
    result = evaluated(tmp_path / "both", cohort["calls"], "--truth-map", cohort["map"])
    apart = {of["sample"]: of for of in result["samples"]}
    for name, confident in (("A", ("--confident", tmp_path / "a.bed")), ("B", ())):
        alone = evaluated(
            tmp_path / name, cohort["calls"], "--truth", cohort[name], "--sample", name, *confident
        )
        for score in alone["scores"]:
            (same,) = [
                of
                for of in apart[name]["scores"]
                if (of["name"], of["type"]) == (score["name"], score["type"])
            ]
            assert same == {key: score[key] for key in same}
        assert apart[name]["counts"] == alone["counts"][0]["types"]
    a, b = (score_of(apart[name]["scores"], "FORMAT/CNN_READS") for name in "AB")
    pooled = score_of(result["scores"], "FORMAT/CNN_READS")
    assert (a["true"], a["false"], b["true"], b["false"]) == (10, 10, 6, 14)
    assert (pooled["true"], pooled["false"], pooled["missing"]) == (16, 24, 0)
    assert a["metrics"]["roc_auc"]["value"] == 1
    # By hand: pairs of a true and a false call, of whichever samples.
    calls = [(5 + i if i % 2 else -5 - i, i % 2 == 1) for i in range(20)]
    calls += [(i % 7, i % 3 == 0) for i in range(10, 30)]
    true, false = ([s for s, is_true in calls if is_true is which] for which in (True, False))
    wins = sum((t > f) + 0.5 * (t == f) for t, f in itertools.product(true, false))
    assert pooled["metrics"]["roc_auc"]["value"] == pytest.approx(wins / len(true) / len(false))
    assert "CNN_N" not in {score["name"] for score in result["scores"]}
    table = rows_of(tmp_path / "both" / "samples.tsv")
    assert {row["sample"] for row in table} == {"A", "B"}
    (of_a,) = [
        row
        for row in table
        if (row["sample"], row["score"], row["type"]) == ("A", "FORMAT/CNN_READS", "SNP")
    ]
    assert (of_a["true"], of_a["false"], of_a["missed"], of_a["roc_auc"]) == ("10", "10", "0", "1")
    compared = subprocess.run(
        ["bcftools", "query", "-f", "%POS %LABEL %SAMPLE\n", tmp_path / "both/compared.vcf.gz"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(compared) == 40
    assert "110 FP A" in compared
    assert "200 TP A" in compared
    assert "200 FP B" in compared


@pytest.mark.parametrize(
    ("table", "words", "code", "error"),
    [
        ("X\t{A}\n", (), 2, "has no sample X, which the table of truth sets has"),
        ("A\t{A}\nA\t{A}\n", (), 2, "row 2 has the sample A again"),
        ("A\n", (), 2, "row 1: give a sample, its truth set and"),
        ("\n", (), 2, "has no row: sample, tab, truth set"),
        ("A\t{A}\n", ("--truth", "{A}"), 1, "--truth does not go with --truth-map"),
        ("A\t{A}\n", ("--sample", "A"), 1, "--sample does not go with --truth-map"),
        ("A\t{A}\n", ("{A}",), 1, "about the samples of one call file"),
    ],
)
def test_tables_that_cannot_be(
    cohort: dict[str, Path],
    tmp_path: Path,
    table: str,
    words: tuple[str, ...],
    code: int,
    error: str,
) -> None:
    cohort["map"].write_text(table.format(**cohort))
    more = [word.format(**cohort) for word in words]
    run = evaluate(tmp_path / "out", cohort["calls"], *more, "--truth-map", cohort["map"])
    assert run.code == code, run.err
    assert error in run.err
    assert not (tmp_path / "out").exists()


# ---- trios ----

# Child, father, mother: whether the three are possible, None where they do not count.
GENOTYPES = {
    ("0/1", "0/1", "0/0"): True,
    ("0|1", "0/0", "1|1"): True,
    ("0/1", "0/0", "0/0"): False,
    ("1/1", "0/1", "0/0"): False,
    ("1/1", "0/1", "0/1"): True,
    ("0/0", "1/1", "0/1"): False,
    ("0/0", "0/1", "0/1"): True,
    ("1/2", "0/1", "0/2"): True,
    ("1/2", "0/1", "0/1"): False,
    ("1/2", "1/2", "0/0"): False,
    ("2/2", "0/2", "0/2"): True,
    ("0/2", "1/1", "2/2"): False,
    ("0/1", "0/1", "1/1"): True,
    ("0/0", "0/0", "0/0"): None,
    ("0/1", "./.", "0/0"): None,
    ("./1", "0/0", "0/0"): None,
    ("1", "0/1", "0/0"): None,
    ("0/0/1", "0/0", "0/0"): None,
}


def pedigree(folder: Path, text: str = "F kid dad mum 1 2\nF dad 0 0 1 1\n") -> Path:
    path = folder / "family.ped"
    path.write_text(text)
    return path


def trios(folder: Path, lines: list[str], samples: str = "kid dad mum") -> Finished:
    calls = write(folder / "calls.vcf", samples, lines)
    return evaluate(folder / "out", calls, "--pedigree", pedigree(folder), "--overwrite")


def test_mendelian_errors(tmp_path: Path) -> None:
    """By the rule, a plain reading of it, and `bcftools +mendelian` where there is one."""
    lines = [
        f"A C,G . . GT {child} {father} {mother}" for child, father, mother in GENOTYPES
    ]  # in one file: what one record says is nothing to the next
    for (child, father, mother), possible in GENOTYPES.items():
        held = [[int(i) for i in of.replace("|", "/").split("/") if i != "."]
                for of in (child, father, mother)]  # fmt: skip
        if possible is not None:
            made = {tuple(sorted(pair)) for pair in itertools.product(*held[1:])}
            assert (tuple(sorted(held[0])) in made) is possible
    run = trios(tmp_path, lines)
    assert run.code == 0, run.err
    (before, *others) = rows_of(tmp_path / "out" / "trios.tsv")
    judged = [possible for possible in GENOTYPES.values() if possible is not None]
    assert (before["type"], before["filter"]) == ("SNP", "before")
    assert int(before["records"]) == len(judged)
    assert int(before["errors"]) == judged.count(False)
    assert [row["records"] for row in others] == ["0", str(len(judged)), "0"]
    assert f"kid: {judged.count(False)} of {len(judged)} SNPs are Mendelian errors" in run.err


def test_after_the_filter(tmp_path: Path) -> None:
    """FILTER, and FT of any of the three; a de-novo call keeps its score, and says if it passes."""
    lines = [
        "A C PASS CNN_SITE=4 GT:CNN_READS:FT 0/1:4:PASS 0/0:.:. 0/0:.:.",
        "A C Bad CNN_SITE=-4 GT:CNN_READS:FT 0/1:-4:PASS 0/0:.:. 0/0:.:.",
        "A C . CNN_SITE=6 GT:CNN_READS:FT 0/1:6:Low 0/0:.:. 0/0:.:.",
        "A C . . GT:CNN_READS:FT 0/1:.:. 0/0:.:Low 0/0:.:.",
        "A C . CNN_SITE=9 GT:CNN_READS:FT 0/1:3:PASS 0/1:5:PASS 0/0:.:.",
        "A AT . CNN_SITE=2 GT:CNN_READS:FT 1/1:2:PASS 0/1:1:PASS 0/0:.:.",
    ]
    assert trios(tmp_path, lines).code == 0
    found = {
        (row["type"], row["filter"]): (row["records"], row["errors"], row["de_novo"])
        for row in rows_of(tmp_path / "out" / "trios.tsv")
    }
    assert found == {
        ("SNP", "before"): ("5", "4", "4"),
        ("SNP", "after"): ("2", "1", "1"),
        ("INDEL", "before"): ("1", "1", "0"),
        ("INDEL", "after"): ("1", "1", "0"),
    }
    calls = [
        (row["pos"], row["ref"], row["alt"], row["score"], row["site"], row["filter"])
        for row in rows_of(tmp_path / "out" / "de_novo.tsv")
    ]
    assert calls == [
        ("30", "A", "C", "6.000", "6.000", "fails"),
        ("10", "A", "C", "4.000", "4.000", "PASS"),
        ("20", "A", "C", "-4.000", "-4.000", "fails"),
        ("40", "A", "C", "none", "none", "fails"),
    ]


def test_a_spanning_deletion_is_no_de_novo_call(tmp_path: Path) -> None:
    """`*` is another record's deletion, and the child's score here is of the other allele."""
    lines = [
        "A *,T . . GT:CNN_READS 1|2:6 0/2:2 0/2:3",
        "A T,* . . GT:CNN_READS 1|2:5 0/0:. 0/2:.",
    ]
    assert trios(tmp_path, lines).code == 0
    before = rows_of(tmp_path / "out" / "trios.tsv")[0]
    assert (before["records"], before["errors"], before["de_novo"]) == ("2", "2", "1")
    found = [(row["pos"], row["alt"]) for row in rows_of(tmp_path / "out" / "de_novo.tsv")]
    assert found == [("20", "T")]


def test_trios_beside_truth(cohort: dict[str, Path], tmp_path: Path) -> None:
    calls = write(tmp_path / "trio.vcf", "A B kid dad mum", ["A C . . GT 0/1 0/1 0/1 0/0 0/0"] * 3)
    words = ("--truth-map", cohort["map"], "--pedigree", pedigree(tmp_path), "--score", "QUAL")
    run = evaluate(tmp_path / "out", calls, *words)
    assert run.code == 0, run.err
    assert rows_of(tmp_path / "out" / "trios.tsv")[0]["de_novo"] == "3"
    assert (tmp_path / "out" / "samples.tsv").exists()
    # Of a run without them none is left.
    again = evaluate(tmp_path / "out", calls, *words[:2], *words[4:], "--overwrite")
    assert again.code == 0, again.err
    assert not (tmp_path / "out" / "trios.tsv").exists()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("F kid dad\n", "line 1 has 3 columns: give family, individual, father and mother"),
        ("F kid dad mum\nF kid dad mum\n", "line 2 has the individual kid of line 1"),
        ("F kid kid mum\n", "line 1: kid, kid and mum are no trio"),
        ("F kid dad 0\n# F kid dad mum\n", "has no individual of whom both parents are known"),
        ("F kid dad gran\n", "has no trio of the pedigree: of kid, dad and gran it lacks gran"),
    ],
)
def test_pedigrees_that_cannot_be(tmp_path: Path, text: str, error: str) -> None:
    calls = write(tmp_path / "calls.vcf", "kid dad mum", ["A C . . GT 0/1 0/1 0/0"])
    run = evaluate(tmp_path / "out", calls, "--pedigree", pedigree(tmp_path, text))
    assert run.code == 2, run.err
    assert error in run.err
    assert not (tmp_path / "out").exists()


def test_nothing_to_compare_with(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls.vcf", "kid", ["A C . . GT 0/1"])
    run = evaluate(tmp_path / "out", calls)
    assert run.code == 1
    assert "nothing to compare with: give --truth, --truth-map or --pedigree" in run.err
