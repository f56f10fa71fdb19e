"""cnnscore evaluate: figures of what is there, two files, intervals, and what is said of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from conftest import Finished, run_cli

HEADER = (
    "##fileformat=VCFv4.2",
    '##INFO=<ID=S,Number=1,Type=Float,Description="">',
    '##INFO=<ID=QD,Number=1,Type=Float,Description="">',
    '##INFO=<ID=VQSLOD,Number=1,Type=Float,Description="">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="">',
    "##contig=<ID=c,length=1000000>",
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA",
)
SNP, INDEL = ("A", "C"), ("A", "AC")


class Calls:
    """A call file and its truth set, one call after another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines, self.truth, self.pos = folder, list[str](), list[str](), 0

    def add(
        self, is_true: bool, score: object, alleles: tuple[str, str] = SNP, genotype: str = "0/1",
        info: str = "S={}", qual: object = 30,
    ) -> None:  # fmt: skip
        self.pos += 10
        site = f"c\t{self.pos}\t.\t{alleles[0]}\t{alleles[1]}\t"
        self.lines.append(f"{site}{qual}\t.\t{info.format(score)}\tGT\t{genotype}")
        if is_true:
            self.truth.append(f"{site}.\t.\t.\tGT\t0/1")

    def write(self, name: str = "calls") -> Path:
        path = self.folder / f"{name}.vcf"
        path.write_text("\n".join([*HEADER, *self.lines]) + "\n")
        truth = [*self.truth, "c\t900000\t.\tA\tC\t.\t.\t.\tGT\t0/1"]
        (self.folder / "truth.vcf").write_text("\n".join([*HEADER, *truth]) + "\n")
        return path


