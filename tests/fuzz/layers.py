"""Mutations below a file's checksums: content that is hostile in blocks that are whole.

Each layer takes a file and returns one in which a part is mutated, and all around it made to fit.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise

from fuzz.mutations import mutated, shuffled
from hosts.bgzf import END, bgzf, block_starts

Layer = Callable[[bytes, random.Random], bytes]
"""File and random numbers -> file."""


def content(data: bytes, rng: random.Random) -> bytes:
    """Of BGZF: what is in the blocks; packed as the indexed files are."""
    return bgzf(mutated(gzip.decompress(data), rng), level=0)


def gzip_content(data: bytes, rng: random.Random) -> bytes:
    """Of plain gzip (CRAI)."""
    return gzip.compress(mutated(gzip.decompress(data), rng), 6, mtime=0)


def blocks(data: bytes, rng: random.Random) -> bytes:
    """Blocks of BGZF in another order; the end marker stays."""
    starts = [*block_starts(data), len(data) - len(END)]
    parts = [data[begin:end] for begin, end in pairwise(starts)]
    return b"".join(shuffled(parts, rng)) + END


# ---- CRAM 3.0 (its specification, sections 2.3, 7 and 8)

FILE_DEFINITION = 26
UNPACK: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: gzip.decompress,
    2: bz2.decompress,
    3: lzma.decompress,
}
CONTAINER_FIELDS_BEFORE, LTF8_FIELDS = 4, 2


def read_itf8(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 5 bytes, and where it ends."""
    first = data[at]
    more = next((n for n in range(4) if not first & 0x80 >> n), 4)
    if more == 4:
        value = (first & 0x0F) << 28 | int.from_bytes(data[at + 1 : at + 4]) << 4
        return value | data[at + 4] & 0x0F, at + 5
    return int.from_bytes(data[at : at + 1 + more]) & (1 << 7 * (more + 1)) - 1, at + 1 + more


def write_itf8(value: int) -> bytes:
    for more in range(4):
        if value < 1 << 7 * (more + 1):
            head = (0xF0 << 4 >> more & 0xFF) << 8 * more
            return (head | value).to_bytes(more + 1)
    return (
        bytes([0xF0 | value >> 28 & 0x0F])
        + (value >> 4 & 0xFFFFFF).to_bytes(3)
        + bytes([value & 0x0F])
    )


def _skip_ltf8(data: bytes, at: int) -> int:
    first = data[at]
    return at + 1 + next((n for n in range(8) if not first & 0x80 >> n), 8)


def cram_containers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Where each begins, its first block, and its end."""
    at = FILE_DEFINITION
    while at < len(data):
        begin, (length,) = at, struct.unpack_from("<i", data, at)
        at += 4
        for _ in range(CONTAINER_FIELDS_BEFORE):
            _, at = read_itf8(data, at)
        for _ in range(LTF8_FIELDS):
            at = _skip_ltf8(data, at)
        _, at = read_itf8(data, at)
        landmarks, at = read_itf8(data, at)
        for _ in range(landmarks):
            _, at = read_itf8(data, at)
        at += 4
        yield begin, at, at + length
        at += length


def cram_parts(data: bytes, rng: random.Random) -> bytes:
    """Containers in another order; the header and the end marker stay."""
    spans = list(cram_containers(data))
    parts = [data[begin:end] for begin, _, end in spans[1:-1]]
    return data[: spans[0][2]] + b"".join(shuffled(parts, rng)) + data[spans[-1][0] :]


def cram_block(data: bytes, rng: random.Random) -> bytes:
    """A block's data, with new lengths and checksums."""
    begin, first, end = rng.choice(list(cram_containers(data))[:-1])
    spans, at = [], first
    while at < end:
        _, sizes = read_itf8(data, at + 2)
        size, after = read_itf8(data, sizes)
        raw, after = read_itf8(data, after)
        spans.append((at, sizes, after, size, raw))
        at = after + size + 4
    at, sizes, after, size, raw = rng.choice(spans)
    method, inside = data[at], data[after : after + size]
    if method in UNPACK and size and rng.random() < 0.8:
        inside = mutated(UNPACK[method](inside), rng)
        method, raw = 0, len(inside)
    else:
        inside = mutated(inside, rng)
    block = (
        bytes([method]) + data[at + 1 : sizes] + write_itf8(len(inside)) + write_itf8(raw) + inside
    )
    block += struct.pack("<I", zlib.crc32(block))
    body = data[first:at] + block + data[after + size + 4 : end]
    head = struct.pack("<i", len(body)) + data[begin + 4 : first - 4]
    return data[:begin] + head + struct.pack("<I", zlib.crc32(head)) + body + data[end:]


# ---- protobuf


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def _write_varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(data: bytes) -> list[tuple[int, int | bytes]] | None:
    """Key and value of each field, None where it is no message."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    try:
        while at < len(data):
            key, at = _read_varint(data, at)
            if key & 7 == 0:
                value, at = _read_varint(data, at)
                fields.append((key, value))
                continue
            if key & 7 == 2:
                size, at = _read_varint(data, at)
            else:
                size = {1: 8, 5: 4}[key & 7]
            if key >> 3 == 0 or at + size > len(data):
                return None
            fields.append((key, data[at : at + size]))
            at += size
    except (IndexError, KeyError):
        return None
    return fields


def _message(fields: list[tuple[int, int | bytes]]) -> bytes:
    out = []
    for key, value in fields:
        out.append(_write_varint(key))
        if isinstance(value, int):
            out.append(_write_varint(value))
        else:
            out.append((_write_varint(len(value)) if key & 7 == 2 else b"") + value)
    return b"".join(out)


def protobuf(data: bytes, rng: random.Random) -> bytes:
    """A field of a message, at any depth: its number or bytes changed, left out, there twice."""
    fields = _fields(data)
    if not fields:
        return mutated(data, rng)
    at = rng.randrange(len(fields))
    key, value = fields[at]
    if rng.random() < 0.15:
        changed = shuffled([_message([field]) for field in fields], rng)
        return b"".join(changed)
    if isinstance(value, int):
        number = rng.choice((0, 1, -1, 2**31 - 1, 2**63 - 1, value + 1, rng.randrange(32)))
        fields[at] = key, number
    elif key & 7 == 2:
        fields[at] = key, protobuf(value, rng) if rng.random() < 0.9 else mutated(value, rng)
    else:
        fields[at] = key, rng.randbytes(len(value))
    return _message(fields)


# ---- zip


def zip_entry(data: bytes, rng: random.Random) -> bytes:
    """A member's content, compressed anew with its checksum."""
    with zipfile.ZipFile(io.BytesIO(data)) as jar:
        members = {name: jar.read(name) for name in jar.namelist()}
    name = rng.choice(sorted(members))
    members[name] = mutated(members[name], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as jar:
        for member, inside in members.items():
            jar.writestr(zipfile.ZipInfo(member), inside)
    return out.getvalue()
