"""Bad input to `bcftools +cnnscore`: one Error line with the remedy, and no output is left."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import DATA
from hosts.plugin import Ran, environment, plugin, plugin_folder, start, text
from hosts.read_files import edit_reads, rename_sample
from hosts.waiting import wait_until, wait_until_read

USAGE, ERROR = 1, 255
Arguments = list[object]


def fails(box: Path, run: Ran, code: int, *parts: str) -> None:
    """The run failed with `code` and one line, an error with all `parts`; nothing was written."""
    assert run.code == code, run.err
    assert run.err.startswith("Error: ")
    assert run.err.count("\n") == 1, run.err
    for part in parts:
        assert part in run.err
    assert not [path.name for path in box.iterdir() if "out." in path.name]


def score(box: Path, *arguments: object, calls: str = "calls.vcf.gz") -> Ran:
    return plugin(box / calls, "-f", box / "ref.fa", "-o", box / "out.vcf.gz", *arguments)


# ---- what is done to the data ----


def cut(path: Path, part: float) -> None:
    """Keep a part of the file; 1 takes its end marker alone. A BAM's index stays younger."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int((len(whole) - 28) * part)])
    for index in path.parent.glob(f"{path.name}.*"):
        os.utime(index)


def hollow_reads(box: Path) -> None:
    """Cut the reads in the middle, with an end marker after it: seen only where they are needed."""
    whole = (box / "reads.bam").read_bytes()
    (box / "reads.bam").write_bytes(whole[: len(whole) // 2] + whole[-28:])
    os.utime(box / "reads.bam.bai")


def edit(box: Path, change: Callable[[list[str]], object]) -> None:
    """Change the lines of the calls, which become an uncompressed file under the same name."""
    lines = gzip.decompress((box / "calls.vcf.gz").read_bytes()).decode().splitlines()
    change(lines)
    (box / "calls.vcf.gz").write_text("\n".join(lines) + "\n")


def edit_last(box: Path, column: int, value: str) -> None:
    def change(lines: list[str]) -> None:
        fields = lines[-1].split("\t")
        fields[column] = value
        lines[-1] = "\t".join(fields)

    edit(box, change)


def swap_last(lines: list[str]) -> None:
    lines[-2:] = reversed(lines[-2:])


def space_for_tab(lines: list[str]) -> None:
    lines[-5] = lines[-5].replace("\t", " ", 1)


def second_sample(lines: list[str]) -> None:
    for i, line in enumerate(lines):
        if not line.startswith("##"):
            lines[i] += "\tsecond" if line.startswith("#") else "\t./."


def keep_groups(path: Path, every: int) -> None:
    """The reads, of which 1 in `every` (0: none) keeps its read group."""
    with (
        pysam.AlignmentFile(str(DATA / "reads.bam")) as source,
        pysam.AlignmentFile(str(path), "wb", template=source) as out,
    ):
        for i, read in enumerate(source):
            if not every or i % every:
                read.set_tag("RG", None)
            out.write(read)
    pysam.index(str(path))


def without_groups(box: Path) -> None:
    keep_groups(box / "reads.bam", 0)


def other_contigs(box: Path) -> None:
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "other", "LN": 1000}]})
    with pysam.AlignmentFile(str(box / "reads.bam"), "wb", header=header):
        pass
    pysam.index(str(box / "reads.bam"))


def nothing(_: Path) -> None:
    """Leave the data as they are."""


def unlink(name: str) -> Callable[[Path], None]:
    return lambda box: (box / name).unlink()


READS, READS_1D = ["-b", "BOX/reads.bam", "-m", "READS"], ["-m", "REFERENCE"]

