"""Untrained networks of our own encodings, of the size of real ones: for tests and benchmarks.

Per read 20 -> 48 -> 48, pooled apart over the reads that support ALT and the others, joined with
variant features and annotations -> 64 -> 32 -> log-odds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from cnnscore.description import VARIANT_TYPES
from cnnscore.network.cutoffs import LEVELS, cutoffs_for_manifest
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES
from cnnscore.network.graph_builder import GraphBuilder
from cnnscore.network.manifest import MANIFEST_KEY

ANNOTATIONS = ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum", "RelativeDepth")
READ_SET_WINDOW, REFERENCE_WINDOW, READ_LIMIT = 600, 64, 128
EMBEDDING, HIDDEN = 48, 64
CURVES = cutoffs_for_manifest(
    {name: {level: 3 - 0.125 * i for i, level in enumerate(LEVELS)} for name in VARIANT_TYPES}
)
"""Cut-offs at all levels: the longest text that a header has of them."""
F, V = len(READ_SCALARS), len(VARIANT_FEATURES)


class _Graph(GraphBuilder):
    """Layers of random weights."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return str(self.op(kind, inputs, **attributes))

    def dense(self, x: str, width: int, units: int, relu: bool = True) -> str:
        scale = np.sqrt(2 / width)
        weight = self.random.normal(0, scale, (width, units)).astype(np.float32)
        bias = self.random.normal(0, 0.1, units).astype(np.float32)
        y = self.node("Add", self.node("MatMul", x, self.const(weight)), self.const(bias))
        return self.node("Relu", y) if relu else y

    def log(self, x: str) -> str:
        """In double precision, as networks of ours take it: ONNX Runtime's single one gives a
        number other bits in the middle of a batch than at its end."""
        double = self.node("Log", self.node("Cast", x, to=TensorProto.DOUBLE))
        return self.node("Cast", double, to=TensorProto.FLOAT)

    def pooled(self, x: str, weight: str, count: str) -> list[str]:
        """Mean and maximum over the reads that have weight 1."""
        axis = self.ints(1)
        weighted = self.node("Mul", x, weight)
        mean = self.node("Div", self.node("ReduceSum", weighted, axis, keepdims=0), count)
        return [mean, self.node("ReduceMax", weighted, axes=[1], keepdims=0)]


def _pool_reads(graph: _Graph) -> tuple[list[str], int]:
    reads = "reads"
    hidden = graph.dense(graph.dense(reads, F, EMBEDDING), EMBEDDING, EMBEDDING)
    last, first = graph.ints(2), graph.ints(1)
    mask = graph.node("Unsqueeze", "mask", last)
    column = graph.ints(READ_SCALARS.index("supports_alt"))
    alt = graph.node("Gather", reads, column, axis=2)
    one = graph.const(1)
    pooled = []
    for side in (alt, graph.node("Sub", one, alt)):
        weight = graph.node("Mul", mask, side)
        total = graph.node("ReduceSum", weight, first, keepdims=0)
        count = graph.node("Add", total, graph.const(1e-6))
        pooled += graph.pooled(hidden, weight, count)
        pooled += graph.pooled(reads, weight, count)
        pooled.append(graph.log(graph.node("Add", total, one)))
    return pooled, 2 * (2 * EMBEDDING + 2 * F + 1)


def _pool_bases(graph: _Graph) -> tuple[list[str], int]:
    codes = graph.const(np.eye(7))
    axes = [1]
    pooled = []
    for name in ("reference", "alternate"):
        index = graph.node("Cast", name, to=TensorProto.INT32)
        bases = graph.dense(graph.node("Gather", codes, index, axis=0), 7, EMBEDDING)
        pooled += [
            graph.node("ReduceMax", bases, axes=axes, keepdims=0),
            graph.node("ReduceMean", bases, axes=axes, keepdims=0),
        ]
    return pooled, 4 * EMBEDDING


def stand_in(encoding: str, *, seed: int = 1, annotations: tuple[str, ...] = ANNOTATIONS) -> bytes:
    """An ONNX file with its manifest, of `read-set`, `read-set-2` or `reference`."""
    by_reads = encoding != "reference"
    window = READ_SET_WINDOW if by_reads else REFERENCE_WINDOW
    graph = _Graph(seed)
    pooled, width = _pool_reads(graph) if by_reads else _pool_bases(graph)
    missing = graph.node("IsNaN", "annotations")
    zero = graph.const(0)
    scale = graph.const(0.05)
    known = graph.node("Mul", graph.node("Where", missing, zero, "annotations"), scale)
    flags = graph.node("Cast", missing, to=TensorProto.FLOAT)
    joined = graph.node("Concat", *pooled, "variant", known, flags, axis=1)
    hidden = graph.dense(joined, width + V + 2 * len(annotations), HIDDEN)
    output = graph.dense(graph.dense(hidden, HIDDEN, 32), 32, 1, relu=False)
    graph.input("variant", TensorProto.FLOAT, ["n", V])
    graph.input("annotations", TensorProto.FLOAT, ["n", len(annotations)])
    if by_reads:
        graph.input("reads", TensorProto.FLOAT, ["n", "R", F])
        graph.input("mask", TensorProto.FLOAT, ["n", "R"])
    else:
        for name in ("reference", "alternate"):
            graph.input(name, TensorProto.UINT8, ["n", window])
    manifest = {
        "schema": 1,
        "name": f"stand-in-{encoding}",
        "encoding": encoding,
        "window": window,
        "read_limit": READ_LIMIT if by_reads else 0,
        "annotations": list(annotations),
        "labels": [],
        "score": "log-odds",
        "info_key": "CNN_READS" if by_reads else "CNN_REF",
        "info_description": "Log-odds of a network that nobody trained",
        "source": {},
        "cutoffs": CURVES,
        "bare_cutoffs": {"annotations": list(annotations[:-1]), "cutoffs": CURVES},
        "site_cutoffs": CURVES,
    }
    metadata = {MANIFEST_KEY: json.dumps(manifest)}
    model = graph.finish("log_odds", output, 1, "stand-in", metadata, producer="tests")
    content: bytes = model.SerializeToString()
    return content


def write_stand_ins(folder: Path) -> dict[str, str]:
    """The networks as files; their paths by encoding."""
    paths = {}
    for encoding in ("read-set", "read-set-2", "reference"):
        path = folder / f"{encoding}.onnx"
        path.write_bytes(stand_in(encoding))
        paths[encoding] = str(path)
    return paths
