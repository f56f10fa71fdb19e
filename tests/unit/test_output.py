"""Outputs appear whole or not at all, and say what went wrong in their own name alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnscore.calls.output import open_output, output_format
from cnnscore.calls.records import Calls
from cnnscore.errors import BadOutput
from cnnscore.files import aside_folder, writing
from conftest import DATA


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
    form = output_format(str(out), None)
    if blocked:
        with (
            pytest.raises(BadOutput, match=r"cannot write .*out\.vcf\.gz\.tbi: Is a directory"),
            open_output(calls, str(out), form, "tbi"),
        ):
            pass
        assert out.read_text() == "before"
    else:
        with open_output(calls, str(out), form, "tbi"):
            pass
        assert index.read_bytes()[:2] == b"\x1f\x8b"
    assert sorted(tmp_path.iterdir()) == [out, index]


def _in_the_way(ours: Path, theirs: Path) -> None:
    ours.touch()
    theirs.mkdir(parents=True)
