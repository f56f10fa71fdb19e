"""`evaluate --comparator`: what vcfeval and hap.py are asked, and how their answers are read.

The programs stand in for the real ones: they see to it that they are given what
tests/golden/comparator was made of, and answer with its files.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from conftest import Finished, run_cli
from hosts.processes import runs
from hosts.waiting import wait_until

GOLDEN = Path(__file__).parent.parent / "golden" / "comparator"

# The answer is that of the golden file whose records are just those that are given.
PROGRAM = """#!{python}
import gzip, json, shutil, sys
from pathlib import Path
golden, words = Path({golden!r}), sys.argv[1:]
with open({log!r}, "a") as log:
    print(json.dumps([Path(sys.argv[0]).name, *words]), file=log)
value = lambda name: words[words.index(name) + 1]
def rows(path, text):
    lines = [line.split("\\t") for line in text.splitlines() if not line.startswith("##")]
    return [line[:7] + line[8:10] for line in lines]
def given(path):
    assert Path(path + ".tbi").exists()
    return rows(path, gzip.open(path, "rt").read())
if words[0] == "format":
    Path(value("-o")).mkdir()
elif words[0] == "vcfeval":
    out = Path(value("--output"))
    out.mkdir()
    every = value("--sample").endswith(",ALT")
    kinds = ["all-alleles"] if every else ["plain", "passing-truth"]
    files = (("calls", "--calls"), ("baseline", "--baseline"))
    def is_of(kind):
        texts = [(golden / f"vcfeval.{{kind}}.{{name}}.vcf").read_text() for name, _ in files]
        columns = 5 if every else 9  # genotypes do not count where every ALT does
        return all(
            [r[:columns] for r in rows("", text)] == [r[:columns] for r in given(value(flag))]
            for text, (_, flag) in zip(texts, files)
        )
    kind = next(kind for kind in kinds if is_of(kind))
    for name, _ in files:
        with gzip.open(out / f"{{name}}.vcf.gz", "wt") as file:
            file.write((golden / f"vcfeval.{{kind}}.{{name}}.vcf").read_text())
