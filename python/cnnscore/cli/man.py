"""Manual pages made of the help: `python -m cnnscore.cli.man FOLDER`, which `make install` runs.

One page for each command (`man cnnscore score` finds cnnscore-score.1), and one for cnnscore.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cnnscore.cli.parser import ABOUT, COMMANDS, command_parser
from cnnscore.version import __version__

_EXIT_STATUS = {
    "0": "done",
    "1": "wrong usage: an option, or a package or provider that is not there",
    "2": "a file, a record, a network, a server or the output",
    "3": "a fault of cnnscore, or out of memory",
    "130, 143": "interrupted, terminated",
}
# Characters that roff would take for its own, or print as others (its - is a hyphen).
_ROFF = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "~": r"\(ti", "^": r"\(ha"}
)


def main() -> None:
    """Write all pages into the folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cnnscore.1").write_text(overview_page())
    for name in COMMANDS:
        (folder / f"cnnscore-{name}.1").write_text(command_page(name))


def overview_page() -> str:
    """The page of cnnscore: its commands. As roff, with the macros of man(7)."""
    lines = [
        *_head("cnnscore", "score and filter germline short variants with a neural network"),
        *(r"cnnscore \fICOMMAND\fR [\fIOPTIONS\fR]", ".SH DESCRIPTION", _text(ABOUT)),
        ".SH COMMANDS",
    ]
    for name, text in COMMANDS.items():
        lines += [".TP", f".B {_text(name)}", _text(text)]
    return _page(lines, COMMANDS)


def command_page(name: str) -> str:
    """The page of one of COMMANDS. As roff, with the macros of man(7)."""
    _, parser = command_parser(name)
    lines = [*_head(f"cnnscore-{name}", COMMANDS[name]), *_synopsis(parser)]
    lines += [*_description(parser.description or ""), ".SH OPTIONS", *_options(parser)]
    _, _, examples = (parser.description or "").partition("\nExamples:\n")
    if examples:
        lines += [".SH EXAMPLES", ".nf", *map(_text, examples.rstrip().splitlines()), ".fi"]
    return _page(lines, (other for other in COMMANDS if other != name))


def _head(name: str, text: str) -> list[str]:
    return [
        f'.TH {_text(name.upper())} 1 "" "cnnscore {__version__}" "User Commands"',
        *(".nh", ".ad l", ".SH NAME", rf"{_text(name)} \- {_text(text)}", ".SH SYNOPSIS"),
    ]


def _synopsis(parser: argparse.ArgumentParser) -> list[str]:
    formatter = argparse.HelpFormatter(parser.prog, width=70)
    formatter.add_usage(None, parser._actions, [], prefix="")
    return [".nf", *map(_text, formatter.format_help().rstrip().splitlines()), ".fi"]


def _description(docstring: str) -> Iterator[str]:
    yield ".SH DESCRIPTION"
    for paragraph in docstring.partition("\nExamples:\n")[0].strip().split("\n\n"):
        yield ".PP"
        lines = [_text(line) for line in paragraph.splitlines()]
        # indented lines are a table, and stay as they are
        table = re.search("^ ", paragraph, re.MULTILINE)
        yield from [".nf", *lines, ".fi"] if table else lines


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    for group in parser._action_groups:
        actions = group._group_actions
        if actions and isinstance(actions[0], argparse._SubParsersAction):
            for described in actions[0].choices.values():
                yield from (f".SS {_text(described.prog)}", *_synopsis(described))
                yield from _options(described)
            continue
        if actions:
            yield f".SS {_text((group.title or '').capitalize())}"
        for action in actions:
            invocation = formatter._format_action_invocation(action)
            yield from (".TP", f".B {_text(invocation)}", _text(formatter._expand_help(action)))


def _page(lines: list[str], others: Iterable[str]) -> str:
    lines = [*lines, ".SH EXIT STATUS"]
    for code, meaning in _EXIT_STATUS.items():
        lines += [".TP", f".B {code}", meaning]
    lines += [".SH SEE ALSO", ", ".join(rf"cnnscore\-{other}(1)" for other in others)]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    text = text.translate(_ROFF)
    return rf"\&{text}" if text.startswith(".") else text


if __name__ == "__main__":
    main()
