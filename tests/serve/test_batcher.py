"""Batches of several clients joined: whose scores are whose, and how long anybody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.errors import BadBatch
from cnnscore.score.engine import Engine
from cnnscore.serve.batcher import Batcher, Filling
from hosts.server import HeldEngine, Windows, make_windows
from hosts.stand_in import write_stand_ins

AT_ONCE = Filling(enough=1, seconds=0, most=1000)


@contextmanager
def batching(
    engine: Engine | HeldEngine, filling: Filling, threads: int = 1
) -> Iterator[tuple[Batcher, list[tuple[int, int]]]]:
    """A batcher, and the (sites, batches) of its jobs."""
    jobs: list[tuple[int, int]] = []
    batcher = Batcher(engine, threads, filling, lambda *job: jobs.append(job))
    try:
        yield batcher, jobs
    finally:
        batcher.close()


def parts(batch: WindowBatch, *sizes: int) -> Iterator[WindowBatch]:
    begin = 0
    for size in sizes:
        yield batch.part(begin, begin + size)
        begin += size


def test_what_waits_is_joined_and_told_apart(windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    with batching(engine, AT_ONCE) as (batcher, jobs):
        sizes = (1, 5, 0, 3, 8)
        first = batcher.submit(case.batch.part(0, 1))
        engine.entered.wait(10)  # the others wait behind it
        rest = [batcher.submit(part) for part in parts(case.batch, *sizes)]
        assert batcher.waiting_sites() == sum(sizes)
        engine.go.set()
        scores = np.concatenate([future.result(20) for future in rest])
        assert scores.tobytes() == case.scores[: sum(sizes)].tobytes()
        assert first.result(0).tobytes() == case.scores[:1].tobytes()
    assert jobs == [(1, 1), (sum(sizes), len(sizes) - 1)]


def test_never_more_than_wanted_together(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = HeldEngine(case.model)
    with batching(engine, Filling(enough=1, seconds=0, most=10)) as (batcher, jobs):
        batcher.submit(case.batch.part(0, 1))
        assert engine.entered.wait(60)
        futures = [batcher.submit(part) for part in parts(case.batch, 4, 4, 4, 20, 1)]
        engine.go.set()
        got = np.concatenate([future.result(20) for future in futures])
    assert got.tobytes() == case.scores[:33].tobytes()
    assert jobs == [(1, 1), (8, 2), (4, 1), (20, 1), (1, 1)]


def test_a_worker_waits_for_a_full_batch_but_not_long(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = Engine(case.model, provider="cpu")
    with batching(engine, Filling(enough=6, seconds=20, most=100), threads=3) as (batcher, jobs):
        futures = [batcher.submit(part) for part in parts(case.batch, 2, 2, 2)]
        got = np.concatenate([future.result(10) for future in futures])
        assert got.tobytes() == case.scores[:6].tobytes()
    assert jobs == [(6, 3)]
    with batching(engine, Filling(enough=6, seconds=0.05, most=100)) as (batcher, jobs):
        began = time.monotonic()
        batcher.submit(case.batch.part(0, 2)).result(10)
        assert time.monotonic() - began >= 0.05
    assert jobs == [(2, 1)]


def test_a_bad_batch_harms_no_neighbour(windows: dict[str, Windows]) -> None:
    """An allele that no encoder takes passes no check here: it fails when it is scored."""
    case = windows["reference"]
    engine = HeldEngine(case.model)
    good = case.batch.part(0, 4)
    bad = replace(good, site_allele=good.site_allele * 0)
    with batching(engine, AT_ONCE) as (batcher, _):
        batcher.submit(good)
        assert engine.entered.wait(60)
        futures = [batcher.submit(batch) for batch in (good, bad, good)]
        engine.go.set()
        assert futures[0].result(20).tobytes() == case.scores[:4].tobytes()
        assert futures[2].result(20).tobytes() == case.scores[:4].tobytes()
        with pytest.raises(BadBatch, match="alleles"):
            futures[1].result(20)


@pytest.mark.parametrize("encoding", ["read-set", "reference"])
def test_joining_changes_no_bit(encoding: str, tmp_path: Path) -> None:
    """Of networks of our own, whose matrix products know how many rows there are."""
    case = make_windows(
        "reads" if encoding == "read-set" else "reference", write_stand_ins(tmp_path)[encoding]
    )
    engine = Engine(case.model, provider="cpu")
    for step in (1, 2, 3, 5, 7, 16):
        for begin in range(0, len(case.batch), step):
            sites = slice(begin, min(begin + step, len(case.batch)))
            got = engine.score(case.batch.part(sites.start, sites.stop))
            assert got.tobytes() == case.scores[sites].tobytes()


@pytest.mark.parametrize("what", ["width", "qual"])
def test_windows_of_another_layout_are_scored_apart(what: str, windows: dict[str, Windows]) -> None:
    """A column that one client sends and the other does not could change scores."""
    case = windows["reference"]
    engine = HeldEngine(case.model)
    wide = case.batch.part(0, 2)
    if what == "width":
        wide = replace(wide, reference=np.pad(wide.reference, ((0, 0), (0, 7))))
    else:
        wide = replace(wide, qual=np.zeros(0 if len(wide.qual) else 2, np.float32))
    with batching(engine, AT_ONCE) as (batcher, jobs):
        batcher.submit(wide)
        assert engine.entered.wait(60)
        futures = [batcher.submit(batch) for batch in (wide, case.batch.part(2, 5), wide)]
        engine.go.set()
        for future, sites in zip(futures, (slice(2), slice(2, 5), slice(2)), strict=True):
            assert future.result(20).tobytes() == case.scores[sites].tobytes()
    assert [batches for _, batches in jobs] == [1, 1, 1, 1]


def test_what_was_given_up_is_not_scored(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = HeldEngine(case.model)
    with batching(engine, AT_ONCE) as (batcher, jobs):
        batcher.submit(case.batch.part(0, 1))
        assert engine.entered.wait(60)
        gone = batcher.submit(case.batch.part(0, 100))
        stays = batcher.submit(case.batch.part(0, 3))
        assert gone.cancel()
        engine.go.set()
        assert len(stays.result(20)) == 3
        with pytest.raises(CancelledError):
            gone.result(0)
    assert jobs == [(1, 1), (3, 1)]


def test_closing_finishes_what_was_taken(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = HeldEngine(case.model)
    batcher = Batcher(engine, 2, AT_ONCE)
    futures = [batcher.submit(part) for part in parts(case.batch, 1, 2, 3)]
    threading.Timer(0.1, engine.go.set).start()
    batcher.close()
    assert [len(future.result(0)) for future in futures] == [1, 2, 3]
    with pytest.raises(RuntimeError):
        batcher.submit(case.batch)
