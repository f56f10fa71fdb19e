"""`bcftools +cnnscore` in real bcftools: it equals `cnnscore score`, and is a good plugin."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import cnnscore
from cnnscore.calls.htslib import htslib_version
from cnnscore.version import __version__
from conftest import DATA, TESTS, run_cli
from hosts.plugin import bcftools, plugin, plugin_folder, start, text
from hosts.server import Server
from hosts.waiting import wait_until

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
USAGE = TESTS / "golden" / "plugin-usage.txt"
ODD = [
    *("dup", "eqx", "hard", "indel", "mateunm", "mq0", "mq255", "nbase", "ncig"),
    *("noq", "norg", "qcf", "sec", "soft", "sup", "unm", "unp"),
]
# Options whose names differ at the two doors.
CLI_NAMES = {"-f": "-R", "-b": "-I", "-R": "--regions-file", "-T": "--targets-file"}
CLI_NAMES |= {"-k": "--info-key", "-B": "--batch-size", "-p": "--provider"}

KEYS = {"reference": "CNN_1D", "reads": "CNN_2D"}


def by_cli(tmp_path: Path, *arguments: object) -> bytes:
    """What `cnnscore score` writes for the plugin's arguments, as VCF."""
    out = tmp_path / "cli.vcf"
    names = [CLI_NAMES.get(str(argument), argument) for argument in arguments]
    run = run_cli("score", *names, "--no-version", "-O", "v", "-o", out)
    assert run.code == 0, run.err
    return out.read_bytes()


def by_plugin(*arguments: object, stdin: bytes = b"") -> bytes:
    run = plugin(*arguments, "--no-version", stdin=stdin)
    assert run.code == 0, run.err
    return run.out


def options(tiny: dict[str, str], kind: str = "reads", reads: Path = READS) -> list[object]:
    return ["-f", REF, "-m", tiny[kind], *(["-b", reads] if kind == "reads" else [])]


# ---- the same bytes at both doors ----


@pytest.mark.parametrize(
    ("calls", "kind", "reads", "downsampling"),
    [
        ("calls", "reference", "reads", "site"),
        ("calls", "reads", "reads", "site"),
        ("edge", "reference", "reads", "site"),
        ("edge", "reads", "reads", "site"),
        ("deep", "reads", "deep", "site"),
        ("deep", "reads", "deep", "gatk"),
    ],
)
def test_equals_the_command(
    calls: str, kind: str, reads: str, downsampling: str, tiny: dict[str, str], tmp_path: Path
) -> None:
    arguments = [DATA / f"{calls}.vcf.gz", *options(tiny, kind, DATA / f"{reads}.bam")]
    arguments += ["--downsampling", downsampling]
    wanted = by_cli(tmp_path, *arguments)
    assert b"CNN_" in wanted
    for threads in (1, 2, 4):
        assert by_plugin(*arguments, "--threads", threads) == wanted


@pytest.mark.parametrize("encoding", ["read-set", "reference"])
@pytest.mark.parametrize(
    "more", [[], ["--per-allele", "--threads", 3], ["--annotations", "caller"]]
)
def test_our_own_encodings(
    encoding: str, more: list[object], stand_ins: dict[str, str], tmp_path: Path
) -> None:
    arguments = options(stand_ins, encoding) + more
    arguments += ["-b", READS] if encoding == "read-set" else []
    for calls in ("calls", "edge"):
        file = DATA / f"{calls}.vcf.gz"
        assert by_plugin(file, *arguments) == by_cli(tmp_path, file, *arguments)


@pytest.mark.parametrize("calls", ["edge", "deep"])
def test_through_a_server(
    calls: str, servers: dict[str, Server], tiny: dict[str, str], tmp_path: Path
) -> None:
    """The address of a server in place of a network: the same bytes at each door."""
    reads = DATA / ("deep.bam" if calls == "deep" else "reads.bam")
    files = [DATA / f"{calls}.vcf.gz", *options(tiny, "reads", reads)]
    wanted = by_cli(tmp_path, *files)
    server = [files[0], *("-f", REF, "-m", servers["reads"].address, "-b", reads)]
    assert by_plugin(*server) == wanted
    assert by_cli(tmp_path, *server) == wanted


