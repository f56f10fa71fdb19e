"""Plans of many shards: what one more of them costs, and what those that fail leave."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cnnscore.calls import read_checks
from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import Intervals
from cnnscore.errors import BadInput
from cnnscore.scatter.shards import cut_into_shards
from cnnscore.scatter.task import Task, score_shards
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions
from cnnscore.version import __version__
from conftest import DATA, run_cli, run_process

REF = DATA / "ref.fa"


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic calls; all but the last twenty have a REF that the reference has not."""
    path = tmp_path_factory.mktemp("bad") / "bad.vcf.gz"
    text = subprocess.check_output(["bcftools", "view", DATA / "calls.vcf.gz"], text=True)
    lines = text.splitlines()
    for i, line in enumerate(lines[:-20]):
        if not line.startswith("#"):
            fields = line.split("\t")
            fields[3] = fields[3].translate(str.maketrans("ACGT", "CATG"))
            fields[4] = "<DEL>"
            lines[i] = "\t".join(fields)
    text = "\n".join(lines) + "\n"
    subprocess.run(["bcftools", "view", "-Oz", "-o", path], input=text, text=True, check=True)
    subprocess.run(["bcftools", "index", "-t", path], check=True)
    return path


def test_the_folder_of_shards_is_not_looked_through_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    list_folder = os.listdir

    def counted(path: str | Path = ".") -> list[str]:
        listed.append(str(path))
        return list_folder(path)

    monkeypatch.setattr(os, "listdir", counted)
    times = []
    for shards in (3, 12):
        listed.clear()
        calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-o", tmp_path / "out.vcf")
        run = run_cli(*calls, "--work", tmp_path / "work", "--shards", shards)
        assert run.code == 0, run.err
        times.append(len(listed))
    assert times[0] == times[1], listed


def tasks_of(
    calls: Path, folder: Path, number: int, *, reads: tuple[str, ...] = (), threads: int = 1
) -> list[Task]:
    """The shards of a call file."""
    return [
        Task(
            name=f"1-{i:06}",
            engine=EngineSettings(),
            network="",
            version=__version__,
            calls=str(calls),
            reference=str(REF),
            reads=reads,
            options=ScoreOptions(
                intervals=Intervals(regions=shard.regions(), regions_overlap="pos"),
                sample_depth=30 if reads else None,
                is_shard=True,
            ),
            written=OutputOptions(output_type="z"),
            output=str(folder / f"{i}.vcf.gz"),
            logs=str(folder),
            threads=threads,
            sites=shard.sites,
        )
        for i, shard in enumerate(cut_into_shards(str(calls), number))
    ]


def test_a_shard_that_fails_leaves_no_file_open(bad: Path, tmp_path: Path) -> None:
    """Also while its error is kept."""
    engine = EngineSettings(model="reference").open(has_reads=False)
    tasks = tasks_of(bad, tmp_path, 20)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    outcomes = [outcome for _, outcome in score_shards(tasks, engine)]
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    assert sum(isinstance(outcome, BadInput) for outcome in outcomes) == len(tasks) - 1


def test_those_that_can_be_scored_are_whatever_the_others_are(bad: Path, tmp_path: Path) -> None:
    """With fewer files than shards."""
    words = ("score", bad, "-R", REF, "-o", tmp_path / "out.vcf", "--work", tmp_path / "work")
    run = run_process(*words, "--shards", 250, "--threads", 1, limit="-n 100")
    said = run.stderr.decode()
    assert run.returncode == 2, said
    done = (tmp_path / "work" / "shards.jsonl").read_text().count("sha256")
    assert done >= 5, said
    assert "has REF" in said


def test_so_it_is_with_call_files(bad: Path, tmp_path: Path) -> None:
    """None of these can be planned, but for the last."""
    reads, good = DATA / "reads.bam", DATA / "calls.vcf.gz"
    rows = [f"{good}\t{reads}\tNOBODY\t{tmp_path}/{i}.vcf" for i in range(120)]
    rows.append(f"{good}\t{reads}\t\t{tmp_path}/good.vcf")
    table = tmp_path / "samples.tsv"
    table.write_text("\n".join(["calls\treads\tsample\tout", *rows]) + "\n")
    words = ("score", "--table", table, "-R", REF, "--work", tmp_path / "work", "--threads", 1)
    run = run_process(*words, limit="-n 100")
    said = run.stderr.decode()
    assert run.returncode == 2, said
    assert "120 of 121 call files are not scored, the others are" in said
    assert (tmp_path / "good.vcf").exists()


def test_damaged_reads_fail_the_shards_that_they_fail_alone(tmp_path: Path) -> None:
    """A reader that goes on from another shard may pass the damage before it comes to its site."""
    reads = tmp_path / "reads.cram"
    for command in (
        f"samtools view -C -T {REF} --output-fmt-option seqs_per_slice=300 -o {reads} "
        f"{DATA}/reads.bam",
        f"samtools index {reads}",
    ):
        subprocess.run(["bash", "-ec", command], check=True)
    content = bytearray(reads.read_bytes())
    for begin in (len(content) // 3, 2 * len(content) // 3):
        content[begin : begin + 60] = bytes(byte ^ 0x5A for byte in content[begin : begin + 60])
    reads.write_bytes(content)
    os.utime(f"{reads}.crai")
    engine = EngineSettings(model="reads").open(has_reads=True)
    tasks = tasks_of(DATA / "calls.vcf.gz", tmp_path, 40, reads=(str(reads),), threads=4)

    def failing(parts: list[list[Task]]) -> list[str]:
        outcomes = [one for part in parts for one in score_shards(part, engine)]
        return [task.name for task, outcome in outcomes if isinstance(outcome, BadInput)]

    alone = failing([[task] for task in tasks])
    assert 1 < len(alone) < 20
    assert failing([tasks]) == alone


def test_reads_without_groups_in_one_part_of_a_file(
    gatk_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process meets reads that have some before it could give up; so may the shards beside."""
    reads = tmp_path / "reads.bam"
    command = (
        f"samtools view -h {DATA}/reads.bam | sed '/\tsynB\t/s/\tRG:Z:[^\t]*//' | "
        f"samtools view -bo {reads} && samtools index {reads}"
    )
    subprocess.run(["bash", "-ec", command], check=True)
    monkeypatch.setattr(read_checks, "READS_WITHOUT_GROUP", 50)
    model = ("-m", gatk_models / "gatk-2d.onnx", "--no-version", "-o")
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-I", reads, *model)
    one, out = tmp_path / "one.vcf", tmp_path / "out.vcf"
    assert run_cli(*calls, one).code == 0
    run = run_cli(*calls, out, "--work", tmp_path / "work", "--shards", 6)
    assert run.code == 0, run.err
    assert out.read_bytes() == one.read_bytes()


def test_reads_of_which_none_has_a_group(
    gatk_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No shard can do without, and none is scored to its end."""
    reads = tmp_path / "reads.bam"
    command = (
        f"samtools view -h {DATA}/reads.bam | sed 's/\tRG:Z:[^\t]*//' | "
        f"samtools view -bo {reads} && samtools index {reads}"
    )
    subprocess.run(["bash", "-ec", command], check=True)
    monkeypatch.setattr(read_checks, "READS_WITHOUT_GROUP", 50)
    calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-I", reads, "-o", tmp_path / "out.vcf")
    work = ("-m", gatk_models / "gatk-2d.onnx", "--work", tmp_path / "work", "--shards", 2)
    run = run_cli(*calls, *work)
    assert run.code == 2, run.err
    assert "2 of 2 shards cannot be scored" in run.err
    assert "has a read group" in run.err
