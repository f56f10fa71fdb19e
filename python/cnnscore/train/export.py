"""A trained network -> one .onnx file with its manifest, checked against PyTorch."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import LABELS
from cnnscore.errors import InternalError
from cnnscore.files import aside, undisturbed, writing
from cnnscore.network.cutoffs import BareCutoffs, Cutoffs, cutoffs_for_manifest
from cnnscore.network.graph_builder import GraphBuilder
from cnnscore.network.manifest import MANIFEST_KEY, SCHEMA
from cnnscore.network.session import Session
from cnnscore.train.config import Config
from cnnscore.train.layers import Annotations
from cnnscore.train.network import Network, declare_inputs
from cnnscore.train.predict import log_odds_of_batch, predict
from cnnscore.train.samples import Samples, in_batches
from cnnscore.version import __version__

TOLERANCE = 3e-4
"""Most that ONNX Runtime and PyTorch may differ by, in log-odds: of 126,000 rows one was 1.2e-4
apart, and scores have three decimals."""
CREATED_BY = "cnnscore train"
_SITES_PER_RUN = 96


def make_manifest(
    config: Config,
    network: Network,
    cutoffs: Cutoffs,
    bare_cutoffs: BareCutoffs,
    training: dict[str, Any],
    source: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of a network (docs/reference/models.md)."""
    from cnnscore.network.encode import ENCODINGS

    data = config.data
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": config.name,
        "encoding": data.encoding,
        "window": data.window,
        "read_limit": data.read_limit if ENCODINGS[data.encoding].needs_reads else 0,
        "annotations": list(data.annotations),
        "labels": [] if network.output == "log_odds" else list(LABELS),
        "score": "log-odds" if network.output == "log_odds" else "gatk-log-odds",
        "info_key": config.info_key,
        "info_description": config.description,
        "source": source,
        "training": training,
        "created_by": f"{CREATED_BY} {__version__}",
    }
    if isinstance(network.annotations, Annotations) and network.output == "log_odds":
        manifest["annotation_normalisation"] = network.annotations.describe()
    if cutoffs:
        manifest["cutoffs"] = cutoffs_for_manifest(cutoffs)
    if bare_cutoffs.cutoffs:
        manifest["bare_cutoffs"] = {
            "annotations": list(bare_cutoffs.annotations),
            "cutoffs": cutoffs_for_manifest(bare_cutoffs.cutoffs),
        }
    return manifest


def write_onnx(network: Network, config: Config, manifest: dict[str, Any]) -> bytes:
    """The network as an ONNX file's bytes; equal networks give equal bytes."""
    graph = GraphBuilder()
    result = network.cpu().eval().write(graph, declare_inputs(graph, config))
    width = 1 if network.output == "log_odds" else len(LABELS)
    metadata = {MANIFEST_KEY: json.dumps(manifest, sort_keys=True)}
    model = graph.finish(network.output, result, width, config.name, metadata, CREATED_BY)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def save_checked(
    content: bytes,
    card: str,
    path: Path,
    network: Network,
    samples: Samples,
    rows: NDArray[np.int64],
) -> float:
    """Write the file and its card, but only when ONNX Runtime says what PyTorch says of these rows
    (TOLERANCE); the greatest difference. At no moment has a network the card of another.

    Errors: InternalError when they differ, BadOutput for a full disk; then there is no file.
    """
    card_path = path.with_suffix(".md")
    with ExitStack() as together, aside(card_path) as card_part:
        with writing(card_path):
            card_part.write_bytes(card.encode())
        with aside(path) as part:
            with writing(path):
                part.write_bytes(content)
            difference = _difference(Session(part, "cpu"), network, samples, rows)
            if not difference <= TOLERANCE:
                raise InternalError(
                    f"ONNX Runtime and PyTorch differ by {difference:.2g} on {len(rows)} rows, "
                    f"more than {TOLERANCE}: {path} is not written; please report it"
                )
            together.enter_context(undisturbed())
            with writing(card_path):
                card_path.unlink(missing_ok=True)
    return difference


def _difference(
    session: Session, network: Network, samples: Samples, rows: NDArray[np.int64]
) -> float:
    torch_says = predict(network, samples, rows, calibrated=True)
    onnx_says = [np.zeros(0, np.float32)]
    for part in in_batches(rows, _SITES_PER_RUN):
        onnx_says.append(log_odds_of_batch(session, samples, part))
    differences = np.abs(torch_says - np.concatenate(onnx_says))
    return float(differences.max(initial=0.0))
