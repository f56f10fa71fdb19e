"""`cnnscore score`: formats, intervals, headers, samples, and what must never change a score."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

import cnnscore
from conftest import DATA, run_cli, run_process, scores_of
from hosts.read_files import split_by_group

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"


def bcftools(*arguments: str | Path) -> bytes:
    return subprocess.run(
        ["bcftools", *map(str, arguments)], capture_output=True, check=True
    ).stdout


def body(path: Path) -> list[str]:
    """Records of any VCF or BCF as text."""
    return bcftools("view", "-H", path).decode().splitlines()


@pytest.fixture(scope="module")
def scored(tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Records scored with reads, the plain way."""
    out = tmp_path_factory.mktemp("scored") / "out.vcf"
    run = run_cli("score", CALLS, "-R", REF, "-I", READS, "-m", tiny["reads"], "-o", out)
    assert run.code == 0, run.err
    assert "294 of 294 sites scored" in run.err
    assert len(set(scores_of(out, "CNN_2D"))) > 250
    return body(out)


def rerun(
    tiny: dict[str, str], tmp_path: Path, *arguments: str | Path, name: str = "out.vcf"
) -> list[str]:
    out = tmp_path / name
    run = run_cli(
        *("score", CALLS, "-R", REF, "-I", READS, "-m", tiny["reads"], "-o", out, "--quiet"),
        *arguments,
    )
    assert run.code == 0, run.err
    assert run.err == ""
    return body(out)


# ---- the site decides its score ----


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 16, 50, 300])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_and_threads(
    tiny: dict[str, str], scored: list[str], tmp_path: Path, batch_size: int, threads: int
) -> None:
    assert (
        rerun(tiny, tmp_path, "--batch-size", str(batch_size), "--threads", str(threads)) == scored
    )


def test_regions_together_are_the_whole(
    tiny: dict[str, str], scored: list[str], tmp_path: Path
) -> None:
    parts = ["synA:1-9999", "synA:10000-25000", "synA:25001-40000", "synB"]
    split: list[str] = []
    for part in parts:
        split += [line for line in rerun(tiny, tmp_path, "-r", part) if line not in split]
    assert split == scored


def test_several_read_files_in_any_order(
    tiny: dict[str, str], scored: list[str], tmp_path: Path
) -> None:
    even, odd = tmp_path / "even.bam", tmp_path / "odd.bam"
    with pysam.AlignmentFile(str(READS)) as source:
        outs = [pysam.AlignmentFile(str(path), "wb", template=source) for path in (even, odd)]
        for i, read in enumerate(source):
            outs[i % 2].write(read)
        for half in outs:
            half.close()
    for path in (even, odd):
        pysam.index(str(path))
    results = []
    for pair in ([even, odd], [odd, even]):
        out = tmp_path / "both.vcf"
        reads = [argument for path in pair for argument in ("-I", path)]
        assert run_cli("score", CALLS, "-R", REF, *reads, "-m", tiny["reads"], "-o", out).code == 0
        results.append(body(out))
    assert results[0] == results[1]
    # One file keeps its own order among reads of one start; several are merged by content.
    assert [line.split("\t")[:7] for line in results[0]] == [
        line.split("\t")[:7] for line in scored
    ]


def test_deep_sites_do_not_depend_on_each_other(tiny: dict[str, str], tmp_path: Path) -> None:
    deep = ["score", DATA / "deep.vcf.gz", "-R", REF, "-I", DATA / "deep.bam", "-m", tiny["reads"]]
    whole, part = tmp_path / "whole.vcf", tmp_path / "part.vcf"
    assert run_cli(*deep, "-o", whole).code == 0
    lines = body(whole)
    locus = ":".join(lines[40].split("\t")[:2])
    assert run_cli(*deep, "-r", f"{locus}-12000", "-o", part).code == 0
    assert body(part) == lines[40:]
    assert run_cli(*deep, "--downsampling", "gatk", "-o", part).code == 0
    assert body(part) != lines  # GATK draws other samples


# ---- formats ----


