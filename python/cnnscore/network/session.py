"""Planes -> class probabilities or log-odds: a network in ONNX Runtime.

One session serves all worker threads. Each call computes on the calling thread alone
(intra-op threads = 1): sites are what is parallel, so no thread waits for another, and a site's
arithmetic never depends on how many threads there are.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from cnnscore.errors import BadInput, InternalError, UsageError
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES, Planes
from cnnscore.network.manifest import MANIFEST_KEY, SCORES, Manifest, parse_manifest
from cnnscore.network.runtime import FOR_CUDA, damage, shadowed

log = logging.getLogger("cnnscore")
T = TypeVar("T")
if _damage := damage(ort):
    raise UsageError(_damage)
ort.set_default_logger_severity(4)  # what goes wrong arrives as an exception

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
MOST_SAID = 200  # characters: the reason stands at the end
# Three decimals do not survive TensorFloat-32.
_PROVIDER_OPTIONS: dict[str, dict[str, str]] = {"cuda": {"use_tf32": "0"}}


class Session:
    """A network that is ready to run.

    `provider` is "auto" (CUDA where it works, else the CPU), "cpu", "cuda" or "tensorrt"; what was
    taken is `self.provider`. Errors: BadInput for a file that is no network of ours, UsageError
    for a provider that was asked for by name and does not work.
    """

    def __init__(self, path: Path, provider: str = "auto") -> None:
        self.path = path
        if provider == "auto":
            self.provider, self._session = self._open_auto()
        else:
            self.provider, self._session = provider, self._open(provider)
        self._running: set[Any] = set()
        try:
            metadata = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError:
            raise BadInput(f"{path}: its metadata is not UTF-8; import the network again") from None
        self.manifest: Manifest = parse_manifest(metadata.get(MANIFEST_KEY), str(path))
        self._check_graph()

    def run(self, planes: Planes) -> NDArray[np.float32]:
        """The network's output for n >= 1 encoded rows: probabilities float32 [n, 4] in the order
        of the labels, or log-odds float32 [n, 1].

        Errors: BadInput when the graph fails on these planes, or gives something else.
        """
        n = len(planes["annotations"])
        if n == 1 and self.manifest.encoder.by_allele:
            # A matrix of one row takes another kernel, whose last bits differ: two rows never do.
            planes = {name: np.repeat(plane, 2, axis=0) for name, plane in planes.items()}
        if threading.current_thread() is threading.main_thread():
            output = attentively(lambda: self._call(planes), self.cancel)
        else:
            output = self._call(planes)
        wanted = (len(planes["annotations"]), max(1, len(self.manifest.labels)))
        if not isinstance(output, np.ndarray) or (output.dtype, output.shape) != (
            np.float32,
            wanted,
        ):
            found = f"{getattr(output, 'dtype', type(output).__name__)}"
            raise BadInput(
                f"{self.path}: the network gives {found} {list(getattr(output, 'shape', []))} "
                f"where its manifest promises float32 {list(wanted)}; import or train it again"
            )
        return output[:n]

    def cancel(self) -> None:
        """Calls of `run` that are under way fail now, also out of a loop."""
        for options in list(self._running):
            options.terminate = True

    def _call(self, planes: Planes) -> Any:
        options = ort.RunOptions()
        options.log_severity_level = 4
        self._running.add(options)
        try:
            (output,) = self._session.run([SCORES[self.manifest.score]], planes, options)
        except Exception as error:  # as above
            if options.terminate:
                raise InternalError("stopped before the network had answered") from None
            raise BadInput(
                f"{self.path}: the network fails ({_first_line(error)}): import or train it again, "
                "or give it more memory"
            ) from None
        finally:
            self._running.discard(options)
        return output

    def _open_auto(self) -> tuple[str, ort.InferenceSession]:
        if PROVIDERS["cuda"] in ort.get_available_providers() and _cuda_driver():
            try:
                return "cuda", self._open("cuda")
            except UsageError as error:
                log.info("%s; using the CPU", error)
        return "cpu", self._open("cpu")

    def _open(self, provider: str) -> ort.InferenceSession:
        wanted = PROVIDERS.get(provider)
        if wanted is None:
            raise UsageError(f"no provider {provider!r}: there are auto, {', '.join(PROVIDERS)}")
        if wanted not in ort.get_available_providers():
            if both := shadowed():
                raise UsageError(f"this ONNX Runtime has no {wanted}: {both}")
            raise UsageError(f"this ONNX Runtime has no {wanted}: {FOR_CUDA}, or `provider=cpu`")
        try:
            # What ONNX Runtime prints of libraries that it lacks would land in a VCF on stdout;
            # and a provider that was asked for is taken, or refused: it never falls back.
            with redirect_stdout(io.StringIO()):
                if provider != "cpu" and hasattr(ort, "preload_dlls"):
                    ort.preload_dlls()
                session = ort.InferenceSession(
                    _source(self.path),
                    _options(),
                    providers=[(wanted, _PROVIDER_OPTIONS.get(provider, {}))],
                    enable_fallback=0,
                )
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            if provider != "cpu" and self._loads_on_cpu():
                raise UsageError(f"{wanted} does not work here: {_first_line(error)}") from None
            raise BadInput(
                f"{self.path} is not a network that ONNX Runtime can load "
                f"({_first_line(error)}): import it again with `cnnscore model import`"
            ) from None
        if wanted not in session.get_providers():
            raise UsageError(f"{wanted} does not work here (driver, CUDA or cuDNN missing)")
        return session

    def _loads_on_cpu(self) -> bool:
        try:
            ort.InferenceSession(_source(self.path), _options(), providers=[PROVIDERS["cpu"]])
        except Exception:
            return False
        return True

    def _check_graph(self) -> None:
        manifest = self.manifest
        shapes = {entry.name: entry.shape or [None] for entry in self._session.get_inputs()}
        outputs = {entry.name for entry in self._session.get_outputs()}
        wanted = manifest.encoder.inputs
        widths = {
            "annotations": len(manifest.annotations),
            "reference": manifest.window,
            "alternate": manifest.window,
            "variant": len(VARIANT_FEATURES),
            "reads": len(READ_SCALARS),
        }
        problem = None
        if set(shapes) != wanted:
            problem = f"inputs {sorted(shapes)} instead of {sorted(wanted)}"
        elif SCORES[manifest.score] not in outputs:
            problem = f"outputs {sorted(outputs)}, and no {SCORES[manifest.score]}"
        else:
            for name in sorted(wanted & set(widths)):
                if shapes[name][-1] != widths[name]:
                    problem = f"{shapes[name][-1]} columns of {name}, not {widths[name]}"
        if problem:
            raise BadInput(
                f"{self.path}: its graph has {problem}, against its manifest; import it again"
            )


def attentively(work: Callable[[], T], stop: Callable[[], None], seconds: float | None = None) -> T:
    """What `work()` gives, computed in a thread of its own: a call of a network is deaf to signals,
    and the calling thread hears them.

    Whatever ends the wait, a signal or TimeoutError after `seconds`, `stop()` must end the work.
    """
    given: Future[T] = Future()

    def run() -> None:
        try:
            given.set_result(work())
        except BaseException as error:
            given.set_exception(error)

    threading.Thread(target=run, daemon=True, name="cnnscore-network").start()
    try:
        return given.result(seconds)
    finally:
        while not given.done():
            stop()
            wait([given], timeout=0.05)


def _source(path: Path) -> str | bytes:
    """What ONNX Runtime opens: a name that it takes for UTF-8, or, in another locale, the file."""
    name = os.fspath(path)
    same = os.fsencode(name) == name.encode(errors="replace")
    return name if same else path.read_bytes()


def _options() -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Shapes differ from call to call: remembered patterns would only hold memory. Weights stay
    # prepacked, ONNX Runtime's default: without it a batch of one site differs in the last bits.
    options.enable_mem_pattern = False
    return options


def _cuda_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    """What ONNX Runtime says, without where in its sources it says so."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = lines[0].rpartition("Status Message: ")[2]
    return said if len(said) <= MOST_SAID else f"...{said[-MOST_SAID:]}"
