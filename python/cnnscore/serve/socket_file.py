"""The name of a Unix socket: taken by one server, and given up by that one alone."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cnnscore.errors import BadOutput


class SocketFile:
    """A socket of mode `mode` at `path`, which is there when `listen(target)` has returned.

    gRPC listens aside, at a name of our own in the same folder: it would remove whatever socket
    stands at `path`, when it begins and when it ends. A socket that a dead server left is
    replaced, with `take_over` one that somebody listens on too. Two that start at once cannot both
    have the name. Errors: BadOutput when anything else is there, or the folder cannot be written.
    """

    def __init__(
        self,
        path: Path,
        mode: int,
        listen: Callable[[str], object],
        *,
        take_over: bool = False,
    ) -> None:
        self._path, self._take_over = path, take_over
        try:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise _no_listening(path, error.strerror) from None
        try:
            # Short however long the folder's name is: the address of a socket has a limit.
            aside = f"/proc/self/fd/{folder}/.cnnscore.{os.getpid()}"
            before = os.umask(0o777 & ~mode)
            try:
                listen(f"unix:{aside}")
            except RuntimeError as error:
                raise _no_listening(path, error) from None
            finally:
                os.umask(before)
            try:
                self._take(aside)
            finally:
                Path(aside).unlink(missing_ok=True)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Remove it, unless another server has the name by now."""
        with suppress(OSError):
            if _identity(self._path) == self._own:
                self._path.unlink()

    def _take(self, aside: str) -> None:
        self._own = _identity(aside)
        for _ in range(2):
            try:
                os.link(aside, self._path, follow_symlinks=False)
            except FileExistsError:
                _make_way(self._path, take_over=self._take_over)
            except OSError as error:
                raise _no_listening(self._path, error.strerror) from None
            else:
                return
        raise BadOutput(f"another server starts at {self._path}: choose another path")


def _identity(path: str | Path) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _no_listening(path: Path, reason: object) -> BadOutput:
    return BadOutput(f"cannot listen at unix:{path}: is its folder there, and writable? ({reason})")


def _make_way(path: Path, *, take_over: bool) -> None:
    """Remove a socket that a dead server left, or any. Errors: BadOutput when it is another."""
    try:
        mode = path.stat(follow_symlinks=False).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise BadOutput(f"{path} is there already, and is no socket: remove it or choose another")
    if take_over:
        path.unlink(missing_ok=True)
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)  # a server that is stopped, with all its places taken
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise BadOutput(
                f"{path} is there already ({error.strerror or error}): choose another"
            ) from None
        else:
            raise BadOutput(f"a server listens at {path} already: choose another path")
