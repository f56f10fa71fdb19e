"""The walls between the packages: who may import whom, and what stays out of a small process."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import setuptools

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "python" / "cnnscore"
MODULES = sorted(PACKAGE.rglob("*.py"))

# In the order in which data passes them: an import goes to the left, never to the right.
ORDER = (
    "ground",
    "network",
    "calls",
    "wire",
    "score",
    "scatter",
    "serve",
    "filter",
    "truth",
    "evaluate",
    "report",
    "dataset",
    "plant",
    "viewer",
    "train",
    "api",
    "cli",
)
# Entrances of the package, which open what they need when they are called.
ENTRANCES = {"__init__.py", "__main__.py", "shim.py"}
DOCSTRING_ALONE = sorted(set(ORDER) - {"ground", "cli", "evaluate", "train"})


def imports_of(path: Path) -> Iterator[str]:
    """Modules of cnnscore that a file imports, at its top or later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("cnnscore"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            if (node.module or "").startswith("cnnscore"):
                yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(module: str) -> str:
    """The package of `cnnscore.x.y`, or the ground floor."""
    first = module.split(".")[1]
    return first if (PACKAGE / first).is_dir() else "ground"


def importers(module: str) -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(name.startswith(f"{module}.") for name in imports_of(path))
    }


def test_no_import_runs_upwards() -> None:
    wrong = []
    for path in MODULES:
        inside = path.relative_to(PACKAGE)
        if inside.as_posix() in ENTRANCES:
            continue
        room = inside.parts[0] if len(inside.parts) > 1 else "ground"
        for module in imports_of(path):
            if ORDER.index(room_of(module)) > ORDER.index(room):
                wrong.append(f"{inside} imports {module}")
    assert not wrong


def test_every_package_has_its_place() -> None:
    folders = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/*.py")}
    assert folders == set(ORDER) - {"ground"}


def test_htslib_is_touched_by_calls_alone() -> None:
    assert importers("cnnscore._window")
    assert all(name.startswith("calls/") for name in importers("cnnscore._window"))


def test_native_encoding_is_touched_by_one_module() -> None:
    assert importers("cnnscore._encode") == {"network/encode.py"}


def test_the_viewer_needs_nothing_of_train() -> None:
    assert not any(name.startswith("viewer/") for name in importers("cnnscore.train"))


@pytest.mark.parametrize("package", DOCSTRING_ALONE)
def test_a_package_file_holds_its_docstring_alone(package: str) -> None:
    body = ast.parse((PACKAGE / package / "__init__.py").read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("cnnscore.shim", "cnnscore.calls"),
        ("cnnscore.shim", "cnnscore._window"),
        ("cnnscore.wire.client", "cnnscore.calls"),
        ("cnnscore.wire.client", "onnxruntime"),
        ("cnnscore.serve.server", "cnnscore.calls"),
    ],
)
def test_importing_it_does_not_load(module: str, absent: str) -> None:
    code = f"import {module}, sys; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    assert f"'{module}'" in loaded
    assert f"'{absent}" not in loaded


def test_the_docs_name_every_module() -> None:
    """docs/how-it-works/dataflow.md has each module, in its package's rows."""
    text = (PROJECT / "docs" / "how-it-works" / "dataflow.md").read_text(encoding="utf-8")
    named: dict[str, set[str]] = {}
    package = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and ".py`" in cells[1]:
            package = cells[0].strip("`/") or package
            named.setdefault(package, set()).update(cells[1].replace("`", "").split())
    there: dict[str, set[str]] = {}
    for path in MODULES:
        inside = path.relative_to(PACKAGE)
        if inside.name in ENTRANCES or inside.parts[0] == "cli":
            continue
        room = inside.parts[0] if len(inside.parts) > 1 else "(ground floor)"
        there.setdefault(room, set()).add(inside.name)
    assert named == there


def test_no_test_waits_for_a_time() -> None:
    """Tests wait for the event (hosts/waiting.py): a time is too long, or too short one day."""
    sleepers = [
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "tests").rglob("*.py")
        if re.search(r"\bsleep\(", path.read_text(encoding="utf-8"))
    ]
    assert set(sleepers) <= {"tests/hosts/waiting.py", "tests/unit/test_walls.py"}


def test_no_file_is_a_house_of_its_own() -> None:
    """450 lines at most, so that a file is one thing."""
    files = [
        path
        for folder in ("python", "native", "plugin")
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.suffix in {".py", ".c", ".h", ".java"} and "build" not in path.parts
    ]
    made = set((PROJECT / "native").glob("_*.c"))  # by cffi
    files = [path for path in files if path not in made]
    assert len(files) > 200
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert [path.name for path, n in lines.items() if n > 450] == []


def test_no_module_of_ours_hides_a_package(pytestconfig: pytest.Config) -> None:
    """Their folders stand first on the path: setuptools, which asks for `wheel`, would run ours."""
    vendored = Path(setuptools.__file__).parent / "_vendor"
    packages = {*packages_distributions(), *(path.stem for path in vendored.iterdir())}
    folders = [PROJECT / folder for folder in pytestconfig.getini("pythonpath")]
    ours = [path for folder in folders for path in folder.glob("*.py")]
    assert ours
    assert [path for path in ours if path.stem in packages] == []


def test_all_doors_join_carriers_alike() -> None:
    """The walker, which has no C, knows the number of cohort.h in Java: where it joins carriers'
    scores (`siteScore`), it has the same SITE_BEST."""
    header = (PROJECT / "native" / "records" / "cohort.h").read_text(encoding="utf-8")
    (number,) = re.findall(r"#define CNNSCORE_SITE_BEST (\S+)", header)
    in_docs = (PROJECT / "docs" / "tasks" / "cohorts.md").read_text(encoding="utf-8")
    assert f"mean(s) + {number} (max(s) - mean(s))" in in_docs
    for path in (PROJECT / "plugin" / "gatk").rglob("*.java"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"(float|double) siteScore\(", text):
            assert f"SITE_BEST = {number};" in text, path.name
