"""Dependencies that only some commands need: pip extras."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from cnnscore.errors import UsageError


def need(extra: str, *modules: str) -> ModuleType:
    """Import `modules` of the extra, or for "" of what cnnscore always asks for; the last of them.

    Errors: UsageError with the pip command that installs it.
    """
    try:
        return [import_module(module) for module in modules][-1]
    except ImportError as error:
        raise UsageError(
            f"this needs Python packages that are not installed ({error}): {remedy(extra)}"
        ) from None


def remedy(extra: str) -> str:
    """The pip command. Beside ONNX Runtime for CPUs (requirements-cpu.txt) it names the packages:
    by the name of cnnscore, pip would bring ONNX Runtime for GPUs too, and damage both.
    """
    # Few runs lack something.
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("onnxruntime")
        return f"pip install {shlex.join(asked(extra))}"
    except PackageNotFoundError:
        return f"pip install {shlex.quote(f'cnnscore[{extra}]' if extra else 'cnnscore')}"


def asked(extra: str) -> Iterator[str]:
    """What an extra asks for, or for "" cnnscore itself, as pip takes it: "numpy>=1.26". Not ONNX
    Runtime, which is one of two. Errors: PackageNotFoundError in a clone that is not installed.
    """
    from importlib.metadata import requires

    for line in requires("cnnscore") or []:
        wanted, _, marker = (part.strip() for part in line.partition(";"))
        if f'extra == "{extra}"' in marker if extra else "extra" not in marker:
            if wanted.startswith("cnnscore["):
                yield from asked(wanted.removeprefix("cnnscore[").removesuffix("]"))
            elif not wanted.startswith("onnxruntime"):
                yield wanted
