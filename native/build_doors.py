"""What bcftools, C programs and GATK load, built into the package: `cnnscore/lib` and `include`.

    lib/libcnnscore.so, lib/libcnnscore_python.so    the engine
    lib/pkgconfig/cnnscore.pc, include/cnnscore.h    for C programs
    lib/bcftools/cnnscore.so                         the plugin
    lib/gatk/cnnscore-gatk.jar                       the walker, where `make gatk` has built it
    lib/licenses/                                    of the libraries inside, in release wheels

All of it is found by its place: an environment can be moved.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from htslib import Htslib, system_has_it

NATIVE = Path(__file__).resolve().parent
ROOT = NATIVE.parent
WALKER = ".make/gatk/cnnscore-gatk.jar"
# From site-packages/cnnscore/lib: over site-packages, python3.X and lib.
ENVIRONMENT = "../../../../.."


def build_doors(package: Path, version: str, htslib: Htslib) -> None:
    """Build them into the folder of the package `cnnscore`; the plugin needs htslib's headers."""
    from build_shim import build

    lib = (package / "lib").resolve()
    for folder in (lib / "pkgconfig", lib / "bcftools", package / "include"):
        folder.mkdir(parents=True, exist_ok=True)
    build(lib, ENVIRONMENT)
    shutil.copy(NATIVE / "include" / "cnnscore.h", package / "include")
    described = (NATIVE / "shim" / "cnnscore.pc.in").read_text().replace("@VERSION@", version)
    (lib / "pkgconfig" / "cnnscore.pc").write_text(described)
    folder = ROOT / "plugin" / "bcftools"
    make = ["make", "-s", "-C", str(folder), "LIBRARY=../libcnnscore.so"]
    # Relative: to make, a space in the source's own folder would be the end of a name.
    make.append(f"OUT={os.path.relpath(lib / 'bcftools' / 'cnnscore.so', folder)}")
    # The system's headers where they are there: a release's plugin runs in bcftools 1.16 too.
    if not system_has_it():
        headers = " ".join(f"-isystem {shlex.quote(folder)}" for folder in htslib.include)
        make.append(f"CPPFLAGS={os.environ.get('CPPFLAGS', '')} {headers}")
    subprocess.run(make, check=True)
    if htslib.source == "built in":
        folder = Path(os.environ["CNNSCORE_HTSLIB"])
        shutil.copytree(folder / "licenses", lib / "licenses", dirs_exist_ok=True)
    walker = Path(os.environ.get("CNNSCORE_WALKER") or ROOT / WALKER)
    if walker.is_file():
        (lib / "gatk").mkdir(exist_ok=True)
        shutil.copy(walker, lib / "gatk" / "cnnscore-gatk.jar")
