"""`bcftools +cnnscore --sample-map` of a thousand samples: few files are open at a time."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conftest import run_cli
from hosts.cohorts import REF, carries, rows, small_reads, write_cohort, write_map
from hosts.plugin import environment

SAMPLES = 1000


def test_a_thousand_samples(stand_ins: dict[str, str], tmp_path: Path) -> None:
    """With 64 descriptors in all, on more threads than there are cores: the command's bytes."""
    many = small_reads(tmp_path, SAMPLES, end=300)
    columns = {name: carries(i, 4) for i, (name, _) in enumerate(many)}
    calls, out = write_cohort(tmp_path / "calls.vcf", rows(4), columns), tmp_path / "out.vcf"
    table = write_map(tmp_path / "map.tsv", *((*row, 30) for row in many))
    common = ("--sample-map", table, "-m", stand_ins["read-set"], "--no-version", "-o")
    words = ("bcftools", "+cnnscore", calls, "-f", REF, *common, out, "--threads", 4)
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -n 64; exec "$@"', "-", *map(str, words)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert limited.returncode == 0, limited.stderr
    assert (
        "1,000 of 1,000 carriers scored at 4 of 4 sites, reads of 1,000 samples" in limited.stderr
    )
    other = tmp_path / "other.vcf"
    assert run_cli("score", calls, "-R", REF, *common, other).code == 0
    assert out.read_bytes() == other.read_bytes()
