"""Window readers of many samples, of which so many are open that their files keep to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import UsageError

MOST_OPEN_FILES = 100


class ReaderPool:
    """Readers by the key of their `options`; the one that was not used for longest is closed first.

    A reader holds its reference and its read files open. A thread that asks for one while all that
    may be open are in use waits, so it must not hold another. Errors: UsageError where the files of
    one reader alone are too many.
    """

    def __init__(self, options: Mapping[int, ReaderOptions], max_open_files: int) -> None:
        self._options, self._most = options, max_open_files
        needed = max(map(_files_of, options.values()), default=0)
        if needed > max_open_files:
            raise UsageError(
                f"`max_open_files={max_open_files}`: one sample's reads and the reference are "
                f"{needed} files"
            )
        self._changed = threading.Condition()
        self._idle: OrderedDict[int, list[WindowReader]] = OrderedDict()
        self._open = 0
        self.opened = 0
        """Readers that were opened, again or for the first time."""

    @contextmanager
    def reader(self, key: int) -> Iterator[WindowReader]:
        """The reader of a key, for this thread alone. Errors: those of WindowReader."""
        reader = self._take_idle(key) or self._open_reader(key)
        try:
            yield reader
        finally:
            with self._changed:
                self._idle.setdefault(key, []).append(reader)
                self._idle.move_to_end(key)
                self._changed.notify_all()

    def _take_idle(self, key: int) -> WindowReader | None:
        """One that waits to be used; else None, and its files count as open."""
        needed = _files_of(self._options[key])
        with self._changed:
            while True:
                if readers := self._idle.get(key):
                    return readers.pop()
                while self._open + needed > self._most and self._close_oldest():
                    pass
                if self._open + needed <= self._most:
                    self._open += needed
                    self.opened += 1
                    return None
                self._changed.wait()

    def _open_reader(self, key: int) -> WindowReader:
        try:
            return WindowReader(self._options[key])
        except BaseException:
            with self._changed:
                self._open -= _files_of(self._options[key])
                self._changed.notify_all()
            raise

    def _close_oldest(self) -> bool:
        while self._idle:
            key, readers = next(iter(self._idle.items()))
            if readers:
                reader = readers.pop()
                reader.close()
                self._open -= _files_of(self._options[key])
                return True
            del self._idle[key]
        return False

    def close(self) -> None:
        """Close all readers that are not in use."""
        with self._changed:
            while self._close_oldest():
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _files_of(options: ReaderOptions) -> int:
    """Files that a reader holds open: a CRAM's decoder opens the reference again."""
    crams = sum(name.endswith(".cram") for name in options.reads)
    return 1 + len(options.reads) + crams
