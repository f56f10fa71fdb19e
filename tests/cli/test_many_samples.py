"""`score --work --table`: many call files in one plan, each equal to a run of its own."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnscore.calls.sample_map import SampleMap
from cnnscore.scatter.table import Job, read_table
from cnnscore.scatter.task import score_shard
from conftest import DATA, Finished, run_cli
from hosts.waiting import wait_until

REF = DATA / "ref.fa"
COLUMNS = "calls\treads\tsample\tout"


def table(folder: Path, rows: list[tuple[object, ...]], columns: str = COLUMNS) -> Path:
    path = folder / "samples.tsv"
    lines = ["\t".join(map(str, row)) for row in rows]
    path.write_text("\n".join([columns, *lines]) + "\n")
    return path


def score(folder: Path, *more: object) -> Finished:
    work = ("--work", folder / "work", "--shards", 3)
    return run_cli(
        *("score", "--table", folder / "samples.tsv", "-R", REF, "--no-version"), *work, *more
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path, str]]:
    """Three samples: calls, reads, name; the second has half of the calls."""
    folder = tmp_path_factory.mktemp("inputs")
    half, renamed = folder / "half.vcf.gz", folder / "renamed.bcf"
    (folder / "name").write_text("OTHER\n")
    for command in (
        f"bcftools view -i 'POS%2=0' -Oz -o {half} {DATA}/calls.vcf.gz",
        f"bcftools reheader -s {folder}/name {DATA}/calls.vcf.gz | bcftools view -Ob -o {renamed}",
        f"samtools view -H {DATA}/reads.bam | sed s/SM:SYN1/SM:OTHER/ >{folder}/header",
        f"samtools reheader {folder}/header {DATA}/reads.bam >{folder}/other.bam",
        f"bcftools index {half} && bcftools index {renamed} && samtools index {folder}/other.bam",
    ):
        subprocess.run(["bash", "-ec", command], check=True)
    reads = DATA / "reads.bam"
    return [
        (DATA / "calls.vcf.gz", reads, ""),
        (half, reads, "SYN1"),
        (renamed, folder / "other.bam", "OTHER"),
    ]


def rows_of(inputs: list[tuple[Path, Path, str]], folder: Path) -> list[tuple[object, ...]]:
    return [(*given, folder / f"{i}.vcf") for i, given in enumerate(inputs)]


@pytest.fixture(scope="module")
def alone(
    inputs: list[tuple[Path, Path, str]], tmp_path_factory: pytest.TempPathFactory
) -> list[bytes]:
    """What a run of its own writes of each."""
    out, made = tmp_path_factory.mktemp("alone") / "out.vcf", []
    for calls, reads, sample in inputs:
        more = ("--sample", sample) if sample else ()
        run = run_cli("score", calls, "-R", REF, "-I", reads, "--no-version", "-o", out, *more)
        assert run.code == 0, run.err
        made.append(out.read_bytes())
    return made


def test_each_is_equal_to_a_run_of_its_own(
    inputs: list[tuple[Path, Path, str]], alone: list[bytes], tmp_path: Path
) -> None:
    rows = rows_of(inputs, tmp_path)
    table(tmp_path, rows)
    run = score(tmp_path)
    assert run.code == 0, run.err
    assert [(tmp_path / f"{i}.vcf").read_bytes() for i in range(3)] == alone
    assert not (tmp_path / "work").exists()
    first, *told = run.err.splitlines()
    assert first.startswith("cnnscore: 9 shards; ")
    assert [line.split(" sites")[0] for line in told] == [
        f"cnnscore: {row[3]}: {n} of {n}" for row, n in zip(rows, (294, 152, 294), strict=True)
    ]


def test_columns_in_any_order_and_without_reads(tmp_path: Path) -> None:
    calls = DATA / "calls.vcf.gz"
    rows: list[tuple[object, ...]] = [(tmp_path / f"{i}.bcf", calls) for i in range(2)]
    table(tmp_path, rows, "out\tcalls")
    assert score(tmp_path, "-W").code == 0
    assert run_cli("score", calls, "-R", REF, "--no-version", "-o", tmp_path / "one.bcf").code == 0
    for i in range(2):
        command = ["bcftools", "view", "--no-version"]
        made, one = (
            subprocess.check_output([*command, tmp_path / f"{name}.bcf"]) for name in (i, "one")
        )
        assert made == one
        assert (tmp_path / f"{i}.bcf.csi").exists()


def test_several_read_files_of_one_sample(tmp_path: Path) -> None:
    """With commas between; the same as -I for each."""
    parts = [tmp_path / "a.bam", tmp_path / "b.bam"]
    for path, part in zip(parts, ("synA:1-20000", "synB"), strict=True):
        subprocess.run(["samtools", "view", "-bo", path, DATA / "reads.bam", part], check=True)
        subprocess.run(["samtools", "index", path], check=True)
    calls, out, one = DATA / "calls.vcf.gz", tmp_path / "out.vcf", tmp_path / "one.vcf"
    table(tmp_path, [(calls, f"{parts[0]},{parts[1]}", "", out)])
    assert score(tmp_path).code == 0
    reads = ("-I", parts[0], "-I", parts[1])
    assert run_cli("score", calls, "-R", REF, *reads, "--no-version", "-o", one).code == 0
    assert out.read_bytes() == one.read_bytes()


def test_killed_and_gone_on_with(
    inputs: list[tuple[Path, Path, str]], alone: list[bytes], tmp_path: Path
) -> None:
    """Outputs come one by one, each when its shards are there."""
    rows = rows_of(inputs, tmp_path)
    command = ["score", "--table", table(tmp_path, rows), "-R", REF, "--no-version"]
    command += ["--work", tmp_path / "work", "--shards", 3]
    run = subprocess.Popen(
        [sys.executable, "-m", "cnnscore", *map(str, command)], stderr=subprocess.DEVNULL
    )
    log = tmp_path / "work" / "shards.jsonl"
    wait_until(lambda: log.exists() and log.read_text().count("sha256") >= 4)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert (tmp_path / "0.vcf").read_bytes() == alone[0]
    again = score(tmp_path)
    assert again.code == 0, again.err
    assert [(tmp_path / f"{i}.vcf").read_bytes() for i in range(3)] == alone


def test_one_that_fails_leaves_the_others(
    inputs: list[tuple[Path, Path, str]], alone: list[bytes], tmp_path: Path
) -> None:
    lines = subprocess.check_output(["bcftools", "view", inputs[0][0]], text=True).splitlines()
    fields = lines[-1].split("\t")
    fields[3] = "ACGTACGTACGTACGT"
    (tmp_path / "bad.vcf").write_text("\n".join([*lines[:-1], "\t".join(fields)]) + "\n")
    bad = tmp_path / "bad.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", bad, tmp_path / "bad.vcf"], check=True)
    subprocess.run(["bcftools", "index", bad], check=True)
    table(tmp_path, rows_of([(bad, *inputs[0][1:]), *inputs[1:]], tmp_path))
    run = score(tmp_path)
    assert run.code == 2
    assert "has REF ACGTACGTACGTACGT" in run.err
    assert "1-000003" in run.err
    assert not (tmp_path / "0.vcf").exists()
    assert [(tmp_path / f"{i}.vcf").read_bytes() for i in (1, 2)] == alone[1:]


def test_an_input_that_changes_meanwhile(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its shards would be of two files."""

    def changed(*arguments: object) -> object:
        os.utime(box / "ref.fa", ns=(0, 10**18))
        os.utime(box / "ref.fa.fai", ns=(0, 10**18))
        return score_shard(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("cnnscore.scatter.task.score_shard", changed)
    out = box / "out.vcf"
    command = ("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-o", out)
    run = run_cli(*command, "--work", box / "work", "--shards", 2)
    assert run.code == 2
    assert f"{box}/ref.fa has changed since the plan was made" in run.err
    assert not out.exists()


def test_tables_that_are_none(tmp_path: Path) -> None:
    calls = DATA / "calls.vcf.gz"
    cases: tuple[tuple[list[tuple[object, ...]], str, str], ...] = (
        ([(calls,)], "calls", "has no column out"),
        ([(calls, "x", "a.vcf")], "calls\tdepth\tout", "has a column 'depth'"),
        ([(calls, "a.vcf", "b.vcf")], "calls\tout\tout", "out twice"),
        ([], "calls\tout", "has no row"),
        ([(calls, "a.vcf"), (calls,)], "calls\tout", "line 3 has 1 field"),
        ([(calls, "a.vcf"), ("", "b.vcf")], "calls\tout", "line 3 has no calls"),
        ([(calls, "a.vcf"), (calls, "./a.vcf")], "calls\tout", "line 3 has the out of line 2"),
        ([(calls, "-")], "calls\tout", "line 2 has the out -"),
        ([("a", "b"), ("c", "a")], "calls\tout", "line 3 has as its out a, an input of line 2"),
        ([("a", "r", "r")], "calls\treads\tout", "line 2 has as its out r, an input of line 2"),
        ([("a", tmp_path / "samples.tsv")], "calls\tout", "samples.tsv, the table"),
    )
    for rows, columns, said in cases:
        table(tmp_path, rows, columns)
        run = score(tmp_path)
        assert run.code == 2, said
        assert said in run.err
        assert len(run.err.splitlines()) == 1
    (tmp_path / "samples.tsv").write_bytes(b"calls\tout\n\xff\tb\n")
    assert "is no text in UTF-8" in score(tmp_path).err
    assert not (tmp_path / "work").exists()
    for content, said in (
        ("", "has no columns: its first line names them, calls and out"),
        (" \n", "has no columns"),
        ("calls\treads\tout\na\tb.bam,,c.bam\td\n", "line 2 lacks the name of a read file"),
        ("calls\tout\x0b\tx\n", "has a column 'x'"),
    ):
        (tmp_path / "samples.tsv").write_text(content)
        run = score(tmp_path)
        assert run.code == 2
        assert said in run.err
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_an_out_that_is_another_rows_input_by_another_name(
    link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """As `score` itself looks at it: files are told apart by what they are, not by their names."""
    calls, index = tmp_path / "calls.vcf.gz", tmp_path / "calls.vcf.gz.tbi"
    for path in (calls, index):
        shutil.copy(DATA / path.name, path)
    link(calls, tmp_path / "same.vcf.gz")
    link(index, tmp_path / "index.vcf")
    for name in ("same.vcf.gz", "index.vcf"):
        rows: list[tuple[object, ...]] = [
            (calls, "a.vcf"),
            (DATA / "calls.vcf.gz", tmp_path / name),
        ]
        table(tmp_path, rows, "calls\tout")
        run = score(tmp_path)
        assert run.code == 2
        assert "line 3 has as its out" in run.err
        assert "an input of line 2" in run.err
    table(tmp_path, [(calls, tmp_path / "x.vcf"), (calls, tmp_path / "x.vcf")], "calls\tout")
    assert "line 3 has the out of line 2" in score(tmp_path).err
    table(tmp_path, [(calls, tmp_path / "same.vcf.gz")], "calls\tout")  # its own calls
    assert "as its out" not in score(tmp_path).err


def test_how_tables_may_be_written(tmp_path: Path) -> None:
    """As spreadsheets and editors leave them; a line ends with a line feed alone."""
    path = tmp_path / "samples.tsv"
    for mark, end in (("", "\n"), ("\ufeff", "\r\n")):
        lines = ["#calls \treads\tout", "a\x0b\u2028b.vcf\tx.bam, y.bam\tc ", "  ", "d\t\te", ""]
        path.write_bytes((mark + end.join(lines)).encode())
        assert read_table(str(path)) == [
            Job("a\x0b\u2028b.vcf", ("x.bam", "y.bam"), "c", None, 2),
            Job("d", (), "e", None, 4),
        ]
    path.write_bytes("\ufeffa\x85b\tx.bam, y.bam\t30\r\n \t\r\n".encode())
    (row,) = SampleMap(str(path)).rows
    assert (row.sample, row.reads, row.depth) == ("a\x85b", ("x.bam", "y.bam"), 30.0)


def test_rows_that_cannot_be_planned(
    inputs: list[tuple[Path, Path, str]], alone: list[bytes], tmp_path: Path
) -> None:
    """Each is named, and the others are written; when their rows are mended, the same plan goes on
    with them."""
    calls, reads, _ = inputs[0]
    rows = rows_of(inputs, tmp_path)
    bad: list[tuple[object, ...]] = [
        (tmp_path / "none.vcf.gz", reads, "", tmp_path / "3.vcf"),
        (calls, reads, "NOBODY", tmp_path / "4.vcf"),
        (calls, "", "", tmp_path / "5.vcf"),
    ]
    table(tmp_path, [bad[0], *rows, *bad[1:]])
    run = score(tmp_path)
    assert run.code == 2
    assert "3 of 6 call files are not scored, the others are" in run.err
    assert f"error: line 2, {tmp_path}/none.vcf.gz: " in run.err
    assert f"error: line 6, {calls}: " in run.err
    assert "NOBODY" in run.err
    assert f"error: line 7, {calls}: the network reads looks at reads: name them in the" in run.err
    assert "Traceback" not in run.err
    assert [(tmp_path / f"{i}.vcf").read_bytes() for i in range(3)] == alone
    assert not any((tmp_path / f"{i}.vcf").exists() for i in (3, 4, 5))
    table(tmp_path, [(calls, reads, "", tmp_path / "3.vcf"), *rows, *bad[1:]])
    run = score(tmp_path)
    assert run.code == 2
    assert "2 of 6 call files are not scored" in run.err
    assert "12 shards, 9 of them done" in run.err
    assert (tmp_path / "3.vcf").read_bytes() == alone[0]
    mended: list[tuple[object, ...]] = [(calls, reads, "", bad[i][3]) for i in range(3)]
    table(tmp_path, [mended[0], *rows, *mended[1:]])
    run = score(tmp_path)
    assert run.code == 0, run.err
    assert "18 shards, 12 of them done" in run.err
    assert [(tmp_path / f"{i}.vcf").read_bytes() for i in (3, 4, 5)] == [alone[0]] * 3
    assert not (tmp_path / "work").exists()


def test_what_is_wrong_with_all_rows_is_said_once(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        (DATA / "calls.vcf.gz", DATA / "reads.bam", "", tmp_path / f"{i}.vcf") for i in range(3)
    ]
    table(tmp_path, rows)
    run = run_cli(
        *("score", "--table", tmp_path / "samples.tsv", "-R", tmp_path / "none.fa"),
        *("--work", tmp_path / "work"),
    )
    assert run.code == 2
    assert len(run.err.splitlines()) == 1
    assert "none.fa" in run.err
    assert not (tmp_path / "work").exists()


def test_usage(tmp_path: Path) -> None:
    path = table(tmp_path, [(DATA / "calls.vcf.gz", "", "", tmp_path / "out.vcf")])
    for more, said in (
        ((), "--table goes with --work"),
        (("--work", tmp_path / "work", "-I", DATA / "reads.bam"), "--table has"),
        (("--work", tmp_path / "work", DATA / "calls.vcf.gz"), "--table has"),
        (("--work", tmp_path / "work", "-o", tmp_path / "x"), "--table has"),
    ):
        run = run_cli("score", "--table", path, "-R", REF, *more)
        assert run.code == 1
        assert said in run.err
    run = run_cli("score", "-R", REF)
    assert run.code == 1
    assert "CALLS" in run.err


def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    """However many samples there are."""
    calls, outs = DATA / "calls.vcf.gz", [tmp_path / f"{i}.vcf" for i in range(30)]
    path = table(tmp_path, [(calls, DATA / "reads.bam", "", out) for out in outs])
    command = ["score", "--table", path, "-R", REF, "--work", tmp_path / "work", "--shards", 1]
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limited = f"ulimit -Sn {min(soft, 56)}; exec "
    words = [sys.executable, "-m", "cnnscore", *map(str, command), "-t", "synB:1-2000", "--quiet"]
    run = subprocess.run(
        ["bash", "-c", f'{limited} "$@"', "-", *words], capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert all(out.exists() for out in outs)
    shutil.rmtree(tmp_path / "work", ignore_errors=True)


@pytest.mark.parametrize("cluster", ["local:2"])
def test_twenty_on_a_cluster(
    cluster: str, inputs: list[tuple[Path, Path, str]], alone: list[bytes], tmp_path: Path
) -> None:
    """The shards of all samples share the workers."""
    pytest.importorskip(
        "distributed", reason="needs the extra cnnscore[cluster]: run by `make test`"
    )
    n = 20
    table(tmp_path, rows_of([inputs[i % 3] for i in range(n)], tmp_path))
    words = ["score", "--table", tmp_path / "samples.tsv", "-R", REF, "--no-version", "--work"]
    words += [tmp_path / "work", "--shards", 3, "--cluster", cluster, "--keep-work"]
    run = subprocess.run(
        [sys.executable, "-m", "cnnscore", *map(str, words)], capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    for i in range(n):
        assert (tmp_path / f"{i}.vcf").read_bytes() == alone[i % 3]
    log = (tmp_path / "work" / "shards.jsonl").read_text().splitlines()
    done = [json.loads(line) for line in log if line]
    assert len(done) == 3 * n
    workers = {shard["worker"] for shard in done}
    assert len(workers) == 2
    for worker in workers:  # each has shards of many samples
        own = {shard["shard"].partition("-")[0] for shard in done if shard["worker"] == worker}
        assert len(own) > n // 4


def test_a_contig_is_looked_at_for_each_call_file(tmp_path: Path) -> None:
    """Though both have the same reads, which stay open."""
    reads, other = DATA / "reads.bam", tmp_path / "other.vcf.gz"
    command = (
        f"bcftools view {DATA}/calls.vcf.gz synA | sed 's/ID=synA,length=[0-9]*/ID=synA,length=7/' "
        f"| bgzip >{other} && tabix {other}"
    )
    subprocess.run(["bash", "-ec", command], check=True)
    rows: list[tuple[object, ...]] = [
        (DATA / "calls.vcf.gz", reads, "", tmp_path / "a.vcf"),
        (other, reads, "", tmp_path / "b.vcf"),
    ]
    table(tmp_path, rows)
    run = score(tmp_path, "-t", "synA", "--threads", 1)
    assert run.code == 2, run.err
    assert "1 of 2 call files are not scored, the others are" in run.err
    assert "in the header of the calls" in run.err
    assert (tmp_path / "a.vcf").exists()
    assert not (tmp_path / "b.vcf").exists()
