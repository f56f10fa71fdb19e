"""Truth planted in the synthetic reads, as they are or changed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import DATA, Finished, run_cli
from hosts.training_data import need_extra

need_extra("pyarrow")
for tool in ("bwa", "samtools", "bcftools"):
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}: `make test` installs it", allow_module_level=True)


def planted(output: Path, *more: object, reads: Path = DATA / "reads.bam") -> Finished:
    files = ("-R", DATA / "ref.fa", "-I", reads, "--block", 2000, "-o", output)
    return run_cli("dataset", "--plant", *files, *more)


Edit = Callable[[int, list[str]], list[list[str]]]
"""A SAM line's number and fields -> lines in its place."""


def edited(target: Path, edit: Edit) -> Path:
    """The synthetic reads with each line of their SAM text changed."""
    text = subprocess.run(
        ["samtools", "view", "-h", DATA / "reads.bam"], capture_output=True, check=True, text=True
    ).stdout
    lines = [
        "\t".join(fields)
        for number, line in enumerate(text.splitlines())
        for fields in edit(number, line.split("\t"))
    ]
    subprocess.run(
        ["samtools", "view", "-b", "-o", target, "-"],
        input="".join(f"{line}\n" for line in lines),
        check=True,
        text=True,
    )
    subprocess.run(["samtools", "index", target], check=True)
    return target


def of_two_samples(number: int, fields: list[str]) -> list[list[str]]:
    if fields[0] == "@RG":
        return [fields, ["@RG", "ID:rg2", "SM:SYN2"]]
    if number % 3 or fields[0].startswith("@"):
        return [fields]
    return [[field.replace("RG:Z:rg1", "RG:Z:rg2") for field in fields]]
