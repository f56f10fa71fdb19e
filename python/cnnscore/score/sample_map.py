"""A table of a cohort's samples -> where the reads of each lie."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

from cnnscore.errors import BadInput
from cnnscore.files import table_lines


@dataclass(frozen=True)
class SampleReads:
    """A row of the table."""

    sample: str
    reads: tuple[str, ...]
    depth: float | None
    """How deep the sample usually is; None: measured in the reads."""
    row: int
    """Its line in the table, from 1 on."""


def read_sample_map(path: str) -> list[SampleReads]:
    """The rows of a table with tabs and without a header line, as GenomicsDBImport's sample name
    map: the sample, its BAM or CRAM files with commas between, and where it is known its depth.
    Relative names are relative to where the command runs. Empty lines are passed over.

    Errors: BadInput that names the row.
    """
    rows = list(_rows(path, table_lines(path, f"the sample map {path}")))
    if not rows:
        raise BadInput(f"the sample map {path} has no row: sample, tab, reads")
    return rows


def _rows(path: str, lines: list[str]) -> Iterator[SampleReads]:
    known: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}: row {number}"
        fields = [field.strip() for field in line.split("\t")]
        if not 2 <= len(fields) <= 3:
            raise BadInput(
                f"{where} has {len(fields)} field{'s' * (len(fields) != 1)} between tabs: give a "
                "sample, its reads (BAM or CRAM, commas between) and, if wanted, its depth"
            )
        sample, files = fields[0], [name.strip() for name in fields[1].split(",")]
        if not sample or not all(files):
            raise BadInput(f"{where} lacks the {'name of a read file' if sample else 'sample'}")
        if sample in known:
            raise BadInput(
                f"{where} has the sample {sample} of row {known[sample]}: give all its reads in "
                "one row, commas between"
            )
        places: dict[str, str] = {}
        for file in files:
            place = os.path.realpath(file)
            if place in places:
                raise BadInput(f"{where} ({sample}) has {file} twice: its reads would count twice")
            places[place] = file
        known[sample] = number
        depth = _depth(fields[2], f"{where} ({sample})") if len(fields) == 3 else None
        yield SampleReads(sample, tuple(files), depth, number)


def _depth(text: str, where: str) -> float | None:
    if text in ("", "."):
        return None
    try:
        depth = float(text)
    except ValueError:
        depth = math.nan
    if not 0 < depth < math.inf:
        raise BadInput(
            f"{where} has the depth {text}: give a number above 0, as `cnnscore depth` prints it, "
            "or leave it out"
        )
    return depth
