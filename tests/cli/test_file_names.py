"""Files by other names than paths, as htslib takes them; indexes that look old."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli
from hosts.plugin import plugin
from hosts.range_server import serving

WHERE = ["-r", "synA:1-9000"]


@pytest.fixture(params=["score", "plugin"])
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, and an empty $TMPDIR, in which nothing may be left."""
    for name in ("work", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    yield tmp_path / "work"
    assert list((tmp_path / "work").iterdir()) == list((tmp_path / "tmp").iterdir()) == []


def score(
    door: str, out: Path, calls: object, reference: object, reads: object = None, *more: object
) -> tuple[int, str, list[str]]:
    """Exit code, messages, records."""
    out.unlink(missing_ok=True)
    words = [*more, "--threads", "1", "-o", out]
    if door == "score":
        of_reads = [] if reads is None else ["-I", reads]
        run = run_cli("score", calls, "-R", reference, *of_reads, *words)
        code, said = run.code, run.err
    else:
        of_reads = [] if reads is None else ["-b", reads]
        ran = plugin("-f", reference, *of_reads, *words, calls)
        code, said = ran.code, ran.err
    lines = out.read_text().splitlines() if out.exists() else []
    return code, said, [line for line in lines if not line.startswith("#")]


def names(box: Path, form: str) -> list[str]:
    """Calls, reference and reads by names of a form."""
    if form == "index":
        (box / "other").mkdir()
        found = []
        for name, suffix in (("calls.vcf.gz", "tbi"), ("ref.fa", "fai"), ("reads.bam", "bai")):
            (box / f"{name}.{suffix}").rename(box / "other" / f"{name}.x")
            found.append(f"{box / name}##idx##{box}/other/{name}.x")
        return found
    root = {"file": f"file://{box}", "localhost": f"file://localhost{box}"}.get(form, form)
    return [f"{root}/{name}" for name in ("calls.vcf.gz", "ref.fa", "reads.bam")]


@pytest.mark.parametrize("form", ["file", "localhost", "index"])
def test_names_as_htslib_takes_them(form: str, door: str, box: Path, nowhere: Path) -> None:
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    code, said, whole = score(door, box / "out.vcf", *plain, *WHERE)
    assert code == 0, said
    assert len(whole) > 20
    urls = names(box, form)
    code, said, found = score(door, box / "out.vcf", *urls, *WHERE)
    assert (code, found) == (0, whole), said
    code, said, found = score(door, box / "out.vcf", *urls[:2], None, *WHERE)
    assert code == 0, said
    assert len(found) == len(whole)
    assert nowhere.is_dir()


@pytest.mark.parametrize("query", ["", "?signature=a.b/c"])
def test_a_web_server(query: str, door: str, box: Path, nowhere: Path) -> None:
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    _, _, whole = score(door, box / "out.vcf", *plain, *WHERE)
    with serving(box) as address:
        urls = [f"{name}{query}" for name in names(box, address)]
        code, said, found = score(door, box / "out.vcf", *urls, *WHERE)
        assert (code, found) == (0, whole), said
        assert "warning" not in said.lower()
        code, said, found = score(door, box / "out.vcf", urls[0], plain[1], None, "-t", "synA")
        assert code == 0, said
        assert found
        # A copy that another tool left in the working directory is not believed.
        (nowhere / "calls.vcf.gz.tbi").write_bytes(b"another's")
        (nowhere / "reads.bam.bai").write_bytes(b"another's")
        code, said, found = score(door, box / "out.vcf", *urls, *WHERE)
        assert (code, found) == (0, whole), said
        for left in nowhere.iterdir():
            left.unlink()
        for name, remedy in (("reads.bam.bai", "samtools"), ("calls.vcf.gz.tbi", "bcftools")):
            (box / name).rename(box / "away")
            code, said, found = score(door, box / "out.vcf", *urls, *WHERE)
            assert code not in (0, 3)
            assert found == []
            assert f"{address}/{name[:-4]}" in said
            assert "no index" in said
            assert f"{remedy} index" in said
            (box / "away").rename(box / name)
        (box / "reads.bam").write_bytes((box / "reads.bam").read_bytes()[:-40])
        code, said, found = score(door, box / "out.vcf", *urls, *WHERE)
        assert (code in (2, 255), found) == (True, [])
        assert "truncated" in said


def test_a_cram_over_the_web(door: str, box: Path, nowhere: Path) -> None:
    cram = str(box / "reads.cram")
    reads = str(box / "reads.bam")
    pysam.view("-C", "-T", str(box / "ref.fa"), "-o", cram, reads, catch_stdout=False)
    pysam.index(cram)
    calls, reference = box / "calls.vcf.gz", box / "ref.fa"
    _, _, whole = score(door, box / "out.vcf", calls, reference, box / "reads.bam", *WHERE)
    with serving(box) as address:
        away = [f"{address}/{name}" for name in ("ref.fa", "reads.cram")]
        code, said, found = score(door, box / "out.vcf", calls, *away, *WHERE)
    assert (code, found) == (0, whole), said
    assert nowhere.is_dir()


def test_a_bgzipped_reference_over_the_web(door: str, box: Path, nowhere: Path) -> None:
    fasta = box / "small.fa.gz"
    pysam.tabix_compress(str(box / "ref.fa"), str(fasta))
    pysam.faidx(str(fasta))
    calls = box / "calls.vcf.gz"
    _, _, whole = score(door, box / "out.vcf", calls, box / "ref.fa", None, *WHERE)
    with serving(box) as address:
        for name in (f"{address}/small.fa.gz", f"file://{fasta}"):
            code, said, found = score(door, box / "out.vcf", calls, name, None, *WHERE)
            assert (code, found) == (0, whole), said
    assert nowhere.is_dir()


def test_nobody_serves_it(door: str, box: Path) -> None:
    with serving(box) as address:
        pass
    code, said, _ = score(door, box / "out.vcf", f"{address}/calls.vcf.gz", box / "ref.fa")
    assert code in (2, 255), said
    assert f"cannot open {address}/calls.vcf.gz" in said
    code, said, _ = score(door, box / "out.vcf", box / "calls.vcf.gz", f"{address}/ref.fa")
    assert code in (2, 255), said
    assert f"{address}/ref.fa" in said


# ---- indexes that look old ----


def test_an_older_index_is_a_warning(door: str, box: Path) -> None:
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    _, _, whole = score(door, box / "out.vcf", *plain, *WHERE)
    for name in ("calls.vcf.gz.tbi", "reads.bam.bai"):
        os.utime(box / name, (1, 1))
    code, said, found = score(door, box / "out.vcf", *plain, *WHERE)
    assert (code, found) == (0, whole), said
    lines = [line for line in said.splitlines() if "warning" in line.lower()]
    assert len(lines) == 2, said
    for name, remedy in (("calls.vcf.gz", "bcftools index -f"), ("reads.bam", "samtools index")):
        assert f"is older than {box / name}" in said
        assert f"`{remedy} {box / name}`" in said


def test_the_index_that_htslib_opens_is_the_one(door: str, box: Path) -> None:
    """A CSI goes before a BAI or TBI: it is what is warned of, and what is checked."""
    pysam.index("-c", str(box / "reads.bam"))
    pysam.tabix_index(str(box / "calls.vcf.gz"), preset="vcf", csi=True)
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    for name in ("reads.bam.bai", "calls.vcf.gz.tbi"):
        (box / name).write_bytes(b"never looked at")
        os.utime(box / name, (1, 1))
    code, said, _ = score(door, box / "out.vcf", *plain, *WHERE)
    assert (code, "older" in said) == (0, False), said
    for name in ("reads.bam.csi", "calls.vcf.gz.csi"):
        os.utime(box / name, (1, 1))
    code, said, _ = score(door, box / "out.vcf", *plain, *WHERE)
    assert code == 0, said
    for name, remedy in (("reads.bam", "samtools index -c"), ("calls.vcf.gz", "bcftools index -f")):
        assert f"the index {box / name}.csi is older than {box / name}" in said
        assert f"`{remedy} {box / name}`" in said


@pytest.mark.parametrize("stale", ["csi", "other"])
@pytest.mark.parametrize("name", ["calls.vcf.gz", "reads.bam"])
def test_of_two_whole_indexes_the_csi_is_dated(name: str, stale: str, door: str, box: Path) -> None:
    """A stale CSI is warned of however fresh the other is, and a stale other is not."""
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    _, _, whole = score(door, box / "out.vcf", *plain, *WHERE)
    if name == "reads.bam":
        pysam.index("-c", str(box / name))
    else:
        pysam.tabix_index(str(box / name), preset="vcf", csi=True)
    other = box / f"{name}.{'bai' if name == 'reads.bam' else 'tbi'}"
    os.utime(box / f"{name}.csi" if stale == "csi" else other, (1, 1))
    code, said, found = score(door, box / "out.vcf", *plain, *WHERE)
    assert (code, found) == (0, whole), said
    assert (f"the index {box / name}.csi is older than {box / name}" in said) == (stale == "csi")
    assert said.count("is older than") == (stale == "csi")
    # It is the one that is checked and read, too.
    damaged = box / f"{name}.csi" if stale == "csi" else other
    damaged.write_bytes(damaged.read_bytes()[:40])
    code, said, found = score(door, box / "out.vcf", *plain, *WHERE)
    if stale == "csi":
        assert code in (2, 255), said
        assert str(damaged) in said
        assert found == []
    else:
        assert (code, found) == (0, whole), said


def grown(box: Path) -> None:
    """Another contig's calls and reads are appended: those that the indexes know stay."""
    lines = gzip.decompress((box / "calls.vcf.gz").read_bytes()).decode().splitlines(True)
    few = [line for line in lines if not line.startswith("synB\t")]
    for name, text in (("few.vcf", few), ("all.vcf", lines)):
        (box / name).write_text("".join(text))
    pysam.tabix_index(str(box / "few.vcf"), preset="vcf")
    pysam.tabix_compress(str(box / "all.vcf"), str(box / "calls.vcf.gz"), force=True)
    shutil.move(box / "few.vcf.gz.tbi", box / "calls.vcf.gz.tbi")


def cut_reads(box: Path, *regions: str) -> None:
    """The index is of some of the reads alone."""
    reads = str(box / "reads.bam")
    pysam.view("-b", "-o", str(box / "few.bam"), reads, *regions, catch_stdout=False)
    pysam.index(str(box / "few.bam"), reads + ".bai")


@pytest.mark.parametrize("what", ["more calls", "more reads", "fewer reads", "other reads"])
def test_an_older_index_that_the_content_contradicts(what: str, door: str, box: Path) -> None:
    if what == "more calls":
        grown(box)
        index = box / "calls.vcf.gz.tbi"
    else:
        index = box / "reads.bam.bai"
        kept = {"more reads": "synA", "fewer reads": "synB", "other reads": "synA:2000-3000"}
        cut_reads(box, kept[what])
    os.utime(index, (1, 1))
    plain = [box / "calls.vcf.gz", box / "ref.fa", box / "reads.bam"]
    code, said, found = score(door, box / "out.vcf", *plain, "-r", "synB:1-9000,synA:1-5000")
    assert code in (2, 255), said
    assert found == []
    assert str(index) in said
    assert "make it anew" in said


def test_evaluate_takes_urls(box: Path, tmp_path: Path) -> None:
    shutil.copy(DATA / "truth.vcf.gz", box)
    scored = box / "scored.vcf.gz"
    assert run_cli("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-o", scored).code == 0
    printed: list[bytes] = []
    with serving(box) as address:
        for root in (str(box), f"file://{box}", address):
            folder = tmp_path / f"evaluation{len(printed)}"
            files = [f"{root}/scored.vcf.gz", "--truth", f"{root}/truth.vcf.gz"]
            done = run_cli("evaluate", *files, "-R", f"{root}/ref.fa", "-o", folder)
            assert done.code == 0, done.err
            printed.append((folder / "scores.tsv").read_bytes())
    assert printed[0] == printed[1] == printed[2]


@pytest.mark.parametrize("name", ["a b", "-dash", "it's", "$HOME;&", "caf\u00e9", "plain"])
def test_remedies_can_be_pasted_into_a_shell(
    name: str, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that a message gives is of the file, whatever that is called."""
    monkeypatch.chdir(box)
    calls, reads, fasta = f"{name}.vcf.gz", f"{name}.bam", f"{name}.fa"
    for old, new in (("calls.vcf.gz", calls), ("reads.bam", reads), ("ref.fa", fasta)):
        (box / old).rename(new)

    def mended(*words: object) -> str:
        """The command of the message, which mends what was wrong."""
        run = run_cli(*words)
        assert run.code == 2, run.err
        found = re.search(r"`((?:bcftools|samtools) [^`]*)`", run.err)
        assert found, run.err
        subprocess.run(["bash", "-ec", found[1]], check=True, capture_output=True)
        return found[1]

    assert mended("shards", "-n", 2, "--", calls).startswith("bcftools index ")
    assert run_cli("shards", "-n", 2, "--", calls).code == 0
    Path(f"{calls}.csi").unlink()
    command = (
        "score",
        *WHERE,
        "-R",
        f"./{fasta}",
        f"--reads={reads}",
        "-o",
        "out.vcf",
        "--",
        calls,
    )
    said = [mended(*command) for _ in range(3)]
    assert {one.split()[1] for one in said} == {"index", "faidx"}
    assert name != "plain" or said[0].endswith((" plain.fa", "/plain.fa", " plain.vcf.gz"))
    run = run_cli(*command)
    assert run.code == 0, run.err


@pytest.mark.parametrize("folder", ["with a space", "größer"])
def test_in_a_locale_without_utf_8(folder: str, tiny: dict[str, str], tmp_path: Path) -> None:
    """Names are bytes, the network's too, which ONNX Runtime takes for UTF-8."""
    where = tmp_path / folder
    shutil.copytree(DATA, where)
    shutil.copy(tiny["reference"], where / "network.onnx")
    plain = ["score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", *WHERE, "--quiet"]
    assert run_cli(*plain, "-m", tiny["reference"], "-o", tmp_path / "plain.vcf").code == 0
    files = [str(where / name) for name in ("calls.vcf.gz", "ref.fa", "network.onnx", "out.vcf")]
    command = [sys.executable, "-m", "cnnscore", "score", files[0], *WHERE, "--quiet"]
    command += ["-R", files[1], "-m", files[2], "-o", files[3]]
    no_utf_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        command, env={**os.environ, **no_utf_8}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        [line for line in path.read_text().splitlines() if not line.startswith("##")]
        for path in (tmp_path / "plain.vcf", where / "out.vcf")
    )
    assert ours == theirs
