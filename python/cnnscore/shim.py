"""The C ABI's inner side: calls of libcnnscore.so -> Engine.

Loaded by native/shim only. Pointers, sizes and batches (cnnscore_batch_check) were checked in C
before they arrive. Neither pysam nor cnnscore.calls may be imported here: the host has an htslib of
its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from cnnscore.batch import WindowBatch, from_native
from cnnscore.description import WindowScorer
from cnnscore.errors import INTERNAL, UsageError, code_of
from cnnscore.score.open import open_engine

log = logging.getLogger("cnnscore")


def attach(ffi: Any, lib: Any) -> None:
    """Define the functions of native/shim/seam.h."""
    log.addHandler(logging.NullHandler())  # a library does not print what nobody listens to
    seam = _Seam(ffi, lib)
    for function in (
        seam.open,
        seam.describe,
        seam.score,
        seam.score_alleles,
        seam.submit,
        seam.collect,
        seam.close,
        seam.leave,
    ):
        ffi.def_extern(
            name=f"cnnscore_py_{function.__name__}", error=INTERNAL, onerror=_say_nothing
        )(_guarded(ffi, function))


class _OpenEngine:
    """An engine, its workers, and its description in C."""

    def __init__(
        self,
        ffi: Any,
        lib: Any,
        engine: WindowScorer,
        threads: int,
    ) -> None:
        self.engine = engine
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="cnnscore")
        self.submitted: dict[int, Future[None]] = {}
        self.tickets = count(1)
        self.strings: list[Any] = []
        self.description = self._describe(ffi, lib)

    def _describe(self, ffi: Any, lib: Any) -> Any:
        network = self.engine.description

        def kept(text: str) -> Any:
            self.strings.append(ffi.new("char[]", _encode(text)))
            return self.strings[-1]

        names = ffi.new("char *[]", [kept(name) for name in network.annotations])
        self.strings.append(names)
        return ffi.new(
            "cnnscore_engine_description *",
            {
                "struct_size": ffi.sizeof("cnnscore_engine_description"),
                "model": kept(network.model),
                "encoding": kept(network.encoding),
                "info_key": kept(network.info_key),
                "info_description": kept(network.info_description),
                "provider": kept(network.provider),
                "window": network.window,
                "read_limit": network.read_limit,
                "read_rule": getattr(lib, f"CNNSCORE_READS_{network.read_rule.upper()}"),
                "reference_left": network.reference_left,
                "reference_width": network.reference_width,
                "sites_per_job": network.sites_per_job,
                "n_annotations": len(network.annotations),
                "annotations": ffi.cast("const char *const *", names),
                "network": kept(network.network),
                "cutoffs": kept(network.cutoffs),
                "annotations_from": kept(network.annotations_from),
                "precision": kept(network.precision),
            },
        )

    def close(self) -> None:
        """Wait for the workers."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.engine.close()


