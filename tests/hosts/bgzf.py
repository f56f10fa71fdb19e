"""BGZF, written with blocks of a size that tests choose (SAM specification, section 4.1)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
SMALL = 2048
"""So small that many lines lie across two blocks."""


def bgzf(data: bytes, size: int = SMALL, level: int = 6) -> bytes:
    """`data` in blocks of `size` bytes, and the end marker. At level 0 nothing is packed."""
    blocks = []
    for begin in range(0, len(data), size):
        part = data[begin : begin + size]
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        packed = deflate.compress(part) + deflate.flush()
        head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
        blocks.append(head + packed + struct.pack("<2I", zlib.crc32(part), len(part)))
    return b"".join(blocks) + END


def block_starts(data: bytes) -> Iterator[int]:
    """Where each block begins, but the end marker."""
    at = 0
    while at < len(data) - len(END):
        yield at
        at += struct.unpack_from("<H", data, at + 16)[0] + 1
