"""Bad input: one error that names the file, the record and the remedy; no output is left."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pysam
import pytest

from cnnscore.calls.records import Intervals
from cnnscore.errors import UsageError
from conftest import DATA, Finished, run_cli, run_process
from hosts.read_files import rename_sample
from hosts.server import StartServer
from hosts.waiting import wait_until, wait_until_read

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"


def fails(box: Path, run: Finished, code: int, *parts: str) -> None:
    """The run failed with `code` and one error line holding all `parts`; nothing was written."""
    assert run.code == code, run.err
    errors = [line for line in run.err.splitlines() if not line.startswith("cnnscore: warning")]
    assert len(errors) == 1, run.err
    for part in parts:
        assert part in errors[0]
    assert not list(box.glob("out*")), "an output was left"
    assert not list(box.glob(".out*")), "an unfinished output was left"


def score(box: Path, *arguments: str | Path, calls: Path | None = None) -> Finished:
    return run_cli("score", calls or box / "calls.vcf.gz", "-o", box / "out.vcf.gz", *arguments)


def with_1d(
    box: Path, tiny: dict[str, str], *arguments: str | Path, calls: Path | None = None
) -> Finished:
    return score(box, "-R", box / "ref.fa", "-m", tiny["reference"], *arguments, calls=calls)


def with_reads(
    box: Path, tiny: dict[str, str], *arguments: str | Path, reads: str = "reads.bam"
) -> Finished:
    return score(box, "-R", box / "ref.fa", "-I", box / reads, "-m", tiny["reads"], *arguments)


def plain_calls(box: Path) -> list[str]:
    return gzip.decompress((box / "calls.vcf.gz").read_bytes()).decode().splitlines()


def write_calls(box: Path, lines: list[str], name: str = "bad.vcf") -> Path:
    path = box / name
    path.write_text("\n".join(lines) + "\n")
    return path


def edit_first(box: Path, column: int, value: str) -> tuple[Path, str]:
    """Calls whose first record has another column; and that record's contig:pos."""
    lines = plain_calls(box)
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    fields = lines[first].split("\t")
    fields[column] = value
    lines[first] = "\t".join(fields)
    return write_calls(box, lines), f"{fields[0]}:{fields[1]}"


# ---- files ----


def test_missing_files(box: Path, tiny: dict[str, str]) -> None:
    fails(box, with_1d(box, tiny, calls=box / "none.vcf"), 2, "none.vcf", "No such file")
    fails(box, score(box, "-R", box / "none.fa", "-m", tiny["reference"]), 2, "none.fa")
    fails(box, with_reads(box, tiny, reads="none.bam"), 2, "none.bam", "No such file")


def test_not_a_vcf(box: Path, tiny: dict[str, str]) -> None:
    fails(box, with_1d(box, tiny, calls=box / "ref.fa"), 2, "ref.fa", "VCF")