class _Seam:
    """The functions, each with the parameters of its C declaration but the last, the error."""

    def __init__(self, ffi: Any, lib: Any) -> None:
        self._ffi, self._lib = ffi, lib
        # An engine's handle is a number: one that was closed is told from any other.
        self._engines: dict[int, _OpenEngine] = {}
        self._handles = count(1)
        self._logs = _HostLogs(ffi)
        self._gate = threading.Condition()
        self._running = 0
        self._leaving = False

    def open(self, options: Any, engine: Any) -> None:
        """Load the network that `options` name."""
        model, provider = self._text(options.model), self._text(options.provider) or "auto"
        if not model:
            raise UsageError(
                "no network named: set `model` to one that `cnnscore model list` shows"
            )
        if options.threads < 0 or options.batch_size < 0:
            raise UsageError("threads and batch_size are 0 (the default) or more")
        handle = next(self._handles)
        self._logs.add(handle, options)
        try:
            with self._inside_the_runtime(handle):
                network = open_engine(
                    model,
                    provider=provider,
                    batch_size=options.batch_size or None,
                    annotations_from=self._text(options.annotations) or None,
                    precision=self._text(options.precision) or "exact",
                )
            threads = options.threads or len(os.sched_getaffinity(0))
            self._engines[handle] = _OpenEngine(self._ffi, self._lib, network, threads)
        except BaseException:
            self._logs.remove(handle)
            raise
        engine[0] = self._ffi.cast("cnnscore_engine *", handle)

    def describe(self, engine: Any, description: Any) -> None:
        """Fill in what the network wants and gives."""
        description[0] = self._find(engine).description[0]

    def score(self, engine: Any, batch: Any, scores: Any) -> None:
        """Score on the calling thread."""
        opened = self._find(engine)
        windows = self._windows(opened.engine, batch)
        self._score(self._handle(engine), opened.engine, windows, scores)

    def score_alleles(self, engine: Any, batch: Any, scores: Any) -> None:
        """Score alleles on the calling thread."""
        opened = self._find(engine).engine
        windows = self._windows(opened, batch)
        if windows is None:
            return
        n = int(windows.site_allele[-1] - windows.site_allele[0]) - len(windows)
        with self._inside_the_runtime(self._handle(engine)):
            found = opened.score_alleles(windows)
        if n:
            np.frombuffer(self._ffi.buffer(scores, n * 4), np.float32)[:] = found

    def submit(self, engine: Any, batch: Any, scores: Any, ticket: Any) -> None:
        """Score on a worker."""
        opened = self._find(engine)
        windows = self._windows(opened.engine, batch)
        number = next(opened.tickets)
        handle = self._handle(engine)
        opened.submitted[number] = opened.pool.submit(
            self._score, handle, opened.engine, windows, scores
        )
        ticket[0] = number

    def collect(self, engine: Any, ticket: int) -> None:
        """Wait for a worker."""
        future = self._find(engine).submitted.pop(ticket, None)
        if future is None:
            raise UsageError(f"ticket {ticket} was never given, or is collected already")
        future.result()

    def close(self, engine: Any) -> None:
        """Wait for the workers and the log function, and let go of the network."""
        opened, handle = self._find(engine), self._handle(engine)
        try:
            with self._logs.speaking(handle):
                opened.close()
        finally:
            self._logs.remove(handle)
            del self._engines[handle]

    def leave(self) -> None:
        """Wait for all threads to come out of the runtime, and let none in again.

        A host may exit while batches are being scored: ONNX Runtime's clean-up must not meet them.
        """
        with self._gate:
            self._leaving = True
            self._gate.wait_for(lambda: self._running == 0)

    def _windows(self, engine: WindowScorer, batch: Any) -> WindowBatch | None:
        if batch.n_sites == 0:  # of which nothing else was checked
            return None
        windows = from_native(self._ffi, batch, None)
        engine.description.check(windows)
        return windows

    def _score(
        self, handle: int, engine: WindowScorer, windows: WindowBatch | None, scores: Any
    ) -> None:
        if windows is None:
            return
        target = np.frombuffer(self._ffi.buffer(scores, len(windows) * 4), np.float32)
        with self._inside_the_runtime(handle):
            target[:] = engine.score(windows)

    @contextmanager
    def _inside_the_runtime(self, handle: int) -> Iterator[None]:
        with self._gate:
            if self._leaving:
                raise UsageError("the program is about to exit")
            self._running += 1
        try:
            with self._logs.speaking(handle):
                yield
        finally:
            with self._gate:
                self._running -= 1
                self._gate.notify_all()

    def _find(self, engine: Any) -> _OpenEngine:
        try:
            return self._engines[self._handle(engine)]
        except KeyError:
            raise UsageError("this is no engine, or it is closed") from None

    def _handle(self, engine: Any) -> int:
        return int(self._ffi.cast("uintptr_t", engine))

    def _text(self, pointer: Any) -> str:
        return os.fsdecode(self._ffi.string(pointer)) if pointer else ""


class _HostLogs(logging.Handler):
    """Messages of cnnscore to the log functions of hosts, from whichever thread has one.

    A message goes to the engine that its thread works for; where it works for none, to the first
    engine that has a log function. One call at a time: whoever removes a function waits, by the
    handler's lock, for the call that runs.
    """

    def __init__(self, ffi: Any) -> None:
        super().__init__()
        self._ffi = ffi
        self._functions: dict[int, tuple[Any, Any]] = {}
        self._thread = threading.local()
        log.addHandler(self)

    def add(self, handle: int, options: Any) -> None:
        """An engine that is being opened, with or without a log function."""
        if options.log:
            log.setLevel(logging.DEBUG)
            with self._locked():
                self._functions[handle] = options.log, options.log_data

    def remove(self, handle: int) -> None:
        """Wait for a call that runs; none follows. Of the thread inside that call: do not wait."""
        with self._locked():
            self._functions.pop(handle, None)

    @contextmanager
    def speaking(self, handle: int) -> Iterator[None]:
        """What this thread says inside belongs to the engine."""
        before = getattr(self._thread, "handle", None)
        self._thread.handle = handle
        try:
            yield
        finally:
            self._thread.handle = before

    def emit(self, record: logging.LogRecord) -> None:
        """Call the host; the handler's lock is held."""
        handle = getattr(self._thread, "handle", None)
        if handle is None:
            handle = next(iter(self._functions), None)
        if handle in self._functions:
            function, data = self._functions[handle]
            function(data, record.levelno, self._ffi.new("char[]", _encode(self.format(record))))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def _guarded(ffi: Any, function: Callable[..., None]) -> Callable[..., int]:
    """`function` as C sees it: a status for an exception, its words in the last parameter."""

    def call(*arguments: Any) -> int:
        try:
            function(*arguments[:-1])
        except BaseException as error:  # nothing may pass into C
            code = code_of(error)
            text = str(error)
            if code == INTERNAL:
                text = f"{type(error).__name__}: {text}"
                log.debug("a bug in cnnscore", exc_info=error)
            arguments[-1].code = code
            arguments[-1].message = _encode(text, ffi.sizeof(arguments[-1].message) - 1)
            return code
        return 0

    return call


def _encode(text: str, limit: int | None = None) -> bytes:
    """UTF-8 of at most `limit` bytes, whole characters, never an error."""
    whole = text.encode("utf-8", "backslashreplace")[:limit]
    return whole.decode("utf-8", "ignore").encode()


def _say_nothing(*exception: object) -> None:
    """In place of cffi's traceback on stderr, should even _guarded fail (out of memory)."""
