"""Dependencies that only some commands need: pip extras."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cnnscore.errors import UsageError


def need(extra: str, *modules: str) -> ModuleType:
    """Import `modules` of the extra; the last of them. Errors: UsageError with the pip command that
    installs it.
    """
    try:
        return [import_module(module) for module in modules][-1]
    except ImportError as error:
        raise UsageError(
            f"this needs Python packages that are not installed ({error}): "
            f"pip install 'cnnscore[{extra}]'"
        ) from None
