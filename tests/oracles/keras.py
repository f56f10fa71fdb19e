"""A plain numpy forward pass of GATK's Keras networks: the oracle for imported networks.

Reads the HDF5 as Keras wrote it and evaluates one layer after another on the float tensors
of GATK's own layout. Shares no code with `cnnscore.network.keras_import`, so that a mistake there
can't hide here. Float64 throughout; slow on purpose.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# GATK's defines.py lists these in the order A, C, T, G yet writes them to channels A, C, G, T.
AMBIGUITY = {
    "K": (0, 0, 0.5, 0.5),
    "M": (0.5, 0.5, 0, 0),
    "R": (0.5, 0, 0, 0.5),
    "Y": (0, 0.5, 0.5, 0),
    "S": (0, 0.5, 0, 0.5),
    "W": (0.5, 0, 0.5, 0),
    "B": (0, 0.333, 0.333, 0.334),
    "V": (0.333, 0.333, 0, 0.334),
    "H": (0.333, 0.333, 0.334, 0),
    "D": (0.333, 0, 0.333, 0.334),
    "N": (0.25, 0.25, 0.25, 0.25),
}
NIBBLES = "=ACMGRSVTWYHKDBN"


def reference_tensor(reference: Array, channels: int = 4) -> Array:
    """Reference codes uint8[N, W] -> float64[N, W, channels]."""
    out = np.zeros((*reference.shape, channels))
    for code in range(channels):
        out[reference == code, code] = 1.0
    out[reference == 5, :4] = 0.25
    return out


def read_tensor(bases: Array, quals: Array, rows: Array, reference: Array, limit: int) -> Array:
    """Planes of the gatk-reads encoding -> float64[N, limit, W, 15], GATK's `read_tensor`."""
    n, depth, width = bases.shape
    out = np.zeros((n, limit, width, 15))
    out[:, :, :, 5:10] = reference_tensor(reference, 5)[:, None]
    for i, r, w in np.ndindex(n, depth, width):
        code, quality = int(bases[i, r, w]) & 31, int(quals[i, r, w])
        cell = out[i, r, w]
        if code < 16 and NIBBLES[code] in "ACGT":
            error = 10.0 ** (-quality / 10.0)
            cell[:4] = error / 3.0
            cell["ACGT".index(NIBBLES[code])] = 1.0 - error
        elif code < 16 and NIBBLES[code] in AMBIGUITY:
            cell[:4] = AMBIGUITY[NIBBLES[code]]
        elif code == 16:
            cell[4] = 1.0
        if bases[i, r, w] & 32:
            flags, mapq = rows[i, r]
            cell[10:14] = [bool(flags & bit) for bit in (1, 2, 4, 8)]
            cell[14] = mapq / 60.0
    return out


