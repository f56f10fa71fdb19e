"""Who scores shards: this process, or the workers of Dask distributed, on this machine or others.

Each worker is a process that scores one shard at a time with threads of its own; its network stays
open. Who can speak to a scheduler or a worker can have code run there, so connections are TLS, also
on one machine, or asked for without it by name.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

from cnnscore.description import Description
from cnnscore.errors import BadInput, UsageError
from cnnscore.extras import need
from cnnscore.scatter.cluster_config import (
    CONFIGURATION,
    QUEUES,
    check_used,
    read_config,
    security_of,
    temporary,
)
from cnnscore.scatter.queues import Jobs, line_of, queue_of
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
BUNDLE_SITES = 20_000
SHARES = 4
"""A worker has at least so many bundles to come when it gets one of several shards."""
FETCH_AGAIN_S = 5
"""So long a result is waited for before it is seen whether anybody could still have it."""
ASK_AGAIN_S = 5.0
SILENT = ("distributed", "tornado.application", "asyncio")
"""Loggers that print tracebacks of what we say in a line."""


class DaskRunner:
    """Shards as tasks of a Dask scheduler."""

    def __init__(
        self,
        client: Client,
        resources: Mapping[str, float],
        server: str | None,
        jobs: Jobs | None,
    ) -> None:
        self._client = client
        self._resources = dict(resources)
        self._server = server
        self._jobs = jobs
        self._workers, self._asked = 0, -math.inf

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        """What the workers are to score with, opened here to look at it."""
        opened = engine.open(has_reads=has_reads)
        opened.close()
        return opened.description

    def run(
        self, tasks: Sequence[Task], *, again: bool
    ) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        """Each task with its result, or what it ended with, as they come.

        Errors: BadInput where all workers are gone, and the queueing system takes no other.
        """
        from distributed import as_completed

        by_key = {}

        def sent(bundle: Sequence[Task]) -> Any:
            future = self._client.submit(
                score_in_worker, bundle, pure=False, resources=self._resources or None
            )
            by_key[future.key] = bundle
            return future

        if self._server:
            tasks = [
                replace(task, engine=replace(task.engine, server=self._server)) for task in tasks
            ]
        workers = max(self.workers(), self._jobs.wanted if self._jobs else 0)
        waiting = ([task] for task in tasks) if again else bundles(tasks, workers)
        first = [sent(bundle) for bundle in islice(waiting, self._most(again=again))]
        ended = as_completed(first, loop=self._client.loop)
        del first
        for future in self._each(ended):
            for bundle in islice(waiting, max(0, self._most(again=again) - len(by_key) + 1)):
                ended.add(sent(bundle))
            ours, outcome = by_key.pop(future.key), self._outcome(future)
            of_each = repeat(outcome) if isinstance(outcome, Exception) else outcome
            yield from zip(ours, of_each, strict=False)
            future.release()

    def _most(self, *, again: bool) -> int:
        """How many bundles may be sent. All that a worker holds is blamed when it dies: to tell who
        killed it, each is alone on one, also where some have just died; and as Dask hands tasks
        that ask for resources to workers long before they start, each worker has one of those.
        """
        if again:
            self._asked = -math.inf  # as of now
            return max(1, self.workers() // 2)
        return max(1, self.workers()) if self._resources else MOST_SENT

    def _each(self, ended: Any) -> Iterator[Any]:
        """What has ended, while somebody is left who could end the rest."""
        while not ended.is_empty():
            while self._jobs and not ended.has_ready():
                with ended.thread_condition:
                    ended.thread_condition.wait(timeout=1)
                self._jobs.check()
            yield next(ended)

    def _outcome(self, future: Any) -> Any:
        """The result of a bundle that has ended, or its error. A result lies in its worker until it
        is fetched: if that is gone by then, Dask has it made again, if ever there is another.
        """
        while future.status != "error":
            try:
                return future.result(timeout=FETCH_AGAIN_S)
            except TimeoutError:  # or the task's own: then its status says so
                if self._jobs:
                    self._jobs.check()
            except Exception as error:
                return error
        return future.exception()

    def workers(self) -> int:
        """How many are there; asked for now and then, as the answer tells of each."""
        now = time.monotonic()
        if now - self._asked > ASK_AGAIN_S:
            self._workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._asked = now
        return self._workers


def bundles(tasks: Sequence[Task], workers: int) -> Iterator[list[Task]]:
    """Small shards together, in order, as what goes to a worker at once: up to BUNDLE_SITES, and
    ever fewer towards the end, so that all workers end together.
    """
    i = 0
    while i < len(tasks):
        most = max(1, (len(tasks) - i) // (SHARES * max(1, workers)))
        bundle, sites = [tasks[i]], tasks[i].sites
        for k in range(i + 1, min(i + most, len(tasks))):  # a slice would copy most of a plan
            sites += tasks[k].sites
            if sites > BUNDLE_SITES:
                break
            bundle.append(tasks[k])
        i += len(bundle)
        yield bundle


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
    submitted: Jobs | None = None
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
            target, submitted = stack.enter_context(queue_of(cluster, settings, folder, insecure))
            security = target.security
        else:
            target, security = cluster, security_of(settings)
            _check_address(cluster, security, insecure)
        client = stack.enter_context(_client(target, security))
        say(f"scheduler {client.scheduler.address}{_dashboard(client)}")
        server = settings["workers"].get("server")
        yield DaskRunner(client, settings["resources"], server, submitted), threads


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
            f"the Dask scheduler {where} does not answer ({line_of(error)}): see that it runs, and "
            "that its address and its certificates are these"
        ) from None


def _dashboard(client: Client) -> str:
    """Where Dask shows what its workers do; a scheduler may have none."""
    with suppress(KeyError):
        if link := client.dashboard_link:
            is_complete = client.cluster is None or find_spec("bokeh")
            lacking = "" if is_complete else " (its pages need `pip install bokeh`)"
            return f", dashboard {link}{lacking}"
    return ""


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
            security = temporary()
        wanted |= {"protocol": "tls://", "security": security}
    for left in reversed(range(ATTEMPTS)):
        try:
            cluster = LocalCluster(**wanted)
            break
        except (TypeError, ValueError) as error:
            raise BadInput(f"[cluster] of the configuration: {line_of(error)}") from None
        except (RuntimeError, OSError) as error:  # a worker that ends while it starts
            if not left:
                raise BadInput(
                    f"the workers of this machine do not start: {line_of(error)}"
                ) from None
    with cluster:
        yield cluster


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
