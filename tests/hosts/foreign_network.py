"""Networks that are not what their manifests say, or that do harm: each in one way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnscore.network.manifest import MANIFEST_KEY

FLOAT, INT64, BOOL, DOUBLE = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.BOOL,
    TensorProto.DOUBLE,
)

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "name": "foreign",
    "encoding": "gatk-reference",
    "window": 128,
    "read_limit": 0,
    "annotations": ["MQ", "DP"],
    "labels": ["NOT_SNP", "NOT_INDEL", "SNP", "INDEL"],
    "score": "gatk-log-odds",
    "info_key": "CNN_1D",
    "info_description": "foreign",
    "source": {},
}

node = helper.make_node


def constant(name: str, array: Any) -> Any:
    """A node that gives an array."""
    return node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array), name))


def loop(go: list[Any]) -> list[Any]:
    """`sound` after a loop that goes on for as long as `go` says."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Identity", ["x_in"], ["x_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("on_in", BOOL, []),
            helper.make_tensor_value_info("x_in", FLOAT, [None, 4]),
        ],
        [
            helper.make_tensor_value_info("on", BOOL, []),
            helper.make_tensor_value_info("x_out", FLOAT, [None, 4]),
        ],
    )
    return [*go, node("Loop", ["", "go", "sound"], ["probabilities"], body=body)]


def at_other_mq() -> list[Any]:
    """Whether any site has another MQ than 60."""
    return [
        constant("first", np.array([0], np.int64)),
        node("Gather", ["annotations", "first"], ["mq"], axis=1),
        constant("sixty", np.float32(60)),
        node("Sub", ["mq", "sixty"], ["off"]),
        node("Abs", ["off"], ["far"]),
        node("ReduceMax", ["far"], ["farthest"], keepdims=0),
        constant("little", np.float32(0.001)),
        node("Greater", ["farthest", "little"], ["go"]),
    ]


def shaped(*shape: int) -> list[Any]:
    return [
        constant("shape", np.array(shape, np.int64)),
        node("ConstantOfShape", ["shape"], ["probabilities"]),
    ]


GRAPHS: dict[str, tuple[list[Any], int]] = {
    "sound": ([node("Identity", ["sound"], ["probabilities"])], FLOAT),
    "nan": (
        [constant("k", np.float32(np.nan)), node("Mul", ["sound", "k"], ["probabilities"])],
        FLOAT,
    ),
    "nan at other MQ": (
        [
            *at_other_mq()[:5],
            constant("little", np.float32(0.001)),
            node("Greater", ["far", "little"], ["odd"]),
            constant("none", np.float32(np.nan)),
            node("Where", ["odd", "none", "sound"], ["probabilities"]),
        ],
        FLOAT,
    ),
    "infinite": (
        [constant("k", np.float32(np.inf)), node("Mul", ["sound", "k"], ["probabilities"])],
        FLOAT,
    ),
    "three classes": (
        [
            constant("three", np.array([0, 1, 2], np.int64)),
            node("Gather", ["sound", "three"], ["probabilities"], axis=1),
        ],
        FLOAT,
    ),
    "one row": (shaped(1, 4), FLOAT),
    "flat": (
        [
            constant("all", np.array([-1], np.int64)),
            node("Reshape", ["sound", "all"], ["probabilities"]),
        ],
        FLOAT,
    ),
    "a number": ([node("ReduceMax", ["sound"], ["probabilities"], keepdims=0)], FLOAT),
    "double": ([node("Cast", ["sound"], ["probabilities"], to=DOUBLE)], DOUBLE),
    "integers": ([node("Cast", ["sound"], ["probabilities"], to=INT64)], INT64),
    "a sequence": ([node("SequenceConstruct", ["sound"], ["probabilities"])], -1),
    "fails": (
        [
            constant("odd", np.array([7, 11], np.int64)),
            node("Reshape", ["sound", "odd"], ["probabilities"]),
        ],
        FLOAT,
    ),
    "huge": (
        [
            # Not known before it runs, or ONNX Runtime would make it while it loads.
            node("Shape", ["sound"], ["size"]),
            constant("much", np.array([1 << 20, 1 << 20], np.int64)),
            node("Mul", ["size", "much"], ["shape"]),
            node("ConstantOfShape", ["shape"], ["big"]),
            node("ReduceMax", ["big"], ["top"], keepdims=0),
            node("Add", ["sound", "top"], ["probabilities"]),
        ],
        FLOAT,
    ),
    "endless": (loop([constant("go", np.bool_(True))]), FLOAT),
    "endless at other MQ": (loop(at_other_mq()), FLOAT),
}


def write_foreign(
    path: Path, way: str = "sound", manifest: str | None = None, **fields: Any
) -> Path:
    """A network whose graph is one of GRAPHS; `manifest` in place of one that has `fields`."""
    nodes, kind = GRAPHS[way]
    shape = None if way in ("flat", "a number") else [None, None]
    out = helper.make_tensor_value_info("probabilities", FLOAT if kind < 0 else kind, shape)
    if kind < 0:
        tensor = helper.make_tensor_type_proto(FLOAT, [None, 4])
        out = helper.make_value_info("probabilities", helper.make_sequence_type_proto(tensor))
    weights = np.random.default_rng(3).normal(0, 1, (128 + 2, 4)).astype(np.float32)
    sound = [
        node("Cast", ["reference"], ["bases"], to=FLOAT),
        node("Concat", ["bases", "annotations"], ["all_inputs"], axis=1),
        constant("weights", weights / 30),
        node("MatMul", ["all_inputs", "weights"], ["logits"]),
        node("Softmax", ["logits"], ["sound"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info("reference", TensorProto.UINT8, [None, 128]),
        helper.make_tensor_value_info("annotations", FLOAT, [None, 2]),
    ]
    graph = helper.make_graph([*sound, *nodes], "foreign", inputs, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    text = json.dumps(MANIFEST | fields) if manifest is None else manifest
    model.metadata_props.add(key=MANIFEST_KEY, value=text)
    onnx.save(model, str(path))
    return path
