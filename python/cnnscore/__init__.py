"""cnnscore: is a called short variant real, or a sequencing artefact?

    >>> import cnnscore
    >>> scorer = cnnscore.open(model="gatk-1d")                             # doctest: +SKIP
    >>> scorer.score("calls.vcf.gz", reference="ref.fa", output="scored.vcf.gz")  # doctest: +SKIP

`open` loads a network, `Scorer.score` runs it over a call file; errors are `CnnscoreError`s.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cnnscore.errors import BadInput, BadOutput, CnnscoreError, ServerError, UsageError
from cnnscore.version import __version__

if TYPE_CHECKING:
    from cnnscore.score.pipeline import Scorer

# ONNX Runtime's wheels report their use to their maker unless told otherwise before they load, and
# whoever scores a genome has not agreed to that. A user who sets the variable decides.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BadInput",
    "BadOutput",
    "CnnscoreError",
    "ServerError",
    "UsageError",
    "__version__",
    "open",
]


def open(
    model: str,
    *,
    provider: str = "auto",
    threads: int | None = None,
    batch_size: int | None = None,
    annotations_from: str | None = None,
) -> Scorer:
    """Open a network: a name that `cnnscore model list` shows, or the path of an .onnx file.

    Or open a scoring server by its address, `unix:PATH` or `tcp:HOST:PORT` (docs/protocol.md).

    `provider` is "auto", "cpu", "cuda" or "tensorrt"; `threads` defaults to the cores this process
    may use; `batch_size` (sites per network call) changes speed and memory, never a score.
    `annotations_from` is "caller", "reads" or "fill" (docs/encodings.md), by default the network's.
    Errors: BadInput for a network that is missing or no network of ours, UsageError for a provider
    that does not work here, ServerError for a server that is not there.
    """
    from cnnscore.score.open import open_engine
    from cnnscore.score.pipeline import Scorer

    engine = open_engine(
        model, provider=provider, batch_size=batch_size, annotations_from=annotations_from
    )
    return Scorer(engine, threads=threads)
