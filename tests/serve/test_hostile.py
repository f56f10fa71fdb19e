"""Clients that lie, flood, vanish and babble: they are told, or dropped, and harm nobody else."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest

from cnnscore.batch import concatenate
from cnnscore.errors import BadBatch, BadInput
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.messages import DESCRIBE, SCORE, decode_description, decode_scores, encode_batch
from hosts.mixed_load import resident
from hosts.server import Server, StartServer, Windows, lie, mutated, scores_as_ever
from hosts.waiting import wait_until

Codes = grpc.StatusCode
REFUSALS = {Codes.INVALID_ARGUMENT, Codes.FAILED_PRECONDITION}


@pytest.fixture
def victim(servers: dict[str, Server], windows: dict[str, Windows]) -> Iterator[Server]:
    """A server that must be none the worse for what a test does to it."""
    server, case = servers["reads"], windows["reads"]
    before = resident(server.process.pid)
    yield server
    assert server.process.poll() is None
    scores_as_ever(server.address, case)
    assert all(line.startswith("cnnscore: ") for line in server.said().splitlines())
    assert resident(server.process.pid) - before < 300 << 20


def send(channel: grpc.Channel, *messages: bytes, **options: Any) -> tuple[Codes, str, list[bytes]]:
    """How a stream of `messages` ends: code, details, answers."""
    score: Any = channel.stream_stream(SCORE)
    call, answers = score(iter(messages), timeout=300, **options), []
    with suppress(grpc.RpcError):
        answers.extend(call)
    return call.code(), call.details(), answers


def test_ten_thousand_hostile_messages(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    seeds = [
        encode_batch(case.batch, i, i + n, id=i, network=case.network) for i, n in [(0, 1), (4, 2)]
    ]

    async def attack() -> Counter[Codes]:
        rng, ends = random.Random(5), Counter[Codes]()
        messages = (mutated(rng, rng.choice(seeds)) for _ in range(10_000))
        async with grpc.aio.insecure_channel(victim.address) as channel:
            score: Any = channel.stream_stream(SCORE)

            async def client() -> None:
                for message in messages:
                    call = score(iter([message]), timeout=300)
                    with suppress(grpc.RpcError):
                        async for _ in call:
                            pass
                    ends[await call.code()] += 1

            await asyncio.gather(*(client() for _ in range(16)))
        return ends

    ends = asyncio.run(attack())
    assert ends.total() == 10_000
    assert ends.keys() <= {Codes.OK, *REFUSALS}, ends
    assert ends[Codes.OK] > 100
    assert ends[Codes.INVALID_ARGUMENT] > 1000


def test_what_came_before_a_lie_is_answered(victim: Server, windows: dict[str, Windows]) -> None:
    case = windows["reads"]
    good = encode_batch(case.batch, 0, 4, id=7, network=case.network)
    bad = lie(case.batch, network=case.network, n_sites=3)
    with grpc.insecure_channel(victim.address) as channel:
        code, details, answers = send(channel, good, bad, good)
    assert (code, len(answers)) == (Codes.INVALID_ARGUMENT, 1)
    assert "column contig has" in details
    assert decode_scores(answers[0], id=7, n_sites=4).tobytes() == case.scores[:4].tobytes()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"protocol_version": 3}, Codes.FAILED_PRECONDITION, "version 3"),
        ({"protocol_version": 0}, Codes.FAILED_PRECONDITION, "version 0"),
        ({"network": "other"}, Codes.FAILED_PRECONDITION, "another network"),
        ({"kind": b"\x09" * 24}, Codes.INVALID_ARGUMENT, "unknown kind"),
        ({"reads": None}, Codes.INVALID_ARGUMENT, "no BAM record"),
    ],
)
def test_what_a_client_is_told(
    changes: dict[str, Any], code: Codes, words: str, victim: Server, windows: dict[str, Windows]
) -> None:
    case = windows["reads"]
    if "reads" in changes:
        changes = {"reads": b"\xff" * len(case.batch.reads)}
    with grpc.insecure_channel(victim.address) as channel:
        message = lie(case.batch, **{"network": case.network, **changes})
        assert send(channel, message)[0] is code
        assert words in send(channel, message)[1]


def test_a_batch_for_another_network_is_the_clients_error(
    victim: Server, windows: dict[str, Windows]
) -> None:
    """Too deep, or without its annotations: refused at the client, and at the server."""
    case = windows["reads"]
    batch = case.batch.part(0, 2)
    few = replace(batch, annotations=np.ascontiguousarray(batch.annotations[:, :3]))
    remote = RemoteEngine(victim.address)
    with pytest.raises(BadBatch, match="3 annotations per site"):
        remote.score(few)
    with grpc.insecure_channel(victim.address) as channel:
        message = encode_batch(few, 0, 2, id=1, network=case.network)
        code, details, _ = send(channel, message)
    assert (code, "3 annotations per site" in details) == (Codes.INVALID_ARGUMENT, True)
    narrow = replace(batch, reference=np.ascontiguousarray(batch.reference[:, :70]))
    with pytest.raises(BadBatch, match="reference columns"):
        remote.score(narrow)
    remote.close()


def test_messages_that_are_too_large(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    """Refused as they are; our own client sends them in parts, unless a site alone is too large."""
    case = windows["reads"]
    server = start(tiny["reads"], "--max-message", 1)
    large = concatenate([case.batch.part(0, 24)] * 8)
    message = encode_batch(large, 0, len(large), id=1, network=case.network)
    assert len(message) > 1 << 20
    with grpc.insecure_channel(server.address) as channel:
        code, details, _ = send(channel, message)
        assert (code, "larger than max" in details) == (Codes.RESOURCE_EXHAUSTED, True)
        small = encode_batch(large, 0, 1, id=1, network=case.network)
        code, _, _ = send(channel, small, compression=grpc.Compression.Gzip)
        assert code is Codes.UNIMPLEMENTED
    remote = RemoteEngine(server.address)
    assert remote.score(large).tobytes() == case.scores.tobytes() * 8
    first = large.part(0, 1)
    giant = replace(
        first,
        alleles=np.full(2 << 20, ord("A"), np.uint8),
        allele_offset=np.array([0, 1, 2 << 20], np.int64),
    )
    with pytest.raises(BadInput, match=r"the site synA:257 takes .* `max_message_mb=`"):
        remote.score(giant)
    remote.close()


def test_garbage_instead_of_a_protocol(victim: Server) -> None:
    rng = random.Random(3)
    path = victim.address.removeprefix("unix:")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    idle = []
    for i in range(200):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        with suppress(OSError):
            client.sendall((preface if i % 2 else b"") + rng.randbytes(rng.randrange(2000)))
        if i % 4:
            client.close()
        else:
            idle.append(client)  # open while others work
    with grpc.insecure_channel(victim.address) as channel:
        describe: Any = channel.unary_unary(DESCRIBE)
        assert decode_description(describe(b"", timeout=300)).protocol_version == 1
        newer: Any = channel.unary_unary("/cnnscore.v2.Scorer/Describe")
        with pytest.raises(grpc.RpcError) as error:
            newer(b"", timeout=300)
        assert error.value.code() is Codes.UNIMPLEMENTED
    for client in idle:
        client.close()


VANISHING = """
import signal, sys
from grpc import insecure_channel
message = sys.stdin.buffer.read()
calls = []
def messages():
    while True:
        yield message
