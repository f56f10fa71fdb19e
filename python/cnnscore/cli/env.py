"""Print what a shell evaluates, so that bcftools and pkg-config find cnnscore.

  eval "$(cnnscore env)"
  bcftools +cnnscore calls.vcf.gz -f ref.fa -o scored.vcf.gz
  cc program.c $(pkg-config --cflags --libs cnnscore)

Sets BCFTOOLS_PLUGINS and, where the C library is installed, PKG_CONFIG_PATH; what they had stays.
"""

from __future__ import annotations

import argparse
import shlex


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print the assignments."""
    from cnnscore.doors import pkg_config, plugin
    from cnnscore.errors import UsageError

    if ":" in str(plugin()):
        raise UsageError(
            f"{plugin()}: BCFTOOLS_PLUGINS takes a colon for the end of a folder's name: install "
            "cnnscore in a folder without one"
        )
    # Where nothing follows the colon, bcftools looks for its own plugins.
    plugins = shlex.quote(str(plugin().parent))
    print(f'export BCFTOOLS_PLUGINS={plugins}:"${{BCFTOOLS_PLUGINS-}}"')
    folder = pkg_config()
    if folder:
        quoted = shlex.quote(str(folder))
        print(f'export PKG_CONFIG_PATH={quoted}"${{PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}}"')
