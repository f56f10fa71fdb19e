"""A scored or filtered call file, and its index, that appear under their names only when whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.records import Calls, Records, Writer
from cnnscore.errors import BadOutput, UsageError, call
from cnnscore.files import aside, check_folder, is_file, remove_left, undisturbed, writing

INDEX_SUFFIXES = (".tbi", ".csi")
TBI_BASES = 1 << 29
"""So far a tbi index reaches on a contig."""
_CONTIG_LENGTH = re.compile(r"##contig=<(?:.*,)?length=([0-9]+)[,>]")
RECORDS_PER_READ = 4096


@dataclass(frozen=True)
class OutputOptions:
    """How calls are written."""

    output_type: str | None = None
    """As in bcftools: u, b, v, z, b or z with a level 0-9; None: by the suffix of the output."""
    write_index: str | None = None
    """ "tbi" or "csi"; None: no index."""
    header_lines: tuple[str, ...] = ()
    """Lines that the header gets, `##` included."""
    is_swept: bool = False
    """In a run's own folder, which was swept (`files.sweep`)."""

    def mode(self, path: str) -> str:
        """htslib's mode for the output `path`. Errors: UsageError for another type."""
        kind = self.output_type
        if kind is None:
            kind = "b" if path.endswith(".bcf") else "z" if path.endswith((".gz", ".bgz")) else "v"
        if kind in ("v", "u"):
            return {"v": "w", "u": "wbu"}[kind]
        if re.fullmatch(r"[bz][0-9]?", kind):
            return f"w{kind}"
        raise UsageError(
            f"output type {kind!r}: give u, b, v or z, b and z with a level 0-9 if wanted"
        )


def check_output(path: str, inputs: Iterable[str]) -> None:
    """Errors: UsageError where `path` is one of the files that are read, or an index beside one: it
    would be replaced. Calls may be, by what is made of them. BadOutput where there is no folder to
    write it in.
    """
    if path != "-" and is_file(path):
        check_folder(path)
    keep = [ffi.new("char[]", os.fsencode(name)) for name in inputs]
    call(ffi, lib.cnnscore_check_output, os.fsencode(path), ffi.new("char *[]", keep), len(keep))


def file_keys(name: str) -> list[Hashable]:
    """What tells an input, and the indexes that lie beside it, from all other files, whatever their
    names are: the same for two names of one file. The rule of `check_output`.
    """
    key = ffi.new("uint64_t[2]")
    keys: list[Hashable] = []
    while (there := lib.cnnscore_file_key(os.fsencode(name), len(keys), key)) >= 0:
        keys.append((key[0], key[1]) if there else os.path.realpath(name) if not keys else None)
    return [one for one in keys if one]


@contextmanager
def open_output(
    calls: Calls,
    path: str,
    options: OutputOptions,
    *,
    threads: int = 0,
    together: ExitStack | None = None,
) -> Iterator[Writer]:
    """A writer for `path` (`-` is standard output), and its index where `options` ask for one.

    The header lines of `options` are added. File and index appear when they are whole
    (`files.aside`); when the block is left by an exception nothing remains. `threads` more
    compress. From the first name until `together` ends (by default, the last name) signals wait.
    Errors: UsageError for an index that cannot be, BadOutput when the file cannot be written.
    """
    mode, index = options.mode(path), options.write_index
    compressed = mode not in ("w", "wbu")
    if index and not (compressed and path != "-" and is_file(path)):
        raise UsageError(
            "`write_index=` needs a file and a compressed output: `output=FILE` with "
            "`output_type=z` or `output_type=b`"
        )
    if index == "tbi" and mode.startswith("wb"):
        raise UsageError("a BCF takes a csi index, not tbi: `write_index=csi`")
    for line in options.header_lines:
        calls.add_header(line)
    if path == "-":
        with _written(Writer(calls, path, "standard output", mode, threads)) as writer:
            yield writer
        return
    for suffix in () if options.is_swept else INDEX_SUFFIXES:
        remove_left(f"{path}{suffix}")
    with (
        nullcontext(together) if together else ExitStack() as stack,
        _with_index(calls, path, options, threads, stack) as writer,
    ):
        yield writer


@contextmanager
def _with_index(
    calls: Calls, path: str, options: OutputOptions, threads: int, together: ExitStack
) -> Iterator[Writer]:
    """A file, with its index where there is to be one."""
    mode, index = options.mode(path), options.write_index
    if not index:
        with aside(path, is_swept=options.is_swept) as part:
            with _written(Writer(calls, part, path, mode, threads)) as writer:
                yield writer
            if is_file(path):
                together.enter_context(undisturbed())
                _remove_indexes(path)
        return
    index_path, whole = f"{path}.{index}", False
    try:
        with aside(index_path) as index_part:
            with aside(path) as part:
                with _written(Writer(calls, part, path, mode, threads)) as writer:
                    yield writer
                build_index(part, index_part, index, path)
                together.enter_context(undisturbed())
                _remove_indexes(path, index)
            whole = True
    except BadOutput:
        if whole:  # without the index that it was to have
            Path(os.path.realpath(path)).unlink(missing_ok=True)
        raise


def copy_calls(calls: Calls, path: str, options: OutputOptions) -> None:
    """Write all records of `calls` to `path` as they stand, and close it. Errors: those of
    `Calls.read` and of `open_output`.
    """
    with open_output(calls, path, options) as writer:
        write_all(calls, writer)
    calls.close()


def write_all(calls: Calls, writer: Writer) -> None:
    """Write all records of `calls` as they stand. Errors: those of `Calls.read`, BadOutput."""
    records = Records()
    while n := calls.read(records, RECORDS_PER_READ):
        writer.write(records, "", np.zeros(n, np.float32))


def index_for(calls: Calls, last: int = 0) -> str:
    """The kind of index that holds the contigs of `calls`, as their header has them, and positions
    up to `last`: tbi, which more programs read, or csi.
    """
    lengths = [int(found[1]) for line in calls.header() if (found := _CONTIG_LENGTH.match(line))]
    return "csi" if max([last, *lengths]) > TBI_BASES else "tbi"


def build_index(path: str | Path, index_path: str | Path, kind: str, name: str) -> None:
    """Index a finished .vcf.gz or .bcf, which messages call `name`; `kind` is "tbi" or "csi".
    Errors: BadOutput.
    """
    call(
        ffi,
        lib.cnnscore_index_build,
        os.fsencode(path),
        os.fsencode(index_path),
        kind == "csi",
        os.fsencode(name),
    )


def _remove_indexes(path: str, replaced: str | None = None) -> None:
    """Of what `path` was before: at no moment has an output another one's index.

    The index that is `replaced` goes by the end of its links, which stay. Errors: BadOutput.
    """
    for name in {path, os.path.realpath(path)}:
        for suffix in INDEX_SUFFIXES:
            index = Path(f"{name}{suffix}")
            if name == path and suffix == f".{replaced}":
                index = Path(os.path.realpath(index))
            with writing(index):
                try:
                    index.unlink(missing_ok=True)
                except OSError as error:
                    if error.errno != errno.ENAMETOOLONG:  # then there is none
                        raise


@contextmanager
def _written(writer: Writer) -> Iterator[Writer]:
    try:
        yield writer
    finally:
        writer.close()
