"""A network that gives NaN for the user's sites: the walker ends as the other doors do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import DATA, scores_of
from hosts.foreign_network import write_foreign
from hosts.gatk import ToolHost
from hosts.server import Server, start_server

HEADER = """##fileformat=VCFv4.2
##contig=<ID=synA,length=40000>
##INFO=<ID=MQ,Number=1,Type=Float,Description="">
##INFO=<ID=DP,Number=1,Type=Integer,Description="">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Of a network that has no score at sites whose MQ is not 60."""
    folder = tmp_path_factory.mktemp("odd")
    network = write_foreign(folder / "odd.onnx", "nan at other MQ")
    running = start_server(folder, model=str(network))
    yield running
    running.stop()


def calls(folder: Path, mapping_qualities: list[str]) -> Path:
    rows = []
    for at, mq in enumerate(mapping_qualities, 200):
        region = f"synA:{at}-{at}"
        done = subprocess.run(
            ["samtools", "faidx", str(DATA / "ref.fa"), region],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        ref = done.stdout.splitlines()[1]
        alt = "ACGT"[("ACGT".find(ref) + 1) % 4]
        rows.append(f"synA\t{at}\t.\t{ref}\t{alt}\t50\t.\tMQ={mq};DP=20\n")
    path = folder / "calls.vcf"
    path.write_text(HEADER + "".join(rows))
    return path


@pytest.mark.parametrize(
    ("qualities", "said"),
    [
        (["40", "40"], "has no finite score (NaN) for any of the 2 sites"),
        (["60", "40", "60"], "has no finite score (NaN) for 1 of 3 sites"),
        (["60", "60"], ""),
        (["Infinity", "Infinity"], ""),
    ],
    ids=["none", "some", "all", "infinite annotations"],
)
def test_sites_without_a_score(
    tools: ToolHost, server: Server, tmp_path: Path, qualities: list[str], said: str
) -> None:
    out = tmp_path / "out.vcf"
    ran = tools.score(
        "-V", calls(tmp_path, qualities), "-R", DATA / "ref.fa", "-O", out,
        "--server", server.address,
    )  # fmt: skip
    if "any" in said:
        assert not ran.ok
        assert said in ran.answer
        assert [path.name for path in tmp_path.iterdir()] == ["calls.vcf"]
        return
    assert ran.ok, ran.answer
    assert said in ran.log
    assert ("no finite score" in ran.log) == bool(said)
    expected = [mq == "60" for mq in qualities]
    assert [score is not None for score in scores_of(out, "CNN_1D")] == expected