else:
    given(words[0]), given(words[1])
    with gzip.open(value("-o") + ".vcf.gz", "wt") as file:
        file.write((golden / "hap.py.vcf").read_text())
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs, which are on PATH, write what they were asked."""
    log, tools = tmp_path / "log", tmp_path / "tools"
    tools.mkdir()
    for name in ("rtg", "hap.py"):
        program = tools / name
        program.write_text(PROGRAM.format(python=sys.executable, golden=str(GOLDEN), log=str(log)))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    return log


def evaluate(
    out: Path, tool: str, *words: object, calls: Path | None = None, truth: Path | None = None
) -> Finished:
    return run_cli(*arguments(out, tool, *words, calls=calls, truth=truth))


def arguments(
    out: Path, tool: str, *words: object, calls: Path | None = None, truth: Path | None = None
) -> list[object]:
    samples = ([] if calls else ["--sample", "A"]) + ([] if truth else ["--truth-sample", "T"])
    return [
        "evaluate", calls or GOLDEN / "calls.vcf", "--truth", truth or GOLDEN / "truth.vcf",
        "--confident", GOLDEN / "confident.bed", "-R", GOLDEN / "ref.fa", "--score", "S",
        "--comparator", tool, *samples, "-o", out, *words,
    ]  # fmt: skip


def labels(out: Path) -> dict[str, list[str]]:
    """POS:REF:ALT by label."""
    found: dict[str, list[str]] = {"TP": [], "FP": [], "FN": []}
    with pysam.VariantFile(str(out / "compared.vcf.gz")) as lines:
        for line in lines:
            found[str(line.info["LABEL"])].append(
                f"{line.pos}:{line.ref}:{(line.alts or ('',))[0]}"
            )
    return found


SAME = ["50:A:G", "100:A:G", "130:A:G", "131:C:T", "157:TCA:T"]


@pytest.mark.parametrize("tool", ["vcfeval", "hap.py"])
@pytest.mark.parametrize("matching", [False, True])
def test_verdicts(log: Path, tmp_path: Path, tool: str, matching: bool) -> None:
    """The MNP is two SNPs of the truth set, the deletion lies elsewhere in its repeat. 100:A:T is
    no call (GT 0/1 of G,T); of the 1/2 of 250 one allele is in the truth set, which has it alone.
    """
    done = evaluate(tmp_path / "out", tool, *(["--match-genotype"] if matching else []))
    assert done.code == 0, done.err
    found = labels(tmp_path / "out")
    in_part, false = ["80:C:T", "250:A:C"], ["190:A:C", "250:A:G", "350:T:C"]
    assert sorted(found["TP"]) == sorted([*SAME, "330:G:A", *([] if matching else in_part)])
    assert sorted(found["FP"]) == sorted([*false, *(in_part if matching else [])])
    assert sorted(found["FN"]) == sorted(["220:C:T", *(in_part if matching else [])])
    counts = json.loads((tmp_path / "out" / "evaluation.json").read_text())["counts"][0]
    of = counts["types"]["ALL"]
    missed = 3 if matching else 1
    assert (of["truth"], of["missed"]) == (9, missed)
    # 300 lies outside; 60 is 0/0 and 100:T not in the genotype; <DEL> and * cannot be compared.
    assert (counts["outside"], counts["not_called"], counts["not_compared"]) == (1, 2, 2)


def test_what_vcfeval_is_asked(log: Path, tmp_path: Path) -> None:
    """One run, which tells a common allele from the same genotype; every option arrives."""
    assert evaluate(tmp_path / "out", "vcfeval").code == 0
    format_, run = [json.loads(line) for line in log.read_text().splitlines()]
    assert format_[:2] == ["rtg", "format"]
    assert format_[-1] == str(GOLDEN / "ref.fa")
    assert "--squash-ploidy" not in run
    assert run[run.index("--output-mode") + 1] == "annotate"
    assert run[run.index("--sample") + 1] == "SAMPLE,SAMPLE"
    assert run[run.index("--evaluation-regions") + 1] == str(GOLDEN / "confident.bed")


def test_passing_truth(log: Path, tmp_path: Path) -> None:
    """The truth set's record of 330 is filtered; that all calls are does not matter."""
    done = evaluate(tmp_path / "out", "vcfeval", "--passing-truth")
    assert done.code == 0, done.err
    assert "330:G:A" in labels(tmp_path / "out")["FP"]


@pytest.mark.parametrize("tool", ["vcfeval", "hap.py"])
def test_what_pass_keeps(log: Path, tmp_path: Path, tool: str) -> None:
    """The program sees all calls, whatever FILTER; 80, 156 and 190 pass. 220 is missed."""
    calls = tmp_path / "calls.vcf"
    lines = (GOLDEN / "calls.vcf").read_text().splitlines(keepends=True)
    passing = ("c\t80\t", "c\t156\t", "c\t190\t")
    calls.write_text(
        "".join(
            line.replace("\tlow\t", "\tPASS\t") if line.startswith(passing) else line
            for line in lines
        )
    )
    done = evaluate(tmp_path / "out", tool, "--sample", "A", calls=calls)
    assert done.code == 0, done.err
    rows = json.loads((tmp_path / "out" / "evaluation.json").read_text())["filters"]
    keys = ("true_kept", "true_lost", "false_kept", "false_removed", "truth_kept", "truth")
    found = {row["type"]: tuple(row[key] for key in keys) for row in rows}
    assert found == {
        "SNP": (1, 5, 1, 2, 1, 8), "INDEL": (1, 0, 0, 0, 1, 1), "ALL": (2, 5, 1, 2, 2, 9),
    }  # fmt: skip


def test_all_alleles(log: Path, tmp_path: Path) -> None:
    """Each ALT counts: 60:G:T, which is 0/0, and 100:A:T, false though its record matches."""
    done = evaluate(tmp_path / "out", "vcfeval", "--all-alleles")
    assert done.code == 0, done.err
    found = labels(tmp_path / "out")
    assert {"60:G:T", "100:A:T"} <= set(found["FP"])
    assert "100:A:G" in found["TP"]


