"""Which shards go to a worker together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cnnscore.scatter.cluster import BUNDLE_SITES, bundles


@dataclass(frozen=True)
class Shard:
    number: int
    sites: int


def cut(sites: list[int], workers: int) -> list[list[int]]:
    tasks: Any = [Shard(i, n) for i, n in enumerate(sites)]
    made: Any = bundles(tasks, workers)
    return [[task.number for task in bundle] for bundle in made]


@pytest.mark.parametrize("workers", [0, 1, 2, 50])
@pytest.mark.parametrize("sites", [[], [5], [550] * 200, [20_000] * 30, [1, 40_000, 1] * 7])
def test_each_is_there_once_in_order(sites: list[int], workers: int) -> None:
    assert [i for bundle in cut(sites, workers) for i in bundle] == list(range(len(sites)))


def test_small_ones_go_together_and_fewer_towards_the_end() -> None:
    lengths = [len(bundle) for bundle in cut([550] * 200, 2)]
    assert lengths[0] == 25
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-8:] == [1] * 8


def test_a_shard_of_the_usual_size_goes_alone() -> None:
    assert set(map(len, cut([BUNDLE_SITES] * 40, 2))) == {1}
    assert max(map(len, cut([BUNDLE_SITES // 4] * 400, 2))) == 4


def test_no_worker_waits_while_another_has_several() -> None:
    assert len(cut([550] * 200, 50)) >= 200 // 2
    assert len(cut([1] * 60, 20)) == 60
