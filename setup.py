"""The native code; everything else about the package is in pyproject.toml."""

import sys
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class BuildExt(build_ext):
    """The modules and, beside them in a wheel, what the other doors load."""

    def run(self) -> None:
        """Build both; an editable installation has the clone's own doors, which `make` builds."""
        super().run()
        whole = (ROOT / "plugin").is_dir()  # make asan builds the modules alone
        if whole and not self.inplace and not getattr(self, "editable_mode", False):
            sys.path.insert(0, str(ROOT / "native"))
            from build_doors import build_doors

            build_doors(Path(self.build_lib) / "cnnscore", self.distribution.get_version())


commands: dict[str, Any] = {"build_ext": BuildExt}
setup(
    cffi_modules=["native/build_native.py:encode", "native/build_native.py:window"],
    cmdclass=commands,
)
