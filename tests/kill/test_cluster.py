"""A few of the moments that `cluster.py` tries."""

from __future__ import annotations

import random

import pytest

from kill.cluster_run import ClusterRun

pytest.importorskip("distributed", reason="needs the extra cnnscore[cluster]: run by `make test`")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ClusterRun:
    return ClusterRun(tmp_path_factory.mktemp("cluster") / "runs")


def test_the_first_worker_as_soon_as_it_is_there(run: ClusterRun) -> None:
    met, faults = run.kill_worker(0.0, random.Random(1))
    assert met
    assert not faults


def test_the_scheduler_at_some_moment(run: ClusterRun) -> None:
    for part in (0.5, 0.25, 0.0):  # other work may have made the run longer that was timed
        met, faults = run.kill_scheduler(part)
        assert not faults
        if met:
            break
    assert met
