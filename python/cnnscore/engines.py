"""The name of a network, or the address of a server -> what scores window batches.

Only what is asked for is imported: a server's client needs no ONNX Runtime.
"""

from __future__ import annotations

from cnnscore.address import is_address
from cnnscore.description import WindowScorer


def open_engine(
    model: str, *, provider: str = "auto", batch_size: int | None = None
) -> WindowScorer:
    """Open a network by name or file, or the server at `unix:PATH` or `tcp:HOST:PORT`.

    `provider` and `batch_size` are for networks; a server has its own. Errors: those of Engine
    and RemoteEngine.
    """
    if is_address(model):
        from cnnscore.remote import RemoteEngine

        return RemoteEngine(model)
    from cnnscore.engine import Engine

    return Engine(model, provider=provider, batch_size=batch_size)
