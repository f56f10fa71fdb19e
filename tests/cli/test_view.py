"""`cnnscore view`: what it writes, and one clear error for what cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pysam
import pytest
from matplotlib.image import imread

from conftest import DATA, run_cli, run_process

CALLS, REF, READS = (str(DATA / name) for name in ("calls.vcf.gz", "ref.fa", "reads.bam"))
SITE = "synA:257"


def test_a_page_by_any_choice(tmp_path: Path, tiny: dict[str, str]) -> None:
    page = tmp_path / "view.html"
    reads = ("-R", REF, "-I", READS, "-m", tiny["reads"], "--attribution", "0", "-o", page)
    for choice, sites in [
        (("-r", "synA:1-2000"), None),
        (("--worst", "7"), 7),
        (("--near-threshold", "0.5", "--sites", "9"), 9),
        (("--random", "4", "--seed", "3"), 4),
        (("--site", SITE), 1),
    ]:
        done = run_cli("view", CALLS, *reads, *choice)
        assert done.code == 0, done.err
        ((shown, all_of),) = re.findall(r"([\d,]+) of ([\d,]+) records in", done.err)
        assert sites is None or int(shown) == sites
        assert int(all_of) <= 294
        text = page.read_text()
        assert text.count('type="text/plain"') == int(shown)
        assert "http://" not in text.replace("http://www.w3.org", "")
    assert [path.name for path in tmp_path.iterdir()] == ["view.html"]


def test_a_note_about_intervals_is_printed_once(tmp_path: Path, tiny: dict[str, str]) -> None:
    """The calls are read twice; a contig that the reference alone has is worth one warning."""
    reference = tmp_path / "ref.fa"
    reference.write_text(Path(REF).read_text() + ">lonely\n" + "ACGT" * 20 + "\n")
    pysam.faidx(str(reference))
    words = ("view", CALLS, "-R", reference, "-m", tiny["reference"], "-o", tmp_path / "v.html")
    done = run_cli(*words, "-r", "lonely,synA:1-9000", "--random", "3", "--quiet")
    assert done.code == 0, done.err
    assert done.err.count("lonely") == 1, done.err


def test_standard_input(tmp_path: Path, tiny: dict[str, str]) -> None:
    page = tmp_path / "view.html"
    arguments = ("-R", REF, "-I", READS, "-m", tiny["reads"], "--worst", "5", "-o", page)
    some = subprocess.run(
        ["bcftools", "view", "-i", "INFO/DP>20", CALLS], capture_output=True, check=True
    )
    done = run_process("view", "-", *arguments, "--attribution", "0", input=some.stdout)
    assert done.returncode == 0, done.stderr
    assert b"standard input" in page.read_bytes()


def test_a_pipe(tmp_path: Path, tiny: dict[str, str]) -> None:
    """What `<(zcat calls.vcf.gz)` gives can be read once, and is looked at several times."""
    fifo, page = tmp_path / "fifo.vcf", tmp_path / "view.html"
    os.mkfifo(fifo)
    content = Path(CALLS).read_bytes()
    writer = threading.Thread(target=lambda: fifo.write_bytes(content), daemon=True)
    writer.start()
    arguments = ("-R", REF, "-m", tiny["reference"], "--worst", "5", "-o", page)
    done = run_cli("view", fifo, *arguments, "--attribution", "0")
    assert done.code == 0, done.err
    assert "5 of 294 records in" in done.err
    writer.join(20)


def test_the_first_sites_are_said_to_be_that(tmp_path: Path, tiny: dict[str, str]) -> None:
    page = tmp_path / "view.html"
    done = run_cli("view", CALLS, "-R", REF, "-m", tiny["reference"], "--sites", 10, "-o", page)
    assert "showing the first 10 of 294 records" in done.err


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures(tmp_path: Path, tiny: dict[str, str], suffix: str) -> None:
    picture, again = tmp_path / f"site.{suffix}", tmp_path / f"again.{suffix}"
    arguments = ("-R", REF, "-I", READS, "-m", tiny["reads"], "--png", SITE)
    for path in (picture, again):
        done = run_cli("view", CALLS, *arguments, "-o", path, "--quiet")
        assert (done.code, done.err) == (0, "")
    content = picture.read_bytes()
    if suffix == "png":
        pixels = imread(str(picture))
        assert pixels.shape[1] == 2400
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50
        assert content == again.read_bytes()
    elif suffix == "svg":
        assert b"<svg" in content
    else:
        assert content.startswith(b"%PDF")


def test_a_picture_without_reads(tmp_path: Path, tiny: dict[str, str]) -> None:
    picture = tmp_path / "site.png"
    arguments = ("-R", REF, "-m", tiny["reference"], "--png", SITE)
    assert run_cli("view", CALLS, *arguments, "-o", picture, "--quiet").code == 0
    assert picture.stat().st_size > 5000


def test_terminal(tiny: dict[str, str]) -> None:
    arguments = ("-R", REF, "-I", READS, "-m", tiny["reads"], "--terminal", "--site", SITE)
    plain = run_cli("view", CALLS, *arguments).out
    assert "\x1b" not in plain
    assert plain.startswith("synA:257 ")
    lines = plain.splitlines()
    (reference,) = [line for line in lines if line.startswith("reference")]
    marker = lines[lines.index(reference) - 1].index("v")
    ((ref, alt),) = re.findall(r"synA:257 (\w+)>(\w+)", plain)
    assert reference[marker] == ref[0]
    shown = [line[marker] for line in lines[lines.index(reference) + 1 :] if line[:1] == "+"]
    assert shown
    if len(ref) == len(alt) == 1:
        assert {letter.upper() for letter in shown} == {alt}
    colours = run_cli("view", CALLS, *arguments, "--colour", "always").out
    assert "\x1b[" in colours
    assert re.sub(r"\x1b\[[\d;]*m", "", colours) == plain
    assert max(map(len, lines)) <= 140


def test_annotations_are_what_the_network_sees(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    bare = tmp_path / "bare.vcf"
    subprocess.run(["bcftools", "annotate", "-x", "INFO", "-o", bare, CALLS], check=True)
    arguments = ("-R", REF, "-I", READS, "-m", stand_ins["read-set"], "--terminal", "--site", SITE)
    shown = {
        source: run_cli("view", bare, *arguments, "--annotations", source).out
        for source in ("caller", "fill")
    }
    assert "QD .  FS .  SOR .  MQ .  " in shown["caller"]
    assert re.search(r"QD \d\S*  FS \d\S*  .*RelativeDepth 0\.\d+", shown["fill"])
    done = run_cli("view", tmp_path, "-m", "reads", "--annotations", "reads", "-o", tmp_path / "x")
    assert "--annotations goes with calls" in done.err


def test_terminal_takes_no_orders_from_a_file(tmp_path: Path, tiny: dict[str, str]) -> None:
    """Control characters in a record must not reach the terminal."""
    hostile = tmp_path / "calls.vcf"
    text = subprocess.run(["bcftools", "view", CALLS], capture_output=True, check=True).stdout
    lines = text.decode().splitlines()
    body = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    fields = lines[body].split("\t")
    fields[6] = "\x1b]0;owned\x07"
    hostile.write_text("\n".join([*lines[:body], "\t".join(fields)]) + "\n")
    out = run_cli("view", hostile, "-R", REF, "-m", tiny["reference"], "--terminal").out
    assert "owned" in out
    assert not {"\x1b", "\x07"} & set(out)


BAD = [
    (("-o", "x.html"), 1, "give the FASTA that the calls were made against with -R"),
    (("-R", REF), 1, "name the file to write with -o, or take --terminal"),
    (("-R", REF, "-o", "x.html", "--worst", "3", "--random", "3"), 1, "give one of"),
    (("-R", REF, "-o", "x.html", "--worst", "3", "--site", "synA:257"), 1, "give one of"),
    (("-R", REF, "-o", "x.html", "--site", "synA"), 1, "names no site"),
    (("-R", REF, "-o", "x.html", "--site", "synA:5"), 2, "has no record synA:5"),
    (("-R", REF, "-o", "x.html", "--sites", "5000"), 1, "a page holds 1 to 1,000"),
    (("-R", REF, "-o", "x.html", "--attribution", "-1"), 1, "--attribution -1"),
    (("-R", REF, "-o", "x.html", "--near-threshold", "0", "--info-key", "NOPE"), 2, "no INFO/NOPE"),
    (("-R", REF, "-o", "x.html", "--worst", "3", "--info-key", "END"), 2, "INFO/END"),
    (("-R", REF, "-o", "x.html", "--confident", "c.bed"), 1, "--confident goes with --truth"),
    (("-R", REF, "-o", "x.html", "--truth", "nothing.vcf"), 2, "nothing.vcf"),
    (("-R", REF, "-o", "x.html", "-r", "synZ:1-5"), 2, ""),
    (
        ("-R", REF, "-o", "/nowhere/x.html"),
        2,
        "cannot write /nowhere/x.html: there is no folder /nowhere",
    ),
    (("-R", REF, "-o", "x.gif", "--png", "synA:257"), 1, "a picture ends in .png, .svg, .pdf"),
    (("-R", REF, "--terminal", "-o", "x.html"), 1, "--terminal writes to standard output"),
    (("-R", REF, "-o", "x.html", "--sample", "nobody"), 2, "has no sample nobody"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), BAD)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny: dict[str, str],
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("view", CALLS, "-m", tiny["reference"], *arguments)
    assert done.code == code, done.err
    assert says in done.err
    errors = [line for line in done.err.splitlines() if "warning" not in line]
    assert len(errors) == 1
    assert not list(tmp_path.iterdir())


def test_a_network_over_reads_needs_them(tiny: dict[str, str]) -> None:
    done = run_cli("view", CALLS, "-R", REF, "-m", tiny["reads"], "-o", "x.html")
    assert (done.code, "looks at reads: give them with --reads" in done.err) == (1, True)


def test_reads_without_a_group_are_no_empty_pileup(tmp_path: Path, tiny: dict[str, str]) -> None:
    bare = tmp_path / "bare.bam"
    with (
        pysam.AlignmentFile(READS) as bam,
        pysam.AlignmentFile(str(bare), "wb", template=bam) as out,
    ):
        for read in bam.fetch("synA", 0, 1000):
            read.set_tag("RG", None)
            out.write(read)
    pysam.index(str(bare))
    page = tmp_path / "x.html"
    arguments = ("-R", REF, "-I", bare, "-m", tiny["reads"], "-r", "synA:1-800", "-o", page)
    done = run_cli("view", CALLS, *arguments)
    assert (done.code, "samtools addreplacerg" in done.err) == (2, True)
    assert not page.exists()


def test_data_sets_have_their_own_usage(tmp_path: Path, tiny: dict[str, str]) -> None:
    missing = tmp_path / "no.parquet"
    done = run_cli("view", missing, "-m", tiny["reads"], "-o", tmp_path / "x.html")
    assert (done.code, "no data set at" in done.err) == (2, True)
    done = run_cli("view", missing, "-o", tmp_path / "x.html")
    assert (done.code, "name one with --model" in done.err) == (1, True)
    done = run_cli("view", missing, "-m", tiny["reads"], "-R", REF, "-o", tmp_path / "x.html")
    assert (done.code, "--reference goes with calls" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("module", "option", "remedy"),
    [
        ("jinja2", (), "pip install cnnscore\n"),
        ("matplotlib", ("--png", SITE), "pip install 'cnnscore[view]'\n"),
    ],
)
def test_missing_packages_are_named(
    tmp_path: Path, tiny: dict[str, str], module: str, option: tuple[str, ...], remedy: str
) -> None:
    """As where packages are gone, or `pip install cnnscore` was run without the extra."""
    code = (
        f"import sys; sys.modules[{module!r}] = None; from cnnscore.cli import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["view", CALLS, "-R", REF, "-m", tiny["reference"], *option, "--sites", "2"]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments, "-o", str(tmp_path / "x.png")],
        capture_output=True,
        env=os.environ,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert run.stderr.decode().endswith(remedy)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from cnnscore.cli import main\n"
        "try: main(['view', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('jinja2', 'matplotlib', 'onnxruntime', 'pyarrow') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stdout.decode().strip().endswith("[]")
