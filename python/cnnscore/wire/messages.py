"""WindowBatch and Description <-> the messages of native/include/cnnscore.proto.

The messages are made from the .proto file itself when this is imported: generated code would be
tied to the protobuf version that generated it, and would have to be generated. What arrives is
never trusted: each column's length is held against the counts before anything looks into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray

from cnnscore.batch import DTYPES, OPTIONAL, WindowBatch, assemble
from cnnscore.description import Description
from cnnscore.errors import BadBatch, CnnscoreError, ServerError
from cnnscore.network.encode import NativeBatch
from cnnscore.version import __version__

PROTOCOL_VERSION = 1
PARTS_VERSION = 2
"""Of a batch whose records hold parts of long reads: a server that knows no such records must not
take them for whole ones."""
PROTO = "cnnscore.proto"
_TYPES = {
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}


def file_descriptor(text: str) -> FileDescriptorProto:
    """The messages of a .proto like ours: one field per line, scalar types, no nesting.

    Errors: ValueError for a line of a message that is neither field nor comment.
    """
    file = FileDescriptorProto(name=PROTO, syntax="proto3")
    (file.package,) = re.findall(r"^package ([\w.]+);", text, re.MULTILINE)
    for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        message = file.message_type.add(name=name)
        for line in body.splitlines():
            if line.lstrip().startswith("//") or not line.strip():
                continue
            field = re.fullmatch(r"  (repeated )?(\w+) (\w+) = (\d+);", line)
            if not field or field[2] not in _TYPES:
                raise ValueError(f"{PROTO}: not understood: {line}")
            message.field.add(
                name=field[3],
                number=int(field[4]),
                type=_TYPES[field[2]],
                label=FieldDescriptorProto.LABEL_REPEATED
                if field[1]
                else FieldDescriptorProto.LABEL_OPTIONAL,
            )
    return file


def _message_classes() -> tuple[str, dict[str, type[Message]]]:
    file = file_descriptor((Path(__file__).parents[1] / PROTO).read_text(encoding="utf-8"))
    pool = DescriptorPool()  # our own: whoever has generated code of the same file keeps theirs
    pool.Add(file)
    return file.package, {
        message.name: GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
        for message in file.message_type
    }


_PACKAGE, MESSAGES = _message_classes()
SERVICE = f"{_PACKAGE}.Scorer"
DESCRIBE, SCORE = f"/{SERVICE}/Describe", f"/{SERVICE}/Score"
CLIENT = "cnnscore-client"
"""Metadata of Score: streams that give the same name are one client, whose share they have."""

_WIRE = {name: dtype.newbyteorder("<") for name, dtype in DTYPES.items()}
"""Column -> its numbers, all little-endian."""


# ---- Describe ----


@dataclass(frozen=True)
class ServerDescription:
    """What a server says of itself."""

    description: Description
    max_message_bytes: int
    """Largest encoded WindowBatch it takes."""
    max_in_flight: int
    """Batches of one stream it takes before it has answered."""
    protocol_version: int = PROTOCOL_VERSION
    server_version: str = __version__


def encode_describe_request() -> bytes:
    """Ask for the description."""
    return _encoded("DescribeRequest", protocol_version=PROTOCOL_VERSION)


def encode_description(server: ServerDescription) -> bytes:
    """A `Description` message."""
    own = {f.name: getattr(server.description, f.name) for f in fields(Description)}
    outer = {f.name: getattr(server, f.name) for f in fields(server) if f.name != "description"}
    return _encoded("Description", **own, **outer)


def decode_description(data: bytes) -> ServerDescription:
    """What a server answered.

    Errors: ServerError when it keeps another version of the rules, or says what makes no sense.
    """
    message = _parse("Description", data)
    _check_version(message.protocol_version, f"the server (cnnscore {message.server_version})")
    own = {f.name: getattr(message, f.name) for f in fields(Description)}
    own["annotations"] = tuple(own["annotations"])
    own["precision"] = own["precision"] or "exact"  # of which older servers say nothing
    outer = {
        f.name: getattr(message, f.name)
        for f in fields(ServerDescription)
        if f.name != "description"
    }
    server = ServerDescription(description=Description(**own), **outer)
    fault = server.description.fault()
    if not fault and min(server.max_message_bytes, server.max_in_flight) < 1:
        fault = "max_message_bytes or max_in_flight is below 1"
    if fault:
        raise ServerError(
            f"the server (cnnscore {server.server_version!r}) describes its network in a way that "
            f"makes no sense: {fault}; is it a cnnscore server of this version?"
        )
    return server


# ---- Score ----


def encode_batch(batch: WindowBatch, begin: int, end: int, *, id: int, network: str) -> bytes:
    """A `WindowBatch` message of sites [begin, end), with the contigs that these use."""
    part = batch.part(begin, end)
    version = PARTS_VERSION if NativeBatch(part).has_parts() else PROTOCOL_VERSION
    columns = {name: column.tobytes() for name, column in zip(_WIRE, columns_of(part), strict=True)}
    counts = _counts(part, version=version, id=id, network=network)
    return _encoded("WindowBatch", **counts, **columns)


def columns_of(part: WindowBatch) -> list[NDArray[Any]]:
    """All columns of a batch whose offsets begin with 0, as they lie in shared memory."""
    return [np.ascontiguousarray(getattr(part, name), dtype) for name, dtype in _WIRE.items()]


def encode_place(part: WindowBatch, place: MemoryPlace, *, id: int, network: str) -> bytes:
    """A `WindowBatch` message that says where in shared memory the columns of `part` lie."""
    # Who takes shared memory knows parts of reads.
    counts = _counts(part, version=PARTS_VERSION, id=id, network=network)
    return _encoded("WindowBatch", **counts, memory_at=place.at, memory_columns=place.columns)


def _counts(part: WindowBatch, *, version: int, id: int, network: str) -> dict[str, object]:
    """The fields of a message that are no columns."""
    return {
        "protocol_version": version,
        "id": id,
        "network": network,
        "n_sites": len(part),
        "n_annotations": part.annotations.shape[1],
        "n_contigs": len(part.contig_length),
        "reference_left": part.reference_left,
        "reference_width": part.reference.shape[1],
    }


@dataclass(frozen=True)
class MemoryPlace:
    """Where in shared memory the columns of a batch lie."""

    at: int
    columns: tuple[int, ...]
    """Bytes of each, in order."""

    @property
    def offsets(self) -> list[int]:
        """Where each begins from `at` on, and how much there is in all."""
        return [0, *accumulate(-(-n // 8) * 8 for n in self.columns)]

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.offsets[-1]


MOST_PLACE_BYTES = 4096
"""Of a message that says where its columns lie."""


def memory_place(data: bytes) -> MemoryPlace | None:
    """Where in shared memory a `WindowBatch` message has its columns; None when it has them itself.

    Errors: BadBatch when it is no message, or says what cannot be.
    """
    if len(data) > MOST_PLACE_BYTES:
        return None
    message = _parse("WindowBatch", data, BadBatch)
    if not message.memory_columns:
        return None
    place = MemoryPlace(message.memory_at, tuple(message.memory_columns))
    if len(place.columns) != len(_WIRE) or min(place.at, *place.columns) < 0:
        raise BadBatch(
            f"window batch: {len(place.columns)} columns at {place.at} of the shared memory, the "
            f"shortest has {min(place.columns)} bytes: there are {len(_WIRE)} columns"
        )
    return place


def decode_batch(
    data: bytes,
    *,
    network: str,
    place: MemoryPlace | None = None,
    content: NDArray[np.uint8] | None = None,
) -> tuple[int, WindowBatch]:
    """The id and the columns of a `WindowBatch` message, of which every part was checked.

    The columns are views of the message's fields, or of `content`, uint8 [place.bytes], a copy of
    what shared memory has at its place. Errors: BadBatch when it contradicts itself, ServerError
    when it is of another version of the rules or for another network.
    """
    message = _parse("WindowBatch", data, BadBatch)
    _check_version(message.protocol_version, "the client", PARTS_VERSION)
    if message.network != network:
        raise ServerError(
            f"the batch is for another network than the one served ({message.network[:12]!r}, not "
            f"{network[:12]!r}): ask the server for its description again"
        )
    for name in ("n_sites", "n_annotations", "n_contigs", "reference_left", "reference_width"):
        if getattr(message, name) < 0:
            raise BadBatch(f"window batch: {name} is negative")
    columns = _columns(message, place, content)

    def column(name: str, count: int) -> NDArray[Any]:
        content = columns[name]
        dtype = _WIRE[name]
        if name in OPTIONAL and len(content) == 0:
            count = 0
        if len(content) != count * dtype.itemsize:
            raise BadBatch(
                f"window batch: column {name} has {len(content)} bytes, the counts say "
                f"{count * dtype.itemsize}"
            )
        return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False)

    def offsets(name: str, count: int) -> NDArray[np.int64]:
        values = column(name, count + 1)
        if values[0] != 0 or values[-1] < 0:
            raise BadBatch(f"window batch: column {name} must begin with 0 and rise")
        return values

    batch = assemble(
        column,
        offsets,
        n=message.n_sites,
        n_annotations=message.n_annotations,
        reference_left=message.reference_left,
        reference_width=message.reference_width,
        n_contigs=message.n_contigs,
    )
    NativeBatch(batch).check()
    return message.id, batch


def _columns(
    message: Any, place: MemoryPlace | None, content: NDArray[np.uint8] | None
) -> dict[str, Any]:
    """Column -> its bytes. Errors: BadBatch when there are such in more than one place."""
    own = {name: getattr(message, name) for name in _WIRE}
    if place is None or content is None:
        if message.memory_columns:
            raise BadBatch("window batch: columns in the message and in shared memory")
        return own
    if any(own.values()):
        raise BadBatch("window batch: columns in the message and in shared memory")
    parts = zip(_WIRE, place.offsets, place.columns, strict=False)
    return {name: content[begin : begin + n] for name, begin, n in parts}


def encode_scores(id: int, scores: NDArray[np.float32]) -> bytes:
    """A `ScoreBatch` message."""
    return _encoded("ScoreBatch", id=id, scores=scores.astype("<f4", copy=False).tobytes())


def decode_scores(data: bytes, *, id: int, n_sites: int) -> NDArray[np.float32]:
    """Scores float32 [n_sites] of a `ScoreBatch`. Errors: ServerError when it answers another."""
    message = _parse("ScoreBatch", data)
    if message.id != id or len(message.scores) != 4 * n_sites:
        raise ServerError(
            f"the server answered batch {message.id} with {len(message.scores)} bytes where batch "
            f"{id} of {n_sites} sites was asked: it does not keep the protocol"
        )
    return np.frombuffer(message.scores, "<f4").astype(np.float32)


def _encoded(name: str, **values: object) -> bytes:
    encoded: bytes = MESSAGES[name](**values).SerializeToString()
    return encoded


def _parse(name: str, data: bytes, error: type[CnnscoreError] = ServerError) -> Any:
    message = MESSAGES[name]()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise error(f"what arrived ({len(data)} bytes) is no {name} message") from None
    return message


def _check_version(version: int, who: str, most: int = PROTOCOL_VERSION) -> None:
    if not PROTOCOL_VERSION <= version <= most:
        raise ServerError(
            f"{who} speaks version {version} of the protocol, this cnnscore {__version__} speaks "
            f"{most}: install the same cnnscore on both sides"
        )
