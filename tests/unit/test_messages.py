"""Messages name arguments as those who read them know them: Python's names, a command's options."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cnnscore
from cnnscore.cli.naming import OPTIONS, option_of, with_options
from cnnscore.cli.parser import COMMANDS, command_parser

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "python" / "cnnscore"
LIBRARY = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "cli"]

OPTION = re.compile(r"(?:^|[\s\"'(`])--[a-z]")
COMMAND_LINE = re.compile(r"`(?!cnnscore )[a-z]+ [^`]+`")
"""What is to be typed into a shell, another program first."""
OF_OURS = re.compile(r"`cnnscore [^`]*\s-[^`]*`")
"""A command of ours with an option, which who calls it in Python cannot give."""
OUR_COMMAND = re.compile(r"^cnnscore [a-z]+ ")
"""A whole literal that is one."""
PROGRAM_LINE = re.compile(r"^[^`]*\b(samtools|bcftools|freebayes|HaplotypeCaller) |^-")
"""What `plant` has bash run: other programs, or options of theirs."""
PROGRAM_ARGUMENT = re.compile(r"--[a-z-]+")
"""A whole literal: what another program is run with."""
ARGUMENT = re.compile(r"`([a-z_]+)(\.[A-Z]+)?=")
PYTHON_ALONE = {
    "api/functions.py",
    "api/training.py",
    "api/windows.py",
    "calls/record_lines.py",
}
"""Modules whose messages callers of the Python functions alone see: what they name is no option."""
COMMANDS_ALONE = {
    *(
        path.relative_to(PACKAGE).as_posix()
        for path in LIBRARY
        if path.parent.name in ("plant", "scatter")
    ),
    "evaluate/comparator.py",
    "serve/server.py",
    # of a cohort
    "calls/reader_pool.py",
    # of a resource's record where a run is to end as GATK does
    "resource.c",
}
"""Modules whose messages only callers of the commands see."""
OF_WHO_RUNS_THE_SERVER = {"max_message_mb"}


def literals(path: Path) -> Iterator[str]:
    """A module's string literals, docstrings aside; `…` is what an f-string puts in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in skipped:
            yield str(node.value)


def names_an_option(text: str) -> bool:
    if PROGRAM_ARGUMENT.fullmatch(text) or OUR_COMMAND.match(text):
        return False
    return bool(OPTION.search(COMMAND_LINE.sub("", text)) or OF_OURS.search(text))


def test_the_library_names_no_options() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix(): wrong
        for path in LIBRARY
        if (
            wrong := [
                text
                for text in literals(path)
                if names_an_option(text)
                and not (path.parent.name == "plant" and PROGRAM_LINE.match(text))
            ]
        )
    }
    assert found == {}


def test_native_code_names_no_options() -> None:
    files = sorted((PROJECT / "native").rglob("*.c"))
    assert len(files) > 20
    found = {}
    for path in files:
        texts = re.findall(r'"((?:[^"\\\n]|\\.)*)"', path.read_text(encoding="utf-8"))
        if wrong := [text for text in texts if names_an_option(text)]:
            found[path.name] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("give them with --reads (-I)", True),
        ("--hold-out …: no row lies there", True),
        ("give the regions (--confident)", True),
        ("run `bcftools annotate --rename-chrs MAP`", False),
        ("start one with `cnnscore serve --listen unix:s`", True),
        ("make it with `cnnscore score -r`", True),
        ("run `cnnscore score` first", False),
        ("--squash-ploidy", False),
        ("a - b -- c", False),
    ],
)
def test_what_names_an_option(text: str, is_one: bool) -> None:
    assert names_an_option(text) == is_one


def test_arguments_are_named_that_there_are() -> None:
    """A `name=` in a message is a parameter or field of the library, and an option of a command."""
    there: set[str] = set()
    named: set[tuple[str, str]] = set()
    in_python: set[str] = set()
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg):
                there.add(node.arg)
            elif isinstance(node, ast.ClassDef):
                there |= {
                    field.target.id
                    for field in node.body
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                }
        for text in literals(path):
            found = set(ARGUMENT.findall(text))
            if path.relative_to(PACKAGE).as_posix() in PYTHON_ALONE:
                in_python |= {name for name, _ in found}
            else:
                named |= found
    for path in sorted((PROJECT / "native").rglob("*.c")):
        named |= set(ARGUMENT.findall(path.read_text(encoding="utf-8")))
    assert len(named) > 40
    assert {name for name, _ in named} | in_python <= there
    options = {
        option
        for command in COMMANDS
        for option in command_parser(command)[1]._option_string_actions
    }
    wanted = {option_of(name + part).partition(" ")[0].rstrip("=") for name, part in named}
    wanted |= {option.partition(" ")[0].rstrip("=") for option in OPTIONS.values()}
    assert wanted <= options


def test_python_callers_can_give_what_messages_name() -> None:
    functions = [getattr(cnnscore, name) for name in cnnscore.__all__]
    functions += [one for name, one in vars(cnnscore.Scorer).items() if not name.startswith("_")]
    there = {
        name
        for function in functions
        if inspect.isfunction(function)
        for name in inspect.signature(function).parameters
    }
    named: dict[str, set[str]] = {}
    for path in LIBRARY:
        for text in literals(path):
            for name, _ in ARGUMENT.findall(text):
                named.setdefault(name, set()).add(path.relative_to(PACKAGE).as_posix())
    for path in sorted((PROJECT / "native").rglob("*.c")):
        for name, _ in ARGUMENT.findall(path.read_text(encoding="utf-8")):
            named.setdefault(name, set()).add(path.name)
    wrong = {
        name: where - COMMANDS_ALONE
        for name, where in named.items()
        if name not in there | OF_WHO_RUNS_THE_SERVER and where - COMMANDS_ALONE
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("give them with `reads=`", "give them with --reads (-I)"),
        ("leave `per_allele=` out", "leave --per-allele out"),
        ("`write_index=csi`, or `write_index=`", "--write-index=csi, or --write-index"),
        ("`output=FILE` with `output_type=z`", "-o FILE with -O z"),
        ("`tags=a=b`: taken", "--tag a=b: taken"),
        ("a lower `tranches.SNP=`", "a lower --snp-tranche"),
        ("run `bcftools view -i 'QUAL=1'`", "run `bcftools view -i 'QUAL=1'`"),
        ("the file `x` and `", "the file `x` and `"),
    ],
)
def test_options_in_place_of_arguments(message: str, said: str) -> None:
    assert with_options(message) == said
