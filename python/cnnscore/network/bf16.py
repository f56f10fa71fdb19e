"""GATK's networks in bf16, by OpenVINO, on a CPU that multiplies it in hardware (AMX).

ONNX Runtime has no bf16 products on a CPU. The convolutions, which take the time, are OpenVINO's;
the dense layers behind them, which would make most of the error, stay with ONNX Runtime in 32 bits.
All that touches `openvino` is in this module, and it is imported only where bf16 was asked for.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import BadInput, InternalError, UsageError
from cnnscore.extras import need
from cnnscore.network.encode import Planes
from cnnscore.network.manifest import SCORES, Manifest
from cnnscore.network.opening import first_line, open_in_memory, other_form
from cnnscore.network.providers import BF16, CallRules
from cnnscore.network.store import form_path

NEEDED_FLAGS = {"amx_tile", "amx_bf16"}
TELEMETRY = "openvino_telemetry"
EXACT = "`precision=exact`"
MOST_ERROR = 0.05
"""Of what the convolutions give, as a part of the largest: bf16 makes a hundredth. OpenVINO 2026.4
makes a half where 16 taps see less than 16 channels, as in gatk-2d-large."""
_LOOPS = {"Loop", "TensorIterator", "If"}
"""Operations that no graph of ours has, and that may never end."""
_OPTIONS = {
    "INFERENCE_PRECISION_HINT": "bf16",
    # A call computes alone, as those of ONNX Runtime do (session.py).
    "NUM_STREAMS": 1,
    "INFERENCE_NUM_THREADS": 1,
    # Else the callers' calls, and those of other processes, share one core.
    "ENABLE_CPU_PINNING": False,
}


def cpu_flags() -> set[str]:
    """What the processor can, as Linux says it; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def lacking() -> str | None:
    """What this machine lacks for bf16, or None. OpenVINO may still find that it cannot use AMX."""
    if not cpu_flags() >= NEEDED_FLAGS:
        return "this processor has no AMX for bf16 (amx_bf16 in /proc/cpuinfo)"
    return None


def openvino() -> ModuleType:
    """The package. Errors: UsageError where it is not installed.

    Its import sends a report of itself over the network, and writes one under $HOME, by the package
    `openvino_telemetry`: it does without where that one is absent, so it is, for that moment.
    """
    hidden = "openvino" not in sys.modules and TELEMETRY not in sys.modules
    if hidden:
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        return need("openvino", "openvino")
    finally:
        if hidden:
            sys.modules.pop(TELEMETRY, None)


def check(provider: str, manifest: Manifest) -> None:
    """Errors: UsageError, with the reason, where this network cannot run in bf16 here."""
    if provider not in ("auto", "cpu"):
        raise UsageError(
            f"`precision=bf16` is for the CPU, not for `provider={provider}`: leave one out"
        )
    if manifest.encoding not in BF16.sizes:
        raise UsageError(
            f"`precision=bf16` is for networks of GATK's encodings; {manifest.name} "
            f"({manifest.encoding}) is no faster in it: take {EXACT}"
        )
    if why := lacking():
        raise UsageError(f"`precision=bf16` does not work here: {why}; take {EXACT}")
    openvino()


