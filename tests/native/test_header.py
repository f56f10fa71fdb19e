"""native/include/cnnscore.h as a program of somebody else meets it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

INCLUDE = Path(__file__).resolve().parents[2] / "native" / "include"
CALLS = {
    "open": "cnnscore_engine_open(0, 0, 0)",
    "describe": "cnnscore_engine_describe(0, 0, 0)",
    "score": "cnnscore_engine_score(0, 0, 0, 0)",
    "score_alleles": "cnnscore_engine_score_alleles(0, 0, 0, 0)",
    "submit": "cnnscore_engine_submit(0, 0, 0, 0, 0)",
    "collect": "cnnscore_engine_collect(0, 0, 0)",
}


def compiled(source: Path, statement: str) -> subprocess.CompletedProcess[str]:
    source.write_text(f'#include "cnnscore.h"\nint main(void) {{ {statement}; return 0; }}\n')
    command = ["cc", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", f"-I{INCLUDE}"]
    return subprocess.run(
        [*command, str(source), "-o", "/dev/null"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("suffix", ["c", "cpp"])
def test_a_status_that_nobody_looks_at_is_warned_of(name: str, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"program.{suffix}"
    ignored = compiled(source, CALLS[name])
    assert ignored.returncode != 0
    assert "unused-result" in ignored.stderr
    looked_at = compiled(source, f"if ({CALLS[name]} != CNNSCORE_OK) return 1")
    assert looked_at.returncode == 0, looked_at.stderr


def test_all_that_return_a_status_are_tried() -> None:
    names = re.findall(r"^int cnnscore_engine_(\w+)\(", (INCLUDE / "cnnscore.h").read_text(), re.M)
    assert sorted(names) == sorted(CALLS)
