"""`score --sample-map` of hundreds of samples: faults of any row are found before the first site,
and few files are open at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from hosts.cohorts import (
    REF,
    carries,
    none,
    refused,
    rows,
    score,
    small_reads,
    write_cohort,
    write_map,
)

SAMPLES = 320


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """A small read file for each sample, with reads over the first records."""
    return small_reads(tmp_path_factory.mktemp("many"), SAMPLES)


def test_a_missing_index_in_row_317(many: list[tuple[str, Path]], tmp_path: Path) -> None:
    """Of several faults that of the first row is told; nobody need carry."""
    bare = tmp_path / "bare.bam"
    shutil.copy(many[316][1], bare)
    table = [*many[:316], ("S316", bare), ("S317", tmp_path / "no.bam"), *many[318:]]
    calls = write_cohort(tmp_path / "calls.vcf", rows(3), {name: none for name, _ in many})
    path, out = write_map(tmp_path / "map.tsv", *table), tmp_path / "out.vcf"
    for threads in (1, 3):
        run = score(calls, path, out, "--threads", threads)
        refused(run, out, f"{path}: row 317 (S316): {bare} has no index: make one with")


def rewritten(source: Path, path: Path, change: Callable[[dict[str, str | int]], object]) -> Path:
    """The reads with another header: `change` of each contig's line."""
    with pysam.AlignmentFile(str(source)) as reads:
        head = reads.header.to_dict()
        for line in head["SQ"]:
            change(line)
        with pysam.AlignmentFile(str(path), "wb", header=head) as target:
            for read in reads:
                target.write(read)
    pysam.index(str(path))
    return path


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            lambda line: line.update(LN=50_000) if line["SN"] == "synB" else None,
            "contig synB has 50000 bases in {path} but 12000 in the reference {ref}: give the",
        ),
        (
            lambda line: line.update(SN=f"chr{line['SN']}"),
            "{path} has no contig of the reference {ref}: were its reads aligned to another",
        ),
    ],
)
def test_mixed_references(
    many: list[tuple[str, Path]],
    tmp_path: Path,
    change: Callable[[dict[str, str | int]], object],
    error: str,
) -> None:
    """Found whoever carries, and wherever: no record lies on synB here."""
    other = rewritten(many[2][1], tmp_path / "other.bam", change)
    table = write_map(tmp_path / "map.tsv", *many[:2], ("S2", other))
    columns = {"S0": carries(0, 1), "S1": none, "S2": none}
    calls, out = write_cohort(tmp_path / "calls.vcf", rows(3), columns), tmp_path / "out.vcf"
    text = error.format(path=other, ref=REF)
    refused(score(calls, table, out), out, f"{table}: row 3 (S2): {text}")


def test_few_files_are_open(many: list[tuple[str, Path]], tmp_path: Path) -> None:
    """320 samples of which each carries something, and 130 descriptors in all."""
    columns = {name: carries(i, 4) for i, (name, _) in enumerate(many)}
    calls, out = write_cohort(tmp_path / "calls.vcf", rows(4), columns), tmp_path / "out.vcf"
    table = write_map(tmp_path / "map.tsv", *((*row, 30) for row in many))
    words = [sys.executable, "-m", "cnnscore", "score", calls, "-R", REF, "--sample-map", table]
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -n 130; exec "$@"', "-", *map(str, words), "-o", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert limited.returncode == 0, limited.stderr
    assert "320 of 320 carriers scored at 4 of 4 sites, reads of 320 samples" in limited.stderr
    free = tmp_path / "free.vcf"
    assert score(calls, table, free, "--max-open-files", 1000).code == 0

    def records(path: Path) -> list[str]:
        return [line for line in path.read_text().splitlines() if not line.startswith("##")]

    assert records(out) == records(free)
