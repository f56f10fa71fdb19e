"""A table of samples -> the call files that a plan scores."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from cnnscore.calls.output import file_keys
from cnnscore.errors import BadInput
from cnnscore.files import table_lines
from cnnscore.progress import counted
from cnnscore.scatter.cohort_task import CohortFiles

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
    cohort: CohortFiles | None = None
    """In place of `reads` and `sample`."""


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
    """No row replaces what another one reads, the table, or what another one writes. Its own calls
    it may.
    """
    read = {file_keys(path)[0]: "the table"}
    written: dict[Hashable, int] = {}
    for job in jobs:
        for name in (job.calls, *job.reads):
            read |= dict.fromkeys(file_keys(name), f"an input of line {job.line}")
    for job in jobs:
        out = file_keys(job.output)[0]
        if out in read and out != file_keys(job.calls)[0]:
            raise BadInput(f"{path}: line {job.line} has as its out {job.output}, {read[out]}")
        if out in written:
            raise BadInput(f"{path}: line {job.line} has the out of line {written[out]}")
        written[out] = job.line or 0


def _jobs(path: str, names: list[str], lines: list[str]) -> Iterator[Job]:
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
        reads = [name.strip() for name in row.get("reads", "").split(",")]
        if not all(reads) and len(reads) > 1:
            raise BadInput(f"{path}: line {number} lacks the name of a read file")
        yield Job(
            row["calls"], tuple(filter(None, reads)), row["out"], row.get("sample") or None, number
        )
