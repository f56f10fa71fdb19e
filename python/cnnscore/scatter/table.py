"""A table of samples -> the call files that a plan scores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cnnscore.errors import BadInput

COLUMNS = ("calls", "reads", "sample", "out")
NEEDED = ("calls", "out")


@dataclass(frozen=True)
class Job:
    """A call file to score, as the command line or a row of a table has it."""

    calls: str
    reads: tuple[str, ...]
    output: str
    sample: str | None = None


def read_table(path: str) -> list[Job]:
    """The rows of a table with tabs: `calls` and `out`, and where they are wanted `reads` (files
    with commas between) and `sample`. Its first line names the columns, in any order.

    Errors: BadInput that names the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{path} is no text in UTF-8") from None
    head, *lines = text.splitlines() or [""]
    names = head.removeprefix("#").split("\t")
    for name in names:
        if name not in COLUMNS:
            raise BadInput(f"{path} has a column {name}; known are {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise BadInput(f"{path} has the column {name} twice")
    for name in NEEDED:
        if name not in names:
            raise BadInput(f"{path} has no column {name}: its first line names the columns")
    jobs = list(_jobs(path, names, lines))
    if not jobs:
        raise BadInput(f"{path} has no row")
    return jobs


def _jobs(path: str, names: list[str], lines: list[str]) -> Iterator[Job]:
    outputs: dict[str, int] = {}
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        fields = line.split("\t")
        if len(fields) != len(names):
            plural = "" if len(fields) == 1 else "s"
            raise BadInput(
                f"{path}: line {number} has {len(fields)} field{plural}, and {len(names)} columns "
                "are named"
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
        reads = tuple(name for name in row.get("reads", "").split(",") if name)
        yield Job(row["calls"], reads, row["out"], row.get("sample") or None)
