"""Readers of many samples: which are open, and how many files they hold."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from cnnscore.calls.reader_pool import ReaderPool
from cnnscore.calls.windows import ReaderOptions
from cnnscore.errors import BadInput, UsageError
from conftest import DATA


def open_files(folder: Path) -> list[str]:
    """Files of the folder that this process holds open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(link.readlink())
        except FileNotFoundError:
            continue  # that of the listing
    return sorted(path.name for path in found if folder in path.parents)


@pytest.fixture
def options(tmp_path: Path) -> dict[int, ReaderOptions]:
    for name in ("ref.fa", "ref.fa.fai"):
        shutil.copy(DATA / name, tmp_path)
    for i in range(4):
        for end in ("bam", "bam.bai"):
            shutil.copy(DATA / f"reads.{end}", tmp_path / f"{i}.{end}")
    return {
        i: ReaderOptions(
            str(tmp_path / "ref.fa"),
            (str(tmp_path / f"{i}.bam"),),
            read_rule="primary",
            read_limit=64,
        )
        for i in range(4)
    }


def test_the_one_not_used_for_longest_is_closed(
    options: dict[int, ReaderOptions], tmp_path: Path
) -> None:
    with ReaderPool(options, 5) as pool:
        for key, opened, held in (
            (0, 1, ["0.bam"]),
            (1, 2, ["0.bam", "1.bam"]),
            (0, 2, ["0.bam", "1.bam"]),
            (2, 3, ["0.bam", "2.bam"]),
            (1, 4, ["1.bam", "2.bam"]),
        ):
            with pool.reader(key):
                assert pool.opened == opened
                assert open_files(tmp_path) == [*held, *["ref.fa"] * len(held)]
    assert open_files(tmp_path) == []


def test_one_waits_for_another(options: dict[int, ReaderOptions], tmp_path: Path) -> None:
    met: list[list[str]] = []

    def other(pool: ReaderPool) -> None:
        with pool.reader(1):
            met.append(open_files(tmp_path))

    with ReaderPool(options, 3) as pool:
        with pool.reader(0):
            thread = threading.Thread(target=other, args=[pool])
            thread.start()
            thread.join(0.2)
            assert thread.is_alive()
        thread.join(10)
        assert met == [["1.bam", "ref.fa"]]


def test_what_cannot_be_opened_counts_no_more(
    options: dict[int, ReaderOptions], tmp_path: Path
) -> None:
    (tmp_path / "1.bam").unlink()
    with ReaderPool(options, 2) as pool:
        for _ in range(3):
            with pytest.raises(BadInput, match=r"1\.bam"), pool.reader(1):
                pass
        with pool.reader(0):
            assert open_files(tmp_path) == ["0.bam", "ref.fa"]


def test_a_limit_that_no_reader_keeps(options: dict[int, ReaderOptions]) -> None:
    with pytest.raises(UsageError, match=r"`max_open_files=1`: one sample's reads .* are 2 files"):
        ReaderPool(options, 1)
