"""An output file that appears under its name only when it is whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cnnscore.errors import BadOutput, UsageError
from cnnscore.records import Calls, Writer, build_index


@dataclass(frozen=True)
class OutputFormat:
    """htslib's mode of an output, and whether it can be indexed."""

    mode: str
    indexable: bool


def output_format(path: str, kind: str | None) -> OutputFormat:
    """The format by `kind` as in bcftools (u, b, v, z, b or z with a level 0-9), else by suffix.

    Errors: UsageError for another kind.
    """
    if kind is None:
        kind = "b" if path.endswith(".bcf") else "z" if path.endswith((".gz", ".bgz")) else "v"
    if kind in ("v", "u"):
        return OutputFormat({"v": "w", "u": "wbu"}[kind], False)
    if re.fullmatch(r"[bz][0-9]?", kind):
        return OutputFormat(f"w{kind}", True)
    raise UsageError(f"output type {kind!r}: give u, b, v or z, b and z with a level 0-9 if wanted")


@contextmanager
def open_output(
    calls: Calls, path: str, form: OutputFormat, index: str | None, *, threads: int = 0
) -> Iterator[Writer]:
    """A writer for `path` (`-` is standard output), and with `index` ("tbi", "csi") its index.

    Regular files are written aside in the same folder and renamed at the end; when the block is
    left by an exception nothing remains. `threads` more compress. Errors: UsageError for an index
    that cannot be, BadOutput when the file cannot be written.
    """
    target = Path(path)
    aside_wanted = path != "-" and (not target.exists() or target.is_file())
    if index and not (form.indexable and aside_wanted):
        raise UsageError(
            "--write-index needs a file and a compressed output: -o FILE with -O z or -O b"
        )
    if index == "tbi" and form.mode.startswith("wb"):
        raise UsageError("a BCF takes a csi index, not tbi: --write-index=csi")
    name = "standard output" if path == "-" else path
    if not aside_wanted:
        writer = Writer(calls, path, name, form.mode, threads)
        try:
            yield writer
        finally:
            writer.close()
        return
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    index_aside, index_path = Path(f"{aside}.{index}"), Path(f"{path}.{index}")
    try:
        writer = Writer(calls, os.fspath(aside), name, form.mode, threads)
        try:
            yield writer
        finally:
            writer.close()
        if index:
            build_index(os.fspath(aside), os.fspath(index_aside), index)
            with writing(str(index_path)):  # at no moment has an output another one's index
                index_path.unlink(missing_ok=True)
        aside.replace(target)
        if index:
            os.utime(index_aside)  # never older than what it indexes
            try:
                index_aside.replace(index_path)
            except OSError:
                target.unlink()
                raise
    except OSError as error:
        raise BadOutput(f"cannot write {path}: {error.strerror}") from None
    finally:
        for rest in (aside, index_aside):
            with suppress(OSError):
                rest.unlink()


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
