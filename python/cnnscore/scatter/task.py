"""Shards are scored into the work folder, by a worker with one network for all its shards."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from cnnscore.calls.annotations import AnnotationCounts
from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import Calls, Intervals, htslib_verbosity
from cnnscore.calls.windows import ReadCounts
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import BadInput, CnnscoreError, without_frames
from cnnscore.scatter.cohort_task import NUMBERS, CohortFiles, cohort_readers, told_of
from cnnscore.score.cohort import score_cohort
from cnnscore.score.cohort_samples import CohortReaders
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import CohortOptions, ScoreOptions, Summary
from cnnscore.score.readers import Readers
from cnnscore.score.run import check_options, score_calls, usable_cores
from cnnscore.version import __version__

log = logging.getLogger("cnnscore")

RESULT = (
    *((name, str) for name in ("shard", "sha256", "provider")),
    *((name, int) for name in ("bytes", "sites", "scored")),
    *((name, dict) for name in ("reads", "annotations", "cohort")),
)
"""What is read again of what `score_shard` tells, and of which type."""
MOST = 1 << 48
"""No shard has so many of anything; sums of them are numbers of 64 bits."""


@dataclass(frozen=True)
class Task:
    """A shard to score."""

    name: str
    engine: EngineSettings
    network: str
    """SHA-256 of the plan's network: a worker that has another one scores nothing."""
    version: str
    """Of cnnscore, likewise."""
    calls: str
    reference: str
    reads: tuple[str, ...]
    options: ScoreOptions
    written: OutputOptions
    output: str
    """The shard's file in the work folder."""
    logs: str
    """The folder of the workers' logs."""
    threads: int | None
    sites: int
    """How many are expected."""
    cohort: CohortFiles | None = None
    """Of a cohort's calls."""

    def files(self) -> tuple[object, ...]:
        """What of two shards is equal that may share open reads."""
        asked = replace(self.options, intervals=Intervals())
        cohort = self.cohort and (self.calls, self.cohort)
        return self.reference, self.reads, asked, self.threads, cohort


AT_ONCE = 2
"""Shards under way: one is opened, or made whole, while the sites of another are scored."""

_opened: tuple[EngineSettings, bool, WindowScorer] | None = None


def score_in_worker(tasks: Sequence[Task]) -> list[dict[str, Any] | CnnscoreError]:
    """`score_shards` by the network that this process keeps open: what came of each shard.

    Warnings go to the worker's log: what is to say of all shards is said once, by who has the plan.
    Errors: BadInput for a worker with another network or version.
    """
    os.environ.setdefault("REF_PATH", os.devnull)
    htslib_verbosity(0)
    task = tasks[0]
    if task.version != __version__:
        raise BadInput(
            f"the worker {worker_name()} has cnnscore {__version__}, where the plan was made with "
            f"{task.version}: install one version everywhere"
        )
    with _logged(Path(task.logs) / f"{worker_name()}.log"):
        # Of a worker that is killed this tells what it had, and the lines below at what it was.
        log.info("taken: %s", ", ".join(f"shard {one.name}" for one in tasks))
        engine = _engine(task)
        if engine.description.network != task.network:
            raise BadInput(
                f"the worker {worker_name()} has another network {engine.description.model} than "
                "the plan: install the same everywhere"
            )
        return [outcome for _, outcome in score_shards(tasks, engine)]


