"""Files and folders that appear under their name only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnscore.errors import BadOutput


def check_folder(path: str) -> None:
    """Errors: BadOutput when nothing can be written beside `path`: said before the work is done."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise BadOutput(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise BadOutput(f"cannot write {path}: the folder {folder} is not yours to write in")


def write_whole(path: str, content: bytes) -> None:
    """Write a file aside and rename it when it is whole. Errors: BadOutput."""
    target = Path(path)
    if target.exists() and not target.is_file():  # /dev/stdout, a pipe
        aside = target
    else:
        aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        if aside != target:
            aside.replace(target)
    except OSError as error:
        raise BadOutput(f"cannot write {path}: {error.strerror}") from None
    finally:
        if aside != target:
            with suppress(OSError):
                aside.unlink()


def file_name(text: str) -> str:
    """`text` as part of a file's name: letters, digits, `.`, `_` and `-`."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in text)


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Errors: BadOutput that names `path`, in place of an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise BadOutput(f"cannot write {path}: {error.strerror}") from None


@contextmanager
def open_folder(path: str) -> Iterator[Path]:
    """An empty folder aside, whose files appear in the folder `path` at the end, replacing those of
    the same name; nothing appears when the block is left by an exception.

    Errors: BadOutput when it cannot be made, or its files cannot be moved; those of the block are
    the block's (`writing`).
    """
    target = Path(path).absolute()
    if target.exists() and not target.is_dir():
        raise BadOutput(f"{path} is a file, where a folder is wanted")
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with writing(path):
            aside.mkdir(parents=True)
        yield aside
        with writing(path):
            target.mkdir(exist_ok=True)
            for file in sorted(aside.iterdir()):
                os.utime(file)  # in order, so that no index is older than what it indexes
                file.replace(target / file.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
