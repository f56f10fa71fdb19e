"""`view` asks of its reads, and says of them, what `score` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import DATA, Finished, run_cli
from hosts.read_files import as_duplicate, edit_reads, refused, slice_reads

READS, REF = DATA / "reads.bam", DATA / "ref.fa"
REGION = "synA:20000-21500"


def view(box: Path, *options: object, model: str = "reads", reads: Path = READS) -> Finished:
    return run_cli(
        *("view", box / "calls.vcf.gz", "-R", REF, "-I", reads, "-m", model, "-r", REGION),
        *("--attribution", "0", *options),
    )


def page(box: Path, *options: object, model: str = "reads") -> Finished:
    """Of the reads in the box."""
    return view(box, "-o", box / "out.html", *options, model=model, reads=box / "reads.bam")


def texts(box: Path, *options: object, reads: Path = READS) -> tuple[list[str], str]:
    """The lines with sites and scores, and what was said."""
    run = view(box, "--terminal", "--colour", "never", *options, reads=reads)
    assert run.code == 0, run.err
    return [line for line in run.out.splitlines() if line.startswith("synA:")], run.err


def keep(box: Path, wanted: Callable[[int, pysam.AlignedSegment], bool]) -> Path:
    edit_reads(box / "reads.bam", wanted)
    return box / "reads.bam"


def test_a_slice_with_the_depth_of_the_whole(box: Path) -> None:
    depth = run_cli("depth", READS).out.strip()
    whole, said = texts(box)
    assert len(whole) > 3
    assert "depth" not in said
    cut = slice_reads(box)
    measured, said = texts(box, reads=cut)
    assert measured != whole
    assert said.count("`cnnscore depth` prints it") == said.count("--sample-depth") == 1
    given, said = texts(box, "--sample-depth", depth, reads=cut)
    assert given == whole
    assert "depth" not in said


def test_a_choice_by_scores_made_now(box: Path) -> None:
    """The sites are scored to choose them, and again to show them: with one depth, and one word."""
    depth = run_cli("depth", READS).out.strip()
    whole, _ = texts(box, "--near-threshold", "3.5", "--sites", "4")
    cut = slice_reads(box)
    given, said = texts(
        box, "--near-threshold", "3.5", "--sites", "4", "--sample-depth", depth, reads=cut
    )
    assert given == whole
    assert "depth" not in said
    _, said = texts(box, "--near-threshold", "3.5", "--sites", "4", reads=cut)
    assert said.count("`cnnscore depth` prints it") == 1


def test_unknown_depth(box: Path) -> None:
    with pysam.AlignmentFile(str(READS)) as bam:
        over = {read.query_name for read in bam.fetch("synA", 20_400, 20_401)}
    reads = keep(box, lambda _, read: read.query_name in over)
    _, said = texts(box, reads=reads)
    assert "too few reads to tell how deep" in said


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_networks_that_do_not_look(box: Path, tiny: dict[str, str], kind: str) -> None:
    run = page(box, "--sample-depth", "30", model=tiny[kind])
    assert run.code == 1
    assert "does not look at the sample's depth: leave out --sample-depth" in run.err
    assert not (box / "out.html").exists()


@pytest.mark.parametrize("choice", [(), ("--near-threshold", "0")], ids=["first", "by score"])
def test_no_read_counts(box: Path, choice: tuple[str, ...]) -> None:
    keep(box, as_duplicate)
    refused(box, page(box, *choice), "no read of", "100 % are marked as duplicates")
    keep(box, lambda *_: False)
    refused(box, page(box, *choice), "has no aligned reads")


def test_no_read_counts_beside_a_network_without_reads(box: Path, tiny: dict[str, str]) -> None:
    """They are shown beside its inputs, by GATK's rule: to that duplicates are reads."""
    keep(box, as_duplicate)
    run = page(box, model=tiny["reference"])
    assert run.code == 0, run.err
    assert "no read of" not in run.err
    (box / "out.html").unlink()
    keep(box, lambda *_: False)
    refused(box, page(box, model=tiny["reference"]), "has no aligned reads, and the pileup needs")


def test_at_most_sites(box: Path) -> None:
    """Reads count elsewhere: a warning, said once."""
    keep(box, lambda _, read: read.reference_name == "synB" or as_duplicate(0, read))
    run = page(box)
    assert run.code == 0, run.err
    assert run.err.count("no read of") == 1
    assert "% are marked as duplicates" in run.err
    run = page(box, "--near-threshold", "0")
    assert run.code == 0, run.err
    assert run.err.count("no read of") == 1


def test_a_data_set_has_its_own_depth(box: Path) -> None:
    run = run_cli("view", box / "d.parquet", "-m", "reads", "--sample-depth", "3", "--terminal")
    assert run.code == 1
    assert "--sample-depth goes with calls" in run.err
