"""`evaluate` of a part of the genome: what it counts is what bcftools cuts out of both files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Finished, run_cli

PART = "synA:1-9000"


def evaluate(data: Path, out: Path, *words: object, calls: Path, truth: Path) -> Finished:
    return run_cli(
        "evaluate", calls, "--truth", truth, "-R", data / "ref.fa", "--score", "QUAL", "-o", out,
        "--quiet", *words,
    )  # fmt: skip


def found(out: Path) -> dict[str, Any]:
    """The result without what names the files and the request."""
    result = dict(json.loads((out / "evaluation.json").read_text()))
    return {key: result[key] for key in ("counts", "scores", "strata", "differences")}


@pytest.fixture
def files(data: Path, tmp_path: Path) -> dict[str, Path]:
    """Calls and a truth set, both whole and with indexes."""
    paths = {name: tmp_path / f"{name}.vcf.gz" for name in ("calls", "truth")}
    for name, path in paths.items():
        path.write_bytes((data / f"{name}.vcf.gz").read_bytes())
        subprocess.run(["bcftools", "index", path], check=True)
    return paths


def cut(files: dict[str, Path], folder: Path, *words: object) -> dict[str, Path]:
    """The same files, as bcftools cuts them."""
    folder.mkdir()
    paths = {name: folder / path.name for name, path in files.items()}
    for name, path in paths.items():
        command = ["bcftools", "view", "-Oz", "-o", path, files[name], *words]
        subprocess.run([str(word) for word in command], check=True)
    return paths


def choices(folder: Path) -> list[tuple[list[object], list[object]]]:
    """Options of evaluate, and those of bcftools that cut the same."""
    bed, mask = folder / "part.bed", folder / "mask.bed"
    bed.write_text("synA\t100\t6000\nsynB\t2000\t5000\n")
    mask.write_text("synA\t0\t20000\n")
    return [
        (["-r", PART], ["-r", PART]),
        (["--regions", f"{PART},synB"], ["-r", f"{PART},synB"]),
        (["--regions-file", bed], ["-R", bed]),
        (["-t", PART], ["-t", PART]),
        (["--targets-file", bed], ["-T", bed]),
        (["--targets-file", f"^{mask}"], ["-T", f"^{mask}"]),
        (["-r", "synB", "-t", "synB:1-5000"], ["-r", "synB", "-t", "synB:1-5000"]),
    ]


def test_both_files_are_cut(data: Path, files: dict[str, Path], tmp_path: Path) -> None:
    everything = evaluate(data, tmp_path / "all", **files)
    assert everything.code == 0, everything.err
    for number, (ours, theirs) in enumerate(choices(tmp_path)):
        one, other = tmp_path / f"ours{number}", tmp_path / f"theirs{number}"
        done = evaluate(data, one, *ours, **files)
        assert done.code == 0, (ours, done.err)
        parts = cut(files, tmp_path / f"cut{number}", *theirs)
        expected = evaluate(data, other, **parts)
        assert expected.code == 0, expected.err
        assert found(one) == found(other), ours
        assert found(one) != found(tmp_path / "all"), ours
        (text,) = [str(word).lstrip("^") for word in ours[1:2]]
        assert text in json.loads((one / "evaluation.json").read_text())["inputs"]["within"]


def test_calls_of_a_part_against_a_whole_truth(
    data: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    """What lies elsewhere is not missed, with and without the confident regions."""
    part = cut({"calls": files["calls"]}, tmp_path / "cut", "-r", PART)["calls"]
    bed = tmp_path / "confident.bed"
    bed.write_text("synA\t3000\t40000\nsynB\t0\t20000\n")
    missed = {}
    asked: dict[str, list[object]] = {
        "whole": [],
        "part": ["-r", PART],
        "confident": ["-r", PART, "--confident", bed],
        "targets": ["-t", PART, "--confident", bed],
    }
    for name, words in asked.items():
        truth = files["truth"]
        if name == "targets":  # a stream needs no index
            truth = tmp_path / "no-index.vcf.gz"
            truth.write_bytes(files["truth"].read_bytes())
        calls = files["calls"] if words[:1] == ["-r"] else part
        done = evaluate(data, tmp_path / name, *words, calls=calls, truth=truth)
        assert done.code == 0, (name, done.err)
        of = found(tmp_path / name)["counts"][0]["types"]["ALL"]
        missed[name] = of["missed"]
        if name != "whole":
            with_truth = [
                line.split()
                for line in subprocess.run(
                    ["bcftools", "query", "-f", "%CHROM %POS %INFO/LABEL\n",
                     tmp_path / name / "compared.vcf.gz"],
                    check=True, capture_output=True, text=True,
                ).stdout.splitlines()
            ]  # fmt: skip
            low = 1 if name == "part" else 3000
            assert {row[0] for row in with_truth} == {"synA"}
            assert all(low <= int(row[1]) <= 9000 for row in with_truth)
    assert missed["whole"] > missed["part"] >= missed["confident"]


@pytest.mark.parametrize("overlap", ["pos", "record", "variant", "0", "2"])
def test_overlaps(data: Path, files: dict[str, Path], tmp_path: Path, overlap: str) -> None:
    """A deletion that reaches into the region counts as `--regions-overlap` says, in both files."""
    rows = subprocess.run(
        ["bcftools", "query", "-i", "strlen(REF)>2", "-f", "%CHROM %POS %REF\n", files["calls"]],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    contig, pos, ref = rows[len(rows) // 2].split()
    region = f"{contig}:{int(pos) + len(ref) - 1}-{int(pos) + 3000}"
    done = evaluate(data, tmp_path / "one", "-r", region, "--regions-overlap", overlap, **files)
    assert done.code == 0, done.err
    parts = cut(files, tmp_path / "cut", "-r", region, "--regions-overlap", overlap)
    assert evaluate(data, tmp_path / "other", **parts).code == 0
    assert found(tmp_path / "one") == found(tmp_path / "other")
    result = json.loads((tmp_path / "one" / "evaluation.json").read_text())
    name = {"0": "pos", "2": "variant"}.get(overlap, overlap)
    assert f"(overlap: {name})" in result["inputs"]["within"]


def test_a_part_without_truth_or_calls(data: Path, files: dict[str, Path], tmp_path: Path) -> None:
    """Shards of a genome have such: figures are none, a warning says of which file."""
    empty = cut({"truth": files["truth"]}, tmp_path / "cut", "-t", "synB")["truth"]
    subprocess.run(["bcftools", "index", "-f", empty], check=True)
    done = evaluate(data, tmp_path / "no-truth", "-r", "synA", calls=files["calls"], truth=empty)
    assert done.code == 0, done.err
    assert f"no record of {empty} lies within the regions" in done.err
    of = found(tmp_path / "no-truth")["counts"][0]["types"]["ALL"]
    assert (of["true"], of["truth"], of["missed"]) == (0, 0, 0)
    assert of["false"] > 100
    none = cut({"calls": files["calls"]}, tmp_path / "none", "-t", "synB")["calls"]
    subprocess.run(["bcftools", "index", "-f", none], check=True)
    done = evaluate(data, tmp_path / "no-calls", "-r", "synA", calls=none, truth=files["truth"])
    assert done.code == 0, done.err
    assert f"no record of {none} lies within the regions" in done.err
    of = found(tmp_path / "no-calls")["counts"][0]["types"]["ALL"]
    assert (of["true"], of["false"]) == (0, 0)
    assert of["truth"] == of["missed"] > 100


def test_what_cannot_be(data: Path, files: dict[str, Path], tmp_path: Path) -> None:
    """As for the other commands: which file, what is wrong, what to do; nothing is written."""
    bare = tmp_path / "bare.vcf.gz"
    bare.write_bytes(files["truth"].read_bytes())
    bed = tmp_path / "part.bed"
    bed.write_text("synA\t0\t9000\n")
    for words, truth, code, text in (
        (["-r", PART], bare, 2, f"bcftools index {bare}"),
        (["-r", "chrA:1-10"], None, 2, 'no contig "chrA"'),
        (["-r", "synA:9-1"], None, 1, "ends before it begins"),
        (["-r", PART, "--regions-file", bed], None, 1, "give --regions or --regions-file"),
        (["-t", PART, "--targets-overlap", "all"], None, 1, "'all'"),
    ):
        done = evaluate(
            data, tmp_path / "out", *words, calls=files["calls"], truth=truth or files["truth"]
        )
        assert (done.code, text in done.err) == (code, True), (words, done.err)
        assert not (tmp_path / "out").exists()


# In place of the real programs: they keep what they are given. vcfeval's finds exact matches.
PROGRAM = """#!{python}
import gzip, sys
from pathlib import Path
kept, words = Path({kept!r}), sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
def keep(name, path):
    assert Path(path + ".tbi").exists()
    text = gzip.open(path, "rt").read()
    (kept / name).write_text(text)
    return [line.split("\\t") for line in text.splitlines() if not line.startswith("##")]
