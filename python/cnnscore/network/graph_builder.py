"""ONNX graphs, node by node: the plumbing under every network that is written here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """Collects inputs, constants and nodes; `finish` makes the model. Values are names."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._inputs: list[Any] = []

    def op(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its output, or a list of `outputs` names."""
        names = [f"{kind.lower()}_{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        """The name of a constant; equal ones are stored once."""
        array = np.ascontiguousarray(value, dtype)
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        key = f"{array.dtype.str} {array.shape} {digest}"
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, name)
        return str(self._constants[key].name)

    def weight(self, name: str, value: Any) -> str:
        """A float32 constant of this name, by which `read_weights` finds it again."""
        array = np.ascontiguousarray(value, np.float32)
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, *values: int) -> str:
        """The name of a vector of int64."""
        return self.const(values, np.int64)

    def input(self, name: str, kind: int, shape: list[str | int]) -> str:
        """Declare an input of the model; a text in `shape` is an axis of any size."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def finish(
        self,
        output: str,
        value: str,
        width: int,
        name: str,
        metadata: dict[str, str],
        producer: str,
    ) -> ModelProto:
        """The model `name` whose only output is `output` float32[N, width]; what it does not need
        is left out."""
        self._nodes.append(helper.make_node("Identity", [value], [output]))
        needed, nodes = {output}, []
        for node in reversed(self._nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.append(node)
        constants = [c for c in self._constants.values() if c.name in needed]
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", width])
        graph = helper.make_graph(nodes[::-1], name, self._inputs, [result], constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=producer,
        )
        helper.set_model_props(model, metadata)
        return model


def read_weights(model: ModelProto) -> dict[str, NDArray[Any]]:
    """Name -> array of a model's constants."""
    return {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
