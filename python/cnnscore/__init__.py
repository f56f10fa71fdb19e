"""cnnscore: is a called short variant real, or a sequencing artefact?

    >>> import cnnscore
    >>> with cnnscore.open() as scorer:
    ...     scores = scorer.score_records(CALLS, reference=REFERENCE, reads=READS)
    >>> len(scores)
    294

`open` loads a network, and gives a `Scorer`; docs/tasks/python.md shows what it does. Where a file
is meant, its name will do (str or Path), or the file as pysam has opened it. Errors are
`CnnscoreError`s. Positions are 1-based as in VCF, unless something else is said.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

from cnnscore.api.functions import evaluate, filter, models, view
from cnnscore.api.training import dataset, train
from cnnscore.checked import checked
from cnnscore.errors import BadInput, BadOutput, CnnscoreError, ServerError, UsageError, WrongType
from cnnscore.version import __version__

TYPE_CHECKING = False  # not typing's, as in errors.py
if TYPE_CHECKING:
    from typing import Any

    from cnnscore.api.evaluation import Evaluation
    from cnnscore.api.explained import Explained
    from cnnscore.api.models import Model
    from cnnscore.api.page import Page
    from cnnscore.api.scorer import Scorer
    from cnnscore.api.table import Table
    from cnnscore.api.windows import Tensors, Window, Windows
    from cnnscore.dataset.summary import DatasetSummary
    from cnnscore.filter.summary import FilterSummary
    from cnnscore.score.options import Summary
    from cnnscore.train.summary import TrainingSummary

# ONNX Runtime's wheels report their use to their maker unless told otherwise before they load, and
# whoever scores a genome has not agreed to that. A user who sets the variable decides.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BadInput",
    "BadOutput",
    "CnnscoreError",
    "DatasetSummary",
    "Evaluation",
    "Explained",
    "FilterSummary",
    "Model",
    "Page",
    "Scorer",
    "ServerError",
    "Summary",
    "Table",
    "Tensors",
    "TrainingSummary",
    "UsageError",
    "Window",
    "Windows",
    "WrongType",
    "__version__",
    "dataset",
    "evaluate",
    "filter",
    "models",
    "open",
    "train",
    "view",
]

# Types of what the functions give, where each is found: looked up when it is asked for, as numpy
# and htslib take their time to load.
_LATER = {
    "Scorer": "cnnscore.api.scorer",
    "Summary": "cnnscore.score.options",
    "Table": "cnnscore.api.table",
    "Evaluation": "cnnscore.api.evaluation",
    "Explained": "cnnscore.api.explained",
    "DatasetSummary": "cnnscore.dataset.summary",
    "FilterSummary": "cnnscore.filter.summary",
    "Model": "cnnscore.api.models",
    "Page": "cnnscore.api.page",
    "Tensors": "cnnscore.api.windows",
    "TrainingSummary": "cnnscore.train.summary",
    "Window": "cnnscore.api.windows",
    "Windows": "cnnscore.api.windows",
}


_FUNCTIONS = {one.__name__: one for one in (dataset, evaluate, filter, train)}
"""Those whose names packages have too."""


class _Package(ModuleType):
    """`cnnscore.filter` is the function, whatever loads the package of that name: an import binds a
    package in its parent, and `from cnnscore.filter.run import ...` does not need that.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _FUNCTIONS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
for _name, _function in _FUNCTIONS.items():
    # `import cnnscore.filter.run as run` looks for a module of this name and then `.run`
    _function.__name__ = f"{__name__}.{_name}"


if not TYPE_CHECKING:  # to a type checker it would say that there is every name

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        raise AttributeError(f"module 'cnnscore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


@checked
def open(
    model: str | os.PathLike[str] | None = None,
    *,
    provider: str = "auto",
    precision: str = "exact",
    threads: int | None = None,
    batch_size: int | None = None,
    annotations_from: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
) -> Scorer:
    """Open a network: a name that `cnnscore.models` shows, or the path of an .onnx file.

    Or open a scoring server by its address, `unix:PATH` or `tcp:HOST:PORT`
    (docs/reference/protocol.md). Without a name the network is chosen by what is given to be
    scored: `reads` where there are reads, else `reference`.

    `provider` is "auto", "cpu", "cuda" or "tensorrt"; `precision` "bf16" runs GATK's networks two
    to three times as fast on a CPU with AMX, with errors in the second decimal (extra `openvino`),
    and scored files say so; `threads` defaults to the cores this process
    may use; `batch_size` (sites per network call) changes speed and memory, never a score (on a
    GPU: never its first three decimals).
    `annotations_from` is "caller", "reads" or "fill" (docs/reference/encodings.md), by default the
    network's. For a server, `token_file` and `tls_ca` (certificates to trust, PEM) name files, and
    `timeout` is the most seconds that a batch may take; by default as the environment says
    (docs/reference/protocol.md).

    Errors: BadInput for a network that is missing or no network of ours, UsageError for a provider
    or a precision that does not work here, ServerError for a server that is not there.

    >>> import cnnscore
    >>> cnnscore.open("reference")
    <cnnscore.Scorer: reference, reference, cpu>
    """
    from cnnscore.api.scorer import Scorer
    from cnnscore.given import maybe_file

    return Scorer(
        maybe_file(model, "model"),
        provider=provider,
        precision=precision,
        threads=threads,
        batch_size=batch_size,
        annotations_from=annotations_from,
        token_file=maybe_file(token_file, "token_file"),
        tls_ca=maybe_file(tls_ca, "tls_ca"),
        timeout=timeout,
    )
