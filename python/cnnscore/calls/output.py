"""A scored or filtered call file, and its index, that appear under their names only when whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cnnscore.calls.records import Calls, Writer, build_index
from cnnscore.errors import BadOutput, UsageError
from cnnscore.files import writing


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
