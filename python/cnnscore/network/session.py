"""Planes -> class probabilities or log-odds: a network in ONNX Runtime.

One session serves all worker threads. Each call computes on the calling thread alone
(intra-op threads = 1): sites are what is parallel, so no thread waits for another, and a site's
arithmetic never depends on how many threads there are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from cnnscore.errors import BadInput, InternalError, UsageError
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES, Planes
from cnnscore.network.engine_cache import tensorrt_options
from cnnscore.network.lanes import Lanes, ordinary, pinned
from cnnscore.network.manifest import SCORES, Manifest
from cnnscore.network.opening import (
    check_provider,
    cuda_is_there,
    first_line,
    form_of,
    manifest_of,
    open_on_cpu,
    open_on_gpu,
)
from cnnscore.network.providers import PROVIDERS, CallRules, multiple

if TYPE_CHECKING:
    from cnnscore.network.bf16 import Bf16Network

log = logging.getLogger("cnnscore")
T = TypeVar("T")


class Session:
    """A network that is ready to run.

    `provider` is "auto" (CUDA where it works, else the CPU), "cpu", "cuda" or "tensorrt"; what was
    taken is `self.provider`. `batch_size` is the most rows that calls are to have, by default the
    provider's own number; `rules`, for tests, names a provider by whose rules another makes calls.
    `precision` is "exact", or "bf16" (bf16.py).
    Errors: BadInput for a file that is no network of ours, UsageError for a provider or a precision
    that was asked for by name and does not work.
    """

    def __init__(
        self,
        path: Path,
        provider: str = "auto",
        *,
        batch_size: int | None = None,
        rules: str | None = None,
        precision: str = "exact",
    ) -> None:
        self.path = path
        self.precision = precision
        check_provider("cpu" if provider == "auto" else provider)
        # In any case on the CPU first: so what is wrong with the file is told from what is wrong
        # with a GPU.
        self._session = open_on_cpu(path)
        self.manifest: Manifest = manifest_of(self._session, path)
        self._check_graph()
        self._running: set[Any] = set()
        self._reduced: Bf16Network | None = None
        if provider == "auto" and precision == "exact":
            provider = "cpu"
            if cuda_is_there():
                try:
                    self._take("cuda", batch_size, rules)
                    return
                except UsageError as error:
                    log.info("%s; using the CPU", error)
        self._take(provider, batch_size, rules)

    def _take(self, provider: str, batch_size: int | None, rules: str | None) -> None:
        self.provider = provider
        self.rules: CallRules
        """How rows become calls."""
        if self.precision == "exact":
            self.rules = PROVIDERS[rules or provider].rules
        else:
            self._reduced = self._open_reduced(provider)
            self.provider, self.rules = "cpu", self._reduced.rules
        usual = self.rules.sizes[self.manifest.encoding].call
        self.batch_size: int = batch_size or usual
        """Most rows of a call."""
        if self._reduced:
            self.batch_size = multiple(self.batch_size, usual)  # it has full calls alone
        # TensorRT takes no larger calls than it was built for.
        self.usual_rows: int = min(usual, self.batch_size) if self.rules.lanes else usual
        """Of a call that is nobody's batch: of one site in many forms."""
        self._lanes: Lanes | None = self._open_lanes() if self.rules.lanes else None

    def _open_reduced(self, provider: str) -> Bf16Network:
        if self.precision != "bf16":
            raise UsageError(f"no precision {self.precision!r}: there are exact, bf16")
        from cnnscore.network.bf16 import Bf16Network  # few ask for it

        return Bf16Network(self.path, self.manifest, provider)

    def _open_lanes(self) -> Lanes:
        form, graph = form_of(self.path, self.rules.form, self.manifest, self._session)
        if self.provider == "cpu":
            return Lanes([open_on_cpu(form) for _ in range(self.rules.lanes)], ordinary)
        options = {}
        if self.provider == "tensorrt":
            options = tensorrt_options(
                self.manifest,
                {entry.name: entry.shape for entry in graph.get_inputs()},
                self.rules,
                self.batch_size,
                form.read_bytes(),
                ort.__version__,
            )
        sessions = [open_on_gpu(form, self.provider, options) for _ in range(self.rules.lanes)]
        return Lanes(sessions, pinned)

    def run(self, planes: Planes) -> NDArray[np.float32]:
        """The network's output for n >= 1 encoded rows: probabilities float32 [n, 4] in the order
        of the labels, or log-odds float32 [n, 1].

        Errors: BadInput when the graph fails on these planes, or gives something else.
        """
        n = len(planes["annotations"])
        size = self.rules.padded(n)
        if n == 1 and self.manifest.encoder.by_allele and not self._lanes:
            # A matrix of one row takes another kernel, whose last bits differ: two rows never do.
            planes, size = {name: np.repeat(plane, 2, axis=0) for name, plane in planes.items()}, 2
        if threading.current_thread() is threading.main_thread():
            output = attentively(lambda: self._call(planes, size), self.cancel)
        else:
            output = self._call(planes, size)
        wanted = (size, max(1, len(self.manifest.labels)))
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

    def check_precision(self, planes: Planes) -> None:
        """Errors: UsageError where these rows show that a reduced precision computes wrongly."""
        if self._reduced:
            self._reduced.check_convolutions(planes)

    def cancel(self) -> None:
        """Calls of `run` that are under way fail now, also out of a loop."""
        for options in list(self._running):
            options.terminate = True

    def _call(self, planes: Planes, size: int) -> Any:
        options = ort.RunOptions()
        options.log_severity_level = 4
        self._running.add(options)
        wanted = SCORES[self.manifest.score]
        try:
            if self._reduced:
                return self._reduced.call(wanted, planes, lambda: bool(options.terminate))
            if self._lanes:
                with self._lanes.free() as lane:
                    return lane.call(wanted, planes, size, options)
            (output,) = self._session.run([wanted], planes, options)
        except (BadInput, InternalError):
            raise
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            if options.terminate:
                raise InternalError("stopped before the network had answered") from None
            raise BadInput(
                f"{self.path}: the network fails ({first_line(error)}): import or train it again, "
                "or give it more memory"
            ) from None
        finally:
            self._running.discard(options)
        return output

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
