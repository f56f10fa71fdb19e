"""Runs that a signal ends: a few moments each. `make kill` tries many, at every kind of run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from cnnscore.cli import ENDING
from kill.kill import end_runs
from kill.killing import SIGNALS, Box, Ended, Moment, preloaded, reader_leaves, size_of_output
from kill.subjects import Subject, subjects, to_stdout

CAUGHT = [number for number in SIGNALS if number != signal.SIGKILL]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kill")


@pytest.fixture(scope="module")
def known(folder: Path) -> dict[str, Subject]:
    return subjects(folder)


@pytest.fixture(scope="module")
def box_of(known: dict[str, Subject], folder: Path) -> Callable[[str], Box]:
    boxes: dict[str, Box] = {}

    def find(name: str) -> Box:
        if name not in boxes:
            boxes[name] = Box(known[name], folder / name)
        return boxes[name]

    return find


# ---- whole runs ----


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", ["score-index", "plugin-index", "filter", "view", "dataset"])
def test_at_some_moment(name: str, number: signal.Signals, box_of: Callable[[str], Box]) -> None:
    box, which = box_of(name), SIGNALS.index(number)
    moment = Moment(box.seconds * (which + 1) / (len(SIGNALS) + 1))
    assert not box.end(number, moment, replaces=which % 2 == 0).faults
    if number == signal.SIGKILL:
        assert not box.check_cleaned()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("name", ["score-index", "plugin-index", "filter"])
def test_while_outputs_take_their_names(
    name: str, number: signal.Signals, box_of: Callable[[str], Box]
) -> None:
    """By signals that can be caught all of them or none; by `kill -9` no index of another file."""
    box = box_of(name)
    first = next(i for i, step in enumerate(box.steps, 1) if step.startswith("remove"))
    for step in range(first, len(box.steps) + 1):
        ended = box.end(number, Moment(step=step), replaces=True)
        assert not ended.faults, box.steps[step - 1]


def test_a_moment_that_does_not_come_is_told(box_of: Callable[[str], Box]) -> None:
    box = box_of("filter")
    for moment in (Moment(step=len(box.steps) + 1), Moment(60.0)):
        ended = box.end(signal.SIGTERM, moment, replaces=True)
        assert not ended.sent
    assert box.end(signal.SIGTERM, Moment(step=1), replaces=True).sent


class Quick:
    """In place of a box: runs that take so many seconds."""

    subject = SimpleNamespace(name="quick")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def end(self, number: signal.Signals, moment: Moment, *, replaces: bool) -> Ended:
        del number, replaces
        sent = moment.seconds is not None and moment.seconds < self.seconds
        return Ended([], sent, 0.0, 0.0)


def test_make_kill_demands_every_moment(capsys: pytest.CaptureFixture[str]) -> None:
    moments = [Moment(float(i)) for i in range(10)]
    assert (
        end_runs(cast("Box", Quick(5.0)), signal.SIGTERM, moments) == 0
    )  # the later ones came sooner
    assert capsys.readouterr().out.split()[2:5] == ["10", "10", "0"]
    assert end_runs(cast("Box", Quick(0.0)), signal.SIGTERM, [*moments, Moment(step=1)]) == 11
    said = capsys.readouterr().out
    assert said.count("no signal met the run") == 11
    assert said.split()[-7:-4] == ["11", "0", "11"]


@pytest.mark.parametrize("name", ["score", "plugin-u", "filter", "view"])
def test_a_reader_that_goes_away(name: str, known: dict[str, Subject], folder: Path) -> None:
    assert known  # what the commands read
    command, variables = to_stdout(folder)[name]
    most = size_of_output(command, variables)
    for size in (1, most // 2):
        assert reader_leaves(command, variables, size) == []


# ---- the command's signals ----


def run_in_the_middle(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command whose work is this code."""
    whole = (
        "import os, signal, sys; import cnnscore.cli.doctor as work\n"
        "from cnnscore import cli\n"
        "from cnnscore.files import aside, temporary, undisturbed; from pathlib import Path\n"
        f"def run(options):\n{code}\n"
        "work.run = run; sys.argv[1:] = ['doctor']; sys.exit(cli.main())"
    )
    command = [sys.executable, "-c", whole]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("what", ["raise ImportError('initialization failed')", "pass"])
