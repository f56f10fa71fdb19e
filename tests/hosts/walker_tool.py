"""GATK's tool in the shared JVM, on a server of the test, and calls for it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from conftest import DATA
from hosts.gatk import Ran, ToolHost
from hosts.server import Server

REFERENCE, CALLS, READS = DATA / "ref.fa", DATA / "calls.vcf.gz", DATA / "reads.bam"
LINES = gzip.decompress(CALLS.read_bytes()).decode().splitlines(keepends=True)
HEADER = [line for line in LINES if line.startswith("#")]
RECORDS = LINES[len(HEADER) :]


class Tool:
    """The tool on a network that looks at reads, or does not."""

    def __init__(self, tools: ToolHost, servers: dict[str, Server], out: Path) -> None:
        self._tools, self._servers, self.out = tools, servers, out

    def score(self, calls: Path, *reads: Path, options: tuple[str, ...] = ()) -> Ran:
        return self._tools.score(*self.inputs(calls, *reads), "-V", calls, "-O", self.out, *options)

    def inputs(self, calls: Path, *reads: Path) -> list[object]:
        server = self._servers["reads" if reads else "reference"].address
        given = (word for path in reads for word in ("-I", path))
        return ["-R", REFERENCE, "--server", server, *given]

    def refused(self, calls: Path, *reads: Path) -> str:
        """What it says."""
        ran = self.score(calls, *reads)
        assert ran.answer.startswith("user error: "), ran.answer
        assert not self.out.exists()
        return ran.answer


@pytest.fixture
def tool(tools: ToolHost, servers: dict[str, Server], tmp_path: Path) -> Tool:
    return Tool(tools, servers, tmp_path / "out.vcf")


def written(path: Path, records: list[str], header: list[str] = HEADER) -> Path:
    path.write_text("".join([*header, *records]))
    return path
