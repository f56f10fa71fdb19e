"""Write the types of the native modules: `python native/make_stubs.py`, after a change to a header.

cffi knows them at run time alone; mypy reads python/cnnscore/_encode.pyi and _window.pyi.
tests/unit/test_stubs.py compares them with what is built.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "cnnscore"
MODULES = ("_encode", "_window")

HEAD = '''"""Types of cnnscore.{module}, written by native/make_stubs.py: do not edit."""

from cnnscore._cffi import FFI, CData as CData

class _Lib:
'''


def _given(kind: Any) -> str:
    if kind.kind == "primitive":
        return "float" if kind.cname in ("float", "double") else "int"
    return "bytes | CData" if kind.cname in ("char *", "char const *") else "CData"


def _returned(kind: Any) -> str:
    return "None" if kind.kind == "void" else _given(kind).removeprefix("bytes | ")


def stub(module: str) -> str:
    """The text of a module's stub."""
    built = import_module(f"cnnscore.{module}")
    lines = []
    for name in sorted(dir(built.lib)):
        value = getattr(built.lib, name)
        if isinstance(value, int):
            lines.append(f"    {name}: int\n")
            continue
        kind = built.ffi.typeof(value)
        given = "".join(f", a{i}: {_given(argument)}" for i, argument in enumerate(kind.args))
        lines.append(f"    def {name}(self{given}, /) -> {_returned(kind.result)}: ...\n")
    return HEAD.format(module=module) + "".join(lines) + "\nffi: FFI\nlib: _Lib\n"


if __name__ == "__main__":
    for module in MODULES:
        (PACKAGE / f"{module}.pyi").write_text(stub(module))
