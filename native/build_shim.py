"""Build libcnnscore.so into a folder: `python native/build_shim.py FOLDER`.

The library embeds the Python that runs this script (cffi's embedding mode): its libpython is
linked, its executable is written into the library. The C compiler is $CC; $CFLAGS and $LDFLAGS
are added.
"""

import os
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
SOURCES = [path for folder in ("shim", "encode") for path in sorted((NATIVE / folder).glob("*.c"))]
FLAGS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-Wall"]
# nodelete: hosts close their plugins, while threads of the interpreter live on.
LINK = ["-shared", "-Wl,-soname,libcnnscore.so", "-Wl,-z,nodelete", "-Wl,-z,defs"]


def embedding() -> FFI:
    """The module between the wrappers in C and python/cnnscore/shim.py."""
    ffi = FFI()
    ffi.cdef(declarations("include/cnnscore.h", engine=True))
    ffi.embedding_api('extern "Python+C" {' + declarations("shim/seam.h") + "}")
    ffi.embedding_init_code(
        "from _cnnscore_embedded import ffi, lib\n"
        "from cnnscore.shim import attach\n"
        "attach(ffi, lib)\n"
    )
    ffi.set_source(
        "_cnnscore_embedded",
        f"""
        #include "seam.h"
        const char *const cnnscore_built_with = {_c_string(sys.executable)};
        int cnnscore_cffi_start(void) {{ return cffi_start_python(); }}
        """,
    )
    return ffi


def libpython() -> list[str]:
    """Linker arguments of this Python's shared library."""
    name = f"python{sysconfig.get_config_var('LDVERSION')}"
    folders = [str(sysconfig.get_config_var("LIBDIR")), f"{sys.base_prefix}/lib"]
    for folder in folders:
        for place in (Path(folder), Path(folder) / str(sysconfig.get_config_var("MULTIARCH"))):
            if (place / f"lib{name}.so").exists():
                return [f"-L{place}", f"-Wl,-rpath,{place}", f"-l{name}"]
    sys.exit(
        f"no lib{name}.so in {' or '.join(folders)}: use a Python with a shared library "
        "(Debian: apt install libpython3-dev; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared)"
    )


def main(folder: Path) -> None:
    """Compile and link."""
    folder.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{NATIVE / name}" for name in INCLUDE]
    includes += ["-isystem", sysconfig.get_paths()["include"]]
    with tempfile.TemporaryDirectory() as work:
        generated = Path(work) / "embedded.c"
        with redirect_stdout(None):  # cffi names the file
            embedding().emit_c_code(str(generated))
        command = [
            *shlex.split(os.environ.get("CC", "cc")),
            *FLAGS,
            *shlex.split(os.environ.get("CFLAGS", "")),
            *includes,
            *(str(path) for path in (generated, *SOURCES)),
            *LINK,
            f"-Wl,--version-script={NATIVE / 'shim' / 'libcnnscore.map'}",
            *shlex.split(os.environ.get("LDFLAGS", "")),
            *libpython(),
            *("-lpthread", "-ldl", "-lm"),
        ]
        # Aside and renamed: a program that runs has the old file mapped.
        aside = folder / f".libcnnscore.so.{os.getpid()}"
        try:
            subprocess.run([*command, "-o", str(aside)], check=True)
            aside.replace(folder / "libcnnscore.so")
        except subprocess.CalledProcessError as error:
            sys.exit(f"{command[0]} failed with status {error.returncode}")
        finally:
            aside.unlink(missing_ok=True)


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
