"""GATK's trained networks (Keras 2 HDF5 + JSON, as in its jars) -> .onnx files with a manifest.

The JSON says what the network sees, the HDF5 holds layers and weights. Both are read
without Keras: `h5py` for the numbers, `onnx_graph` for the graph.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnnscore.description import LABELS
from cnnscore.errors import BadInput
from cnnscore.network.keras_files import OLD_JAR, KerasPair, read_pairs
from cnnscore.network.keras_graph import READ_CHANNELS, REFERENCE_CHANNELS, NetworkGraph, Value
from cnnscore.network.manifest import MANIFEST_KEY, SCHEMA, parse_manifest
from cnnscore.network.providers import FAST

Array = npt.NDArray[np.float32]

CREATED_BY = "cnnscore model import"

_NAMES = {
    "1d_cnn_mix_train_full_bn": "gatk-1d",
    "small_2d": "gatk-2d",
    "2d_cnn_mix_train": "gatk-2d-large",
}
_CHANNELS = {
    "reference": ["A", "C", "G", "T"],
    "read_tensor": [
        *(f"{source}_{base}" for source in ("read", "reference") for base in "ACGT*"),
        *(f"flag_bit_{bit}" for bit in (4, 5, 6, 7)),
        "mapping_quality",
    ],
}


MOST_WEIGHTS = 1 << 26
"""Numbers in one array of an .hd5, which may be compressed."""

# What reading a damaged or foreign HDF5 file raises, out of h5py or by missing parts.
_BROKEN = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class ImportedNetwork:
    """One network: its name, the serialized ONNX model and the manifest inside it."""

    name: str
    onnx: bytes
    manifest: dict[str, Any]


@dataclass(frozen=True)
class _Layer:
    """One Keras layer: class, configuration, names of its inputs, weights by short name."""

    kind: str
    name: str
    config: dict[str, Any]
    inputs: list[str]
    weights: dict[str, Array]


@dataclass(frozen=True)
class _Network:
    """What the HDF5 file says."""

    keras_version: str
    theano: bool
    layers: list[_Layer]
    output: str


def import_networks(
    source: Path, only: str | None = None, *, created_by: str = CREATED_BY, form: str = FAST
) -> list[ImportedNetwork]:
    """Import the networks of a GATK jar, a folder, a .hd5 or a .json file (its pair beside it).

    `only` picks one by its name (gatk-1d, gatk-2d, gatk-2d-large, or the file's stem). The
    same input gives the same bytes. `form` is one of NetworkGraph.
    If an error occurs, BadInput names the file and the remedy.
    """
    pairs = {_NAMES.get(pair.stem, pair.stem): pair for pair in read_pairs(Path(source))}
    if only is not None:
        if only not in pairs:
            names = ", ".join(sorted(pairs))
            raise BadInput(f"{source}: no network named {only}; choose one of {names}")
        pairs = {only: pairs[only]}
    return [_import_pair(name, pair, created_by, form) for name, pair in sorted(pairs.items())]


# ---- one network


def _import_pair(name: str, pair: KerasPair, created_by: str, form: str) -> ImportedNetwork:
    semantics = _read_json(pair)
    network = _read_hd5(pair)
    kind = semantics["input_tensor_map_name"]
    reads = kind == "read_tensor"
    labels = semantics["output_labels"]
    dimensions = "2D" if reads else "1D"
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "encoding": "gatk-reads" if reads else "gatk-reference",
        "window": semantics["window_size"],
        "read_limit": semantics["read_limit"] if reads else 0,
        "annotations": semantics["input_annotations"],
        "labels": sorted(labels, key=lambda label: int(labels[label])),
        "score": "gatk-log-odds",
        "info_key": f"CNN_{dimensions}",
        "info_description": "Log odds of being a true variant versus being false under the trained "
        f"{dimensions} Convolutional Neural Network",
        "source": {
            "file": pair.file,
            "member": pair.member,
            "sha256": hashlib.sha256(pair.hd5_bytes).hexdigest(),
            "json_sha256": hashlib.sha256(pair.json_bytes).hexdigest(),
            "keras_version": network.keras_version,
            "backend": "theano" if network.theano else "tensorflow",
        },
        "created_by": created_by,
    }
    graph = NetworkGraph(form=form)
    output = _Translator(graph, pair, network, manifest).run()
    metadata = {MANIFEST_KEY: json.dumps(manifest, sort_keys=True)}
    parse_manifest(metadata[MANIFEST_KEY], pair.label)
    model = graph.finish_probabilities(output, name, metadata, created_by)
    return ImportedNetwork(name, model.SerializeToString(deterministic=True), manifest)


def _read_json(pair: KerasPair) -> dict[str, Any]:
    """The description of a network, checked: every key used later is there and sane."""

    def bad(why: str) -> BadInput:
        return BadInput(f"{pair.label}: its .json {why}; use the one GATK wrote with the network")

    try:
        semantics = json.loads(pair.json_bytes)
    except (ValueError, RecursionError) as error:
        raise bad(f"is not JSON ({error})") from error
    kinds = {
        "input_tensor_map_name": str,
        "input_tensor_map": dict,
        "window_size": int,
        "read_limit": int,
        "input_annotations": list,
        "output_labels": dict,
    }
    for key, kind in kinds.items():
        if not isinstance(semantics, dict) or not isinstance(semantics.get(key), kind):
            raise bad(f"lacks {key}")
    tensor = semantics["input_tensor_map_name"]
    if tensor not in _CHANNELS:
        raise bad(f"has the tensor type {tensor!r}, not one of {', '.join(_CHANNELS)}")
    if semantics["input_tensor_map"] != {name: i for i, name in enumerate(_CHANNELS[tensor])}:
        raise bad("orders the channels (input_tensor_map) in another way than GATK does")
    labels = semantics["output_labels"]
    if set(labels) != set(LABELS) or not all(i in labels.values() for i in range(len(LABELS))):
        raise bad(f"has the output labels {labels}, not {', '.join(sorted(LABELS))} as 0 to 3")
    return dict(semantics)


def _read_hd5(pair: KerasPair) -> _Network:
    try:
        with h5py.File(io.BytesIO(pair.hd5_bytes), "r") as file:
            model = json.loads(_text(file.attrs["model_config"]))
            if model["class_name"] != "Model":
                raise BadInput(f"{pair.label}: is no functional Keras Model; save it as one")
            config = model["config"]
            layers = [_read_layer(pair, layer, file["model_weights"]) for layer in config["layers"]]
            outputs = config["output_layers"]
            if len(outputs) != 1:
                raise BadInput(f"{pair.label}: has {len(outputs)} outputs; only one can be read")
            backend = _text(file.attrs["backend"])
            if backend not in ("theano", "tensorflow"):
                raise BadInput(
                    f"{pair.label}: was saved under Keras' {backend} backend; only theano and "
                    "tensorflow can be read"
                )
            version = _text(file.attrs["keras_version"])
            return _Network(version, backend == "theano", layers, outputs[0][0])
    except _BROKEN as error:
        raise BadInput(
            f"{pair.label}: not a whole Keras 2 model file ({error}); fetch it again, or save the "
            "network with model.save()"
        ) from error


def _read_layer(pair: KerasPair, layer: dict[str, Any], groups: Any) -> _Layer:
    name, nodes = layer["name"], layer["inbound_nodes"]
    if len(nodes) > 1:
        raise BadInput(f"{pair.label}: layer {name} is used {len(nodes)} times; not supported")
    weights = {}
    if name in groups:
        for path in map(_text, groups[name].attrs["weight_names"]):
            short = path.rsplit("/", 1)[-1].split(":")[0]
            values = groups[name][path]
            if values.size > MOST_WEIGHTS:
                raise BadInput(f"{pair.label}: {path} has {values.size:,} numbers; {OLD_JAR}")
            weights[short] = np.asarray(values, np.float32)
    inputs = [node[0] for node in nodes[0]] if nodes else []
    return _Layer(layer["class_name"], name, layer["config"], inputs, weights)


def _text(value: Any) -> str:
    """h5py gives attributes as str or bytes, depending on who wrote them."""
    return value.decode() if isinstance(value, bytes) else str(value)


class _Translator:
    """Walks the layers in order and writes each into the graph."""

    def __init__(
        self, graph: NetworkGraph, pair: KerasPair, network: _Network, manifest: dict[str, Any]
    ) -> None:
        self._graph = graph
        self._pair = pair
        self._network = network
        self._manifest = manifest
        self._channels_first = False

    def run(self) -> Value:
        """The value of the output layer."""
        values: dict[str, Value] = {}
        for layer in self._network.layers:
            translate = _LAYERS.get(layer.kind)
            if translate is None:
                known = ", ".join(sorted(_LAYERS))
                raise self._bad(layer, f"is a {layer.kind}; only these can be read: {known}")
            try:
                values[layer.name] = translate(self, layer, [values[name] for name in layer.inputs])
            except _BROKEN as error:
                raise self._bad(layer, f"is broken ({error}); save the network again") from error
        inputs = sum(layer.kind == "InputLayer" for layer in self._network.layers)
        output = values.get(self._network.output)
        if inputs != 2 or output is None or output.shape != (len(LABELS),):
            raise BadInput(
                f"{self._pair.label}: maps {inputs} inputs to {output and output.shape}; only a "
                "tensor and the annotations to 4 classes can be read"
            )
        return output

    def _bad(self, layer: _Layer, why: str) -> BadInput:
        return BadInput(f"{self._pair.label}: layer {layer.name} {why}")

    def _expect(self, layer: _Layer, key: str, *allowed: Any) -> Any:
        """A configuration entry, refused unless it is one of those allowed."""
        value = layer.config.get(key, allowed[0])
        if value not in allowed:
            raise self._bad(layer, f"has {key} {value}; supported: {', '.join(map(str, allowed))}")
        return value

    def _axis(self, x: Value, axis: int) -> int:
        """A Keras axis -> the axis of the graph's [N, C, H, W] or [N, F]."""
        if len(x.shape) == 1:
            return (0, 1)[axis]
        if self._is_line(x):
            return (0, 3, 1)[axis]
        return axis % 4 if self._channels_first else (0, 2, 3, 1)[axis]

    def _is_line(self, x: Value) -> bool:
        """Whether Keras sees [N, L, C] here: the height of 1 exists only in the graph."""
        return len(x.shape) == 3 and self._manifest["read_limit"] == 0

    def input(self, layer: _Layer, _: list[Value]) -> Value:
        shape = tuple(layer.config["batch_input_shape"][1:])
        window, limit = self._manifest["window"], self._manifest["read_limit"]
        count = len(self._manifest["annotations"])
        if shape == (count,):
            return self._graph.annotations(count)
        if limit == 0 and shape == (window, REFERENCE_CHANNELS):
            return self._graph.reference(window)
        if limit > 0 and shape in (
            (limit, window, READ_CHANNELS),
            (READ_CHANNELS, limit, window),
        ):
            self._channels_first = shape[0] == READ_CHANNELS
            return self._graph.reads(window, limit)
        raise self._bad(layer, f"has the shape {shape}, which its .json doesn't describe")

    def conv(self, layer: _Layer, inputs: list[Value]) -> Value:
        self._expect_layout(layer)
        self._expect(layer, "strides", [1], [1, 1])
        self._expect(layer, "dilation_rate", [1], [1, 1])
        activation = self._expect(layer, "activation", "linear", "relu", "sigmoid")
        kernel = layer.weights["kernel"]
        if kernel.ndim == 3:
            kernel = kernel[None]
        if self._network.theano:
            # Theano convolves, TensorFlow correlates: its kernels are stored back to front.
            kernel = kernel[::-1, ::-1]
        pads = (0, 0, 0, 0)
        if self._expect(layer, "padding", "valid", "same") == "same":
            # Theano pads k // 2 on both sides and cuts the last output of an even kernel.
            high, wide = kernel.shape[:2]
            top, left = (k // 2 if self._network.theano else (k - 1) // 2 for k in (high, wide))
            pads = (top, left, high - 1 - top, wide - 1 - left)
        bias = layer.weights.get("bias", np.zeros(kernel.shape[3], np.float32))
        y = self._graph.conv(inputs[0], kernel.transpose(3, 2, 0, 1), bias, pads)
        return self._graph.activation(y, activation)

    def _expect_layout(self, layer: _Layer) -> None:
        layout = "channels_first" if self._channels_first else "channels_last"
        self._expect(layer, "data_format", layout)

    def pool(self, layer: _Layer, inputs: list[Value]) -> Value:
        self._expect_layout(layer)
        self._expect(layer, "padding", "valid")
        size, strides = list(layer.config["pool_size"]), list(layer.config["strides"])
        if len(size) == 1:
            size, strides = [1, *size], [1, *strides]
        kind = "MaxPool" if layer.kind.startswith("Max") else "AveragePool"
        return self._graph.pool(inputs[0], kind, (size[0], size[1]), (strides[0], strides[1]))

    def batch_normalization(self, layer: _Layer, inputs: list[Value]) -> Value:
        weights = {key: value.astype(np.float64) for key, value in layer.weights.items()}
        mean, variance = weights["moving_mean"], weights["moving_variance"]
        gamma = weights.get("gamma", np.ones_like(mean))
        scale = gamma / np.sqrt(variance + layer.config["epsilon"])
        shift = weights.get("beta", np.zeros_like(mean)) - mean * scale
        axis = self._axis(inputs[0], layer.config["axis"])
        return self._graph.scale_shift(inputs[0], scale, shift, axis)

    def activation(self, layer: _Layer, inputs: list[Value]) -> Value:
        kinds = ["linear", "relu", "sigmoid"] + ["softmax"] * (len(inputs[0].shape) == 1)
        return self._graph.activation(inputs[0], self._expect(layer, "activation", *kinds))

    def passthrough(self, _: _Layer, inputs: list[Value]) -> Value:
        return inputs[0]

    def flatten(self, layer: _Layer, inputs: list[Value]) -> Value:
        x = inputs[0]
        # Keras' axes in their order, as axes of the graph; height 1 of a line is free to go first.
        order = [2, 3, 1] if not self._channels_first else [1, 2, 3]
        if layer.config.get("data_format") == "channels_first":
            # Keras 2.2 moves what it takes for the channel axis to the end.
            moved = order.pop(1 if self._is_line(x) else 0)
            order.append(moved)
        return self._graph.flatten(x, (order[0], order[1], order[2]))

    def dense(self, layer: _Layer, inputs: list[Value]) -> Value:
        if len(inputs[0].shape) != 1:
            raise self._bad(layer, "follows no Flatten; not supported")
        activation = self._expect(layer, "activation", "linear", "relu", "sigmoid", "softmax")
        kernel = layer.weights["kernel"]
        bias = layer.weights.get("bias", np.zeros(kernel.shape[1], np.float32))
        return self._graph.activation(self._graph.dense(inputs[0], kernel, bias), activation)

    def concatenate(self, layer: _Layer, inputs: list[Value]) -> Value:
        return self._graph.concat(inputs, self._axis(inputs[0], layer.config["axis"]))

    def add(self, _: _Layer, inputs: list[Value]) -> Value:
        return self._graph.add(inputs)


_LAYERS: dict[str, Callable[[_Translator, _Layer, list[Value]], Value]] = {
    "InputLayer": _Translator.input,
    "Conv1D": _Translator.conv,
    "Conv2D": _Translator.conv,
    "MaxPooling1D": _Translator.pool,
    "MaxPooling2D": _Translator.pool,
    "AveragePooling1D": _Translator.pool,
    "AveragePooling2D": _Translator.pool,
    "BatchNormalization": _Translator.batch_normalization,
    "Activation": _Translator.activation,
    "Dropout": _Translator.passthrough,
    "SpatialDropout1D": _Translator.passthrough,
    "SpatialDropout2D": _Translator.passthrough,
    "Flatten": _Translator.flatten,
    "Dense": _Translator.dense,
    "Concatenate": _Translator.concatenate,
    "Add": _Translator.add,
}
