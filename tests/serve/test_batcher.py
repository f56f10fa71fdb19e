"""Batches of several clients joined and split: whose scores are whose, how long anybody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.batch import WindowBatch, concatenate
from cnnscore.errors import BadBatch
from cnnscore.score.engine import Engine
from cnnscore.serve.batcher import Batcher, Filling
from hosts.server import HeldEngine, Windows, make_windows
from hosts.stand_in import write_stand_ins

AT_ONCE = Filling(enough=1, seconds=0, most=1000)


@contextmanager
def batching(
    engine: Any, filling: Filling, threads: int = 1
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
        engine.entered.wait(300)  # the others wait behind it
        rest = [batcher.submit(part) for part in parts(case.batch, *sizes)]
        assert batcher.waiting_sites() == sum(sizes)
        engine.go.set()
        scores = np.concatenate([future.result(300) for future in rest])
        assert scores.tobytes() == case.scores[: sum(sizes)].tobytes()
        assert first.result(0).tobytes() == case.scores[:1].tobytes()
    assert jobs == [(1, 1), (sum(sizes), len(sizes) - 1)]


def test_never_more_than_wanted_together(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = HeldEngine(case.model)
    with batching(engine, Filling(enough=1, seconds=0, most=10)) as (batcher, jobs):
        batcher.submit(case.batch.part(0, 1))
        assert engine.entered.wait(300)
        futures = [batcher.submit(part) for part in parts(case.batch, 4, 4, 4, 20, 1)]
        engine.go.set()
        got = np.concatenate([future.result(300) for future in futures])
    assert got.tobytes() == case.scores[:33].tobytes()
    assert jobs == [(1, 1), (10, 3), (10, 2), (10, 1), (3, 2)]


def test_a_worker_waits_for_a_full_batch_but_not_long(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = Engine(case.model, provider="cpu")
    with batching(engine, Filling(enough=6, seconds=20, most=100), threads=3) as (batcher, jobs):
        futures = [batcher.submit(part) for part in parts(case.batch, 2, 2, 2)]
        got = np.concatenate([future.result(300) for future in futures])
        assert got.tobytes() == case.scores[:6].tobytes()
    assert jobs == [(6, 3)]
    with batching(engine, Filling(enough=6, seconds=0.05, most=100)) as (batcher, jobs):
        began = time.monotonic()
        batcher.submit(case.batch.part(0, 2)).result(300)
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
        assert engine.entered.wait(300)
        futures = [batcher.submit(batch) for batch in (good, bad, good)]
        engine.go.set()
        assert futures[0].result(300).tobytes() == case.scores[:4].tobytes()
        assert futures[2].result(300).tobytes() == case.scores[:4].tobytes()
        with pytest.raises(BadBatch, match="alleles"):
            futures[1].result(300)


# ---- turns ----


class CountedEngine:
    """A slow network in place of which calls are counted; a site's score is its position."""

    def __init__(self) -> None:
        self.sites: list[int] = []
        self.entered, self.go = threading.Event(), threading.Event()

    def score(self, batch: WindowBatch) -> np.ndarray:
        self.sites.append(len(batch))
        self.entered.set()
        assert self.go.wait(300)
        return batch.pos.astype(np.float32)


