"""A cohort's records -> a score for each carrier, one for the site: `score --sample-map`.

Records are read in blocks. The carriers of a block are put in the order of their samples, so that
a sample's reads are opened once a block and read in the order of its sites; tasks of some carriers
run on worker threads. Two blocks are in flight, whatever the size of the cohort.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, concatenate, offsets_of
from cnnscore.calls.carriers import (
    COHORT_CARRIERS,
    COHORT_READS,
    COHORT_RECORDS,
    NUMBER_KEY,
    Carriers,
    carriers_warning,
    check_carriers,
    check_network,
    short_reads_warning,
)
from cnnscore.calls.output import OutputOptions, check_output, open_output
from cnnscore.calls.records import Calls, Records, Writer
from cnnscore.calls.sample_map import SampleMap
from cnnscore.calls.windows import BATCH_BYTES, ReadCounts, WindowBuffers
from cnnscore.description import SITE_KEY, Description, WindowScorer
from cnnscore.progress import NoProgress, Progress
from cnnscore.score.cohort_samples import CohortReaders
from cnnscore.score.options import CohortOptions, CohortSummary
from cnnscore.score.run import usable_cores

log = logging.getLogger("cnnscore")

BLOCKS = 2
"""One is scored, one is read or written."""


def score_cohort(
    calls: str,
    engine: WindowScorer,
    *,
    reference: str,
    sample_map: str,
    output: str = "-",
    written: OutputOptions | None = None,
    options: CohortOptions | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    readers: CohortReaders | None = None,
) -> CohortSummary:
    """Write `calls` (VCF or BCF of many samples) with a score for each carrier in FORMAT, and the
    site's in INFO. `sample_map` says where the reads of each sample lie (calls/sample_map.py).
    `readers`, if any, are of the same files, and stay open.

    The network must take its annotations from the reads alone (`annotations_from="reads"`).
    Errors: UsageError, BadInput (also of any row, before the first site is scored), BadOutput; then
    no output is left under its name.
    """
    options, written = options or CohortOptions(), written or OutputOptions()
    threads, progress = threads or usable_cores(), progress or NoProgress()
    network = engine.description
    written.mode(output)
    alone = readers is None
    with ExitStack() as stack:
        source, keys = cohort_to_score(
            calls, network, reference, options, must_be_sorted=bool(written.write_index)
        )
        if not readers:
            table, most = SampleMap(sample_map), options.most_open_files
            inputs = (reference, sample_map, *options.intervals.files(), *table.files())
            check_output(output, inputs)
            readers = CohortReaders(source, table, network, reference, most, threads)
            stack.callback(readers.close)
        run = stack.enter_context(closing(_Run(source, engine, readers, threads, alone=alone)))
        writer = stack.enter_context(open_output(source, output, written))
        for block in run.blocks():
            run.write(block, writer, keys)
            progress.update(run.sites, run.locus, source.progress())
        progress.clear()
        return run.summary(network.provider, is_shard=options.is_shard)


def cohort_to_score(
    calls: str,
    network: Description,
    reference: str,
    options: CohortOptions,
    *,
    must_be_sorted: bool,
) -> tuple[Calls, tuple[str, str, str]]:
    """The calls with the header of their scores, and the keys of these: of carriers in FORMAT, of
    the site and of their number in INFO. Errors: those of score_cohort before the first record.
    """
    check_network(network)
    source = Calls(
        calls,
        intervals=options.intervals,
        reference=reference,
        annotations=network.annotations,
        must_be_sorted=must_be_sorted,
    )
    keys = network.info_key, SITE_KEY, NUMBER_KEY
    source.add_cohort_scores(keys, network, overwrite=options.overwrite)
    return source, keys


@dataclass
class _Part:
    """Some records, and their carriers."""

    records: Records = field(default_factory=Records)
    carriers: Carriers = field(default_factory=Carriers)
    n: int = 0


@dataclass
class _Block:
    """Records that are in flight together."""

    parts: list[_Part] = field(default_factory=lambda: [_Part() for _ in range(COHORT_READS)])
    used: int = 0
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """[carriers] in the order of the records."""
    tasks: list[Future[None]] = field(default_factory=list)


class _Run:
    """One run over the records of `source`; `alone`: the engine is this run's."""

    def __init__(
        self,
        source: Calls,
        engine: WindowScorer,
        readers: CohortReaders,
        threads: int,
        *,
        alone: bool,
    ) -> None:
        self._source, self._engine = source, engine
        self._samples, self._pool = readers.samples, readers.pool
        self._alone = alone
        self._blocks = [_Block() for _ in range(BLOCKS)]
        self._lock = threading.Lock()
        self._counts = ReadCounts()
        self._lengths: dict[int, tuple[int, int]] = {}
        self._task_size = engine.description.sites_per_job
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cnnscore")
        self._unread = np.zeros(len(self._samples.wanted), np.int64)
        self._start = time.monotonic()
        self._ended = False
        self.sites = self._scored = self._carriers = self._carriers_scored = 0
        self.locus = ""

    def close(self) -> None:
        """End the threads; what is under way is given up."""
        self._ended = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Again and again: a task may have been between two calls. Others may use the network too.
        while self._alone and (
            busy := [task for block in self._blocks for task in block.tasks if not task.done()]
        ):
            self._engine.cancel()
            wait(busy, timeout=0.05)
        self._threads.shutdown(wait=True)

    def blocks(self) -> Iterator[_Block]:
        """All blocks in order, scored; each is valid until the next is asked for."""
        free, pending, more = list(self._blocks), deque[_Block](), True
        while more or pending:
            while more and free:
                more = self._fill(free[-1])
                if free[-1].used:
                    pending.append(free.pop())
            if not pending:
                return
            for task in pending[0].tasks:
                task.result()
            yield pending[0]
            free.append(pending.popleft())

    def _fill(self, block: _Block) -> bool:
        """Read records and hand their carriers to the threads; False at the end of the calls."""
        batches: list[WindowBatch] = []
        owners: list[NDArray[np.int32]] = []
        n = block.used = 0
        more = True
        while more and block.used < COHORT_READS and n < COHORT_CARRIERS:
            part = block.parts[block.used]
            more = self._source.read(part.records, COHORT_RECORDS) > 0
            if more:
                sites = part.carriers.find(part.records, self._samples.wanted)
                self._unread += part.carriers.unread(len(self._unread))
                part.n = len(sites)
                if part.n:
                    batches.append(sites)
                    owners.append(part.carriers.samples())
                n += part.n
                block.used += 1
        block.scores = np.full(n, np.nan, np.float32)
        block.tasks = self._submit(batches, owners, block.scores) if n else []
        return more

    def _submit(
        self,
        batches: list[WindowBatch],
        owners: list[NDArray[np.int32]],
        scores: NDArray[np.float32],
    ) -> list[Future[None]]:
        """Tasks that fill `scores` of the carriers of `batches`, samples together."""
        sites, samples = concatenate(batches), np.concatenate(owners)
        order = np.argsort(samples, kind="stable").astype(np.int64)
        bounds = offsets_of(np.bincount(samples[order], minlength=len(self._unread)))
        first = np.flatnonzero(np.diff(bounds))
        tasks: list[Future[None]] = []
        group: list[tuple[int, NDArray[np.int64]]] = []
        held = 0
        for sample in first.tolist():
            own = order[bounds[sample] : bounds[sample + 1]]
            group.append((sample, own))
            held += len(own)
            if held >= self._task_size:
                tasks.append(self._threads.submit(self._score, sites, group, scores))
                group, held = [], 0
        if group:
            tasks.append(self._threads.submit(self._score, sites, group, scores))
        return tasks

    def _score(
        self,
        sites: WindowBatch,
        group: list[tuple[int, NDArray[np.int64]]],
        scores: NDArray[np.float32],
    ) -> None:
        """Score the carriers of some samples. Windows of several are scored in one batch."""
        waiting: list[WindowBatch] = []
        places: list[NDArray[np.int64]] = []
        held = 0

        def flush() -> None:
            nonlocal held
            if waiting:
                scores[np.concatenate(places)] = self._engine.score(concatenate(waiting))
            waiting.clear()
            places.clear()
            held = 0

        for sample, own in group:
            if self._ended:
                return
            with self._samples.naming(sample), self._pool.reader(sample) as reader:
                reader.set_depth(self._samples.depth_of(sample, reader))
                columns, first, before = sites.take_sites(own), 0, reader.counts()
                while first < len(own):
                    part = reader.read(
                        columns, WindowBuffers(), first=first, most_bytes=BATCH_BYTES
                    )
                    places.append(own[first : first + len(part)])
                    waiting.append(_alike(part))
                    first += len(part)
                    held += len(part.reads)
                    if held >= BATCH_BYTES:
                        flush()
                with self._lock:
                    met = reader.counts() - before
                    counted, too_short = self._lengths.get(sample, (0, 0))
                    self._counts += met
                    self._lengths[sample] = counted + met.counted, too_short + met.too_short
        flush()

    def write(self, block: _Block, writer: Writer, keys: Sequence[str]) -> None:
        """Write the records of a block with their scores."""
        first = 0
        for part in block.parts[: block.used]:
            scores = block.scores[first : first + part.n]
            first += part.n
            writer.write_carriers(part.records, part.carriers, keys, scores)
            known = ~np.isnan(scores)
            records = part.records.sites()
            self.sites += len(records)
            self._carriers += part.n
            self._carriers_scored += int(np.count_nonzero(known))
            self._scored += len(np.unique(part.carriers.records()[known]))
            self.locus = records.locus(-1)

    def summary(self, provider: str, *, is_shard: bool) -> CohortSummary:
        """What was done. Errors: those of `check_summary`, where it is no shard."""
        unread = int(self._unread.sum())
        summary = CohortSummary(
            sites=self.sites,
            scored=self._scored,
            unscored={},
            annotations={},
            carriers=self._carriers + unread,
            carriers_scored=self._carriers_scored,
            without_reads=unread,
            samples_without_reads=int(np.count_nonzero(self._samples.wanted == 0)),
            lengths=self._lengths,
            reads=self._counts,
            seconds=time.monotonic() - self._start,
            provider=provider,
        )
        if not is_shard:
            check_summary(self._source, summary)
        return summary


def check_summary(source: Calls, summary: CohortSummary) -> None:
    """Say what is to say of a whole run. Errors: BadInput where carriers were to be scored, and
    none has a score.
    """
    asked = summary.carriers - summary.without_reads
    check_carriers(source, asked, summary.carriers_scored)
    for warning in (
        short_reads_warning(source, summary.lengths),
        carriers_warning(summary.reads.sites, summary.reads.sites_empty),
    ):
        if warning:
            log.warning(warning)


def _alike(part: WindowBatch) -> WindowBatch:
    """With offsets from 0 and a column of depths, so that batches of several samples can be
    joined."""
    part = part.part(0, len(part))
    if len(part.sample_depth):
        return part
    return replace(part, sample_depth=np.full(len(part), np.nan, np.float32))
