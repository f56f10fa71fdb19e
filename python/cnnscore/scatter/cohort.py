"""A cohort's calls of a plan, before and after their shards.

A shard is a stretch of the calls with all samples: a site's score is made of all its carriers', and
in a shard each sample's reads are opened once a block, as in a run without shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from cnnscore.calls.output import check_output, open_output
from cnnscore.calls.records import Calls
from cnnscore.calls.sample_map import SampleMap
from cnnscore.calls.windows import ReadCounts
from cnnscore.scatter.cohort_task import CohortFiles, cohort_readers, lengths_of
from cnnscore.scatter.gather import append
from cnnscore.scatter.plan import How, Sample
from cnnscore.scatter.shards import cut_into_shards
from cnnscore.scatter.table import Job
from cnnscore.score.cohort import check_summary, cohort_to_score
from cnnscore.score.options import CohortOptions, CohortSummary


def planned_cohort(job: Job, files: CohortFiles, how: How, number: int | None) -> Sample:
    """The calls in a plan: their shards.

    Errors: of score_cohort, those that there are before the first record, and of cut_into_shards.
    """
    reads = SampleMap(files.sample_map, files.folder).files()
    inputs = (how.reference, files.sample_map, *reads, *how.options.intervals.files())
    check_output(job.output, inputs)
    with closing(_opened(job, how)) as source:
        cohort_readers(source, files, how.network, how.reference, None).close()
    shards = tuple(cut_into_shards(job.calls, number))
    return Sample(job.calls, reads, None, None, shards, files.sample_map)


def _opened(job: Job, how: How) -> Calls:
    options = CohortOptions(intervals=how.options.intervals, overwrite=how.options.overwrite)
    source, _ = cohort_to_score(job.calls, how.network, how.reference, options, must_be_sorted=True)
    return source


def write_gathered_cohort(
    job: Job,
    how: How,
    shards: Sequence[str],
    told: Sequence[dict[str, Any]],
    seconds: float,
) -> CohortSummary:
    """Write the output out of scored shards, of which their workers `told`.

    Errors: BadInput where carriers were to be scored, and none has a score; BadOutput.
    """
    parts = [result["cohort"] for result in told]
    summary = CohortSummary(
        sites=sum(result["sites"] for result in told),
        scored=sum(result["scored"] for result in told),
        unscored={},
        annotations={},
        carriers=sum(part["carriers"] for part in parts),
        carriers_scored=sum(part["carriers_scored"] for part in parts),
        without_reads=sum(part["without_reads"] for part in parts),
        samples_without_reads=max((part["samples_without_reads"] for part in parts), default=0),
        lengths=lengths_of(parts),
        reads=sum((ReadCounts(**result["reads"]) for result in told), ReadCounts()),
        seconds=seconds,
        provider=", ".join(sorted({result["provider"] for result in told})),
    )
    with closing(_opened(job, how)) as source:
        check_summary(source, summary)
        with open_output(source, job.output, how.written) as writer:
            append(writer, shards)
    return summary
