"""The folder of a training run: one run in it at a time, and what a run goes on from."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnscore.errors import BadInput, BadOutput, UsageError
from cnnscore.files import temporary

log = logging.getLogger("cnnscore")
LOCK = ".lock"


@contextmanager
def one_run(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it is not there, for this process alone.

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
                f"another `cnnscore train` (process {path.read_text()}) is at work in {folder}: "
                "wait for it, or give another folder"
            ) from None
        raise UsageError(f"another `cnnscore train` is at work in {folder}") from None
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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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


def prepare(
    output: Path, network: Path, sources: Sequence[Path], *, resume: bool, overwrite: bool
) -> Path:
    """Clear the folder of an earlier run, where that is wanted; the path of the checkpoint.

    Errors: UsageError when there is one and nobody said what to do with it, or when `network`,
    which the run replaces, is one of the networks that it is made from, `sources`.
    """
    checkpoint = output / "checkpoint.pt"
    if network.exists() and any(network.samefile(source) for source in sources):
        raise UsageError(
            f"{network} would be replaced, and the run starts or learns from it: give another "
            "folder, or another name (`settings=name=NAME`)"
        )
    there = [path for path in (network, checkpoint) if path.exists()]
    if there and not (resume or overwrite):
        raise UsageError(
            f"{there[0]} is there already: `resume=` goes on from a checkpoint, `overwrite=` "
            "starts again"
        )
    try:
        if not resume:
            for path in (network.with_suffix(".md"), network, checkpoint):
                path.unlink(missing_ok=True)
            shutil.rmtree(output / "tensorboard", ignore_errors=True)
    except OSError as error:
        raise BadOutput(f"cannot write into {output}: {error.strerror}") from None
    return checkpoint


def digest(path: Path) -> str:
    """SHA-256 of a file. Errors: BadInput."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file. Errors: BadInput."""
    return [digest(path) for path in paths]
