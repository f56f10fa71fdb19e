"""`score --work`: a plan is made or gone on with, its shards are scored, and then gathered."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cnnscore.calls.output import OutputOptions
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import BadInput, BadOutput, CnnscoreError, UsageError
from cnnscore.files import absolute_name
from cnnscore.progress import Progress
from cnnscore.scatter.folder import WorkFolder, opened
from cnnscore.scatter.plan import Plan, identities, identity
from cnnscore.scatter.sample import How, planned, write_gathered
from cnnscore.scatter.table import Job
from cnnscore.scatter.task import Task, score_shard, unheard
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions, Summary
from cnnscore.version import __version__
from cnnscore.wire.address import is_address

log = logging.getLogger("cnnscore")

ATTEMPTS = 3
ROOM = 1.5
"""A scored shard is larger than its part of the calls by less than this."""


class Runner(Protocol):
    """Who scores shards."""

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        """What they are scored with; asked for once, before `run`."""

    def run(
        self, tasks: Sequence[Task], *, again: bool
    ) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with, as they come; `again`: these failed."""

    def workers(self) -> int:
        """How many processes there are now."""


class ThisProcess:
    """The embedded default: one shard after the other, by the threads of this process."""

    _engine: WindowScorer

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        """What they are scored with: it stays open."""
        self._engine = engine.open(has_reads=has_reads)
        return self._engine.description

    def run(
        self, tasks: Sequence[Task], *, again: bool
    ) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with."""
        del again  # nobody dies without this process
        for task in tasks:
            outcome: dict[str, Any] | Exception
            try:
                with unheard():  # what is to say of all shards is said once
                    outcome = score_shard(task, self._engine)
            except CnnscoreError as error:
                outcome = error
            yield task, outcome

    def workers(self) -> int:
        """This one."""
        return 1


@dataclass(frozen=True)
class WorkOptions:
    """How the shards are worked on."""

    folder: str
    shards: int | None = None
    threads: int | None = None
    """Of each process."""


def score_in_shards(
    jobs: Sequence[Job],
    *,
    reference: str,
    engine: EngineSettings,
    written: OutputOptions,
    options: ScoreOptions,
    work: WorkOptions,
    runner: Runner,
    progress: Progress,
) -> list[Summary]:
    """Score call files shard by shard, in a folder that a later run goes on from.

    The folder stays (`folder.remove`): the runner's workers may have their logs open. What is
    written is equal to what `score_calls` writes. Errors: those of score_calls; BadInput
    for a folder of another plan; CnnscoreError where shards cannot be scored: the others stay done.
    """
    if options.intervals.regions or options.intervals.regions_file:
        raise UsageError("shards are of the whole file: use `targets=` in place of `region=`")
    if options.downsampling == "gatk":
        raise UsageError("`downsampling=gatk` runs through a whole file in order, without shards")
    start = time.monotonic()
    engine = _for_workers(engine)
    network = runner.network(engine, has_reads=any(job.reads for job in jobs))
    how = How(network, reference, written, options)
    plan = _plan(jobs, how, engine, work.shards)
    with opened(work.folder, plan) as folder:
        tasks = _tasks(plan, folder, reference, engine, options, work.threads)
        run = _Run(jobs, plan, how, folder, tasks, runner, progress, start)
        return run.summaries()


def _plan(jobs: Sequence[Job], how: How, engine: EngineSettings, number: int | None) -> Plan:
    samples = []
    for job in jobs:
        try:
            samples.append(planned(job, how, number))
        except CnnscoreError as error:
            if len(jobs) == 1:
                raise
            raise type(error)(f"{job.calls}: {error}") from None
    options, network = how.options, how.network
    others = [how.reference, *(name for job in samples for name in job.reads)]
    if options.intervals.targets_file:
        others.append(options.intervals.targets_file.removeprefix("^"))
    settings = {
        "model": network.model,
        "network": network.network,
        "annotations": engine.annotations_from,
        "info_key": options.info_key or network.info_key,
        "overwrite": options.overwrite,
        "per_allele": options.per_allele,
        "sample_depth": options.sample_depth,
        "targets": options.intervals.targets,
        "targets_file": options.intervals.targets_file,
        "targets_overlap": options.intervals.targets_overlap,
        "reference": how.reference,
        "output": [how.written.mode(job.output) for job in jobs],
    }
    calls = [job.calls for job in samples]
    return Plan(tuple(samples), settings, identities(calls, others))


def _tasks(
    plan: Plan,
    folder: WorkFolder,
    reference: str,
    engine: EngineSettings,
    options: ScoreOptions,
    threads: int | None,
) -> list[Task]:
    """One for each shard, in order. Paths are absolute: workers run elsewhere."""
    tasks = []
    targets = options.intervals.targets_file
    if targets:
        mark = "^" if targets.startswith("^") else ""
        targets = mark + absolute_name(targets.removeprefix("^"))
    for i, sample in enumerate(plan.samples):
        kind = _kind(plan.settings["output"][i])
        for k, shard in enumerate(sample.shards):
            name = f"{i + 1}-{k + 1:06}"
            intervals = replace(
                options.intervals,
                regions=shard.regions(),
                regions_overlap="pos",
                targets_file=targets,
            )
            tasks.append(
                Task(
                    name,
                    engine,
                    plan.settings["network"],
                    __version__,
                    absolute_name(sample.calls),
                    absolute_name(reference),
                    tuple(map(absolute_name, sample.reads)),
                    replace(
                        options,
                        sample=sample.sample,
                        intervals=intervals,
                        sample_depth=sample.depth,
                        is_shard=True,
                    ),
                    OutputOptions(output_type=kind),
                    str(folder.shard(name, ".bcf" if kind[0] == "b" else ".vcf.gz").absolute()),
                    str(folder.logs.absolute()),
                    threads,
                )
            )
    return tasks


def _kind(mode: str) -> str:
    """The output type of shards whose blocks an output of htslib's mode takes, if it has any."""
    return mode[1:] if mode not in ("w", "wbu") else mode[1:2] or "z"


