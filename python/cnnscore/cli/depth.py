"""Print how many reads usually count at a locus of a sample.

The network `reads` compares each site with it. It is measured in the read files, so a slice of one
has another: to score slices as the whole file is scored, give them the depth of the whole.

Examples:
  cnnscore depth sample.bam
  cnnscore score calls.vcf.gz -R ref.fa -I slice.bam --sample-depth $(cnnscore depth sample.bam)
"""

from __future__ import annotations

import argparse
import logging
import math
import os

from cnnscore.cli.arguments import add_log_argument, add_option
from cnnscore.errors import BadInput

log = logging.getLogger("cnnscore")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "reads", metavar="READS", nargs="+", help="indexed BAM or CRAM files of the sample"
    )
    add_option(parser, "reference", help="FASTA that a CRAM was made with")
    add_option(parser, "sample", help="only reads whose read group has this SM")
    add_log_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Print the depth. Errors: BadInput of the files, and where there are too few reads to tell."""
    # Never ask the network for a CRAM's reference: it is --reference or an error.
    os.environ.setdefault("REF_PATH", os.devnull)
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.calls.windows import ReaderOptions, WindowReader

    htslib_verbosity(3 if options.log_level == "debug" else 0)
    wanted = ReaderOptions(
        reference=options.reference,
        reads=tuple(options.reads),
        sample=options.sample,
        read_rule="primary",
        read_limit=1,
    )
    with WindowReader(wanted) as reader:
        reader.warn_of_indexes()
        depth = reader.measure_depth()
        if math.isnan(depth):
            raise BadInput(f"{', '.join(options.reads)}: too few reads to tell how deep it is")
        if warning := reader.depth_warning(depth):
            log.warning(warning)
    print(f"{depth:g}")
