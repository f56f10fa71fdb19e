"""What long runs say."""

from __future__ import annotations

import io

import pytest

from cnnscore.progress import NoProgress, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be moved by hand."""
    now = [100.0]
    monkeypatch.setattr("cnnscore.progress.time.monotonic", lambda: now[0])
    return now


def test_no_stderr(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that began with a closed one."""
    monkeypatch.setattr("sys.stderr", None)
    for report in (Progress(), NoProgress()):
        clock[0] += 11
        report.update(900, "chr1:5", 0.1)
        report.say("done")


def test_lines(clock: list[float]) -> None:
    stream = io.StringIO()
    report = Progress(stream)
    clock[0] += 9
    report.update(900, "chr1:5", 0.1)
    assert stream.getvalue() == ""
    clock[0] += 1
    report.update(1000, "chr1:6", 0.25)
    assert stream.getvalue() == "cnnscore:  25 %  1,000 sites  100/s  chr1:6  0:30 left\n"
    clock[0] += 3590
    report.update(9000, "chr2:1", None)
    assert stream.getvalue().splitlines()[1] == "cnnscore: 9,000 sites  2/s  chr2:1"


def test_bar(clock: list[float]) -> None:
    stream = Terminal()
    report = Progress(stream)
    clock[0] += 3600
    report.update(7200, "chr1:6", 0.5)
    bar = "[##########..........] 50 %  7,200 sites  2/s  chr1:6  1:00:00 left"
    assert stream.getvalue() == f"\r\x1b[K{bar}"
    report.clear()
    assert stream.getvalue().endswith("\r\x1b[K")
