"""`score --work`: a plan is made or gone on with, its shards are scored, and then gathered."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cnnscore.calls.output import OutputOptions
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import BadInput, BadOutput, CnnscoreError, UsageError, without_frames
from cnnscore.files import absolute_name, check_folder
from cnnscore.progress import Progress, counted
from cnnscore.scatter.folder import WorkFolder, opened
from cnnscore.scatter.plan import How, Plan, Sample, identities, identity, place
from cnnscore.scatter.sample import planned, write_gathered
from cnnscore.scatter.shards import too_few
from cnnscore.scatter.table import Job
from cnnscore.scatter.task import Task, score_shards, unheard
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
        # What is to say of all shards is said once.
        yield from score_shards(tasks, self._engine, unheard)

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
    for a folder of another plan; CnnscoreError where shards or whole call files cannot be scored:
    the others are.
    """
    if options.intervals.regions or options.intervals.regions_file:
        raise UsageError("shards are of the whole file: use `targets=` in place of `region=`")
    if options.downsampling == "gatk":
        raise UsageError("`downsampling=gatk` runs through a whole file in order, without shards")
    for job in jobs:
        _check_output(job.output, work.folder)
        written.mode(job.output)
    start = time.monotonic()
    engine = _for_workers(engine)
    network = runner.network(engine, has_reads=any(job.reads or job.cohort for job in jobs))
    how = How(network, reference, written, options)
    plan, errors = _plan(jobs, how, engine, work.shards)
    with opened(work.folder, plan, network.annotations) as folder:
        tasks = _tasks(jobs, plan, folder, reference, engine, options, work.threads)
        run = _Run(jobs, plan, how, folder, tasks, runner, progress, start, errors)
        return run.summaries()


def _check_output(output: str, work: str) -> None:
    """Errors: BadOutput where nothing can be written; UsageError for what goes with the folder."""
    if output == "-":
        return
    if Path(place(work)) in (path := Path(place(output)), *path.parents):
        raise UsageError(
            f"{output} lies in the work folder {work}, which is removed at the end: name another "
            "output"
        )
    check_folder(output)


def _plan(
    jobs: Sequence[Job], how: How, engine: EngineSettings, number: int | None
) -> tuple[Plan, dict[int, CnnscoreError]]:
    """The plan, and by number of their jobs what was wrong with those that it cannot have.

    Errors: what is wrong with all of them.
    """
    samples: list[Sample | None] = []
    errors: dict[int, CnnscoreError] = {}
    for i, job in enumerate(jobs):
        try:
            if job.line and how.network.needs_reads and not job.reads:
                raise UsageError(
                    f"the network {how.network.model} looks at reads: name them in the column reads"
                )
            samples.append(planned(job, how, number))
        except CnnscoreError as error:
            samples.append(None)
            errors[i] = without_frames(error)
    if len(errors) == len(jobs):
        raise _failure_of(jobs, errors)
    there = [sample for sample in samples if sample]
    cut = [(sample.calls, len(sample.shards)) for sample in there]
    if number and (warning := too_few([one for one in cut if one[1] < number], number)):
        log.warning(warning)
    options, network = how.options, how.network
    others = [how.reference, *(name for sample in there for name in sample.inputs())]
    targets = options.intervals.targets_file
    if targets:
        others.append(targets.removeprefix("^"))
        targets = targets[: targets.startswith("^")] + place(targets.removeprefix("^"))
    settings = {
        "model": network.model,
        "network": network.network,
        "precision": network.precision,
        "annotations": engine.annotations_from,
        "info_key": options.info_key or network.info_key,
        "overwrite": options.overwrite,
        "per_allele": options.per_allele,
        "sample_depth": options.sample_depth,
        "targets": options.intervals.targets,
        "targets_file": targets,
        "targets_overlap": options.intervals.targets_overlap,
        "reference": place(how.reference),
        "output": [how.written.mode(job.output) for job in jobs],
    }
    calls = [sample.calls for sample in there]
    return Plan(tuple(samples), settings, identities(calls, others)), errors


def _failure_of(jobs: Sequence[Job], errors: dict[int, CnnscoreError]) -> CnnscoreError:
    """What call files ended with: each is named, in the log where there are several."""
    first, *others = errors.values()
    if len(jobs) == 1 or (len(errors) == len(jobs) and all(str(e) == str(first) for e in others)):
        return first
    told = [
        f"{f'line {jobs[i].line}, ' if jobs[i].line else ''}{jobs[i].calls}: {error}"
        for i, error in sorted(errors.items())
    ]
    rest = "the others are" if len(errors) < len(jobs) else "as none can be"
    what = f"{len(errors):,} of {len(jobs):,} call files are not scored, {rest}"
    if not others:
        return type(first)(f"{what}: {told[0]}")
    for text in told:
        log.error(text)
    return type(first)(f"{what}: they are named above; mend their lines")


