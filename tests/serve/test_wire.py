"""The messages: what protoc makes of the .proto, the shared vectors, and lies."""

from __future__ import annotations

import json
import random
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from cnnscore.batch import WindowBatch, concatenate
from cnnscore.description import Description
from cnnscore.errors import BadBatch, CnnscoreError, ServerError
from cnnscore.wire.messages import (
    DESCRIBE,
    MESSAGES,
    SCORE,
    ServerDescription,
    decode_batch,
    decode_description,
    decode_scores,
    encode_batch,
    encode_describe_request,
    encode_description,
    encode_scores,
    file_descriptor,
)
from hosts.server import Windows, lie, mutated

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "wire"
OPTIONAL = {"qual", "site_depth", "sample_depth"}
BATCHES = ["window_batch", "window_batch_optional"]
COLUMNS = [f.name for f in fields(WindowBatch) if f.name not in ("reference_left", "owner")]


# ---- the contract ----


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What protoc makes of cnnscore.proto."""
    from grpc_tools import protoc

    out = tmp_path_factory.mktemp("proto") / "descriptors"
    include = ROOT / "native" / "include"
    command = ["", f"-I{include}", f"--descriptor_set_out={out}", str(include / "cnnscore.proto")]
    assert protoc.main(command) == 0
    (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return file


def test_messages_are_what_protoc_makes(compiled: Any) -> None:
    mine = file_descriptor((ROOT / "python/cnnscore/cnnscore.proto").read_text())
    for message in compiled.message_type:
        for field in message.field:
            field.ClearField("json_name")
    assert list(mine.message_type) == list(compiled.message_type)
    assert (mine.package, mine.syntax) == (compiled.package, compiled.syntax)


def test_methods_are_what_protoc_makes(compiled: Any) -> None:
    (service,) = compiled.service
    path = f"/{compiled.package}.{service.name}/"
    assert [path + method.name for method in service.method] == [DESCRIBE, SCORE]
    assert [m.client_streaming and m.server_streaming for m in service.method] == [False, True]


@pytest.mark.parametrize("line", ["  float x = 1;", "  oneof x {", "  int32 x = one;"])
def test_a_line_that_is_not_understood_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        file_descriptor(f"package p;\nmessage M {{\n{line}\n}}\n")


def test_every_column_is_in_the_message(compiled: Any) -> None:
    (message,) = (m for m in compiled.message_type if m.name == "WindowBatch")
    names = [field.name for field in message.field]
    assert set(COLUMNS) <= set(names)
    (description,) = (m for m in compiled.message_type if m.name == "Description")
    assert {f.name for f in fields(Description)} <= {field.name for field in description.field}


# ---- shared vectors ----


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def golden_batch(vector: str) -> tuple[WindowBatch, Any]:
    values = golden(vector)
    types: dict[str, Any] = {"contig": np.int32, "site_depth": np.int32, "kind": np.uint8}
    types |= dict.fromkeys(("annotations", "qual", "sample_depth"), np.float32)
    columns: dict[str, Any] = {}
    for name in set(COLUMNS) & set(values):
        value = values[name]
        if isinstance(value, str):
            columns[name] = np.frombuffer(bytes.fromhex(value), np.uint8)
        else:
            numbers = [np.nan if number is None else number for number in value]
            columns[name] = np.array(numbers, types.get(name, np.int64))
    n = values["n_sites"]
    columns["annotations"] = columns["annotations"].reshape(n, values["n_annotations"])
    columns["reference"] = columns["reference"].reshape(n, values["reference_width"])
    return WindowBatch(**columns, reference_left=values["reference_left"]), values


def encode_golden_batch(name: str) -> bytes:
    batch, values = golden_batch(name)
    return encode_batch(batch, 0, len(batch), id=values["id"], network=values["network"])


def made() -> dict[str, bytes]:
    """The vectors as this implementation makes them."""
    scores = golden("score_batch")
    about = golden("description")
    about["annotations"] = tuple(about["annotations"])
    own = Description(**{f.name: about.pop(f.name) for f in fields(Description)})
    floats = np.array([np.nan if s is None else s for s in scores["scores"]], np.float32)
    return {
        "describe_request": encode_describe_request(),
        "description": encode_description(ServerDescription(description=own, **about)),
        **{name: encode_golden_batch(name) for name in BATCHES},
        "score_batch": encode_scores(scores["id"], floats),
    }


def test_vectors_are_made_to_the_byte() -> None:
    for name, message in made().items():
        assert message == (GOLDEN / f"{name}.pb").read_bytes(), name


@pytest.mark.parametrize("name", BATCHES)
def test_batches_are_taken(name: str) -> None:
    batch, values = golden_batch(name)
    message = (GOLDEN / f"{name}.pb").read_bytes()
    id, taken = decode_batch(message, network=values["network"])
    assert id == values["id"]
    for column in COLUMNS:
        left, right = getattr(taken, column), getattr(batch, column)
        assert (left.dtype, left.shape) == (right.dtype, right.shape), column
        assert left.tobytes() == right.tobytes(), column
    assert taken.reference_left == batch.reference_left


def test_answers_are_taken() -> None:
    about = golden("description")
    server = decode_description((GOLDEN / "description.pb").read_bytes())
    assert server.max_message_bytes == about["max_message_bytes"]
    assert list(server.description.annotations) == about["annotations"]
    scores = decode_scores((GOLDEN / "score_batch.pb").read_bytes(), id=2**64 - 1, n_sites=3)
    np.testing.assert_array_equal(scores, np.array([4.25, np.nan, -16.118095], np.float32))


# ---- batches in parts, and joined ----


@pytest.mark.parametrize("kind", ["reference", "reads"])
def test_parts_go_through_the_wire_and_join(kind: str, windows: dict[str, Windows]) -> None:
    case = windows[kind]
    bounds = [0, 1, 3, 7, 20, len(case.batch)]
    parts = []
    for begin, end in pairwise(bounds):
        message = encode_batch(case.batch, begin, end, id=begin, network=case.network)
        id, part = decode_batch(message, network=case.network)
        assert (id, len(part)) == (begin, end - begin)
        parts.append(part)
    joined = concatenate(parts)
    for name in ("pos", "end", "kind", "site_allele", "alleles", "read_offset", "reads"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(case.batch, name))
    assert [joined.locus(i) for i in range(len(joined))] == [
        case.batch.locus(i) for i in range(len(joined))
    ]


# ---- lies ----


def test_lengths_are_never_trusted(windows: dict[str, Windows]) -> None:
    batch = windows["reads"].batch
    decode_batch(lie(batch), network="n")
    for name in COLUMNS:
        column = getattr(batch.part(0, len(batch)), name).tobytes()
        for content in {b"", column[:-1], column + b"\0", column * 2} - {column}:
            if name in OPTIONAL and not content:
                continue
            with pytest.raises(BadBatch, match=name):
                decode_batch(lie(batch, "n", **{name: content}), network="n")


@pytest.mark.parametrize(
    "name", ["n_sites", "n_annotations", "n_contigs", "reference_left", "reference_width"]
)
@pytest.mark.parametrize("value", [-1, 2**31 - 1, -(2**31)])
def test_counts_are_never_trusted(name: str, value: int, windows: dict[str, Windows]) -> None:
    with pytest.raises(BadBatch, match="window batch"):
        decode_batch(lie(windows["reads"].batch, "n", **{name: value}), network="n")


@pytest.mark.parametrize(
    "name", ["site_allele", "allele_offset", "site_read", "read_offset", "contig_offset"]
)
def test_offsets_begin_with_zero_and_rise(name: str, windows: dict[str, Windows]) -> None:
    batch = windows["reads"].batch.part(0, 8)
    offsets = getattr(batch, name)
    for wrong in (offsets + 1, -offsets, offsets[::-1].copy(), np.where(offsets, 2**62, 0)):
        if not np.array_equal(wrong, offsets):
            with pytest.raises(BadBatch):
                decode_batch(lie(batch, "n", **{name: wrong.tobytes()}), network="n")


def test_other_versions_and_networks_are_refused(windows: dict[str, Windows]) -> None:
    batch = windows["reference"].batch
    with pytest.raises(ServerError, match="version 3"):
        decode_batch(lie(batch, protocol_version=3), network="n")
    with pytest.raises(ServerError, match="another network"):
        decode_batch(lie(batch), network="m")
    with pytest.raises(BadBatch, match="no WindowBatch"):
        decode_batch(b"\xff" * 40, network="n")


def test_answers_are_checked() -> None:
    answer = encode_scores(3, np.zeros(4, np.float32))
    assert len(decode_scores(answer, id=3, n_sites=4)) == 4
    for id, n_sites, message in [(2, 4, answer), (3, 5, answer), (3, 4, b"\xff")]:
        with pytest.raises(ServerError):
            decode_scores(message, id=id, n_sites=n_sites)


def test_ten_thousand_hostile_messages(windows: dict[str, Windows]) -> None:
    """Whatever is done to a message: it decodes to a sound batch, or is refused in words."""
    rng = random.Random(5)
    case = windows["reads"]
    seeds = [
        encode_batch(case.batch, begin, begin + n, id=begin, network="n")
        for begin, n in [(0, 0), (0, 1), (3, 2), (8, 3)]
    ]
    taken = refused = 0
    for _ in range(10_000):
        message = mutated(rng, rng.choice(seeds))
        try:
            _, batch = decode_batch(message, network="n")
        except CnnscoreError:
            refused += 1
        else:
            if batch.layout == case.batch.layout:
                assert len(concatenate([batch, case.batch])) == len(batch) + len(case.batch)
            taken += 1
    assert refused > 3000
    assert taken > 300


def a_description(**changes: Any) -> bytes:
    values = golden("description") | changes
    return bytes(MESSAGES["Description"](**values).SerializeToString())


@pytest.mark.parametrize(
    "changes",
    [
        *({name: 0} for name in ("window", "reference_width", "sites_per_job")),
        *({name: -1} for name in ("window", "read_limit", "reference_left", "sites_per_job")),
        *({name: 0} for name in ("max_message_bytes", "max_in_flight")),
        *({name: 2**31 - 1} for name in ("window", "read_limit", "reference_left")),
        *({name: 2**31 - 1} for name in ("reference_width", "sites_per_job")),
        *({name: ""} for name in ("model", "encoding", "info_key", "read_rule")),
        {"read_rule": "some"},
        {"read_rule": "gatk", "read_limit": 0},
        {"info_key": "A B"},
        {"info_key": "A;B"},
        {"annotations": ["MQ", ""]},
        {"annotations": ["MQ,DP"]},
        {"info_description": 'a "quote"'},
        {"cutoffs": "SNP\n##x"},
        {"network": "../x"},
    ],
)
def test_a_description_is_checked(changes: dict[str, Any]) -> None:
    assert decode_description(a_description()).description.sites_per_job > 0
    with pytest.raises(ServerError, match=r"makes no sense"):
        decode_description(a_description(**changes))


def test_a_thousand_hostile_descriptions() -> None:
    """A description that is taken is one that a client can work by."""
    rng = random.Random(6)
    taken = refused = 0
    for _ in range(2000):
        try:
            server = decode_description(mutated(rng, a_description()))
        except CnnscoreError:
            refused += 1
        else:
            assert server.description.fault() is None
            taken += 1
    assert refused > 200
    assert taken > 50


if __name__ == "__main__":
    for name, message in made().items():
        (GOLDEN / f"{name}.pb").write_bytes(message)
