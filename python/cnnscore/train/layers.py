"""Layers written twice: `forward` for PyTorch, which trains them, and `write` for an ONNX graph.

Both forms stand side by side here and nowhere else; `export.py` checks that they agree. The ONNX
graph gives a site the same bits in a batch of any size, because products are computed row by row.
Sums over reads have an order and a padding that depend on the site only: `encode.py` orders the
reads by their content and pads them to a length, and `engine.py` puts sites of one length into a
call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn

from cnnscore.network.graph_builder import GraphBuilder

NORMALISED_LIMIT = 10.0
"""An annotation is limited to this many standard deviations."""
LOG_ANNOTATIONS = {"FS", "DP", "QUAL", "RelativeDepth"}
"""Annotations that are replaced by log(1 + max(x, 0)) first, because they have long tails."""
# Added to a variance before its root is taken: hides rounding (1e-7) in the difference of two sums.
_LEAST_VARIANCE = 1e-4


def values_of(tensor: Tensor) -> NDArray[np.float32]:
    """The numbers of a parameter."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32)
    return array


class Layer(nn.Module):
    """A module that knows its name in the network, which names its weights in the file."""

    path = ""

    def weight(self, graph: GraphBuilder, name: str) -> str:
        """A parameter or buffer as a constant under its name in the network's `state_dict`."""
        owner, _, last = name.rpartition(".")
        return graph.weight(
            f"{self.path}.{name}", values_of(getattr(self.get_submodule(owner), last))
        )


class Dense(Layer):
    """x @ kernel + bias over the last axis: [..., inputs] -> [..., outputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        return self.linear(x)

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        kernel = graph.op("Transpose", [self.weight(graph, "linear.weight")], perm=[1, 0])
        product = graph.op("MatMul", [x, kernel])
        return str(graph.op("Add", [product, self.weight(graph, "linear.bias")]))


class BatchNorm(Layer):
    """Batch normalisation of axis 1. If it is `frozen`, training does not change its statistics."""

    def __init__(self, channels: int, dimensions: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions](channels, eps=epsilon)
        self.frozen = False

    def train(self, mode: bool = True) -> BatchNorm:
        """As nn.Module.train."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        return self.norm(x)

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        names = ("weight", "bias", "running_mean", "running_var")
        weights = [self.weight(graph, f"norm.{name}") for name in names]
        return str(graph.op("BatchNormalization", [x, *weights], epsilon=self.norm.eps))


