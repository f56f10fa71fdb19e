"""`import cnnscore` is quick: 50 ms at most, Python's own start among them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import cnnscore

WITHIN = 0.25
"""Of the CPU time that `import numpy` takes: 0.03 to 0.1 where this was set, above 1 with numpy."""
LIGHT = {
    *("__future__", "importlib", "math", "numbers", "types", "warnings"),
    # functools, and what it stands on
    *("_collections", "_functools", "_operator", "collections", "functools", "itertools"),
    *("keyword", "operator", "reprlib"),
}
"""Of Python's own modules those that take next to no time: `typing` and `re` take as long as Python
itself. Add one when you have measured it."""


def test_importing_it_is_quick(tmp_path: Path) -> None:
    def cpu_seconds(code: str) -> float:
        """The least of a few, as other processes only ever add; the first compiles."""
        found = []
        for _ in range(7):
            before = _used()
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            found.append(_used() - before)
        return min(found)

    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(tmp_path),
    }
    bare = cpu_seconds("pass")
    ours, numpy = (cpu_seconds(f"import {name}") - bare for name in ("cnnscore", "numpy"))
    assert ours <= WITHIN * numpy, f"{1000 * ours:.0f} ms, numpy {1000 * numpy:.0f} ms"


def _used() -> float:
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime


def test_what_importing_it_loads() -> None:
    """Without `site`, as the finders of installed packages load what they need themselves."""
    code = f"""import os, sys
sys.path.append({str(Path(cnnscore.__file__).parents[1])!r})
before = set(sys.modules)
import cnnscore
dir(cnnscore)
print(*set(sys.modules) - before)"""
    command = [sys.executable, "-S", "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = set(run.stdout.split())
    ours = {name for name in loaded if name.partition(".")[0] == "cnnscore"}
    assert ours == {
        "cnnscore",
        *(f"cnnscore.{name}" for name in ("checked", "errors", "given", "version")),
        *(f"cnnscore.api{name}" for name in ("", ".functions", ".training")),
    }
    assert {name.partition(".")[0] for name in loaded - ours} <= LIGHT