if words[0] == "format":
    Path(value("-o")).mkdir()
elif words[0] == "vcfeval":
    (kept / "bed").write_text(Path(value("--evaluation-regions")).read_text())
    files = {{"calls": keep("calls", value("--calls"))}}
    files["baseline"] = keep("truth", value("--baseline"))
    sets = {{name: {{tuple(r[:5]) for r in rows[1:]}} for name, rows in files.items()}}
    Path(value("--output")).mkdir()
    told = (("calls", "baseline", "CALL", "FP"), ("baseline", "calls", "BASE", "FN"))
    for name, other, key, wrong in told:
        with gzip.open(Path(value("--output")) / f"{{name}}.vcf.gz", "wt") as out:
            out.write("##fileformat=VCFv4.2\\n")
            for row in files[name]:
                if not row[0].startswith("#"):
                    row[7] = f"{{key}}={{'TP' if tuple(row[:5]) in sets[other] else wrong}}"
                out.write("\\t".join(row) + "\\n")
else:
    keep("truth", words[0]), keep("calls", words[1])
    (kept / "bed").write_text(Path(value("-f")).read_text())
    sys.exit("seen")
"""


@pytest.mark.parametrize("words", [["-r", PART], ["-t", "synB:1-6000"]])
@pytest.mark.parametrize("tool", ["vcfeval", "hap.py"])
def test_comparators_get_the_part(
    data: Path,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
    words: list[str],
) -> None:
    kept, tools, bed = tmp_path / "kept", tmp_path / "tools", tmp_path / "confident.bed"
    bed.write_text("synA\t3000\t40000\nsynB\t0\t20000\n")
    for folder in (kept, tools):
        folder.mkdir()
    for name in ("rtg", "hap.py"):
        (tools / name).write_text(PROGRAM.format(python=sys.executable, kept=str(kept)))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    done = evaluate(
        data, tmp_path / "out", *words, "--comparator", tool, "--confident", bed, **files
    )
    assert (kept / "bed").read_text() == bed.read_text()
    for name, path in cut(files, tmp_path / "cut", *words).items():
        rows = [line.split("\t")[:5] for line in (kept / name).read_text().splitlines()]
        query = ["bcftools", "view", "-H", str(path)]
        text = subprocess.run(query, check=True, capture_output=True, text=True).stdout
        expected = [line.split("\t")[:5] for line in text.splitlines()]
        assert [row for row in rows if not row[0].startswith("#")] == expected
        assert 10 < len(expected) < 290
    if tool == "hap.py":
        assert (done.code, "failed: seen" in done.err) == (2, True), done.err
        return
    assert done.code == 0, done.err
    of = found(tmp_path / "out")["counts"][0]["types"]["ALL"]
    lines = (kept / "truth").read_text().splitlines()
    assert of["truth"] == len([line for line in lines if not line.startswith("#")])
    assert of["missed"] < of["true"]


# ---- the folder of the results ----


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_in_use(data: Path, files: dict[str, Path], tmp_path: Path) -> None:
    out, second = tmp_path / "out", tmp_path / "second.vcf.gz"
    second.write_bytes(files["calls"].read_bytes())
    out.mkdir()  # an empty one is free
    done = run_cli(
        "evaluate", files["calls"], second, "--truth", files["truth"], "--score", "QUAL", "-o", out,
        "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "compared.second.vcf.gz" in listing(out)
    (out / "notes.txt").write_text("mine")
    (out / "figures").mkdir()
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    done = evaluate(data, out, **files)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert f"the folder {out} has files already" in done.err
    assert "--overwrite" in done.err
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    for number, option in enumerate(("--overwrite", "--force")):
        done = evaluate(data, out, option, "-t", ["synA", "synB"][number], **files)
        assert done.code == 0, done.err
        names = {path.name for path in out.iterdir()}
        assert {"notes.txt", "figures", "compared.vcf.gz", "evaluation.json"} <= names
        assert not [name for name in names if name.startswith("compared.second")]
        result = json.loads((out / "evaluation.json").read_text())
        assert ["synA", "synB"][number] in result["inputs"]["within"]
    assert (out / "notes.txt").read_text() == "mine"


def test_a_failed_run_leaves_the_old_results(
    data: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert evaluate(data, out, **files).code == 0
    before = listing(out)
    assert evaluate(data, out, "--overwrite", "-r", "chrA", **files).code == 2
    assert listing(out) == before


def test_somebody_elses_files_stay(data: Path, files: dict[str, Path], tmp_path: Path) -> None:
    """A report.html of something else, as no evaluation.json lies beside it."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert evaluate(data, out, **files).code == 1
    (out / "report.html").write_text("another program's")
    done = evaluate(data, out, "--overwrite", **files)
    assert (done.code, "is of something else" in done.err) == (1, True), done.err
    assert listing(out) == {
        "notes.txt": b"mine", "report.html": b"another program's",
    }  # fmt: skip
    (out / "report.html").unlink()
    assert evaluate(data, out, "--overwrite", **files).code == 0
    assert {"notes.txt", "report.html", "evaluation.json"} <= set(listing(out))