def test_truncated_vcf(box: Path, tiny: dict[str, str]) -> None:
    calls = box / "calls.vcf.gz"
    whole = calls.read_bytes()
    calls.write_bytes(whole[: len(whole) - 28])  # without the end marker
    fails(box, with_1d(box, tiny), 2, str(calls), "truncated")
    calls.write_bytes(whole[: len(whole) // 2])
    fails(box, with_1d(box, tiny), 2, str(calls), "truncated")


def test_truncated_vcf_on_stdin(box: Path, tiny: dict[str, str]) -> None:
    whole = (box / "calls.vcf.gz").read_bytes()
    for size in (len(whole) - 28, len(whole) // 2):
        run = run_process(
            *("score", "-", "-R", box / "ref.fa", "-m", tiny["reference"], "-o", box / "out.vcf"),
            input=whole[:size],
        )
        fails(box, Finished(run.returncode, run.stderr.decode()), 2, "standard input", "truncated")


def test_malformed_record(box: Path, tiny: dict[str, str]) -> None:
    lines = plain_calls(box)
    broken = len(lines) - 5
    lines[broken] = lines[broken].replace("\t", " ", 1)
    before = ":".join(lines[broken - 2].split("\t")[:2])  # htslib reads one record ahead
    run = with_1d(box, tiny, calls=write_calls(box, lines))
    fails(box, run, 2, "bad.vcf", before, "malformed")


def test_truncated_bam(box: Path, tiny: dict[str, str]) -> None:
    reads = box / "reads.bam"
    whole = reads.read_bytes()
    reads.write_bytes(whole[:-28])
    os.utime(box / "reads.bam.bai")
    fails(box, with_reads(box, tiny), 2, str(reads), "truncated")
    # Cut in the middle, with an end marker after it: the index knows of more.
    reads.write_bytes(whole[: len(whole) // 2] + whole[-28:])
    os.utime(box / "reads.bam.bai")
    fails(box, with_reads(box, tiny), 2, "reads.bam.bai", "truncated or damaged")


def test_index(box: Path, tiny: dict[str, str]) -> None:
    (box / "reads.bam.bai").unlink()
    fails(box, with_reads(box, tiny), 2, "reads.bam has no index", "samtools index")
    (box / "calls.vcf.gz.tbi").unlink()
    fails(box, with_1d(box, tiny, "-r", "synA"), 2, "calls.vcf.gz", "no index", "bcftools index")
    (box / "ref.fa.fai").unlink()
    fails(box, with_1d(box, tiny), 2, "ref.fa has no index", "samtools faidx")


def test_index_of_another_file(box: Path, tiny: dict[str, str]) -> None:
    shutil.copy(DATA / "deep.bam.bai", box / "reads.bam.bai")
    run = with_reads(box, tiny)
    fails(box, run, 2, "reads.bam", "samtools index")


def test_cram_of_another_reference(box: Path, tiny: dict[str, str]) -> None:
    cram = box / "reads.cram"
    pysam.view("-C", "-T", str(REF), "-o", str(cram), str(READS), catch_stdout=False)
    pysam.index(str(cram))
    swap = str.maketrans("AC", "CA")
    lines = (box / "ref.fa").read_text().splitlines(keepends=True)
    (box / "ref.fa").write_text(
        "".join(line if line.startswith(">") else line.translate(swap) for line in lines)
    )
    calls = [
        line
        if line.startswith("#")
        else "\t".join([*line.split("\t")[:3], "N", *line.split("\t")[4:]])
        for line in plain_calls(box)
    ]
    run = score(
        *(box, "-R", box / "ref.fa", "-I", cram, "-m", tiny["reads"]), calls=write_calls(box, calls)
    )
    fails(box, run, 2, "reads.cram", "CRAM", "reference")


def test_no_reads(box: Path, tiny: dict[str, str]) -> None:
    run = with_1d(box, tiny, "-m", tiny["reads"])
    fails(box, run, 1, "--reads")


# ---- contigs, positions, alleles ----


def test_unknown_contig(box: Path, tiny: dict[str, str]) -> None:
    calls, _ = edit_first(box, 0, "chrNone")
    fails(
        box, with_1d(box, tiny, calls=calls), 2, "ref.fa has no contig chrNone", "record chrNone:"
    )


def test_contig_unknown_to_reads(box: Path, tiny: dict[str, str]) -> None:
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "other", "LN": 1000}]})
    with pysam.AlignmentFile(str(box / "other.bam"), "wb", header=header):
        pass
    pysam.index(str(box / "other.bam"))
    fails(box, with_reads(box, tiny, reads="other.bam"), 2, "other.bam has no contig synA", "synA:")


def test_contig_of_another_length(box: Path, tiny: dict[str, str]) -> None:
    lines = [line.replace("length=40000", "length=41000") for line in plain_calls(box)]
    run = with_1d(box, tiny, calls=write_calls(box, lines))
    fails(box, run, 2, "contig synA has 40000 bases", "41000", "synA:")
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "synA", "LN": 500}]})
    with pysam.AlignmentFile(str(box / "short.bam"), "wb", header=header):
        pass
    pysam.index(str(box / "short.bam"))
    fails(box, with_reads(box, tiny, reads="short.bam"), 2, "short.bam", "500", "40000", "synA:")


def test_ref_differs(box: Path, tiny: dict[str, str]) -> None:
    lines = plain_calls(box)
    first = next(line for line in lines if not line.startswith("#")).split("\t")
    calls, locus = edit_first(box, 3, {"A": "C"}.get(first[3][0], "A") + first[3][1:])
    fails(box, with_1d(box, tiny, calls=calls), 2, locus, "REF", "ref.fa")


def test_past_the_end(box: Path, tiny: dict[str, str]) -> None:
    lines = plain_calls(box)
    lines.append("\t".join(["synB", "999999", *lines[-1].split("\t")[2:]]))
    fails(box, with_1d(box, tiny, calls=write_calls(box, lines)), 2, "synB:999999", "past the end")


