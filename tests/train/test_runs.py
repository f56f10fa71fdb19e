"""Runs of `cnnscore train` and their folder: one at a time, resumed as they were begun."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Finished, run_cli
from hosts.training_data import make, need_extra
from hosts.waiting import wait_until

need_extra("torch", "pyarrow", "matplotlib", "tensorboard")

from cnnscore.network.session import Session
from cnnscore.network.store import bundled_folder

QUICK = ("training.steps=4", "training.batch=16", "training.evaluate_every=2")


def train(data: object, output: Path, *more: object, config: str = "annotations") -> Finished:
    settings = [part for text in QUICK for part in ("--set", text)]
    data = data if isinstance(data, (list, tuple)) else [data]
    return run_cli("train", config, *data, "-o", output, "--quiet", *settings, *more)


def state_of(process: subprocess.Popen[str]) -> str:
    """T: it stands still; Z: it has ended."""
    return Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@contextmanager
def stopped_run(data: Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that stands still, by SIGSTOP, when its data are encoded."""
    code = (
        "import os, signal, sys; from cnnscore.cli import main; import cnnscore.train.run as run\n"
        "train = run.train\n"
        "def stopped(*a, **k): os.kill(os.getpid(), signal.SIGSTOP); return train(*a, **k)\n"
        "run.train = stopped\nsys.exit(main(sys.argv[1:]))"
    )
    arguments = ["train", "annotations", str(data), "-o", str(output), "--quiet"]
    for text in QUICK:
        arguments += ["--set", text]
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: state_of(process) in "TZ")
            assert state_of(process) == "T", "it never came to the loop"
            yield process
        finally:
            process.kill()


def test_a_second_run_in_a_folder_is_refused_and_the_first_goes_on(
    synthetic: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    with stopped_run(synthetic, output) as first:
        planes = {path.name: path.stat().st_mtime_ns for path in (output / ".planes").iterdir()}
        assert planes, "nothing was encoded"
        for more in ((), ("--overwrite",), ("--resume",)):
            second = train(synthetic, output, *more)
            assert second.code == 1
            assert f"another `cnnscore train` (process {first.pid}) is at work in" in second.err
            assert second.err.count("\n") == 1
        now = {path.name: path.stat().st_mtime_ns for path in (output / ".planes").iterdir()}
        assert now == planes
        first.send_signal(signal.SIGCONT)
        _, err = first.communicate(timeout=300)
    assert first.returncode == 0, err
    assert (output / "annotations.onnx").is_file()
    assert not (output / ".lock").exists()


@pytest.mark.parametrize("option", ["--init", "--teacher"])
def test_a_network_is_not_cleared_away_by_the_run_that_is_made_from_it(
    synthetic: Path, tmp_path: Path, option: str
) -> None:
    network, checkpoint = tmp_path / "reference.onnx", tmp_path / "checkpoint.pt"
    shutil.copy(bundled_folder() / network.name, network)
    checkpoint.write_text("of the run that made it")
    done = train(synthetic, tmp_path, option, network, "--overwrite", config="reference")
    assert done.code == 1, done.err
    assert f"{network} would be replaced" in done.err
    assert "(--set name=NAME)" in done.err
    assert (network.exists(), checkpoint.exists()) == (True, True)
    gone = tmp_path / "no.onnx"
    done = train(synthetic, tmp_path, option, gone, "--overwrite", config="reference")
    assert (done.code, f"no network at {gone}" in done.err) == (2, True), done.err
    assert (network.exists(), checkpoint.exists()) == (True, True)


def test_a_run_goes_on_or_starts_again(synthetic: Path, tmp_path: Path) -> None:
    """Which of the two cannot be told, and nothing is touched."""
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_text("of hours of work")
    done = train(synthetic, tmp_path, "--resume", "--overwrite")
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert "--resume goes on from a checkpoint, --overwrite starts again: give one" in done.err
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]
    assert checkpoint.read_text() == "of hours of work"


