"""The parser of each command, with the habits of command lines that people bring along."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from cnnscore.version import __version__

ABOUT = "Is a called short variant real, or a sequencing artefact?"

# Name -> one line for the overview. Each has a module here with add_arguments() and run().
COMMANDS = {
    "score": "write a score into INFO of every record of a VCF or BCF",
    "depth": "print how deep a sample usually is, for score --sample-depth",
    "shards": "cut a call file into shards, for many processes or machines",
    "gather": "put the scored shards of a call file together",
    "filter": "set FILTER by the scores: tranches, a network's own cut-offs, thresholds",
    "serve": "score for other processes: one network, one GPU, many clients",
    "evaluate": "compare scores with a truth set: figures, strata, report",
    "report": "a page of an evaluation: curves, thresholds, mistakes",
    "model": "import, list and describe networks",
    "view": "show what the network saw, site by site",
    "dataset": "turn calls with a truth set into labelled windows",
    "train": "train a network on labelled windows",
    "doctor": "say what is installed, which doors work here, and what to do",
    "plugin-path": "print the folder of the bcftools plugin",
    "gatk-jar": "print the path of the jar for GATK",
    "env": "print what a shell evaluates, so that bcftools and pkg-config find cnnscore",
    "completion": "print a script that lets bash or zsh complete command lines",
}
EXIT_USAGE = 1


class Parser(argparse.ArgumentParser):
    """argparse with our exit code for wrong usage, no abbreviated options, and "did you mean"."""

    def __init__(self, **settings: Any) -> None:
        # An abbreviation in a script changes its meaning when a new option shares its letters.
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Print the message and the way to the help."""
        self.exit(EXIT_USAGE, f"cnnscore: {message}\nTry '{self.prog} --help'.\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Look for mistyped options first: else a mistyped -R is reported as a missing one."""
        self._check_options(args or [])
        return super().parse_known_args(args, namespace)

    def _check_options(self, arguments: Iterable[str]) -> None:
        known = self._option_string_actions
        for argument in arguments:
            if argument == "--" or (self._subparsers and not argument.startswith("-")):
                return  # the rest is not of this parser
            name = argument.partition("=")[0]
            if not re.match(r"--?[A-Za-z][^ ]*$", name) or name in known:
                continue
            # -Rref.fa is -R ref.fa, and -reads is --reads with a dash too few
            if name.startswith("--") or f"-{name}" in known or name[:2] not in known:
                self.error(f"no option {name!r}{did_you_mean(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about `word`: what it may have been meant for, or nothing."""
    names = list(known)
    near = [name for name in names if name.startswith(word)][:3]
    near = near or [name for name in names if name == f"-{word}"]
    if not near:
        from difflib import get_close_matches  # each command imports this module

        near = get_close_matches(word, names, n=2)
    return f": did you mean {' or '.join(near)}?" if near else ""


def _module(name: str) -> ModuleType:
    return import_module(f"cnnscore.cli.{name.replace('-', '_')}")


def command_parser(name: str) -> tuple[ModuleType, Parser]:
    """A command's module and its parser. `name` is one of COMMANDS."""
    command = _module(name)
    parser = Parser(prog=f"cnnscore {name}", **_described(command))
    command.add_arguments(parser)
    return command, parser


def whole_parser() -> Parser:
    """All commands in one parser, for those who describe the command line: all are imported."""
    parser = Parser(prog="cnnscore", description=ABOUT)
    parser.add_argument("-V", "--version", action="version", version=f"cnnscore {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = _module(name)
        described = commands.add_parser(name, help=text, **_described(command))
        command.add_arguments(described)
        for option in getattr(command, "OPTIONS_ALONE", {}):
            described._option_string_actions[option].nargs = 0
    helping = commands.add_parser("help", help="what `cnnscore COMMAND --help` prints")
    helping.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help="of which")
    return parser


def _described(command: ModuleType) -> dict[str, Any]:
    return {
        "description": command.__doc__,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
