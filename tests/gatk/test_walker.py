"""The walker as a GATK tool: arguments old and new, outputs, filters; on small random networks."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli, scores_of
from hosts.gatk import ENGINE, SHORT, Gatk, ToolHost, run
from hosts.processes import children
from hosts.read_files import as_short
from hosts.server import Server

CALLS, REFERENCE, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
INPUTS = ("-V", CALLS, "-R", REFERENCE)


def records(path: Path) -> list[list[str]]:
    """Fields of each record of a plain or compressed VCF."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def test_output_is_as_gatk_writes_it(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    out = tmp_path / "out.vcf.gz"
    ran = tools.score(*INPUTS, "-O", out, "--server", servers["reference"].address)
    assert ran.ok, ran.answer
    before, after = records(CALLS), records(out)
    assert [line[:7] + line[8:] for line in after] == [line[:7] + line[8:] for line in before]
    for old, new in zip(before, after, strict=True):
        fields = dict(field.partition("=")[::2] for field in new[7].split(";"))
        float(fields.pop("CNN_1D"))
        assert fields.keys() == dict(f.partition("=")[::2] for f in old[7].split(";")).keys()
    with gzip.open(out, "rt") as lines:
        header = [line for line in lines if line.startswith("##")]
    (command,) = [line for line in header if line.startswith("##GATKCommandLine=<ID=CnnScore")]
    assert 'Version="4.6.2.0-cnnscore-' in command
    assert any(line.startswith("##INFO=<ID=CNN_1D,Number=1,Type=Float,") for line in header)
    assert any(line.startswith("##cnnscore_model=<ID=CNN_1D,Model=") for line in header)
    assert Path(f"{out}.tbi").is_file()
    assert "Processed 294 total variants" in ran.log
    assert "294 of 294 records scored" in ran.log


