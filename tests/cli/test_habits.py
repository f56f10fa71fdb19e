"""Habits that people bring to a command line: help, "did you mean", completion, manual pages."""

from __future__ import annotations

import argparse
import ast
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnscore.checked import LARGEST
from cnnscore.cli import arguments, completion
from cnnscore.cli.parser import COMMANDS, Parser, command_parser, did_you_mean, whole_parser
from conftest import run_cli

CLI = Path(completion.__file__).parent


def parsers(parser: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it; by default those of all commands."""
    parser = parser or whole_parser()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


@pytest.mark.parametrize("kind", [arguments.positive, arguments.whole])
def test_whole_numbers_have_bounds(kind: Callable[[str], int]) -> None:
    assert kind("7") == 7
    assert kind(str(LARGEST)) == LARGEST
    for wrong in ("-1", "1.5", "x", "", "²", str(LARGEST + 1), "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a"):
            kind(wrong)
    if kind is arguments.positive:
        with pytest.raises(argparse.ArgumentTypeError, match="'0' is not a positive number"):
            kind("0")


def test_seeds_are_whole_numbers() -> None:
    """Of all commands: a negative one was a fault of ours."""
    found = [
        action
        for parser in parsers()
        for action in parser._actions
        if "--seed" in action.option_strings
    ]
    assert len(found) >= 3
    assert {action.type for action in found} == {arguments.whole}


# ---- help ----


@pytest.mark.parametrize("command", COMMANDS)
def test_help_command(command: str) -> None:
    asked = run_cli("help", command)
    assert asked.code == 0
    assert asked == run_cli(command, "--help") == run_cli(command, "-h")


def test_help_of_an_action() -> None:
    assert run_cli("help", "model", "import") == run_cli("model", "import", "--help")


def test_overview() -> None:
    assert run_cli("help") == run_cli("--help") == run_cli("-h")
    assert all(f"\n  {command} " in run_cli("help").out for command in COMMANDS)
    nothing = run_cli()
    assert (nothing.code, nothing.out, nothing.err) == (1, "", run_cli("help").out)


def test_the_overview_loads_no_command() -> None:
    code = (
        "import sys; from cnnscore.cli import main; main(['--help']);"
        "loaded = [name for name in sys.modules if name.startswith(('cnnscore.cli.', 'numpy'))];"
        "assert loaded == ['cnnscore.cli.parser'], loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_every_option_says_what_it_does() -> None:
    for parser in parsers():
        for action in parser._actions:
            if not isinstance(action, argparse._SubParsersAction):
                assert action.help, f"{parser.prog}: {action.option_strings or action.dest}"


# ---- mistyped ----


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("scroe", "no command 'scroe': did you mean score?"),
        ("eval", "no command 'eval': did you mean evaluate?"),
        ("help scor", "no command 'scor': did you mean score?"),
        ("--verison", "no option '--verison': did you mean --version?"),
        ("score calls.vcf --refrence ref.fa", "no option '--refrence': did you mean --reference?"),
        # the value is no excuse, and what is missing is not said first
        ("score --info_key=A calls.vcf", "no option '--info_key': did you mean --info-key?"),
        ("score -threads 4 calls.vcf", "no option '-threads': did you mean --threads?"),
        ("score -x calls.vcf -R ref.fa", "no option '-x'\n"),
        ("model lst", "did you mean list?"),
        ("model info --jsn reads", "no option '--jsn': did you mean --json?"),
        ("score calls.vcf -R ref.fa --provider cudda", "did you mean cuda?"),
        ("--threads 4 score", "no option '--threads'\n"),
    ],
)
def test_did_you_mean(line: str, says: str) -> None:
    run = run_cli(*line.split())
    assert run.code == 1
    assert says in run.err
    assert "\nTry 'cnnscore" in run.err
    assert not run.out


def test_nothing_near_is_suggested() -> None:
    assert did_you_mean("frobnicate", COMMANDS) == ""
    assert did_you_mean("--re", ["--regions", "--reads", "--sample"]) == (
        ": did you mean --regions or --reads?"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_can_be_abbreviated(command: str) -> None:
    _, parser = command_parser(command)
    for below in parsers(parser):
        assert isinstance(below, Parser)
        assert not below.allow_abbrev
        options = [name for name in below._option_string_actions if name.startswith("--")]
        for option in options:
            shorter = option[:-1]
            if shorter not in options:
                arguments = below.prog.split()[1:]
                run = run_cli(*arguments, shorter)
                assert run.code == 1, f"{below.prog} {shorter}"
                assert f"no option '{shorter}': did you mean " in run.err
                assert option in run.err


def test_values_that_look_like_options() -> None:
    """Negative numbers, joined values, and what stands after -- are no mistyped options."""
    parser = Parser(prog="x")
    parser.add_argument("calls", nargs="*")
    parser.add_argument("-R")
    parser.add_argument("--near", type=float)
    parser.add_argument("--title")
    line = ["--near", "-0.5", "-Rref.fa", "--title", "--a title", "-", "--", "--reads", "-x"]
    options = parser.parse_args(line)
    assert vars(options) == {
        "calls": ["-", "--reads", "-x"],
        "R": "ref.fa",
        "near": -0.5,
        "title": "--a title",
    }


# ---- declared once ----


def test_options_are_declared_once() -> None:
    """Flags that several commands have stand in arguments.py alone."""
    declared = Counter(
        argument.value
        for path in CLI.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "add_argument"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    )
    assert declared["--metrics"] == 1, "the declarations are not found"
    assert [flag for flag, times in declared.items() if times > 1] == []
    common = {flag for flags, _ in arguments._COMMON.values() for flag in flags}
    assert common & set(declared) == set()


# ---- completion ----

NOT_COMPLETED = """
    ADDRESS BASES CALLER COMMAND CONTIGS DEPTH KEY KEY=VALUE KEYS LABEL=PART MB MODE N N,... NAME
    PART PERCENT REGIONS RULE RUNS SECONDS SITE T TARGETS TEXT TYPE W WHAT WHO [TYPE=]PERCENT
    [TYPE=]SCORE tcp:HOST:PORT
"""
FAKE = """#!/bin/sh
[ "$*" = "model list --names" ] && printf 'reads\\nreference\\n'
"""


@pytest.fixture
def shell_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few files, in which `cnnscore` answers only what a TAB may ask it."""
    for name in ("calls.vcf.gz", "ref.fa", "mine.onnx"):
        (tmp_path / name).touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cnnscore").write_text(FAKE)
    (tmp_path / "bin" / "cnnscore").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "_bash").write_text(run_cli("completion", "bash").out)
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_cnnscore").write_text(run_cli("completion", "zsh").out)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("sco", {"score"}),
        ("help tr", {"train"}),
        ("model ", {"import", "list", "info", "card"}),
        ("score --prov", {"--provider"}),
        ("score --provider c", {"cpu", "cuda"}),
        # networks, and of the files those that could be one: not ref.fa
        ("score -m re", {"reads", "reference"}),
        ("score -m mi", {"mine.onnx"}),
        ("score calls.vcf.gz -R re", {"ref.fa"}),
        # -W takes no word: the next one is the call file
        ("score -W ca", {"calls.vcf.gz"}),
        ("filter --sensitivity-field ca", {"calls.vcf.gz"}),
        ("score --threads ", set()),
    ],
)
def test_completion_bash(shell_box: Path, line: str, offers: set[str]) -> None:
    words = ["cnnscore", *line.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"source ./_bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
        '_shtab_cnnscore; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    run = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=300, check=True
    )
    assert set(run.stdout.split()) == offers


