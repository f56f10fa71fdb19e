"""Cut a call file into shards of about as many sites each, for processes that score one each.

One line per shard: its regions for `score -r`, a tab, and how many sites are expected. The file
is cut by its index, and never within a record's REF. `cnnscore gather` puts scored shards together.

Examples:
  cnnscore shards calls.vcf.gz -n 10
  cnnscore shards calls.vcf.gz -n 10 -o shards.tsv
"""

from __future__ import annotations

import argparse
import logging
import sys

from cnnscore.cli.arguments import add_log_argument, add_option, positive

log = logging.getLogger("cnnscore")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(parser, "calls", help="VCF or BCF with an index")
    parser.add_argument(
        "-n",
        "--number",
        metavar="N",
        type=positive,
        help="how many shards [one per 20,000 sites]",
    )
    add_option(parser, "output", default="-")
    add_log_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Print the shards."""
    from cnnscore.calls.output import check_output
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.files import write_whole
    from cnnscore.scatter.shards import check_regions, cut_into_shards, too_few

    htslib_verbosity(3 if options.log_level == "debug" else 0)
    if options.output != "-":
        check_output(options.output, (options.calls,))
    shards = cut_into_shards(options.calls, options.number)
    check_regions(shards)
    if options.number and len(shards) < options.number:
        log.warning(too_few([(options.calls, len(shards))], options.number))
    text = "".join(f"{shard.regions()}\t{shard.sites}\n" for shard in shards)
    if options.output == "-":
        sys.stdout.write(text)
    else:
        write_whole(options.output, text.encode("utf-8", "surrogateescape"))
