"""The name of a network, or the address of a server -> what scores window batches.

Only what is asked for is imported: a server's client needs no ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

from cnnscore.description import WindowScorer
from cnnscore.errors import UsageError
from cnnscore.wire.address import is_address


@dataclass(frozen=True)
class EngineSettings:
    """What is opened in each process that scores: a network, or a server."""

    model: str | None = None
    """Name or file; None: the default with reads or without, or what the server has."""
    provider: str = "auto"
    precision: str = "exact"
    batch_size: int | None = None
    annotations_from: str | None = None
    server: str | None = None
    token_file: str | None = None
    tls_ca: str | None = None
    timeout: int | None = None

    def open(self, *, has_reads: bool) -> WindowScorer:
        """The engine. Errors: those of Engine and RemoteEngine."""
        if self.server:
            from cnnscore.wire.client import RemoteEngine

            engine = RemoteEngine(
                self.server, token_file=self.token_file, tls_ca=self.tls_ca, timeout=self.timeout
            )
            if self.model:
                engine.check_model(self.model)
            return engine
        from cnnscore.network.store import default_model

        return open_engine(
            self.model or default_model(has_reads),
            provider=self.provider,
            precision=self.precision,
            batch_size=self.batch_size,
            annotations_from=self.annotations_from,
        )


def open_engine(
    model: str,
    *,
    provider: str = "auto",
    precision: str = "exact",
    batch_size: int | None = None,
    annotations_from: str | None = None,
    token_file: str | None = None,
    tls_ca: str | None = None,
    timeout: float | None = None,
) -> WindowScorer:
    """Open a network by name or file, or the server at `unix:PATH` or `tcp:HOST:PORT`.

    `provider`, `precision`, `batch_size` and `annotations_from` are for networks, the rest for
    servers.
    Errors: those of Engine and RemoteEngine, UsageError for what is of the other.
    """
    if is_address(model):
        from cnnscore.wire.client import RemoteEngine

        if annotations_from is not None:
            raise UsageError(
                "a server has its own way with annotations: leave out `annotations_from=`"
            )
        if precision != "exact":
            raise UsageError("a server has its own precision: leave out `precision=`")
        return RemoteEngine(model, token_file=token_file, tls_ca=tls_ca, timeout=timeout)
    of_server = {"token_file": token_file, "tls_ca": tls_ca, "timeout": timeout}
    if wrong := [name for name, value in of_server.items() if value is not None]:
        raise UsageError(f"{model} is no server's address: leave out `{wrong[0]}=`")
    from cnnscore.score.engine import Engine

    return Engine(
        model,
        provider=provider,
        precision=precision,
        batch_size=batch_size,
        annotations_from=annotations_from,
    )
