"""A call file of a plan: what is checked, measured and said of it once for all its shards.

Its files are open while it is planned, and again while its output is written: between the two none
is, so that a plan may have more samples than a process may have files.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Self

from cnnscore.calls.annotations import (
    AnnotationCounts,
    add_annotation_counts,
    annotation_counts,
    annotations_warnings,
)
from cnnscore.calls.output import check_output, open_output
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowReader
from cnnscore.scatter.cohort import planned_cohort, write_gathered_cohort
from cnnscore.scatter.gather import append
from cnnscore.scatter.plan import How, Sample, known_depth
from cnnscore.scatter.shards import cut_into_shards
from cnnscore.scatter.table import Job
from cnnscore.scatter.task import unheard
from cnnscore.score.options import NOT_SCORED, Summary
from cnnscore.score.run import open_to_score

log = logging.getLogger("cnnscore")


class _Opened:
    """A call file and its reads; `again`: all was said of them when it was planned."""

    def __init__(
        self, job: Job, how: How, *, depth: float | None = None, again: bool = False
    ) -> None:
        network, given = how.network, how.options.sample_depth
        self.network = network
        options = replace(how.options, sample=job.sample)
        with unheard() if again else nullcontext():
            self.source, key = open_to_score(
                job.calls, network, how.reference, job.reads, options, must_be_sorted=True
            )
            windows = ReaderOptions.of_network(network, how.reference, job.reads, job.sample)
            self.reader = WindowReader(windows)
            self.checks = ReadChecks(
                self.reader,
                network.model,
                uses_depth=network.uses_depth,
                sample_depth=depth if given is None else given,
            )
            if network.uses_depth:
                self.source.add_depth(key, self.checks.depth, given=given is not None)
            self.checks.whose(self.source, job.sample)

    def check(self, counts: ReadCounts, scored: int) -> None:
        """Say what is to say of all shards together. Errors: BadInput where no read counts, and
        where the network has no finite score.
        """
        self.checks.at_end(counts)
        self.reader.check_scores(counts, scored, self.network)
        for warning in annotations_warnings(self.source, self.network):
            log.warning(warning)
        if lacking := self.reader.scores_warning(counts, scored, self.network):
            log.warning(lacking)
        self.checks.warn(counts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.source.close()


def planned(job: Job, how: How, number: int | None) -> Sample:
    """The call file in a plan: its shards, and how deep its sample is.

    Errors: of score_calls, those that there are before the first record, and of cut_into_shards.
    """
    how.written.mode(job.output)
    if job.cohort:
        return planned_cohort(job, job.cohort, how, number)
    check_output(job.output, (how.reference, *job.reads, *how.options.intervals.files()))
    with _Opened(job, how) as opened:
        depth = known_depth(opened.checks.depth) if how.network.uses_depth else None
    return Sample(
        job.calls, job.reads, job.sample, depth, tuple(cut_into_shards(job.calls, number))
    )


def write_gathered(
    job: Job,
    sample: Sample,
    how: How,
    shards: Sequence[str],
    told: Sequence[dict[str, Any]],
    seconds: float,
) -> Summary:
    """Write the output out of scored shards, of which their workers `told`.

    Errors: BadInput where no read counts, and where the network has no finite score; BadOutput.
    """
    if job.cohort:
        return write_gathered_cohort(job, how, shards, told, seconds)
    counts = sum((ReadCounts(**result["reads"]) for result in told), ReadCounts())
    sites = sum(result["sites"] for result in told)
    scored = sum(result["scored"] for result in told)
    with _Opened(job, how, depth=sample.depth, again=True) as opened:
        for result in told:
            parts = {name: AnnotationCounts(**of) for name, of in result["annotations"].items()}
            add_annotation_counts(opened.source, how.network, parts)
        annotations = annotation_counts(opened.source, how.network)
        opened.check(counts, scored)
        with open_output(opened.source, job.output, how.written) as writer:
            append(writer, shards)
    providers = sorted({result["provider"] for result in told})
    return Summary(
        sites=sites,
        scored=scored,
        unscored={NOT_SCORED: sites - scored},
        reads=counts,
        seconds=seconds,
        provider=", ".join(providers),
        annotations=annotations,
    )
