"""cnnscore evaluate and report: a worked case, formats, bad input."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pysam
import pytest

from conftest import DATA, run_cli

FIELDS = (
    '##INFO=<ID=S,Number=1,Type=Float,Description="">',
    '##INFO=<ID=AS,Number=A,Type=Float,Description="">',
    '##INFO=<ID=BAD,Number=1,Type=Float,Description="">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="">',
)
# pos, ref, alt, qual, S, AS, GT, GQ, DP; true: 10, 20, 30 (C), 50, 60
CALLS = [
    (10, "A", "C", "50", "9", "9", "0/1", 30, 8),
    (20, "G", "T", "40", "8", "8", "1/1", 20, 15),
    (30, "A", "C,G", "30", "7", "7,1", "1/2", 99, 25),
    (40, "T", "A", "20", "6", "6", "0/1", 10, 35),
    (50, "T", "TA", "10", "2", "2", "0/1", 40, 35),
    (60, "TA", "T", "60", ".", ".", "0/1", 40, 35),
    (70, "T", "TG", "45", "5", "5", "0/1", 40, 35),
    (400, "T", "G", "45", "5", "5", "0/1", 40, 35),
]
TRUTH = [
    (10, "A", "C"),
    (20, "G", "T"),
    (30, "A", "C"),
    (50, "T", "TA"),
    (60, "TA", "T"),
    (80, "G", "A"),
]


def write_calls(
    path: Path, *, rows: list[Any] = CALLS, sample: str = "S1", contig: str = "c"
) -> Path:
    lines = ["##fileformat=VCFv4.2", *FIELDS, f"##contig=<ID={contig},length=1000>"]
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}")
    for pos, ref, alt, qual, s, per_allele, gt, gq, dp in rows:
        info = f"S={s};AS={per_allele}"
        lines.append(
            f"{contig}\t{pos}\t.\t{ref}\t{alt}\t{qual}\t.\t{info}\tGT:GQ:DP\t{gt}:{gq}:{dp}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def case(tmp_path: Path) -> dict[str, Path]:
    truth = tmp_path / "truth.vcf"
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=c,length=1000>"]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"c\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for pos, ref, alt in TRUTH]
    truth.write_text("\n".join(lines) + "\n")
    bed = tmp_path / "confident.bed"
    bed.write_text("c\t0\t100\n")
    strata = tmp_path / "low.bed"
    strata.write_text("c\t0\t35\n")
    calls = write_calls(tmp_path / "calls.vcf")
    return {"calls": calls, "truth": truth, "bed": bed, "strata": strata, "out": tmp_path / "out"}


def evaluate(case: dict[str, Path], *more: object, calls: list[Path] | None = None) -> Any:
    files = ["--truth", case["truth"], "--confident", case["bed"], "-o", case["out"]]
    words = [*files, "--overwrite", *more]
    return run_cli("evaluate", *(calls or [case["calls"]]), *words)


def result(case: dict[str, Path]) -> dict[str, Any]:
    return dict(json.loads((case["out"] / "evaluation.json").read_text()))


def score(found: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    return dict(next(s for s in found["scores"] if (s["name"], s["type"]) == (name, kind)))


def value(found: dict[str, Any], name: str, kind: str, metric: str = "roc_auc") -> Any:
    return score(found, name, kind)["metrics"][metric]["value"]


def test_alleles(case: dict[str, Path]) -> None:
    done = evaluate(case, "--score", "S", "--score", "AS", "--score", "QUAL", "--score", "GQ",
                    "--score=-S", "--stratify", case["strata"])  # fmt: skip
    assert done.code == 0, done.err
    found = result(case)
    counts = found["counts"][0]
    assert counts["types"]["SNP"] == {"true": 3, "false": 2, "truth": 4, "missed": 1}
    assert counts["types"]["INDEL"] == {"true": 2, "false": 1, "truth": 2, "missed": 0}
    assert counts["outside"] == 1
    # SNPs: true 9, 8, 7 and false 7 (the G of 30), 6; with one score per allele the G has 1.
    assert value(found, "S", "SNP") == pytest.approx(5.5 / 6)
    assert value(found, "AS", "SNP") == 1
    assert value(found, "-S", "SNP") == pytest.approx(0.5 / 6)
    # Indels: true 2 and missing, false 5: a missing score is the lowest.
    assert value(found, "S", "INDEL") == 0
    assert score(found, "S", "INDEL")["missing"] == 1
    assert score(found, "S", "INDEL")["best_f1_threshold"] is None  # all calls, also without score
    assert value(found, "FORMAT/GQ", "INDEL") == 0.5  # all alike
    assert value(found, "QUAL", "INDEL") == 0.5  # 60 and 10 against 45
    assert value(found, "S", "ALL", "average_precision") is not None
    strata = {
        (row["by"], row["stratum"]): (row["true"], row["false"])
        for row in found["strata"]
        if (row["name"], row["type"]) == ("S", "ALL")
    }
    assert strata["genotype", "het"] == (4, 3)
    assert strata["genotype", "hom"] == (1, 0)
    assert strata["depth", "30-49"] == (2, 2)
    assert strata["allele length", "insertion 1"] == (1, 1)
    assert strata["low", "inside"] == (3, 1)
    assert ("sequence", "not known") not in strata  # there is no reference


def test_records(case: dict[str, Path]) -> None:
    assert evaluate(case, "--unit", "record", "--score", "AS").code == 0
    found = result(case)
    assert found["counts"][0]["types"]["SNP"]["false"] == 1
    assert value(found, "AS", "SNP") == 1  # the record of 30 has the better of 7 and 1
    assert score(found, "AS", "ALL")["true"] == 5


def test_genotypes(case: dict[str, Path], tmp_path: Path) -> None:
    truth = write_calls(tmp_path / "t.vcf", rows=[(*row[:6], "1/1", 1, 1) for row in CALLS])
    assert evaluate({**case, "truth": truth}, "--match-genotype", "--score", "S").code == 0
    counts = result(case)["counts"][0]["types"]["ALL"]
    assert counts["true"] == 1  # of 20, the one that is 1/1


def test_the_files_that_it_writes(case: dict[str, Path]) -> None:
    assert evaluate(case, "--score", "S", "--score", "QUAL").code == 0
    names = {path.name for path in case["out"].iterdir()}
    assert names == {
        "evaluation.json", "filters.tsv", "scores.tsv", "tranches.tsv", "strata.tsv",
        "differences.tsv", "compared.vcf.gz", "compared.vcf.gz.tbi", "report.html",
        "cnnscore_mqc.json", "mistakes.bed", "igv_session.xml",
    }  # fmt: skip
    assert not list(case["out"].parent.glob(".*part"))
    with (case["out"] / "scores.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["score"], row["type"]) for row in rows][:2] == [("S", "SNP"), ("QUAL", "SNP")]
    assert float(rows[0]["roc_auc"]) == pytest.approx(5.5 / 6, abs=1e-5)
    with (case["out"] / "differences.tsv").open() as file:
        pairs = list(csv.DictReader(file, delimiter="\t"))
    assert {(row["a"], row["b"]) for row in pairs} == {("S", "QUAL")}
    found = [row for row in pairs if (row["type"], row["metric"]) == ("SNP", "roc_auc")]
    assert float(found[0]["value"]) == pytest.approx(5.5 / 6 - 5.5 / 6, abs=1e-6)
    with pysam.VariantFile(str(case["out"] / "compared.vcf.gz")) as compared:
        lines = [(r.pos, r.ref, r.alts, r.info["LABEL"], r.info.get("CALL")) for r in compared]
        near = [record.pos for record in compared.fetch("c", 39, 60)]
    assert near == [40, 50, 60]
    assert lines == [
        (10, "A", ("C",), "TP", ("c:10:A:C",)),
        (20, "G", ("T",), "TP", ("c:20:G:T",)),
        (30, "A", ("C",), "TP", ("c:30:A:C", "G")),
        (30, "A", ("G",), "FP", ("c:30:A:C", "G")),
        (40, "T", ("A",), "FP", ("c:40:T:A",)),
        (50, "T", ("TA",), "TP", ("c:50:T:TA",)),
        (60, "TA", ("T",), "TP", ("c:60:TA:T",)),
        (70, "T", ("TG",), "FP", ("c:70:T:TG",)),
        (80, "G", ("A",), "FN", None),
    ]


def test_two_files_are_compared_on_the_calls_that_both_have(
    case: dict[str, Path], tmp_path: Path
) -> None:
    other = write_calls(tmp_path / "other.vcf", rows=CALLS[1:][::-1])
    done = evaluate(case, "--score", "S", calls=[case["calls"], other])
    assert done.code == 0, done.err
    found = result(case)
    assert [counts["file"] for counts in found["counts"]] == ["calls", "other"]
    pair = next(row for row in found["differences"] if row["type"] == "SNP")
    assert (pair["a"], pair["b"], pair["calls"]) == ("calls: S", "other: S", 4)
    assert pair["value"] == 0  # the same calls, though in another order
    assert (case["out"] / "compared.other.vcf.gz").exists()


def test_default_scores_and_bcf(case: dict[str, Path], tmp_path: Path) -> None:
    text = case["calls"].read_text().replace("ID=BAD", "ID=QD").replace("ID=S,", "ID=CNN_X,")
    renamed = tmp_path / "n.vcf"
    renamed.write_text(text.replace("\tS=", "\tCNN_X="))
    bcf = tmp_path / "n.bcf"
    subprocess.run(["bcftools", "view", "-Ob", "-o", bcf, renamed], check=True)
    assert evaluate({**case, "calls": bcf}).code == 0
    assert {s["name"] for s in result(case)["scores"]} == {"CNN_X", "QUAL", "QD"}
    qd = score(result(case), "QD", "SNP")
    assert (qd["missing"], qd["curve"]) == (5, None)  # declared, and no call has it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"--score": "NOPE"},
            "no call file has the score NOPE: .*calls.vcf has QUAL, S, AS, BAD, ",
        ),
        ({"--score": "FORMAT/S"}, "no call file has the score FORMAT/S"),
        ({"--truth": "none.vcf"}, "none.vcf"),
        ({"--confident": "none.bed"}, "none.bed"),
        ({"--sample": "X"}, "no sample X: `bcftools query -l` lists"),
        ({"--comparator": "vcfeval"}, "needs the program rtg, which is not installed"),
        ({"-R": "none.fa"}, "none.fa"),
    ],
)
def test_bad_input(
    case: dict[str, Path], change: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    words = [word for pair in change.items() for word in pair]
    done = evaluate(case, *words)
    assert done.code in (1, 2)
    assert len(done.err.strip().splitlines()) == 1
    import re

    assert re.search(message, done.err), done.err
    assert not case["out"].exists()


@pytest.mark.parametrize("option", ["--bootstrap", "--seed"])
def test_draws_need_blocks(case: dict[str, Path], option: str) -> None:
    done = evaluate(case, "--score", "S", option, 5)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert f"{option} is of the block bootstrap: give --block" in done.err
    assert not case["out"].exists()
    assert evaluate(case, "--score", "S", option, 5, "--block", 100).code == 0


@pytest.mark.parametrize("again", ["S", "INFO/S"])
def test_a_score_given_twice(case: dict[str, Path], again: str) -> None:
    assert evaluate(case, "--score", "S", "--score=-S").code == 0
    assert [s["name"] for s in result(case)["scores"] if s["type"] == "SNP"] == ["S", "-S"]
    shutil.rmtree(case["out"])
    done = evaluate(case, "--score", "S", "--score", again)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert f"--score={again}: the score S is given twice" in done.err
    assert not case["out"].exists()


@pytest.mark.parametrize("name", ["low.bed", "depth.bed", "genotype.bed", "allele length.bed"])
def test_strata_have_names_of_their_own(case: dict[str, Path], tmp_path: Path, name: str) -> None:
    bed = tmp_path / "other" / name
    bed.parent.mkdir()
    bed.write_text("c\t0\t35\n")
    done = evaluate(case, "--stratify", case["strata"], "--stratify", bed)
    assert done.code == 1, done.err
    assert f"--stratify {bed}: there are strata '{bed.stem}' already" in done.err
    assert not case["out"].exists()


def test_into_the_folder_at_hand(
    case: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = evaluate({**case, "out": Path()}, "--score", "S")
    assert done.code == 0, done.err
    assert Path("evaluation.json").is_file()
    assert not list(tmp_path.glob(".*")) + list(tmp_path.glob("here/.*"))


def test_a_comparator_is_looked_for_before_anything_is_read(
    case: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {**case, "truth": tmp_path / "none.vcf"}
    monkeypatch.setenv("PATH", str(tmp_path))
    done = evaluate(missing, "--comparator", "vcfeval")
    assert (done.code, "needs the program rtg" in done.err) == (1, True), done.err
    (tmp_path / "rtg").touch(0o755)
    assert "needs the reference" in evaluate(missing, "--comparator", "vcfeval").err
    words = ["--truth", missing["truth"], "-o", case["out"], "--comparator", "vcfeval"]
    assert "needs the confident regions" in run_cli("evaluate", case["calls"], *words).err


def test_other_samples_other_contigs(case: dict[str, Path], tmp_path: Path) -> None:
    other = write_calls(tmp_path / "other.vcf", sample="S2")
    done = evaluate(case, "--score", "S", calls=[case["calls"], other])
    assert done.code == 2
    assert "is of sample S1 and" in done.err
    assert "--same-sample" in done.err
    done = evaluate(case, "--score", "S", "--same-sample", calls=[case["calls"], other])
    assert done.code == 0
    renamed = write_calls(tmp_path / "chr.vcf", contig="chrc")
    done = evaluate(case, "--score", "S", calls=[renamed])
    assert done.code == 2
    assert "bcftools annotate --rename-chrs" in done.err
    done = evaluate(case, "--score", "S", "-R", str(DATA / "ref.fa"))
    assert done.code == 2
    assert "has no contig c, which the record c:" in done.err


def test_no_false_calls_is_said(case: dict[str, Path], tmp_path: Path) -> None:
    only_true = write_calls(tmp_path / "t.vcf", rows=[CALLS[0], CALLS[1], CALLS[4]])
    done = evaluate(case, "--score", "S", calls=[only_true])
    assert done.code == 0
    assert "none: no false calls" in done.err
    with (case["out"] / "scores.tsv").open() as file:
        assert next(csv.DictReader(file, delimiter="\t"))["roc_auc"] == "none"
    assert value(result(case), "S", "ALL") is None


def test_unsorted_unindexed_gz(case: dict[str, Path], tmp_path: Path) -> None:
    """Order and indexes are not needed; every figure is the same."""
    assert evaluate(case, "--score", "S").code == 0
    expected = result(case)["scores"]
    mixed = write_calls(tmp_path / "calls2.vcf", rows=CALLS[4:] + CALLS[:4])
    truth = tmp_path / "truth.vcf.gz"
    lines = case["truth"].read_text().splitlines(keepends=True)
    truth.write_bytes(gzip.compress("".join(lines[:3] + lines[3:][::-1]).encode()))
    assert evaluate({**case, "truth": truth}, "--score", "S", calls=[mixed]).code == 0
    found = result(case)["scores"]
    for one, two in zip(expected, found, strict=True):
        for metric, figures in one["metrics"].items():
            assert two["metrics"][metric]["value"] == figures["value"]
        assert {m["site"] for m in one["mistakes"]["true"]} == {
            m["site"] for m in two["mistakes"]["true"]
        }


def test_report_again_figures_and_bad_json(case: dict[str, Path], tmp_path: Path) -> None:
    assert evaluate(case, "--score", "S", "--score", "QUAL").code == 0
    page = tmp_path / "again.html"
    figures = tmp_path / "figures"
    section = tmp_path / "x_mqc.json"
    done = run_cli("report", case["out"], "-o", page, "--title", "</script>&<b>", "--figures",
                   figures, "--format", "svg", "--multiqc", section)  # fmt: skip
    assert done.code == 0, done.err
    assert "&lt;/script&gt;&amp;&lt;b&gt;" in page.read_text()
    names = {path.name for path in figures.iterdir()}
    assert done.err == f"cnnscore: written: {page}, {section}, {len(names)} figures in {figures}\n"
    done = run_cli("report", case["out"], "-o", page, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert {"roc.SNP.svg", "precision-recall.INDEL.svg", "scores.S.SNP.svg"} <= names
    assert "True calls kept" in (figures / "roc.SNP.svg").read_text()
    assert json.loads(section.read_text())["plot_type"] == "table"
    assert run_cli("report", case["out"]).code == 1
    assert run_cli("report", case["out"], "--multiqc", tmp_path / "x.json").code == 1
    bad = tmp_path / "bad.json"
    for text, message in (("{", "is no JSON"), ("{}", "has the layout None"), ("[]", "layout")):
        bad.write_text(text)
        done = run_cli("report", bad, "-o", page)
        assert done.code == 2
        assert message in done.err
    assert "No such file" in run_cli("report", tmp_path / "none", "-o", page).err


def test_the_report_asks_for_what_it_needs(tmp_path: Path) -> None:
    """Wrong usage is said first, then what is missing; a result is read by Python alone."""
    packages = "sklearn", "jinja2", "plotly", "matplotlib", "cnnscore._window", "cnnscore._encode"
    code = f"""
