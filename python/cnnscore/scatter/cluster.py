"""Who scores shards: this process, or the workers of Dask distributed, on this machine or others.

Each worker is a process that scores one shard at a time with threads of its own; its network stays
open. Who can speak to a scheduler or a worker can have code run there, so connections are TLS, also
on one machine, or asked for without it by name.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import queue
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnscore.description import Description
from cnnscore.errors import BadInput, UsageError
from cnnscore.extras import need
from cnnscore.files import writing
from cnnscore.scatter.cluster_config import QUEUES, check_used, read_config, security_of
from cnnscore.scatter.folder import LOGS, check_ours
from cnnscore.scatter.task import Task, score_in_worker
from cnnscore.scatter.work import ATTEMPTS, Runner, ThisProcess
from cnnscore.score.open import EngineSettings
from cnnscore.score.run import usable_cores

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger("cnnscore")

CORES_PER_WORKER = 4
"""Of a local cluster without a number: a network per core would take the memory."""
MOST_SENT = 10_000
"""So many shards the scheduler knows at a time: it takes some kB for each."""
ASK_AGAIN_S = 5.0
SILENT = ("distributed", "tornado.application", "asyncio")
"""Loggers that print tracebacks of what we say in a line."""


CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 0,  # we try again, and say so
    "distributed.scheduler.worker-saturation": 2.0,  # the next shard is there when one is done
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.worker.daemon": True,
    # What Dask watches of itself, 100 times per second, takes a fifth of the time from small shards.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    # Memory that is given back after each job is fetched anew for the next.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}


class DaskRunner:
    """Shards as tasks of a Dask scheduler."""

    def __init__(self, client: Client, resources: Mapping[str, float], server: str | None) -> None:
        self._client = client
        self._resources = dict(resources)
        self._server = server
        self._workers, self._asked = 0, -math.inf

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        """What the workers are to score with, opened here to look at it."""
        opened = engine.open(has_reads=has_reads)
        opened.close()
        return opened.description

    def run(
        self, tasks: Sequence[Task], *, again: bool
    ) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with, as they come."""
        from distributed import as_completed

        # Dask hands tasks that ask for resources to workers long before they start, and blames all
        # of a worker's when it dies: then, and to tell who killed it, each worker has one.
        one_each = again or bool(self._resources)

        by_key = {}

        def sent(task: Task) -> Any:
            if self._server:
                task = replace(task, engine=replace(task.engine, server=self._server))
            future = self._client.submit(
                score_in_worker, task, pure=False, resources=self._resources or None
            )
            by_key[future.key] = task
            return future

        waiting = iter(tasks)
        most = max(1, self.workers()) if one_each else MOST_SENT
        first = [sent(task) for task in islice(waiting, most)]
        ended = as_completed(first, loop=self._client.loop)
        del first
        for future in ended:
            if one_each:
                most = max(1, self.workers())
            for task in islice(waiting, max(0, most - len(by_key) + 1)):
                ended.add(sent(task))
            error = future.exception()
            yield by_key.pop(future.key), future.result() if error is None else error
            future.release()

    def workers(self) -> int:
        """How many are there; asked for now and then, as the answer tells of each."""
        now = time.monotonic()
        if now - self._asked > ASK_AGAIN_S:
            self._workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._asked = now
        return self._workers


