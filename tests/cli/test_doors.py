"""`cnnscore plugin-path`, `gatk-jar` and `env`: where the doors of an installation lie."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cnnscore import doors
from conftest import run_cli


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a wheel has in cnnscore/lib, in a folder whose name a shell would split."""
    lib = tmp_path / "with a space" / "lib"
    for name in ("bcftools/cnnscore.so", "gatk/cnnscore-gatk.jar", "pkgconfig/cnnscore.pc"):
        (lib / name).parent.mkdir(parents=True)
        (lib / name).touch()
    monkeypatch.setattr(doors, "LIB", lib)
    return lib


def evaluated(text: str, name: str, value: str | None) -> str:
    """`name` in a shell that had `value` and evaluated `text`."""
    env = {key: old for key, old in os.environ.items() if key != name}
    if value is not None:
        env[name] = value
    script = f'{text}\nprintf %s "${name}"'
    return subprocess.check_output(["sh", "-euc", script], env=env, text=True)


def test_paths(installed: Path) -> None:
    assert run_cli("plugin-path").out == f"{installed}/bcftools\n"
    assert run_cli("gatk-jar").out == f"{installed}/gatk/cnnscore-gatk.jar\n"


def test_env_keeps_what_was_there(installed: Path) -> None:
    text = run_cli("env").out
    plugins, described = f"{installed}/bcftools", f"{installed}/pkgconfig"
    assert evaluated(text, "BCFTOOLS_PLUGINS", None) == f"{plugins}:"
    assert evaluated(text, "BCFTOOLS_PLUGINS", "/a:/b") == f"{plugins}:/a:/b"
    assert evaluated(text, "PKG_CONFIG_PATH", None) == described
    assert evaluated(text, "PKG_CONFIG_PATH", "/a") == f"{described}:/a"


def test_bcftools_keeps_its_own_plugins(installed: Path) -> None:
    script = run_cli("env").out + "bcftools plugin -l"
    env = {key: value for key, value in os.environ.items() if key != "BCFTOOLS_PLUGINS"}
    listed = subprocess.check_output(["sh", "-euc", script], env=env, text=True)
    assert "fill-tags" in listed


def test_a_colon_ends_a_name_in_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = tmp_path / "a:b"
    (lib / "bcftools").mkdir(parents=True)
    (lib / "bcftools" / "cnnscore.so").touch()
    monkeypatch.setattr(doors, "LIB", lib)
    run = run_cli("env")
    assert (run.code, run.out) == (1, "")
    assert "a folder without one" in run.err


def test_what_is_not_there_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "LIB", tmp_path)
    monkeypatch.setattr(doors, "_MADE", tmp_path)
    for command, what in (("plugin-path", "make build"), ("gatk-jar", "make gatk")):
        run = run_cli(command)
        assert (run.code, run.out) == (1, "")
        assert run.err.startswith("cnnscore: error: this installation has no")
        assert what in run.err
        assert "make dist" in run.err
    assert run_cli("env").code == 1
