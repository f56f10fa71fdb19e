"""Tensor planes -> class probabilities, as an ONNX graph written layer by layer.

`NetworkGraph` is what `gatk_models` talks to: one method per layer, channels-first inside.
The graph takes the uint8 planes of `native/encode/encode.h` and expands them itself.

Rows without a read are all alike. So a tensor over the read axis is kept *trimmed*: it
holds the batch's R read rows and one more that stands for every later row, and grows back
to full height only where a layer needs that (`full_height`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto

from cnnscore.network.encode import READ_LETTERS, READ_NONE
from cnnscore.network.graph_builder import GraphBuilder
from cnnscore.network.providers import DIRECT, FAST, PLAIN

Array = npt.NDArray[Any]

READ_CHANNELS = 15
REFERENCE_CHANNELS = 4
_REFERENCE_OF_READS = slice(5, 10)  # channels of the read tensor, the same in every row
# GATK's ambiguity table: its values are listed as A, C, T, G but stored to channels A, C, G, T.
_AMBIGUITY = {
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
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: [N, C, H, W] with `shape` (C, H, W), or [N, F] with `shape` (F,).

    `shape` is what the network means. A trimmed value holds R+1 rows instead of H: its last
    row stands for all later ones, and rows past H (where R+1 > H) mean nothing.
    """

    name: str
    shape: tuple[int, ...]
    trimmed: bool = False
    channels_last: bool = False  # stored as [N, H, W, C] by the layer before
    parts: tuple[str, str] | None = None  # the read tensor only: read channels, one reference row


def cell_table() -> Array:
    """What a read cell holds: channels 0-4 and the span bit, float32[64 codes * 256 quals, 6]."""
    table = np.zeros((64, 256, 6))
    error = 10.0 ** (-np.arange(256) / 10.0)
    for code, letter in enumerate(READ_LETTERS):
        if letter in "ACGT":
            table[code, :, :4] = (error / 3.0)[:, None]
            table[code, :, "ACGT".index(letter)] = 1.0 - error
        elif letter in _AMBIGUITY:
            table[code, :, :4] = _AMBIGUITY[letter]
    table[16, :, 4] = 1.0
    table[32:] = table[:32]
    table[32:, :, 5] = 1.0
    return table.reshape(-1, 6).astype(np.float32)


def reference_table(channels: int) -> Array:
    """What one reference column holds: float32[7 codes, channels]."""
    table = np.zeros((7, channels), np.float32)
    table[:channels, :channels] = np.eye(channels)
    table[5, :4] = 0.25
    return table


@dataclass(frozen=True)
class _Fourier:
    """y[i] = sum_j w[j] x[i+j] for i < step, as `inverse @ ((forward @ x) * (kernel @ w))`.

    The discrete Fourier transform of a tile, in real numbers: the complex product of one
    frequency takes three real ones (Karatsuba), so there are about 1.5 points per column.
    forward [points, tile], kernel [points, K], inverse [step, points], all float64.
    """

    forward: Array
    kernel: Array
    inverse: Array
    tiles: int

    @property
    def tile(self) -> int:
        return int(self.forward.shape[1])

    @property
    def step(self) -> int:
        return int(self.inverse.shape[0])


# Speed is flat from 2 to 5 tiles, while weights grow with the points. Past 128, ONNX Runtime's
# matrix product splits the sum at a place that depends on the batch, and so would the last bit.
_MAX_POINTS = 80
# Transforms move more memory than a convolution does: they must save this factor of products.
_FOURIER_GAIN = 1.6


