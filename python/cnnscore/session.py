"""Planes -> class probabilities: a network in ONNX Runtime.

One session serves all worker threads. Each call computes on the calling thread alone
(intra-op threads = 1): sites are what is parallel, so no thread waits for another, and a site's
arithmetic never depends on how many threads there are.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from cnnscore.encode import Planes
from cnnscore.errors import BadInput, UsageError
from cnnscore.model import MANIFEST_KEY, Manifest, parse_manifest

log = logging.getLogger("cnnscore")
ort.set_default_logger_severity(4)  # what goes wrong arrives as an exception

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
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
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.manifest: Manifest = parse_manifest(metadata.get(MANIFEST_KEY), str(path))
        self._check_inputs()

    def run(self, planes: Planes) -> NDArray[np.float32]:
        """Probabilities float32 [n, 4] of n >= 1 encoded sites, in the order of the labels."""
        probabilities: NDArray[np.float32]
        (probabilities,) = self._session.run(["probabilities"], planes)
        return probabilities

    def _open_auto(self) -> tuple[str, ort.InferenceSession]:
        if PROVIDERS["cuda"] in ort.get_available_providers() and _cuda_driver():
            try:
                return "cuda", self._open("cuda")
            except UsageError as error:
                log.info("%s; using the CPU", error)
        return "cpu", self._open("cpu")

    def _open(self, provider: str) -> ort.InferenceSession:
        wanted = PROVIDERS[provider]
        if wanted not in ort.get_available_providers():
            raise UsageError(
                f"this ONNX Runtime has no {wanted}: `pip install 'cnnscore[cuda]'`, "
                "or --provider cpu"
            )
        try:
            # What ONNX Runtime prints of libraries that it lacks would land in a VCF on stdout;
            # and a provider that was asked for is taken, or refused: it never falls back.
            with redirect_stdout(io.StringIO()):
                if provider != "cpu" and hasattr(ort, "preload_dlls"):
                    ort.preload_dlls()
                session = ort.InferenceSession(
                    os.fspath(self.path),
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
            ort.InferenceSession(os.fspath(self.path), _options(), providers=[PROVIDERS["cpu"]])
        except Exception:
            return False
        return True

    def _check_inputs(self) -> None:
        manifest = self.manifest
        names = {entry.name: entry for entry in self._session.get_inputs()}
        wanted = manifest.encoder.inputs
        problem = None
        if set(names) != wanted:
            problem = f"inputs {sorted(names)} instead of {sorted(wanted)}"
        elif names["annotations"].shape[-1] != len(manifest.annotations):
            problem = f"{names['annotations'].shape[-1]} annotations"
        elif names["reference"].shape[-1] != manifest.window:
            problem = f"a window of {names['reference'].shape[-1]}"
        if problem:
            raise BadInput(
                f"{self.path}: its graph has {problem}, against its manifest; import it again"
            )


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
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
