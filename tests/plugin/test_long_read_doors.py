"""Long reads, deep enough that a job is scored in parts: the same scores however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cnnscore
from cnnscore.batch import WindowBatch
from cnnscore.calls import windows as reader
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from conftest import DATA, run_cli, scores_of
from hosts.plugin import plugin
from hosts.server import StartServer

CALLS, REF = DATA / "calls.vcf.gz", DATA / "ref.fa"


def by_command(out: Path, reads: Path, network: str, *more: object, threads: int = 2) -> bytes:
    arguments = [CALLS, "-R", REF, "-I", reads, "-m", network, "--threads", threads, *more]
    run = run_cli("score", *arguments, "--no-version", "-O", "v", "-o", out)
    assert run.code == 0, run.err
    return out.read_bytes()


def by_plugin(reads: Path, network: str, *more: object) -> bytes:
    arguments = ["-f", REF, "-b", reads, "-m", network, "--threads", 2, *more]
    run = plugin(CALLS, *arguments, "--no-version")
    assert run.code == 0, run.err
    return run.out


@pytest.fixture
def networks(tiny: dict[str, str], stand_ins: dict[str, str]) -> dict[str, str]:
    return {"gatk": tiny["reads"], "primary": stand_ins["read-set"]}


@pytest.mark.parametrize("rule", ["gatk", "primary"])
def test_a_job_is_scored_in_parts(
    rule: str, networks: dict[str, str], long_reads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests below are about: a job's reads are more than a batch may have."""
    parts: list[int] = []
    counted = WindowReader.parts

    def parts_of(
        self: WindowReader, sites: WindowBatch, to: WindowBuffers
    ) -> Iterator[WindowBatch]:
        for part in counted(self, sites, to):
            parts.append(len(part))
            yield part

    monkeypatch.setattr(WindowReader, "parts", parts_of)
    with cnnscore.open(model=networks[rule]) as scorer:
        jobs = -(-294 // scorer.engine.description.sites_per_job)
        table = scorer.table(CALLS, reference=REF, reads=long_reads)
    assert sum(parts) == len(table) == 294
    assert len(parts) > jobs + 1


@pytest.mark.parametrize("more", [[], ["--downsampling", "gatk"]])
def test_gatk_tensors_at_all_doors(
    more: list[str], networks: dict[str, str], long_reads: Path, tmp_path: Path
) -> None:
    wanted = by_command(tmp_path / "a.vcf", long_reads, networks["gatk"], *more, threads=1)
    assert wanted == by_command(tmp_path / "a.vcf", long_reads, networks["gatk"], *more)
    assert wanted == by_plugin(long_reads, networks["gatk"], *more)


@pytest.mark.parametrize("more", [[], ["--per-allele"], ["--annotations", "reads"]])
def test_read_sets_at_all_doors(
    more: list[str], networks: dict[str, str], long_reads: Path, tmp_path: Path
) -> None:
    wanted = by_command(tmp_path / "a.vcf", long_reads, networks["primary"], *more, threads=1)
    assert wanted == by_command(tmp_path / "a.vcf", long_reads, networks["primary"], *more)
    assert wanted == by_plugin(long_reads, networks["primary"], *more)


@pytest.mark.parametrize("rule", ["gatk", "primary"])
def test_by_a_server(
    rule: str, networks: dict[str, str], long_reads: Path, tmp_path: Path, start: StartServer
) -> None:
    """Its messages are smaller than a job too."""
    wanted = by_command(tmp_path / "a.vcf", long_reads, networks[rule])
    server = start(networks[rule], "--max-message", 1)
    assert wanted == by_command(tmp_path / "a.vcf", long_reads, server.address)
    assert wanted == by_plugin(long_reads, server.address)


@pytest.mark.parametrize("rule", ["gatk", "primary"])
@pytest.mark.parametrize("batch_bytes", [1, 100_000, 1 << 40])
def test_whole_reads_and_any_size_of_batches(
    rule: str,
    batch_bytes: int,
    networks: dict[str, str],
    long_reads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_command(tmp_path / "a.vcf", long_reads, networks[rule])
    of_network = ReaderOptions.of_network
    monkeypatch.setattr(reader, "BATCH_BYTES", batch_bytes)
    monkeypatch.setattr(
        ReaderOptions,
        "of_network",
        lambda *arguments: replace(of_network(*arguments), whole_reads=True),
    )
    output = tmp_path / "whole.vcf"
    with cnnscore.open(model=networks[rule]) as scorer:
        scorer.score(CALLS, reference=REF, reads=long_reads, output=output)
    key = {"gatk": "CNN_2D", "primary": "CNN_READS"}[rule]
    scores = scores_of(output, key)
    assert len(set(scores)) > 200
    assert scores == scores_of(tmp_path / "a.vcf", key)