def test_unsorted_where_order_matters(box: Path, tiny: dict[str, str]) -> None:
    lines = plain_calls(box)
    lines[-1], lines[-2] = lines[-2], lines[-1]
    calls = write_calls(box, lines)
    run = with_1d(box, tiny, "-W", calls=calls)
    fails(box, run, 2, "bad.vcf", "synB:", "bcftools sort")
    assert with_1d(box, tiny, calls=calls).code == 0
    (box / "out.vcf.gz").unlink()
    lines.append(lines[-200])  # synA again, after synB
    run = with_1d(box, tiny, "-t", "synA,synB", calls=write_calls(box, sorted_but_last(lines)))
    fails(box, run, 2, "bad.vcf", "synA:", "synB:", "bcftools sort")


def sorted_but_last(lines: list[str]) -> list[str]:
    *first, last = lines
    return [*first[:-2], first[-1], first[-2], last]


def test_contigs_in_another_order_than_the_header(box: Path, tiny: dict[str, str]) -> None:
    lines = plain_calls(box)
    lines.sort(key=lambda line: (not line.startswith("#"), line.startswith("synA")))
    assert with_1d(box, tiny, "-W", calls=write_calls(box, lines)).code == 0


# ---- usage ----


def test_bed_as_reference(box: Path, tiny: dict[str, str]) -> None:
    (box / "targets.bed").write_text("synA\t0\t100\n")
    (box / "targets.txt").write_text("synA\t0\t100\n")
    for name in ("targets.bed", "targets.txt"):
        run = score(box, "-R", box / name, "-m", tiny["reference"])
        fails(box, run, 1, name, "--regions-file")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-O", "q"],
        ["--threads", "0"],
        ["--batch-size", "x"],
        ["--provider", "tpu"],
        ["--precision", "int8"],
        ["--info-key", "MY KEY"],
    ],
)
def test_usage(box: Path, tiny: dict[str, str], arguments: list[str]) -> None:
    run = with_1d(box, tiny, *arguments)
    assert run.code == 1, run.err
    assert not list(box.glob("out*"))


@pytest.mark.parametrize("kind", ["regions", "targets"])
def test_intervals_given_twice(box: Path, tiny: dict[str, str], kind: str) -> None:
    run = with_1d(box, tiny, f"--{kind}", "synA", f"--{kind}-file", "x")
    fails(box, run, 1, f"give --{kind} or --{kind}-file, not both")
    with pytest.raises(UsageError, match="not both"):
        Intervals(**{kind: "synA", f"{kind}_file": "x"})


def test_provider_that_is_not_there(box: Path, tiny: dict[str, str]) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    for provider in ("cuda", "tensorrt"):
        fails(box, with_1d(box, tiny, "--provider", provider), 1, "ExecutionProvider")


def test_index_of_plain_output(box: Path, tiny: dict[str, str]) -> None:
    fails(box, with_1d(box, tiny, "-O", "v", "-W"), 1, "--write-index")


def test_several_samples(box: Path, tiny: dict[str, str]) -> None:
    lines = [
        line if line.startswith("##") else line + ("\tsecond" if line.startswith("#") else "\t./.")
        for line in plain_calls(box)
    ]
    calls = write_calls(box, lines)
    run = score(
        box, "-R", box / "ref.fa", "-I", box / "reads.bam", "-m", tiny["reads"], calls=calls
    )
    fails(box, run, 2, "bad.vcf has 2 samples", "--sample")
    run = with_1d(box, tiny, calls=calls)
    assert run.code == 0
    assert "2 samples" in run.err
    (box / "out.vcf.gz").unlink()
    fails(box, with_1d(box, tiny, "--sample", "nobody"), 2, "no sample nobody", "bcftools query -l")


def test_existing_key(box: Path, tiny: dict[str, str]) -> None:
    first = box / "scored.vcf"
    assert run_cli("score", CALLS, "-R", REF, "-m", tiny["reference"], "-o", first).code == 0
    fails(box, with_1d(box, tiny, calls=first), 2, "INFO/CNN_1D", "--overwrite", "--info-key")


# ---- networks ----


def test_networks(box: Path, tiny: dict[str, str]) -> None:
    model = onnx.load(tiny["reference"])
    del model.metadata_props[:]
    onnx.save(model, str(box / "bare.onnx"))
    fails(box, with_1d(box, tiny, "-m", box / "bare.onnx"), 2, "bare.onnx", "manifest")
    model = onnx.load(tiny["reference"])
    for old, new in (("gatk-reference", "gatk-reads"), ('"window": 128', '"window": 64')):
        prop = next(p for p in model.metadata_props if p.key == "cnnscore.manifest")
        text, prop.value = prop.value, prop.value.replace(old, new)
        assert prop.value != text
        onnx.save(model, str(box / "wrong.onnx"))
        fails(box, with_1d(box, tiny, "-m", box / "wrong.onnx"), 2, "wrong.onnx")
        prop.value = text
    (box / "corrupt.onnx").write_bytes(Path(tiny["reference"]).read_bytes()[:2000])
    fails(box, with_1d(box, tiny, "-m", box / "corrupt.onnx"), 2, "corrupt.onnx", "import")
    fails(box, with_1d(box, tiny, "-m", box / "none.onnx"), 2, "none.onnx")


