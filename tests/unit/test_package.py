"""What a wheel and a source distribution hold: every file that is needed, not only modules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FINALIZE = """
import os, sys
from setuptools import Distribution
os.chdir(sys.argv[1])
distribution = Distribution({"script_name": "setup.py"})
distribution.parse_config_files()
"""
WHEEL = """
command = distribution.get_command_obj("build_py")
command.ensure_finalized()
print(*command.get_outputs(), sep="\\n")
"""
# Into a folder of its own: what lies in python/*.egg-info may be old.
SOURCES = """
command = distribution.get_command_obj("egg_info")
command.egg_base = sys.argv[2]
command.ensure_finalized()
distribution.verbose = 0
command.run()
print(*command.filelist.files, sep="\\n")
"""
# Folders and root files that belong to a checkout alone, and what is built in the others.
OF_A_CHECKOUT = {".git", ".github", ".gitattributes"}
BUILT = ("__pycache__", "*.egg-info", "*.so", "*.o", ".hypothesis", "target", "build", "dist")
BUILT_AT_THE_ROOT = (
    ".venv",
    ".make",
    ".*_cache",
    "bench-data",
    ".coverage*",
    "PKG-INFO",
    "setup.cfg",
)


def _listed(code: str, *arguments: object) -> set[str]:
    command = [sys.executable, "-W", "ignore", "-c", FINALIZE + code, ROOT, *arguments]
    return set(subprocess.check_output([str(word) for word in command], text=True).splitlines())


def _is(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _files_of_the_project() -> set[str]:
    found = set()
    for entry in ROOT.iterdir():
        if entry.name in OF_A_CHECKOUT or _is(entry.name, BUILT + BUILT_AT_THE_ROOT):
            continue
        for path in [entry] if entry.is_file() else entry.rglob("*"):
            inside = path.relative_to(ROOT)
            if path.is_file() and not any(_is(part, BUILT) for part in inside.parts):
                found.add(inside.as_posix())
    return found


@pytest.mark.parametrize("target", ["install", "uninstall"])
@pytest.mark.parametrize(
    "given",
    ["PREFIX=/opt/my tools", "PREFIX=~/tools", "DESTDIR=/a b", "PREFIX=/a;b", "PREFIX=/`b`"],
)
def test_make_takes_no_prefix_that_it_would_cut(target: str, given: str) -> None:
    """It would remove /opt/my."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", "-o", "build", "-C", str(ROOT), target, given]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "rm" not in done.stdout
    assert f"{given}: give a path without spaces and without ~" in done.stderr


def test_a_wheel_holds_every_file_of_the_package() -> None:
    parts = [Path(line).parts for line in _listed(WHEEL)]
    held = {"/".join(part[part.index("cnnscore") :]) for part in parts}
    folder = ROOT / "python/cnnscore"
    there = {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyc")
    }
    assert "cnnscore/train/configs/read-set.toml" in held
    assert there - held == set()


def test_a_source_distribution_holds_every_file_of_the_project(tmp_path: Path) -> None:
    """Whatever lies here is needed by some command of the Makefile, but for what is built."""
    held = {name for name in _listed(SOURCES, tmp_path) if not name.startswith(str(tmp_path))}
    held = {name for name in held if not _is(Path(name).parts[0], BUILT_AT_THE_ROOT)}
    held = {name for name in held if ".egg-info" not in name}
    wanted = _files_of_the_project()
    for name in ("native/build_native.py", "tests/data/synthetic/calls.vcf.gz.tbi", "Makefile"):
        assert name in wanted
    assert wanted - held == set()
    assert held - wanted == set()


def _names(requirements: list[str]) -> dict[str, str]:
    """Name -> what is asked of it, markers aside."""
    found = (re.match(r"([\w.-]+)(?:\[.*\])?\s*([^;]*)", line) for line in requirements)
    return {match[1]: match[2].strip() for match in found if match}


def test_the_installation_for_cpus_asks_for_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = _names(project["dependencies"])
    for extra in ("evaluate", "view"):
        wanted |= _names(project["optional-dependencies"][extra])
    del wanted["onnxruntime-gpu"]
    lines = (ROOT / "requirements-cpu.txt").read_text().splitlines()
    assert _names([line for line in lines if not line.startswith("#")]) == wanted


def test_ci_has_one_version_of_each_package() -> None:
    """No lower than pyproject.toml asks for; `make constraints` writes them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = _names([*project["project"]["dependencies"], *project["build-system"]["requires"]])
    for extra in project["project"]["optional-dependencies"].values():
        wanted |= _names(extra)
    for name in ("cnnscore", "onnxruntime", "onnxruntime-gpu"):  # the last is checked below
        del wanted[name]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    held = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert "onnxruntime-gpu" in held
    for name, lowest in wanted.items():
        there, least = (re.findall(r"\d+", text) for text in (held[name.lower()], lowest))
        assert [int(part) for part in there] >= [int(part) for part in least], name
    assert "export PIP_CONSTRAINT=$PWD/constraints.txt" in (ROOT / ".ci" / "run").read_text()
