"""`--cluster local`: workers that nobody else on the machine may speak to."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from cnnscore.scatter.cluster import cluster_runner

pytest.importorskip("distributed", reason="needs the extra cnnscore[cluster]: run by `make test`")

psutil = pytest.importorskip("psutil", reason="comes with cnnscore[cluster]: run by `make test`")

STRANGER = """
import asyncio, os, sys
from distributed.comm import connect
from distributed.security import Security

async def enter(name, scheme, arguments):
    await connect(f"{scheme}://{name}", timeout=5, **arguments)
    print(name, flush=True)

async def main():
    keys = Security.temporary().get_connection_args("client")
    doors = [("tcp", {}), ("tls", keys)]
    tasks = [asyncio.ensure_future(enter(name, *door)) for name in sys.argv[1:] for door in doors]
    await asyncio.wait(tasks, timeout=10)
    os._exit(0)

asyncio.run(main())
"""
"""Dask's own client without the keys of the run: who it gets through to could run its code."""


def listening() -> Iterator[tuple[str, int]]:
    """Where this process and those that it started take connections."""
    here = psutil.Process()
    for process in (here, *here.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            for one in process.net_connections(kind="inet"):
                if one.status == psutil.CONN_LISTEN:
                    yield one.laddr.ip, one.laddr.port


def heard(names: Sequence[str]) -> list[str]:
    """Which of HOST:PORT let a stranger in."""
    command = [sys.executable, "-c", STRANGER, *names]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300
    ).stdout.split()


def test_who_has_not_the_key_of_the_run_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    before = set(listening())
    with cluster_runner(
        "local:1",
        cluster_config=None,
        insecure=False,
        threads=1,
        folder=str(tmp_path),
        say=said.append,
    ):
        ports = set(listening()) - before
        assert len(ports) >= 2, "a scheduler and a worker"
        assert {ip for ip, _ in ports} == {"127.0.0.1"}
        assert not heard([f"{ip}:{port}" for ip, port in ports]), said


def test_plain_connections_are_asked_for_by_name() -> None:
    """The test's own client can get through."""
    said: list[str] = []
    with cluster_runner(
        "local:1", cluster_config=None, insecure=True, threads=1, folder="", say=said.append
    ):
        name = said[0].split()[1].rstrip(",").removeprefix("tcp://")
        assert heard([name]) == [name]
        dashboard = said[0].partition(", dashboard ")[2].split()[0]
        with urllib.request.urlopen(dashboard, timeout=30) as page:
            assert page.status == 200
