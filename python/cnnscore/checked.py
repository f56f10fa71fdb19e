"""What Python callers give where a number, a text or a choice is meant: checked by its annotation.

One place for all public functions, so that an argument means the same at each of them.
"""

from __future__ import annotations

import math
from functools import wraps
from numbers import Integral, Real

from cnnscore.errors import UsageError, WrongType

TYPE_CHECKING = False  # not typing's, as in errors.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")
    Check = Callable[[Any, str], Any]

CHOICES = {
    "annotations_from": ("caller", "reads", "fill"),
    "device": ("auto", "cpu", "cuda"),
    "downsampling": ("site", "gatk"),
    "precision": ("exact", "bf16"),
    "provider": ("auto", "cpu", "cuda", "tensorrt"),
    "types": ("gatk", "vqsr"),
    "unit": ("allele", "record"),
    "write_index": ("tbi", "csi"),
}
"""Values of arguments, wherever they are taken; the command's options have the same."""
LEAST = {
    "attribution": 0,
    "batch_size": 1,
    "block": 1,
    "limit": 0,
    "runs": 1,
    "seed": 0,
    "threads": 1,
}
"""The least value of whole numbers that have one."""
LARGEST = 2**63 - 1
"""Of whole numbers: what 64 bits hold."""
ABOVE_ZERO = ("timeout",)
"""Numbers that must be more than 0."""


def _text(given: Any, argument: str) -> str:
    if not isinstance(given, str):
        raise WrongType(f"`{argument}=` takes a text, not {type_of(given)}")
    check_text(given, argument)
    choices = CHOICES.get(argument)
    if choices and given not in choices:
        raise UsageError(f"`{argument}={given}`: one of {', '.join(choices)}")
    return given


def check_text(given: str, argument: str, *, encoding_errors: str = "strict") -> None:
    """Errors: UsageError for a text that native code would cut or that is none."""
    if not given or "\0" in given:
        what = "has a NUL in it" if given else "is empty"
        raise UsageError(f"`{argument}=`: the text {what}")
    try:
        given.encode("utf-8", encoding_errors)
    except UnicodeEncodeError:
        raise UsageError(f"`{argument}=`: {given!a} is no text of Unicode") from None


def _whole(given: Any, argument: str) -> int:
    if not isinstance(given, Integral) or isinstance(given, bool):
        raise WrongType(f"`{argument}=` takes a whole number, not {type_of(given)}")
    value, least = int(given), LEAST.get(argument)
    if least is not None and value < least:
        raise UsageError(f"`{argument}={value}`: {least} or more")
    if value > LARGEST:
        raise UsageError(f"`{argument}={value}`: {LARGEST} at most")
    return value


def _number(given: Any, argument: str) -> float:
    if not isinstance(given, Real) or isinstance(given, bool):
        raise WrongType(f"`{argument}=` takes a number, not {type_of(given)}")
    if math.isnan(given):
        raise UsageError(f"`{argument}=` takes a number, and NaN is none")
    if argument in ABOVE_ZERO and given <= 0:
        raise UsageError(f"`{argument}={given}`: more than 0")
    return float(given)


def _flag(given: Any, argument: str) -> bool:
    # numpy's is no bool, and numpy is not loaded for it
    if not isinstance(given, bool) and type_of(given) not in ("numpy.bool", "numpy.bool_"):
        raise WrongType(f"`{argument}=` takes True or False, not {type_of(given)}")
    return bool(given)


def _progress(given: Any, argument: str) -> Any:
    from cnnscore.progress import Progress

    return given if isinstance(given, Progress) else _flag(given, argument)


def _or_none(check: Check) -> Check:
    return lambda given, argument: None if given is None else check(given, argument)


KINDS: dict[str, Check] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _flag,
    "str | None": _or_none(_text),
    "int | None": _or_none(_whole),
    "float | None": _or_none(_number),
    "bool | Progress": _progress,
}
"""Checks by annotation, as it is written. What is none of these (files, lists) is checked where it
is taken: given.py."""


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, which checks what it is given by name. Errors: WrongType, UsageError for a number
    or a text out of its bounds.
    """
    checks = {name: KINDS[kind] for name, kind in function.__annotations__.items() if kind in KINDS}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in checks.keys() & kwargs.keys():
            kwargs[name] = checks[name](kwargs[name], name)
        return function(*args, **kwargs)

    return call


def type_of(given: object) -> str:
    """The name of its type, for messages."""
    return f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins.")
