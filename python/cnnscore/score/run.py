"""Records -> scores: the checks, warnings and counts of a run, whoever reads and takes them.

`score_calls` writes a call file with its scores: `cnnscore score`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.annotations import annotation_counts, annotations_warnings
from cnnscore.calls.output import OutputOptions, check_output, open_output
from cnnscore.calls.read_checks import check_depth
from cnnscore.calls.records import Calls, check_info_key
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import UsageError
from cnnscore.progress import NoProgress, Progress
from cnnscore.score.options import NOT_SCORED, ScoreOptions, Summary
from cnnscore.score.pipeline import Fill, Job, Pipeline
from cnnscore.score.readers import Readers

log = logging.getLogger("cnnscore")


def usable_cores() -> int:
    """Worker threads where nobody says how many: the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def score_calls(
    calls: str,
    engine: WindowScorer,
    *,
    reference: str,
    reads: Sequence[str] = (),
    output: str = "-",
    written: OutputOptions | None = None,
    options: ScoreOptions | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    readers: Readers | None = None,
) -> Summary:
    """Write `calls` (VCF or BCF, `-` is standard input) with one score per record in INFO.

    `reference` is a FASTA with .fai; `reads` are indexed BAM or CRAM files, for a network that
    looks at reads; `output` is a path, or `-` for standard output. `readers` are open files of that
    reference and those reads, for these options and threads, and stay open.
    Errors: UsageError, BadInput, BadOutput; then no output is left under its name.
    """
    options, written = options or ScoreOptions(), written or OutputOptions()
    network = engine.description
    written.mode(output)  # a type that there is not fails before anything is opened
    check_output(output, (reference, *reads, *options.intervals.files()))
    source, key = open_to_score(
        calls, network, reference, reads, options, must_be_sorted=bool(written.write_index)
    )
    with ScoringRun(
        source,
        engine,
        reference,
        reads,
        options,
        threads=threads,
        progress=progress,
        readers=readers,
    ) as run:
        if network.uses_depth:
            source.add_depth(key, run.depth, given=options.sample_depth is not None)
        with open_output(source, output, written) as writer:
            for job, scores in run.scored(source.read):
                writer.write(job.slot.records, key, scores, options.per_allele)
        return run.summary()


def open_to_score(
    calls: str,
    network: Description,
    reference: str,
    reads: Sequence[str],
    options: ScoreOptions,
    *,
    must_be_sorted: bool,
) -> tuple[Calls, str]:
    """A call file whose header declares the scores that it is to get, and their INFO key.

    Errors: UsageError for options that do not go together or with the network, BadInput.
    """
    key = options.info_key or network.info_key
    check_info_key(key)
    check_options(network, options, reads)
    source = open_calls(calls, network, reference, options, must_be_sorted=must_be_sorted)
    source.check_key(key, overwrite=options.overwrite)
    source.add_score(key, network, per_allele=options.per_allele)
    return source, key


def check_options(network: Description, options: ScoreOptions, reads: Sequence[str]) -> None:
    """Errors: UsageError for what the network cannot do; a warning for reads that it ignores."""
    if network.needs_reads and not reads:
        raise UsageError(f"the network {network.model} looks at reads: give them with `reads=`")
    if reads and not network.needs_reads:
        log.warning("the network %s does not look at reads; they are not used", network.model)
    if options.downsampling == "gatk" and network.read_rule == "primary":
        raise UsageError(
            f"the network {network.model} chooses reads by their names: `downsampling=gatk` is "
            "for GATK's networks"
        )
    looker = f"the network {network.model}"
    check_depth(options.sample_depth, looker, uses_depth=network.uses_depth)


def open_calls(
    path: str,
    network: Description,
    reference: str,
    options: ScoreOptions,
    *,
    must_be_sorted: bool = False,
) -> Calls:
    """A call file whose records are to be scored; its sample is checked. Errors: of Calls."""
    source = Calls(
        path,
        intervals=options.intervals,
        reference=reference,
        annotations=network.annotations,
        must_be_sorted=must_be_sorted,
    )
    check_sample(source, network, options)
    return source


def check_sample(source: Calls, network: Description, options: ScoreOptions) -> None:
    """Errors: BadInput where the sample is not that of the reads; a warning where it is open."""
    source.check_sample(options.sample, needs_one=network.needs_reads)
    if warning := source.samples_warning(options.sample):
        log.warning(warning)


class ScoringRun:
    """One run over the records of `source`, whose options are checked (`check_options`).

    A context manager: its threads end, and files that it opened are closed, with the block.
    """

    def __init__(
        self,
        source: Calls,
        engine: WindowScorer,
        reference: str,
        reads: Sequence[str],
        options: ScoreOptions,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
        readers: Readers | None = None,
    ) -> None:
        self._source, self._engine, self._options = source, engine, options
        self._progress = progress or NoProgress()
        threads = threads or usable_cores()
        self._is_ours = readers is None
        self._readers = readers or Readers(engine.description, reference, reads, options, threads)
        self._readers.checks.whose(source, options.sample)
        score = engine.score_alleles if options.per_allele else engine.score
        self._pipeline = Pipeline(engine, score, self._readers, threads, alone=self._is_ours)
        self._start = time.monotonic()
        self._sites = self._scored = 0

    @property
    def depth(self) -> float:
        """How deep the sample is; NaN: unknown."""
        return self._readers.checks.depth

    def __enter__(self) -> Self:
        self._pipeline.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pipeline.__exit__(kind, error, trace)
        if self._is_ours:
            self._readers.close()

    def scored(self, fill: Fill) -> Iterator[tuple[Job, NDArray[np.float32]]]:
        """Jobs of all records that `fill` gives, in order, with their scores: [N], or per ALT
        allele. A job is valid until the next is asked for. Errors: BadInput, also at the end.
        """
        for job in self._pipeline.run(fill):
            scores = job.scores.result()
            yield job, scores
            self._count(job, scores)
            of_all = not self._options.is_shard
            self._readers.checks.so_far(self._pipeline.counts(), of_all=of_all)
        if not self._options.is_shard:
            self._readers.checks.at_end(self._pipeline.counts())
            self._pipeline.check_scores(self._scored)

    def _count(self, job: Job, scores: NDArray[np.float32]) -> None:
        known = ~np.isnan(scores)
        if self._options.per_allele:  # a site is scored that has a scored allele
            n_alts = np.diff(job.sites.site_allele) - 1
            known = np.unique(np.repeat(np.arange(len(n_alts)), n_alts)[known]) >= 0
        self._sites += len(job.sites)
        self._scored += int(np.count_nonzero(known))
        self._progress.update(self._sites, job.sites.locus(-1), self._source.progress())

    def summary(self) -> Summary:
        """What was done, at the end; what a user should know of it is said."""
        self._progress.clear()
        network = self._engine.description
        summary = Summary(
            sites=self._sites,
            scored=self._scored,
            unscored={NOT_SCORED: self._sites - self._scored},
            reads=self._pipeline.counts(),
            seconds=time.monotonic() - self._start,
            provider=network.provider,
            annotations=annotation_counts(self._source, network),
        )
        for warning in annotations_warnings(self._source, network):
            log.warning(warning)
        self._pipeline.warn(self._scored)
        return summary
