"""The command line: one file per subcommand; only the chosen one is imported."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

from cnnscore.cli.parser import ABOUT, COMMANDS, EXIT_USAGE, command_parser, did_you_mean
from cnnscore.errors import CnnscoreError
from cnnscore.files import remove_unfinished
from cnnscore.version import __version__

EXIT_FAULT = 3
ENDING = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM),
    *(signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2),
)
"""Signals that end a command; none of them leaves unfinished files."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit code: 0, 1 usage, 2 bad input, 3 our fault. Signals end the
    process."""
    is_the_process = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    if is_the_process:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python prefers a traceback
        # The threads of numpy's BLAS have nothing to do here, and take 0.1 s of CPU to start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    before = _handle_signals()
    try:
        return _run(arguments)
    finally:
        if is_the_process:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python flushes at its end
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


def _run(arguments: list[str]) -> int:
    try:
        return _command(arguments)
    except SystemExit as stop:  # argparse's, which has said why
        return int(stop.code or 0)
    except CnnscoreError as error:
        print(f"cnnscore: error: {_one_line(_with_options(str(error)))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # a reader that goes away ends us quietly, as any command in a pipe
        _end(signal.SIGPIPE, None)
    except MemoryError:
        print("cnnscore: error: out of memory: use fewer --threads", file=sys.stderr)
        return EXIT_FAULT
    except Exception:
        logging.getLogger("cnnscore").exception("this is a fault of cnnscore; please report it")
        return EXIT_FAULT


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["help"]:  # `help score` is `score --help`
        arguments = [*arguments[1:], "--help"]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else EXIT_USAGE
    if arguments[0] in ("-V", "--version"):
        from cnnscore.cli.versions import text

        print(text())
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        what, known = "command", [*COMMANDS, "help"]
        if name.startswith("-"):
            what, known = "option", ["--help", "--version"]
        print(
            f"cnnscore: no {what} {name!r}{did_you_mean(name, known)}\nTry 'cnnscore --help'.",
            file=sys.stderr,
        )
        return EXIT_USAGE
    command, options = _parse(name, arguments[1:])
    command.run(options)
    return 0


def _one_line(text: str) -> str:
    """A message that may name a file or a network as somebody else called it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _parse(name: str, arguments: list[str]) -> tuple[ModuleType, argparse.Namespace]:
    command, parser = command_parser(name)
    alone = getattr(command, "OPTIONS_ALONE", {})
    options = parser.parse_args([alone.get(argument, argument) for argument in arguments])
    _set_up_log(getattr(options, "log_level", "warning"))
    return command, options


def _set_up_log(level: str) -> None:
    class Lower(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            record.levelname = record.levelname.lower()
            record.msg, record.args = _with_options(record.getMessage()), None
            return super().format(record)

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lower("cnnscore: %(levelname)s: %(message)s"))
    log = logging.getLogger("cnnscore")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level.upper())


def _with_options(message: str) -> str:
    from cnnscore.cli.naming import with_options

    return with_options(message)


def _handle_signals() -> dict[int, Any]:
    """From now on the signals of `ENDING` end this process; what handled them before."""
    before: dict[int, Any] = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        # Ignored ones stay so (nohup, background jobs of a shell); Python itself ignores SIGPIPE.
        if number == signal.SIGPIPE or handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    return before


def _end(number: int, _: object) -> NoReturn:
    """At once. An exception in its place would end whatever is at work by its own rules: an import
    calls it a fault, a destructor or a callback loses it."""
    for one in ENDING:  # a second one does not break this off
        signal.signal(one, signal.SIG_IGN)
    if programs := sys.modules.get("cnnscore.programs"):  # what has run none does not load it
        programs.kill_programs()
    remove_unfinished()
    if number == signal.SIGINT:
        with suppress(OSError):
            os.write(2, b"cnnscore: interrupted\n")
    if number == signal.SIGPIPE:  # quiet in a shell too
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    os._exit(128 + number)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}} {text}" for name, text in COMMANDS.items())
    return (
        f"cnnscore {__version__}: {ABOUT[0].lower()}{ABOUT[1:]}\n\n"
        f"Usage: cnnscore COMMAND [OPTIONS]\n\nCommands:\n{commands}\n\n"
        "'cnnscore help COMMAND' says more.  'cnnscore --version' prints the version."
    )
