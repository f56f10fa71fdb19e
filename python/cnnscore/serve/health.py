"""The standard service `grpc.health.v1.Health`, for whoever can reach the server.

It wants no token, so nothing that it is sent is read: a server has one service, and whatever name
a request gives, the answer is that of the process. What stays open, `Watch`, has a small number of
places of its own.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

WATCHERS = 16


class HealthService:
    """Check and Watch: SERVING until `stop`, then NOT_SERVING."""

    def __init__(self) -> None:
        self._watchers = 0
        self._stopped = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        """For `grpc.aio.Server.add_generic_rpc_handlers`."""
        return grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.stream_stream_rpc_method_handler(self._check),
                "Watch": grpc.stream_stream_rpc_method_handler(self._watch),
            },
        )

    async def stop(self, seconds: float) -> None:
        """Tell everybody from now on that the server takes no more.

        Waits until the watchers are told, this many seconds at most.
        """
        self._stopped.set()
        deadline = time.monotonic() + seconds
        while self._watchers and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def _check(self, _: object, context: Any) -> None:
        response = health_pb2.HealthCheckResponse
        status = response.NOT_SERVING if self._stopped.is_set() else response.SERVING
        await context.write(response(status=status).SerializeToString())

    async def _watch(self, _: object, context: Any) -> None:
        if self._watchers >= WATCHERS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"all {WATCHERS} places of Watch are taken: ask by Check",
            )
        self._watchers += 1
        try:
            stopped = self._stopped.is_set()  # before the answer: it may be while that is sent
            await self._check(None, context)
            if not stopped:
                await self._stopped.wait()
                await self._check(None, context)
            # An end in order: what is cut off may lose its last answer.
        finally:
            self._watchers -= 1
