"""Build libcnnscore.so and its other half into a folder: `python native/build_shim.py FOLDER`.

The engine runs in the environment of the Python that runs this script (cffi's embedding mode).
Where that lies from FOLDER is written into the library, so the two can be moved together;
`--environment` gives another way. Neither file is linked to a libpython: libcnnscore.so loads that
of the environment when it is needed, then libcnnscore_python.so. The C compiler is $CC; $CFLAGS and
$LDFLAGS are added.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from cffi import FFI

from build_native import declarations

NATIVE = Path(__file__).resolve().parent
INCLUDE = ["include", "encode", "shim"]
# native/encode checks the batches that C programs hand over.
OUTSIDE = [path for path in sorted((NATIVE / "shim").glob("*.c")) if path.stem != "interpreter"]
OUTSIDE += sorted((NATIVE / "encode").glob("*.c"))
INSIDE = [NATIVE / "shim" / "interpreter.c"]
FLAGS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-Wall"]
# nodelete: hosts close their plugins, while threads of the interpreter live on.
LINK = ["-shared", "-Wl,-z,nodelete"]


def embedding() -> FFI:
    """The module between the wrappers in C and python/cnnscore/shim.py."""
    ffi = FFI()
    # Its types and numbers: the functions are libcnnscore.so's, which the other half does without.
    header = declarations("include/cnnscore.h", engine=True)
    ffi.cdef(re.sub(r"(?m)^[a-z]\w+ cnnscore_\w+\([^;]*\);", "", header))
    ffi.embedding_api('extern "Python+C" {' + declarations("shim/seam.h") + "}")
    ffi.embedding_init_code(
        "from _cnnscore_embedded import ffi, lib\n"
        "from cnnscore.shim import attach\n"
        "attach(ffi, lib)\n"
    )
    ffi.set_source(
        "_cnnscore_embedded",
        """
        #include "seam.h"
        int cnnscore_cffi_start(void) { return cffi_start_python(); }
        """,
    )
    return ffi


def definitions(environment: str) -> list[str]:
    """What the C files want to know of this Python."""
    values = {
        "PYTHON_VERSION": f"{sys.version_info.major}.{sys.version_info.minor}",
        "LIBPYTHON": f"libpython{sysconfig.get_config_var('LDVERSION')}.so.1.0",
        "MULTIARCH": str(sysconfig.get_config_var("MULTIARCH") or "."),
        "ENVIRONMENT": environment,
    }
    return [f"-DCNNSCORE_{name}={_c_string(value)}" for name, value in values.items()]


def build(folder: Path, environment: str) -> None:
    """Compile and link both; `environment` is the way from `folder` to that of its Python."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [f"-I{NATIVE / name}" for name in INCLUDE]
    flags += ["-isystem", sysconfig.get_paths()["include"], *definitions(environment)]
    with tempfile.TemporaryDirectory() as work:
        generated = Path(work) / "embedded.c"
        with redirect_stdout(None):  # cffi names the file
            embedding().emit_c_code(str(generated))
        # cffi's code has its own name in it.
        named = [*flags, f"-ffile-prefix-map={work}=."]
        _link(folder / "libcnnscore_python.so", named, [generated, *INSIDE], [])
    _link(folder / "libcnnscore.so", flags, OUTSIDE, ["-Wl,-z,defs"])


def _link(library: Path, flags: list[str], sources: list[Path], link: list[str]) -> None:
    # Aside and renamed: a program that runs has the old file mapped.
    aside = library.with_name(f".{library.name}.{os.getpid()}")
    command = [
        *shlex.split(os.environ.get("CC", "cc")),
        *FLAGS,
        *shlex.split(os.environ.get("CFLAGS", "")),
        *flags,
        *(str(path) for path in sources),
        *LINK,
        *(f"-Wl,-soname,{library.name}", *link),
        f"-Wl,--version-script={NATIVE / 'shim' / f'{library.stem}.map'}",
        *shlex.split(os.environ.get("LDFLAGS", "")),
        *("-lpthread", "-ldl", "-lm"),
    ]
    try:
        subprocess.run([*command, "-o", str(aside)], check=True)
        aside.replace(library)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{command[0]} failed with status {error.returncode}")
    finally:
        aside.unlink(missing_ok=True)


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build libcnnscore.so and its other half.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--environment", metavar="PATH", help="from FOLDER to the environment")
    options = parser.parse_args()
    folder = options.folder.resolve()
    build(folder, options.environment or os.path.relpath(sys.prefix, folder))


if __name__ == "__main__":
    main()
