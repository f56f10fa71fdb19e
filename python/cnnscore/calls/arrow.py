"""Columns -> an Arrow C stream in a PyCapsule, as the Arrow PyCapsule interface wants it.

https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html. No Arrow library is
needed on this side.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.text import Text
from cnnscore.errors import call

NAME = b"arrow_array_stream"
FORMATS = {"int64": "l", "int32": "i", "float32": "f", "float64": "g"}
"""numpy's names of numbers -> Arrow's."""
TEXT = "U"

_api = ctypes.pythonapi
_Destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _Destructor]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]


def arrow_stream(columns: Mapping[str, NDArray[np.generic] | Text], rows: int) -> object:
    """A capsule with the columns as one batch, copied; NaN becomes a missing value."""
    native = ffi.new("cnnscore_column[]", max(len(columns), 1))
    kept = [_describe(native[i], name, columns[name]) for i, name in enumerate(columns)]
    stream = ffi.new("void **")
    call(ffi, lib.cnnscore_arrow_stream, native, len(columns), rows, stream)
    del kept  # its memory was needed until here
    return _api.PyCapsule_New(int(ffi.cast("uintptr_t", stream[0])), NAME, _free)


def _describe(native: object, name: str, column: NDArray[np.generic] | Text) -> list[object]:
    """Fill in a `cnnscore_column`; what holds the memory that it points to."""
    text = isinstance(column, Text)
    data = np.ascontiguousarray(column.data if text else column)
    fields: dict[str, object] = {
        "name": ffi.new("char[]", name.encode()),
        "format": ffi.new("char[]", (TEXT if text else FORMATS[data.dtype.name]).encode()),
        "data": ffi.cast("void *", data.ctypes.data),
        "bytes": data.nbytes,
    }
    held: list[object] = [data]
    if isinstance(column, Text):
        held.append(column.offsets)
        fields["offsets"] = ffi.cast("int64_t *", column.offsets.ctypes.data)
    elif data.dtype.kind == "f" and (missing := np.isnan(data)).any():
        valid = np.packbits(~missing, bitorder="little")
        held.append(valid)
        fields["valid"] = ffi.cast("uint8_t *", valid.ctypes.data)
        fields["missing"] = int(np.count_nonzero(missing))
    for field, value in fields.items():
        setattr(native, field, value)
    return [*held, *fields.values()]


def _free_stream(capsule: int) -> None:
    pointer = _api.PyCapsule_GetPointer(capsule, NAME)
    lib.cnnscore_arrow_stream_free(ffi.cast("void *", pointer))


_free = _Destructor(_free_stream)
