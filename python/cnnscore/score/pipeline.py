"""A call file in, the same with scores out: reading, scoring and writing as one pipeline.

Records are read and written by the calling thread, in input order; between the two, worker
threads read windows, encode and run the network, each on a job of its own. What is in flight is
bounded by the number of slots, whatever the size of the input.
"""

from __future__ import annotations

import logging
import os
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.output import OutputOptions, open_output
from cnnscore.calls.records import Calls, Intervals, Records, check_info_key
from cnnscore.calls.windows import (
    READS_WITHOUT_GROUP,
    SITES_WITHOUT_READS,
    ReadCounts,
    ReaderOptions,
    WindowBuffers,
    WindowReader,
)
from cnnscore.description import WindowScorer
from cnnscore.errors import UsageError
from cnnscore.progress import NoProgress, Progress

log = logging.getLogger("cnnscore")


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    sites: int
    scored: int
    unscored: dict[str, int]
    """Sites without a score, by reason."""
    reads: ReadCounts
    seconds: float
    provider: str

    def text(self) -> str:
        """One line for the user."""
        left = "; ".join(f"{count:,} {reason}" for reason, count in self.unscored.items() if count)
        return (
            f"{self.scored:,} of {self.sites:,} sites scored in {self.seconds:.1f} s "
            f"({self.sites / max(self.seconds, 1e-9):,.0f}/s, {self.provider})"
            + (f"; not scored: {left}" if left else "")
        )


@dataclass
class _Slot:
    """The memory of one job; reused when its records are written."""

    records: Records = field(default_factory=Records)
    buffers: WindowBuffers = field(default_factory=WindowBuffers)


@dataclass
class _Job:
    slot: _Slot
    sites: WindowBatch
    scores: Future[NDArray[np.float32]]


@dataclass(frozen=True)
class ScoreOptions:
    """Which records are scored, and how."""

    sample: str | None = None
    """Chooses the VCF column and, by the SM of their read groups, the reads."""
    intervals: Intervals = field(default_factory=Intervals)
    info_key: str | None = None
    """In place of the network's own."""
    overwrite: bool = False
    """Allow a key that the input has."""
    per_allele: bool = False
    """One score per ALT allele; the network must be one that scores alleles."""
    sample_depth: float | None = None
    """How deep the sample usually is (docs/encodings.md); None: measured in the reads."""
    downsampling: str = "site"
    """How a site with more reads than the network takes is sampled: "site" (by the site alone), or
    "gatk" (GATK's running random state; whole file, in order)."""