def score_shards(
    tasks: Iterable[Task],
    engine: WindowScorer,
    heard: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[tuple[Task, dict[str, Any] | CnnscoreError]]:
    """Score shards in order: each with what `score_shard` tells of it, or its error. Each is scored
    in a block of `heard`.

    The reads of a call file stay open from shard to shard, and AT_ONCE are under way. One that
    fails so is scored alone before it is blamed: what is damaged may be another's.
    """
    files, readers = None, None
    under_way: deque[tuple[Task, Future[dict[str, Any]]]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cnnscore-shard")

    def scored(task: Task, readers: Readers | CohortReaders) -> dict[str, Any]:
        log.info("shard %s (%s)", task.name, (task.options.intervals.regions or "")[:200])
        with heard():
            try:
                return score_shard(task, engine, readers)
            except BadInput:
                if not task.reads:
                    raise
            own = _readers(task, engine.description)
            with closing(own):
                return score_shard(task, engine, own)

    def ended(most: int) -> Iterator[tuple[Task, dict[str, Any] | CnnscoreError]]:
        """The first of those under way, until there are `most`."""
        while len(under_way) > most:
            task, result = under_way.popleft()
            try:
                yield task, result.result()
            except CnnscoreError as error:
                yield task, without_frames(error)

    try:
        for task in tasks:
            if readers is None or task.files() != files:
                yield from ended(0)
                if readers:
                    readers.close()
                readers = None
                try:
                    with heard():
                        readers, files = _readers(task, engine.description), task.files()
                except CnnscoreError as error:
                    yield task, without_frames(error)
                    continue
            under_way.append((task, pool.submit(scored, task, readers)))
            yield from ended(AT_ONCE - 1)
        yield from ended(0)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        while busy := [result for _, result in under_way if not result.done()]:
            engine.cancel()
            wait(busy, timeout=0.05)
        pool.shutdown()
        if readers:
            readers.close()


def _readers(task: Task, network: Description) -> Readers | CohortReaders:
    """Errors: UsageError for options that do not go with the network, BadInput."""
    if task.cohort:
        with closing(Calls(task.calls)) as calls:
            return cohort_readers(calls, task.cohort, network, task.reference, task.threads)
    check_options(network, task.options, task.reads)
    threads = task.threads or usable_cores()
    return Readers(network, task.reference, task.reads, task.options, threads)


def score_shard(
    task: Task, engine: WindowScorer, readers: Readers | CohortReaders
) -> dict[str, Any]:
    """Score a shard: its file's bytes and digest, counts, and who did it. `readers` are of
    `Task.files`.

    Errors: those of score_calls.
    """
    given: dict[str, Any] = {
        "reference": task.reference,
        "output": task.output,
        "written": task.written,
        "threads": task.threads,
    }
    cohort: dict[str, Any] = {}
    summary: Summary
    if task.cohort:
        assert isinstance(readers, CohortReaders)
        own = CohortOptions(
            intervals=task.options.intervals, overwrite=task.options.overwrite, is_shard=True
        )
        sample_map = task.cohort.sample_map
        summary = of_cohort = score_cohort(
            task.calls, engine, sample_map=sample_map, options=own, readers=readers, **given
        )
        cohort = told_of(of_cohort)
    else:
        assert isinstance(readers, Readers)
        summary = score_calls(
            task.calls, engine, reads=task.reads, options=task.options, readers=readers, **given
        )
    digest, size = digest_of(Path(task.output))
    return {
        "shard": task.name,
        "sha256": digest,
        "bytes": size,
        "sites": summary.sites,
        "scored": summary.scored,
        "reads": asdict(summary.reads),
        "annotations": {name: asdict(of) for name, of in summary.annotations.items()},
        "cohort": cohort,
        "seconds": round(summary.seconds, 3),
        "provider": summary.provider,
        "worker": worker_name(),
    }


def is_result(told: object, annotations: Collection[str]) -> bool:
    """Whether this, of a log, is what `score_shard` tells of a shard, of a network that takes these
    annotations.
    """
    if not isinstance(told, dict) or any(type(told.get(name)) is not of for name, of in RESULT):
        return False
    if not all(_is_count(told[name]) for name, of in RESULT if of is int):
        return False
    if told["cohort"]:
        return not told["annotations"] and _is_of_cohort(told["cohort"], told["reads"])
    if told["annotations"].keys() != set(annotations):
        return False
    counts = [ReadCounts, *[AnnotationCounts] * len(told["annotations"])]
    parts = [told["reads"], *told["annotations"].values()]
    return all(_are_counts(part, kind) for part, kind in zip(parts, counts, strict=True))


def _is_of_cohort(told: dict[str, Any], reads: object) -> bool:
    lengths = told.get("lengths")
    return (
        told.keys() == {*NUMBERS, "lengths"}
        and all(_is_count(told[name]) for name in NUMBERS)
        and isinstance(lengths, list)
        and all(isinstance(row, list) and len(row) == 3 for row in lengths)
        and all(_is_count(number) for row in lengths for number in row)
        and _are_counts(reads, ReadCounts)
    )


def _are_counts(told: object, kind: Any) -> bool:
    names = {field.name for field in fields(kind)}
    return isinstance(told, dict) and told.keys() == names and all(map(_is_count, told.values()))


def _is_count(told: object) -> bool:
    return type(told) is int and 0 <= told < MOST


def worker_name() -> str:
    """Of this process, for logs."""
    return f"{socket.gethostname()}-{os.getpid()}"


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file. Errors: BadInput."""
    try:
        with open(path, "rb", opener=_no_link) as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _engine(task: Task) -> WindowScorer:
    """It stays open from shard to shard."""
    global _opened  # noqa: PLW0603 - one network per process
    key = task.engine, bool(task.reads)
    if _opened is None or _opened[:2] != key:
        _opened = None  # never two networks at once
        _opened = (*key, task.engine.open(has_reads=key[1]))
    return _opened[2]


@contextmanager
def unheard() -> Iterator[None]:
    """Messages of the block, as far as they are of its thread, go nowhere."""
    here = threading.get_ident()

    def is_heard(record: logging.LogRecord) -> bool:
        return record.thread != here

    log.addFilter(is_heard)
    try:
        yield
    finally:
        log.removeFilter(is_heard)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Messages of the block go to a worker's log."""
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = log.level, log.handlers, log.propagate
    log.setLevel(logging.INFO)
    log.handlers, log.propagate = [handler], False
    try:
        yield
    finally:
        log.setLevel(before[0])
        _, log.handlers, log.propagate = before
        handler.close()
