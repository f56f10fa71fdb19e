"""Runs `bcftools +cnnscore`: the plugin that `make` built or, where there is none, built here."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What bcftools did."""

    code: int
    out: bytes
    err: str


@cache
def plugin_folder() -> Path:
    """A folder with cnnscore.so that knows its libcnnscore.so: $CNNSCORE_PLUGIN_DIR, else built."""
    made = os.environ.get("CNNSCORE_PLUGIN_DIR")
    if made:
        assert (Path(made) / "cnnscore.so").is_file(), f"CNNSCORE_PLUGIN_DIR={made} has no plugin"
        return Path(made)
    folder = Path(tempfile.mkdtemp(prefix="cnnscore-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build = [sys.executable, str(ROOT / "native" / "build_shim.py"), str(folder / "lib")]
    subprocess.run(build, check=True)
    make = ["make", "-s", "-C", str(ROOT / "plugin" / "bcftools"), f"OUT={folder}/cnnscore.so"]
    subprocess.run([*make, f"LIBRARY={folder}/lib/libcnnscore.so"], check=True)
    return folder


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a user who has the plugin and nothing else of Python's."""
    unwanted = {"CNNSCORE_LIBRARY", "CNNSCORE_PYTHON", "PYTHONPATH", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "BCFTOOLS_PLUGINS": str(plugin_folder()), **(changes or {})}


def bcftools(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
    """Run `bcftools ARGUMENTS`."""
    done = subprocess.run(
        ["bcftools", *map(str, arguments)],
        input=stdin,
        env=environment(env),
        capture_output=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Start `bcftools +cnnscore ARGUMENTS` with pipes, for tests that act while it runs."""
    return subprocess.Popen(
        ["bcftools", "+cnnscore", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def plugin(*arguments: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
    """Run `bcftools +cnnscore ARGUMENTS`."""
    return bcftools("+cnnscore", *arguments, stdin=stdin, env=env)


def text(data: Path | bytes, *arguments: object) -> str:
    """Any VCF or BCF as text, as `bcftools view ARGUMENTS` shows it."""
    source = "-" if isinstance(data, bytes) else data
    run = bcftools(
        "view", "--no-version", *arguments, source, stdin=data if isinstance(data, bytes) else b""
    )
    assert run.code == 0, run.err
    return run.out.decode("utf-8", "surrogateescape")