class Scorer:
    """An opened network or server that scores call files. Made by `cnnscore.open`."""

    def __init__(self, engine: WindowScorer, *, threads: int | None = None) -> None:
        self.engine = engine
        self.threads = threads or len(os.sched_getaffinity(0))

    def score(
        self,
        calls: str,
        *,
        reference: str,
        reads: Sequence[str] = (),
        output: str = "-",
        written: OutputOptions | None = None,
        options: ScoreOptions | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Write `calls` (VCF or BCF, `-` is standard input) with one score per record in INFO.

        `reference` is a FASTA with .fai; `reads` are indexed BAM or CRAM files, for a network that
        looks at reads; `output` is a path, or `-` for standard output.
        Errors: UsageError, BadInput, BadOutput; then no output is left under its name.
        """
        options, written = options or ScoreOptions(), written or OutputOptions()
        network = self.engine.description
        key = options.info_key or network.info_key
        check_info_key(key)
        written.mode(output)  # a type that there is not fails before anything is opened
        if network.needs_reads and not reads:
            raise UsageError(f"the network {network.model} looks at reads: give them with `reads=`")
        if reads and not network.needs_reads:
            log.warning("the network %s does not look at reads; they are not used", network.model)
        if options.downsampling == "gatk" and network.read_rule == "primary":
            raise UsageError(
                f"the network {network.model} chooses reads by their names: `downsampling=gatk` is "
                "for GATK's networks"
            )
        if options.sample_depth is not None:
            if not network.uses_depth:
                raise UsageError(
                    f"the network {network.model} does not look at the sample's depth: leave out "
                    "`sample_depth=`"
                )
            if not (0 < options.sample_depth < float("inf")):
                raise UsageError(f"a sample depth of {options.sample_depth}: give one above 0")
        intervals = options.intervals
        source = Calls(
            calls,
            intervals=intervals,
            reference=reference,
            annotations=network.annotations,
            must_be_sorted=bool(written.write_index),
        )
        source.check_sample(options.sample, needs_one=network.needs_reads)
        if warning := source.samples_warning(options.sample):
            log.warning(warning)
        source.check_key(key, overwrite=options.overwrite)
        windows = ReaderOptions.of_network(network, reference, reads, options.sample)
        windows = replace(windows, downsampling=options.downsampling)
        per_allele = options.per_allele
        source.add_score(key, network, per_allele=per_allele)
        in_order = options.downsampling == "gatk" and network.needs_reads
        score = self.engine.score_alleles if per_allele else self.engine.score
        with _Pipeline(
            source, self.engine, score, windows, self.threads, in_order, options.sample_depth
        ) as pipeline:
            if network.uses_depth:
                source.add_depth(key, pipeline.depth, given=options.sample_depth is not None)
            with open_output(source, output, written) as writer:
                run = _Run(source, progress or NoProgress(), per_allele)
                for job in pipeline.run(source, network.sites_per_job):
                    scores = job.scores.result()
                    writer.write(job.slot.records, key, scores, per_allele)
                    run.done(job, scores)
                    pipeline.check_reads(READS_WITHOUT_GROUP, SITES_WITHOUT_READS)
                pipeline.check_reads(1, 1)
                pipeline.check_scores(run.scored)
            summary = run.summary(pipeline.counts(), network.provider)
            for warning in source.annotations_warnings(network) if summary.sites else ():
                log.warning(warning)
            pipeline.warn(run.scored)
            return summary


class _Run:
    """Counts and progress of one call file."""

    def __init__(self, source: Calls, progress: Progress, per_allele: bool) -> None:
        self._source, self._progress, self._per_allele = source, progress, per_allele
        self._start = time.monotonic()
        self._sites = self.scored = 0

    def done(self, job: _Job, scores: NDArray[np.float32]) -> None:
        known = ~np.isnan(scores)
        if self._per_allele:  # a site is scored that has a scored allele
            n_alts = np.diff(job.sites.site_allele) - 1
            known = np.unique(np.repeat(np.arange(len(n_alts)), n_alts)[known]) >= 0
        self._sites += len(job.sites)
        self.scored += int(np.count_nonzero(known))
        self._progress.update(self._sites, job.sites.locus(-1), self._source.progress())

    def summary(self, reads: ReadCounts, provider: str) -> Summary:
        self._progress.clear()
        return Summary(
            sites=self._sites,
            scored=self.scored,
            unscored={
                "without an ALT allele to score, or a finite score": self._sites - self.scored
            },
            reads=reads,
            seconds=time.monotonic() - self._start,
            provider=provider,
        )


class _Pipeline:
    """Workers with a window reader each, and the slots that bound what is in flight."""

    def __init__(
        self,
        source: Calls,
        engine: WindowScorer,
        score: Callable[[WindowBatch], NDArray[np.float32]],
        options: ReaderOptions,
        threads: int,
        in_order: bool,
        sample_depth: float | None,
    ) -> None:
        self._engine = engine
        self._score_batch = score
        self._in_order = in_order
        another = replace(options, is_another=True)
        self._all_readers = [
            WindowReader(another if i else options) for i in range(1 if in_order else threads)
        ]
        self._readers: queue.SimpleQueue[WindowReader] = queue.SimpleQueue()
        first = self._all_readers[0]
        first.warn_of_indexes()
        self.depth = first.measure_depth() if sample_depth is None else sample_depth
        """Of the sample; NaN: unknown."""
        self._looked = first.look()
        measured = engine.description.uses_depth and sample_depth is None
        counts = not self._looked.sites_empty  # else that is what there is to say
        if measured and counts and (warning := first.depth_warning(self.depth)):
            log.warning(warning)
        for reader in self._all_readers:
            reader.set_depth(self.depth)
            self._readers.put(reader)
        if warning := first.samples_warning(source, options.sample):
            log.warning(warning)
        # One job per worker, one waiting for it, one being written.
        self._slots = [_Slot() for _ in range(2 * threads + 1)]
        self._pending: deque[_Job] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cnnscore")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            # Again and again: a job may have been between two calls.
            while busy := [job.scores for job in self._pending if not job.scores.done()]:
                self._engine.cancel()
                wait(busy, timeout=0.05)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for reader in self._all_readers:
            reader.close()

    def run(self, source: Calls, sites_per_job: int) -> Iterator[_Job]:
        """Jobs of all records, in input order; asking for the next one reuses a job's slot."""
        pending, more = self._pending, True
        while True:
            while more and self._slots:
                job = self._next_job(source, sites_per_job)
                if job is None:
                    more = False
                else:
                    pending.append(job)
            if not pending:
                return
            yield pending[0]
            self._slots.append(pending.popleft().slot)

    def _next_job(self, source: Calls, limit: int) -> _Job | None:
        slot = self._slots[-1]
        if source.read(slot.records, limit) == 0:
            return None
        self._slots.pop()
        sites = slot.records.sites()
        if self._in_order:  # GATK's random state runs from site to site
            windows = self._all_readers[0].read(sites, slot.buffers)
            return _Job(slot, sites, self._pool.submit(self._score_batch, windows))
        return _Job(slot, sites, self._pool.submit(self._score, sites, slot.buffers))

    def _score(self, sites: WindowBatch, buffers: WindowBuffers) -> NDArray[np.float32]:
        reader = self._readers.get()
        try:
            windows = reader.read(sites, buffers)
        finally:
            self._readers.put(reader)
        return self._score_batch(windows)

    def counts(self) -> ReadCounts:
        return sum((reader.counts() for reader in self._all_readers), ReadCounts())

    def check_reads(self, groups: int, sites: int) -> None:
        """Errors: BadInput when at least `groups` reads were seen and none has a read group, or
        `sites` sites and no read counts, there and elsewhere.
        """
        reader, model, counts = self._all_readers[0], self._engine.description.model, self.counts()
        reader.check_read_groups(counts, model, enough=groups)
        reader.check_reads(counts, self._looked, model, enough=sites)

    def check_scores(self, scored: int) -> None:
        """Errors: BadInput when the network has no finite score for any site."""
        self._all_readers[0].check_scores(self.counts(), scored, self._engine.description)

    def warn(self, scored: int) -> None:
        """Say loudly where scores lack, and what reads did not count."""
        reader, counts = self._all_readers[0], self.counts()
        if warning := reader.scores_warning(counts, scored, self._engine.description):
            log.warning(warning)
        for warning in self._all_readers[0].reads_warnings(self.counts()):
            log.warning(warning)
