"""Small random networks of both encodings, written as Keras files and imported as GATK's are."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import onnx

from cnnscore.network.keras_import import import_networks
from cnnscore.network.manifest import MANIFEST_KEY

ANNOTATIONS = ["MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum"]
READ_CHANNELS = [
    *(f"read_{base}" for base in "ACGT*"),
    *(f"reference_{base}" for base in "ACGT*"),
    "flag_bit_4",
    "flag_bit_5",
    "flag_bit_6",
    "flag_bit_7",
    "mapping_quality",
]


def write_tiny_networks(folder: Path) -> dict[str, str]:
    """Write reference.onnx and reads.onnx into `folder`; their paths by kind."""
    rng = np.random.default_rng(20)
    paths = {}
    for kind in ("reference", "reads"):
        reads = kind == "reads"
        shape = [None, 128, 128, 15] if reads else [None, 128, 4]
        tensor = "read_tensor" if reads else "reference"
        kernel = (5, 1, 15, 4) if reads else (7, 4, 4)
        flat = 124 * 128 * 4 if reads else 122 * 4
        conv = {
            "filters": 4,
            "kernel_size": list(kernel[:-2]),
            "strides": [1] * (len(kernel) - 2),
            "padding": "valid",
            "activation": "relu",
            "use_bias": True,
            "dilation_rate": [1] * (len(kernel) - 2),
            "data_format": "channels_last",
        }
        layers = [
            _layer("InputLayer", tensor, {"batch_input_shape": shape}),
            _layer("Conv2D" if reads else "Conv1D", "conv", conv, tensor),
            _layer("Flatten", "flat", {}, "conv"),
            _layer("InputLayer", "annotations", {"batch_input_shape": [None, 7]}),
            _layer("BatchNormalization", "bn", {"axis": -1, "epsilon": 0.001}, "annotations"),
            _layer("Concatenate", "join", {"axis": -1}, "flat", "bn"),
            _layer(
                "Dense", "dense", {"units": 4, "activation": "softmax", "use_bias": True}, "join"
            ),
        ]
        weights = {
            "conv": {"kernel": rng.normal(0, 0.3, kernel), "bias": rng.normal(0, 0.1, 4)},
            "bn": {
                "gamma": np.ones(7),
                "beta": np.zeros(7),
                "moving_mean": np.array([60, 40, 1, 2, 20, 0, 0]),
                "moving_variance": np.array([20, 900, 1, 20, 60, 1, 1]),
            },
            "dense": {
                "kernel": rng.normal(0, 2 / np.sqrt(flat), (flat + 7, 4)),
                "bias": rng.normal(0, 0.1, 4),
            },
        }
        _write(folder / f"{kind}.hd5", layers, weights)
        channels = READ_CHANNELS if reads else list("ACGT")
        semantics = {
            "input_tensor_map_name": tensor,
            "input_tensor_map": {channel: i for i, channel in enumerate(channels)},
            "window_size": 128,
            "read_limit": 128,
            "input_annotations": ANNOTATIONS,
            "input_annotation_set": "best_practices",
            "output_labels": {"NOT_SNP": 0, "NOT_INDEL": 1, "SNP": 2, "INDEL": 3},
            "input_symbols": {base: i for i, base in enumerate("ACGT*")},
            "architecture": f"{kind}.hd5",
            "channels_last": True,
        }
        (folder / f"{kind}.json").write_text(json.dumps(semantics))
        (network,) = import_networks(folder / f"{kind}.hd5")
        path = folder / f"{kind}.onnx"
        path.write_bytes(network.onnx)
        paths[kind] = str(path)
    return paths


def _layer(kind: str, name: str, config: dict[str, object], *inputs: str) -> dict[str, object]:
    nodes = [[[source, 0, 0, {}] for source in inputs]] if inputs else []
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": nodes,
    }


def _write(
    path: Path, layers: list[dict[str, object]], weights: dict[str, dict[str, np.ndarray]]
) -> None:
    config = {"name": "model_1", "layers": layers, "output_layers": [["dense", 0, 0]]}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Model", "config": config})
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.2.0"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [str(layer["name"]) for layer in layers]
        for name, arrays in weights.items():
            names = [f"{name}/{key}:0" for key in arrays]
            group.create_group(name).attrs["weight_names"] = names
            for key, array in arrays.items():
                group[name][f"{name}/{key}:0"] = array.astype(np.float32)


def with_manifest(network: str, target: Path, **fields: object) -> str:
    """A copy of a network with other manifest fields; its path."""
    model = onnx.load(network)
    (entry,) = [item for item in model.metadata_props if item.key == MANIFEST_KEY]
    entry.value = json.dumps({**json.loads(entry.value), **fields})
    onnx.save(model, str(target))
    return str(target)
