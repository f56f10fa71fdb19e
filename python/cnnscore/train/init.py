"""Weights of a network on disk -> a PyTorch network of the same architecture (`train --init`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from cnnscore.errors import BadInput
from cnnscore.network.graph_builder import read_weights
from cnnscore.network.keras_graph import untransformed
from cnnscore.network.manifest import Manifest
from cnnscore.network.session import Session
from cnnscore.train.config import Config
from cnnscore.train.network import GatkReference, Network

Array = NDArray[Any]


def load_weights(network: Network, config: Config, path: Path) -> Manifest:
    """Fill `network` with the weights of the file `path`, whose manifest is returned: one of
    `cnnscore train`, or GATK's 1D network as `cnnscore model import` writes it.

    Errors: BadInput when it is another architecture, or sees something else.
    """
    manifest, data = Session(path, "cpu").manifest, config.data
    ours = (data.encoding, data.window, data.annotations)
    if (manifest.encoding, manifest.window, manifest.annotations) != ours:
        raise BadInput(
            f"`init={path}`: it sees {manifest.encoding}, window {manifest.window}, annotations "
            f"{' '.join(manifest.annotations)}; give a configuration with the same [data]"
        )
    model = onnx.load(str(path))
    weights = read_weights(model)
    wanted = {
        name: value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
        and not (network.output == "probabilities" and name.startswith("annotations."))
    }
    if isinstance(network, GatkReference) and not set(wanted) <= set(weights):
        weights = _gatk_weights(network, model, path)
    missing = [
        name
        for name, value in wanted.items()
        if name not in weights or weights[name].shape != tuple(value.shape)
    ]
    if missing:
        raise BadInput(
            f"`init={path}`: it has no {missing[0]} of shape "
            f"{tuple(wanted[missing[0]].shape)}; give the configuration that it was trained with "
            "(config.toml in the folder of its run)"
        )
    found = {name: torch.from_numpy(np.array(weights[name], np.float32)) for name in wanted}
    network.load_state_dict(found, strict=False)
    return manifest


def _gatk_weights(network: GatkReference, model: onnx.ModelProto, path: Path) -> dict[str, Array]:
    """The weights of an imported 1D network by the names of ours, read off its graph."""
    convolutions, dense, norm = _layers(model)
    lines = [f"line.layers.{i}" for i in range(len(network.line.layers))]
    names = [
        f"{part}.layers.{i}"
        for part in ("branch", "hidden")
        for i in range(len(network.get_submodule(part).layers))
    ]
    names.append("last")
    if (len(lines), len(names)) != (len(convolutions), len(dense)) or norm is None:
        raise BadInput(
            f"`init={path}`: it has {len(convolutions)} convolutions and {len(dense)} dense "
            f"layers, the configuration {len(lines)} and {len(names)}: give `gatk-1d`"
        )
    # Its batch normalisation is a scale and a shift; what statistics they come from is not known.
    network.norm.frozen = True
    scale, shift = norm
    weights: dict[str, Array] = {
        "norm.norm.weight": scale,
        "norm.norm.bias": shift,
        "norm.norm.running_mean": np.zeros_like(scale),
        "norm.norm.running_var": np.full_like(scale, 1 - network.norm.norm.eps),
        "calibration.slope": np.ones(2, np.float32),
        "calibration.offset": np.zeros(2, np.float32),
    }
    for name, (kernel, bias) in zip(lines, convolutions, strict=True):
        weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"] = kernel, bias
    for name, (kernel, bias) in zip(names, dense, strict=True):
        weights[f"{name}.linear.weight"], weights[f"{name}.linear.bias"] = kernel.T, bias
    return weights


Weights = tuple[Array, Array]


def _layers(model: onnx.ModelProto) -> tuple[list[Weights], list[Weights], Weights | None]:
    """Convolutions (kernel, bias), dense layers (kernel, bias), and the scale and shift of the
    annotations, of a graph that `gatk_models` wrote."""
    constants = read_weights(model)
    convolutions: list[Weights] = []
    dense: list[Weights] = []
    norm: list[Array] = []
    products: list[Array] = []  # of the convolution that is being read, in the Fourier domain
    for node in model.graph.node:
        known = [constants[name] for name in node.input if name in constants]
        if node.op_type == "Conv":
            convolutions.append((known[0], known[1]))
        elif node.op_type == "Gemm":
            dense.append((known[0], known[1]))
        elif node.op_type == "MatMul":
            products.append(known[0])
        elif (
            node.op_type == "Add" and len(products) == 3 and known and known[0].dtype == np.float32
        ):
            forward, mix, inverse = products
            convolutions.append((untransformed(forward, mix, inverse), known[0]))
            products = []
        elif (node.op_type, node.input[0]) == ("Mul", "annotations") or (
            node.op_type == "Add" and len(norm) == 1
        ):
            norm.append(known[0].reshape(-1))
    return convolutions, dense, (norm[0], norm[1]) if len(norm) == 2 else None
