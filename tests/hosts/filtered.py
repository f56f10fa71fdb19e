"""`cnnscore filter`, run on a file, and what a plain VCF has afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conftest import run_cli
from hosts.tranche_runs import filter_column, filter_lines

CUTOFFS = {"SNP": {"99.0": 1.2, "99.9": -0.5}, "INDEL": {"99.0": 0.3, "99.9": -2.0}}
"""Cut-offs that a network may have of its own."""


def run_filter(out: Path, calls: object, *arguments: object) -> list[str]:
    """The FILTER column."""
    done = run_cli("filter", calls, "-o", out, "--quiet", "--log-level", "error", *arguments)
    assert done.code == 0, done.err
    return filter_column(out)


def header(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith("##")]


def info(path: Path, key: str) -> list[str | None]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    fields = [
        dict(item.partition("=")[::2] for item in line.split("\t")[7].split(";")) for line in lines
    ]
    return [field.get(key) for field in fields]


def alleles(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [line.split("\t")[3:5] for line in lines]


def filter_text(path: Path) -> str:
    return "\n".join(filter_lines(path))


def write_vcf(path: Path, rows: Sequence[tuple[str, str, object]], model: str = "") -> Path:
    """Records 10 bases apart: REF, ALT, CNN_1D; `model` is a header line."""
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=chr1,length=90000>",
        '##INFO=<ID=CNN_1D,Number=1,Type=Float,Description="Score">',
        *([model] if model else []),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    for i, (ref, alt, score) in enumerate(rows):
        lines.append(f"chr1\t{10 * i + 10}\t.\t{ref}\t{alt}\t30\t.\tCNN_1D={score}")
    path.write_text("\n".join(lines) + "\n")
    return path