def _plan_fourier(kernel: Array, width: int) -> _Fourier | None:
    """The cheapest tiling for kernel [O, C, 1, K] and `width` outputs; None: convolve directly."""
    outputs, channels, _, taps = kernel.shape
    best, best_cost = None, width * taps * channels * outputs / _FOURIER_GAIN
    for tiles in range(2, 9):
        step = -(-width // tiles)
        tile = step + taps - 1
        points = 3 * (tile // 2) + 1 if tile % 2 else 3 * (tile // 2) - 1
        cost = tiles * points * (tile * channels + channels * outputs + step * outputs)
        if points <= _MAX_POINTS and cost < best_cost:
            best, best_cost = (tiles, step, tile), cost
    return None if best is None else _fourier(*best, taps)


def _fourier(tiles: int, step: int, tile: int, taps: int) -> _Fourier:
    forward, weights, inverse = [], [], []
    for frequency in range(tile // 2 + 1):
        angle = 2 * np.pi * frequency / tile
        # x -> a + ib; w -> c + id, conjugated, which makes it a correlation.
        a, b = np.cos(angle * np.arange(tile)), -np.sin(angle * np.arange(tile))
        c, d = np.cos(angle * np.arange(taps)), np.sin(angle * np.arange(taps))
        re, im = np.cos(angle * np.arange(step)) / tile, -np.sin(angle * np.arange(step)) / tile
        if frequency == 0 or 2 * frequency == tile:  # both real
            forward.append(a)
            weights.append(c)
            inverse.append(re)
        else:
            # c(a+b) - b(c+d) = ac - bd and c(a+b) + a(d-c) = ad + bc; twice, for the mirrored
            # frequency.
            forward += [a + b, a, b]
            weights += [c, d - c, c + d]
            inverse += [2 * (re + im), 2 * im, -2 * re]
    return _Fourier(np.array(forward), np.array(weights), np.array(inverse).T, tiles)


def untransformed(forward: Array, mix: Array, inverse: Array) -> Array:
    """The kernel [O, C, 1, K] of a convolution that was written in the Fourier domain, from the
    three constants that `NetworkGraph.conv` wrote: exact but for float32's rounding."""
    (points, tile), step = forward.shape, inverse.shape[0]
    taps = tile - step + 1
    transform = _fourier(1, step, tile, taps).kernel
    kernel = np.linalg.lstsq(transform, mix.reshape(points, -1).astype(np.float64), rcond=None)[0]
    return kernel.reshape(taps, *mix.shape[1:]).transpose(2, 1, 0)[:, :, None].astype(np.float32)


def _fits(condition: bool, why: str) -> None:
    if not condition:
        raise ValueError(f"shapes don't fit: {why}")


class NetworkGraph(GraphBuilder):
    """Builds one network. Weights that don't fit their input raise ValueError."""

    def __init__(self, *, form: str = FAST) -> None:
        """`form` is FAST, the quickest on a CPU; DIRECT, without the Fourier domain: few and large
        operations, of kinds that TensorRT knows; or PLAIN, the textbook graph, untrimmed too."""
        super().__init__()
        self._form = form
        self._plain = form == PLAIN

    # ---- plumbing

    def _gather(self, table: Array, codes: str) -> str:
        return str(self.op("Gather", [self.const(table), self._index(codes)]))

    def _index(self, codes: str) -> str:
        """As integers that count."""
        return str(self.op("Cast", [codes], to=TensorProto.INT32))

    def _codes(self, name: str, shape: list[str | int]) -> str:
        """An input of uint8. TensorRT makes floats of those, and nothing else."""
        codes = self.input(name, TensorProto.UINT8, shape)
        return (
            str(self.op("Cast", [codes], to=TensorProto.FLOAT)) if self._form == DIRECT else codes
        )

    # ---- inputs

    def annotations(self, count: int) -> Value:
        """`annotations` float32[N, count], 0 where missing."""
        return Value(self.input("annotations", TensorProto.FLOAT, ["N", count]), (count,))

    def _reference(self, window: int, channels: int) -> str:
        codes = self._codes("reference", ["N", window])
        columns = self._gather(reference_table(channels), codes)
        columns = self.op("Transpose", [columns], perm=[0, 2, 1])
        return str(self.op("Unsqueeze", [columns, self.ints(2)]))

    def reference(self, window: int) -> Value:
        """`reference` uint8[N, window] -> the 4 channels of gatk-reference, height 1."""
        name = self._reference(window, REFERENCE_CHANNELS)
        return Value(name, (REFERENCE_CHANNELS, 1, window))

    def reads(self, window: int, read_limit: int) -> Value:
        """`bases`, `quals` uint8[N, R, window], `rows` uint8[N, R, 2], `reference` uint8[N, window]
        -> the 15 channels of gatk-reads, trimmed."""

        def plane(name: str, width: int, empty: int) -> str:
            """One more row, an empty one."""
            planes = self._codes(name, ["N", "R", width])
            pads = self.ints(0, 0, 0, 0, 1, 0)
            kind = np.float32 if self._form == DIRECT else np.uint8
            return str(self.op("Pad", [planes, pads, self.const(empty, kind)]))

        bases = self._index(plane("bases", window, READ_NONE))
        quals = self._index(plane("quals", window, 0))
        shifted = self.op("Mul", [bases, self.const(256, np.int32)])
        cells = self._gather(cell_table(), self.op("Add", [shifted, quals]))
        cells = self.op("Transpose", [cells], perm=[0, 3, 1, 2])
        base, span = self.op("Split", [cells, self.ints(5, 1)], outputs=2, axis=1)

        flag, mapq = self.op("Split", [plane("rows", 2, 0), self.ints(1, 1)], outputs=2, axis=2)
        bits = (np.arange(16)[:, None] >> np.arange(4)) & 1
        flags = self._gather(bits.astype(np.float32), flag)
        mapqs = self._gather((np.arange(256) / 60.0)[:, None].astype(np.float32), mapq)
        row = self.op("Concat", [flags, mapqs], axis=3)  # [N, R+1, 1, 5]
        row = self.op("Mul", [self.op("Transpose", [row], perm=[0, 3, 1, 2]), span])

        reference = self._reference(window, 5)
        height = self.op("Shape", [span], start=2, end=3)
        shape = self.op("Concat", [self.ints(1, 1), height, self.ints(1)], axis=0)
        full = self.op("Concat", [base, self.op("Expand", [reference, shape]), row], axis=1)
        parts = (self.op("Concat", [base, row], axis=1), reference)
        value = Value(full, (READ_CHANNELS, read_limit, window), trimmed=True, parts=parts)
        return self.full_height(value) if self._plain else value

    # ---- layers

    def full_height(self, x: Value) -> Value:
        """Undo the trimming: repeat the last row down to H."""
        if not x.trimmed:
            return x
        axis = 1 if x.channels_last else 2
        height = self.op("Shape", [x.name], start=axis, end=axis + 1)
        last = self.op("Sub", [height, self.ints(1)])
        rows = self.op("Min", [self.const(np.arange(x.shape[1]), np.int64), last])
        name = self.op("Gather", [x.name, rows], axis=axis)
        return Value(name, x.shape, channels_last=x.channels_last)

    def _channels_first(self, x: Value) -> Value:
        if not x.channels_last:
            return x
        name = self.op("Transpose", [x.name], perm=[0, 3, 1, 2])
        return replace(x, name=name, channels_last=False)

    def conv(self, x: Value, kernel: Array, bias: Array, pads: tuple[int, int, int, int]) -> Value:
        """Convolve with kernel [O, C, kh, kw], stride 1; pads are top, left, bottom, right."""
        _, channels, high, wide = kernel.shape
        _fits(channels == x.shape[0], f"kernel {kernel.shape} on {x.shape}")
        if pads[0] or pads[2]:
            x = self.full_height(x)
        top, left, bottom, right = pads
        shape = (
            kernel.shape[0],
            x.shape[1] + top + bottom - high + 1,
            x.shape[2] + left + right - wide + 1,
        )
        _fits(min(shape) > 0, f"kernel {kernel.shape} on {x.shape}")
        if x.trimmed and high > 1:
            return Value(self._conv_trimmed(x, kernel, bias, left, right), shape, trimmed=True)
        if self._form == FAST and high == 1 and pads == (0, 0, 0, 0):
            transform = _plan_fourier(kernel, shape[2])
            if transform is not None:
                name = self._conv_fourier(x, kernel, bias, transform)
                return Value(name, shape, x.trimmed, channels_last=True)
        x = self._channels_first(x)
        if self._plain and x.shape[1] == high == 1:
            line = self.op("Squeeze", [x.name, self.ints(2)])
            line = self._convolve(line, kernel[:, :, 0], bias, (left, right))
            return Value(self.op("Unsqueeze", [line, self.ints(2)]), shape)
        return Value(self._convolve(x.name, kernel, bias, pads), shape, x.trimmed)

    def _convolve(self, x: str, kernel: Array, bias: Array | None, pads: tuple[int, ...]) -> str:
        weights = [self.const(w) for w in (kernel, bias) if w is not None]
        return str(self.op("Conv", [x, *weights], kernel_shape=kernel.shape[2:], pads=pads))

    def _conv_trimmed(self, x: Value, kernel: Array, bias: Array, left: int, right: int) -> str:
        """A convolution over rows that are all alike past the last one.

        With e that last row, conv(x) = conv(x - e) + conv(e), and x - e is zero past the last
        row: plain zero padding, whose rows the kernel skips, and e needs one row only. For the
        read tensor x - e is its read channels and e the reference.
        """
        summed = kernel.astype(np.float64).sum(axis=2, keepdims=True)
        if x.parts is not None:
            moving, fixed = x.parts
            summed = summed[:, _REFERENCE_OF_READS]
            kernel = np.delete(kernel, _REFERENCE_OF_READS, axis=1)
        else:
            axis = 1 if x.channels_last else 2
            last = [self.ints(-1), self.ints(np.iinfo(np.int64).max), self.ints(axis)]
            fixed = self.op("Slice", [x.name, *last])
            moving = self.op("Sub", [x.name, fixed])
            fixed = self._channels_first(replace(x, name=fixed)).name
            moving = self._channels_first(replace(x, name=moving)).name
        moving = self._convolve(moving, kernel, None, (0, left, kernel.shape[2] - 1, right))
        fixed = self._convolve(fixed, summed, bias, (0, left, 0, right))
        return str(self.op("Add", [moving, fixed]))

    def _conv_fourier(self, x: Value, kernel: Array, bias: Array, transform: _Fourier) -> str:
        """A convolution along the columns, 2-3 times cheaper in the Fourier domain; [N, H, W, O].

        Columns go first, so that each transform is one matrix product, and so is each point's
        mixing of the channels: [tile, T*N*H*C], [points, T*N*H, C], [step, T*N*H*O].
        """
        outputs, channels = kernel.shape[:2]
        tile, step, tiles = transform.tile, transform.step, transform.tiles
        points, width = len(transform.forward), x.shape[2]
        # The last tile may stick out past the last column: what it computes there is cut off.
        columns = np.minimum(np.arange(tile)[:, None] + step * np.arange(tiles), width - 1)

        y = x.name if x.channels_last else self.op("Transpose", [x.name], perm=[0, 2, 3, 1])
        y = self.op("Reshape", [y, self.ints(-1, channels)])
        sites = self.op("Shape", ["reference"], end=1)
        size = self.op("Div", [self.op("Shape", [y], end=1), sites])  # cells per site
        site = [self.const(0, np.int64), self.op("Squeeze", [sites]), self.const(1, np.int64)]
        start = self.op("Mul", [self.op("Range", site), size])
        start = self.op("Unsqueeze", [start, self.ints(1)])
        rows = self.const(np.arange(x.shape[1]) * width, np.int64)
        height = self.op("Div", [size, self.ints(width)])
        rows = self.op("Slice", [rows, self.ints(0), height])  # those past H go
        cells = self.op("Add", [self.const(columns[:, :, None, None], np.int64), start])
        cells = self.op("Add", [cells, rows])  # [tile, T, N, H]
        y = self.op("Reshape", [self.op("Gather", [y, cells]), self.ints(tile, -1)])
        y = self.op("MatMul", [self.const(transform.forward), y])
        y = self.op("Reshape", [y, self.ints(points, -1, channels)])
        mix = np.einsum("pk,ock->pco", transform.kernel, kernel[:, :, 0].astype(np.float64))
        y = self.op("MatMul", [y, self.const(mix)])
        y = self.op("Reshape", [y, self.ints(points, -1)])
        y = self.op("MatMul", [self.const(transform.inverse), y])
        y = self.op("Reshape", [y, self.ints(step, tiles, -1, outputs)])
        y = self.op("Transpose", [y], perm=[2, 1, 0, 3])
        shape = self.op("Concat", [sites, self.ints(-1, step * tiles, outputs)], axis=0)
        y = self.op("Reshape", [y, shape])
        surplus = tiles * step - (width - kernel.shape[3] + 1)
        if surplus:
            y = self.op("Slice", [y, self.ints(0), self.ints(-surplus), self.ints(2)])
        return str(self.op("Add", [y, self.const(bias)]))

    def pool(self, x: Value, kind: str, size: tuple[int, int], strides: tuple[int, int]) -> Value:
        """MaxPool or AveragePool without padding."""
        x = self._channels_first(x)
        name = x.name
        extra = size[0] + strides[0] - 2
        if x.trimmed and extra:  # enough rows for one window that lies past the last read row
            name = self.op("Pad", [name, self.ints(0, 0, 0, 0, 0, 0, extra, 0)], mode="edge")
        name = self.op(kind, [name], kernel_shape=list(size), strides=list(strides))
        channels, *sides = x.shape
        high, wide = ((sides[i] - size[i]) // strides[i] + 1 for i in (0, 1))
        return Value(name, (channels, high, wide), x.trimmed)

    def scale_shift(self, x: Value, scale: Array, shift: Array, axis: int) -> Value:
        """scale * x + shift along one axis of [N, C, H, W] or [N, F]."""
        x = self._channels_first(x)
        if axis == 2:
            x = self.full_height(x)
        _fits(axis > 0 and scale.shape == (x.shape[axis - 1],), f"{scale.shape} on {x.shape}")
        shape = [1] * (len(x.shape) + 1)
        shape[axis] = -1
        scaled = self.op("Mul", [x.name, self.const(scale.reshape(shape))])
        name = self.op("Add", [scaled, self.const(shift.reshape(shape))])
        return replace(x, name=name, parts=None)

    def activation(self, x: Value, kind: str) -> Value:
        """relu, sigmoid, softmax (over features, 2-D only) or linear."""
        if kind == "linear":
            return x
        return replace(x, name=self.op(_ACTIVATIONS[kind], [x.name]), parts=None)

    def flatten(self, x: Value, order: tuple[int, int, int]) -> Value:
        """[N, C, H, W] -> [N, F], the axes in the given order, e.g. (2, 3, 1) for H, W, C."""
        x = self._channels_first(self.full_height(x))
        name = self.op("Transpose", [x.name], perm=[0, *order]) if order != (1, 2, 3) else x.name
        size = int(np.prod(x.shape))
        return Value(self.op("Reshape", [name, self.ints(0, size)]), (size,))

    def dense(self, x: Value, kernel: Array, bias: Array) -> Value:
        """[N, F] times kernel [F, units] plus bias."""
        _fits(kernel.shape[0] == x.shape[0], f"kernel {kernel.shape} on {x.shape}")
        name = self.op("Gemm", [x.name, self.const(kernel), self.const(bias)])
        return Value(name, (kernel.shape[1],))

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Join along one axis of [N, C, H, W] or [N, F]."""
        values = [self._channels_first(self.full_height(v)) for v in values]
        shape = list(values[0].shape)
        shape[axis - 1] = sum(v.shape[axis - 1] for v in values)
        return Value(self.op("Concat", [v.name for v in values], axis=axis), tuple(shape))

    def add(self, values: Sequence[Value]) -> Value:
        """Elementwise sum."""
        values = [self._channels_first(self.full_height(v)) for v in values]
        _fits(len({v.shape for v in values}) == 1, "summands of different shapes")
        return Value(self.op("Sum", [v.name for v in values]), values[0].shape)

    # ---- output

    def finish_probabilities(
        self, x: Value, name: str, metadata: dict[str, str], producer: str
    ) -> ModelProto:
        """The model whose only output is `probabilities` float32[N, classes]."""
        return self.finish("probabilities", x.name, x.shape[0], name, metadata, producer)
