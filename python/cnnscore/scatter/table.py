"""A table of samples -> the call files that a plan scores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cnnscore.errors import BadInput
from cnnscore.files import table_lines
from cnnscore.progress import counted

COLUMNS = ("calls", "reads", "sample", "out")
NEEDED = ("calls", "out")


@dataclass(frozen=True)
class Job:
    """A call file to score, as the command line or a row of a table has it."""

    calls: str
    reads: tuple[str, ...]
    output: str
    sample: str | None = None
    line: int | None = None
    """Of the table, from 1 on."""


def read_table(path: str) -> list[Job]:
    """The rows of a table with tabs: `calls` and `out`, and where they are wanted `reads` (files
    with commas between) and `sample`. Its first line names the columns, in any order. Blanks around
    names, and lines of blanks, are passed over.

    Errors: BadInput that names the line.
    """
    head, *lines = table_lines(path, path)
    if not head.strip():
        raise BadInput(f"{path} has no columns: its first line names them, {' and '.join(NEEDED)}")
    names = [name.strip() for name in head.removeprefix("#").split("\t")]
    for name in names:
        if name not in COLUMNS:
            raise BadInput(f"{path} has a column {name!r}; known are {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise BadInput(f"{path} has the column {name} twice")
    for name in NEEDED:
        if name not in names:
            raise BadInput(f"{path} has no column {name}: its first line names the columns")
    jobs = list(_jobs(path, names, lines))
    if not jobs:
        raise BadInput(f"{path} has no row")
    _check_outputs(path, jobs)
    return jobs


def _check_outputs(path: str, jobs: list[Job]) -> None:
    """No row replaces what another one reads, or the table. Its own calls it may."""
    read = {os.path.realpath(path): "the table"}
    for job in jobs:
        for name in (job.calls, *job.reads):
            read[os.path.realpath(name)] = f"an input of line {job.line}"
    for job in jobs:
        place = os.path.realpath(job.output)
        if place in read and place != os.path.realpath(job.calls):
            raise BadInput(f"{path}: line {job.line} has as its out {job.output}, {read[place]}")


def _jobs(path: str, names: list[str], lines: list[str]) -> Iterator[Job]:
    outputs: dict[str, int] = {}
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != len(names):
            raise BadInput(
                f"{path}: line {number} has {counted(len(fields), 'field')}, and "
                f"{len(names)} columns are named"
            )
        row = dict(zip(names, fields, strict=True))
        for name in NEEDED:
            if not row[name] or row[name] == "-":
                told = f"the {name} -" if row[name] else f"no {name}"
                raise BadInput(f"{path}: line {number} has {told}: give a file")
        place = os.path.realpath(row["out"])
        if place in outputs:
            raise BadInput(f"{path}: line {number} has the out of line {outputs[place]}")
        outputs[place] = number
        reads = [name.strip() for name in row.get("reads", "").split(",")]
        if not all(reads) and len(reads) > 1:
            raise BadInput(f"{path}: line {number} lacks the name of a read file")
        yield Job(
            row["calls"], tuple(filter(None, reads)), row["out"], row.get("sample") or None, number
        )
