"""cffi builds of the native stages, called by setup.py.

Two extension modules, as the stages differ in what they need: `_window` (VCF records, reads,
reference) stands on htslib, `_encode` on nothing, so that an embedded interpreter can load it
inside a host with an htslib of its own.
"""

import re
from pathlib import Path

from cffi import FFI

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


def builder(module: str, folders: list[str], headers: list[str], libraries: list[str]) -> FFI:
    """An API-mode build of all C files of `folders`, with the declarations of `headers`."""
    ffi = FFI()
    for header in ("include/cnnscore.h", *headers):
        ffi.cdef(declarations(header))
    sources = sorted(path for folder in folders for path in (NATIVE / folder).glob("*.c"))
    ffi.set_source(
        module,
        "".join(f'#include "{Path(header).name}"\n' for header in headers),
        sources=[_relative(path) for path in sources],
        include_dirs=[_relative(NATIVE / folder) for folder in ["include", *folders]],
        depends=[_relative(path) for path in sorted(NATIVE.glob("*/*.h"))],
        libraries=libraries,
        extra_compile_args=FLAGS,
    )
    return ffi


def _relative(path: Path) -> str:
    # setuptools wants source paths relative to the project root.
    return str(path.relative_to(NATIVE.parent))


encode = builder("cnnscore._encode", ["encode"], ["encode/encode.h"], [])
window = builder(
    "cnnscore._window",
    ["window", "records"],
    [
        "window/window.h",
        "records/records.h",
        "records/checks.h",
        "records/arrow.h",
        "records/layout.h",
    ],
    ["hts"],
)