class Mlp(nn.Module):
    """Dense layers, each with ReLU and dropout after it (no dropout in ONNX)."""

    def __init__(self, sizes: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Dense(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        for layer in self.layers:
            x = self.dropout(torch.relu(layer(x)))
        return x

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        for layer in self.layers:
            x = graph.op("Relu", [layer.write(graph, x)])
        return x


class Annotations(Layer):
    """[n, A] annotations, NaN = missing -> [n, 2A]: z-scores, 0 where missing; and missing flags.

    `fit` takes mean and standard deviation from the training rows.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__()
        self.keys = tuple(keys)
        logs = torch.tensor([key in LOG_ANNOTATIONS for key in keys], dtype=torch.bool)
        self.register_buffer("logs", logs.reshape(1, -1), persistent=False)
        self.register_buffer("mean", torch.zeros(len(keys)))
        self.register_buffer("deviation", torch.ones(len(keys)))

    def fit(self, values: NDArray[np.float32]) -> None:
        """Normalise by these rows [n, A]."""
        with torch.no_grad():
            x = self._logarithms(torch.from_numpy(values)).numpy().astype(np.float64)
        for column, present in enumerate((np.isfinite(x)).T):
            if present.any():
                self.mean[column] = float(x[present, column].mean())
                self.deviation[column] = max(float(x[present, column].std()), 1e-3)

    def describe(self) -> dict[str, dict[str, float | bool]]:
        """Key -> its normalisation, for the manifest."""
        columns = zip(self.keys, self.logs[0], self.mean, self.deviation, strict=True)
        return {
            key: {"log1p": bool(log), "mean": float(mean), "sd": float(sd)}
            for key, log, mean, sd in columns
        }

    def _logarithms(self, x: Tensor) -> Tensor:
        return torch.where(self.logs, torch.log(torch.clamp(x, min=0) + 1), x)

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        missing = torch.isnan(x)
        z = (self._logarithms(torch.nan_to_num(x, nan=0.0)) - self.mean) / self.deviation
        z = torch.clamp(z, -NORMALISED_LIMIT, NORMALISED_LIMIT)
        return torch.cat([torch.where(missing, 0.0, z), missing.to(z.dtype)], dim=1)

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        zero = graph.const(0.0)
        missing = graph.op("IsNaN", [x])
        x = graph.op("Where", [missing, zero, x])
        logs = _log1p(graph, graph.op("Max", [x, zero]))
        logged = graph.const(self.logs.cpu().numpy(), np.bool_)
        x = graph.op("Where", [logged, logs, x])
        z = graph.op("Sub", [x, self.weight(graph, "mean")])
        z = graph.op("Div", [z, self.weight(graph, "deviation")])
        z = graph.op("Min", [z, graph.const(NORMALISED_LIMIT)])
        z = graph.op("Max", [z, graph.const(-NORMALISED_LIMIT)])
        z = graph.op("Where", [missing, zero, z])
        flags = graph.op("Cast", [missing], to=TensorProto.FLOAT)
        return str(graph.op("Concat", [z, flags], axis=1))


class ReadPooling(nn.Module):
    """Reads -> site: pools the reads that support the allele, and separately all others.

    The input is `reads` [n, R, F], `mask` [n, R] and the reads' `embedding` [n, R, H] >= 0. The
    output is [n, 2 (2 H + 3 F + 1) + 1]: for each of the two groups the mean and the maximum (at
    least 0) of embedding and scalars, the standard deviation of the scalars, and log(1 + reads);
    then the part of all reads that support the allele. A group without reads gives 0 everywhere.
    """

    def __init__(self, support: int, scalars: int, hidden: int) -> None:
        """`support` is the index of the scalar that is 1 where a read supports the allele;
        `scalars` is F, `hidden` is H.
        """
        super().__init__()
        self.support, self.scalars, self.hidden = support, scalars, hidden
        self.width = 2 * (2 * hidden + 3 * scalars + 1) + 1

    def in_groups(self, reads: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Reads without padding [T, F], one group after the other, and the groups' sizes [2n]. Each
        site's first group is the reads that support its allele. Padding would be most of the
        work."""
        inside = mask > 0
        site = inside.nonzero()[:, 0]
        present = reads[inside]
        group = 2 * site + (present[:, self.support] <= 0.5)
        order = torch.argsort(group, stable=True)
        return present[order], torch.bincount(group, minlength=2 * len(mask))

    def forward(self, reads: Tensor, sizes: Tensor, embedding: Tensor) -> Tensor:
        """For PyTorch, with reads as `in_groups` gives them."""
        counts = sizes[:, None].to(reads.dtype)
        group = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)
        values = torch.cat([embedding.to(reads.dtype), reads], dim=1)
        means = _means(values, group, counts)
        most = torch.segment_reduce(values, "max", lengths=sizes, initial=0.0, unsafe=True)
        variance = _means((reads - means[:, self.hidden :][group]) ** 2, group, counts)
        deviation = torch.where(counts > 0, torch.sqrt(variance + _LEAST_VARIANCE), 0.0)
        pooled = torch.cat([means, deviation, torch.log(counts + 1)], dim=1)
        of_site = counts.reshape(-1, 2)
        part = of_site[:, :1] / torch.clamp(of_site.sum(dim=1, keepdim=True), min=1)
        sides = [side.reshape(len(of_site), -1) for side in (pooled, most)]
        return torch.cat([*sides, part], dim=1)

    def write(self, graph: GraphBuilder, reads: str, mask: str, embedding: str) -> str:
        """For ONNX."""
        one, zero = graph.const(1.0), graph.const(0.0)
        supports = graph.op("Gather", [reads, graph.ints(self.support)], axis=2)
        others = graph.op("Sub", [graph.op("Unsqueeze", [mask, graph.ints(2)]), supports])
        groups = graph.op("Concat", [supports, others], axis=2)
        counts = graph.op("ReduceSum", [groups, graph.ints(1)], keepdims=0)
        size = graph.op("Unsqueeze", [graph.op("Max", [counts, one]), graph.ints(2)])
        groups = graph.op("Transpose", [groups], perm=[0, 2, 1])

        values = graph.op("Concat", [embedding, reads], axis=2)
        means = graph.op("Div", [graph.op("MatMul", [groups, values]), size])
        squares = graph.op("MatMul", [groups, graph.op("Mul", [reads, reads])])
        _, mean = graph.op(
            "Split", [means, graph.ints(self.hidden, self.scalars)], outputs=2, axis=2
        )
        square = graph.op("Div", [squares, size])
        variance = graph.op("Sub", [square, graph.op("Mul", [mean, mean])])
        variance = graph.op(
            "Add", [graph.op("Max", [variance, zero]), graph.const(_LEAST_VARIANCE)]
        )
        column = graph.op("Unsqueeze", [counts, graph.ints(2)])
        some = graph.op("Greater", [column, zero])
        deviation = graph.op("Where", [some, graph.op("Sqrt", [variance]), zero])
        pooled = graph.op("Concat", [means, deviation, _log1p(graph, column)], axis=2)

        most = [
            graph.op("ReduceMax", [graph.op("Mul", [values, side])], axes=[1], keepdims=0)
            for side in (supports, others)
        ]
        total = graph.op("ReduceSum", [counts, graph.ints(1)], keepdims=1)
        first = graph.op("Gather", [counts, graph.ints(0)], axis=1)
        part = graph.op("Div", [first, graph.op("Max", [total, one])])
        parts = [graph.op("Relu", [graph.op("Concat", most, axis=1)]), part]
        return str(graph.op("Concat", [graph.op("Flatten", [pooled], axis=1), *parts], axis=1))


def _means(values: Tensor, group: Tensor, counts: Tensor) -> Tensor:
    """[groups, V]: the mean of each group's values, 0 for a group without values."""
    sums = torch.zeros(len(counts), values.shape[1], dtype=values.dtype, device=values.device)
    return sums.index_add(0, group, values) / torch.clamp(counts, min=1)


def _log1p(graph: GraphBuilder, x: str) -> str:
    """log(1 + x), in double precision: in single precision ONNX Runtime gives a number other bits
    in the middle of a batch than at its end."""
    double = graph.op("Cast", [x], to=TensorProto.DOUBLE)
    log = graph.op("Log", [graph.op("Add", [double, graph.const(1.0, np.float64)])])
    return str(graph.op("Cast", [log], to=TensorProto.FLOAT))


class Convolution(Layer):
    """Convolution of [n, C, H, W] with stride 1, then batch normalisation (if wanted) and ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        *,
        same: bool,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.kernel, self.same = kernel, same
        self.conv = nn.Conv2d(inputs, outputs, kernel)
        self.norm = BatchNorm(outputs, 2) if batch_norm else None
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()
        high, wide = kernel
        self.pads = ((wide - 1) // 2, wide // 2, (high - 1) // 2, high // 2) if same else None

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        if self.pads:
            x = nn.functional.pad(x, self.pads)
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(torch.relu(x))

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        left, right, top, bottom = self.pads or (0, 0, 0, 0)
        weights = [self.weight(graph, f"conv.{name}") for name in ("weight", "bias")]
        x = graph.op(
            "Conv",
            [x, *weights],
            kernel_shape=list(self.kernel),
            pads=[top, left, bottom, right],
        )
        if self.norm is not None:
            x = self.norm.write(graph, x)
        return str(graph.op("Relu", [x]))


class MaxPool(nn.Module):
    """The maximum over windows of [n, C, H, W] that do not overlap."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """For PyTorch."""
        return nn.functional.max_pool2d(x, self.size)

    def write(self, graph: GraphBuilder, x: str) -> str:
        """For ONNX."""
        size = list(self.size)
        return str(graph.op("MaxPool", [x], kernel_shape=size, strides=size))


class OneHot(nn.Module):
    """uint8 codes [n, W] -> float [n, channels, 1, W] by a table [codes, channels]."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        super().__init__()
        self.register_buffer(
            "table", torch.from_numpy(np.ascontiguousarray(table)), persistent=False
        )

    def forward(self, codes: Tensor) -> Tensor:
        """For PyTorch."""
        return self.table[codes.long()].transpose(1, 2).unsqueeze(2)

    def write(self, graph: GraphBuilder, codes: str) -> str:
        """For ONNX."""
        index = graph.op("Cast", [codes], to=TensorProto.INT32)
        planes = graph.op("Gather", [graph.const(values_of(self.table)), index])
        planes = graph.op("Transpose", [planes], perm=[0, 2, 1])
        return str(graph.op("Unsqueeze", [planes, graph.ints(2)]))


class Calibration(Layer):
    """Log-odds [n, 1] -> slope * log-odds + offset, each different for SNPs and for indels."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("slope", torch.ones(2))
        self.register_buffer("offset", torch.zeros(2))

    def forward(self, log_odds: Tensor, snp: Tensor) -> Tensor:
        """For PyTorch. `snp` [n, 1] is 1 for SNPs."""
        slope = self.slope[1] + (self.slope[0] - self.slope[1]) * snp
        offset = self.offset[1] + (self.offset[0] - self.offset[1]) * snp
        return log_odds * slope + offset

    def write(self, graph: GraphBuilder, log_odds: str, snp: str) -> str:
        """For ONNX."""
        index = graph.op("Less", [snp, graph.const(0.5)])  # 0 for SNPs, 1 for indels
        index = graph.op("Cast", [index], to=TensorProto.INT64)
        slope = graph.op("Gather", [self.weight(graph, "slope"), index])
        offset = graph.op("Gather", [self.weight(graph, "offset"), index])
        return str(graph.op("Add", [graph.op("Mul", [log_odds, slope]), offset]))

    def of_classes(self, classes: Tensor) -> Tensor:
        """The same for four classes [n, 4] in the order of LABELS: a type's log-odds is the
        difference of its two classes, so both are scaled, and the true class is shifted."""
        offset = torch.cat([torch.zeros_like(self.offset), self.offset])
        return classes * self.slope.repeat(2) + offset

    def write_classes(self, graph: GraphBuilder, classes: str) -> str:
        """`of_classes` for ONNX."""
        slope, offset = self.weight(graph, "slope"), self.weight(graph, "offset")
        twice = graph.op("Concat", [slope, slope], axis=0)
        true = graph.op("Concat", [graph.const([0.0, 0.0]), offset], axis=0)
        return str(graph.op("Add", [graph.op("Mul", [classes, twice]), true]))


def start_small(layer: Dense) -> None:
    """Begin with outputs near 0, which means even odds."""
    with torch.no_grad():
        layer.linear.weight.mul_(1 / math.sqrt(2) / 2)
        layer.linear.bias.zero_()
