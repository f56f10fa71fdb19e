"""cffi builds of the native stages, called by setup.py.

Two extension modules, as the stages differ in what they need: `_window` (VCF records, reads,
reference) stands on htslib, `_encode` on nothing, so that an embedded interpreter can load it
inside a host with an htslib of its own.
"""

import re
from pathlib import Path
from typing import Any

from cffi import FFI

from htslib import Htslib, find

NATIVE = Path(__file__).resolve().parent
FLAGS = ["-std=gnu11", "-O3", "-g", "-fvisibility=hidden", "-Wall", "-Wextra"]


def declarations(header: str, engine: bool = False) -> str:
    """The parts of a header between its cdef markers, as cffi reads them; with `engine` those of
    libcnnscore.so too.
    """
    text = (NATIVE / header).read_text()
    marked = r"/\* cdef begin( engine)? \*/(.*?)/\* cdef end \*/"
    parts = re.findall(marked, text, re.DOTALL)
    wanted = "\n".join(part for of_engine, part in parts if engine or not of_engine)
    return wanted.replace("CNNSCORE_WARN_UNUSED_RESULT", "")


def builder(
    module: str, folders: list[str], headers: list[str], htslib: Htslib | None = None
) -> FFI:
    """An API-mode build of all C files of `folders`, with the declarations of `headers`."""
    stands_on = {} if htslib is None else _flags(htslib)
    ffi = FFI()
    for header in ("include/cnnscore.h", *headers):
        ffi.cdef(declarations(header))
    sources = sorted(path for folder in folders for path in (NATIVE / folder).glob("*.c"))
    ffi.set_source(
        module,
        "".join(f'#include "{Path(header).name}"\n' for header in headers),
        sources=[_relative(path) for path in sources],
        include_dirs=[
            *(_relative(NATIVE / folder) for folder in ["include", *folders]),
            *stands_on.pop("include_dirs", []),
        ],
        depends=[_relative(path) for path in sorted(NATIVE.glob("*/*.h"))],
        extra_compile_args=FLAGS,
        **stands_on,
    )
    return ffi


def _flags(htslib: Htslib) -> dict[str, list[Any]]:
    return {
        "include_dirs": htslib.include,
        "libraries": htslib.libraries,
        "library_dirs": htslib.folders,
        "extra_link_args": htslib.link,
        "define_macros": [("CNNSCORE_HTSLIB_SOURCE", f'"{htslib.source}"')],
    }


def _relative(path: Path) -> str:
    # setuptools wants source paths relative to the project root.
    return str(path.relative_to(NATIVE.parent))


encode = builder("cnnscore._encode", ["encode"], ["encode/encode.h"])
window = builder(
    "cnnscore._window",
    ["window", "records", "plant"],
    [
        "plant/plant.h",
        "window/window.h",
        "records/records.h",
        "records/annotations.h",
        "records/checks.h",
        "records/cohort.h",
        "records/arrow.h",
        "records/layout.h",
        "records/same_file.h",
        "records/sample_map.h",
    ],
    find(),
)
