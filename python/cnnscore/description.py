"""What an engine wants of window batches and gives for them.

The same fields are the C struct `cnnscore_engine_description` and the message `Description` of
native/include/cnnscore.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.errors import BadBatch


@dataclass(frozen=True)
class Description:
    """A network as its callers see it."""

    model: str
    encoding: str
    info_key: str
    info_description: str
    provider: str
    """What computes."""
    window: int
    """Columns that the network looks at."""
    read_limit: int
    """Most reads per site, 0: none wanted."""
    read_rule: str
    """Which reads count: a name of windows.READ_RULES."""
    reference_left: int
    """Columns that a batch's reference must have before POS,"""
    reference_width: int
    """and in all."""
    sites_per_job: int
    """A good number of sites for a batch."""
    annotations: tuple[str, ...]
    """INFO keys of the annotation columns, in order."""
    network: str = ""
    """SHA-256 of the network's file, hex."""
    cutoffs: str = ""
    """The network's own cut-offs as provenance.cutoffs_text writes them."""

    @property
    def needs_reads(self) -> bool:
        """Whether the network looks at reads."""
        return self.read_rule != "none"

    def check(self, batch: WindowBatch) -> None:
        """Errors: BadBatch when a sound batch is not one for this network."""
        columns = batch.annotations.shape[1]
        if columns != len(self.annotations):
            raise BadBatch(
                f"window batch: {columns} annotations per site where {self.model} takes "
                f"{len(self.annotations)} ({', '.join(self.annotations)})"
            )
        if self.needs_reads and len(batch):
            deepest = int(np.argmax(batch.depth))
            if batch.depth[deepest] > self.read_limit:
                raise BadBatch(
                    f"window batch: {batch.depth[deepest]} reads at {batch.locus(deepest)} where "
                    f"{self.model} takes {self.read_limit}: sample them"
                )


class WindowScorer(Protocol):
    """What scores window batches: an Engine here, or a RemoteEngine's server."""

    @property
    def description(self) -> Description:
        """What it wants and gives."""

    def score(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 [N] in site order, NaN where there is none; from any thread."""

    def score_alleles(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 of all ALT alleles, in order. Errors: UsageError where it cannot."""

    def cancel(self) -> None:
        """Calls of `score` that wait for others to do the work fail now."""

    def close(self) -> None:
        """Let go of what it holds."""
