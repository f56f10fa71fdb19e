"""Messages of the library name arguments as Python callers know them; here they become options.

In a message `reads=` is the argument or field `reads`, and `window=600` a value of it.
"""

from __future__ import annotations

import re

# What is not the argument's name with dashes. A value joins an option that ends in "=".
OPTIONS = {
    "address": "--server",
    "annotations_from": "--annotations",
    "clear": "--invalidate-previous-filters",
    "limit": "--sites",
    "max_message_mb": "--max-message",
    "near": "--near-threshold",
    "output": "-o",
    "output_type": "-O",
    "reads": "--reads (-I)",
    "reference": "-R",
    "region": "--regions",
    "resources": "--resource",
    "scores": "--score=",
    "settings": "--set",
    "sites": "--site",
    "tags": "--tag",
    "teachers": "--teacher",
    "thresholds": "--threshold",
    "timeout": "--server-timeout",
    "tranches.INDEL": "--indel-tranche",
    "tranches.SNP": "--snp-tranche",
    "write_index": "--write-index=",
}
_ARGUMENT = re.compile(r"`([a-z][a-z_]*(?:\.[A-Z]+)?)=([^`]*)`")


def with_options(message: str) -> str:
    """The message as it is said to those who call a command."""
    return _ARGUMENT.sub(lambda match: _said(*match.groups()), message)


def _said(name: str, value: str) -> str:
    option = option_of(name)
    if not value:
        return option.rstrip("=")
    return f"{option}{value}" if option.endswith("=") else f"{option} {value}"


def option_of(name: str) -> str:
    """The option of the argument `name`."""
    return OPTIONS.get(name, f"--{name.replace('_', '-')}")