@pytest.fixture
def made(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def run(made: Calls, *more: object, calls: list[Path] | None = None) -> Finished:
    words = ["--truth", made.folder / "truth.vcf", "-o", made.folder / "out", "--overwrite", *more]
    return run_cli("evaluate", *(calls or [made.folder / "calls.vcf"]), *words)


def evaluate(made: Calls, *more: object, calls: list[Path] | None = None) -> dict[str, Any]:
    done = run(made, *more, calls=calls)
    assert done.code == 0, done.err
    return dict(json.loads((made.folder / "out" / "evaluation.json").read_text()))


def score(found: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    return dict(next(s for s in found["scores"] if (s["name"], s["type"]) == (name, kind)))


def auc(found: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    return dict(score(found, name, kind)["metrics"]["roc_auc"])


def tsv(made: Calls, name: str) -> list[dict[str, str]]:
    with (made.folder / "out" / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


# ---- what is not there ----


@pytest.mark.parametrize(
    ("alleles", "kind", "other"), [(SNP, "SNP", "INDEL"), (INDEL, "INDEL", "SNP")]
)
def test_calls_of_one_type(made: Calls, alleles: tuple[str, str], kind: str, other: str) -> None:
    for i in range(6):
        made.add(i % 2 == 0, i, alleles)
    made.write()
    found = evaluate(made, "--score", "S")
    assert auc(found, "S", kind)["value"] == pytest.approx(1 / 3)
    assert auc(found, "S", "ALL") == auc(found, "S", kind)
    empty = score(found, "S", other)
    assert (empty["true"], empty["false"], empty["curve"], empty["histogram"]) == (0, 0, None, None)
    assert {value for metric in empty["metrics"].values() for value in metric.values()} == {None}
    rows = {row["type"]: row for row in tsv(made, "scores.tsv")}
    assert rows[other]["roc_auc"] == rows[other]["best_f1"] == "none"
    assert run_cli("report", made.folder / "out", "--figures", made.folder / "f").code == 0


def test_no_records(made: Calls) -> None:
    made.write()
    found = evaluate(made, "--score", "S", "--score", "QUAL")
    assert {s["true"] + s["false"] for s in found["scores"]} == {0}
    assert found["counts"][0]["types"]["SNP"]["missed"] == 1
    assert {row["value"] for row in found["differences"]} == {None}
    assert (made.folder / "out" / "compared.vcf.gz").exists()


def test_regions_that_leave_one_type_or_nothing(made: Calls) -> None:
    for i in range(8):
        made.add(i % 2 == 0, i, SNP if i < 4 else INDEL)
    made.write()
    bed = made.folder / "c.bed"
    bed.write_text("c\t0\t45\n")
    found = evaluate(made, "--score", "S", "--confident", bed)
    assert auc(found, "S", "SNP")["value"] == 0.25
    assert auc(found, "S", "INDEL")["value"] is None
    bed.write_text("c\t5000\t6000\n")
    done = run(made, "--score", "S", "--confident", bed)
    assert done.code == 2
    assert "lies within the confident regions" in done.err


@pytest.mark.parametrize("key", ["QUAL", "QD", "VQSLOD"])
def test_infinities_rank_first_and_last(made: Calls, key: str) -> None:
    values = [("inf", True), (5, True), (1, False), ("-inf", False), (3, True), ("-inf", True)]
    for value, is_true in [*values, (".", True)]:
        if key == "QUAL":
            made.add(is_true, "", info=".", qual=value)
        else:
            made.add(is_true, value, info=f"{key}={{}}")
    made.write()
    found = evaluate(made, "--score", key)
    of = score(found, key, "SNP")
    expected = roc_auc_score([t for _, t in values] + [True], [9, 5, 1, -9, 3, -9, -10])
    assert of["metrics"]["roc_auc"]["value"] == pytest.approx(expected)
    assert of["missing"] == 1
    assert of["curve"]["threshold"] == ["inf", 5, 3, 1, "-inf", None]
    assert of["mistakes"]["false"][-1]["score"] == "-inf"
    assert sum(of["histogram"]["true"]) + sum(of["histogram"]["false"]) == 3
    assert [row["threshold"] for row in of["filter"]["tranches"]][-1] is None
    text = (made.folder / "out" / "tranches.tsv").read_text() + "".join(
        str(row) for row in tsv(made, "scores.tsv")
    )
    assert "nan" not in text


def test_nothing_but_infinities(made: Calls) -> None:
    made.add(True, "inf")
    made.add(False, "-inf")
    made.write()
    found = score(evaluate(made, "--score", "S"), "S", "SNP")
    assert found["metrics"]["roc_auc"]["value"] == 1
    assert (found["histogram"], found["calibration"]) == (None, [])


@pytest.mark.parametrize("alts", ["C", "C,<NON_REF>", "C,*", "C,G]c:500]", "C,<DEL>"])
def test_thresholds_are_of_the_type_that_filter_judges(made: Calls, alts: str) -> None:
    """What is no sequence says nothing of a record's type: `C,<NON_REF>` is a SNP for both."""
    for i in range(8):
        made.add(i % 2 == 0, i, ("A", alts))
        made.add(i % 2 == 0, i, ("AG", alts.replace("C", "CT")))
        made.add(i % 2 == 0, i, INDEL)
    calls = made.write()
    found = evaluate(made, "--score", "S", "--all-alleles")
    done = run_cli("filter", calls, "--info-key", "S", "--threshold", "SNP=99",
                   "-o", made.folder / "f.vcf")  # fmt: skip
    assert done.code == 0, done.err
    kept = (made.folder / "f.vcf").read_text().count("S_SNP_below_99\t")
    for kind, n in (("SNP", kept), ("INDEL", 24 - kept)):
        curve = score(found, "S", kind)["filter"]["curve"]
        assert curve["true"][-1] + curve["false"][-1] == n, kind
    assert kept == 16


# ---- two files ----


def two_files(made: Calls, both: int = 60) -> list[Path]:
    """Of each file's calls some have the truth's genotype; a's scores tell which are a's, b's are
    noise. 20 calls more are in one file only.
    """
    random = np.random.default_rng(2)
    made.truth = [f"c\t{1000 + 10 * i}\t.\tA\tC\t.\t.\t.\tGT\t0/1" for i in range(both + 40)]
    paths = []
    for name, first in (("a", 0), ("b", 20)):
        made.lines, made.pos = [], 990
        own = random.random(both + 40) < (0.6 if name == "a" else 0.4)
        for i in range(both + 40):
            shift = 2.0 * own[i] if name == "a" else 0.4 * own[i]
            made.pos = 990 + 10 * i
            if first <= i < first + both + 20:
                genotype = "0/1" if own[i] else "1/1"
                truth = list(made.truth)
                made.add(False, f"{random.normal() + shift:.4f}", genotype=genotype)
                made.truth = truth
        paths.append(made.write(name))
    return paths


def read(path: Path) -> dict[int, tuple[float, bool]]:
    """By POS: the score, and whether the genotype is the truth's."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if line[0] != "#"]
    return {int(row[1]): (float(row[7][2:]), row[9] == "0/1") for row in rows}


def test_each_file_has_its_own_labels(made: Calls) -> None:
    """The difference is that of each score against its own labels, on the calls that both have."""
    paths = two_files(made)
    found = evaluate(made, "--match-genotype", "--score", "S", calls=paths)
    a, b = (read(path) for path in paths)
    shared = sorted(set(a) & set(b))
    assert 50 < len(shared) < len(a)
    expected = [
        roc_auc_score([of[pos][1] for pos in shared], [of[pos][0] for pos in shared])
        for of in (a, b)
    ]
    assert expected[0] - expected[1] > 0.2
    pair = next(
        row for row in found["differences"] if (row["type"], row["metric"]) == ("SNP", "roc_auc")
    )
    assert (pair["a"], pair["b"], pair["calls"]) == ("a: S", "b: S", len(shared))
    assert pair["value"] == pytest.approx(expected[0] - expected[1])
    assert pair["low"] < pair["value"] < pair["high"]
    assert 0 < pair["p"] < 0.05


def test_files_that_share_no_call_are_refused(made: Calls) -> None:
    made.add(True, 1)
    one = made.write("one")
    made.lines = []
    made.add(True, 2)
    other = made.write("other")
    done = run(made, "--score", "S", calls=[one, other])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "one.vcf and" in done.err
    assert "have no call in common" in done.err
    assert not (made.folder / "out").exists()


# ---- intervals ----


@pytest.mark.parametrize("false", [9, 10])
def test_too_few_calls_for_an_interval(made: Calls, false: int) -> None:
    random = np.random.default_rng(1)
    for i in range(100 + false):
        made.add(i < 100, f"{random.normal() + 2 * (i < 100):.3f}", qual=i)
    made.write()
    bed = made.folder / "all.bed"
    bed.write_text("c\t0\t1000000\n")
    done = run(made, "--score", "S", "--score", "QUAL", "--confident", bed)
    assert done.code == 0, done.err
    found = json.loads((made.folder / "out" / "evaluation.json").read_text())
    of = score(found, "S", "SNP")
    row = tsv(made, "scores.tsv")[0]
    pair = found["differences"][0]
    assert pair["value"] is not None
    if false < 10:
        assert of["too_few"] == row["too_few"] == "false"
        assert "(too few false)" in done.err
        limits = {auc(found, "S", "SNP")[end] for end in ("low", "high")}
        assert limits | {pair[key] for key in ("low", "high", "p")} == {None}
        assert "too few false calls" in (made.folder / "out" / "report.html").read_text()
    else:
        assert (of["too_few"], row["too_few"]) == (None, "none")
        assert auc(found, "S", "SNP")["low"] < auc(found, "S", "SNP")["value"]
        assert 0 < pair["p"] <= 1
    for metric, limits in of["metrics"].items():
        if metric not in ("roc_auc", "average_precision"):
            assert (limits["low"], limits["high"]) == (None, None)


def test_blocks_widen_the_interval_of_calls_that_come_together(made: Calls) -> None:
    random = np.random.default_rng(3)
    for block in range(30):
        made.pos = 10_000 * block
        shift = random.normal() + 2 * (block % 2)
        for _ in range(6):
            made.add(block % 2 == 1, f"{shift + 0.1 * random.normal():.3f}")
    made.write()
    alone = evaluate(made, "--score", "S")
    assert alone["intervals"]["unit"] == "position"
    words = ["--block", 10_000, "--bootstrap", 200, "--seed", 3]
    drawn = evaluate(made, "--score", "S", *words)
    expected = {"unit": "block", "block_bases": 10_000, "replicates": 200, "seed": 3, "fewest": 10}
    assert drawn["intervals"] == expected
    one, other = (auc(found, "S", "SNP") for found in (alone, drawn))
    assert other["value"] == one["value"]
    assert other["high"] - other["low"] > 1.5 * (one["high"] - one["low"])
    again = evaluate(made, "--score", "S", *words)
    assert {**again, "date": ""} == {**drawn, "date": ""}
    assert run(made, "--block", 0).code == 1


# ---- no confident regions ----


def test_without_confident_regions_it_is_said_that_not_all_is_false(made: Calls) -> None:
    made.add(True, 1)
    made.add(False, 2)
    made.write()
    done = run(made, "--score", "S")
    assert (
        "without confident regions every call that the truth set lacks counts as false" in done.err
    )
    found = json.loads((made.folder / "out" / "evaluation.json").read_text())
    assert len(found["notes"]) == 1
    assert found["notes"][0] in (made.folder / "out" / "report.html").read_text()
    bed = made.folder / "all.bed"
    bed.write_text("c\t0\t1000000\n")
    assert evaluate(made, "--score", "S", "--confident", bed)["notes"] == []
