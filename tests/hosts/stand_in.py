"""Untrained networks of our own encodings, of the size of real ones: for tests and benchmarks.

Per read 20 -> 48 -> 48, pooled apart over the reads that support ALT and the others, joined with
variant features and annotations -> 64 -> 32 -> log-odds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES
from cnnscore.network.manifest import MANIFEST_KEY

ANNOTATIONS = ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum", "RelativeDepth")
READ_SET_WINDOW, REFERENCE_WINDOW, READ_LIMIT = 600, 64, 128
EMBEDDING, HIDDEN = 48, 64
F, V = len(READ_SCALARS), len(VARIANT_FEATURES)


class _Graph:
    """Nodes as they are added; every value has a name of its own."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, array: Any) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def dense(self, x: str, width: int, units: int, relu: bool = True) -> str:
        scale = np.sqrt(2 / width)
        weight = self.random.normal(0, scale, (width, units)).astype(np.float32)
        bias = self.random.normal(0, 0.1, units).astype(np.float32)
        y = self.node("Add", self.node("MatMul", x, self.constant(weight)), self.constant(bias))
        return self.node("Relu", y) if relu else y

    def log(self, x: str) -> str:
        """In double precision, as networks of ours take it: ONNX Runtime's single one gives a
        number other bits in the middle of a batch than at its end."""
        double = self.node("Log", self.node("Cast", x, to=TensorProto.DOUBLE))
        return self.node("Cast", double, to=TensorProto.FLOAT)

    def pooled(self, x: str, weight: str, count: str) -> list[str]:
        """Mean and maximum over the reads that have weight 1."""
        axis = self.constant(np.array([1], np.int64))
        weighted = self.node("Mul", x, weight)
        mean = self.node("Div", self.node("ReduceSum", weighted, axis, keepdims=0), count)
        return [mean, self.node("ReduceMax", weighted, axes=[1], keepdims=0)]


def _pool_reads(graph: _Graph) -> tuple[list[str], int]:
    reads = "reads"
    hidden = graph.dense(graph.dense(reads, F, EMBEDDING), EMBEDDING, EMBEDDING)
    last, first = graph.constant(np.array([2], np.int64)), graph.constant(np.array([1], np.int64))
    mask = graph.node("Unsqueeze", "mask", last)
    column = graph.constant(np.array([READ_SCALARS.index("supports_alt")], np.int64))
    alt = graph.node("Gather", reads, column, axis=2)
    one = graph.constant(np.float32(1))
    pooled = []
    for side in (alt, graph.node("Sub", one, alt)):
        weight = graph.node("Mul", mask, side)
        total = graph.node("ReduceSum", weight, first, keepdims=0)
        count = graph.node("Add", total, graph.constant(np.float32(1e-6)))
        pooled += graph.pooled(hidden, weight, count)
        pooled += graph.pooled(reads, weight, count)
        pooled.append(graph.log(graph.node("Add", total, one)))
    return pooled, 2 * (2 * EMBEDDING + 2 * F + 1)


def _pool_bases(graph: _Graph) -> tuple[list[str], int]:
    codes = graph.constant(np.eye(7, dtype=np.float32))
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
    """An ONNX file with its manifest, of `read-set` or `reference`."""
    by_reads = encoding == "read-set"
    window = READ_SET_WINDOW if by_reads else REFERENCE_WINDOW
    graph = _Graph(seed)
    pooled, width = _pool_reads(graph) if by_reads else _pool_bases(graph)
    missing = graph.node("IsNaN", "annotations")
    zero = graph.constant(np.float32(0))
    scale = graph.constant(np.float32(0.05))
    known = graph.node("Mul", graph.node("Where", missing, zero, "annotations"), scale)
    flags = graph.node("Cast", missing, to=TensorProto.FLOAT)
    joined = graph.node("Concat", *pooled, "variant", known, flags, axis=1)
    hidden = graph.dense(joined, width + V + 2 * len(annotations), HIDDEN)
    output = graph.dense(graph.dense(hidden, HIDDEN, 32), 32, 1, relu=False)
    graph.nodes.append(helper.make_node("Identity", [output], ["log_odds"]))

    def value(name: str, kind: int, *shape: int | str) -> Any:
        return helper.make_tensor_value_info(name, kind, ["n", *shape])

    inputs = [
        value("variant", TensorProto.FLOAT, V),
        value("annotations", TensorProto.FLOAT, len(annotations)),
    ]
    if by_reads:
        inputs += [
            value("reads", TensorProto.FLOAT, "R", F),
            value("mask", TensorProto.FLOAT, "R"),
        ]
    else:
        inputs += [value(name, TensorProto.UINT8, window) for name in ("reference", "alternate")]
    made = helper.make_graph(
        graph.nodes, "stand-in", inputs, [value("log_odds", TensorProto.FLOAT, 1)], graph.weights
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
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
    }
    model.metadata_props.add(key=MANIFEST_KEY, value=json.dumps(manifest))
    content: bytes = model.SerializeToString()
    return content


def write_stand_ins(folder: Path) -> dict[str, str]:
    """Both networks as files; their paths by encoding."""
    paths = {}
    for encoding in ("read-set", "reference"):
        path = folder / f"{encoding}.onnx"
        path.write_bytes(stand_in(encoding))
        paths[encoding] = str(path)
    return paths
