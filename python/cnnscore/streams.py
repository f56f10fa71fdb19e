"""What a command's process says, where it cannot be written."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from cnnscore.errors import BadOutput


def guard() -> None:
    """From now on this process's standard output fails by BadOutput, and its stderr never."""
    if sys.stdout and sys.stdout is sys.__stdout__:
        sys.stdout = _over(_Output, 1, sys.stdout)
    if sys.stderr is None:  # closed: this takes its number, for what C says there
        nothing = io.BufferedWriter(io.FileIO(os.devnull, "w"))
        sys.stderr = io.TextIOWrapper(nothing, errors="backslashreplace")
    elif sys.stderr is sys.__stderr__:
        sys.stderr = _over(_Messages, 2, sys.stderr)


def _over(kind: type[io.FileIO], number: int, stream: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(kind(number, "w", closefd=False)),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


class _Output(io.FileIO):
    """Says once that it cannot be written: what follows would say it again, at the latest when
    Python ends. No OSError: argparse swallows those.
    """

    _failed = False

    def write(self, data: Any) -> int:
        if self._failed:
            return len(data)
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed = True
            raise BadOutput(f"cannot write standard output: {error.strerror}") from None


class _Messages(io.FileIO):
    """A message that nobody can read is no failure of the run."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)
