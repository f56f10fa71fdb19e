"""Jobs of a queueing system as workers: how they are asked for, and what if they are refused."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput, UsageError
from cnnscore.extras import need
from cnnscore.files import writing
from cnnscore.scatter.cluster_config import CONFIGURATION, QUEUES, security_of, temporary
from cnnscore.scatter.folder import LOGS, check_ours

log = logging.getLogger("cnnscore")

TRY_AGAIN_S = (5.0, 10.0, 20.0, 40.0)
"""After so long a job in place of another is asked for again, where it was refused."""


class Jobs:
    """The jobs of a run: those that the queueing system has taken, and whether it takes more."""

    def __init__(self, wanted: int, command: str) -> None:
        self.wanted = wanted
        self._command = command
        self._told: queue.Queue[Exception | None] = queue.Queue()
        self._taken: set[int] = set()
        self._has_begun = False
        self._refusal: Exception | None = None

    def followed(self, kind: Any) -> Any:
        """A kind of job that tells how its submission ended: Dask prints a traceback, and waits."""
        from distributed.core import Status

        ours = self

        async def start(self: Any) -> None:
            for wait in (*TRY_AGAIN_S, None):
                try:
                    await kind.start(self)
                    break
                except Exception as error:
                    if wait is None or not ours._has_begun:
                        self.status = Status.failed  # else the cluster's end fails too
                        ours._refused(error)
                        raise
                await asyncio.sleep(wait)
            ours._taken.add(id(self))
            ours._refusal = None
            ours._told.put(None)

        async def close(self: Any) -> None:
            ours._taken.discard(id(self))
            await kind.close(self)

        return type(kind.__name__, (kind,), {"start": start, "close": close})

    def _refused(self, error: Exception) -> None:
        if self._has_begun and self._taken:
            log.warning("%s refuses a job (%s): the others go on", self._command, line_of(error))
        self._refusal = error
        self._told.put(error)

    def wait_for_one(self) -> None:
        """Wait until a job is taken. Errors: BadInput where none is."""
        refused: list[Exception] = []
        while len(refused) < self.wanted:
            if not (error := self._told.get()):
                break
            refused.append(error)
        self._has_begun = True
        if not refused:
            return
        what = (
            f"{self._command} refuses {len(refused)} of {self.wanted} jobs ({line_of(refused[0])})"
        )
        if len(refused) == self.wanted:
            raise BadInput(f"{what}: see to [cluster] of `cluster_config=`")
        log.warning("%s: the others go on", what)

    def check(self) -> None:
        """Errors: BadInput where none is left, and others were refused for a while."""
        if self._refusal and not self._taken:
            raise BadInput(
                f"all jobs have ended, and {self._command} takes no other "
                f"({line_of(self._refusal)}): the shards that are done stay; when it takes jobs "
                "again, the same command goes on"
            )


def line_of(error: BaseException) -> str:
    """What an error says, in one line: of a command that failed, what it said itself."""
    while error.__cause__:
        error = error.__cause__
    text = str(error)
    return " ".join((text.rpartition("stderr:")[2].strip() or text).split()) or repr(error)


@contextmanager
def queue_of(
    who: str, settings: Mapping[str, Mapping[str, Any]], folder: str, insecure: bool
) -> Iterator[tuple[Any, Jobs]]:
    """Jobs of a queueing system; without certificates of the user's, some for this run alone.

    Errors: UsageError where its commands are not there, BadInput where it takes no job.
    """
    need("cluster", "dask_jobqueue")
    import dask
    import dask_jobqueue

    check_ours(Path(folder))  # a key is written there
    kind = getattr(dask_jobqueue, QUEUES[who])
    command = shlex.split(kind.job_cls.submit_command)[0]
    if not shutil.which(command):
        raise UsageError(
            f"`cluster={who}`: there is no command {command} here: start it where jobs are "
            "submitted, or take `cluster=local`"
        )
    with ExitStack() as stack:
        logs = stack.enter_context(_logs(Path(folder)))
        wanted: dict[str, Any] = {
            "cores": 1,
            "processes": 1,
            "memory": "4GB",
            **settings["cluster"],
        }
        if not insecure:
            security = security_of(settings)
            if security is None:
                security = stack.enter_context(_of_this_run(logs))
            wanted |= {"protocol": "tls://", "security": security}
        wanted.setdefault("log_directory", str(logs))
        # Its usual port may be another run's.
        wanted["scheduler_options"] = {
            "dashboard_address": ":0",
            **wanted.get("scheduler_options", {}),
        }
        ours: dict[str, Any] = {}
        dask.config.set(CONFIGURATION, config=ours)
        wanted["job_script_prologue"] = [  # else jobs have Dask's defaults
            f"export DASK_INTERNAL_INHERIT_CONFIG={dask.config.serialize(ours)}",
            *wanted.get("job_script_prologue", []),
        ]
        if settings["resources"]:
            extra = " ".join(f"{name}={value}" for name, value in settings["resources"].items())
            more = wanted.get("worker_extra_args", [])
            wanted["worker_extra_args"] = [*more, "--resources", extra]
        jobs = Jobs(settings["workers"].get("jobs", 1), command)
        try:
            cluster = kind(job_cls=jobs.followed(kind.job_cls), **wanted)
        except (TypeError, ValueError) as error:
            raise BadInput(f"[cluster] of the configuration: {line_of(error)}") from None
        except (RuntimeError, OSError) as error:
            raise BadInput(f"the scheduler of this run does not start: {line_of(error)}") from None
        with cluster:
            n = jobs.wanted
            cluster.adapt(minimum_jobs=n, maximum_jobs=n)  # one that ends is replaced
            jobs.wait_for_one()
            yield cluster, jobs


@contextmanager
def _logs(folder: Path) -> Iterator[Path]:
    """The folder of logs in a work folder, which goes where nothing was put there."""
    made = [path for path in (folder.absolute() / LOGS, folder.absolute()) if not path.exists()]
    logs = folder.absolute() / LOGS
    with writing(logs):
        logs.mkdir(parents=True, exist_ok=True)
    try:
        yield logs
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def _of_this_run(folder: Path) -> Iterator[Any]:
    """A certificate that only this run's processes have: jobs read it in the work folder."""
    from distributed.security import Security

    made = temporary()
    # Of this process: a run that finds the folder held must not touch another's.
    names = {what: folder / f"tls.{os.getpid()}.{what}" for what in ("cert", "key")}
    for what, path in names.items():
        with writing(path):
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                os.write(descriptor, getattr(made, f"tls_client_{what}").encode())
            finally:
                os.close(descriptor)
    who = ("client", "scheduler", "worker")
    files = {f"tls_{one}_{what}": str(path) for one in who for what, path in names.items()}
    try:
        yield Security(tls_ca_file=str(names["cert"]), require_encryption=True, **files)
    finally:
        for path in names.values():
            path.unlink(missing_ok=True)