class Bf16Network:
    """The network at `path` in the form that bf16 is quick with.

    Calls have a fixed number of rows, and planes that a row's own depth decides: so a row has the
    same bits whatever it is with. Errors: those of `check`, UsageError where that form is missing,
    BadInput where it is no network or another's.
    """

    rules: CallRules = BF16

    def __init__(self, path: Path, manifest: Manifest, provider: str = "cpu") -> None:
        check(provider, manifest)
        found = other_form(path, self.rules.form, manifest)
        if found is None:
            missing = form_path(path, self.rules.form)
            raise UsageError(
                f"`precision=bf16` wants {missing}, which an older cnnscore did not write, and "
                "only GATK's and CNNVariantTrain's networks have: import the network again with "
                f"`cnnscore model import`, or take {EXACT}"
            )
        self.path = found[0]
        self._rows = self.rules.sizes[manifest.encoding].call
        self._core = openvino().Core()
        try:
            convolutions, dense = _split(self.path.read_bytes(), SCORES[manifest.score])
            self._graph = self._core.read_model(convolutions, b"")
        except Exception as error:  # OpenVINO's are RuntimeError, and not only
            raise self._fault(error) from None
        self._convolutions = convolutions
        self._dense = open_in_memory(dense, self.path)
        if loops := {each.get_type_name() for each in self._graph.get_ops()} & _LOOPS:
            raise BadInput(
                f"{self.path}: its graph has {min(loops)}: import it again with "
                "`cnnscore model import`"
            )
        self._planes = {port.any_name for port in self._graph.inputs}
        self._features = [entry.name for entry in self._dense.get_inputs()]
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._give_back(self._open())

    def call(self, output: str, planes: Planes, stopped: Callable[[], bool]) -> NDArray[np.float32]:
        """`output` float32 [n, ...] of n >= 1 rows; from any thread. Errors: BadInput where the
        graph fails on them, InternalError once `stopped()`.
        """
        request, parts = self._take(), []
        n = len(planes["annotations"])
        try:
            for first in range(0, n, self._rows):
                if stopped():
                    raise InternalError("stopped before the network had answered")
                part = {name: self._filled(plane[first:]) for name, plane in planes.items()}
                between = request.infer({name: part[name] for name in self._planes})
                features = {port.any_name: array for port, array in between.items()}
                for name in set(self._features) - set(features):
                    features[name] = part[name]
                (found,) = self._dense.run([output], features)
                parts.append(found[: min(self._rows, n - first)])
        except (BadInput, InternalError):
            raise
        except Exception as error:
            raise self._fault(error) from None
        finally:
            self._give_back(request)
        return np.concatenate(parts)

    def check_convolutions(self, planes: Planes) -> None:
        """Errors: UsageError where they are other than ONNX Runtime's in 32 bits, for the rows of a
        call.
        """
        exact = open_in_memory(self._convolutions, self.path)
        part = {name: planes[name][: self._rows] for name in self._planes}
        request = self._take()
        try:
            between = request.infer({name: self._filled(plane) for name, plane in part.items()})
            found = {port.any_name: array for port, array in between.items()}
            wanted = {entry.name: exact.run([entry.name], part)[0] for entry in exact.get_outputs()}
        except Exception as error:
            raise self._fault(error) from None
        finally:
            self._give_back(request)
        for name, values in wanted.items():
            off = np.abs(found[name][: len(values)] - values).max()
            if not off <= MOST_ERROR * np.abs(values).max():
                raise UsageError(
                    f"`precision=bf16` does not work here: OpenVINO {openvino().__version__} "
                    f"computes the convolutions of {self.path} wrongly; take {EXACT}"
                )

    def _filled(self, plane: NDArray[Any]) -> NDArray[Any]:
        """The first rows of a plane, as many as a call has: the last one fills it up."""
        part = plane[: self._rows]
        missing = self._rows - len(part)
        return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part

    def _take(self) -> Any:
        """What makes one call at a time: as many as there are callers at once, opened when needed.
        Each has kernels of its own for each shape that it has met."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, request: Any) -> None:
        with self._lock:
            self._idle.append(request)

    def _open(self) -> Any:
        try:
            compiled = self._core.compile_model(self._graph, "CPU", _OPTIONS)
            kernels = _kernels(compiled)
            request = compiled.create_infer_request()
        except Exception as error:
            raise self._fault(error) from None
        if not any("amx" in name for name in kernels):
            raise UsageError(
                "`precision=bf16` does not work here: OpenVINO does not use the processor's AMX "
                f"(is it withheld by the system, or by ONEDNN_MAX_CPU_ISA?); take {EXACT}"
            )
        return request

    def _fault(self, error: Exception) -> BadInput:
        return BadInput(
            f"{self.path}: the network fails in bf16 ({first_line(error)}): import it again with "
            f"`cnnscore model import`, or take {EXACT}"
        )


def _split(content: bytes, output: str) -> tuple[bytes, bytes]:
    """A graph up to its dense layers; and from there, with all that sees the annotations alone.

    Errors: ValueError for a graph without convolutions or dense layers, those of onnx.
    """
    import onnx  # it takes a while, and few ask for bf16

    model = onnx.load_from_string(content)
    given = {each.name: {each.name} for each in model.graph.input}
    behind, cuts = set[str](), set[str]()
    for node in model.graph.node:  # each follows those whose outputs it takes
        above = set[str]().union(*(given.get(name, ()) for name in node.input))
        given.update(dict.fromkeys(node.output, above))
        if node.op_type == "Gemm" or above == {"annotations"} or behind & set(node.input):
            behind.update(node.output)
            cuts |= {name for name in node.input if given.get(name, set()) - {"annotations"}}
    cuts -= behind
    if not cuts or output not in behind:
        raise ValueError("no dense layers behind convolutions")

    def part(is_in: Callable[[Any], bool], inputs: Iterable[Any], outputs: Iterable[Any]) -> bytes:
        nodes = [node for node in model.graph.node if is_in(node)]
        used = {name for node in nodes for name in node.input}
        weights = [each for each in model.graph.initializer if each.name in used]
        inputs = [each for each in inputs if each.name in used]
        graph = onnx.helper.make_graph(nodes, "part", inputs, list(outputs), weights)
        whole = onnx.helper.make_model(graph, opset_imports=model.opset_import)
        whole.ir_version = model.ir_version
        return bytes(whole.SerializeToString())

    between = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in sorted(cuts)
    ]
    outputs = [each for each in model.graph.output if each.name == output]
    return (
        part(lambda node: node.output[0] not in behind, model.graph.input, between),
        part(lambda node: node.output[0] in behind, [*between, *model.graph.input], outputs),
    )


def _kernels(compiled: Any) -> set[str]:
    """Names of what computes a compiled graph's operations."""
    told = (operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops())
    return {str(info["primitiveType"].value) for info in told if "primitiveType" in info}