def test_formats(tiny: dict[str, str], scored: list[str], tmp_path: Path) -> None:
    for kind, name in (
        ("v", "x.vcf"),
        ("z", "x.vcf.gz"),
        ("z1", "y.vcf.gz"),
        ("b", "x.bcf"),
        ("u", "u.bcf"),
    ):
        assert rerun(tiny, tmp_path, "-O", kind, name=name) == scored
    for name in ("s.vcf", "s.vcf.gz", "s.bcf"):
        assert rerun(tiny, tmp_path, name=name) == scored
    assert (tmp_path / "s.vcf").read_bytes().startswith(b"##fileformat")
    assert pysam.VariantFile(str(tmp_path / "s.bcf")).format == "BCF"


@pytest.mark.parametrize(
    ("name", "option", "suffix"),
    [("a.vcf.gz", "-W", "csi"), ("a.vcf.gz", "-W=tbi", "tbi"), ("a.bcf", "--write-index", "csi")],
)
def test_index(
    tiny: dict[str, str], scored: list[str], tmp_path: Path, name: str, option: str, suffix: str
) -> None:
    out = tmp_path / name
    files = ["-R", REF, "-I", READS, "-m", tiny["reads"], "-o", out]
    assert run_cli("score", option, CALLS, *files).code == 0
    assert body(out) == scored
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.{suffix}"]
    part = bcftools("view", "-H", "-r", "synB", tmp_path / name).decode().splitlines()
    assert part == [line for line in scored if line.startswith("synB\t")]


def test_pipes(tiny: dict[str, str], scored: list[str]) -> None:
    for kind in ("v", "z", "b", "u"):
        run = run_process(
            *("score", "-", "-R", REF, "-I", READS, "-m", tiny["reads"], "-O", kind),
            input=bcftools("view", f"-O{kind}", CALLS),
        )
        assert run.returncode == 0, run.stderr
        view = subprocess.run(
            ["bcftools", "view", "-H"], input=run.stdout, capture_output=True, check=True
        )
        assert view.stdout.decode().splitlines() == scored


