"""The C ABI, called from a program that runs Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from cffi import FFI

from build_native import declarations
from cnnscore.batch import WindowBatch, to_native

OK = 0


class Library:
    """The C ABI as cffi reads it off the header, without any of cnnscore's own Python."""

    def __init__(self, path: Path) -> None:
        self.ffi = FFI()
        self.ffi.cdef(declarations("include/cnnscore.h", engine=True))
        self.lib = self.ffi.dlopen(str(path), self.ffi.RTLD_NOW | self.ffi.RTLD_GLOBAL)
        self.error = self.ffi.new("cnnscore_error *")
        self.kept: list[Any] = []  # of all options: a struct does not keep what it points to

    def options(self, model: str | None, **changes: Any) -> Any:
        options = self.ffi.new("cnnscore_engine_options *")
        options.struct_size = self.ffi.sizeof("cnnscore_engine_options")
        options.abi_version = self.lib.CNNSCORE_ABI_VERSION
        for name, value in {"model": model, "provider": "cpu", **changes}.items():
            setattr(options, name, self._native(value))
        return options

    def _native(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self.ffi.NULL if value is None else value
        self.kept.append(self.ffi.new("char[]", os.fsencode(value)))
        return self.kept[-1]

    def open(self, model: str | None, **changes: Any) -> Any:
        engine = self.ffi.new("cnnscore_engine **", self.ffi.cast("cnnscore_engine *", 1))
        code = self.lib.cnnscore_engine_open(self.options(model, **changes), engine, self.error)
        if code != OK:
            assert engine[0] == self.ffi.NULL
            raise Refused(code, self.message())
        return engine[0]

    def message(self) -> str:
        text: str = self.ffi.string(self.error.message).decode()
        return text

    def batch(self, batch: WindowBatch, **lies: Any) -> Any:
        struct = to_native(self.ffi, batch)
        for name, value in lies.items():
            setattr(struct, name, value)
        return struct

    def score(self, engine: Any, struct: Any, n_sites: int) -> bytes:
        """Scores; when refused, all were NaN."""
        return self._score(self.lib.cnnscore_engine_score, engine, struct, n_sites)

    def score_alleles(self, engine: Any, struct: Any, n_alts: int) -> bytes:
        """The same of alleles."""
        return self._score(self.lib.cnnscore_engine_score_alleles, engine, struct, n_alts)

    def _score(self, function: Any, engine: Any, struct: Any, n: int) -> bytes:
        scores = np.full(n, 7, np.float32)
        target = self.ffi.cast("float *", scores.ctypes.data)
        code = function(engine, struct, target, self.error)
        if code != OK:
            raise Refused(code, self.message(), bool(np.isnan(scores).all()))
        return scores.tobytes()


class Refused(Exception):
    """A status below 0: (code, message, whether all scores were NaN)."""
