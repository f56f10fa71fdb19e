"""`import cnnscore` is quick: 50 ms where numpy takes a tenth of a second."""

from __future__ import annotations

import resource
import subprocess
import sys

WITHIN = 0.8
"""Of the CPU time that `import numpy` takes: 0.3 to 0.45 where this was set, above 1 with numpy."""


def cpu_seconds(code: str) -> float:
    """Of a Python that runs `code`: the least of a few, as other processes only ever add."""

    def used() -> float:
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return now.ru_utime + now.ru_stime

    found = []
    for _ in range(5):
        before = used()
        subprocess.run([sys.executable, "-c", code], check=True)
        found.append(used() - before)
    return min(found)


def test_importing_it_is_quick() -> None:
    bare = cpu_seconds("pass")
    ours, numpy = (cpu_seconds(f"import {name}") - bare for name in ("cnnscore", "numpy"))
    assert ours <= WITHIN * numpy, f"{1000 * ours:.0f} ms, numpy {1000 * numpy:.0f} ms"


def test_what_importing_it_does_not_load() -> None:
    code = "import cnnscore, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    heavy = {"numpy", "pysam", "onnxruntime", "cffi", "_cffi_backend", "h5py", "onnx", "asyncio"}
    assert not heavy & set(run.stdout.split())
