"""Whoever can connect, with a token or without: no memory, no place, and nobody shut out."""

from __future__ import annotations

import os
import re
import resource
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cnnscore.serve.health import WATCHERS
from cnnscore.serve.prometheus import SCRAPERS
from cnnscore.wire.messages import DESCRIBE, SCORE, SERVICE, decode_description
from hosts.mixed_load import resident
from hosts.raw_http2 import HELLO, PREFACE, allow_many_files, call, connect, part_of_message
from hosts.secure_server import TOKEN, secure
from hosts.server import Server, StartServer, Windows, scores_as_ever
from hosts.waiting import wait_until

Codes = grpc.StatusCode
CHECK = "/grpc.health.v1.Health/Check"
LARGE = bytes(60 << 20)
MB = 1 << 20
Channel = grpc.Channel


def most_resident(server: Server) -> int:
    """Bytes of memory that it ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def files_of(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))  # noqa: PTH208 - their number alone


@contextmanager
def channel_to(server: Server, tls: dict[str, Path], number: int = 0) -> Iterator[Channel]:
    """A connection of its own."""
    options = [("number", number), ("grpc.max_send_message_length", -1)]
    if server.address.startswith("unix:"):
        with grpc.insecure_channel(server.address, options) as channel:
            yield channel
    else:
        trust = grpc.ssl_channel_credentials(tls["cert"].read_bytes())
        target = server.address.removeprefix("tcp:")
        with grpc.secure_channel(target, trust, options) as channel:
            yield channel


@pytest.mark.parametrize(
    ("method", "token"),
    # What Score takes of those who may come is bounded by --max-queue.
    [*product((DESCRIBE, SCORE, CHECK), ("none", "wrong")), (DESCRIBE, "right"), (CHECK, "right")],
)
def test_large_requests_take_no_memory(
    method: str, token: str, guarded: Server, tls: dict[str, Path]
) -> None:
    """Sixteen of 60 MB at once: refused, or answered, before they are received."""
    metadata = {"none": (), "wrong": (("authorization", f"Bearer {TOKEN[::-1]}"),)}
    metadata["right"] = (("authorization", f"Bearer {TOKEN}"),)
    refused = method != CHECK and token != "right"

    def ask(number: int) -> Any:
        with channel_to(guarded, tls, number) as channel:
            send: Any = channel.unary_unary(method)
            try:
                return send(LARGE, timeout=300, metadata=metadata[token])
            except grpc.RpcError as error:
                return error.code()

    ask(0) if refused else None
    before = most_resident(guarded)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    if refused:
        assert answers == [Codes.UNAUTHENTICATED] * 16
    elif method == DESCRIBE:
        assert decode_description(answers[0]).max_message_bytes == 64 * MB
        assert len(set(answers)) == 1
    else:
        assert answers == [health_pb2.HealthCheckResponse(status=1).SerializeToString()] * 16
    assert most_resident(guarded) - before < 60 * MB


def test_three_hundred_watchers(
    guarded: Server, tls: dict[str, Path], windows: dict[str, Windows]
) -> None:
    """A few are served, the others told; who scores, describes or checks does not notice."""
    with channel_to(guarded, tls) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        watches = [stub.Watch(request, timeout=300) for _ in range(300)]
        served, codes = [], set()
        for watch in watches:
            try:
                assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
                served.append(watch)
            except grpc.RpcError as error:
                codes.add((error.code(), error.details()))
        assert len(served) == WATCHERS
        assert codes == {
            (Codes.RESOURCE_EXHAUSTED, "all 16 places of Watch are taken: ask by Check")
        }
        assert stub.Check(request, timeout=300).status == health_pb2.HealthCheckResponse.SERVING
        keys = {"token_file": str(tls["token"]), "tls_ca": str(tls["cert"])}
        scores_as_ever(guarded.address, windows["reference"], **keys)
        for watch in served:
            watch.cancel()

        def there_is_a_place() -> bool:
            watch = stub.Watch(request, timeout=300)
            try:
                return bool(next(watch).status)
            except grpc.RpcError:
                return False
            finally:
                watch.cancel()

        wait_until(there_is_a_place)


def test_watchers_are_told_of_the_end(start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reference"])
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=300)
        response = health_pb2.HealthCheckResponse
        assert next(watch).status == response.SERVING
        with ThreadPoolExecutor(1) as pool:  # a watcher waits for its next answer all the time
            answers = pool.submit(lambda: [answer.status for answer in ends(watch)])
            assert server.stop() == 0
            assert answers.result(timeout=300) == [response.NOT_SERVING]


def ends(call: Any) -> Iterator[Any]:
    """What comes until the server hangs up."""
    try:
        yield from call
    except grpc.RpcError:
        return


@pytest.mark.parametrize("sent", [b"", PREFACE[:10], PREFACE, HELLO, HELLO + call(SCORE)[:20]])
def test_two_thousand_connections(
    sent: bytes, start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    """Which say nothing, or no more than a beginning; the server starts with few descriptors."""
    allow_many_files(2500)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 2500:
        pytest.skip("this machine allows fewer files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        server = start(tiny["reference"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    before, memory = files_of(server), resident(server.process.pid)
    clients = [connect(server.address, sent) for _ in range(2000)]
    wait_until(lambda: files_of(server) >= 2000)
    scores_as_ever(server.address, windows["reference"])
    assert resident(server.process.pid) - memory < 300 * MB
    for client in clients:
        client.close()
    wait_until(lambda: files_of(server) < before + 20)
    scores_as_ever(server.address, windows["reference"])
    assert server.stop() == 0


def test_streams_that_send_slowly(
    start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    """200 that claim 60 MB and send ten bytes: 12 GB that nobody sets aside."""
    allow_many_files(500)
    server = start(tiny["reference"], "--metrics", "tcp:127.0.0.1:0")
    scores_as_ever(server.address, windows["reference"])
    memory = most_resident(server)
    slow = [
        connect(server.address, HELLO, call(SCORE), part_of_message(60 * MB, b"x" * 10))
        for _ in range(200)
    ]
    wait_until(lambda: "cnnscore_streams 200.0" in scraped(server))
    scores_as_ever(server.address, windows["reference"])
    assert most_resident(server) - memory < 100 * MB
    for client in slow:
        client.close()
    wait_until(lambda: "cnnscore_streams 0.0" in scraped(server))
    assert server.stop() == 0
    assert "Traceback" not in server.said()


def url_of(server: Server) -> str:
    (url,) = re.findall(r"http://\S+/metrics", server.said())
    return str(url)


def scraped(server: Server) -> str:
    """Its metrics."""
    with urllib.request.urlopen(url_of(server), timeout=300) as answer:
        return str(answer.read().decode())


def test_metrics_tell_no_secret_and_hold_nobody_up(
    start: StartServer, tiny: dict[str, str], windows: dict[str, Windows], tls: dict[str, Path]
) -> None:
    """They need no token, so they have no path, no token, no client; and few are served."""
    options = [*secure(tls), "--metrics", "tcp:127.0.0.1:0"]
    server = start(tiny["reference"], *options, listen="tcp:127.0.0.1:0")
    keys = {"token_file": str(tls["token"]), "tls_ca": str(tls["cert"])}
    scores_as_ever(server.address, windows["reference"], **keys)
    text = scraped(server)
    assert "cnnscore_sites_total 200.0" in text
    for secret in (TOKEN, str(tls["key"]), tiny["reference"], "/tmp", "ipv4", "synA"):
        assert secret not in text
    host, port = url_of(server).removeprefix("http://").removesuffix("/metrics").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(500)]
    for client in slow:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
    threads = len(os.listdir(f"/proc/{server.process.pid}/task"))  # noqa: PTH208 - their number
    scores_as_ever(server.address, windows["reference"], **keys)
    assert threads < 60 + SCRAPERS
    for client in slow:
        client.close()

    def answers() -> bool:
        try:
            return "cnnscore_sites_total 400.0" in scraped(server)
        except OSError:
            return False

    wait_until(answers)
    assert server.stop() == 0
    assert "Traceback" not in server.said()
