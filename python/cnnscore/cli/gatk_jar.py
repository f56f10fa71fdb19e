"""Print the path of the jar that adds CnnScoreVariants to GATK.

  java -cp gatk-package-4.6.2.0-local.jar:$(cnnscore gatk-jar) org.cnnscore.gatk.Main \\
      CnnScoreVariants -V calls.vcf.gz -R ref.fa -O scored.vcf.gz

The jar starts the `cnnscore` that is first in PATH.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print it."""
    from cnnscore.doors import walker

    print(walker())