# What is done to the data, the arguments, the exit code, what the error says.
TABLE: dict[str, tuple[Callable[[Path], object], list[str], int, list[str]]] = {
    "no calls": (unlink("calls.vcf.gz"), READS_1D, ERROR, ["calls.vcf.gz", "No such file"]),
    "no reference": (unlink("ref.fa"), READS_1D, ERROR, ["ref.fa"]),
    "no reads file": (unlink("reads.bam"), READS, ERROR, ["reads.bam", "No such file"]),
    "not a VCF": (
        lambda box: shutil.copy(box / "ref.fa", box / "calls.vcf.gz"),
        READS_1D,
        ERROR,
        ["calls.vcf.gz", "VCF"],
    ),
    "calls without end": (
        lambda box: cut(box / "calls.vcf.gz", 1),
        READS_1D,
        ERROR,
        ["calls.vcf.gz", "truncated"],
    ),
    "half of the calls": (
        lambda box: cut(box / "calls.vcf.gz", 0.5),
        READS_1D,
        ERROR,
        ["calls.vcf.gz", "truncated"],
    ),
    "half of the reads": (
        lambda box: cut(box / "reads.bam", 0.5),
        READS,
        ERROR,
        ["reads.bam", "truncated"],
    ),
    "hollow reads": (hollow_reads, READS, ERROR, ["reads.bam", "truncated or damaged"]),
    "no index of reads": (unlink("reads.bam.bai"), READS, ERROR, ["no index", "samtools index"]),
    "no index of calls": (
        unlink("calls.vcf.gz.tbi"),
        [*READS_1D, "-r", "synA"],
        ERROR,
        ["no index", "bcftools index"],
    ),
    "no index of the reference": (unlink("ref.fa.fai"), READS_1D, ERROR, ["samtools faidx"]),
    "malformed record": (
        lambda box: edit(box, space_for_tab),
        READS_1D,
        ERROR,
        ["calls.vcf.gz", "malformed", "after synB:"],
    ),
    "unknown contig": (
        lambda box: edit_last(box, 0, "chrNone"),
        READS_1D,
        ERROR,
        ["ref.fa has no contig chrNone", "record chrNone:"],
    ),
    "contig unknown to reads": (other_contigs, READS, ERROR, ["has no contig synA", "synA:"]),
    "REF differs": (lambda box: edit_last(box, 3, "NNC"), READS_1D, ERROR, ["REF NNC", "ref.fa"]),
    "past the end": (
        lambda box: edit_last(box, 1, "999999"),
        READS_1D,
        ERROR,
        ["synB:999999", "past the end"],
    ),
    "unsorted": (
        lambda box: edit(box, swap_last),
        [*READS_1D, "-W"],
        ERROR,
        ["synB:", "bcftools sort"],
    ),
    "two samples": (
        lambda box: edit(box, second_sample),
        READS,
        ERROR,
        ["has 2 samples", "--sample"],
    ),
    "unknown sample": (
        nothing,
        [*READS_1D, "--sample", "nobody"],
        ERROR,
        ["no sample nobody", "bcftools query -l"],
    ),
    "no read groups": (without_groups, READS, ERROR, ["read group", "samtools addreplacerg"]),
    "existing key": (
        nothing,
        [*READS_1D, "-k", "DP"],
        ERROR,
        ["INFO/DP already", "--overwrite", "--info-key"],
    ),
    "no such network": (nothing, ["-m", "what"], ERROR, ["no network named what"]),
    "corrupt network": (
        lambda box: (box / "x.onnx").write_bytes(b"nothing"),
        ["-m", "BOX/x.onnx"],
        ERROR,
        ["x.onnx", "cnnscore model import"],
    ),
    "no intervals file": (nothing, [*READS_1D, "-T", "BOX/none.bed"], ERROR, ["none.bed"]),
    "no folder": (nothing, [*READS_1D, "-o", "BOX/no/out.vcf"], ERROR, ["no/out.vcf", "No such"]),
    "full device": (nothing, [*READS_1D, "-o", "/dev/full"], ERROR, ["/dev/full", "No space"]),
    "no reads": (nothing, ["-m", "READS"], USAGE, ["looks at reads", "--reads"]),
    "BED as reference": (
        lambda box: (box / "x.txt").write_text("synA\t0\t100\n"),
        [*READS_1D, "-f", "BOX/x.txt"],
        USAGE,
        ["x.txt", "-R or -T"],
    ),
    "-r and -R": (nothing, ["-r", "synA", "-R", "x"], USAGE, ["-r or -R, not both"]),
    "output type": (nothing, ["-O", "q"], USAGE, ["-O q"]),
    "index of plain text": (nothing, ["-O", "v", "-W"], USAGE, ["-W"]),
    "tbi of a BCF": (nothing, ["-O", "b", "-W=tbi"], USAGE, ["-W=csi"]),
    "index format": (nothing, ["-W=bai"], USAGE, ["-W bai"]),
    "index of a device": (nothing, [*READS_1D, "-o", "/dev/null", "-W", "-Oz"], USAGE, ["-W"]),
    "threads": (nothing, ["--threads", "0"], USAGE, ["--threads 0"]),
    "batch": (nothing, ["-B", "x"], USAGE, ["-B x"]),
    "provider": (nothing, ["-p", "tpu"], USAGE, ["-p tpu"]),
    "precision": (nothing, ["--precision", "int8"], USAGE, ["--precision int8"]),
    "precision of another network": (
        nothing,
        [*READS_1D, "--precision", "bf16"],
        USAGE,
        ["--precision bf16", "--precision exact"],
    ),
    "downsampling": (nothing, ["--downsampling", "all"], USAGE, ["--downsampling all"]),
    "key": (nothing, [*READS_1D, "-k", "MY KEY"], USAGE, ["'MY KEY'"]),
    "unknown option": (nothing, ["-x"], USAGE, ["-x", "-h"]),
    "unknown long option": (nothing, ["--frob"], USAGE, ["--frob", "-h"]),
    "option without value": (nothing, ["-m"], USAGE, ["-m", "needs a value"]),
    "two inputs": (nothing, ["second.vcf"], USAGE, ["one input", "second.vcf"]),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input(case: str, box: Path, tiny: dict[str, str]) -> None:
    prepare, words, code, parts = TABLE[case]
    prepare(box)
    names = {"READS": tiny["reads"], "REFERENCE": tiny["reference"]}
    arguments = [names.get(word, word.replace("BOX", str(box))) for word in words]
    fails(box, score(box, *arguments), code, *parts)


def test_no_arguments() -> None:
    run = plugin()
    assert (run.code, run.err.count("\n")) == (USAGE, 1)
    assert "-f" in run.err


def test_pipe_cut_short(box: Path, tiny: dict[str, str]) -> None:
    whole = (box / "calls.vcf.gz").read_bytes()
    for size in (len(whole) - 28, len(whole) // 2):
        common = ["-f", box / "ref.fa", "-m", tiny["reference"], "-o", box / "out.vcf"]
        run = plugin(*common, "-", stdin=whole[:size])
        fails(box, run, ERROR, "standard input", "truncated")
        run = plugin(*common, "-r", "synA", "-", stdin=whole[:size])
        fails(box, run, USAGE, "standard input", "--targets")


def test_warnings(box: Path, tiny: dict[str, str]) -> None:
    """What a 1D network need not refuse, and reads that partly count."""
    edit(box, second_sample)
    run = score(box, "-m", tiny["reference"])
    assert run.code == 0
    assert run.err.startswith(f"Warning: {box}/calls.vcf.gz has 2 samples")
    shutil.copy(DATA / "calls.vcf.gz", box)
    keep_groups(box / "reads.bam", 3)
    run = score(box, "-b", box / "reads.bam", "-m", tiny["reads"])
    assert run.code == 0
    assert "Warning: " in run.err
    assert "have no read group" in run.err


# ---- the library and its interpreter ----


def test_missing_library(box: Path, tiny: dict[str, str]) -> None:
    arguments = [box / "calls.vcf.gz", "-f", box / "ref.fa", "-m", tiny["reference"]]
    arguments += ["-o", box / "out.vcf"]
    run = plugin(*arguments, env={"CNNSCORE_LIBRARY": "/no/libcnnscore.so"})
    fails(box, run, ERROR, "/no/libcnnscore.so", "CNNSCORE_LIBRARY", "make install")
    run = plugin(*arguments, env={"CNNSCORE_LIBRARY": str(plugin_folder() / "cnnscore.so")})
    fails(box, run, ERROR, "is not an engine", "CNNSCORE_LIBRARY")
    for python in ("/no/python", "/bin/false"):
        run = plugin(*arguments, env={"CNNSCORE_PYTHON": python})
        fails(box, run, USAGE, python, "CNNSCORE_PYTHON")


def test_bare_environment(box: Path, tiny: dict[str, str]) -> None:
    """As from `env -i`: the library knows its own interpreter."""
    sanitizers = {
        name: value for name, value in os.environ.items() if name in ("LD_PRELOAD", "ASAN_OPTIONS")
    }
    command: list[str | Path] = [
        "bcftools",
        "+cnnscore",
        box / "calls.vcf.gz",
        "-f",
        box / "ref.fa",
    ]
    run = subprocess.run(
        [*command, "-m", tiny["reference"]],
        env={"PATH": "/usr/bin:/bin", "BCFTOOLS_PLUGINS": str(plugin_folder()), **sanitizers},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(b"CNN_1D=") == 294


# ---- a run that ends early ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed(box: Path, tiny: dict[str, str], number: signal.Signals) -> None:
    # A pipe that is never closed: the run waits for more records until it is killed.
    out = box / "out.vcf.gz"
    process = start("-", "-f", box / "ref.fa", "-m", tiny["reference"], "-o", out, "-W")
    assert process.stdin
    process.stdin.write(text(box / "calls.vcf.gz").encode())
    process.stdin.flush()
    wait_until(lambda: bool(list(box.glob(".out.vcf.gz.*"))))
    wait_until_read(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (-number, b"")
    assert not out.exists()
    if number != signal.SIGKILL:
        assert not [path.name for path in box.iterdir() if "out." in path.name]


def test_reader_that_goes_away(tiny: dict[str, str]) -> None:
    command = f"bcftools +cnnscore {DATA}/calls.vcf.gz -f {DATA}/ref.fa -m {tiny['reference']}"
    run = subprocess.run(
        ["bash", "-c", f"{command} | head -c 100 >/dev/null; exit ${{PIPESTATUS[0]}}"],
        env=environment(),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert run.returncode in (0, 128 + signal.SIGPIPE), run.stderr
    assert b"Error" not in run.stderr


def test_file_size_limit(box: Path, tiny: dict[str, str]) -> None:
    command: list[str | Path] = [
        "bcftools",
        "+cnnscore",
        box / "calls.vcf.gz",
        "-f",
        box / "ref.fa",
    ]
    command += ["-m", tiny["reference"], "-o", box / "out.vcf"]
    run = subprocess.run(
        ["bash", "-c", 'trap "" XFSZ; ulimit -f 8; exec "$@"', "limited", *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    fails(box, Ran(run.returncode, b"", run.stderr), ERROR, "out.vcf", "File too large")


def test_an_index_that_cannot_be_written(box: Path, tiny: dict[str, str]) -> None:
    """The output would have no index, or another one's: what was there before stays."""
    arguments = ("-m", tiny["reference"], "-W", "-O", "z")
    (box / "out.vcf.gz.csi").mkdir()
    run = score(box, *arguments)
    (box / "out.vcf.gz.csi").rmdir()
    fails(box, run, ERROR, "cannot write", "out.vcf.gz.csi", "Is a directory")
    calls = box / "calls.vcf.gz"
    before = calls.read_bytes()
    Path(f"{calls}.csi").mkdir()
    run = score(box, *arguments, "-o", calls)
    fails(box, run, ERROR, "cannot write", "calls.vcf.gz.csi", "Is a directory")
    assert calls.read_bytes() == before


# ---- whose reads ----


def test_the_wrong_persons_reads(box: Path, tiny: dict[str, str]) -> None:
    renamed = Path(shutil.copy(box / "reads.bam", box / "renamed.bam"))
    rename_sample(renamed, "SOMEBODY")
    edit_reads(renamed, lambda number, _: number > 0)  # not the first of the other file
    run = score(box, "-b", renamed, "-m", tiny["reads"])
    assert run.code == 0, run.err
    assert run.err.startswith(
        f"Warning: {box}/calls.vcf.gz has calls of SYN1, and the read groups of {renamed} are of "
        "SOMEBODY (SM): are these the right reads?"
    )
    (box / "out.vcf.gz").unlink()
    run = score(box, "-b", renamed, "-m", tiny["reads"], "--sample", "SYN1")
    fails(box, run, ERROR, f"no read group of {renamed} has SM:SYN1", "samples are SOMEBODY")
    both = [item for name in ("renamed.bam", "reads.bam") for item in ("-b", box / name)]
    run = score(box, *both, "-m", tiny["reads"])
    assert run.code == 0, run.err
    assert "are of 2 samples (SM), SOMEBODY, SYN1, and all reads count" in run.err
