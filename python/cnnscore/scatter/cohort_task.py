"""What a worker does with a shard of a cohort's calls. It looks at the reads of a sample once for
all its shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnscore.calls.reader_pool import MOST_OPEN_FILES
from cnnscore.calls.records import Calls
from cnnscore.calls.sample_map import SampleMap
from cnnscore.description import Description
from cnnscore.score.cohort_samples import CohortReaders
from cnnscore.score.options import CohortSummary
from cnnscore.score.run import usable_cores

NUMBERS = ("carriers", "carriers_scored", "without_reads", "samples_without_reads")
"""What is told of a shard, beside `lengths`."""


@dataclass(frozen=True)
class CohortFiles:
    """Where the reads of a cohort's samples lie."""

    sample_map: str
    """The table (calls/sample_map.py)."""
    folder: str
    """Names in it are relative to this one."""
    most_open_files: int = MOST_OPEN_FILES
    """Read files and references that each process has open at a time."""


def cohort_readers(
    calls: Calls, files: CohortFiles, network: Description, reference: str, threads: int | None
) -> CohortReaders:
    """The read files of a cohort, checked. Errors: those of CohortReaders."""
    return CohortReaders(
        calls,
        SampleMap(files.sample_map, files.folder),
        network,
        reference,
        files.most_open_files,
        threads or usable_cores(),
    )


def told_of(summary: CohortSummary) -> dict[str, Any]:
    """What a worker tells of a shard, beside what it tells of any; `lengths` are rows of a sample's
    column, the reads that count, and how many of these are too short.
    """
    rows = [[column, *lengths] for column, lengths in summary.lengths.items()]
    return {**{name: getattr(summary, name) for name in NUMBERS}, "lengths": rows}


def lengths_of(told: Iterable[Mapping[str, Any]]) -> dict[int, tuple[int, int]]:
    """`lengths` of all shards together."""
    sums: dict[int, tuple[int, int]] = {}
    for part in told:
        for column, counted, too_short in part["lengths"]:
            before = sums.get(column, (0, 0))
            sums[column] = before[0] + counted, before[1] + too_short
    return sums
