"""A network's file -> a session of ONNX Runtime, on the CPU or a GPU."""

from __future__ import annotations

import ctypes
import io
import logging
import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import onnxruntime as ort

from cnnscore.errors import BadInput, UsageError
from cnnscore.network.manifest import MANIFEST_KEY, Manifest, parse_manifest
from cnnscore.network.providers import PROVIDERS
from cnnscore.network.runtime import FOR_CUDA, damage, shadowed
from cnnscore.network.store import form_path

log = logging.getLogger("cnnscore")
if _damage := damage(ort):
    raise UsageError(_damage)
ort.set_default_logger_severity(4)  # what goes wrong arrives as an exception

REMEDY = ": `pip install 'cnnscore[cuda]'`, or `provider=cpu`"
MOST_SAID = 200  # characters: the reason stands at the end


def check_provider(provider: str) -> None:
    """Errors: UsageError for one that there is not, or that this ONNX Runtime lacks."""
    if provider not in PROVIDERS:
        raise UsageError(f"no provider {provider!r}: there are auto, {', '.join(PROVIDERS)}")
    name = PROVIDERS[provider].name
    if name not in ort.get_available_providers():
        if both := shadowed():
            raise UsageError(f"this ONNX Runtime has no {name}: {both}")
        raise UsageError(f"this ONNX Runtime has no {name}: {FOR_CUDA}, or `provider=cpu`")


def cuda_is_there() -> bool:
    """Whether ONNX Runtime has CUDA, and the machine a driver."""
    if PROVIDERS["cuda"].name not in ort.get_available_providers():
        return False
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def open_on_cpu(path: Path) -> Any:
    """Errors: BadInput for a file that is no network."""
    return open_in_memory(_source(path), path)


def open_in_memory(content: str | bytes, path: Path) -> Any:
    """What `open_on_cpu` gives, of what was read of `path`. Errors: as there."""
    try:
        # What ONNX Runtime prints would land in a VCF on stdout.
        with redirect_stdout(io.StringIO()):
            return ort.InferenceSession(
                content, _options(), providers=[PROVIDERS["cpu"].name], enable_fallback=0
            )
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise BadInput(
            f"{path} is not a network that ONNX Runtime can load "
            f"({first_line(error)}): import it again with `cnnscore model import`"
        ) from None


def open_on_gpu(path: Path, provider: str, options: Mapping[str, str]) -> Any:
    """A file that `open_on_cpu` opens. A provider is taken, or refused: it never falls back.

    Errors: UsageError where it does not work.
    """
    chosen = [(PROVIDERS[provider], options)]
    while behind := chosen[-1][0].behind:
        chosen.append((PROVIDERS[behind], {}))
    name = PROVIDERS[provider].name
    if provider == "tensorrt":
        # It has no option for this; three decimals do not survive TensorFloat-32.
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    try:
        with redirect_stdout(io.StringIO()):
            if hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
            session = ort.InferenceSession(
                _source(path),
                _options(),
                providers=[(each.name, {**each.options, **more}) for each, more in chosen],
                enable_fallback=0,
            )
    except Exception as error:
        built = options.get("trt_engine_cache_path")
        hint = f" (if what it built before is damaged, delete {built})" if built else ""
        raise UsageError(f"{name} does not work here: {first_line(error)}{hint}{REMEDY}") from None
    if lacking := {each.name for each, _ in chosen} - set(session.get_providers()):
        lacks = ", ".join(sorted(lacking))
        raise UsageError(f"{lacks} does not work here: driver, CUDA or cuDNN missing{REMEDY}")
    return session


def manifest_of(session: Any, path: Path) -> Manifest:
    """The manifest of a network's file, opened. Errors: BadInput."""
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError:
        raise BadInput(f"{path}: its metadata is not UTF-8; import the network again") from None
    return parse_manifest(metadata.get(MANIFEST_KEY), str(path))


def form_of(path: Path, form: str, manifest: Manifest, session: Any) -> tuple[Path, Any]:
    """The file of a network's graph in this form, and a session of it on the CPU: the network's own
    (`session`) where it has but one. Errors: those of `other_form`.
    """
    found = other_form(path, form, manifest)
    if found is None:
        if "keras_version" in manifest.source:
            log.warning(
                "%s was imported by an older cnnscore, without the form that is quick on a GPU: "
                "import it again with `cnnscore model import`",
                path,
            )
        return path, session
    return found


def other_form(path: Path, form: str, manifest: Manifest) -> tuple[Path, Any] | None:
    """The file beside a network that has its graph in this form, and a session of it on the CPU;
    None where there is none. Errors: BadInput for a form of another network.
    """
    other = form_path(path, form)
    if not other.is_file():
        return None
    opened = open_on_cpu(other)
    its = manifest_of(opened, other)
    # Cut-offs may have been changed since.
    if (its.encoding, its.source) != (manifest.encoding, manifest.source):
        raise BadInput(
            f"{other} is of another network than {path}: import it again with "
            "`cnnscore model import`"
        )
    return other, opened


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


def first_line(error: Exception) -> str:
    """What ONNX Runtime says, without where in its sources it says so."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = lines[0].rpartition("Status Message: ")[2]
    return said if len(said) <= MOST_SAID else f"...{said[-MOST_SAID:]}"