def test_files_without_genotypes(log: Path, tmp_path: Path) -> None:
    """A sites-only call file: each ALT allele is a call, as without a comparator; BCF, gzip too."""
    sites, truth = tmp_path / "sites.bcf", tmp_path / "truth.vcf.gz"
    subprocess.run(["bcftools", "view", "-G", "-Ob", "-o", sites, GOLDEN / "calls.vcf"], check=True)
    lines = (GOLDEN / "truth.vcf").read_text().splitlines()
    one = ["\t".join(f[:9] + f[10:]) for f in (line.split("\t") for line in lines)]
    truth.write_bytes(gzip.compress(("\n".join(one) + "\n").encode()))
    done = evaluate(tmp_path / "out", "vcfeval", calls=sites, truth=truth)
    assert done.code == 0, done.err
    assert "100:A:T" in labels(tmp_path / "out")["FP"]
    shutil.rmtree(tmp_path / "out")
    done = evaluate(tmp_path / "out", "hap.py", calls=sites, truth=truth)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert f"every ALT allele of {sites} is to count" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", ["vcfeval", "hap.py"])
def test_what_cannot_be(log: Path, tmp_path: Path, tool: str) -> None:
    done = evaluate(tmp_path / "out", tool, "--all-alleles", "--match-genotype")
    assert (done.code, "leave one out" in done.err) == (1, True), done.err
    unsorted = tmp_path / "unsorted.vcf"
    lines = (GOLDEN / "calls.vcf").read_text().splitlines(keepends=True)
    unsorted.write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    done = evaluate(tmp_path / "out", tool, "--sample", "A", calls=unsorted)
    assert (done.code, "sort" in done.err, done.err.count("\n")) == (2, True, 1), done.err
    done = run_cli(
        "evaluate", GOLDEN / "calls.vcf", "--truth", GOLDEN / "truth.vcf", "--comparator", tool,
        "--confident", GOLDEN / "confident.bed", "-R", GOLDEN / "ref.fa", "-o", tmp_path / "out",
        "--truth-sample", "T",
    )  # fmt: skip
    assert (done.code, "has 2 samples (A, B)" in done.err) == (2, True), done.err


@pytest.mark.parametrize("tool", ["vcfeval", "hap.py"])
def test_a_comparator_that_fails(
    log: Path, tmp_path: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the second one makes a folder of each word
    program = {"vcfeval": "rtg", "hap.py": "hap.py"}[tool]
    (tmp_path / "tools" / program).write_text("#!/bin/sh\necho this is why >&2\nexit 3\n")
    done = evaluate(tmp_path / "out", tool)
    assert (done.code, "failed: this is why" in done.err) == (2, True), done.err
    (tmp_path / "tools" / program).write_text(
        '#!/bin/sh\nfor i; do mkdir -p "$o"; o=$i; done 2>/dev/null\nexit 0\n'
    )
    done = evaluate(tmp_path / "out", tool)
    assert (done.code, "the comparator left no" in done.err) == (2, True), done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_comparator_ends_with_us(log: Path, tmp_path: Path, number: int) -> None:
    """And what it has started itself; nothing of it is left."""
    pids = tmp_path / "pids"
    (tmp_path / "tools" / "rtg").write_text(
        f"#!/bin/bash\nsleep 600 & echo $$ $! >{pids}.part; mv {pids}.part {pids}; wait\n"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "cnnscore", *arguments(tmp_path / "out", "vcfeval")]
    with subprocess.Popen(
        list(map(str, command)), env={**os.environ, "TMPDIR": str(scratch)}, stderr=subprocess.PIPE
    ) as process:
        wait_until(pids.exists)
        process.send_signal(number)
        assert process.wait(300) == 128 + number
    left = [int(pid) for pid in pids.read_text().split()]
    wait_until(lambda: not any(runs(pid) for pid in left))
    assert not list(scratch.iterdir())
    assert not (tmp_path / "out").exists()
