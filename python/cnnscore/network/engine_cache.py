"""TensorRT's options for a network: the shapes that it is built for, and where what it built lies.

TensorRT builds a network in minutes. What it built is of one network, one version of each library
and one set of shapes, and lies in a folder that only such runs find.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cnnscore.errors import UsageError
from cnnscore.network.manifest import Manifest
from cnnscore.network.providers import CallRules, multiple
from cnnscore.version import __version__

USUAL_READS = 48
"""Rows of reads that TensorRT is quickest with: 30x, with room."""


def tensorrt_options(
    manifest: Manifest,
    shapes: Mapping[str, Sequence[str | int | None]],
    rules: CallRules,
    batch_size: int,
    content: bytes,
    runtime: str,
) -> dict[str, str]:
    """Provider options for the network of this `content`, whose inputs have these `shapes`, in
    calls of up to `batch_size` rows; `runtime` is ONNX Runtime's version.

    The cache's folder is made. Errors: UsageError when others may write there, or nobody.
    """
    deepest = multiple(max(manifest.read_limit, 1), rules.read_step)
    profiles = {
        "min": profile(shapes, rules.padded(1), rules.read_step),
        "opt": profile(shapes, rules.padded(batch_size), min(USUAL_READS, deepest)),
        "max": profile(shapes, rules.padded(batch_size), deepest),
    }
    of = [hashlib.sha256(content).hexdigest(), runtime, _tensorrt_version(), __version__]
    folder = str(cache_folder([*of, *profiles.values()]))
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
        **{f"trt_profile_{name}_shapes": text for name, text in profiles.items()},
    }


def profile(shapes: Mapping[str, Sequence[str | int | None]], rows: int, reads: int) -> str:
    """The shapes of all inputs, as TensorRT's options spell them, e.g. `bases:8x16x128,...`."""

    def size(axis: int, length: str | int | None) -> int:
        return length if isinstance(length, int) else rows if axis == 0 else reads

    texts = {
        name: "x".join(str(size(axis, length)) for axis, length in enumerate(shape))
        for name, shape in shapes.items()
    }
    return ",".join(f"{name}:{text}" for name, text in texts.items())


def cache_folder(of: Sequence[str]) -> Path:
    """The folder of what was built of this: in $XDG_CACHE_HOME, by default ~/.cache. It is made.

    What lies there is run: errors, UsageError, where somebody else owns it or may write there.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    remedy = "name another folder by $XDG_CACHE_HOME"
    try:
        # The specification has names that are not absolute ignored.
        folder = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"  # noqa: PTH117
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = hashlib.sha256("\n".join(of).encode()).hexdigest()[:32]
        for part in ("cnnscore", "tensorrt", key):
            folder /= part
            folder.mkdir(exist_ok=True, mode=0o700)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise UsageError(
                    f"{folder}, for what TensorRT builds, is no folder of your own: {remedy}"
                )
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise UsageError(
                    f"{folder}, for what TensorRT builds, may be written by others: "
                    f"`chmod go-w {folder}`, or {remedy}"
                )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{folder}, for what TensorRT builds, cannot be written: {remedy}")
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"no folder for what TensorRT builds ({why}): {remedy}") from None
    return folder


def _tensorrt_version() -> str:
    try:
        return str(ctypes.CDLL("libnvinfer.so.10").getInferLibVersion())
    except (OSError, AttributeError):
        return "unknown"  # ONNX Runtime will say what it lacks