@pytest.mark.parametrize(
    "selection",
    [
        ["-r", "synA:5000-6000,synB"],
        ["-t", "synA:5000-20000"],
        ["-R", "part.bed"],
        ["-T", "part.bed"],
        ["-r", "synA", "-t", "^synA:1-20000"],
        ["-r", "synA:1-2"],
    ],
)
def test_intervals(
    selection: list[str], tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("part.bed").write_text("synA\t3000\t9000\nsynB\t0\t5000\n")
    arguments = [CALLS, *options(tiny, "reads"), *selection]
    assert by_plugin(*arguments) == by_cli(tmp_path, *arguments)


@pytest.mark.parametrize("kind", ["reference", "reads"])
def test_telomeres_pass_unscored(kind: str, tiny: dict[str, str], tmp_path: Path) -> None:
    """Breakends at POS 0 and one past the contig: in their places, without a score, counted."""
    lines = text(CALLS).splitlines(keepends=True)
    rest = "\t50\t.\tDP=9\tGT\t0/1\n"
    first, last = "synA\t0\t.\tN\t.[synB:1[" + rest, "synB\t12001\t.\tN\t]synA:1]." + rest
    n_header = sum(line.startswith("#") for line in lines)
    calls = tmp_path / "telomeres.vcf"
    calls.write_text("".join([*lines[:n_header], first, *lines[n_header:], last]))
    run = plugin(calls, *options(tiny, kind), "--no-version", "--threads", 2)
    assert run.code == 0, run.err
    assert "294 of 296 sites scored" in run.err
    assert "not scored: 2 " in run.err
    records = [line for line in run.out.decode().splitlines(True) if not line.startswith("#")]
    assert [records[0], records[-1]] == [first, last]
    assert all("CNN_" in record for record in records[1:-1])
    assert len(records) == 296
    assert run.out == by_cli(tmp_path, calls, *options(tiny, kind))
    # A tag that came with such a record goes: it is not this run's.
    bare, tagged = tmp_path / "bare.vcf", tmp_path / "tagged.vcf"
    bare.write_bytes(run.out)
    tagged.write_text(bare.read_text().replace("\tDP=9\t", f"\tDP=9;{KEYS[kind]}=7\t"))
    again = [tagged, *options(tiny, kind), "--overwrite"]
    overwritten = by_plugin(*again)
    assert overwritten == by_cli(tmp_path, *again)
    assert overwritten.endswith(run.out.partition(b"\n#CHROM")[2])


def test_other_options(tiny: dict[str, str], tmp_path: Path) -> None:
    sample = text(CALLS, "-h").splitlines()[-1].split("\t")[9]
    for more in (
        ["-k", "MINE", "-B", "7", "-p", "cpu"],
        ["--sample", sample],
        ["-b", DATA / "deep.bam"],
    ):
        arguments = [CALLS, *options(tiny), *more]
        assert by_plugin(*arguments) == by_cli(tmp_path, *arguments)
    first = tmp_path / "first.vcf"
    first.write_bytes(by_plugin(CALLS, *options(tiny), "-k", "MINE"))
    again = [first, *options(tiny, "reference"), "-k", "MINE", "--overwrite"]
    assert by_plugin(*again) == by_cli(tmp_path, *again)


@pytest.mark.parametrize(
    ("model", "calls", "reads"),
    [
        ("gatk-1d", "calls", None),
        ("gatk-1d", "edge", None),
        ("gatk-2d", "calls", "reads"),
        ("gatk-2d", "edge", "reads"),
        ("gatk-2d", "deep", "deep"),
    ],
)
@pytest.mark.usefixtures("gatk_models")
def test_gatk_networks(model: str, calls: str, reads: str | None, tmp_path: Path) -> None:
    """Held to GATK's tools by tests/cli/test_golden.py."""
    arguments: list[object] = [DATA / f"{calls}.vcf.gz", "-f", REF, "--downsampling", "gatk"]
    arguments += ["-b", DATA / f"{reads}.bam"] if reads else []
    arguments += ["-m", model]
    assert by_plugin(*arguments) == by_cli(tmp_path, *arguments)


@pytest.mark.parametrize("model", ["reads", "reference"])
def test_reads_choose_the_bundled_network(model: str, tmp_path: Path) -> None:
    arguments: list[object] = [CALLS, "-f", REF]
    arguments += ["-b", DATA / "reads.bam"] if model == "reads" else []
    assert by_plugin(*arguments) == by_cli(tmp_path, *arguments, "-m", model)


def test_odd_reads(shared: Path, tiny: dict[str, str], tmp_path: Path) -> None:
    golden, out = shared / "golden" / "synthetic", tmp_path / "api.vcf"
    calls, reference = golden / "odd" / "odd.vcf.gz", golden / "ref.fa"
    scorer = cnnscore.open(tiny["reads"])
    for name in ODD:
        reads = str(golden / "odd" / f"{name}.bam")
        scorer.score(str(calls), reference=str(reference), reads=[reads], output=str(out))
        ours = by_plugin(calls, "-f", reference, "-b", reads, "-m", tiny["reads"])
        assert ours == out.read_bytes(), name


@pytest.mark.parametrize("model", ["gatk-1d", "gatk-2d"])
@pytest.mark.usefixtures("gatk_models")
def test_real_reads(model: str, shared: Path, tmp_path: Path) -> None:
    real = shared / "data" / "na12878-chr20"
    arguments = [real / "calls.vcf.gz", "-f", real / "ref.20.fa.gz", "-m", model]
    if model == "gatk-2d":
        arguments += ["-b", real / "NA12878_S1.20.10.0-10.1M.bam"]
    assert by_plugin(*arguments) == by_cli(tmp_path, *arguments)


# ---- formats and pipes ----


@pytest.mark.parametrize("kind", ["v", "z", "b", "u"])
def test_pipes(kind: str, tiny: dict[str, str], tmp_path: Path) -> None:
    """bcftools view | bcftools +cnnscore | bcftools filter."""
    by_command = bcftools("filter", "-e", "CNN_2D<0", stdin=by_cli(tmp_path, CALLS, *options(tiny)))
    wanted = text(by_command.out, "-H")
    given = bcftools("view", "-O", kind, CALLS).out
    scored = by_plugin(*options(tiny), "-O", kind, "-", stdin=given)
    filtered = bcftools("filter", "-e", "CNN_2D<0", "-", stdin=scored)
    assert filtered.code == 0, filtered.err
    assert text(filtered.out, "-H") == wanted
    assert 0 < len(wanted.splitlines()) < 294
    # "-" may be left out, as with other commands.
    assert by_plugin(*options(tiny), "-O", kind, stdin=given) == scored


@pytest.mark.parametrize(
    ("name", "arguments", "index", "magic"),
    [
        ("out.vcf", [], None, b"##fileformat"),
        ("out.vcf.gz", ["-W"], "csi", b"\x1f\x8b"),
        ("out.vcf.gz", ["-W=tbi", "-O", "z1"], "tbi", b"\x1f\x8b"),
        ("out.bcf", ["--write-index=csi"], "csi", b"\x1f\x8b"),
        ("out.bcf", ["-O", "u"], None, b"BCF"),
        ("out.dat", ["-O", "b9"], None, b"\x1f\x8b"),
    ],
)
def test_files(
    name: str,
    arguments: list[str],
    index: str | None,
    magic: bytes,
    tiny: dict[str, str],
    tmp_path: Path,
) -> None:
    wanted = by_cli(tmp_path, CALLS, *options(tiny)).decode()
    (tmp_path / "cli.vcf").unlink()
    out = tmp_path / name
    assert by_plugin(CALLS, *options(tiny), "-o", out, *arguments) == b""
    assert out.read_bytes().startswith(magic)
    assert text(out) == wanted
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [name, *([f"{name}.{index}"] if index else [])]
    if index:
        part = [line for line in wanted.splitlines() if line.startswith("synB\t")]
        assert text(out, "-H", "-r", "synB").splitlines() == part


def test_input_is_bcf_and_output_the_same_file(tiny: dict[str, str], tmp_path: Path) -> None:
    wanted = by_cli(tmp_path, CALLS, *options(tiny)).decode()
    calls = tmp_path / "calls.bcf"
    calls.write_bytes(bcftools("view", "--no-version", "-Ob", CALLS).out)
    by_plugin(calls, *options(tiny), "-o", calls)
    assert text(calls) == wanted


# ---- as a plugin ----


def test_bcftools_lists_it() -> None:
    run = bcftools("plugin", "-lv")
    assert re.search(r"\n-- cnnscore --\nScore variants with [^\n]+\n", run.out.decode())
    assert "mismatch" not in plugin("-h").err


def test_usage_text() -> None:
    run = plugin("-h")
    assert (run.code, run.err) == (0, "")
    assert run.out.decode() == USAGE.read_text(), f"make {USAGE.name} anew where this is meant"


def test_options_after_two_dashes(tiny: dict[str, str]) -> None:
    wanted = by_plugin(CALLS, *options(tiny))
    assert plugin(CALLS, "--", *options(tiny), "--no-version").out == wanted
    assert plugin("--no-version", CALLS, "--", *options(tiny)).out == wanted
    long = ["--fasta-ref", REF, f"--reads={READS}", "--model", tiny["reads"], "--output-type=v"]
    assert plugin("--no-version", *long, CALLS).out == wanted


def test_header(tiny: dict[str, str], tmp_path: Path) -> None:
    reads = tmp_path / "two words.bam"
    for suffix in ("", ".bai"):
        Path(f"{reads}{suffix}").symlink_to(f"{READS}{suffix}")
    run = plugin(CALLS, *options(tiny, reads=reads))
    assert run.code == 0, run.err
    lines = run.out.decode().splitlines()
    host = re.match(r"bcftools (\S+)", bcftools("--version").out.decode())
    assert host
    versions = f"{host[1]}+htslib-{htslib_version()}+cnnscore-{__version__}"
    assert f"##bcftools_cnnscoreVersion={versions}" in lines
    command = f"cnnscore {CALLS} -f {REF} -m {tiny['reads']} -b '{reads}'; Date="
    assert any(line.startswith(f"##bcftools_cnnscoreCommand={command}") for line in lines)


def test_messages(tiny: dict[str, str]) -> None:
    run = plugin(CALLS, *options(tiny, "reference"), "-b", READS, "-v")
    warning, *_, summary = run.err.splitlines()
    assert warning.startswith("Warning: the network reference does not look at reads")
    assert re.fullmatch(
        r"cnnscore: 294 of 294 sites scored in \d+\.\d s \([\d,]+/s, \w+\)", summary
    )


@pytest.mark.parametrize("given", ["-v", "-vv", "-v 3", "--verbosity 3", "--verbosity 0", "-v 0"])
def test_verbosity_is_bcftools_own(tiny: dict[str, str], given: str) -> None:
    """The number is none of the call files, before them or after."""
    for words in ([*given.split(), CALLS], [CALLS, *given.split()]):
        run = plugin(*words, *options(tiny, "reference"))
        assert run.code == 0, run.err
        assert "294 of 294 sites scored" in run.err


def test_a_verbosity_that_is_no_number(tiny: dict[str, str]) -> None:
    run = plugin("--verbosity", "loud", CALLS, *options(tiny, "reference"))
    assert run.code == 1
    assert run.err == "Error: --verbosity loud: not a number\n"


def test_symbols() -> None:
    """It exports the entry points alone, and needs libc, libm, and what libhts exports."""
    path = plugin_folder() / "cnnscore.so"
    names = subprocess.run(["nm", "-D", path], capture_output=True, text=True, check=True).stdout
    fields = [line.split()[-2:] for line in names.splitlines()]
    defined = {name for kind, name in fields if kind in "TDBR"}
    assert defined == {"about", "usage", "version", "run"}
    wanted = {name for kind, name in fields if kind == "U" and "@" not in name}
    wanted = {name for name in wanted if not name.startswith("__")}  # a sanitizer's
    assert wanted
    libraries = subprocess.run(
        ["ldd", str(shutil.which("bcftools"))], capture_output=True, text=True, check=True
    ).stdout
    hts = re.search(r"=> (\S*libhts\S*)", libraries)
    assert hts
    exported = subprocess.run(
        ["nm", "-D", "--defined-only", hts[1]], capture_output=True, text=True, check=True
    ).stdout
    assert wanted <= {line.split()[-1] for line in exported.splitlines()}


def test_one_htslib_and_no_pysam(tiny: dict[str, str], tmp_path: Path) -> None:
    """With records scored and the pipe still open, look at what the process has mapped."""
    process = start("-", *options(tiny), "-o", tmp_path / "out.vcf")
    assert process.stdin
    lines = text(CALLS).splitlines()
    header = [line for line in lines if line.startswith("#")]
    records = lines[len(header) :] * 20  # more than are read ahead
    process.stdin.write("\n".join([*header, *records, ""]).encode())
    process.stdin.flush()
    wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".out.vcf.*")))
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    files = {line.split()[-1] for line in maps.splitlines() if "/" in line}
    assert any("onnxruntime" in file for file in files)  # it was at work
    assert any("_encode" in file for file in files)
    assert len([file for file in files if "libhts.so" in file]) == 1
    assert not [file for file in files if "pysam" in file or "chtslib" in file]
    assert not [file for file in files if "cnnscore/_window" in file]