for i in range(4):
    calls.append(insecure_channel(sys.argv[1], [("x", i)]).stream_stream(sys.argv[2])(messages()))
next(calls[0])
print("under way", flush=True)
signal.pause()
"""


def test_clients_that_vanish(victim: Server, windows: dict[str, Windows]) -> None:
    """Killed with four streams open, batches in work, and answers unread."""
    case = windows["reads"]
    message = encode_batch(case.batch, 0, 8, id=1, network=case.network)
    for _ in range(2):
        client = subprocess.Popen(
            [sys.executable, "-c", VANISHING, victim.address, SCORE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert client.stdin
        assert client.stdout
        client.stdin.write(message)
        client.stdin.close()
        assert client.stdout.readline() == b"under way\n"
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdout.close()


def test_more_streams_than_there_is_room_for(victim: Server) -> None:
    """The surplus is told; whoever leaves makes room."""
    with grpc.insecure_channel(victim.address) as channel:
        score: Any = channel.stream_stream(SCORE)

        def silent() -> Iterator[bytes]:
            release.acquire()
            yield from ()

        release = threading.Semaphore(0)
        calls = [score(silent(), timeout=300) for _ in range(300)]
        wait_until(lambda: any(call.done() for call in calls))
        codes = {call.code() for call in calls if call.done()}
        assert codes == {Codes.RESOURCE_EXHAUSTED}
        for call in calls:
            call.cancel()
        release.release(300)