def test_batches_and_intervals_change_no_score(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    whole, small, part = (tmp_path / f"{name}.vcf" for name in ("whole", "small", "part"))
    common = (*INPUTS, "-I", READS, "--server", servers["reads"].address)
    assert tools.score(*common, "-O", whole).ok
    assert tools.score(*common, "-O", small, "--transfer-batch-size", 7).ok
    assert tools.score(*common, "-O", part, "-L", "synA:10000-20000").ok
    scores = scores_of(whole, "CNN_2D")
    assert scores_of(small, "CNN_2D") == scores
    within = [10000 <= int(line[1]) <= 20000 and line[0] == "synA" for line in records(whole)]
    expected = [score for score, wanted in zip(scores, within, strict=True) if wanted]
    assert scores_of(part, "CNN_2D") == expected
    assert 0 < len(expected) < len(scores)


def test_only_filters_of_the_user_change_a_score(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    plain, allowed, forward = (tmp_path / f"{name}.vcf" for name in ("plain", "all", "forward"))
    common = (*INPUTS, "-I", READS, "-L", "synB", "--server", servers["reads"].address)
    assert tools.score(*common, "-O", plain).ok
    assert tools.score(*common, "-O", allowed, "-RF", "AllowAllReadsReadFilter").ok
    strand = ("-RF", "ReadStrandFilter", "--keep-reverse-strand-only", "false")
    ran = tools.score(*common, "-O", forward, *strand)
    assert ran.ok, ran.answer
    assert "filtered by: ReadStrandFilter" in ran.log
    assert scores_of(allowed, "CNN_2D") == scores_of(plain, "CNN_2D")
    assert scores_of(forward, "CNN_2D") != scores_of(plain, "CNN_2D")


def test_keys_and_symbolic_records(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    first, again, cut = (tmp_path / f"{name}.vcf" for name in ("first", "again", "cut"))
    common = ("-R", REFERENCE, "--server", servers["reference"].address)
    assert tools.score(*common, "-V", CALLS, "-O", first, "--info-key", "MINE").ok
    line, other = '##cnnscore_model=<ID=MINE,Model="', '##cnnscore_model=<ID=MINE2,Model="a">'
    text = first.read_text()
    assert text.count(line) == 1
    first.write_text(text.replace(line, f"{other}\n{line}an older ", 1))
    ran = tools.score(*common, "-V", first, "-O", again, "--info-key", "MINE")
    assert ran.ok
    assert "has INFO/MINE already: it is replaced" in ran.log
    assert scores_of(again, "MINE") == scores_of(first, "MINE")
    text = again.read_text()
    assert text.count(line) == text.count(other) == 1
    assert f"{line}an older " not in text
    edge = DATA / "edge.vcf.gz"
    assert tools.score(*common, "-V", edge, "-O", cut, "--filter-symbolic-and-sv").ok
    alts = [line[4] for line in records(cut)]
    assert "<DEL>" in [line[4] for line in records(edge)]
    assert "<DEL>" not in alts
    assert len(alts) > 30


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        (
            "reference",
            ("--tensor-type", "read_tensor"),
            "--tensor-type read_tensor is for",
        ),
        ("reads", ("-I", READS, "--tensor-type", "reference"), "--tensor-type reference is for"),
        ("reads", (), "looks at reads: give them with -I"),
        ("reference", ("--window-size", 64), "--window-size 64, but the network"),
        ("reads", ("-I", READS, "--read-limit", 3), "--read-limit 3, but the network"),
        ("reference", ("--info-annotation-keys", "MQ"), "--info-annotation-keys [MQ], but"),
        ("reference", ("--model", "gatk-1d"), "not gatk-1d: leave --model out"),
        ("reference", ("--architecture", "a.json"), "cnnscore model import"),
        ("reference", ("--accelerator", "tpu"), "--accelerator is auto, cpu or cuda"),
        ("reference", ("--accelerator", "cuda"), "--accelerator cuda, but the server has cpu"),
        ("reference", ("--info-key", "1D"), "'1D' cannot be an INFO key: letters"),
    ],
)
def test_refused(
    kind: str,
    arguments: tuple[object, ...],
    words: str,
    tools: ToolHost,
    servers: dict[str, Server],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.vcf"
    ran = tools.score(*INPUTS, "-O", out, "--server", servers[kind].address, *arguments)
    assert ran.answer.startswith("user error: "), ran.answer
    assert words in ran.answer
    assert not out.exists()


def test_ref_that_the_reference_lacks(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    calls = tmp_path / "calls.vcf"
    text = gzip.decompress(CALLS.read_bytes()).decode()
    calls.write_text(text.replace("synA\t276\t.\tA\tG", "synA\t276\t.\tC\tG"))
    out = tmp_path / "out.vcf"
    ran = tools.score(
        *("-V", calls, "-R", REFERENCE, "-O", out, "--server", servers["reference"].address)
    )
    assert "record synA:276 has REF C, but the reference has A at synA:276" in ran.answer
    assert not out.exists()


def test_ref_longer_than_the_window(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    """The second of two deletions: its REF is wrong where the window has ended."""
    with pysam.FastaFile(str(REFERENCE)) as fasta:
        ref = fasta.fetch("synA", 275, 575)
    wrong = ref[:250] + {"A": "C"}.get(ref[250], "A") + ref[251:]
    header = gzip.decompress(CALLS.read_bytes()).decode().split("#CHROM")[0]
    lines = ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"synA\t276\t.\t{text}\t{ref[0]}\t50\t.\tDP=9" for text in (ref, wrong)]
    calls, out = tmp_path / "calls.vcf", tmp_path / "out.vcf"
    server = ("--server", servers["reference"].address)
    calls.write_text(header + "\n".join(lines[:2]) + "\n")
    ran = tools.score("-V", calls, "-R", REFERENCE, "-O", out, *server)
    assert ran.ok, ran.answer
    calls.write_text(header + "\n".join(lines) + "\n")
    ran = tools.score("-V", calls, "-R", REFERENCE, "-O", out, *server)
    assert f"but the reference has {ref[250]} at synA:526" in ran.answer


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ("group", "reads have no read group and were dropped, as GATK does: give the reads one"),
        ("qualities", "reads have no base qualities and were dropped"),
        ("length", "reads that count are shorter than 35 bases, which no network was tested on"),
    ],
)
def test_reads_that_do_not_count(
    lacks: str, words: str, tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    """Two of three, or all that are short: a warning, as the command gives it."""
    reads, out = tmp_path / "reads.bam", tmp_path / "out.vcf"
    with (
        pysam.AlignmentFile(str(READS)) as source,
        pysam.AlignmentFile(str(reads), "wb", template=source) as changed,
    ):
        for number, read in enumerate(source.fetch("synB")):
            if number % 3 and lacks == "group":
                read.set_tag("RG", None)
            elif lacks == "length":
                as_short(number, read)
            elif number % 3:
                read.query_qualities = None
            changed.write(read)
    pysam.index(str(reads))
    common = ("-I", reads, "--server", servers["reads"].address)
    ran = tools.score(*INPUTS, "-O", out, *common, "-L", "synB")
    assert ran.ok, ran.answer
    assert [line for line in ran.log.splitlines() if "WARN" in line and words in line]
    done = run_cli("score", CALLS, "-R", REFERENCE, "-o", out, *common, "-r", "synB")
    assert done.code == 0, done.err
    assert words in done.err


def test_old_command_line(tools: ToolHost, tiny: dict[str, str], tmp_path: Path) -> None:
    """Every argument of the old tools, with an engine of the tool's own."""
    out, plain = tmp_path / "out.vcf", tmp_path / "plain.vcf"
    files = tmp_path / "keras"  # under names that no bundled network has
    files.mkdir()
    for suffix in (".hd5", ".json"):
        shutil.copy(Path(tiny["reads"]).with_suffix(suffix), files / f"mine{suffix}")
    old = (
        *("--architecture", files / "mine.json", "--weights", files / "mine.hd5"),
        *("--tensor-type", "read_tensor", "--inference-batch-size", 8, "--intra-op-threads", 1),
        *("--inter-op-threads", 1, "--disable-avx-check", "--output-tensor-dir", tmp_path),
        *("--enable-journal", "--keep-temp-file", "--python-profile", "--random-seed", 7),
    )
    ran = tools.score(*INPUTS, "-I", READS, "-O", out, "--engine", ENGINE, *old)
    assert ran.ok, ran.answer
    for name in ("disable-avx-check", "output-tensor-dir", "enable-journal", "keep-temp-file"):
        assert f"--{name} has no effect in this tool" in ran.log
    assert "inference-batch-size has no effect" not in ran.log
    assert "--max-batch 8 --threads 1" in ran.log
    model = ("--model", tiny["reads"], "--engine", ENGINE, "--batch-size", 8)
    assert tools.score(*INPUTS, "-I", READS, "-O", plain, *model, "--accelerator", "cpu").ok
    assert scores_of(out, "CNN_2D") == scores_of(plain, "CNN_2D")
    assert children(tools.pid) == []


def test_weights_that_are_none(tools: ToolHost, tmp_path: Path) -> None:
    weights = tmp_path / "bad.hd5"
    weights.write_bytes(b"no weights")
    out = tmp_path / "out.vcf"
    ran = tools.score(*INPUTS, "-O", out, "--engine", ENGINE, "--weights", weights)
    assert f"cannot import {weights}" in ran.answer
    assert f"cnnscore model import {weights}" in ran.answer


# ---- the two ways in, as processes of their own ----


def test_java_jar(gatk: Gatk, servers: dict[str, Server], tmp_path: Path) -> None:
    """What `gatk` does with GATK_LOCAL_JAR; by the name of the old tool; in a small heap."""
    out = tmp_path / "out.vcf"
    command = ["java", *SHORT, "-Xmx1g", "-jar", str(gatk.walker), "CNNScoreVariants"]
    arguments = map(str, [*INPUTS, "-O", out, "--server", servers["reference"].address])
    done = run([*command, *arguments])
    assert done.returncode == 0, done.stderr
    assert "This GATK has no CNNScoreVariants any more" in done.stderr
    assert len(scores_of(out, "CNN_1D")) == 294


def test_bad_arguments_exit_as_gatk_does(gatk: Gatk) -> None:
    done = run(gatk.command("CnnScoreVariants", *INPUTS, "-O", "o.vcf", "--server", "nowhere"))
    assert done.returncode == 2
    assert "the server's address is unix:PATH or tcp:HOST:PORT, not nowhere" in done.stderr


def test_from_reads_to_filtered_calls(
    gatk: Gatk, gatk_models: Path, shared: Path, tmp_path: Path
) -> None:
    """The documented script, on real reads."""
    real = shared / "data" / "na12878-chr20"
    script = Path(__file__).parents[2] / "plugin" / "gatk" / "call-score-filter.sh"
    resource = real / "truth.HG001_v3.3.2.vcf.gz"
    path = f"{Path(ENGINE.split()[0]).parent}:{os.environ['PATH']}"
    done = run(
        [
            *(str(script), str(real / "ref.20.fa.gz")),
            *(str(real / "NA12878_S1.20.10.0-10.1M.bam"), str(resource), str(tmp_path / "na")),
            *("-L", "20:10,000,000-10,006,000"),
        ],
        env={**os.environ, "GATK": " ".join(gatk.command()), "PATH": path},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    filters = {line[6] for line in records(tmp_path / "na.filtered.vcf.gz")}
    assert "PASS" in filters
    scored = records(tmp_path / "na.scored.vcf.gz")
    assert len(scored) > 5
    assert all("CNN_2D=" in line[7] for line in scored)
