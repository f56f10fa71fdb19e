"""Operators of a CIGAR that htsjdk, and GATK with it, does not know: one rule at every door."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from conftest import Finished, run_cli
from hosts.cigars import BACK, with_back
from hosts.plugin import bcftools


def refused(done: Finished) -> None:
    assert done.code == 2, done.err
    assert "back.bam: the CIGAR of the read " in done.err
    assert " has the operator B, which is none of MIDNSHP=X: " in done.err
    assert done.err.strip().count("\n") == 0


@pytest.mark.parametrize("model", ["reads", "read-set"])
def test_score(box: Path, tiny: dict[str, str], stand_ins: dict[str, str], model: str) -> None:
    network = (tiny | stand_ins)[model]
    words = ("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-m", network)
    refused(run_cli(*words, "-I", with_back(box, 10), "-o", box / "out.vcf"))
    assert not (box / "out.vcf").exists()


def test_several_files(box: Path, tiny: dict[str, str]) -> None:
    """The file is named that has the read."""
    words = ("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-m", tiny["reads"])
    reads = ("-I", box / "reads.bam", "-I", with_back(box, 10))
    refused(run_cli(*words, *reads, "-o", box / "out.vcf"))


def test_view(box: Path, stand_ins: dict[str, str]) -> None:
    words = ("view", box / "calls.vcf.gz", "-R", box / "ref.fa", "-m", stand_ins["read-set"])
    refused(run_cli(*words, "-I", with_back(box, 2), "-o", box / "view.html", "--random", "5"))


def test_the_plugin(box: Path, tiny: dict[str, str]) -> None:
    words = ("+cnnscore", "-f", box / "ref.fa", "-m", tiny["reads"], "-b", with_back(box, 10))
    done = bcftools(*words, box / "calls.vcf.gz", "-o", box / "out.vcf")
    assert done.code == 255
    assert "has the operator B, which is none of MIDNSHP=X: " in done.err
    assert not (box / "out.vcf").exists()


def test_reads_away_from_the_calls_do_not_matter(box: Path, tiny: dict[str, str]) -> None:
    """The site alone decides: the calls of one contig, the odd reads on another."""
    path = box / "away.bam"
    with (
        pysam.AlignmentFile(str(box / "reads.bam")) as reads,
        pysam.AlignmentFile(str(path), "wb", template=reads) as out,
    ):
        for read in reads:
            if read.reference_name == "synB" and read.cigartuples:
                read.cigartuples = [*read.cigartuples, (BACK, 1)]
            out.write(read)
    pysam.index(str(path))
    words = ("score", box / "calls.vcf.gz", "-R", box / "ref.fa", "-m", tiny["reads"])
    for name in ("reads", "away"):
        more = ("-I", box / f"{name}.bam", "-t", "synA", "--no-version", "-o", box / f"{name}.vcf")
        done = run_cli(*words, *more)
        assert done.code == 0, done.err
    assert (box / "away.vcf").read_bytes() == (box / "reads.vcf").read_bytes()