class KerasOracle:
    """One trained network, read from a Keras 2 HDF5 file."""

    def __init__(self, hd5: Path) -> None:
        with h5py.File(hd5, "r") as file:
            config = file.attrs["model_config"]
            text = config.decode() if isinstance(config, bytes) else config
            self.model: dict[str, Any] = json.loads(text)["config"]
            backend = file.attrs["backend"]
            self.theano = (backend.decode() if isinstance(backend, bytes) else backend) == "theano"
            self.weights: dict[str, list[Array]] = {}
            for name, group in file["model_weights"].items():
                keys = group.attrs["weight_names"]
                self.weights[name] = [np.asarray(group[key], np.float64) for key in keys]

    def probabilities(self, tensor: Array, annotations: Array) -> Array:
        """Class probabilities [N, 4] of a channels-last tensor and annotations [N, A]."""
        values: dict[str, Array] = {}
        for layer in self.model["layers"]:
            name, config = layer["name"], layer["config"]
            if layer["class_name"] == "InputLayer":
                shape = config["batch_input_shape"]
                if len(shape) == 2:
                    values[name] = annotations.astype(np.float64)
                elif len(shape) == 4 and shape[1] == 15:
                    values[name] = tensor.transpose(0, 3, 1, 2)
                else:
                    values[name] = tensor
                continue
            inputs = [values[node[0]] for node in layer["inbound_nodes"][0]]
            evaluate = getattr(self, "_" + layer["class_name"].lower())
            values[name] = evaluate(inputs, config, self.weights.get(name, []))
        return values[self.model["output_layers"][0][0]]

    def _conv2d(self, inputs: list[Array], config: dict[str, Any], weights: list[Array]) -> Array:
        first = config.get("data_format") == "channels_first"
        x = inputs[0].transpose(0, 2, 3, 1) if first else inputs[0]
        kernel = weights[0]
        height, width = kernel.shape[:2]
        if self.theano:
            kernel = kernel[::-1, ::-1]
        if config["padding"] == "same":
            # Theano pads k // 2 on both sides and drops the surplus output at the end.
            before = [k // 2 if self.theano else (k - 1) // 2 for k in (height, width)]
            pads = [(b, k - 1 - b) for b, k in zip(before, (height, width), strict=True)]
            x = np.pad(x, [(0, 0), *pads, (0, 0)])
        out_height, out_width = x.shape[1] - height + 1, x.shape[2] - width + 1
        y = np.zeros((x.shape[0], out_height, out_width, kernel.shape[3]))
        for i in range(height):
            for j in range(width):
                y += x[:, i : i + out_height, j : j + out_width] @ kernel[i, j]
        if len(weights) > 1:
            y += weights[1]
        y = _activate(y, config["activation"])
        return y.transpose(0, 3, 1, 2) if first else y

    def _conv1d(self, inputs: list[Array], config: dict[str, Any], weights: list[Array]) -> Array:
        as_2d = dict(config, data_format="channels_last")
        return self._conv2d([inputs[0][:, None]], as_2d, [weights[0][None], *weights[1:]])[:, 0]

    def _maxpooling2d(self, inputs: list[Array], config: dict[str, Any], _: list[Array]) -> Array:
        first = config.get("data_format") == "channels_first"
        x = inputs[0].transpose(0, 2, 3, 1) if first else inputs[0]
        (ph, pw), (sh, sw) = config["pool_size"], config["strides"]
        out = np.stack(
            [
                np.stack(
                    [
                        x[:, i : i + ph, j : j + pw].max(axis=(1, 2))
                        for j in range(0, x.shape[2] - pw + 1, sw)
                    ],
                    axis=1,
                )
                for i in range(0, x.shape[1] - ph + 1, sh)
            ],
            axis=1,
        )
        return out.transpose(0, 3, 1, 2) if first else out

    def _maxpooling1d(self, inputs: list[Array], config: dict[str, Any], _: list[Array]) -> Array:
        as_2d = {"pool_size": (1, *config["pool_size"]), "strides": (1, *config["strides"])}
        return self._maxpooling2d([inputs[0][:, None]], as_2d, [])[:, 0]

    def _batchnormalization(
        self, inputs: list[Array], config: dict[str, Any], weights: list[Array]
    ) -> Array:
        left = list(weights)
        shape = [1] * inputs[0].ndim
        shape[config["axis"]] = -1
        gamma = left.pop(0) if config["scale"] else np.ones(1)
        beta = left.pop(0) if config["center"] else np.zeros(1)
        gamma, beta, mean, variance = (v.reshape(shape) for v in (gamma, beta, *left))
        y: Array = (inputs[0] - mean) / np.sqrt(variance + config["epsilon"]) * gamma + beta
        return y

    def _dense(self, inputs: list[Array], config: dict[str, Any], weights: list[Array]) -> Array:
        y = inputs[0] @ weights[0]
        return _activate(y + weights[1] if len(weights) > 1 else y, config["activation"])

    def _flatten(self, inputs: list[Array], config: dict[str, Any], _: list[Array]) -> Array:
        x = inputs[0]
        if config.get("data_format") == "channels_first":  # Keras 2.2 moves the channels last
            x = np.moveaxis(x, 1, -1)
        return x.reshape(x.shape[0], -1)

    def _concatenate(self, inputs: list[Array], config: dict[str, Any], _: list[Array]) -> Array:
        return np.asarray(np.concatenate(inputs, axis=config["axis"]))

    def _add(self, inputs: list[Array], _: dict[str, Any], __: list[Array]) -> Array:
        return np.asarray(np.sum(np.stack(inputs), axis=0))

    def _activation(self, inputs: list[Array], config: dict[str, Any], _: list[Array]) -> Array:
        return _activate(inputs[0], config["activation"])

    def _dropout(self, inputs: list[Array], _: dict[str, Any], __: list[Array]) -> Array:
        return inputs[0]

    _spatialdropout1d = _spatialdropout2d = _dropout


def _activate(x: Array, name: str) -> Array:
    if name == "relu":
        return np.maximum(x, 0.0)
    if name == "softmax":
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    if name == "sigmoid":
        return np.asarray(1.0 / (1.0 + np.exp(-x)))
    assert name == "linear", name
    return x


def log_odds(probabilities: Array, kind: str) -> Array:
    """GATK's score of each row for one variant kind: "snp" or "indel"."""
    bad, good = {"snp": (0, 2), "indel": (1, 3)}[kind]
    p = np.asarray(probabilities, np.float64)
    return np.asarray(np.log(1e-7 + p[:, good] / (p[:, bad] + 1e-7)))
