"""Put the scored shards of a call file together, as if one process had scored it.

The shards come from `cnnscore score -r`, one for each line of `cnnscore shards`, and are given in
that order. None may be missing, doubled, or scored with another network or other options.

Examples:
  cnnscore gather shard.*.vcf.gz -o scored.vcf.gz -W
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from cnnscore.cli.arguments import (
    OUTPUT_ALONE,
    add_output_arguments,
    add_running_arguments,
    output_options,
)
from cnnscore.cli.naming import option_of

OPTIONS_ALONE = OUTPUT_ALONE
DECISIVE = (
    *("model", "info_key", "overwrite", "downsampling", "sample_depth", "annotations"),
    *("per_allele", "sample", "targets", "targets_file", "targets_overlap", "reference", "reads"),
)
"""Options of `score` that decide what is written, beside the regions. Of files the names count:
each machine may have them in a place of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "shards", metavar="SHARD", nargs="+", help="scored shards, in the order of the calls"
    )
    add_output_arguments(parser.add_argument_group("files"))
    add_running_arguments(parser.add_argument_group("running"))


def run(options: argparse.Namespace) -> None:
    """Gather the shards."""
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.scatter.gather import gather

    htslib_verbosity(3 if options.log_level == "debug" else 0)
    gathered = gather(
        options.shards, options.output, output_options(options, "gather"), decisive=_decisive
    )
    if not options.quiet:
        print(f"cnnscore: {gathered.text()}", file=sys.stderr)


def _decisive(command: str) -> Mapping[str, object]:
    """The options that decide scores, of a command line in a shard's header."""
    from cnnscore.cli.parser import command_parser

    score, parser = command_parser("score")
    words = [score.OPTIONS_ALONE.get(word, word) for word in shlex.split(command)[1:]]
    try:
        with redirect_stderr(StringIO()):
            options = vars(parser.parse_args(words))
    except SystemExit:  # of a program that called the library
        return {}
    found = {option_of(name): options[name] for name in DECISIVE}
    for name in ("reference", "reads"):
        paths = [options[name]] if isinstance(options[name], str) else options[name]
        found[option_of(name)] = ", ".join(Path(path).name for path in paths)
    return found
