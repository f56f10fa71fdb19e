"""An index that was looked at, and found good, is looked at again when its file is another."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnscore.calls.records import Calls, Intervals
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput
from hosts.waiting import wait_until

DATA = Path(__file__).parents[1] / "data" / "synthetic"
NAMES = ("calls.vcf.gz", "calls.vcf.gz.tbi", "ref.fa", "ref.fa.fai", "reads.bam", "reads.bam.bai")
QUIET_S = 3.0
"""A file that was written to just now is not remembered: its times might not tell of the next."""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in NAMES:
        shutil.copy(DATA / name, tmp_path)
    wait_until(lambda: all(_is_quiet(tmp_path / name) for name in NAMES))
    return tmp_path


def _is_quiet(path: Path) -> bool:
    return time.time() - path.stat().st_ctime > QUIET_S


def _calls(box: Path) -> None:
    Calls(str(box / "calls.vcf.gz"), intervals=Intervals(regions="synB")).close()


def _reads(box: Path) -> None:
    reads = (str(box / "reads.bam"),)
    options = ReaderOptions(str(box / "ref.fa"), reads, read_rule="primary", read_limit=8)
    WindowReader(options).close()


OPENERS = {"calls.vcf.gz.tbi": _calls, "ref.fa.fai": _reads, "reads.bam.bai": _reads}


def _bytes_read(work: Callable[[], None]) -> int:
    def so_far() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = so_far()
    work()
    return so_far() - before


@pytest.mark.parametrize("open_it", [_calls, _reads])
def test_a_second_look_reads_less(box: Path, open_it: Callable[[Path], None]) -> None:
    first, second, third = (_bytes_read(lambda: open_it(box)) for _ in range(3))
    assert second < first
    assert third == second


@pytest.mark.parametrize("name", OPENERS)
def test_a_file_that_is_replaced_or_altered_is_seen(box: Path, name: str) -> None:
    OPENERS[name](box)
    index = box / name
    good, times = index.read_bytes(), index.stat()
    old = (times.st_atime_ns, times.st_mtime_ns)

    (box / "other").write_bytes(good[: len(good) // 2])
    os.utime(box / "other", ns=old)
    (box / "other").rename(index)
    with pytest.raises(BadInput, match="index"):
        OPENERS[name](box)

    index.write_bytes(good)
    os.utime(index, ns=old)
    wait_until(lambda: _is_quiet(index))
    OPENERS[name](box)
    with index.open("r+b") as file:  # in its place, of the same length, with the same time
        file.write(bytes(b ^ 0x55 for b in good[:40]))
    os.utime(index, ns=old)
    with pytest.raises(BadInput, match="index"):
        OPENERS[name](box)

    index.unlink()
    with pytest.raises(BadInput, match="index"):
        OPENERS[name](box)


def test_calls_that_are_replaced_are_seen(box: Path) -> None:
    """The index stays, and knows records that the new file has not."""
    _calls(box)
    (box / "calls.vcf.gz").write_bytes((DATA / "calls.vcf.gz").read_bytes()[:-5000])
    with pytest.raises(BadInput):
        _calls(box)