def test_completion_zsh(shell_box: Path) -> None:
    """A terminal with zsh in it, into which we type."""
    if not shutil.which("zsh"):
        pytest.skip("needs zsh, which `make test` installs")
    terminal, ours = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=ours, stdout=ours, stderr=ours, start_new_session=True
    )
    os.close(ours)

    def type_and_see(text: str, expected: str) -> None:
        os.write(terminal, text.encode())
        seen = ""
        while expected not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen):
            assert select.select([terminal], [], [], 30)[0], f"zsh says {seen!r}, not {expected!r}"
            seen += os.read(terminal, 4096).decode(errors="replace")

    try:
        type_and_see("PS1='R'EADY; unsetopt zle_bracketed_paste\n", "READY")
        type_and_see(
            "fpath+=(./functions); autoload -Uz compinit; compinit -u -D; echo DO''NE\n", "DONE"
        )
        type_and_see("cnnscore sco\t", "score ")
        type_and_see("--prov\t", "--provider ")
        type_and_see("cp\t", "cpu ")
        type_and_see("-m mi\t", "mine.onnx ")
        type_and_see("\x15cnnscore model info rea\t", "reads ")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def test_a_value_without_completion_is_none_by_intent() -> None:
    """A new kind of value is a file or a network, or is named here."""
    known = {*completion._FILES, "DIR", "MODEL"}
    left = {
        str(action.metavar or action.dest)
        for parser in parsers()
        for action in parser._actions
        if action.nargs != 0 and not action.choices and action.metavar not in known
    }
    assert left == set(NOT_COMPLETED.split())


# ---- manual ----


def test_manual_pages(tmp_path: Path) -> None:
    if not shutil.which("groff"):
        pytest.skip("needs groff, which `make test` installs")
    command = [sys.executable, "-m", "cnnscore.cli.man", str(tmp_path / "man1")]
    subprocess.run(command, check=True)
    # Under `make asan` the sanitizer is preloaded, and stops groff for faults that are groff's own.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    pages = {path.stem for path in (tmp_path / "man1").iterdir()}
    assert pages == {"cnnscore", *(f"cnnscore-{command}" for command in COMMANDS)}
    for path in (tmp_path / "man1").iterdir():
        run = subprocess.run(
            ["groff", "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n", str(path)],
            capture_output=True,
            text=True,
            check=True,
            env=env,
        )
        assert run.stderr == "", path.name
        words = set(run.stdout.replace(",", " ").split())
        name = path.stem.partition("-")[2]
        if name:
            _, parser = command_parser(name)
            for below in parsers(parser):
                assert words >= set(below._option_string_actions)
                for line in (parser.description or "").splitlines():
                    assert set(line.replace(",", " ").split()) <= words | {"Examples:"}, line
        else:
            assert words >= {f"cnnscore-{command}(1)" for command in COMMANDS}


@pytest.mark.parametrize("words", [["--help"], ["help"], ["--version"], ["score", "--help"]])
def test_a_reader_that_goes_away(words: list[str]) -> None:
    """As in `cnnscore --version | head -1`: no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "cnnscore", *words],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (run.returncode, run.stderr) == (-signal.SIGPIPE, b"")
