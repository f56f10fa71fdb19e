"""The name of a network, or the address of a server -> what scores window batches.

Only what is asked for is imported: a server's client needs no ONNX Runtime.
"""

from __future__ import annotations

from cnnscore.description import WindowScorer
from cnnscore.errors import UsageError
from cnnscore.wire.address import is_address


def open_engine(
    model: str,
    *,
    provider: str = "auto",
    batch_size: int | None = None,
    annotations_from: str | None = None,
) -> WindowScorer:
    """Open a network by name or file, or the server at `unix:PATH` or `tcp:HOST:PORT`.

    `provider`, `batch_size` and `annotations_from` are for networks; a server has its own. Errors:
    those of Engine and RemoteEngine.
    """
    if is_address(model):
        from cnnscore.wire.client import RemoteEngine

        if annotations_from is not None:
            raise UsageError(
                "a server has its own way with annotations: leave out `annotations_from=`"
            )
        return RemoteEngine(model)
    from cnnscore.score.engine import Engine

    return Engine(
        model, provider=provider, batch_size=batch_size, annotations_from=annotations_from
    )
