"""Operators of a CIGAR that htsjdk does not know: a user's error, as at the other doors."""

from __future__ import annotations

from pathlib import Path

from conftest import DATA
from hosts.cigars import with_back
from hosts.gatk import ToolHost
from hosts.server import Server


def test_the_operator_b(
    box: Path, tools: ToolHost, servers: dict[str, Server], tmp_path: Path
) -> None:
    inputs = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", with_back(box, 10))
    out = tmp_path / "out.vcf"
    ran = tools.score(*inputs, "-O", out, "--server", servers["reads"].address)
    assert ran.answer.startswith("user error: "), ran.answer
    assert "back.bam" in ran.answer, ran.answer
    assert not out.exists()