def _for_workers(engine: EngineSettings) -> EngineSettings:
    """With absolute names of files: workers run elsewhere."""
    model, files = engine.model, (engine.token_file, engine.tls_ca)
    if (
        model
        and not (engine.server or is_address(model))
        and (model.endswith(".onnx") or "/" in model)
    ):
        model = absolute_name(model)
    token, authority = (name and absolute_name(name) for name in files)
    return replace(engine, model=model, token_file=token, tls_ca=authority)


class _Run:
    """The shards of a plan on their way: each output is written when its shards are there."""

    def __init__(
        self,
        jobs: Sequence[Job],
        plan: Plan,
        how: How,
        folder: WorkFolder,
        tasks: Sequence[Task],
        runner: Runner,
        progress: Progress,
        start: float,
    ) -> None:
        self._jobs, self._plan, self._how, self._folder = jobs, plan, how, folder
        self._runner, self._progress, self._start = runner, progress, start
        self._shards = [shard for sample in plan.samples for shard in sample.shards]
        self._shard = dict(zip((task.name for task in tasks), self._shards, strict=True))
        of_all = iter(tasks)
        self._tasks = [[next(of_all) for _ in sample.shards] for sample in plan.samples]
        self._job = {task.name: i for i, own in enumerate(self._tasks) for task in own}
        missing = [task for task in tasks if not folder.check(task.name, task.output)]
        self._missing = {task.name: task for task in missing}
        self._left = [sum(task.name in self._missing for task in own) for own in self._tasks]
        self._summaries: dict[int, Summary] = {}
        self._failed: dict[str, Exception] = {}

    def summaries(self) -> list[Summary]:
        """What was done, of each call file. Errors: CnnscoreError that names a shard which cannot
        be scored, or an output which cannot be written: the others are.
        """
        _check_room(self._folder, self._plan, len(self._missing), self._progress)
        errors: list[CnnscoreError] = []
        for i, left in enumerate(self._left):
            if not left:
                self._write(i, errors)
        self._score(errors)
        if self._failed:
            raise self._failure()
        if errors:
            raise errors[0]
        return [self._summaries[i] for i in range(len(self._jobs))]

    def _score(self, errors: list[CnnscoreError]) -> None:
        """Score what is missing; who fails for want of a worker is tried again."""
        total = sum(shard.sites for shard in self._shards)
        done = total - sum(self._shard[name].sites for name in self._missing)
        self._progress.restart()
        waiting = list(self._missing.values())
        for attempt in range(1, ATTEMPTS + 1):
            again = []
            for task, outcome in self._runner.run(waiting, again=attempt > 1):
                if isinstance(outcome, Exception):
                    self._failed[task.name] = outcome
                    if attempt < ATTEMPTS and not isinstance(outcome, CnnscoreError):
                        again.append(task)
                        log.warning(
                            "the shard %s failed, and is tried again: %s", task.name, outcome
                        )
                    continue
                self._folder.note(outcome)
                self._failed.pop(task.name, None)
                del self._missing[task.name]
                done += self._shard[task.name].sites
                what = (
                    f"{len(self._shards) - len(self._missing)} of {len(self._shards)} shards  "
                    f"{self._runner.workers()} workers"
                )
                self._progress.show(done, "sites", what, done / max(total, 1))
                job = self._job[task.name]
                self._left[job] -= 1
                if not self._left[job]:
                    self._write(job, errors)
            waiting = again
            if not waiting:
                break
        self._progress.clear()

    def _failure(self) -> CnnscoreError:
        name, error = next(iter(self._failed.items()))
        kind = type(error) if isinstance(error, CnnscoreError) else BadInput
        calls = f" of {self._jobs[self._job[name]].calls}" if len(self._jobs) > 1 else ""
        return kind(
            f"{len(self._failed)} of {len(self._shards)} shards cannot be scored, and the others "
            f"stay done; {name} ({self._shard[name].regions()[:200]}{calls}): {error} "
            f"(logs: {self._folder.logs})"
        )

    def _write(self, job: int, errors: list[CnnscoreError]) -> None:
        """Write the output of a call file, all of whose shards are there."""
        tasks, sample = self._tasks[job], self._plan.samples[job]
        try:
            for task in tasks:
                if not self._folder.check(task.name, task.output):
                    raise BadInput(f"{task.output} has changed since it was scored: run it again")
            for name in (sample.calls, *sample.reads, self._how.reference):
                before = self._plan.inputs[name]
                if identity(name).items() - before.items():
                    raise BadInput(
                        f"{name} has changed since the plan was made: give another folder, or "
                        f"remove {self._folder.path}"
                    )
            self._summaries[job] = write_gathered(
                self._jobs[job],
                sample,
                self._how,
                [task.output for task in tasks],
                [self._folder.done[task.name] for task in tasks],
                time.monotonic() - self._start,
            )
        except CnnscoreError as error:
            if len(self._jobs) == 1:
                raise
            errors.append(type(error)(f"{self._jobs[job].output}: {error}"))


def _check_room(folder: WorkFolder, plan: Plan, missing: int, progress: Progress) -> None:
    """Say how large the work folder becomes. Errors: BadOutput where there is no room."""
    calls = {sample.calls for sample in plan.samples}
    size = ROOM * sum(plan.inputs[name].get("bytes", 0) for name in calls)
    n_shards = sum(len(sample.shards) for sample in plan.samples)
    size *= missing / max(n_shards, 1)
    free = shutil.disk_usage(folder.path).free
    done = f", {n_shards - missing} of them done" if missing < n_shards else ""
    progress.say(
        f"{n_shards} shards{done}; {folder.path} takes up to {size / 1e6:,.0f} MB more, of "
        f"{free / 1e6:,.0f} MB free"
    )
    if size > free:
        raise BadOutput(
            f"{folder.path} has no room: {size / 1e6:,.0f} MB are wanted, {free / 1e6:,.0f} MB "
            "are free"
        )
