"""Options, programs and reads with which `cnnscore dataset --plant` ends in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import DATA, run_cli
from hosts.planting import Edit, edited, of_two_samples, planted


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--truth", "t.vcf"), "--plant makes calls and truth itself: leave out --truth"),
        (("--caller", "strelka"), "--caller strelka: give bcftools, freebayes, gatk, or NAME="),
        (("--caller", "mine=cat {reference}"), "lacks {reads}"),
        (("--caller", "mine=cat {reads} {bam}"), "{bam} is none of {reference}, {reads}"),
        (("--aligner", "cat {reads}"), "lacks {reference}"),
        (("--aligner", "bwa mom {reference} {reads}"), "the aligner failed: "),
        (("--caller", "mine=false {reads}"), "the caller mine failed: exit status"),
        (("--caller", "mine=touch {calls} {reads}"), "reading the calls of mine failed: "),
        (("--seeds", "1,x"), "--seeds x: give whole numbers"),
        (("--seeds", "1,1"), "each once"),
        (("--ploidy", "3"), "ploidy 1 or 2"),
        (("-r", "synC"), "no contig synC"),
        (("-r", "synA:9-2"), "--regions synA:9-2: give CHR or CHR:BEG-END"),
        (("-r", "synA:1-500"), "nothing can be planted: of "),
        (("-t", "synA"), "where --regions or --regions-file says"),
        (("--sample", "NA1"), "no read group of the reads has SM:NA1: their samples are SYN1"),
    ],
)
def test_options_that_make_no_sense(more: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = planted(tmp_path / "out", "--quiet", *more)
    assert done.code in (1, 2)
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.parquet"))
    assert not list(tmp_path.rglob("truth*"))
    assert not list(tmp_path.rglob("*.part"))


def test_without_plant_calls_and_truth_are_needed(tmp_path: Path) -> None:
    done = run_cli("dataset", "-R", DATA / "ref.fa", "-o", tmp_path / "out")
    assert done.code == 1
    assert "give CALLS and --truth; without a truth set, --plant makes both" in done.err
    done = run_cli("dataset", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-o", tmp_path / "out")
    assert "give --truth" in done.err
    done = run_cli("dataset", "-R", DATA / "ref.fa", "-o", tmp_path, "--caller", "bcftools")
    assert "--caller is for --plant" in done.err


@pytest.mark.parametrize("tool", ["bwa", "samtools", "bcftools"])
def test_a_missing_program_is_named_with_its_package(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in {"bwa", "samtools", "bcftools", "bash", "cut", "sed"} - {tool}:
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))
    done = planted(tmp_path / "out")
    assert done.code == 1
    assert f"needs the program {tool}, which is not installed: apt install {tool}" in done.err


def header_with(old: str, new: str) -> Edit:
    def edit(_: int, fields: list[str]) -> list[list[str]]:
        is_header = fields[0] in ("@RG", "@SQ")
        return [[field.replace(old, new) if is_header else field for field in fields]]

    return edit


def duplicates(_: int, fields: list[str]) -> list[list[str]]:
    if not fields[0].startswith("@"):
        fields[1] = str(int(fields[1]) | 1024)
    return [fields]


def one_in(every: int) -> Edit:
    def edit(number: int, fields: list[str]) -> list[list[str]]:
        return [fields] if fields[0].startswith("@") or number % every == 0 else []

    return edit


READS: dict[str, tuple[Edit, str]] = {
    "two samples": (of_two_samples, "the reads are of SYN1, SYN2: choose one, --sample"),
    "of a long-read sequencer": (
        header_with("ILLUMINA", "ONT"),
        "has long reads: truth is planted in those of up to 1,000 bases",
    ),
    "of another build": (
        header_with("LN:40000", "LN:40001"),
        "contig synA has 40,001 bases in the header",
    ),
    "without any": (one_in(1 << 40), "share no contig"),
    "all duplicates": (duplicates, "no read lies in the regions"),
    "too few": (one_in(9), "nothing can be planted"),
}


@pytest.mark.parametrize("kind", READS)
def test_reads_that_will_not_do(kind: str, tmp_path: Path) -> None:
    edit, said = READS[kind]
    done = planted(tmp_path / "out", "--quiet", reads=edited(tmp_path / "reads.bam", edit))
    assert done.code in (1, 2)
    assert said in done.err
    assert done.err.count("\n") == 1
