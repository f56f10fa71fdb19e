"""What Python callers give where a file is meant -> its name: str, Path, or pysam's open files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from cnnscore.checked import check_text, type_of
from cnnscore.errors import UsageError, WrongType

TYPE_CHECKING = False  # not typing's, as in errors.py
if TYPE_CHECKING:
    from typing import TypeAlias

    from pysam import AlignmentFile, FastaFile, TabixFile, VariantFile

    File: TypeAlias = (
        str | bytes | os.PathLike[str] | AlignmentFile | FastaFile | TabixFile | VariantFile
    )
    """A file's name, or a file that pysam has opened."""
    Files: TypeAlias = File | "Iterable[File]"
    """One file, or several."""

WHAT = "a file's name (str or Path) or a file opened by pysam"


def name_of(given: object, argument: str) -> str:
    """A name, as of an output. Errors: WrongType.

    >>> from pathlib import Path
    >>> name_of(Path("scored.vcf.gz"), "output")
    'scored.vcf.gz'
    """
    if isinstance(given, str | bytes | os.PathLike):
        return _name(given, argument)
    raise WrongType(f"`{argument}=` takes a file's name (str or Path), not {type_of(given)}")


def file_of(given: object, argument: str) -> str:
    """The name of a file. Errors: WrongType for what is none, UsageError for a stream or an output.

    >>> import pysam
    >>> file_of(pysam.FastaFile(REFERENCE), "reference") == REFERENCE
    True
    """
    if isinstance(given, str | bytes | os.PathLike):
        return _name(given, argument)
    if not _is_opened(given):
        raise WrongType(f"`{argument}=` takes {WHAT}, not {type_of(given)}")
    name = getattr(given, "filename", None)
    if getattr(given, "is_write", False):
        raise UsageError(f"`{argument}=` is open for writing: close it, then give its name")
    if name is None or os.fsdecode(name) == "-" or getattr(given, "is_stream", False):
        raise UsageError(f"`{argument}=` is a stream, which is read once: give a file with a name")
    return os.fsdecode(name)


def files_of(given: object, argument: str) -> tuple[str, ...]:
    """The names of one file or of several, in order. Errors: those of `file_of`.

    >>> files_of("sample.bam", "reads")
    ('sample.bam',)
    """
    if isinstance(given, str | bytes | os.PathLike) or _is_opened(given):
        return (file_of(given, argument),)  # and not its letters, nor its records
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise WrongType(f"`{argument}=` takes {WHAT}, or several, not {type_of(given)}")
    return tuple(file_of(one, argument) for one in given)


def maybe_file(given: object, argument: str) -> str | None:
    """The name of a file, if one is given."""
    return None if given is None else file_of(given, argument)


def list_of(given: object, argument: str) -> tuple[str, ...]:
    """One text or several. Errors: WrongType.

    >>> list_of("QD", "info"), list_of(["QD", "MQ"], "info")
    (('QD',), ('QD', 'MQ'))
    """
    texts = (given,) if isinstance(given, str) else given
    if isinstance(texts, Iterable) and not isinstance(texts, Mapping):
        found = tuple(texts)
        if all(isinstance(one, str) for one in found):
            for one in found:
                check_text(one, argument)
            return found
    raise WrongType(f"`{argument}=` takes a text or a list of them, not {type_of(given)}")


def _name(given: str | bytes | os.PathLike[str], argument: str) -> str:
    name = os.fsdecode(given)
    check_text(name, argument, encoding_errors="surrogateescape")  # any bytes but NUL are a name
    return name


def _is_opened(given: object) -> bool:
    """Whether it is an open file of pysam, which is not imported for that."""
    return type(given).__module__.split(".")[0] == "pysam" and hasattr(given, "filename")
