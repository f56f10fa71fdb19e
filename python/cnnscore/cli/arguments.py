"""Options that several subcommands have, and types of options."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import datetime

from cnnscore.version import __version__

# Options whose value is optional and joined with "=": the next word is never taken for it.
OUTPUT_ALONE = {"-W": "-W=csi", "--write-index": "--write-index=csi"}


def add_output_arguments(group: argparse._ArgumentGroup) -> None:
    """Where calls are written, and how; as in bcftools."""
    group.add_argument(
        "-o", "--output", metavar="OUT", default="-", help="output [standard output]"
    )
    group.add_argument(
        "-O",
        "--output-type",
        metavar="TYPE",
        help="u/b: un-/compressed BCF, v/z: un-/compressed VCF, b and z with a level 0-9 "
        "[by the suffix of OUT, else v]",
    )
    group.add_argument(
        "-W",
        "--write-index",
        metavar="FMT",
        choices=["tbi", "csi"],
        help="index OUT: -W or -W=csi, -W=tbi",
    )
    group.add_argument(
        "--no-version", action="store_true", help="no version and command in the header"
    )


def add_running_arguments(group: argparse._ArgumentGroup) -> None:
    """What is said while it runs."""
    group.add_argument("--quiet", action="store_true", help="no progress, no summary")
    group.add_argument(
        "--log-level",
        metavar="LEVEL",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="debug, info, warning or error [warning]",
    )


def version_lines(command: str, htslib: str) -> list[str]:
    """Header lines of version and command line, as bcftools' commands add them."""
    date = datetime.now().astimezone().strftime("%a %b %e %H:%M:%S %Y")
    return [
        f"##cnnscore_{command}Version={__version__}+htslib-{htslib}",
        f"##cnnscore_{command}Command={shlex.join(sys.argv[1:])}; Date={date}",
    ]


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value
