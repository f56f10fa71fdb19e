"""Users' code is checked with our types: mypy --strict, as it finds the package installed."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cnnscore

CALLER = Path(__file__).parent / "typed_caller.py"
# What stands behind our types takes mypy a minute to read; `make lint` reads the script with it.
BEHIND = (
    "matplotlib",
    "pandas",
    "polars",
    "torch",
    "onnx",
    "onnxruntime",
    "scipy",
    "jinja2",
    "plotly",
)
SETTINGS = f"""[mypy]
[mypy-{",".join(f"{name}.*" for name in BEHIND)}]
follow_imports = skip
"""


def test_a_callers_script_is_clean(tmp_path: Path) -> None:
    """Outside the clone and its settings. A type that is lost (Any) would fail an assert_type."""
    shutil.copy(CALLER, tmp_path)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    cache = Path(__file__).parents[2] / ".mypy_cache" / "caller"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}"),
            CALLER.name,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_script_names_every_public_name() -> None:
    named = {
        node.attr
        for node in ast.walk(ast.parse(CALLER.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and re.fullmatch("cs", ast.unparse(node.value))
    }
    assert set(cnnscore.__all__) - named == set()
