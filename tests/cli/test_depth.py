"""How deep the sample is: printed, given, declared, and warned of where it cannot be known."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from conftest import DATA, Finished, run_cli, scores_of
from hosts.plugin import Ran, plugin
from hosts.read_files import edit_reads, rename_sample, slice_reads
from hosts.server import StartServer
from oracles.sample_depth import expected

READS, REF = DATA / "reads.bam", DATA / "ref.fa"
NO_DEPTHS = ["0", "-3", "nan", "inf", "thirty", "1e999", "", "1e3", "0x10", ".5", "+3", " 3"]
NO_DEPTHS += ["1e20", "1000000000", "3.1.4", "31x"]
OTHER_LINES = (("cnnscore_sample_depth", "OTHER"), ("cnnscore_model", "OTHER"), ("lab", "MINE"))
REGION = "synA:20000-21500"


@pytest.fixture
def model() -> str:
    """A network that looks at the depth."""
    return "reads"


def depth_lines(path: Path) -> list[str]:
    return [x for x in path.read_text().splitlines() if x.startswith("##cnnscore_sample_depth")]


def depth_line(path: Path) -> str:
    (line,) = depth_lines(path)
    return line


def score(box: Path, model: str, out: Path, *arguments: object, reads: Path = READS) -> Finished:
    return run_cli(
        *("score", box / "calls.vcf.gz", "-R", REF, "-I", reads, "-m", model, "-r", REGION),
        *("-o", out, "--no-version", *arguments),
    )


def test_it_is_printed(box: Path) -> None:
    run = run_cli("depth", READS)
    assert (run.code, run.out, run.err) == (0, f"{expected(READS):g}\n", "")
    both = run_cli("depth", READS, DATA / "deep.bam")
    assert both.out == run_cli("depth", DATA / "deep.bam", READS).out != run.out
    cram = box / "reads.cram"
    pysam.view("-C", "-T", str(REF), "-o", str(cram), str(READS), catch_stdout=False)
    pysam.index(str(cram))
    assert run_cli("depth", cram, "-R", REF).out == run.out
    refused = run_cli("depth", cram)
    assert refused.code == 1
    assert "is a CRAM: give the FASTA" in refused.err
    assert "-R" in refused.err


def test_a_slice_cannot_tell(box: Path) -> None:
    edit_reads(box / "reads.bam", lambda number, _: number < 40)
    run = run_cli("depth", box / "reads.bam")
    assert run.code == 2
    assert not run.out
    assert "too few reads to tell" in run.err


def test_a_slice_with_the_depth_of_the_whole(box: Path, model: str, tmp_path: Path) -> None:
    whole, given, measured = (tmp_path / f"{name}.vcf" for name in ("whole", "given", "measured"))
    run = score(box, model, whole)
    assert run.code == 0, run.err
    assert "warning" not in run.err
    depth = run_cli("depth", READS).out.strip()
    assert (
        depth_line(whole) == f"##cnnscore_sample_depth=<ID=CNN_READS,Depth={depth},Source=measured>"
    )
    cut = slice_reads(box)
    run = score(box, model, measured, reads=cut)
    assert run.code == 0, run.err
    assert "--sample-depth" in run.err
    assert "cnnscore depth" in run.err
    run = score(box, model, given, "--sample-depth", depth, reads=cut)
    assert run.code == 0, run.err
    assert "warning" not in run.err
    assert depth_line(given) == f"##cnnscore_sample_depth=<ID=CNN_READS,Depth={depth},Source=given>"
    scores = scores_of(whole, "CNN_READS")
    assert len(scores) > 3
    assert scores_of(given, "CNN_READS") == scores
    other = tmp_path / "other.vcf"
    assert score(box, model, other, "--sample-depth", "7.5", reads=cut).code == 0
    assert "Depth=7.5," in depth_line(other)
    assert scores_of(other, "CNN_READS") != scores


def test_unknown_depth(box: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    edit_reads(box / "reads.bam", lambda number, _: number < 40)
    run = run_cli(
        *("score", box / "calls.vcf.gz", "-R", REF, "-I", box / "reads.bam", "-m", model),
        *("-o", out),
    )
    assert run.code == 0, run.err
    assert "too few reads to tell how deep" in run.err
    assert "Depth=unknown,Source=measured" in depth_line(out)


def test_the_other_doors(box: Path, model: str, tmp_path: Path, start: StartServer) -> None:
    here, there, served = (tmp_path / f"{name}.vcf" for name in ("here", "there", "served"))
    assert score(box, model, here, "--sample-depth", "60").code == 0
    ran = plugin(
        *(box / "calls.vcf.gz", "-f", REF, "-b", READS, "-m", model, "-r", REGION),
        *("--sample-depth", "60", "--no-version", "-o", there),
    )
    assert ran.code == 0, ran.err
    assert there.read_text() == here.read_text()
    run = run_cli(
        *("score", box / "calls.vcf.gz", "-R", REF, "-I", READS, "-r", REGION, "--no-version"),
        *("--server", start(model).address, "--sample-depth", "60", "-o", served),
    )
    assert run.code == 0, run.err
    assert served.read_text() == here.read_text()
    cut = slice_reads(box)
    ran = plugin(
        *(box / "calls.vcf.gz", "-f", REF, "-b", cut, "-m", model, "-r", REGION, "-o", there)
    )
    assert ran.code == 0, ran.err
    assert "Warning: " in ran.err
    assert "--sample-depth" in ran.err


@pytest.mark.parametrize("door", ["command", "plugin"])
def test_the_depth_goes_with_its_scores(
    box: Path, model: str, tiny: dict[str, str], tmp_path: Path, door: str
) -> None:
    """A network that does not look at the depth replaces the scores of one that does."""
    first, out = tmp_path / "first.vcf", tmp_path / "out.vcf"
    assert score(box, model, first, "--info-key", "MINE").code == 0
    more = "".join(f"##{kind}=<ID={key},Depth=7>\n" for kind, key in OTHER_LINES)
    first.write_text(first.read_text().replace("#CHROM", f"{more}#CHROM", 1))
    assert len(depth_lines(first)) == 2
    arguments = ("-m", tiny["reference"], "--overwrite", "--no-version")
    run: Finished | Ran
    if door == "command":
        run = run_cli("score", first, "-R", REF, *arguments, "--info-key", "MINE", "-o", out)
    else:
        run = plugin(first, "-f", REF, *arguments, "-k", "MINE", "-o", out)
    assert run.code == 0, run.err
    assert depth_line(out) == "##cnnscore_sample_depth=<ID=OTHER,Depth=7>"
    assert more in out.read_text()
    assert out.read_text().count("##cnnscore_model=<ID=MINE,") == 1


@pytest.mark.parametrize("text", NO_DEPTHS)
def test_no_depth(box: Path, model: str, tmp_path: Path, text: str) -> None:
    run = score(box, model, tmp_path / "out.vcf", f"--sample-depth={text}")
    assert run.code == 1
    assert "is not a depth" in run.err
    ran = plugin(
        *(box / "calls.vcf.gz", "-f", REF, "-b", READS, "-m", model, f"--sample-depth={text}")
    )
    assert ran.code == 1
    assert "not a depth" in ran.err


@pytest.mark.parametrize("text", ["31", "31.", "31.25", "999999999.9"])
def test_plain_depths(box: Path, model: str, tmp_path: Path, text: str) -> None:
    command, door = tmp_path / "command.vcf", tmp_path / "plugin.vcf"
    run = score(box, model, command, "--sample-depth", text)
    assert run.code == 0, run.err
    ran = plugin(
        *(box / "calls.vcf.gz", "-f", REF, "-b", READS, "-m", model, "-r", REGION),
        *("--sample-depth", text, "--no-version", "-o", door),
    )
    assert ran.code == 0, ran.err
    assert f"Depth={float(text):g},Source=given" in depth_line(command)
    assert door.read_bytes() == command.read_bytes()


def test_networks_that_do_not_look(box: Path, tiny: dict[str, str], tmp_path: Path) -> None:
    for kind in ("reads", "reference"):
        run = score(box, tiny[kind], tmp_path / "out.vcf", "--sample-depth", "30")
        assert run.code == 1
        assert "leave out --sample-depth" in run.err


def test_of_one_sample(box: Path) -> None:
    rename_sample(box / "reads.bam", "a")
    assert run_cli("depth", box / "reads.bam", "--sample", "a").out == run_cli("depth", READS).out
    run = run_cli("depth", box / "reads.bam", "--sample", "b")
    assert run.code == 2
    assert "SM:b" in run.err
