"""What a cluster is asked for: the tables of `--cluster-config`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput, UsageError
from cnnscore.extras import need

QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
}
TABLES = ("cluster", "workers", "security", "resources")
OF_WORKERS = ("threads", "server", "jobs")

CONFIGURATION = {
    "distributed.scheduler.allowed-failures": 0,  # we try again, and say so
    "distributed.scheduler.worker-saturation": 2.0,  # the next shard is there when one is done
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.worker.daemon": True,
    # Dask watches itself 100 times per second, which takes a tenth of a core from each process.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    # Memory that is given back after each job is fetched anew for the next.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
"""Dask's own, for the processes of a run."""


def read_config(config: str | None) -> dict[str, dict[str, Any]]:
    """The tables of a configuration, all of them. Errors: BadInput."""
    settings: dict[str, Any] = {}
    if config:
        try:
            settings = tomllib.loads(Path(config).read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"cannot read {config}: {error.strerror}") from None
        except ValueError as error:
            raise BadInput(f"{config} is no TOML: {error}") from None
    for name, table in settings.items():
        if name not in TABLES or not isinstance(table, dict):
            raise BadInput(f"{config}: {name} is none of its tables ({', '.join(TABLES)})")
    workers = settings.get("workers", {})
    if unknown := workers.keys() - set(OF_WORKERS):
        raise BadInput(f"{config}: [workers] has {min(unknown)}; known are {', '.join(OF_WORKERS)}")
    for name, value in workers.items():
        if name == "server" and not isinstance(value, str):
            raise BadInput(f"{config}: [workers] server = {value!r}: give its address")
        if name != "server" and (type(value) is not int or value < 1):
            raise BadInput(f"{config}: [workers] {name} = {value!r}: give a whole number from 1 on")
    for name, value in settings.get("resources", {}).items():
        if type(value) not in (int, float) or not 0 < value < math.inf:
            raise BadInput(f"{config}: [resources] {name} = {value!r}: give a number above 0")
    return {name: settings.get(name, {}) for name in TABLES}


def check_used(settings: Mapping[str, Mapping[str, Any]], cluster: str, config: str | None) -> None:
    """Errors: UsageError for what this kind of cluster would not look at."""
    if cluster in QUEUES:
        return
    is_local = cluster.partition(":")[0] == "local"
    if "jobs" in settings["workers"]:
        instead = "`cluster=local:N` says how many" if is_local else "its scheduler has workers"
        raise UsageError(
            f"{config}: [workers] jobs is for queueing systems, not for `cluster={cluster}`: leave "
            f"it out ({instead})"
        )
    if settings["cluster"] and not is_local:
        raise UsageError(
            f"{config}: [cluster] is for a cluster that is made, not for `cluster={cluster}`, "
            "which runs already: leave it out"
        )


def security_of(settings: Mapping[str, Mapping[str, Any]]) -> Any:
    """Dask's security options, as the configuration has them; None: it has none."""
    from distributed.security import Security

    if not settings["security"]:
        return None
    try:
        return Security(**{"require_encryption": True, **settings["security"]})
    except TypeError as error:
        raise BadInput(f"[security] of the configuration: {error}") from None


def temporary() -> Any:
    """Dask's security options with a certificate of this run, in memory."""
    need("cluster", "cryptography")
    from distributed.security import Security

    return Security.temporary()
