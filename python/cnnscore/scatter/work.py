"""`score --work`: a plan is made or gone on with, its shards are scored, and then gathered."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from cnnscore.calls.output import OutputOptions, open_output
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowReader
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import BadInput, BadOutput, CnnscoreError, UsageError
from cnnscore.progress import Progress
from cnnscore.scatter.folder import WorkFolder, opened
from cnnscore.scatter.gather import append
from cnnscore.scatter.plan import Plan, Sample, identities, known_depth
from cnnscore.scatter.shards import Shard, cut_into_shards
from cnnscore.scatter.task import Task, score_shard, unheard
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import NOT_SCORED, ScoreOptions, Summary
from cnnscore.score.run import open_to_score
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

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with, as they come."""

    def workers(self) -> int:
        """How many processes there are now."""


class ThisProcess:
    """The embedded default: one shard after the other, by the threads of this process."""

    _engine: WindowScorer

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        """What they are scored with: it stays open."""
        self._engine = engine.open(has_reads=has_reads)
        return self._engine.description

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with."""
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
class Job:
    """A call file to score, as the command line or a row of a table has it."""

    calls: str
    reads: tuple[str, ...]
    output: str
    sample: str | None = None


@dataclass(frozen=True)
class WorkOptions:
    """How the shards are worked on."""

    folder: str
    shards: int | None = None
    threads: int | None = None
    """Of each process."""


class _Opened:
    """A call file, its reads and their depth: what is checked, measured and said once for all."""

    def __init__(
        self,
        job: Job,
        network: Description,
        reference: str,
        written: OutputOptions,
        options: ScoreOptions,
    ) -> None:
        self.job, self.network = job, network
        written.mode(job.output)
        options = replace(options, sample=job.sample)
        self.source, key = open_to_score(
            job.calls, network, reference, job.reads, options, must_be_sorted=True
        )
        windows = ReaderOptions.of_network(network, reference, job.reads, job.sample)
        self.reader = WindowReader(windows)
        given = options.sample_depth
        self.checks = ReadChecks(
            self.reader, network.model, uses_depth=network.uses_depth, sample_depth=given
        )
        if network.uses_depth:
            self.source.add_depth(key, self.checks.depth, given=given is not None)
        self.checks.whose(self.source, job.sample)

    def check(self, counts: ReadCounts, sites: int, scored: int) -> None:
        """Say what is to say of all shards together. Errors: BadInput where no read counts, and
        where the network has no finite score.
        """
        self.checks.at_end(counts)
        self.reader.check_scores(counts, scored, self.network)
        for warning in self.source.annotations_warnings(self.network) if sites else ():
            log.warning(warning)
        if lacking := self.reader.scores_warning(counts, scored, self.network):
            log.warning(lacking)
        self.checks.warn(counts)


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
        raise UsageError("shards are of the whole file: use `targets=` in place of `regions=`")
    if options.downsampling == "gatk":
        raise UsageError("`downsampling=gatk` runs through a whole file in order, without shards")
    start = time.monotonic()
    engine = _for_workers(engine)
    network = runner.network(engine, has_reads=any(job.reads for job in jobs))
    opened_calls = [_Opened(job, network, reference, written, options) for job in jobs]
    plan = _plan(opened_calls, network, reference, engine, written, options, work.shards)
    with opened(work.folder, plan) as folder:
        tasks = _tasks(plan, folder, reference, engine, options, work.threads)
        missing = [task for task in tasks if not folder.check(task.name, task.output)]
        _check_room(folder, plan, len(missing), progress)
        _score(missing, tasks, folder, plan, runner, progress)
        return [
            _gather(i, one, plan, tasks, folder, written, start)
            for i, one in enumerate(opened_calls)
        ]


def _plan(
    all_calls: Sequence[_Opened],
    network: Description,
    reference: str,
    engine: EngineSettings,
    written: OutputOptions,
    options: ScoreOptions,
    number: int | None,
) -> Plan:
    samples = []
    for one in all_calls:
        depth = known_depth(one.checks.depth) if network.uses_depth else None
        shards = tuple(cut_into_shards(one.job.calls, number))
        samples.append(Sample(one.job.calls, one.job.reads, one.job.sample, depth, shards))
    calls = [job.calls for job in samples]
    others = [reference, *(name for job in samples for name in job.reads)]
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
        "reference": reference,
        "output": [written.mode(one.job.output) for one in all_calls],
    }
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
        targets = mark + _absolute(targets.removeprefix("^"))
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
                    _absolute(sample.calls),
                    _absolute(reference),
                    tuple(map(_absolute, sample.reads)),
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


def _absolute(name: str) -> str:
    parts = name.split("##idx##")
    return "##idx##".join(part if "://" in part else str(Path(part).absolute()) for part in parts)


def _for_workers(engine: EngineSettings) -> EngineSettings:
    """With absolute names of files: workers run elsewhere."""
    model, files = engine.model, (engine.token_file, engine.tls_ca)
    if (
        model
        and not (engine.server or is_address(model))
        and (model.endswith(".onnx") or "/" in model)
    ):
        model = _absolute(model)
    token, authority = (name and _absolute(name) for name in files)
    return replace(engine, model=model, token_file=token, tls_ca=authority)


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


def _score(
    missing: Sequence[Task],
    tasks: Sequence[Task],
    folder: WorkFolder,
    plan: Plan,
    runner: Runner,
    progress: Progress,
) -> None:
    """Score what is missing. Errors: CnnscoreError that names a shard which cannot be scored."""
    shards = dict(zip((task.name for task in tasks), _shards(plan), strict=True))
    total = sum(shard.sites for shard in shards.values())
    left = {task.name for task in missing}
    done = sum(shard.sites for name, shard in shards.items() if name not in left)
    failed: dict[str, Exception] = {}
    progress.restart()
    waiting = list(missing)
    for attempt in range(1, ATTEMPTS + 1):
        again = []
        for task, outcome in runner.run(waiting):
            if isinstance(outcome, Exception):
                failed[task.name] = outcome
                if attempt < ATTEMPTS and not isinstance(outcome, CnnscoreError):
                    again.append(task)
                    log.warning("the shard %s failed, and is tried again: %s", task.name, outcome)
                continue
            folder.note(outcome)
            failed.pop(task.name, None)
            left.discard(task.name)
            done += shards[task.name].sites
            what = f"{len(shards) - len(left)} of {len(shards)} shards  {runner.workers()} workers"
            progress.show(done, "sites", what, done / max(total, 1))
        waiting = again
        if not waiting:
            break
    progress.clear()
    if failed:
        name, error = next(iter(failed.items()))
        kind = type(error) if isinstance(error, CnnscoreError) else BadInput
        raise kind(
            f"{len(failed)} of {len(shards)} shards cannot be scored, and the others stay done; "
            f"{name} ({shards[name].regions()[:200]}): {error} (logs: {folder.logs})"
        )


def _shards(plan: Plan) -> Iterator[Shard]:
    for sample in plan.samples:
        yield from sample.shards


def _gather(
    number: int,
    one: _Opened,
    plan: Plan,
    tasks: Sequence[Task],
    folder: WorkFolder,
    written: OutputOptions,
    start: float,
) -> Summary:
    """Write the output of a call file. Errors: BadInput for a shard that has changed, BadOutput."""
    own = [task for task in tasks if task.name.startswith(f"{number + 1}-")]
    told = [folder.done[task.name] for task in own]
    for task in own:
        if not folder.check(task.name, task.output):
            raise BadInput(f"{task.output} has changed since it was scored: run it again")
    counts = sum((ReadCounts(**result["reads"]) for result in told), ReadCounts())
    sites = sum(result["sites"] for result in told)
    scored = sum(result["scored"] for result in told)
    one.check(counts, sites, scored)
    with open_output(one.source, one.job.output, written) as writer:
        append(writer, [task.output for task in own])
    providers = sorted({result["provider"] for result in told})
    return Summary(
        sites=sites,
        scored=scored,
        unscored={NOT_SCORED: sites - scored},
        reads=counts,
        seconds=time.monotonic() - start,
        provider=", ".join(providers),
    )
