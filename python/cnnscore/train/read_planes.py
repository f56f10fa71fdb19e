"""Planes of `gatk-reads` -> channels, and channels -> site, told to PyTorch and to ONNX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn

from cnnscore.network.encode import READ_NONE
from cnnscore.network.graph_builder import GraphBuilder
from cnnscore.network.keras_graph import READ_CHANNELS, cell_table, reference_table
from cnnscore.train.layers import values_of

_UNIT = float(2**24)
_FLAGS = 4
_QUALITIES = 256


class ReadPlanes(nn.Module):
    """`bases`, `quals` [n, R, W], `rows` [n, R, 2], `reference` [n, W] -> the 15 channels of
    docs/reference/encodings.md, [n, 15, R, W], and [n, 1, R, 1]: 1 where a row has a read."""

    CHANNELS = READ_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        bits = (np.arange(1 << _FLAGS)[:, None] >> np.arange(_FLAGS)) & 1
        tables = {
            "cells": cell_table(),
            "letters": reference_table(5),
            "flags": bits.astype(np.float32),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def forward(self, planes: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """To PyTorch."""
        bases = planes["bases"].long()
        cells = self.cells[bases * _QUALITIES + planes["quals"].long()].permute(0, 3, 1, 2)
        read, span = cells[:, :5], cells[:, 5:]
        reference = self.letters[planes["reference"].long()].transpose(1, 2).unsqueeze(2)
        row = torch.cat(
            [self.flags[planes["rows"][..., 0].long()], planes["rows"][..., 1:].float() / 60], dim=2
        )
        row = row.transpose(1, 2).unsqueeze(3) * span
        inside = (bases != READ_NONE).any(dim=2)[:, None, :, None].float()
        every = reference.expand(-1, -1, read.shape[2], -1)
        return torch.cat([read, every, row], dim=1), inside

    def write(self, graph: GraphBuilder, inputs: Mapping[str, str]) -> tuple[str, str]:
        """To ONNX."""

        def codes(name: str) -> str:
            return str(graph.op("Cast", [inputs[name]], to=TensorProto.INT32))

        bases = codes("bases")
        index = graph.op("Mul", [bases, graph.const(_QUALITIES, np.int32)])
        index = graph.op("Add", [index, codes("quals")])
        cells = graph.op("Gather", [graph.const(values_of(self.cells)), index])
        cells = graph.op("Transpose", [cells], perm=[0, 3, 1, 2])
        read, span = graph.op("Split", [cells, graph.ints(5, 1)], outputs=2, axis=1)
        letters = graph.op("Gather", [graph.const(values_of(self.letters)), codes("reference")])
        letters = graph.op("Transpose", [letters], perm=[0, 2, 1])
        letters = graph.op("Unsqueeze", [letters, graph.ints(2)])
        rows = codes("rows")
        flag, mapq = graph.op("Split", [rows, graph.ints(1, 1)], outputs=2, axis=2)
        flags = graph.op("Gather", [graph.const(values_of(self.flags)), flag])
        flags = graph.op("Squeeze", [flags, graph.ints(2)])
        mapq = graph.op("Cast", [mapq], to=TensorProto.FLOAT)
        row = graph.op("Concat", [flags, graph.op("Div", [mapq, graph.const(60.0)])], axis=2)
        row = graph.op("Transpose", [row], perm=[0, 2, 1])
        row = graph.op("Mul", [graph.op("Unsqueeze", [row, graph.ints(3)]), span])
        there = graph.op("Equal", [bases, graph.const(READ_NONE, np.int32)])
        there = graph.op("Cast", [graph.op("Not", [there])], to=TensorProto.FLOAT)
        there = graph.op("ReduceMax", [there], axes=[2], keepdims=0)
        inside = graph.op("Unsqueeze", [there, graph.ints(1, 3)])
        height = graph.op("Shape", [span], start=2, end=3)
        shape = graph.op("Concat", [graph.ints(1, 1), height, graph.ints(1)], axis=0)
        every = graph.op("Expand", [letters, shape])
        return str(graph.op("Concat", [read, every, row], axis=1)), str(inside)

    @staticmethod
    def pool(x: Tensor, inside: Tensor) -> Tensor:
        """[n, C, R, W] >= 0 -> [n, 2C]: mean over the cells of reads, and the greatest."""
        x = x * inside
        cells = torch.clamp(inside.sum(dim=(2, 3)), min=1) * x.shape[3]
        return torch.cat([x.sum(dim=(2, 3)) / cells, x.amax(dim=(2, 3))], dim=1)

    @staticmethod
    def write_pool(graph: GraphBuilder, x: str, inside: str) -> str:
        """`pool` to ONNX. Cells are rounded to whole multiples of 1/_UNIT in double precision,
        where sums of 128 x 128 of them below 2^15 are exact: no padding changes a bit."""
        x = graph.op("Mul", [x, inside])
        most = graph.op("ReduceMax", [x], axes=[2, 3], keepdims=0)
        double = graph.op("Cast", [x], to=TensorProto.DOUBLE)
        whole = graph.op("Round", [graph.op("Mul", [double, graph.const(_UNIT, np.float64)])])
        total = graph.op("ReduceSum", [whole, graph.ints(2, 3)], keepdims=0)
        total = graph.op("Mul", [total, graph.const(1 / _UNIT, np.float64)])
        reads = graph.op("ReduceSum", [inside, graph.ints(2, 3)], keepdims=0)
        reads = graph.op("Max", [reads, graph.const(1.0)])
        width = graph.op("Cast", [graph.op("Shape", [x], start=3, end=4)], to=TensorProto.FLOAT)
        cells = graph.op("Mul", [reads, width])
        mean = graph.op("Div", [graph.op("Cast", [total], to=TensorProto.FLOAT), cells])
        return str(graph.op("Concat", [mean, most], axis=1))
