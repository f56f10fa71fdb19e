"""A few of the moments that `cluster.py` tries."""

from __future__ import annotations

import random

import pytest

from kill.cluster_run import ClusterRun

pytest.importorskip("distributed", reason="needs the extra cnnscore[cluster]: run by `make test`")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClusterRun:
    return ClusterRun(tmp_path_factory.mktemp("cluster") / "runs")


@pytest.mark.parametrize("part", [0.0, 0.6])
def test_a_worker_at_some_moment(run: ClusterRun, part: float) -> None:
    """At 0.0: the first one, as soon as it is there."""
    met, faults = run.kill_worker(part, random.Random(1))
    assert not faults
    assert met or part


def test_the_scheduler_at_some_moment(run: ClusterRun) -> None:
    met, faults = run.kill_scheduler(0.5)
    assert met
    assert not faults
