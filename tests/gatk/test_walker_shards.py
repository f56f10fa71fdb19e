"""Shards of a scatter, joined again: docs/tasks/gatk.md on a deletion that two of them have."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from conftest import DATA
from hosts.gatk import ToolHost
from hosts.plugin import bcftools
from hosts.server import Server

Records = list[tuple[str, ...]]


def as_bcftools_writes(path: Path) -> Path:
    """It writes numbers anew: 1.00 is 1."""
    out = path.with_suffix(".b.gz")
    run = bcftools("view", "--no-version", "-Oz", "-o", out, path)
    assert run.code == 0, run.err
    return out


def records_of(path: Path) -> Records:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    return [tuple(line.split("\t")) for line in text.splitlines() if not line.startswith("#")]


@pytest.fixture
def shards(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> tuple[list[Path], tuple[str, ...], Records]:
    """Two that meet within a deletion; that record, scored; and all records, scored at once."""
    inputs = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa")
    server = ("--server", servers["reference"].address)
    whole = tmp_path / "whole.vcf.gz"
    assert tools.score(*inputs, "-O", whole, *server, "-L", "synA").ok
    everything = records_of(whole)
    cut = next(record for record in everything[100:] if len(record[3]) > 3)
    border = int(cut[1]) + 1
    made = []
    for name, span in (("a", f"1-{border}"), ("b", f"{border + 1}+")):
        made.append(tmp_path / f"{name}.vcf.gz")
        assert tools.score(*inputs, "-O", made[-1], *server, "-L", f"synA:{span}").ok
    return made, cut, everything


def test_a_deletion_over_the_border(
    shards: tuple[list[Path], tuple[str, ...], Records], tools: ToolHost, tmp_path: Path
) -> None:
    made, cut, everything = shards
    first, second = (records_of(path) for path in made)
    assert "CNN_1D=" in cut[7]
    assert first[-1] == second[0] == cut  # the same score, too
    assert first + second[1:] == everything
    gathered, merged, joined = (tmp_path / f"{name}.vcf.gz" for name in ("g", "m", "j"))
    given = [word for path in made for word in ("-I", path)]
    for tool, out in (("GatherVcfs", gathered), ("MergeVcfs", merged)):
        ran = tools.run(tool, *given, "-O", out)
        assert ran.ok, ran.answer
        assert records_of(out) == first + second
    run = bcftools("concat", "-a", "-D", "--no-version", "-Oz", "-o", joined, *made)
    assert run.code == 0, run.err
    assert records_of(joined) == records_of(as_bcftools_writes(tmp_path / "whole.vcf.gz"))


def test_shards_that_meet_between_calls(
    tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    """As by contig: GatherVcfs makes one file of them."""
    made = []
    for contig in ("synA", "synB"):
        made.append(tmp_path / f"{contig}.vcf.gz")
        ran = tools.score(
            *("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-O", made[-1], "-L", contig),
            *("--server", servers["reference"].address),
        )
        assert ran.ok, ran.answer
    whole = tmp_path / "whole.vcf.gz"
    given = [word for path in made for word in ("-I", path)]
    ran = tools.run("GatherVcfs", *given, "-O", whole)
    assert ran.ok, ran.answer
    assert records_of(whole) == [record for path in made for record in records_of(path)]
