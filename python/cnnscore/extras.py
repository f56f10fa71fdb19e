"""Dependencies that only some commands need: pip extras."""

from __future__ import annotations

from importlib import import_module

from cnnscore.errors import UsageError


def need(extra: str, *modules: str) -> None:
    """Import `modules` of the extra. Errors: UsageError with the pip command that installs it."""
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise UsageError(
                f"this needs Python packages that are not installed ({error}): "
                f"pip install 'cnnscore[{extra}]'"
            ) from None
