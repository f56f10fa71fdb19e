"""The native code; everything else about the package is in pyproject.toml."""

import sys
from pathlib import Path
from typing import Any

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "native"))

from htslib import find  # noqa: E402 - from native/


class BuildExt(build_ext):
    """The modules and, beside them in a wheel, what the other doors load."""

    def run(self) -> None:
        """Build both; an editable installation has the clone's own doors, which `make` builds."""
        htslib = find()
        print(f"htslib: {htslib.source}")
        in_the_clone = self.inplace or getattr(self, "editable_mode", False)
        if in_the_clone and htslib.requires:
            sys.exit("an editable installation needs htslib's headers: apt install libhts-dev")
        # What an earlier build left may stand on another htslib.
        self.force = self.force or not in_the_clone
        super().run()
        whole = (ROOT / "plugin").is_dir()  # make asan builds the modules alone
        if whole and not in_the_clone:
            from build_doors import build_doors

            package = Path(self.build_lib) / "cnnscore"
            build_doors(package, self.distribution.get_version(), htslib)


class WithPysam(Distribution):
    """A wheel on pysam's htslib needs pysam, and says so."""

    def parse_config_files(self, *arguments: Any, **options: Any) -> None:
        """Read pyproject.toml, then add what the htslib at hand needs."""
        super().parse_config_files(*arguments, **options)
        if {"bdist_wheel", "dist_info"} & set(sys.argv):
            self.install_requires = [*self.install_requires, *find().requires]
            self.metadata.install_requires = self.install_requires


commands: dict[str, Any] = {"build_ext": BuildExt}
setup(
    cffi_modules=["native/build_native.py:encode", "native/build_native.py:window"],
    cmdclass=commands,
    distclass=WithPysam,
)