def test_same_input_and_output(tiny: dict[str, str], scored: list[str], tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf.gz"
    shutil.copy(CALLS, path)
    run = run_cli("score", path, "-R", REF, "-I", READS, "-m", tiny["reads"], "-o", path)
    assert run.code == 0
    assert body(path) == scored


def test_cram_equals_bam(tiny: dict[str, str], scored: list[str], tmp_path: Path) -> None:
    cram = tmp_path / "reads.cram"
    pysam.view("-C", "-T", str(REF), "-o", str(cram), str(READS), catch_stdout=False)
    pysam.index(str(cram))
    out = tmp_path / "out.vcf"
    assert run_cli("score", CALLS, "-R", REF, "-I", cram, "-m", tiny["reads"], "-o", out).code == 0
    assert body(out) == scored


# ---- intervals, as in bcftools ----


@pytest.mark.parametrize("short", ["-r", "-t"])
def test_intervals_are_those_of_bcftools(
    tiny: dict[str, str], scored: list[str], tmp_path: Path, short: str
) -> None:
    for text in ("synA", "synA:5000-6000", "synA:12188-12188,synB:100-4000", "synB"):
        keep = bcftools("view", "-H", short, text, CALLS).decode().splitlines()
        got = rerun(tiny, tmp_path, short, text)
        assert [line.split("\t")[:5] for line in got] == [line.split("\t")[:5] for line in keep]
        assert set(got) <= set(scored)
    bed = tmp_path / "part.bed"
    bed.write_text("synA\t3000\t9000\nsynB\t0\t5000\n")
    long, upper = ("--regions-file", "-R") if short == "-r" else ("--targets-file", "-T")
    keep = bcftools("view", "-H", upper, bed, CALLS).decode().splitlines()
    got = rerun(tiny, tmp_path, long, bed)
    assert [line.split("\t")[:5] for line in got] == [line.split("\t")[:5] for line in keep]


def test_no_records(tiny: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    inputs = ("score", CALLS, "-R", REF, "-I", READS, "-m", tiny["reads"], "-o", out, "--quiet")
    run = run_cli(*inputs, "-r", "synA:1-2")
    assert run.code == 0, run.err
    assert "lies within the regions" in run.err
    assert body(out) == []


# ---- header and keys ----


def header(path: Path) -> list[str]:
    return bcftools("view", "-h", "--no-version", path).decode().splitlines()


def test_header(tiny: dict[str, str], tmp_path: Path) -> None:
    rerun(tiny, tmp_path)
    lines = header(tmp_path / "out.vcf")
    info = [line for line in lines if line.startswith("##INFO=<ID=CNN_2D,")]
    assert info == [
        '##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Log odds of being a true variant '
        'versus being false under the trained 2D Convolutional Neural Network">'
    ]
    assert any(
        line.startswith(f"##cnnscore_scoreVersion={cnnscore.__version__}+htslib-") for line in lines
    )
    assert any(line.startswith("##cnnscore_scoreCommand=") for line in lines)
    rerun(tiny, tmp_path, "--no-version")
    before = [line for line in header(CALLS) if not line.startswith("#CHROM")]
    after = [line for line in header(tmp_path / "out.vcf") if not line.startswith("#CHROM")]
    model = [line for line in lines if line.startswith('##cnnscore_model=<ID=CNN_2D,Model="reads"')]
    assert len(model) == 1
    assert after == [*before, *info, *model]


def test_info_key_and_overwrite(tiny: dict[str, str], scored: list[str], tmp_path: Path) -> None:
    rerun(tiny, tmp_path, "--info-key", "MINE")
    out, again = tmp_path / "out.vcf", tmp_path / "again.vcf"
    first = scores_of(out, "MINE")
    common = ["-R", REF, "-m", tiny["reference"], "-o", again]
    assert run_cli("score", out, *common, "--info-key", "MINE", "--overwrite").code == 0
    second = scores_of(again, "MINE")
    assert None not in second
    assert second != first
    assert sum(line.startswith("##INFO=<ID=MINE,") for line in header(again)) == 1
    for line in scored[:1]:
        assert "MINE" not in line


def test_headers_that_are_odd(tiny: dict[str, str], tmp_path: Path) -> None:
    lines = bcftools("view", CALLS).split(b"\n")
    odd = [
        b"##center=\xff\xfe\xe9 not UTF-8",
        b"##long=" + b"x" * 2_000_000,
        b'##INFO=<ID=NOTE,Number=1,Type=String,Description="caf\xe9 \xff">',
    ]
    records = [
        line if line.startswith(b"#") else line.replace(b"AC=", b"NOTE=\xfa\xff;AC=", 1)
        for line in lines
    ]
    calls, out = tmp_path / "odd.vcf", tmp_path / "out.vcf"
    calls.write_bytes(b"\n".join([lines[0], *odd, *records[1:]]))
    run = run_cli("score", calls, "-R", REF, "-m", tiny["reference"], "-o", out)
    assert run.code == 0, run.err
    text = out.read_bytes()
    assert all(line in text for line in odd)
    assert text.count(b"NOTE=\xfa\xff;") == 294
    assert None not in scores_of(out, "CNN_1D")


def test_undeclared_tags_and_contigs(tiny: dict[str, str], tmp_path: Path) -> None:
    lines = [
        line if line.startswith("#") else line.replace("\t.\tAC=", "\tODD\tWHAT=7;AC=", 1)
        for line in bcftools("view", CALLS).decode().splitlines()
        if not line.startswith("##contig")
    ]
    calls, out = tmp_path / "odd.vcf", tmp_path / "out.vcf"
    calls.write_text("\n".join(lines) + "\n")
    common = ["score", calls, "-R", REF, "-m", tiny["reference"]]
    assert run_cli(*common, "-o", out).code == 0
    assert None not in scores_of(out, "CNN_1D")
    assert sum("WHAT=7;" in line for line in out.read_text().splitlines()) == sum(
        "WHAT" in line for line in lines
    )
    run = run_cli(*common, "-o", tmp_path / "out.bcf")
    assert run.code == 2
    assert "BCF cannot hold it" in run.err
    assert "bcftools annotate" in run.err
    assert not list(tmp_path.glob("*.bcf*"))


# ---- samples and read groups ----


def test_sample_chooses_reads(tiny: dict[str, str], tmp_path: Path) -> None:
    both, one = tmp_path / "both.bam", tmp_path / "one.bam"
    column = bcftools("query", "-l", CALLS).decode().strip()
    split_by_group(READS, both, ["a", "b"], [{"ID": "a", "SM": column}, {"ID": "b", "SM": "other"}])
    with (
        pysam.AlignmentFile(str(both)) as source,
        pysam.AlignmentFile(str(one), "wb", template=source) as out,
    ):
        for read in source:
            if read.get_tag("RG") == "a":
                out.write(read)
    pysam.index(str(one))
    results = []
    for reads, extra in ((both, ["--sample", column]), (one, []), (both, [])):
        path = tmp_path / "out.vcf"
        run = run_cli(
            "score", CALLS, "-R", REF, "-I", reads, "-m", tiny["reads"], "-o", path, *extra
        )
        assert run.code == 0, run.err
        assert ("are of 2 samples (SM)" in run.err) == (not extra)
        results.append(body(path))
    assert results[0] == results[1] != results[2]


def test_reads_without_group(tiny: dict[str, str], tmp_path: Path) -> None:
    reads, out = tmp_path / "reads.bam", tmp_path / "out.vcf"
    command = ["score", CALLS, "-R", REF, "-I", reads, "-m", tiny["reads"], "-o", out]
    split_by_group(READS, reads, ["a", None, None], [{"ID": "a", "SM": "s"}])
    run = run_cli(*command)
    assert run.code == 0
    assert "warning" in run.err
    assert "samtools addreplacerg" in run.err
    out.unlink()
    split_by_group(READS, reads, [None], [])
    run = run_cli(*command)
    assert run.code == 2
    assert "samtools addreplacerg" in run.err
    assert not out.exists()


# ---- real calls with a flawed header; the Python API ----


def test_freebayes_without_contig_lines(tiny: dict[str, str], shared: Path, tmp_path: Path) -> None:
    real = shared / "data" / "na12878-chr22-tiny"
    out = tmp_path / "out.vcf"
    run = run_cli(
        *("score", real / "freebayes_NA12878.chr22.tiny.vcf", "-R", real / "q.fa"),
        *("-I", real / "NA12878.chr22.tiny.bam", "-m", tiny["reads"], "-o", out),
    )
    assert run.code == 0, run.err
    assert len(scores_of(out, "CNN_2D")) == 150


def test_python_api(tiny: dict[str, str], scored: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.bcf"
    scorer = cnnscore.open(tiny["reads"], threads=2)
    summary = scorer.score(str(CALLS), reference=str(REF), reads=[str(READS)], output=str(out))
    assert (summary.sites, summary.scored) == (294, 294)
    assert summary.reads.reads > 0
    assert body(out) == scored
    with pytest.raises(cnnscore.UsageError, match="`reads=`"):
        scorer.score(str(CALLS), reference=str(REF))


def test_help_and_version() -> None:
    assert run_cli("--version").out.startswith(f"cnnscore {cnnscore.__version__}\nhtslib ")
    for arguments in (["--help"], ["score", "--help"], ["model", "--help"]):
        run = run_cli(*arguments)
        assert run.code == 0
        assert "cnnscore" in run.out
    assert run_cli().code == 1
    assert run_cli("what").code == 1
    assert run_cli("score").code == 1


def test_a_cram_index_may_lack_the_suffix(tiny: dict[str, str], tmp_path: Path) -> None:
    cram = tmp_path / "x.cram"
    with (
        pysam.AlignmentFile(str(READS)) as bam,
        pysam.AlignmentFile(str(cram), "wc", template=bam, reference_filename=str(REF)) as out,
    ):
        for read in bam.fetch():
            out.write(read)
    pysam.index(str(cram))
    (tmp_path / "x.cram.crai").rename(tmp_path / "x.crai")
    run = run_cli(
        *("score", CALLS, "-R", REF, "-I", cram, "-m", tiny["reads"], "-o", tmp_path / "o.vcf"),
        *("-t", "synA:1-3000"),
    )
    assert run.code == 0, run.err
