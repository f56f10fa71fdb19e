"""Intervals on as many contigs as an assembly's draft has: the time grows with their number."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from cnnscore.calls.records import Calls, Intervals

FEW, MANY = 10_000, 100_000
MOST = 3.0
"""So many times more per contig: quadratic would be ten."""


def _calls(folder: Path, n: int) -> Path:
    path = folder / f"{n}.vcf"
    contigs = "".join(f"##contig=<ID=c{i},length=1000>\n" for i in range(n))
    records = "".join(f"c{i}\t10\t.\tA\tC\t9\t.\t.\n" for i in range(n))
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(f"##fileformat=VCFv4.2\n{contigs}{columns}{records}")
    packed = path.with_suffix(".vcf.gz")
    subprocess.run(["bcftools", "view", "-Oz", "-o", packed, path], check=True)
    subprocess.run(["bcftools", "index", "-t", packed], check=True)
    return packed


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("contigs")
    return {n: _calls(folder, n) for n in (FEW, MANY)}


@pytest.mark.parametrize("kind", ["targets_file", "regions_file", "targets", "regions"])
def test_contigs_in_any_order(kind: str, files: dict[int, Path], tmp_path: Path) -> None:
    seconds = {}
    for n, path in files.items():
        names = [f"c{i * 7919 % n}" for i in range(n)]  # a prime: each once, no two neighbours
        bed = tmp_path / f"{n}.bed"
        bed.write_text("".join(f"{name}\t0\t20\n" for name in names))
        asked = str(bed) if kind.endswith("file") else ",".join(names)
        begin = time.process_time()
        Calls(str(path), intervals=Intervals(**{kind: asked})).close()
        seconds[n] = time.process_time() - begin
    assert seconds[MANY] / MANY < MOST * seconds[FEW] / FEW


def test_contigs_of_the_reference_alone(files: dict[int, Path], tmp_path: Path) -> None:
    """Each is looked for among those of the index."""
    seconds = {}
    for n, path in files.items():
        reference, bed = tmp_path / f"{n}.fa", tmp_path / f"{n}.bed"
        reference.write_text("".join(f">other{i}\nACGT\n" for i in range(n)))
        subprocess.run(["samtools", "faidx", reference], check=True)
        bed.write_text("".join(f"other{i}\t0\t2\n" for i in range(n)))
        begin = time.process_time()
        intervals = Intervals(targets_file=str(bed))
        Calls(str(path), intervals=intervals, reference=str(reference)).close()
        seconds[n] = time.process_time() - begin
    assert seconds[MANY] / MANY < MOST * seconds[FEW] / FEW
