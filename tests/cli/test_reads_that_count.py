"""Reads that never count: an error where none of the files does, else a warning."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import DATA, Finished, run_cli
from hosts.plugin import plugin
from hosts.read_files import edit_reads
from hosts.server import StartServer

Change = Callable[[pysam.AlignedSegment], object]


def add_flag(flag: int) -> Change:
    def change(read: pysam.AlignedSegment) -> None:
        read.flag |= flag

    return change


def drop_qualities(read: pysam.AlignedSegment) -> None:
    read.query_qualities = None


KINDS: dict[str, tuple[Change, str]] = {
    "duplicate": (add_flag(0x400), "100 % are marked as duplicates"),
    "secondary": (add_flag(0x100), "100 % are secondary or supplementary"),
    "supplementary": (add_flag(0x800), "100 % are secondary or supplementary"),
    "QC-fail": (add_flag(0x200), "100 % fail quality checks (QC-fail)"),
    "qualities": (drop_qualities, "100 % have no bases, base qualities or CIGAR"),
}


def change_part(box: Path, change: Change, every: int = 0, contig: str = "") -> None:
    """Change the reads of a contig, all of them or all but one in `every`."""

    def edit(number: int, read: pysam.AlignedSegment) -> bool:
        if (not every or number % every) and contig in ("", read.reference_name):
            change(read)
        return True

    edit_reads(box / "reads.bam", edit)


def keep(box: Path, wanted: Callable[[pysam.AlignedSegment], bool]) -> None:
    edit_reads(box / "reads.bam", lambda _, read: wanted(read))


def score(box: Path, model: str, *arguments: object) -> Finished:
    return run_cli(
        *("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-I", box / "reads.bam"),
        *("-m", model, "-o", box / "out.vcf.gz", *arguments),
    )


def refuses(box: Path, run: Finished, *parts: str) -> None:
    assert run.code == 2, run.err
    errors = [line for line in run.err.splitlines() if "warning" not in line]
    assert len(errors) == 1, run.err
    for part in ("reads.bam", *parts):
        assert part in errors[0]
    assert not [path for path in box.iterdir() if "out.vcf" in path.name]


@pytest.mark.parametrize("kind", KINDS)
def test_no_read_counts(box: Path, stand_ins: dict[str, str], kind: str) -> None:
    change, reason = KINDS[kind]
    change_part(box, change)
    refuses(box, score(box, stand_ins["read-set"]), "no read of", reason)


def test_no_read_counts_for_gatks_networks(box: Path, tiny: dict[str, str]) -> None:
    """Which take duplicates, as GATK does."""
    change_part(box, add_flag(0x400))
    run = score(box, tiny["reads"])
    assert run.code == 0
    assert "warning" not in run.err
    (box / "out.vcf.gz").unlink()
    change_part(box, drop_qualities)
    refuses(box, score(box, tiny["reads"]), KINDS["qualities"][1])


@pytest.mark.parametrize("network", ["ours", "GATK's"])
def test_empty_file(
    box: Path, stand_ins: dict[str, str], tiny: dict[str, str], network: str
) -> None:
    keep(box, lambda _: False)
    model = stand_ins["read-set"] if network == "ours" else tiny["reads"]
    refuses(box, score(box, model), "has no aligned reads")


def test_one_site_of_a_file_that_never_counts(box: Path, stand_ins: dict[str, str]) -> None:
    change_part(box, add_flag(0x400))
    with pysam.VariantFile(str(box / "calls.vcf.gz")) as calls:
        first = next(iter(calls))
    region = f"{first.chrom}:{first.pos}-{first.pos}"
    run = score(box, stand_ins["read-set"], "-r", region)
    refuses(box, run, "marked as duplicates")


def test_the_plugin(box: Path, stand_ins: dict[str, str]) -> None:
    change_part(box, add_flag(0x400))
    arguments = [box / "calls.vcf.gz", "-f", box / "ref.fa", "-b", box / "reads.bam"]
    arguments += ["-m", stand_ins["read-set"], "-o", box / "out.vcf.gz"]
    run = plugin(*arguments)
    assert run.code == 255
    assert run.err.startswith("Error: no read of")
    assert "100 % are marked as duplicates" in run.err
    assert not list(box.glob("*out.vcf*"))
    shutil.copy(DATA / "reads.bam", box)
    change_part(box, add_flag(0x400), contig="synA")
    run = plugin(*arguments)
    assert run.code == 0
    assert "Warning: no read of" in run.err
    assert "of 294 sites: of" in run.err


def test_a_server(box: Path, stand_ins: dict[str, str], start: StartServer) -> None:
    change_part(box, add_flag(0x400))
    server = start(stand_ins["read-set"])
    run = run_cli(
        *("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-I", box / "reads.bam"),
        *("--server", server.address, "-o", box / "out.vcf.gz"),
    )
    refuses(box, run, "marked as duplicates")


def test_at_most_sites(box: Path, stand_ins: dict[str, str]) -> None:
    change_part(box, add_flag(0x400), contig="synA")
    run = score(box, stand_ins["read-set"])
    assert run.code == 0
    warning = next(line for line in run.err.splitlines() if "counts at" in line)
    assert "counts at 232 of 294 sites" in warning
    assert "% are marked as duplicates" in warning


def test_at_few_sites(box: Path, stand_ins: dict[str, str]) -> None:
    change_part(box, add_flag(0x400), contig="synB")
    run = score(box, stand_ins["read-set"])
    assert run.code == 0
    assert "counts at" not in run.err


def test_most_reads_but_few_sites(box: Path, stand_ins: dict[str, str]) -> None:
    """Deep panels are full of duplicates, and fine."""
    change_part(box, add_flag(0x400), every=3)
    run = score(box, stand_ins["read-set"])
    assert run.code == 0
    assert "duplicates" not in run.err


def test_a_shard_without_coverage(box: Path, stand_ins: dict[str, str]) -> None:
    """As chrY of a woman: other shards of the file are fine, and so is this."""
    keep(box, lambda read: read.reference_name == "synB")
    run = score(box, stand_ins["read-set"], "-r", "synA")
    assert run.code == 0
    assert "no read of" in run.err
    assert "lies over any of the 232 sites" in run.err
    shutil.copy(DATA / "reads.bam", box)
    change_part(box, add_flag(0x400), contig="synA")  # some, and none of them counts
    run = score(box, stand_ins["read-set"], "-r", "synA", "--overwrite")
    assert run.code == 0
    assert "counts at 232 of 232 sites" in run.err


def test_a_shard_without_calls(box: Path, stand_ins: dict[str, str]) -> None:
    """What no call asks is not asked."""
    change_part(box, add_flag(0x400))
    run = score(box, stand_ins["read-set"], "-r", "synA:1-2")
    assert run.code == 0
    assert "duplicates" not in run.err


def test_networks_without_reads_never_ask(box: Path, tiny: dict[str, str]) -> None:
    keep(box, lambda _: False)
    run = score(box, tiny["reference"])
    assert run.code == 0
    assert "no read" not in run.err
