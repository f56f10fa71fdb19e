"""Print a script that lets bash or zsh complete command lines of cnnscore with the TAB key.

The script holds all commands and options, so that a TAB starts no Python; only the names of
networks are asked for, with `cnnscore model list --names`. `make install` puts the scripts where
both shells look.

Examples:
  source <(cnnscore completion bash)
  cnnscore completion zsh > ~/.zsh/completions/_cnnscore
"""

from __future__ import annotations

import argparse
from typing import Any

from cnnscore.cli.parser import whole_parser

# A network is a name or an .onnx file.
_NETWORK = {
    "bash": "_cnnscore_network_glob",
    "zsh": "_cnnscore_network",
    "preamble": {
        "bash": """
_cnnscore_network_glob() {
  compgen -W "$(cnnscore model list --names 2>/dev/null)" -- "$1"
  compgen -f -X '!*.onnx' -- "$1"
  compgen -d -- "$1"
}""",
        "zsh": """
_cnnscore_network() {
  local -a names=(${(f)"$(cnnscore model list --names 2>/dev/null)"})
  _alternative 'names:network:compadd -a names' 'files:file:_files -g "*.onnx"'
}""",
    },
}
# What a value is, by the name that the help gives it. All others are not completed.
_FILES = (
    *("BED", "CALLS", "CONFIG", "DATA", "EVALUATION", "FILE", "HTML", "JSON", "OUT", "PAGE"),
    *("PED", "PEM", "READS", "REF", "SCORED", "SHARD", "SOURCE", "TOML", "TSV", "VCF"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=["bash", "zsh"], metavar="SHELL", help="bash or zsh")


def run(options: argparse.Namespace) -> None:
    """Print the script."""
    import shtab

    kinds: dict[str, Any] = dict.fromkeys(_FILES, shtab.FILE)
    kinds |= {"DIR": shtab.DIRECTORY, "MODEL": _NETWORK}
    parser = whole_parser()
    _mark(parser, kinds)
    print(shtab.complete(parser, shell=options.shell))


def _mark(parser: argparse.ArgumentParser, kinds: dict[str, Any]) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _mark(command, kinds)
        elif action.metavar in kinds and action.nargs != 0:
            # shtab's own attribute, of which argparse's types do not know.
            action.complete = kinds[str(action.metavar)]  # type: ignore[attr-defined]
