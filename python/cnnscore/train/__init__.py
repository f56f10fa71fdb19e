"""Labelled windows -> a network: data sets, architectures, the loop, and what it ends in.

Uses the windows and encodings of scoring. `dataset` and `label` need pyarrow alone; the rest needs
PyTorch. Both come with the `train` extra.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cnnscore.errors import UsageError


def need(module: str) -> ModuleType:
    """Import a module of the `train` extra. Errors: UsageError with the pip command."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"this needs {module.split('.', maxsplit=1)[0]}, which is not installed "
            f"({error}): run `pip install 'cnnscore[train]'`"
        ) from None
