"""A client that speaks HTTP/2 by hand, as slowly or wrongly as it likes."""

from __future__ import annotations

import resource
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4


def frame(kind: int, content: bytes, *, flags: int = 0, stream: int = 0) -> bytes:
    """One frame (RFC 9113, 4.1)."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


HELLO = PREFACE + frame(SETTINGS, b"")


def call(method: str) -> bytes:
    """The headers of a gRPC call, as stream 1: literal fields without Huffman coding."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "x",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
    return frame(HEADERS, block, flags=4, stream=1)


def part_of_message(claimed: int, content: bytes) -> bytes:
    """The begin of a message of `claimed` bytes."""
    return frame(DATA, struct.pack(">BI", 0, claimed) + content, stream=1)


def connect(address: str, *parts: bytes) -> socket.socket:
    """A connection to `unix:PATH` that has sent these bytes."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(address.removeprefix("unix:"))
    client.sendall(b"".join(parts))
    return client


def allow_many_files(count: int) -> None:
    """Let this process have so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))
