"""What can go wrong, as exceptions: each names the file, the record and the remedy.

One table maps the status codes of native/include/cnnscore.h to these; docs/reference/errors.md
lists both.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, which takes as long to load as Python itself
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Kept = TypeVar("Kept", bound=BaseException)


class CnnscoreError(Exception):
    """Base of all errors raised on purpose. `exit_code` is the command line's."""

    exit_code = 3


class UsageError(CnnscoreError):
    """The request makes no sense: options that exclude each other, a missing argument."""

    exit_code = 1


class WrongType(UsageError, TypeError):
    """An argument of Python's is nothing of the kind that is wanted."""


class BadInput(CnnscoreError):
    """A file, a record or a network is not what it should be."""

    exit_code = 2


class BadOutput(CnnscoreError):
    """The output cannot be written."""

    exit_code = 2


class BadBatch(BadInput):
    """A window batch contradicts itself."""


class ServerError(CnnscoreError):
    """A scoring server cannot be reached, went away, or is not the one that was meant."""

    exit_code = 2


class InternalError(CnnscoreError):
    """A bug in cnnscore."""


BY_CODE: dict[int, type[CnnscoreError]] = {
    -1: CnnscoreError,  # CNNSCORE_ERR_NOMEM
    -2: BadInput,  # CNNSCORE_ERR_INPUT
    -3: UsageError,  # CNNSCORE_ERR_USAGE
    -4: BadOutput,  # CNNSCORE_ERR_OUTPUT
    -5: BadBatch,  # CNNSCORE_ERR_BATCH
    -6: InternalError,  # CNNSCORE_ERR_INTERNAL
    -7: ServerError,  # CNNSCORE_ERR_SERVER
}

CODES: dict[type[BaseException], int] = {kind: code for code, kind in BY_CODE.items()}
INTERNAL = CODES[InternalError]


def without_frames(error: Kept) -> Kept:
    """An error that is kept: without the frames that it came through, and their open files."""
    one: BaseException | None = error
    while one:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def code_of(error: BaseException) -> int:
    """The status code that tells C of an exception."""
    if isinstance(error, MemoryError):
        return CODES[CnnscoreError]
    return CODES.get(type(error), INTERNAL)


def call(ffi: Any, function: Callable[..., int], *arguments: object) -> int:
    """What `function(*arguments, error)` of native code returns, 0 or more.

    `ffi` is the module's that the function is of. Errors: the exception of a negative status.
    """
    error = ffi.new("cnnscore_error *")
    status = function(*arguments, error)
    if status < 0:
        message = ffi.string(error.message).decode("utf-8", "replace")
        raise BY_CODE.get(error.code, InternalError)(message or "unknown error")
    return status
