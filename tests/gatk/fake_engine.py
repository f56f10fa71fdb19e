"""A scoring server that misbehaves in one way: `fake_engine.py WAY --listen ADDRESS ...`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from cnnscore.description import Description
from cnnscore.wire.messages import DESCRIBE, MESSAGES, SCORE, ServerDescription, encode_description

SCORE_OF_ALL = 1.5
_description = Description(
    model="fake",
    encoding="gatk-reference",
    info_key="CNN_1D",
    info_description="fake",
    provider="cpu",
    window=128,
    read_limit=0,
    read_rule="none",
    reference_left=64,
    reference_width=192,
    sites_per_job=10,
    annotations=("MQ",),
    network="0" * 64,
)


class FakeEngine(grpc.GenericRpcHandler):
    """Answers Describe and Score, but for its fault."""

    def __init__(self, way: str) -> None:
        self._way, self._streams = way, 0

    def service(self, details: Any) -> Any:
        if details.method == DESCRIBE:
            return grpc.unary_unary_rpc_method_handler(self._describe)
        assert details.method == SCORE
        return grpc.stream_stream_rpc_method_handler(self._score)

    def _describe(self, request: bytes, context: Any) -> bytes:
        message: Any = MESSAGES["Description"].FromString(
            encode_description(
                ServerDescription(
                    description=_description,
                    max_message_bytes=1 << 20,
                    max_in_flight=4,
                    protocol_version=1,
                )
            )
        )
        if self._way.startswith("describe:"):  # describe:FIELD=VALUE
            field, _, value = self._way.removeprefix("describe:").partition("=")
            setattr(message, field, int(value) if value.lstrip("-").isdigit() else value)
        bytes_of_message: bytes = message.SerializeToString()
        return bytes_of_message

    def _score(self, batches: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self._streams += 1
        if self._way.startswith("tell:"):
            Path(self._way.removeprefix("tell:")).touch()
        if self._way == "busy" or (self._way == "busy-twice" and self._streams <= 2):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
        for number, data in enumerate(batches):
            batch: Any = MESSAGES["WindowBatch"].FromString(data)
            if self._way == "hang":
                threading.Event().wait(60)
            if number == 2 and self._way == "die":
                os._exit(9)
            if number == 2 and self._way == "stop":
                context.abort(grpc.StatusCode.UNAVAILABLE, "the server is stopping")
            if number == 2 and self._way == "busy-later" and self._streams == 1:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
            n = batch.n_sites - (self._way == "short")
            scores = np.full(n, SCORE_OF_ALL, "<f4").tobytes()
            yield MESSAGES["ScoreBatch"](id=batch.id, scores=scores).SerializeToString()


def main() -> None:
    """Serve until killed."""
    way, address = sys.argv[1], sys.argv[sys.argv.index("--listen") + 1]
    print("last words of the engine", file=sys.stderr, flush=True)
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((FakeEngine(way),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