def test_a_killed_run_leaves_no_lock(synthetic: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    with stopped_run(synthetic, output) as first:
        first.kill()
        first.communicate()
    assert (output / ".lock").exists()
    again = train(synthetic, output)
    assert again.code == 0, again.err
    assert not (output / ".lock").exists()
    assert not (output / ".planes").exists()


@pytest.fixture(scope="module")
def begun(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was broken off at its first look, started with all that counts."""
    folder = tmp_path_factory.mktemp("begun")
    teacher = folder / "teacher"
    assert train(synthetic, teacher, "--set", "name=teacher").code == 0
    shutil.copy(synthetic, folder / "a.parquet")
    make(folder / "b.parquet", "-r", "synA", "--block", 2000, "--name", "b")
    code = (
        "import os, signal, sys; from cnnscore.cli import main\n"
        "import cnnscore.train.loop as loop\n"
        "save = loop._save\n"
        "def saved(*a): save(*a); os.kill(os.getpid(), signal.SIGKILL)\n"
        "loop._save = saved\nsys.exit(main(sys.argv[1:]))"
    )
    arguments = [*arguments_of(folder), "--quiet", "-o", str(folder / "run")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    return folder


def arguments_of(folder: Path) -> list[str]:
    """`cnnscore train` with everything that a network can be made of."""
    parts = ["train", "annotations", str(folder / "a.parquet"), str(folder / "b.parquet")]
    parts += ["--init", str(folder / "teacher/teacher.onnx"), "--leave-out", "contig=synB"]
    parts += ["--teacher", str(folder / "teacher/teacher.onnx")]
    for text in QUICK:
        parts += ["--set", text]
    return parts


def change_data(folder: Path, arguments: list[str]) -> None:
    make(folder / "a.parquet", "--block", 2000, "--weight", 2, "--overwrite")


def swap_data(folder: Path, arguments: list[str]) -> None:
    arguments[2], arguments[3] = arguments[3], arguments[2]


def other_init(folder: Path, arguments: list[str]) -> None:
    arguments[arguments.index("--init") + 1] = str(folder / "other.onnx")


def other_teacher(folder: Path, arguments: list[str]) -> None:
    arguments[arguments.index("--teacher") + 1] = str(folder / "other.onnx")


def no_init(folder: Path, arguments: list[str]) -> None:
    at = arguments.index("--init")
    del arguments[at : at + 2]


def all_rows(folder: Path, arguments: list[str]) -> None:
    at = arguments.index("--leave-out")
    del arguments[at : at + 2]


def other_seed(folder: Path, arguments: list[str]) -> None:
    arguments += ["--seed", "7"]


CHANGES = {
    "other data sets": (change_data, swap_data),
    "another --init": (other_init, no_init),
    "other --teacher": (other_teacher,),
    "other --leave-out": (all_rows,),
    "another configuration": (other_seed,),
}


def test_what_a_run_is_resumed_with_must_be_what_it_was_begun_with(
    begun: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make(tmp_path / "o.parquet", "--block", 2000)
    assert train(tmp_path / "o.parquet", other, "--seed", 3).code == 0
    for says, changes in CHANGES.items():
        for change in changes:
            folder = tmp_path / f"{change.__name__}"
            shutil.copytree(begun, folder)
            shutil.copy(other / "annotations.onnx", folder / "other.onnx")
            arguments = arguments_of(folder)
            change(folder, arguments)
            done = run_cli(*arguments, "--quiet", "-o", folder / "run", "--resume")
            assert done.code == 2, change.__name__
            assert "checkpoint.pt is of " in done.err
            assert says in done.err, done.err
            assert done.err.count("\n") == 1
            assert not (folder / "run/annotations.onnx").exists()
    # Names and folders are not what counts: all was copied elsewhere.
    folder = tmp_path / "same"
    shutil.copytree(begun, folder)
    (folder / "a.parquet").rename(folder / "renamed.parquet")
    arguments = [text.replace("a.parquet", "renamed.parquet") for text in arguments_of(folder)]
    done = run_cli(*arguments, "--quiet", "-o", folder / "run", "--resume")
    assert done.code == 0, done.err
    training = Session(folder / "run/annotations.onnx", "cpu").manifest.training
    assert training["data"]["files"] == ["renamed.parquet", "b.parquet"]
    assert training["data"]["left_out"] == ["contig=synB"]


def test_a_resumed_run_counts_the_time_of_all_its_parts(begun: Path, tmp_path: Path) -> None:
    import torch

    shutil.copytree(begun, tmp_path / "copy")
    checkpoint = tmp_path / "copy/run/checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    assert state["seconds"] > 0
    torch.save({**state, "seconds": 5000.0}, checkpoint)
    arguments = arguments_of(tmp_path / "copy")
    done = run_cli(*arguments, "--quiet", "-o", tmp_path / "copy/run", "--resume")
    assert done.code == 0, done.err
    manifest = Session(tmp_path / "copy/run/annotations.onnx", "cpu").manifest
    assert 5000 < manifest.training["seconds"] < 5500


def test_a_run_that_stopped_early_stays_so_when_it_is_resumed(
    synthetic: Path, tmp_path: Path
) -> None:
    still = ("--set", "training.learning_rate=1e-12", "--set", "training.patience=1")
    more = (*still, "--set", "training.steps=40", "--set", "training.evaluate_every=4")
    assert train(synthetic, tmp_path, *more).code == 0
    log = (tmp_path / "log.csv").read_text()
    assert log.count("\n") == 3, "two looks: the first, and one that was no better"
    (tmp_path / "annotations.onnx").unlink()
    assert train(synthetic, tmp_path, *more, "--resume").code == 0
    assert (tmp_path / "log.csv").read_text() == log
    assert (tmp_path / "annotations.onnx").is_file()
