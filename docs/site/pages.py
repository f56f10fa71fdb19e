"""Pages that are made: of the parsers, the docstrings, the header and the notebooks."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import cnnscore
from cnnscore.cli.parser import ABOUT, COMMANDS, command_parser

API_INTRO = """# Python API

[In Python](../tasks/python.md) shows how it is used. In the examples here `CALLS`, `REFERENCE`,
`READS` and `TRUTH` are names of files: a sample's calls, its genome, its reads, and a truth set.
"""


def commands_page() -> str:
    """The overview of the commands, which leads to a page for each."""
    lines = ["# Commands", "", ABOUT, "", "| command | |", "|---|---|"]
    lines += [
        f"| [`cnnscore {name}`](commands/{name}.md) | {COMMANDS[name]} |" for name in COMMANDS
    ]
    lines += ["", "```{toctree}", ":hidden:", ""]
    return "\n".join([*lines, *(f"commands/{name}" for name in COMMANDS), "```", ""])


def command_page(name: str) -> str:
    """What `cnnscore NAME --help` prints, as a page. `name` is one of COMMANDS."""
    _, parser = command_parser(name)
    about, _, examples = (parser.description or "").partition("\nExamples:\n")
    lines = [f"# cnnscore {name}", "", _sentence(COMMANDS[name]) + ".", "", *_usage(parser)]
    for paragraph in about.strip().split("\n\n"):
        # indented lines are a table, and stay as they are
        table = re.search("^ ", paragraph, re.MULTILINE)
        lines += ["```text", paragraph, "```", ""] if table else [_escaped(paragraph), ""]
    lines += [f"```{{program}} cnnscore {name}", "```", "", *_options(parser)]
    if examples:
        shown = re.sub("^  ", "", examples.rstrip(), flags=re.MULTILINE)
        lines += ["## Examples", "", "```sh", shown, "```", ""]
    return "\n".join(lines)


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    formatter = argparse.HelpFormatter(parser.prog, width=100)
    formatter.add_usage(None, parser._actions, [], prefix="")
    return ["```text", formatter.format_help().rstrip(), "```", ""]


def _options(parser: argparse.ArgumentParser, level: str = "##") -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    for group in parser._action_groups:
        actions = group._group_actions
        if actions and isinstance(actions[0], argparse._SubParsersAction):
            for described in actions[0].choices.values():
                yield from (f"## {described.prog}", "", *_usage(described))
                yield from (f"```{{program}} {described.prog}", "```", "")
                yield from _options(described, "###")
            continue
        if actions:
            yield from (f"{level} {_sentence(group.title or '')}", "")
        for action in actions:
            yield f"```{{option}} {formatter._format_action_invocation(action)}"
            yield from (_escaped(formatter._expand_help(action)), "```", "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """Plain text as Markdown; what stands between backticks is code, and stays."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_<>\[\]#|~$])", r"\\\1", part)
        for part in parts
    )


def api_page() -> str:
    """Every public name, by its docstring: what is called first, then what it gives."""
    names = [name for name in cnnscore.__all__ if not name.startswith("__")]
    things = {name: getattr(cnnscore, name) for name in names}
    errors = [name for name in names if _is_error(things[name])]
    types = [name for name in names if isinstance(things[name], type) and name not in errors]
    functions = [name for name in names if not isinstance(things[name], type)]
    lines = [API_INTRO]
    for title, kind, of in (
        ("Functions", "autofunction", functions),
        ("Types", "autoclass", types),
        ("Errors", "autoexception", errors),
    ):
        lines += [f"## {title}", ""]
        for name in of:
            members = ["   :members:"] if kind == "autoclass" else ["   :show-inheritance:"]
            lines += ["```{eval-rst}", f".. {kind}:: cnnscore.{name}"]
            lines += [*(members if kind != "autofunction" else []), "```", ""]
    return "\n".join(lines)


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Exception)


def source_page(title: str, about: str, text: str, language: str) -> str:
    """A source file that is a contract, whole."""
    return f"# {title}\n\n{about}\n\n```{language}\n{text}\n```\n"


def notebook_page(path: Path) -> str:
    """A notebook as it is kept, without outputs."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    parts.insert(1, f"The notebook itself, to run it: [{path.name}]({path.name}).")
    return "\n\n".join(parts) + "\n"
