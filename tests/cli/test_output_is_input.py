"""An output that is one of the files that are read would replace it; reads given twice would count
twice. Both are refused before anything is read, at each door."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from conftest import Finished, run_cli
from hosts.plugin import Ran, plugin

KEPT = "would replace the input"


def content(box: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in box.iterdir()
        if path.is_file()
    }


@pytest.mark.parametrize("door", ["command", "plugin"])
@pytest.mark.parametrize(
    "name", ["reads.bam", "reads.bam.bai", "ref.fa", "link", "hard", "sites.bed"]
)
def test_scores(name: str, door: str, box: Path, tiny: dict[str, str]) -> None:
    (box / "link").symlink_to(box / "reads.bam")
    os.link(box / "ref.fa", box / "hard")
    (box / "sites.bed").write_text("synA\t0\t9000\n")
    before = content(box)
    options = ["-m", tiny["reads"], "-o", box / name, "--targets-file", f"^{box / 'sites.bed'}"]
    if door == "plugin":
        files: list[object] = ["-f", box / "ref.fa", "-b", f"file://{box / 'reads.bam'}"]
        done: Ran | Finished = plugin(box / "calls.vcf.gz", *files, *options)
    else:
        files = ["-R", box / "ref.fa", "-I", f"file://{box / 'reads.bam'}"]
        done = run_cli("score", box / "calls.vcf.gz", *files, *options)
    assert done.code, done.err
    assert KEPT in done.err
    assert content(box) == before


def test_others(box: Path) -> None:
    calls, table = box / "calls.vcf.gz", box / "t.tsv"
    table.write_text(f"SYN1\t{box / 'reads.bam'}\n")
    files, reads = ("-R", box / "ref.fa"), ("-I", box / "reads.bam")
    before = content(box)
    for line in (
        ("score", calls, *files, *reads, "-o", box / "ref.fa", "--work", box / "w"),
        ("score", calls, *files, "--sample-map", table, "-o", box / "reads.bam"),
        ("score", calls, *files, "--sample-map", table, "-o", table),
        ("filter", calls, "--info-key", "QD", "--resource", calls, "-o", box / "calls.vcf.gz.tbi"),
        ("gather", calls, "-o", calls),
        ("shards", calls, "-o", calls),
        ("view", calls, *files, "-o", box / "ref.fa.fai"),
    ):
        done = run_cli(*line)
        assert done.code, line
        assert KEPT in done.err, done.err
    assert content(box) == before


@pytest.mark.parametrize("door", ["command", "plugin"])
def test_reads_given_twice(door: str, box: Path, tiny: dict[str, str]) -> None:
    (box / "link.bam").symlink_to(box / "reads.bam")
    (box / "link.bam.bai").symlink_to(box / "reads.bam.bai")
    shutil.copy(box / "reads.bam", box / "copy.bam")
    shutil.copy(box / "reads.bam.bai", box / "copy.bam.bai")
    for name, fault in (
        ("reads", "are one file: give it once"),
        ("link", "are one file: give it once"),
        ("copy", "begin with the same read, "),
    ):
        names = (box / "reads.bam", box / f"{name}.bam")
        if door == "plugin":
            files = [word for name in names for word in ("-b", name)]
            done: Ran | Finished = plugin(
                box / "calls.vcf.gz", "-f", box / "ref.fa", *files, "-m", tiny["reads"]
            )
        else:
            files = [word for name in names for word in ("-I", name)]
            done = run_cli(
                "score", box / "calls.vcf.gz", "-R", box / "ref.fa", *files, "-m", tiny["reads"]
            )
        assert done.code, done.err
        assert f"the reads {names[0]} and {names[1]} {fault}" in done.err
