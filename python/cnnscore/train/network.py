"""Architectures: planes -> log-odds [n, 1], chosen by name in the configuration.

Each is one small module with `forward` (PyTorch) and `write` (ONNX). `scalar_input` annotations are
normalised inside, so that a network takes them as the record has them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn

from cnnscore.errors import BadInput
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES
from cnnscore.network.graph_builder import GraphBuilder
from cnnscore.train.config import Config
from cnnscore.train.layers import (
    Annotations,
    BatchNorm,
    Calibration,
    Convolution,
    Dense,
    Layer,
    MaxPool,
    Mlp,
    OneHot,
    ReadPooling,
    start_small,
)
from cnnscore.train.read_planes import ReadPlanes

Inputs = Mapping[str, Tensor]
_SNP = VARIANT_FEATURES.index("snp")
_ANY_BASE, _NOTHING = 5, 6  # codes of reference planes, docs/reference/encodings.md


class Network(nn.Module):
    """What all architectures share: annotations, the last layers, and calibration."""

    encodings: tuple[str, ...] = ()
    """Encodings whose planes it takes."""
    output = "log_odds"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.annotations = Annotations(config.data.annotations)
        self.calibration = Calibration()

    def features(self, planes: Inputs) -> Tensor:
        """[n, K]: all that the last layers see."""
        raise NotImplementedError

    def _finish(self, features: int) -> None:
        options = self.config.network
        self.hidden = Mlp([features, *options.hidden], options.dropout)
        self.last = Dense(options.hidden[-1] if options.hidden else features, 1)
        start_small(self.last)

    def forward(self, planes: Inputs) -> Tensor:
        """Log-odds [n], not calibrated."""
        return self.last(self.hidden(self.features(planes))).squeeze(1)

    def calibrated(self, planes: Inputs) -> Tensor:
        """Log-odds [n], as the written network gives them."""
        log_odds = self.forward(planes).unsqueeze(1)
        return self.calibration(log_odds, planes["variant"][:, _SNP : _SNP + 1]).squeeze(1)

    def write_features(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """`features` to ONNX; `inputs` are the graph's."""
        raise NotImplementedError

    def write(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """`calibrated` to ONNX: [n, 1]."""
        log_odds = self.last.write(
            graph, self.hidden.write(graph, self.write_features(graph, inputs))
        )
        snp = graph.op("Gather", [inputs["variant"], graph.ints(_SNP)], axis=1)
        return self.calibration.write(graph, log_odds, snp)

    def _site_width(self) -> int:
        return 2 * len(self.config.data.annotations) + len(VARIANT_FEATURES)

    def _site(self, planes: Inputs) -> list[Tensor]:
        return [self.annotations(planes["annotations"]), planes["variant"]]

    def _write_site(self, graph: GraphBuilder, inputs: dict[str, str]) -> list[str]:
        return [self.annotations.write(graph, inputs["annotations"]), inputs["variant"]]


class ReadSet(Network):
    """A small network per read, pooled over the reads that support the allele and over the others,
    joined with annotations and variant features. No order of reads, no reference."""

    encodings = ("read-set", "read-set-2")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        options = config.network
        self.read = Mlp([len(READ_SCALARS), *options.read])
        support = READ_SCALARS.index("supports_alt")
        self.pooling = ReadPooling(support, len(READ_SCALARS), options.read[-1])
        self._finish(self.pooling.width + self._site_width())

    def features(self, planes: Inputs) -> Tensor:
        """Pooled reads, annotations, variant features."""
        reads, sizes = self.pooling.in_groups(planes["reads"], planes["mask"])
        pooled = self.pooling(reads, sizes, self.read(reads))
        return torch.cat([pooled, *self._site(planes)], dim=1)

    def write_features(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """To ONNX."""
        # Reads of all sites as rows of one matrix: a product with bias and ReLU is then one kernel.
        flat = graph.op("Reshape", [inputs["reads"], graph.ints(-1, len(READ_SCALARS))])
        shape = [graph.op("Shape", [inputs["mask"]]), graph.ints(self.pooling.hidden)]
        shape = graph.op("Concat", shape, axis=0)
        embedding = graph.op("Reshape", [self.read.write(graph, flat), shape])
        pooled = self.pooling.write(graph, inputs["reads"], inputs["mask"], embedding)
        return str(graph.op("Concat", [pooled, *self._write_site(graph, inputs)], axis=1))


class SiteAnnotations(Network):
    """Annotations and variant features alone, as a control: does more than these carry anything?"""

    encodings = ("reference", "read-set", "read-set-2")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._finish(self._site_width())

    def features(self, planes: Inputs) -> Tensor:
        """Annotations, variant features."""
        return torch.cat(self._site(planes), dim=1)

    def write_features(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """To ONNX."""
        return str(graph.op("Concat", self._write_site(graph, inputs), axis=1))


class _Convolutions(nn.Module):
    """Convolutions in a row along columns of [n, C, 1, W], pooled after each where wanted."""

    def __init__(self, channels: int, window: int, config: Config) -> None:
        super().__init__()
        options = config.network
        self.layers = nn.ModuleList()
        width = window
        for filters, taps in zip(options.filters, options.kernels, strict=True):
            self.layers.append(
                Convolution(
                    channels,
                    filters,
                    (1, taps),
                    same=options.padding == "same",
                    batch_norm=options.batch_norm,
                    dropout=options.conv_dropout,
                )
            )
            width -= 0 if options.padding == "same" else taps - 1
            channels = filters
            if options.pool > 1:
                self.layers.append(MaxPool((1, options.pool)))
                width //= options.pool
            if width < 1:
                raise BadInput("network.kernels and network.pool leave no column of the window")
        self.width = width * channels

    def forward(self, x: Tensor) -> Tensor:
        """To PyTorch: [n, width], columns outside, channels inside."""
        for layer in self.layers:
            x = layer(x)
        return x.permute(0, 2, 3, 1).flatten(1)

    def write(self, graph: GraphBuilder, x: str) -> str:
        """To ONNX."""
        for layer in self.layers:
            x = layer.write(graph, x)
        x = graph.op("Transpose", [x], perm=[0, 2, 3, 1])
        return str(graph.op("Reshape", [x, graph.ints(0, self.width)]))


def _base_table() -> np.ndarray:
    """float32 [7 codes, 4]: A C G T; any base a quarter each; gap and nothing 0."""
    table = np.zeros((7, 4), np.float32)
    table[:4] = np.eye(4)
    table[_ANY_BASE] = 0.25
    return table


class Reference(Network):
    """Convolutions over reference and alternate sequence, joined with annotations and variant
    features: for calls without reads."""

    encodings = ("reference",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.bases = OneHot(_base_table())
        self.line = _Convolutions(8, config.data.window, config)
        self._finish(self.line.width + self._site_width())

    def features(self, planes: Inputs) -> Tensor:
        """Both sequences, annotations, variant features."""
        both = [self.bases(planes[name]) for name in ("reference", "alternate")]
        return torch.cat([self.line(torch.cat(both, dim=1)), *self._site(planes)], dim=1)

    def write_features(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """To ONNX."""
        both = [self.bases.write(graph, inputs[name]) for name in ("reference", "alternate")]
        line = self.line.write(graph, graph.op("Concat", both, axis=1))
        return str(graph.op("Concat", [line, *self._write_site(graph, inputs)], axis=1))


class _Classes(Network):
    """A network over GATK's planes: four classes instead of log-odds, as these planes do not say
    which type a site has."""

    output = "probabilities"

    def _finish(self, features: int) -> None:
        options = self.config.network
        self.hidden = Mlp([features, *options.hidden], options.dropout)
        extra = len(self.config.data.annotations) if options.annotations_again else 0
        self.last = Dense((options.hidden[-1] if options.hidden else features) + extra, 4)

    def normalised(self, planes: Inputs) -> Tensor:
        """Annotations after batch normalisation."""
        return self.norm(planes["annotations"])

    def _annotation_branch(self) -> int:
        count, options = len(self.config.data.annotations), self.config.network
        self.norm = BatchNorm(count, 1, epsilon=1e-3)
        width = options.annotation_dense
        self.branch = Mlp([count, width] if width else [])
        return width or count

    def classes(self, planes: Inputs) -> Tensor:
        """Unnormalised log-probabilities [n, 4], in the order of LABELS."""
        normalised = self.normalised(planes)
        hidden = self.hidden(torch.cat([self.line_features(planes), self.branch(normalised)], 1))
        if self.config.network.annotations_again:
            hidden = torch.cat([hidden, normalised], dim=1)
        return self.last(hidden)

    def line_features(self, planes: Inputs) -> Tensor:
        """What the convolutions make of the planes: [n, K]."""
        raise NotImplementedError

    def write_line(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """`line_features` to ONNX."""
        raise NotImplementedError

    def calibrated_classes(self, planes: Inputs) -> Tensor:
        """Unnormalised log-probabilities [n, 4] as the written network has them."""
        return self.calibration.of_classes(self.classes(planes))

    def write(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """Class probabilities to ONNX: [n, 4]."""
        normalised = self.norm.write(graph, inputs["annotations"])
        parts = [self.write_line(graph, inputs), self.branch.write(graph, normalised)]
        hidden = self.hidden.write(graph, graph.op("Concat", parts, axis=1))
        if self.config.network.annotations_again:
            hidden = graph.op("Concat", [hidden, normalised], axis=1)
        classes = self.calibration.write_classes(graph, self.last.write(graph, hidden))
        return str(graph.op("Softmax", [classes], axis=1))


class GatkReference(_Classes):
    """GATK's 1D networks: convolutions over the reference, annotations joined at the end. With
    the configuration `gatk-1d` it is GATK's own, layer by layer."""

    encodings = ("gatk-reference",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.bases = OneHot(_base_table())
        self.line = _Convolutions(4, config.data.window, config)
        self._finish(self.line.width + self._annotation_branch())

    def line_features(self, planes: Inputs) -> Tensor:
        """The reference."""
        return self.line(self.bases(planes["reference"]))

    def write_line(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """To ONNX."""
        return self.line.write(graph, self.bases.write(graph, inputs["reference"]))


class Separable2d(_Classes):
    """Convolutions along the reads and along the window apart, over GATK's planes; pooled late,
    over reads and columns both, annotations joined near the end: GATK's 2D networks, made small."""

    encodings = ("gatk-reads",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        options = config.network
        self.read_planes = ReadPlanes()
        self.layers = nn.ModuleList()
        channels = ReadPlanes.CHANNELS
        along_reads = options.read_kernels or (5,) * len(options.filters)
        if len(along_reads) != len(options.filters):
            raise BadInput("network.read_kernels must be as many as network.filters")
        for filters, taps, rows in zip(options.filters, options.kernels, along_reads, strict=True):
            for kernel in ((rows, 1), (1, taps)):
                self.layers.append(
                    Convolution(
                        channels,
                        filters,
                        kernel,
                        same=True,
                        batch_norm=options.batch_norm,
                        dropout=options.conv_dropout,
                    )
                )
                channels = filters
            if options.pool > 1:
                self.layers.append(MaxPool((1, options.pool)))
        self._finish(2 * channels + self._annotation_branch())

    def line_features(self, planes: Inputs) -> Tensor:
        """Mean over reads and columns, and the greatest."""
        x, inside = self.read_planes(planes)
        for layer in self.layers:
            x = layer(x * inside if isinstance(layer, Convolution) else x)
        return self.read_planes.pool(x, inside)

    def write_line(self, graph: GraphBuilder, inputs: dict[str, str]) -> str:
        """To ONNX."""
        x, inside = self.read_planes.write(graph, inputs)
        for layer in self.layers:
            if isinstance(layer, Convolution):
                x = graph.op("Mul", [x, inside])
            x = layer.write(graph, x)
        return self.read_planes.write_pool(graph, x, inside)


ARCHITECTURES: dict[str, type[Network]] = {
    "read-set": ReadSet,
    "reference": Reference,
    "annotations": SiteAnnotations,
    "gatk-reference": GatkReference,
    "separable-2d": Separable2d,
}

_INPUTS: dict[str, tuple[int, list[str | int]]] = {
    "reads": (TensorProto.FLOAT, ["N", "R", len(READ_SCALARS)]),
    "mask": (TensorProto.FLOAT, ["N", "R"]),
    "variant": (TensorProto.FLOAT, ["N", len(VARIANT_FEATURES)]),
}


def declare_inputs(graph: GraphBuilder, config: Config) -> dict[str, str]:
    """Inputs of the configuration's encoding, declared in the graph."""
    from cnnscore.network.encode import ENCODINGS

    window, count = config.data.window, len(config.data.annotations)
    kinds: dict[str, tuple[int, list[str | int]]] = {
        **_INPUTS,
        "annotations": (TensorProto.FLOAT, ["N", count]),
        "reference": (TensorProto.UINT8, ["N", window]),
        "alternate": (TensorProto.UINT8, ["N", window]),
        "bases": (TensorProto.UINT8, ["N", "R", window]),
        "quals": (TensorProto.UINT8, ["N", "R", window]),
        "rows": (TensorProto.UINT8, ["N", "R", 2]),
    }
    names = sorted(ENCODINGS[config.data.encoding].inputs)
    return {name: graph.input(name, *kinds[name]) for name in names}


def make_network(config: Config) -> Network:
    """The network of a configuration, with random weights.

    Errors: BadInput for an architecture or encoding that does not exist or fit.
    """
    known = ARCHITECTURES.get(config.network.architecture)
    if known is None:
        raise BadInput(
            f"unknown architecture {config.network.architecture!r}: "
            f"choose one of {', '.join(ARCHITECTURES)}"
        )
    if config.data.encoding not in known.encodings:
        raise BadInput(
            f"architecture {config.network.architecture} takes the encoding "
            f"{' or '.join(known.encodings)}, not {config.data.encoding}"
        )
    network = known(config)
    for name, module in network.named_modules():
        if isinstance(module, Layer):
            module.path = name
    return network