def _tasks(
    jobs: Sequence[Job],
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
        if not sample:
            continue
        kind = _kind(plan.settings["output"][i])
        cohort = jobs[i].cohort
        if cohort:
            cohort = replace(cohort, sample_map=absolute_name(cohort.sample_map))
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
                    OutputOptions(output_type=kind, is_swept=True),
                    str(folder.shard(name, ".bcf" if kind[0] == "b" else ".vcf.gz").absolute()),
                    str(folder.logs.absolute()),
                    threads,
                    shard.sites,
                    cohort,
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
        errors: dict[int, CnnscoreError],
    ) -> None:
        self._jobs, self._plan, self._how, self._folder = jobs, plan, how, folder
        self._runner, self._progress, self._start = runner, progress, start
        self._errors = errors
        self._shards = plan.shards()
        self._shard = dict(zip((task.name for task in tasks), self._shards, strict=True))
        of_all = iter(tasks)
        self._tasks = [
            [next(of_all) for _ in sample.shards] if sample else [] for sample in plan.samples
        ]
        self._job = {task.name: i for i, own in enumerate(self._tasks) for task in own}
        missing = [task for task in tasks if not folder.check(task.name, task.output)]
        self._missing = {task.name: task for task in missing}
        self._left = [sum(task.name in self._missing for task in own) for own in self._tasks]
        self._summaries: dict[int, Summary] = {}
        self._failed: dict[str, Exception] = {}

    def summaries(self) -> list[Summary]:
        """What was done, of each call file. Errors: CnnscoreError that names those which cannot be
        scored, or written: the others are.
        """
        _check_room(self._folder, self._plan, len(self._missing), self._progress)
        for i, left in enumerate(self._left):
            if not left:
                self._write(i)
        self._score()
        for name, error in self._failed.items():
            self._errors.setdefault(self._job[name], self._failure(name, error))
        if self._errors:
            raise _failure_of(self._jobs, self._errors)
        return [self._summaries[i] for i in range(len(self._jobs))]

    def _score(self) -> None:
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
                    f"{len(self._shards) - len(self._missing)} of "
                    f"{counted(len(self._shards), 'shard')}  "
                    f"{counted(self._runner.workers(), 'worker')}"
                )
                self._progress.show(done, "sites", what, done / max(total, 1))
                job = self._job[task.name]
                self._left[job] -= 1
                if not self._left[job]:
                    self._write(job)
            waiting = again
            if not waiting:
                break
        self._progress.clear()

    def _failure(self, name: str, error: Exception) -> CnnscoreError:
        """What is to say of a call file, of whose shards `name` is the first that failed."""
        kind = type(error) if isinstance(error, CnnscoreError) else BadInput
        own = self._tasks[self._job[name]]
        return kind(
            f"{sum(task.name in self._failed for task in own)} of {counted(len(own), 'shard')} "
            f"cannot be scored, and the others stay done; {name} "
            f"({self._shard[name].regions()[:200]}): {error} (logs: {self._folder.logs})"
        )

    def _write(self, job: int) -> None:
        """Write the output of a call file, all of whose shards are there."""
        tasks, sample = self._tasks[job], self._plan.samples[job]
        if not sample:
            return
        try:
            for task in tasks:
                if not self._folder.check(task.name, task.output):
                    raise BadInput(f"{task.output} has changed since it was scored: run it again")
            for name in (sample.calls, *sample.inputs(), self._how.reference):
                before = self._plan.inputs[place(name)]
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
            self._errors[job] = without_frames(error)


def _check_room(folder: WorkFolder, plan: Plan, missing: int, progress: Progress) -> None:
    """Say how large the work folder becomes. Errors: BadOutput where there is no room."""
    calls = {place(sample.calls) for sample in plan.samples if sample}
    size = ROOM * sum(plan.inputs[name].get("bytes", 0) for name in calls)
    n_shards = len(plan.shards())
    size *= missing / max(n_shards, 1)
    free = shutil.disk_usage(folder.path).free
    done = f", {n_shards - missing} of them done" if missing < n_shards else ""
    progress.say(
        f"{counted(n_shards, 'shard')}{done}; {folder.path} takes up to {size / 1e6:,.0f} MB "
        f"more, of {free / 1e6:,.0f} MB free"
    )
    if size > free:
        raise BadOutput(
            f"{folder.path} has no room: {size / 1e6:,.0f} MB are wanted, {free / 1e6:,.0f} MB "
            "are free"
        )
