"""Print the folder of the bcftools plugin.

  BCFTOOLS_PLUGINS=$(cnnscore plugin-path): bcftools +cnnscore calls.vcf.gz -f ref.fa

`cnnscore env` prints the whole of what a shell wants.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print it."""
    from cnnscore.doors import plugin

    print(plugin().parent)
