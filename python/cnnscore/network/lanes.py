"""Calls of a network on a GPU: a session each, with memory that the GPU's copy engine reaches."""

from __future__ import annotations

import ctypes
import queue
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.network.encode import Planes

Allocate = Callable[[int], NDArray[np.uint8]]
"""Memory of so many bytes."""
CUDA_RUNTIMES = ("libcudart.so.13", "libcudart.so.12")
"""Of which ONNX Runtime has loaded one."""


def ordinary(size: int) -> NDArray[np.uint8]:
    """Memory as any."""
    return np.empty(size, np.uint8)


def pinned(size: int) -> NDArray[np.uint8]:
    """Memory that is never swapped out: what CUDA copies from it goes on while others work.

    Errors: MemoryError, as where there is none.
    """
    runtime = _cuda_runtime()
    place = ctypes.c_void_p()
    code = runtime.cudaHostAlloc(ctypes.byref(place), ctypes.c_size_t(max(size, 1)), 1)
    if code != 0 or not place.value:
        raise MemoryError(f"no {size:,} bytes of pinned memory (CUDA error {code})")
    held = (ctypes.c_uint8 * size).from_address(place.value)
    memory: NDArray[np.uint8] = np.frombuffer(memoryview(held), np.uint8)
    # At the end of the process CUDA is gone before.
    weakref.finalize(memory, runtime.cudaFreeHost, place).atexit = False
    return memory


def _cuda_runtime() -> ctypes.CDLL:
    for name in CUDA_RUNTIMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise MemoryError(f"no pinned memory: none of {', '.join(CUDA_RUNTIMES)} is loaded")


class Lane:
    """One ONNX Runtime session and its inputs, bound: one call at a time."""

    def __init__(self, session: Any, allocate: Allocate) -> None:
        self._session, self._allocate = session, allocate
        self._binding = session.io_binding()
        self._memory: dict[str, NDArray[np.uint8]] = {}

    def call(self, output: str, planes: Planes, size: int, options: Any) -> Any:
        """`output` of the first rows of a call that has `size`: the last row fills it up."""
        n = len(planes["annotations"])
        for name, plane in planes.items():
            held = self._held(name, (size, *plane.shape[1:]), plane.dtype)
            held[:n] = plane
            held[n:] = plane[n - 1]
            self._binding.bind_cpu_input(name, held)
        self._binding.bind_output(output)
        try:
            self._session.run_with_iobinding(self._binding, options)
            (found,) = self._binding.copy_outputs_to_cpu()
        finally:
            self._binding.clear_binding_inputs()
            self._binding.clear_binding_outputs()
        return found

    def _held(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Memory of an input, which only grows."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if name not in self._memory or len(self._memory[name]) < size:
            self._memory.pop(name, None)
            self._memory[name] = self._allocate(size)
        held: NDArray[Any] = self._memory[name][:size].view(dtype).reshape(shape)
        return held


class Lanes:
    """Lanes that calls take in turns."""

    def __init__(self, sessions: Sequence[Any], allocate: Allocate) -> None:
        self._free: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for session in sessions:
            self._free.put(Lane(session, allocate))

    @contextmanager
    def free(self) -> Iterator[Lane]:
        """A lane for this call alone, when there is one."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)
