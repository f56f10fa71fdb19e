"""Stand-ins for the libraries of CUDA and TensorRT, on a machine without a GPU: ONNX Runtime's
providers load with them, read their options, and then find no device.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

NO_DEVICE = 100  # cudaErrorNoDevice
_FOREIGN = re.compile(r"(__)?cu[A-Za-z]|create(Infer|NvOnnx)|get(Infer|Plugin)")
_C = """
void *cnnscore_nothing(void) { return 0; }
static void *(*table[64])(void);
static struct { void *(**methods)(void); } object = {table};
void *getPluginRegistry(void) {
    for (int i = 0; i < 64; i++) table[i] = cnnscore_nothing;
    return &object;
}
"""


def providers_folder() -> Path:
    """Where ONNX Runtime's providers lie."""
    import onnxruntime

    return Path(onnxruntime.__file__).parent / "capi"


def write_stand_ins(folder: Path) -> None:
    """Write the libraries that the providers need and this machine has not."""
    names, needed = set(), set()
    for provider in ("cuda", "tensorrt"):
        library = providers_folder() / f"libonnxruntime_providers_{provider}.so"
        listed = _output("nm", "-D", "--undefined-only", library)
        names |= {line.split()[-1].partition("@")[0] for line in listed.splitlines()}
        listed = _output("readelf", "-d", library)
        needed |= set(re.findall(r"NEEDED.*\[(lib(?:cu|nv)[^]]*)\]", listed))
    lines = [_C]
    for name in sorted(filter(_FOREIGN.match, names)):
        if name == "getPluginRegistry":
            continue
        if "String" in name or "Name" in name:
            lines.append(f'const char *{name}(void) {{ return "no device"; }}')
        elif name.startswith(("__cuda", "create")):
            lines.append(f"void *{name}(void) {{ return 0; }}")
        else:
            lines.append(f"int {name}(void) {{ return {NO_DEVICE}; }}")
    source = folder / "stand_in.c"
    source.write_text("\n".join(lines))
    for library_name in sorted(needed):
        soname = f"-Wl,-soname,{library_name},--default-symver"
        flags = ["-w", "-shared", "-fPIC", soname]
        command = ["gcc", *flags, "-o", str(folder / library_name), str(source)]
        subprocess.run(command, check=True)


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
