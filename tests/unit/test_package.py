"""What an installation holds: every file that the package reads, not only its modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = """
from setuptools import Distribution
distribution = Distribution({"script_name": "setup.py"})
distribution.parse_config_files()
command = distribution.get_command_obj("build_py")
command.ensure_finalized()
print(*command.get_outputs(), sep="\\n")
"""


def test_a_wheel_holds_every_file_of_the_package() -> None:
    listed = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", LIST], cwd=ROOT, text=True
    )
    parts = [Path(line).parts for line in listed.splitlines()]
    held = {"/".join(part[part.index("cnnscore") :]) for part in parts}
    folder = ROOT / "python/cnnscore"
    there = {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyc")
    }
    assert "cnnscore/train/configs/read-set.toml" in held
    assert there - held == set()
