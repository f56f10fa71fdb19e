"""Outputs appear whole or not at all, and say what went wrong in their own name alone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cnnscore.calls.output import OutputOptions, open_output
from cnnscore.calls.records import Calls
from cnnscore.errors import BadOutput
from cnnscore.files import aside_folder, scratch_folder, writing
from conftest import DATA
from hosts.waiting import wait_until


def test_a_folder_by_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    for name in (".", "new", "new/", "../c", str(tmp_path / "d")):
        with aside_folder(name) as part:
            (part / "file").write_text(name)
        assert (Path(name) / "file").read_text() == name
    assert not list(tmp_path.rglob(".*"))


def test_what_fails_within_the_block_is_not_the_folders_failure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), aside_folder(str(tmp_path / "out")):
        (tmp_path / "elsewhere").read_text()
    with pytest.raises(BadOutput, match="cannot write out: No such file"), writing("out"):
        (tmp_path / "elsewhere").read_text()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BadOutput, match="is a file"), aside_folder(str(file)):
        pass
    with (
        pytest.raises(BadOutput, match=r"cannot write .*: Not a directory"),
        aside_folder(str(file / "x")),
    ):
        pass
    with (  # a file of ours cannot take a folder's place
        pytest.raises(BadOutput, match="cannot write"),
        aside_folder(str(tmp_path / "out")) as part,
    ):
        _in_the_way(part / "name", tmp_path / "out" / "name")


@pytest.mark.parametrize("blocked", [False, True])
def test_an_index_that_cannot_be(tmp_path: Path, blocked: bool) -> None:
    """What was there before stays; another file's index does not."""
    calls = Calls(str(DATA / "calls.vcf.gz"))
    out, index = tmp_path / "out.vcf.gz", tmp_path / "out.vcf.gz.tbi"
    out.write_text("before")
    index.mkdir() if blocked else index.write_text("of something else")
    options = OutputOptions(write_index="tbi")
    if blocked:
        with (
            pytest.raises(BadOutput, match=r"cannot write .*out\.vcf\.gz\.tbi: Is a directory"),
            open_output(calls, str(out), options),
        ):
            pass
        assert out.read_text() == "before"
    else:
        with open_output(calls, str(out), options):
            pass
        assert index.read_bytes()[:2] == b"\x1f\x8b"
    assert sorted(tmp_path.iterdir()) == [out, index]


# ---- folders ----

GONE = 4_194_303
"""A PID that no process has."""


def test_a_folder_that_dead_runs_left(tmp_path: Path) -> None:
    for name in (f".out.{GONE}.part", f".out.{os.getppid()}.part", f".other.{GONE}.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with aside_folder(tmp_path / "out") as part:
        (part / "file").touch()
    stay = {f".out.{os.getppid()}.part", f".other.{GONE}.part", "out"}
    assert {path.name for path in tmp_path.iterdir()} == stay


def test_a_folder_through_a_link(tmp_path: Path) -> None:
    """Files of one name keep their mode, and links in the folder are followed."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to("real")
    (real / "private").touch(0o600)
    (real / "inner").symlink_to("end")
    with aside_folder(tmp_path / "link") as part:
        for name in ("private", "inner", "new"):
            (part / name).write_text(name)
    assert (tmp_path / "link").is_symlink()
    assert (real / "inner").is_symlink()
    assert (real / "end").read_text() == "inner"
    assert stat.S_IMODE((real / "private").stat().st_mode) == 0o600
    assert (real / "private").read_text() == "private"
    assert {path.name for path in tmp_path.rglob("*")} == {
        *("real", "link", "private", "inner", "end", "new"),
    }


def test_a_scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, lives = (tmp_path / f".cnnscore.{pid}.abc_12.part" for pid in (GONE, os.getppid()))
    for folder in (left, lives):
        folder.mkdir()
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert set(tmp_path.iterdir()) == {folder, lives}
        (folder / "file").touch()
    assert set(tmp_path.iterdir()) == {lives}


def test_a_fork_leaves_its_parents_files(tmp_path: Path) -> None:
    script = (
        "import os, sys; from cnnscore.files import aside\n"
        "with aside('out') as part:\n"
        "    part.write_text('whole')\n"
        "    child = os.fork()\n"
        "    if not child: sys.exit()\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=300)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out": "whole"}


def test_a_signal_leaves_no_folder(tmp_path: Path) -> None:
    """`evaluate` waits for its truth set, a pipe that nobody writes to."""
    pytest.importorskip("sklearn", reason="needs the evaluate extra: run by `make test`")
    os.mkfifo(tmp_path / "truth.vcf")
    command = ["evaluate", DATA / "calls.vcf.gz", "--truth", "truth.vcf", "-o", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnscore", *map(str, [*command, "--score", "QUAL"])],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: bool(list(tmp_path.glob(".out.*.part"))))

    def has_ended() -> bool:
        """A signal between Python's last look and the call that waits is not seen: once more."""
        process.send_signal(signal.SIGHUP)
        return process.poll() is not None

    wait_until(has_ended)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (128 + signal.SIGHUP, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["truth.vcf"]


def _in_the_way(ours: Path, theirs: Path) -> None:
    ours.touch()
    theirs.mkdir(parents=True)
