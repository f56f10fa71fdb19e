"""Which htslib `_window` is linked to, and how: asked by build_native.py, setup.py and backend.py.

In this order: the one that CNNSCORE_HTSLIB names (a folder of build_htslib.sh, as for release
wheels; or `system` or `pysam`), the system's where its headers are there, else pysam's, which a
wheel built so needs at run time. `cnnscore --version` says which it was.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

OLDEST = (1, 16)
# HTS_VERSION stands in hts.h since 1.10.
PROBE = """
#include <htslib/hts.h>
#if !defined(HTS_VERSION) || HTS_VERSION < {oldest}
#error "too old"
#endif
int main(void) {{ return hts_version() == 0; }}
"""


class Htslib(NamedTuple):
    """One htslib, as an extension module is built on it."""

    source: str  # as `cnnscore --version` says it
    include: list[str]
    libraries: list[str]
    folders: list[str]
    link: list[str]
    requires: list[str]


def find() -> Htslib:
    """The htslib to build on. Errors: SystemExit with the remedies where there is none."""
    wanted = os.environ.get("CNNSCORE_HTSLIB", "")
    if wanted not in ("", "system", "pysam"):
        return _static(Path(wanted).resolve())
    if wanted != "pysam" and system_has_it():
        return Htslib("the system's", [], ["hts"], [], [], [])
    if wanted != "system":
        try:
            return _of_pysam()
        except ImportError:
            pass
    raise SystemExit(
        "no htslib to build on: install its headers, {}.{} or later (Debian: apt install "
        "libhts-dev), or pysam (pip install pysam)".format(*OLDEST)
    )


def system_has_it() -> bool:
    """Whether a program of htslib compiles and links here."""
    with tempfile.TemporaryDirectory() as work:
        probe = Path(work) / "probe.c"
        probe.write_text(PROBE.format(oldest=OLDEST[0] * 100000 + OLDEST[1] * 100))
        asked = ("CPPFLAGS", "CFLAGS", "LDFLAGS")
        flags = " ".join(os.environ.get(name, "") for name in asked)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        command = [*compiler, *shlex.split(flags), str(probe), "-lhts", "-o", f"{work}/probe"]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def _static(folder: Path) -> Htslib:
    # Hidden, so that pysam's htslib in the same process stays its own.
    link = [*(folder / "link").read_text().split(), "-Wl,--exclude-libs,ALL"]
    return Htslib("built in", [str(folder / "include")], [], [str(folder / "lib")], link, [])


def _of_pysam() -> Htslib:
    from importlib import import_module
    from importlib.metadata import version

    pysam = import_module("pysam")  # whose functions have no types
    (library,) = (Path(path) for path in pysam.get_libraries() if "libchtslib" in Path(path).name)
    # In an environment, pysam lies beside cnnscore.
    link = [f"-l:{library.name}", "-Wl,-rpath,$ORIGIN/../pysam"]
    include = [path for path in pysam.get_include() if Path(path, "htslib", "hts.h").exists()]
    return Htslib(
        "pysam's", include, [], [str(library.parent)], link, [f"pysam>={version('pysam')}"]
    )