@contextmanager
def cluster_runner(
    cluster: str | None,
    *,
    cluster_config: str | None,
    insecure: bool,
    threads: int | None,
    folder: str,
    say: Callable[[str], None],
) -> Iterator[tuple[Runner, int | None]]:
    """The one that was asked for (`--cluster`), and the threads of each of its processes.

    It ends with the block, whatever ends that. Errors: UsageError for another name, for the extra
    that is missing, and for addresses beyond this machine without TLS; BadInput for a
    configuration that is none.
    """
    settings = read_config(cluster_config)
    if cluster is None:
        if cluster_config:
            raise UsageError("`cluster_config=` goes with `cluster=`")
        yield ThisProcess(), threads
        return
    name, _, number = cluster.partition(":")
    local = name == "local" and (not number or (number.isdigit() and int(number) > 0))
    if not (local or cluster in QUEUES or name in ("tcp", "tls")):
        raise UsageError(
            f"`cluster={cluster}`: give local, local:N, {', '.join(QUEUES)}, tls://HOST:PORT or "
            "tcp://HOST:PORT"
        )
    check_used(settings, cluster, cluster_config)
    need("cluster", "distributed")
    import dask

    for logger in SILENT:
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    threads = threads or settings["workers"].get("threads")
    with ExitStack() as stack:
        stack.enter_context(_no_sigpipe())
        stack.enter_context(dask.config.set(CONFIGURATION))
        if local:
            cores = usable_cores()
            n = int(number) if number else max(1, cores // CORES_PER_WORKER)
            threads = threads or max(1, cores // n)
            target: Any = stack.enter_context(_local(n, settings, insecure))
            security = target.security
        elif cluster in QUEUES:
            target = stack.enter_context(_queue(cluster, settings, folder, insecure))
            security = target.security
        else:
            target, security = cluster, security_of(settings)
            _check_address(cluster, security, insecure)
        client = stack.enter_context(_client(target, security))
        link = f", dashboard {client.dashboard_link}" if find_spec("bokeh") else ""
        say(f"scheduler {client.scheduler.address}{link}")
        yield DaskRunner(client, settings["resources"], settings["workers"].get("server")), threads


@contextmanager
def _no_sigpipe() -> Iterator[None]:
    """A worker that goes away closes connections, of which OpenSSL sends the signal: it is no
    reader of our output."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


def _client(target: Any, security: Any) -> Client:
    """Errors: BadInput where no scheduler answers."""
    from distributed import Client

    try:
        return Client(target, security=security, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        where = target if isinstance(target, str) else "of this run"
        raise BadInput(
            f"the Dask scheduler {where} does not answer ({_line(error)}): see that it runs, and "
            "that its address and its certificates are these"
        ) from None


def _line(error: BaseException) -> str:
    """What an error says, in one line: of a command that failed, what it said itself."""
    while error.__cause__:
        error = error.__cause__
    text = str(error)
    return " ".join((text.rpartition("stderr:")[2].strip() or text).split()) or repr(error)


@contextmanager
def _local(n: int, settings: Mapping[str, Mapping[str, Any]], insecure: bool) -> Iterator[Any]:
    from distributed import LocalCluster

    wanted = {
        "n_workers": n,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "memory_limit": 0,
        "silence_logs": logging.CRITICAL,
        "resources": settings["resources"] or None,
        **settings["cluster"],
    }
    if not insecure:
        security = security_of(settings)
        if security is None:  # workers get it from the process that starts them, not from a file
            security = _temporary()
        wanted |= {"protocol": "tls://", "security": security}
    for left in reversed(range(ATTEMPTS)):
        try:
            cluster = LocalCluster(**wanted)
            break
        except (TypeError, ValueError) as error:
            raise BadInput(f"[cluster] of the configuration: {_line(error)}") from None
        except (RuntimeError, OSError) as error:  # a worker that ends while it starts
            if not left:
                raise BadInput(
                    f"the workers of this machine do not start: {_line(error)}"
                ) from None
    with cluster:
        yield cluster


@contextmanager
def _queue(
    who: str, settings: Mapping[str, Mapping[str, Any]], folder: str, insecure: bool
) -> Iterator[Any]:
    """Jobs of a queueing system; without certificates of the user's, some for this run alone.

    Errors: UsageError where its commands are not there, BadInput where it takes no job.
    """
    need("cluster", "dask_jobqueue")
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
        if settings["resources"]:
            extra = " ".join(f"{name}={value}" for name, value in settings["resources"].items())
            more = wanted.get("worker_extra_args", [])
            wanted["worker_extra_args"] = [*more, "--resources", extra]
        told: queue.Queue[Exception | None] = queue.Queue()
        try:
            cluster = kind(job_cls=_telling(kind.job_cls, told), **wanted)
        except (TypeError, ValueError) as error:
            raise BadInput(f"[cluster] of the configuration: {_line(error)}") from None
        except (RuntimeError, OSError) as error:
            raise BadInput(f"the scheduler of this run does not start: {_line(error)}") from None
        with cluster:
            jobs = settings["workers"].get("jobs", 1)
            cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # one that ends is replaced
            _await_a_job(jobs, told, command)
            yield cluster


def _telling(job: Any, told: queue.Queue[Exception | None]) -> Any:
    """A kind of job that tells how its submission ended: Dask prints a traceback, and goes on."""

    from distributed.core import Status

    async def start(self: Any) -> None:
        try:
            await job.start(self)
        except Exception as error:
            self.status = Status.failed  # else the cluster's end fails too
            told.put(error)
            raise
        told.put(None)

    return type(job.__name__, (job,), {"start": start})


def _await_a_job(jobs: int, told: queue.Queue[Exception | None], command: str) -> None:
    """Wait until a job is submitted. Errors: BadInput where none is taken."""
    refused: list[Exception] = []
    while len(refused) < jobs:
        if not (error := told.get()):
            break
        refused.append(error)
    if not refused:
        return
    what = f"{command} refuses {len(refused)} of {jobs} jobs ({_line(refused[0])})"
    if len(refused) == jobs:
        raise BadInput(f"{what}: see to [cluster] of `cluster_config=`")
    log.warning("%s: the others go on", what)


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

    made = _temporary()
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


def _temporary() -> Any:
    """Dask's security options with a certificate of this run, in memory."""
    need("cluster", "cryptography")
    from distributed.security import Security

    return Security.temporary()


def _check_address(address: str, security: Any, insecure: bool) -> None:
    """Errors: UsageError for a scheduler beyond this machine without TLS."""
    scheme, _, rest = address.partition("://")
    host = rest.rpartition(":")[0].strip("[]")
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if scheme == "tls" and security is None:
        raise UsageError(
            f"{address}: its certificates go into [security] of `cluster_config=` (tls_ca_file, "
            "tls_client_cert, tls_client_key)"
        )
    if scheme == "tcp" and not is_here and not insecure:
        raise UsageError(
            f"{address} is beyond this machine: use tls://, or say `insecure=` where nobody else "
            "can reach that network"
        )
