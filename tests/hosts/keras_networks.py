"""Small networks as Keras writes them: HDF5 files with their JSON, of random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ANNOTATIONS = ["MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum"]
LABELS = {"NOT_SNP": 0, "INDEL": 3, "SNP": 2, "NOT_INDEL": 1}
REFERENCE_MAP = {"A": 0, "C": 1, "T": 3, "G": 2}
READ_MAP = {
    name: i
    for i, name in enumerate(
        [f"{source}_{base}" for source in ("read", "reference") for base in "ACGT*"]
        + ["flag_bit_4", "flag_bit_5", "flag_bit_6", "flag_bit_7", "mapping_quality"]
    )
}


@dataclass
class Keras:
    """Writes a network layer by layer, with random weights, as Keras' model.save() would."""

    backend: str = "tensorflow"
    version: str = "2.2.0"
    seed: int = 0
    layers: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, dict[str, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.theano = self.backend == "theano"

    def layer(self, kind: str, inputs: list[str], name: str = "", **config: Any) -> str:
        name = name or f"{kind.lower()}_{len(self.layers)}"
        nodes = [[[i, 0, 0, {}] for i in inputs]] if inputs else []
        self.layers.append(
            {"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes}
        )
        return name

    def input(self, name: str, *shape: int) -> str:
        return self.layer("InputLayer", [], name, batch_input_shape=[None, *shape])

    def conv(self, x: str, kernel: tuple[int, ...], **config: Any) -> str:
        sides = len(kernel) - 2
        default = {
            "strides": [1] * sides,
            "dilation_rate": [1] * sides,
            "padding": "valid",
            "activation": "relu",
            "use_bias": True,
        }
        if sides == 2:
            default["data_format"] = "channels_first" if self.theano else "channels_last"
        name = self.layer(f"Conv{sides}D", [x], **{**default, **config})
        scale = np.sqrt(2.0 / np.prod(kernel[:-1]))
        self.weights[name] = {
            "kernel": self.rng.normal(0, scale, kernel),
            "bias": self.rng.normal(0, 0.1, kernel[-1]),
        }
        return name

    def dense(self, x: str, features: int, units: int, activation: str = "relu") -> str:
        name = self.layer("Dense", [x], units=units, activation=activation, use_bias=True)
        self.weights[name] = {
            "kernel": self.rng.normal(0, np.sqrt(2.0 / features), (features, units)),
            "bias": self.rng.normal(0, 0.1, units),
        }
        return name

    def batch_normalization(self, x: str, size: int, axis: int, scale: bool = True) -> str:
        name = self.layer(
            "BatchNormalization", [x], axis=axis, epsilon=0.001, scale=scale, center=True
        )
        self.weights[name] = {"gamma": self.rng.uniform(0.5, 1.5, size)} if scale else {}
        self.weights[name] |= {
            "beta": self.rng.normal(0, 0.1, size),
            "moving_mean": self.rng.normal(0, 0.1, size),
            "moving_variance": self.rng.uniform(0.5, 1.5, size),
        }
        return name

    def pool(self, x: str, *size: int) -> str:
        first = "channels_first" if self.theano else "channels_last"
        config: dict[str, Any] = {"data_format": first} if len(size) == 2 else {}
        return self.layer(
            f"MaxPooling{len(size)}D",
            [x],
            pool_size=list(size),
            strides=list(size),
            padding="valid",
            **config,
        )

    def save(self, folder: Path, stem: str, output: str, **semantics: Any) -> Path:
        """Write stem.hd5 and stem.json; the path of the .hd5."""
        reads = any(layer["name"] == "read_tensor" for layer in self.layers)
        described = {
            "input_tensor_map_name": "read_tensor" if reads else "reference",
            "input_tensor_map": READ_MAP if reads else REFERENCE_MAP,
            "window_size": 128,
            "read_limit": 128,
            "input_annotations": ANNOTATIONS,
            "output_labels": LABELS,
        }
        path = folder / f"{stem}.hd5"
        path.with_suffix(".json").write_text(json.dumps({**described, **semantics}))
        config = {"layers": self.layers, "output_layers": [[output, 0, 0]]}
        model = json.dumps({"class_name": "Model", "config": config})
        old = self.version.startswith("2.0")
        with h5py.File(path, "w") as file:
            # Keras wrote bytes or str, with or without ":0", depending on its version.
            file.attrs["model_config"] = np.bytes_(model) if old else model
            file.attrs["backend"] = np.bytes_(self.backend) if old else self.backend
            file.attrs["keras_version"] = self.version
            groups = file.create_group("model_weights")
            for layer in self.layers:
                group = groups.create_group(layer["name"])
                names = []
                for short, value in self.weights.get(layer["name"], {}).items():
                    names.append(f"{layer['name']}/{short}" + ("" if self.theano else ":0"))
                    group.create_dataset(names[-1], data=value.astype(np.float32))
                group.attrs["weight_names"] = np.array(names, dtype="S64")
        return path


def head(keras: Keras, x: str, features: int, shortcut: bool = True) -> str:
    """What GATK's trainer puts on top: annotations in, dense layers, softmax."""
    axis = 1 if keras.theano else -1
    annotations = keras.input("annotations", 7)
    normed = keras.batch_normalization(annotations, 7, axis)
    mixed = keras.dense(normed, 7, 5)
    x = keras.layer("Concatenate", [x, mixed], axis=axis)
    x = keras.dense(x, features + 5, 6)
    x = keras.layer("Dropout", [x], rate=0.3)
    if shortcut:
        x = keras.layer("Concatenate", [x, normed], axis=axis)
    return keras.dense(x, 13 if shortcut else 6, 4, "softmax")


def line_network(folder: Path, backend: str, version: str) -> Path:
    """1D: wide enough for the Fourier convolution, then batch normalization and pooling."""
    keras = Keras(backend, version, seed=1)
    x = keras.input("reference", 128, 4)
    x = keras.conv(x, (12, 4, 24))
    x = keras.conv(x, (12, 24, 32))
    x = keras.layer("SpatialDropout1D", [x], rate=0.1)
    x = keras.conv(x, (13, 32, 24), activation="linear")
    x = keras.batch_normalization(x, 24, 2 if backend == "theano" else -1, scale=False)
    x = keras.layer("Activation", [x], activation="relu")
    x = keras.pool(x, 2)
    x = keras.conv(x, (4, 24, 6), padding="same")
    x = keras.batch_normalization(x, 47, 1)
    # Keras 2.2 under Theano flattens channel by channel, though a Conv1D puts channels last.
    first = "channels_first" if keras.theano and version == "2.2.0" else "channels_last"
    x = keras.layer("Flatten", [x], data_format=first)
    return keras.save(folder, f"line_{backend}", head(keras, x, 47 * 6))


def reads_network(folder: Path) -> Path:
    """TensorFlow, channels last: the shape of small_2d with batch normalization."""
    keras = Keras(seed=2)
    x = keras.input("read_tensor", 128, 128, 15)
    x = keras.conv(x, (9, 1, 15, 6), activation="linear")
    x = keras.batch_normalization(x, 6, -1)
    x = keras.layer("Activation", [x], activation="relu")
    x = keras.layer("SpatialDropout2D", [x], rate=0.1)
    x = keras.conv(x, (1, 25, 6, 5))
    x = keras.conv(x, (7, 1, 5, 20))
    x = keras.pool(x, 3, 1)
    x = keras.conv(x, (1, 25, 20, 20))
    x = keras.pool(x, 3, 2)
    x = keras.conv(x, (3, 1, 20, 3))
    x = keras.layer("Flatten", [x], data_format="channels_last")
    return keras.save(folder, "reads", head(keras, x, 10 * 40 * 3, shortcut=True))


def theano_reads_network(folder: Path) -> Path:
    """Theano, channels first: the shape of 2d_cnn_mix_train, kernels with both sides > 1."""
    keras = Keras("theano", "2.0.6", seed=3)
    x = keras.input("read_tensor", 15, 128, 128)
    x = keras.conv(x, (6, 1, 15, 5))
    x = keras.conv(x, (3, 4, 5, 6))
    x = keras.pool(x, 2, 2)
    x = keras.batch_normalization(x, 6, 1)
    x = keras.conv(x, (5, 1, 6, 4))
    x = keras.layer("Flatten", [x])
    return keras.save(folder, "theano", head(keras, x, 4 * 56 * 62, shortcut=False))


def same_network(folder: Path, backend: str) -> Path:
    """'same' padding on both axes, even kernels, and a sum of two branches."""
    keras = Keras(backend, seed=4)
    shape = (15, 128, 128) if keras.theano else (128, 128, 15)
    x = keras.input("read_tensor", *shape)
    x = keras.conv(x, (1, 6, 15, 4), padding="same")
    y = keras.conv(x, (4, 1, 4, 4), padding="same")
    z = keras.conv(x, (1, 1, 4, 4), activation="linear")
    x = keras.layer("Add", [y, z])
    x = keras.pool(x, 8, 8)
    first = "channels_first" if keras.theano else "channels_last"
    x = keras.layer("Flatten", [x], data_format=first)
    return keras.save(folder, f"same_{backend}", head(keras, x, 4 * 16 * 16))


NETWORKS: dict[str, Callable[[Path], Path]] = {
    "1d tensorflow": lambda folder: line_network(folder, "tensorflow", "2.2.0"),
    "1d theano": lambda folder: line_network(folder, "theano", "2.0.6"),
    "1d theano 2.2": lambda folder: line_network(folder, "theano", "2.2.0"),
    "2d tensorflow": reads_network,
    "2d theano": theano_reads_network,
    "2d same tensorflow": lambda folder: same_network(folder, "tensorflow"),
    "2d same theano": lambda folder: same_network(folder, "theano"),
}