def many(batch: WindowBatch, sites: int) -> WindowBatch:
    """So many sites, each at a position of its own."""
    batch = concatenate([batch] * -(-sites // len(batch))).part(0, sites)
    return replace(batch, pos=np.arange(sites, dtype=np.int64))


def test_a_flood_makes_nobody_wait(windows: dict[str, Windows]) -> None:
    """Eight batches of 40,000 sites, then four sites of another client: the very next job."""
    engine = CountedEngine()
    with batching(engine, Filling(enough=128, seconds=0, most=512)) as (batcher, jobs):
        flood = many(windows["reference"].batch, 40_000)
        large = [batcher.submit(flood, "hog") for _ in range(8)]
        assert engine.entered.wait(300)  # one job is under way
        small = batcher.submit(flood.part(30_000, 30_004), "small")
        calls: list[int] = []
        small.add_done_callback(lambda _: calls.append(len(engine.sites)))
        engine.go.set()
        assert small.result(300).tolist() == [30_000, 30_001, 30_002, 30_003]
        assert calls == [2]
        for future in large:
            assert np.array_equal(future.result(300), np.arange(40_000))
    assert max(engine.sites) == 512
    assert sum(engine.sites) == 8 * 40_000 + 4
    assert jobs[1] == (512, 2)


def test_equal_shares(windows: dict[str, Windows]) -> None:
    """Of three floods and a trickle: the trickle whole, the floods alike, whoever came first."""
    engine = CountedEngine()
    with batching(engine, Filling(enough=1, seconds=0, most=100)) as (batcher, _):
        batch = many(windows["reference"].batch, 1000)
        first = batcher.submit(batch.part(0, 1), "first")
        assert engine.entered.wait(300)
        futures = {name: batcher.submit(batch, name) for name in ("a", "b", "c")}
        ended: dict[str, int] = {}

        def end(name: str, _: object) -> None:
            ended[name] = len(engine.sites)

        for name, future in futures.items():
            future.add_done_callback(partial(end, name))
        trickle = [batcher.submit(batch.part(i, i + 1), "trickle") for i in range(10)]
        trickle[-1].add_done_callback(partial(end, "trickle"))
        engine.go.set()
        for future in (first, *futures.values(), *trickle):
            future.result(300)
    assert ended.pop("trickle") == 2
    # 3,010 sites in jobs of 100: nobody ends before the last two.
    assert min(ended.values()) >= len(engine.sites) - 1
    assert len(engine.sites) == 1 + 31


def test_other_layouts_have_their_turn(windows: dict[str, Windows]) -> None:
    """They cannot be joined, and must not wait for all who can."""
    engine = CountedEngine()
    with batching(engine, Filling(enough=1, seconds=0, most=10)) as (batcher, _):
        batch = many(windows["reference"].batch, 1000)
        other = replace(batch, qual=np.zeros(0 if len(batch.qual) else len(batch), np.float32))
        flood = batcher.submit(batch, "hog")
        assert engine.entered.wait(300)
        calls: list[int] = []
        odd = batcher.submit(other.part(0, 4), "odd")
        odd.add_done_callback(lambda _: calls.append(len(engine.sites)))
        engine.go.set()
        assert odd.result(300).tolist() == [0, 1, 2, 3]
        assert len(flood.result(300)) == 1000
    assert calls[0] <= 3


def test_a_client_that_leaves_takes_its_flood_along(windows: dict[str, Windows]) -> None:
    engine = CountedEngine()
    with batching(engine, Filling(enough=1, seconds=0, most=10)) as (batcher, _):
        flood = batcher.submit(many(windows["reference"].batch, 1000), "hog")
        assert engine.entered.wait(300)
        assert batcher.waiting_sites() == 990
        assert flood.cancel()
        assert batcher.waiting_sites() == 0
        engine.go.set()
    assert engine.sites == [10]


def test_a_part_that_fails_is_the_end_of_its_batch(windows: dict[str, Windows]) -> None:
    class Picky(CountedEngine):
        def score(self, batch: WindowBatch) -> np.ndarray:
            scores = super().score(batch)
            if 25 in batch.pos:
                raise BadBatch("the 25th")
            return scores

    engine = Picky()
    with batching(engine, Filling(enough=1, seconds=0, most=10), threads=2) as (batcher, _):
        batch = many(windows["reference"].batch, 1000)
        bad = batcher.submit(batch, "hog")
        good = batcher.submit(batch.part(500, 700), "good")
        engine.go.set()
        assert good.result(300).tolist() == list(range(500, 700))
        with pytest.raises(BadBatch, match="the 25th"):
            bad.result(300)
    assert sum(engine.sites) < 600


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_splitting_changes_no_bit(kind: str, windows: dict[str, Windows]) -> None:
    case = windows[kind]
    for most in (1, 3, 7):
        filling = Filling(enough=1, seconds=0, most=most)
        with batching(Engine(case.model, provider="cpu"), filling, threads=3) as (batcher, _):
            futures = [batcher.submit(case.batch, client) for client in range(3)]
            for future in futures:
                assert future.result(300).tobytes() == case.scores.tobytes()


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
        assert engine.entered.wait(300)
        futures = [batcher.submit(batch) for batch in (wide, case.batch.part(2, 5), wide)]
        engine.go.set()
        for future, sites in zip(futures, (slice(2), slice(2, 5), slice(2)), strict=True):
            assert future.result(300).tobytes() == case.scores[sites].tobytes()
    assert [batches for _, batches in jobs] == [1, 1, 1, 1]


def test_what_was_given_up_is_not_scored(windows: dict[str, Windows]) -> None:
    case = windows["reference"]
    engine = HeldEngine(case.model)
    with batching(engine, AT_ONCE) as (batcher, jobs):
        batcher.submit(case.batch.part(0, 1))
        assert engine.entered.wait(300)
        gone = batcher.submit(case.batch.part(0, 100))
        stays = batcher.submit(case.batch.part(0, 3))
        assert gone.cancel()
        engine.go.set()
        assert len(stays.result(300)) == 3
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
