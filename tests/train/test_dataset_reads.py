"""`dataset` asks of its reads, and says of them, what `score` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from conftest import DATA, Finished, run_cli
from hosts.read_files import as_duplicate, edit_reads, refused
from hosts.training_data import need_extra

need_extra("pyarrow")

from cnnscore.dataset.parquet import Dataset

READS = DATA / "reads.bam"


def dataset(box: Path, *options: object, reads: Path | None = None) -> Finished:
    """`box/out.parquet` of the reads in the box."""
    return run_cli(
        *("dataset", box / "calls.vcf.gz", "-R", DATA / "ref.fa", "--quiet"),
        *("-I", reads or box / "reads.bam", "--truth", DATA / "truth.vcf.gz"),
        *("-o", box / "out.parquet", "--overwrite", *options),
    )


def depths(box: Path) -> set[float]:
    """What all rows say of the sample's depth; NaN is -1."""
    found: set[float] = set()
    for batch, _ in Dataset(box / "out.parquet").batches():
        found |= set(np.nan_to_num(batch.sample_depth, nan=-1).tolist())
    return found


def keep(box: Path, wanted: Callable[[int, pysam.AlignedSegment], bool]) -> None:
    edit_reads(box / "reads.bam", wanted)


def test_depth_is_measured_or_given(box: Path) -> None:
    run = dataset(box)
    assert run.code == 0, run.err
    assert "reads.bam" not in run.err
    assert depths(box) == {float(run_cli("depth", READS).out)}
    keep(
        box,
        lambda _, read: read.reference_name == "synA" and 19_000 < read.reference_start < 23_000,
    )
    run = dataset(box, "-r", "synA:19000-23000", "--allow-empty-splits")
    assert run.code == 0, run.err
    assert run.err.count("--sample-depth") == 1
    assert "`cnnscore depth` prints it" in run.err
    measured = depths(box)
    run = dataset(box, "-r", "synA:19000-23000", "--allow-empty-splits", "--sample-depth", "31.5")
    assert run.code == 0, run.err
    assert "`cnnscore depth`" not in run.err
    assert depths(box) == {31.5} != measured


def test_unknown_depth(box: Path) -> None:
    with pysam.AlignmentFile(str(READS)) as bam:
        over = {read.query_name for read in bam.fetch("synA", 20_400, 20_401)}
    keep(box, lambda _, read: read.query_name in over)
    run = dataset(box, "-r", "synA:20000-21500", "--allow-empty-splits")
    assert run.code == 0, run.err
    assert "too few reads to tell how deep" in run.err
    assert depths(box) == {-1}


@pytest.mark.parametrize("depth", ["0", "-1", "nan", "deep"])
def test_no_depth(box: Path, depth: str) -> None:
    run = dataset(box, "--sample-depth", depth)
    assert run.code == 1
    assert "is not a depth" in run.err


def test_rows_that_do_not_look(box: Path) -> None:
    """By another rule, without reads, or without the annotation."""
    others = (("--read-rule", "gatk"), ("--read-rule", "none"), ("--info", "QD,MQ"))
    for options in others:
        run = dataset(box, "--sample-depth", "30", *options)
        assert run.code == 1, run.err
        assert "does not look at the sample's depth: leave out --sample-depth" in run.err
    run = run_cli(
        *("dataset", box / "calls.vcf.gz", "-R", DATA / "ref.fa", "--sample-depth", "30"),
        *("--truth", DATA / "truth.vcf.gz", "-o", box / "out.parquet"),
    )
    assert run.code == 1
    assert "leave out --sample-depth" in run.err


def test_no_read_counts(box: Path) -> None:
    keep(box, as_duplicate)
    refused(box, dataset(box), "no read of", "100 % are marked as duplicates")
    run = dataset(box, "--read-rule", "gatk")  # to which duplicates are reads
    assert run.code == 0, run.err
    (box / "out.parquet").unlink()
    keep(box, lambda *_: False)
    refused(box, dataset(box), "has no aligned reads, and the data set needs reads")


def test_no_read_group(box: Path) -> None:
    def without_group(_: int, read: pysam.AlignedSegment) -> bool:
        read.set_tag("RG", None)
        return True

    keep(box, without_group)
    refused(box, dataset(box, "--read-rule", "gatk"), "samtools addreplacerg")
    assert dataset(box).code == 0


def test_at_most_rows(box: Path) -> None:
    keep(box, lambda _, read: read.reference_name == "synB" or as_duplicate(0, read))
    run = dataset(box)
    assert run.code == 0, run.err
    assert "% are marked as duplicates" in run.err
