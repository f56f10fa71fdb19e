"""Is this a release? `python release_check.py DIST`, after `make dist`.

Version, tag, changelog and citation agree; each wheel holds its doors, licences and SBOM, is no
larger than 12 MB, and names no folder of this machine; built once more, each wheel is the same to
the byte.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 12 * 1000 * 1000
HELD = (
    "cnnscore/_encode.abi3.so",
    "cnnscore/_window.abi3.so",
    "cnnscore/include/cnnscore.h",
    "cnnscore/lib/bcftools/cnnscore.so",
    "cnnscore/lib/gatk/cnnscore-gatk.jar",
    "cnnscore/lib/libcnnscore.so",
    "cnnscore/lib/libcnnscore_python.so",
    "cnnscore/lib/licenses/htslib",
    "cnnscore/lib/licenses/libcurl",
    "cnnscore/lib/licenses/openssl",
    "cnnscore/lib/pkgconfig/cnnscore.pc",
    "cnnscore/models/reads.onnx",
    "cnnscore/train/configs/read-set.toml",
)
# All that others can see of them: htslib's own names would clash with pysam's, or bcftools'.
EXPORTED = {
    "cnnscore/_encode.abi3.so": {"PyInit__encode"},
    "cnnscore/_window.abi3.so": {"PyInit__window"},
    "cnnscore/lib/libcnnscore_python.so": {"cnnscore_python_side"},
    "cnnscore/lib/bcftools/cnnscore.so": {"about", "run", "usage", "version"},
}
# The plugin has the host's htslib, the library loads the environment's Python.
NEEDED_BY_NONE = re.compile(r"NEEDED.*\[(libhts|libpython)")
# Of the clone, of the user and of what is built aside.
OF_THIS_MACHINE = [f"{folder}/".encode() for folder in (ROOT, Path.home())] + [
    f"{tempfile.gettempdir()}/{tempfile.gettempprefix()}".encode()
]
# The text of its licence, which Debian's copyright file only names.
TEXTS = {"cnnscore/lib/licenses/openssl": b"TERMS AND CONDITIONS FOR USE, REPRODUCTION"}
IN_DIST_INFO = ("licenses/LICENSE", "licenses/NOTICE", "sboms/cnnscore.cdx.json")


def say(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def git(*arguments: str) -> str:
    return say("git", "-C", str(ROOT), *arguments)


def of_the_sources(version: str) -> Iterator[str]:
    """What is wrong with version, tag, changelog and citation."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    ):
        yield f"CHANGELOG.md has no section `## [{version}] - DATE`"
    if not re.search(
        rf"^version: [\"']?{re.escape(version)}[\"']?$",
        (ROOT / "CITATION.cff").read_text(),
        re.MULTILINE,
    ):
        yield f"CITATION.cff does not say version {version}"
    if f"v{version}" not in git("tag", "--points-at", "HEAD").split():
        yield f"no tag v{version} on this commit"
    if git("status", "--porcelain"):
        yield "files are changed that are not committed"


def of_a_wheel(wheel: Path, version: str) -> Iterator[str]:
    """What is wrong with what a wheel holds."""
    if wheel.stat().st_size > LARGEST:
        yield f"{wheel.name}: larger than {LARGEST} bytes"
    info = f"cnnscore-{version}.dist-info"
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
        for name in sorted(held):
            for folder in OF_THIS_MACHINE:
                if folder in archive.read(name):
                    yield f"{wheel.name}: {name} names {folder.decode()}"
            if TEXTS.get(name, b"") not in archive.read(name):
                yield f"{wheel.name}: {name} has no text of the licence"
        yield from of_its_record(wheel, archive, info)
        yield from of_its_libraries(wheel, archive)
    for name in (*HELD, *(f"{info}/{name}" for name in IN_DIST_INFO)):
        if name not in held:
            yield f"{wheel.name}: no {name}"
    if "manylinux" not in wheel.name:
        yield f"{wheel.name}: not repaired by auditwheel"


def of_its_record(wheel: Path, archive: ZipFile, info: str) -> Iterator[str]:
    """What of a wheel is not as its RECORD says."""
    lines = csv.reader(archive.read(f"{info}/RECORD").decode().splitlines())
    recorded = {name: (digest, size) for name, digest, size in lines}
    for name in sorted({*recorded, *archive.namelist()} - {f"{info}/RECORD"}):
        if name.endswith("/"):
            continue
        content = archive.read(name) if name in archive.namelist() else b""
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if recorded.get(name) != (f"sha256={digest}", str(len(content))):
            yield f"{wheel.name}: {name} is not as RECORD has it"


def of_its_libraries(wheel: Path, archive: ZipFile) -> Iterator[str]:
    """What is wrong with what its native files show and ask for."""
    with tempfile.TemporaryDirectory() as work:
        for name in (name for name in archive.namelist() if name.endswith(".so")):
            file = archive.extract(name, work)
            if wanted := EXPORTED.get(name):
                lines = say("nm", "-D", "--defined-only", file).splitlines()
                if {line.split()[-1] for line in lines} != wanted:
                    yield f"{wheel.name}: {name} shows other symbols than {', '.join(wanted)}"
            if NEEDED_BY_NONE.search(say("readelf", "-d", file)):
                yield f"{wheel.name}: {name} is linked to an htslib or a libpython"


def digests(folder: Path) -> dict[str, str]:
    return {
        wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in folder.glob("*.whl")
    }


def once_more(folder: Path) -> Iterator[str]:
    """Which wheels differ when they are built again."""
    with tempfile.TemporaryDirectory() as again:
        command = ["bash", str(ROOT / "native" / "make_dist.sh"), again]
        subprocess.run(command, check=True, env=os.environ, stdout=subprocess.DEVNULL)
        first, second = digests(folder), digests(Path(again))
    for name in sorted(first | second):
        if first.get(name) != second.get(name):
            yield f"{name}: built again, it is another"


def main() -> int:
    """The command line; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="Is this a release?")
    parser.add_argument("dist", type=Path, metavar="DIST")
    folder = parser.parse_args().dist
    (version,) = re.findall(
        r'__version__ = "(.*)"', (ROOT / "python" / "cnnscore" / "version.py").read_text()
    )
    wheels = sorted(folder.glob("*.whl"))
    wrong = [] if wheels else [f"{folder} has no wheels: first `make dist`"]
    wrong += of_the_sources(version)
    for wheel in wheels:
        wrong += of_a_wheel(wheel, version)
    if wheels:
        wrong += once_more(folder)
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{version} is ready: {', '.join(wheel.name for wheel in wheels)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
