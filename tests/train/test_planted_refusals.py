"""Options, programs and reads with which `cnnscore dataset --plant` ends in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pysam
import pytest

from cnnscore.errors import BadInput
from cnnscore.plant.aligner import align
from cnnscore.plant.taken import NOT_TAKEN
from conftest import DATA, run_cli
from hosts.planting import Edit, edited, of_two_samples, planted
from hosts.training_data import make


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


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--keep", "SNP=2"), "--keep SNP=2.0: give one of"),
        (("--validation", "2"), "are parts that leave some for training"),
        (("--weight", "-1"), "--weight must be above 0"),
        (("--tag", "label=x"), "--tag label: that name is taken"),
        (("--tag", "caller=x"), "--tag caller: planting sets the tags caller and planted itself"),
        (("--read-rule", "all"), "--read-rule all: one of"),
        (("--sample-depth", "30", "--info", "QD"), "leave out --sample-depth"),
        (("--hold-out", "chr7"), "the calls have no such contig; they have synA, synB"),
        (("--hold-out", "synA", "-r", "synA:1-9000"), "they have synA_1_9000"),
        (("--hold-out", "synA,synB"), "no row lies elsewhere, so none is left to train on"),
        (("-r", "synA:20000000-20010000"), "--regions synA:20000000-20010000: synA has 40,000"),
        (("--regions-file", "beyond.bed"), "beyond.bed has a base of the reference"),
        (("--caller", "gatk=/nonexistent"), "there is no file /nonexistent"),
        (("-I", DATA / "reads.bam"), "are one file: give it once"),
    ],
)
def test_what_can_be_known_is_said_before_the_work(
    more: tuple[str | Path, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beyond.bed").write_text("synA\t40000\t50000\n")
    # The aligner's would be the words of a run that had begun.
    done = planted(tmp_path / "out", "--aligner", "false {reference} {reads}", *more)
    assert done.code in (1, 2)
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_files_of_the_folder_are_looked_at_before_the_work(tmp_path: Path) -> None:
    def failing(*more: object) -> str:
        done = planted(tmp_path, "--aligner", "false {reference} {reads}", *more)
        assert done.code in (1, 2)
        assert not list(tmp_path.glob("seed*"))
        return done.err

    make(tmp_path / "SYN1.seed1.bcftools.parquet")
    assert "bcftools.parquet is there already: --overwrite" in failing()
    assert "the aligner failed" in failing("--overwrite", "--hold-out", "synB")
    make(tmp_path / "_.._x_y.seed1.bcftools.parquet")
    assert "/_.._x_y.seed1.bcftools.parquet is there already" in failing("--name", "/../x y")
    assert "another data set of the folder trains on it" in failing(
        "--name", "a", "--hold-out", "synB"
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "the aligner failed: exit status 1"),
        ("cat > /dev/null; exit 7", "the aligner failed: exit status 7"),
        ("echo no index >&2; false", "the aligner failed: no index"),
        ("true", "the aligner failed: cannot read what it printed: "),
        ("yes", "the aligner failed: cannot read what it printed: "),  # until SIGPIPE ends it
    ],
)
def test_an_aligner_is_heard_before_what_reads_it(command: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        align(command, DATA / "ref.fa", tmp_path, tmp_path / "made.bam", {"ID": "a", "SM": "b"}, 1)


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


def bare(every: int) -> Edit:
    """Qualities of one read in so many are missing."""

    def edit(number: int, fields: list[str]) -> list[list[str]]:
        if not fields[0].startswith("@") and number % every == 0:
            fields[10] = "*"
        return [fields]

    return edit


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
    "without any": (one_in(1 << 40), "has no aligned reads, and planting needs reads"),
    "all duplicates": (duplicates, "100 % are marked as duplicates"),
    "none with qualities": (bare(1), "no read of"),
    "too few": (one_in(9), "nothing can be planted"),
}


@pytest.mark.parametrize("kind", READS)
def test_reads_that_will_not_do(kind: str, tmp_path: Path) -> None:
    edit, said = READS[kind]
    done = planted(tmp_path / "out", "--quiet", reads=edited(tmp_path / "reads.bam", edit))
    assert done.code in (1, 2)
    assert said in done.err
    assert done.err.count("\n") == 1


def test_no_read_over_the_regions(tmp_path: Path) -> None:
    def on_syn_b(_: int, fields: list[str]) -> list[list[str]]:
        return [fields] if fields[0].startswith("@") or fields[2] == "synB" else []

    reads = edited(tmp_path / "reads.bam", on_syn_b)
    done = planted(tmp_path / "out", "--quiet", "-r", "synA", reads=reads)
    assert "no read lies in the regions: nothing can be planted" in done.err


@pytest.mark.parametrize("is_most", [False, True])
def test_reads_without_qualities_are_left_out(is_most: bool, tmp_path: Path) -> None:
    """A third of them, or two thirds."""

    def edit(number: int, fields: list[str]) -> list[list[str]]:
        return bare(1 if (number % 3 == 0) != is_most else 1 << 40)(number, fields)

    reads, taken = edited(tmp_path / "reads.bam", edit), tmp_path / "taken.fq"
    aligner = f"cp {{reads}} {taken}; false {{reference}}"
    done = planted(tmp_path / "out", "--quiet", "--aligner", aligner, reads=reads)
    assert ("reads have no base qualities: such reads are left out" in done.err) == is_most
    with pysam.AlignmentFile(str(reads)) as bam:
        whole = sum(read.query_qualities is not None for read in bam if not read.flag & NOT_TAKEN)
    with pysam.FastxFile(str(taken)) as fastq:
        assert sum(1 for _ in fastq) == whole > 1000