@pytest.mark.parametrize("number", ENDING)
def test_no_code_takes_a_signal_for_its_own(
    number: signal.Signals, what: str, tmp_path: Path
) -> None:
    """An import turns whatever comes into an ImportError, a destructor loses it."""
    done = run_in_the_middle(
        "    with aside('out') as part:\n"
        f"        try: os.kill(os.getpid(), {int(number)}); signal.pause()\n"
        f"        except BaseException: {what}",
        cwd=tmp_path,
    )
    assert done.returncode in (128 + number, -number)
    assert done.stderr == ("cnnscore: interrupted\n" if number == signal.SIGINT else "")
    assert not list(tmp_path.iterdir())


def test_a_second_signal_breaks_no_cleaning_off(tmp_path: Path) -> None:
    done = run_in_the_middle(
        "    with temporary(Path('folder')):\n"
        "        os.mkdir('folder')\n"
        "        for i in range(2000): open(f'folder/{i}', 'w').close()\n"
        "        if not os.fork():\n"
        "            while os.getppid() == parent: os.kill(parent, signal.SIGHUP)\n"
        "            os._exit(0)\n"
        "        while True: signal.pause()".replace(
            "    with temporary", "    parent = os.getpid()\n    with temporary", 1
        ),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGHUP, "")
    assert not list(tmp_path.iterdir())


def test_main_gives_handlers_back() -> None:
    """Who calls it from Python has handlers of their own."""
    code = (
        "import signal; from cnnscore.cli import ENDING, main\n"
        "before = [signal.getsignal(n) for n in ENDING]\n"
        "main(['--version']); main(['filter', 'none.vcf'])\n"
        "assert before == [signal.getsignal(n) for n in ENDING]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_while_the_command_is_imported() -> None:
    code = (
        "import os, runpy, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'cnnscore.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder()); sys.argv = ['cnnscore', '--version']\n"
        "runpy.run_module('cnnscore', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


# ---- folders ----

FOLDER = """
import sys; from pathlib import Path; from cnnscore import cli
from cnnscore.files import results_folder
def run(text):
    with results_folder("out", mark="m.json", own=r"[amz]\\..*", overwrite=True) as part:
        for name in ("a.vcf.gz", "a.vcf.gz.tbi", "m.json", "z.tsv", f"z.{text}.tsv"):
            (part / name).write_text(text)
import cnnscore.cli.doctor as work
work.run = lambda _: run(text)
text = sys.argv[1]; sys.argv[1:] = ["doctor"]
sys.exit(cli.main())
"""


def run_folder(text: str, tmp_path: Path, **more: object) -> int:
    environment = {**os.environ, **{key: str(value) for key, value in more.items()}}
    command = [sys.executable, "-c", FOLDER, text]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_files_of_a_folder_are_of_one_run(
    number: signal.Signals, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After each step: all old or all new; after `kill -9`, the mark is there with all others, and
    the next run replaces what there is."""
    out, log = tmp_path / "out", tmp_path / "log"
    preload = {"LD_PRELOAD": preloaded(), "KILL_UNDER": tmp_path / "out"}
    assert run_folder("old", tmp_path) == 0
    assert run_folder("old", tmp_path, **preload, KILL_LOG=log) == 0
    steps = log.read_text().splitlines()
    old = tmp_path_factory.mktemp("old") / "out"
    shutil.copytree(out, old)
    assert sum(step.startswith("rename") for step in steps) == 5
    seen = set()
    for step in range(1, len(steps) + 1):
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(old, out)
        code = run_folder("new", tmp_path, **preload, KILL_AFTER=step, KILL_SIGNAL=int(number))
        assert code in (-number, 128 + number)
        texts = {path.name: path.read_text() for path in out.iterdir()}
        seen.add(len(texts))
        assert len(set(texts.values())) <= 1, steps[step - 1]
        if number == signal.SIGTERM or "m.json" in texts:
            assert len(texts) == 5, steps[step - 1]
        if "a.vcf.gz.tbi" in texts:
            assert "a.vcf.gz" in texts
        assert run_folder("next", tmp_path) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert {path.read_text() for path in out.iterdir()} == {"next"}
        assert len(list(out.iterdir())) == 5
    assert (seen == {5}) == (number == signal.SIGTERM)
