"""The command line: one file a subcommand; only the chosen one is imported."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from cnnscore.errors import CnnscoreError
from cnnscore.version import __version__

# Name -> one line for the overview. Each has a module here with add_arguments() and run().
COMMANDS = {
    "score": "write a score into INFO of every record of a VCF or BCF",
    "filter": "set FILTER by the scores: tranches, a network's own cut-offs, thresholds",
    "serve": "score for other processes: one network, one GPU, many clients",
    "evaluate": "hold scores against a truth set: figures, strata, report",
    "report": "a page of an evaluation: curves, thresholds, mistakes",
    "model": "import, list and describe networks",
    "view": "show what the network saw, site by site",
    "dataset": "turn calls with a truth set into labelled windows",
    "train": "train a network on labelled windows",
}
EXIT_USAGE, EXIT_FAULT, EXIT_INTERRUPTED = 1, 3, 130


class Parser(argparse.ArgumentParser):
    """argparse, with our exit code for wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Print the message and the way to the help."""
        self.exit(EXIT_USAGE, f"cnnscore: {message}\nTry '{self.prog} --help'.\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit code: 0, 1 usage, 2 bad input, 3 our fault, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else EXIT_USAGE
    if arguments[0] in ("-V", "--version"):
        print(f"cnnscore {__version__}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        print(f"cnnscore: no command {name!r}\nTry 'cnnscore --help'.", file=sys.stderr)
        return EXIT_USAGE
    command = import_module(f"cnnscore.cli.{name}")
    return _run(command, name, arguments[1:])


def _run(command: ModuleType, name: str, arguments: list[str]) -> int:
    parser = Parser(
        prog=f"cnnscore {name}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    alone = getattr(command, "OPTIONS_ALONE", {})
    options = parser.parse_args([alone.get(argument, argument) for argument in arguments])
    _set_up_log(getattr(options, "log_level", "warning"))
    _handle_signals()
    try:
        command.run(options)
    except CnnscoreError as error:
        print(f"cnnscore: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("cnnscore: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError:
        print("cnnscore: error: out of memory: use fewer --threads", file=sys.stderr)
        return EXIT_FAULT
    except Exception:
        logging.getLogger("cnnscore").exception("this is a fault of cnnscore; please report it")
        return EXIT_FAULT
    return 0


def _set_up_log(level: str) -> None:
    class Lower(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.levelname = record.levelname.lower()
            return super().format(record)

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lower("cnnscore: %(levelname)s: %(message)s"))
    log = logging.getLogger("cnnscore")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level.upper())


def _handle_signals() -> None:
    # A reader of our output that goes away ends us quietly, as with other commands in a pipe.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def stop(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)  # through the blocks that remove unfinished files

    signal.signal(signal.SIGTERM, stop)


def _overview() -> str:
    commands = "\n".join(f"  {name:<8} {text}" for name, text in COMMANDS.items())
    return (
        f"cnnscore {__version__}: is a called short variant real, or a sequencing artefact?\n\n"
        f"Usage: cnnscore COMMAND [OPTIONS]\n\nCommands:\n{commands}\n\n"
        "'cnnscore COMMAND --help' says more.  'cnnscore --version' prints the version."
    )
