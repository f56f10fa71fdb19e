"""The walker's `--sample-depth`: taken, declared, refused and warned of as in `cnnscore score`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli, scores_of
from hosts.gatk import Ran, ToolHost
from hosts.plugin import bcftools
from hosts.read_files import as_duplicate, edit_reads, slice_reads, split_by_group
from hosts.server import Server, StartServer

READS, REFERENCE = DATA / "reads.bam", DATA / "ref.fa"
REGION = "synA:20000-21500"
KEY = "CNN_READS"


@dataclass(frozen=True)
class Scored:
    """What one door did."""

    said: str
    depth: list[str]
    """The header's lines of the depth."""
    scores: list[str | None]


class Doors:
    """The walker and the command, on one server with a network that looks at the depth."""

    def __init__(self, tools: ToolHost, server: Server, box: Path) -> None:
        self._tools, self._server, self._box = tools, server, box

    def run(self, out: Path, *options: object, reads: Path = READS) -> Ran:
        return self._tools.score(
            *("-V", self._box / "calls.vcf.gz", "-R", REFERENCE, "-I", reads, "-L", REGION),
            *("-O", out, "--server", self._server.address, *options),
        )

    def walker(self, *options: object, reads: Path = READS) -> Scored:
        out = self._box / "walker.vcf"
        ran = self.run(out, *options, reads=reads)
        assert ran.ok, ran.answer
        warnings = [line for line in ran.log.splitlines() if " WARN " in line]
        return Scored("\n".join(warnings), depth_lines(out), scores_of(out, KEY))

    def command(self, *options: object, reads: Path = READS) -> Scored:
        out = self._box / "command.vcf"
        run = run_cli(
            *("score", self._box / "calls.vcf.gz", "-R", REFERENCE, "-I", reads, "-r", REGION),
            *("-o", out, "--server", self._server.address, *options),
        )
        assert run.code == 0, run.err
        return Scored(run.err, depth_lines(out), scores_of(out, KEY))


def depth_lines(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line for line in lines if line.startswith("##cnnscore_sample_depth")]


@pytest.fixture
def doors(tools: ToolHost, start: StartServer, box: Path) -> Doors:
    return Doors(tools, start("reads"), box)


def rename_column(path: Path, sample: str) -> None:
    """Give the one sample of a VCF.gz another name, in place."""
    names = path.with_suffix(".names")
    names.write_text(sample)
    made = bcftools("reheader", "-s", names, path)
    assert made.code == 0, made.err
    path.write_bytes(made.out)
    index = bcftools("index", "-ft", path)
    assert index.code == 0, index.err


def test_a_slice_with_the_depth_of_the_whole(doors: Doors, box: Path) -> None:
    depth = run_cli("depth", READS).out.strip()
    whole = doors.walker()
    assert whole.depth == [f"##cnnscore_sample_depth=<ID={KEY},Depth={depth},Source=measured>"]
    assert "depth" not in whole.said
    assert len(whole.scores) > 3
    assert None not in whole.scores
    cut = slice_reads(box)
    measured = doors.walker(reads=cut)
    by_command = doors.command(reads=cut)
    assert (measured.depth, measured.scores) == (by_command.depth, by_command.scores)
    assert measured.scores != whole.scores
    (warning,) = [line for line in by_command.said.splitlines() if "cnnscore depth" in line]
    assert warning.partition("warning: ")[2].replace("`", "") in measured.said.replace("`", "")
    given = doors.walker("--sample-depth", depth, reads=cut)
    assert given.scores == whole.scores
    assert given.depth == [f"##cnnscore_sample_depth=<ID={KEY},Depth={depth},Source=given>"]
    assert "depth" not in given.said


@pytest.mark.parametrize("depth", ["7.5", "60", "0.1", "1234567", "0.00001234", "33.333333", "5."])
def test_is_what_the_command_takes(depth: str, doors: Doors) -> None:
    walker, command = (
        door("--sample-depth", depth, "--info-key", KEY) for door in (doors.walker, doors.command)
    )
    assert len(walker.depth) == 1
    assert (walker.depth, walker.scores) == (command.depth, command.scores)


def test_unknown_depth(doors: Doors, box: Path) -> None:
    """So few reads that it cannot be told."""
    edit_reads(box / "reads.bam", lambda number, _: number < 40)
    walker, command = (door(reads=box / "reads.bam") for door in (doors.walker, doors.command))
    assert "has too few reads to tell how deep the sample usually is" in walker.said
    assert "--sample-depth" in walker.said
    assert "Depth=unknown,Source=measured" in walker.depth[0]
    assert (walker.depth, walker.scores) == (command.depth, command.scores)


