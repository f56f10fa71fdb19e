"""How far a long run is: sites, rate, position, time left."""

from __future__ import annotations

import sys
import time
from io import StringIO
from typing import TextIO

TERMINAL_INTERVAL_S = 0.2
LINE_INTERVAL_S = 10.0
BAR_WIDTH = 20


def counted(number: int, unit: str) -> str:
    """So many of a unit.

    >>> counted(1, "shard"), counted(20_000, "shard")
    ('1 shard', '20,000 shards')
    """
    return f"{number:,} {unit}{'s' * (number != 1)}"


class Progress:
    """Reports to `stream`: a bar rewritten in place on a terminal, else a line every 10 seconds."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr or StringIO()  # none where it is closed
        self._terminal = self._stream.isatty()
        self._interval = TERMINAL_INTERVAL_S if self._terminal else LINE_INTERVAL_S
        self._start = self._last = time.monotonic()
        self._drawn = False

    def restart(self) -> None:
        """Count the time from now on."""
        self._start = time.monotonic()

    def update(self, sites: int, locus: str, part: float | None) -> None:
        """`sites` are done, the last at `locus`; `part` (0-1) of the input is read, if known."""
        self.show(sites, "sites", locus, part)

    def show(self, done: int, unit: str, what: str, part: float | None) -> None:
        """So many of `unit` are done, `what` is the latest, `part` (0-1) of all, if known."""
        now = time.monotonic()
        if now - self._last < self._interval:
            return
        self._last = now
        self._draw(done, unit, what, part)

    def _draw(self, done: int, unit: str, what: str, part: float | None) -> None:
        elapsed = time.monotonic() - self._start
        text = f"{done:,} {unit}  {done / elapsed:,.0f}/s  {what}"
        if part:
            filled = round(part * BAR_WIDTH) if self._terminal else 0
            bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]" if self._terminal else ""
            left = _duration(elapsed * (1 - part) / part)
            text = f"{bar}{100 * part:3.0f} %  {text}  {left} left"
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._drawn = True
        else:
            self._stream.write(f"cnnscore: {text}\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._stream.write(f"cnnscore: {text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False


class NoProgress(Progress):
    """Says nothing."""

    def __init__(self) -> None:
        super().__init__()

    def show(self, done: int, unit: str, what: str, part: float | None) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