import sys
from importlib.util import find_spec
sys.modules.update(dict.fromkeys({packages!r}))
from cnnscore.cli import main
sys.exit(main(sys.argv[1:]))
"""

    def report(*words: object) -> tuple[int, str]:
        command = [sys.executable, "-c", code, "report", *map(str, words)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        return run.returncode, run.stderr

    assert report(tmp_path)[0] == 1
    assert "nothing to write" in report(tmp_path)[1]
    assert "give one ending in _mqc.json" in report(tmp_path, "--multiqc", "x.json")[1]
    for words in (("-o", "x.html"), ("--figures", "x")):
        assert "pip install 'cnnscore[evaluate]'" in report(tmp_path, *words)[1]
    probe = "from cnnscore.evaluate.tables import read_result; read_result(sys.argv[1])"
    code = f"import sys; sys.modules.update(dict.fromkeys({packages!r})); {probe}"
    assert "cannot read" in report()[1]


def test_filters_tranches_in_the_report(case: dict[str, Path], tmp_path: Path) -> None:
    assert evaluate(case, "--score", "S").code == 0
    table, page = tmp_path / "tranches.tsv", tmp_path / "page.html"
    done = run_cli("filter", case["calls"], "--info-key", "S", "--threshold", "SNP=7.5",
                   "--tranche-table", table, "-o", tmp_path / "filtered.vcf")  # fmt: skip
    assert done.code == 0, done.err
    done = run_cli("report", case["out"], "--tranche-table", table, "-o", page)
    assert done.code == 0, done.err
    assert '<table id="filter-tranches">' in page.read_text()
    assert "<td>7.500</td>" in page.read_text()
    table.write_text("something else\n")
    done = run_cli("report", case["out"], "--tranche-table", table, "-o", page)
    assert done.code == 2
    assert "is no table of" in done.err


def test_png_figures(case: dict[str, Path], tmp_path: Path) -> None:
    assert evaluate(case, "--score", "S").code == 0
    figures = tmp_path / "figures"
    assert run_cli("report", case["out"], "--figures", figures, "--format", "png").code == 0
    assert (figures / "roc.SNP.png").read_bytes().startswith(b"\x89PNG")


def test_multiqc_shows_our_section(case: dict[str, Path], tmp_path: Path) -> None:
    """The real MultiQC finds the file by its name and keeps its figures."""
    if not find_spec("multiqc"):
        pytest.skip("needs MultiQC: run by `make test`")
    assert evaluate(case, "--score", "S").code == 0
    done = subprocess.run(
        [sys.executable, "-m", "multiqc", case["out"], "-o", tmp_path / "mqc", "--strict",
         "--data-format", "json", "--no-version-check"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(tmp_path), "MULTIQC_NO_VERSION_CHECK": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "mqc" / "multiqc_data" / "multiqc_data.json").read_text())
    assert "cnnscore evaluate" in (tmp_path / "mqc" / "multiqc_report.html").read_text()
    text = json.dumps(data)
    (sample,) = result(case)["inputs"]["calls"][0]["samples"]
    assert sample
    assert f"{sample} calls S SNP" in text
    assert "0.9166" in text


# ---- real calls ----
