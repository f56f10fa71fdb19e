"""A folder that one run at a time works in."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnscore.errors import BadOutput, UsageError
from cnnscore.files import temporary

log = logging.getLogger("cnnscore")
LOCK = ".lock"


@contextmanager
def one_run(folder: Path, command: str) -> Iterator[None]:
    """Hold a folder, which is made where it is not there, for this process alone; `command` is the
    one that messages name.

    The lock is the system's: it goes with the process, however that ends. Errors: UsageError when
    another run holds it, BadOutput when nothing can be written there.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
    except BlockingIOError:
        with suppress(OSError):
            raise UsageError(
                f"another `cnnscore {command}` (process {path.read_text()}) is at work in "
                f"{folder}: wait for it, or give another folder"
            ) from None
        raise UsageError(f"another `cnnscore {command}` is at work in {folder}") from None
    except OSError as error:
        raise BadOutput(f"cannot write into {folder}: {error.strerror}") from None
    try:
        with temporary(path):
            yield
    finally:
        os.close(lock)


def _lock(path: Path) -> int:
    """A descriptor that holds the lock file. Errors: OSError; BlockingIOError: another has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError as error:  # a file system without locks
            log.warning("cannot lock %s (%s): see that no other run uses it", path, error.strerror)
        # Whoever held it before may have removed it: then it is no lock for those who come.
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        os.close(descriptor)