def test_network_not_imported(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNSCORE_MODELS", str(box / "models"))
    run = score(box, "-R", box / "ref.fa", "-m", "gatk-2d")
    fails(box, run, 2, "gatk-2d", "cnnscore model import", "mvn dependency:copy")
    fails(box, score(box, "-R", box / "ref.fa", "-m", "what"), 2, "no network named what")


# ---- output ----


def test_unwritable_output(box: Path, tiny: dict[str, str]) -> None:
    run = run_cli("score", CALLS, "-R", REF, "-m", tiny["reference"], "-o", box / "no" / "out.vcf")
    fails(box, run, 2, str(box / "no" / "out.vcf"), "there is no folder")
    beyond_a_file = box / "ref.fa" / "x.vcf"
    run = run_cli("score", CALLS, "-R", REF, "-m", tiny["reference"], "-o", beyond_a_file)
    fails(box, run, 2, str(beyond_a_file), "Not a directory")


def test_full_output(box: Path, tiny: dict[str, str]) -> None:
    run = run_cli("score", CALLS, "-R", REF, "-m", tiny["reference"], "-o", "/dev/full")
    fails(box, run, 2, "/dev/full", "No space left")


def test_file_size_limit(box: Path, tiny: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cnnscore", "score", str(CALLS), "-R", str(REF)]
    command += ["-m", tiny["reference"], "-o", str(box / "out.vcf")]
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 8; exec "$@"', "limited", *command]
    run = subprocess.run(limited, capture_output=True, text=True, timeout=300, check=False)
    fails(box, Finished(run.returncode, run.stderr), 2, str(box / "out.vcf"), "File too large")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(box: Path, tiny: dict[str, str], number: int, code: int) -> None:
    # A pipe that is never closed: the run waits for more records until it is interrupted.
    command = [
        sys.executable,
        "-m",
        "cnnscore",
        "score",
        "-",
        "-R",
        str(REF),
        "-m",
        tiny["reference"],
    ]
    process = subprocess.Popen(
        [*command, "-o", str(box / "out.vcf")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(("\n".join(plain_calls(box)) + "\n").encode())
    process.stdin.flush()
    wait_until(lambda: bool(list(box.glob(".out.vcf.*"))))
    wait_until_read(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert err.decode() == ("cnnscore: interrupted\n" if number == signal.SIGINT else "")
    assert not list(box.glob("*out.vcf*"))


# ---- whose reads ----


@pytest.mark.parametrize("served", [False, True], ids=["command", "server"])
def test_the_wrong_persons_reads(
    box: Path, tiny: dict[str, str], served: bool, start: StartServer
) -> None:
    where: list[str | Path] = ["-m", tiny["reads"]]
    if served:
        where = ["--server", start(tiny["reads"]).address]
    rename_sample(box / "reads.bam", "SOMEBODY")
    files = ["-R", box / "ref.fa", "-I", box / "reads.bam", *where]
    run = score(box, *files)
    assert run.code == 0, run.err
    assert "has calls of SYN1, and the read groups of" in run.err
    assert "are of SOMEBODY (SM)" in run.err
    (box / "out.vcf.gz").unlink()
    fails(box, score(box, *files, "--sample", "SYN1"), 2, "SM:SYN1", "SOMEBODY", "reads.bam")


def test_the_viewer_knows_the_wrong_persons_reads(box: Path, tiny: dict[str, str]) -> None:
    rename_sample(box / "reads.bam", "SOMEBODY")
    view = ["view", box / "calls.vcf.gz", "-R", box / "ref.fa", "-I", box / "reads.bam"]
    for model in tiny.values():  # reads are shown beside a network without reads, too
        for choice in (["--sites", "2"], ["--near-threshold", "0", "--sites", "2"]):
            run = run_cli(*view, "-m", model, *choice, "-o", box / "view.html")
            assert run.code == 0, run.err
            named = f"{box}/calls.vcf.gz has calls of SYN1"
            assert run.err.count("are of SOMEBODY (SM)") == run.err.count(named) == 1, run.err
        run = run_cli(*view, "-m", model, "--sample", "SYN1", "-o", box / "out.html")
        fails(box, run, 2, "SM:SYN1", "SOMEBODY")