def share_reads(box: Path) -> None:
    """Every third read stays the sample's, which is somebody's from here on."""
    groups = [{"ID": "a", "SM": "a"}, {"ID": "b", "SM": "b"}]
    split_by_group(READS, box / "reads.bam", ["a", "b", "b"], groups)


def test_of_one_sample(doors: Doors, box: Path) -> None:
    """Of several in a file: the depth is of the reads that count over sites."""
    share_reads(box)
    reads = box / "reads.bam"
    depth = run_cli("depth", reads, "--sample", "a").out.strip()
    assert float(depth) < float(run_cli("depth", reads).out) / 2
    # The command takes one name for both the column and the reads.
    rename_column(box / "calls.vcf.gz", "a")
    command = doors.command("--sample", "a", reads=reads)
    walker = doors.walker("-RF", "SampleReadFilter", "--sample", "a", reads=reads)
    assert f"Depth={depth}," in walker.depth[0]
    assert (walker.depth, walker.scores) == (command.depth, command.scores)
    assert "depth" not in walker.said


def test_of_filtered_reads(doors: Doors, box: Path) -> None:
    """So it is with any filter of GATK's."""
    share_reads(box)
    reads = box / "reads.bam"
    by_sample = doors.walker("-RF", "SampleReadFilter", "--sample", "a", reads=reads)
    by_group = doors.walker("-RF", "ReadGroupReadFilter", "--keep-read-group", "a", reads=reads)
    assert (by_group.depth, by_group.scores) == (by_sample.depth, by_sample.scores)
    assert by_group.depth != doors.walker(reads=reads).depth


def test_no_read_counts(doors: Doors, box: Path) -> None:
    """Then that is what is said, and nothing of the depth."""
    edit_reads(box / "reads.bam", as_duplicate)
    ran = doors.run(box / "out.vcf", reads=box / "reads.bam")
    assert "no read of " in ran.answer
    assert "how deep" not in ran.log


@pytest.mark.parametrize(
    "text", ["0", "-3", "NaN", "Infinity", "1e3", "30f", "1000000000", "thirty", ""]
)
def test_no_depth(text: str, doors: Doors, box: Path) -> None:
    ran = doors.run(box / "out.vcf", "--sample-depth", text)
    assert not ran.ok
    assert "sample-depth" in ran.answer
    assert "network" not in ran.log  # no engine was asked
    assert not (box / "out.vcf").exists()


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_networks_that_do_not_look(
    kind: str, tools: ToolHost, servers: dict[str, Server], box: Path
) -> None:
    out = box / "out.vcf"
    inputs = ["-V", box / "calls.vcf.gz", "-R", REFERENCE, "-O", out]
    inputs += ["-I", READS] if kind == "reads" else []
    server = ("--server", servers[kind].address)
    ran = tools.score(*inputs, *server, "--sample-depth", "30")
    assert ran.answer.startswith("user error: "), ran.answer
    assert "does not look at the sample's depth: leave out --sample-depth" in ran.answer
    assert not out.exists()
    ran = tools.score(*inputs, *server)
    assert ran.ok, ran.answer
    assert depth_lines(out) == []


def test_the_line_is_of_the_scores_that_are_there(
    doors: Doors, tools: ToolHost, servers: dict[str, Server], box: Path
) -> None:
    """Scored again it is replaced; by a network that does not look at the depth, it goes."""
    first, second, third = (box / f"{name}.vcf.gz" for name in ("first", "second", "third"))
    inputs = ("-R", REFERENCE, "-I", READS)
    assert doors.run(first, "--sample-depth", "60").ok
    server = ("--server", doors._server.address)
    ran = tools.score("-V", first, *inputs, "-O", second, *server, "--sample-depth", "40")
    assert ran.ok, ran.answer
    with pysam.VariantFile(str(second)) as calls:
        lines = [x for x in str(calls.header).splitlines() if "cnnscore_sample_depth" in x]
    assert len(lines) == 1
    assert "Depth=40,Source=given" in lines[0]
    server = ("--server", servers["reads"].address)
    ran = tools.score("-V", second, *inputs, "-O", third, *server, "--info-key", KEY)
    assert ran.ok, ran.answer
    with pysam.VariantFile(str(third)) as calls:
        assert "cnnscore_sample_depth" not in str(calls.header)
        assert "cnnscore_model" in str(calls.header)
