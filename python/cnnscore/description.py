"""What an engine wants of window batches and gives for them.

The same fields are the C struct `cnnscore_engine_description` and the message `Description` of
native/include/cnnscore.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.errors import BadBatch

# What no network comes near: a larger number is an error of whoever says it.
MOST_COLUMNS, MOST_READS, MOST_SITES, MOST_ANNOTATIONS = 1 << 16, 1 << 16, 1 << 20, 1 << 10
READ_RULES = ("none", "gatk", "primary")
ANNOTATION_SOURCES = ("caller", "reads", "fill")
PRECISIONS = ("exact", "bf16")

SITE_KEY = "CNN_SITE"
"""INFO of a cohort's record: the site's score, from its carriers'."""
VARIANT_TYPES = ("SNP", "INDEL")
"""What calls are told apart by: networks, their cut-offs, filters and figures."""
LABELS = (*(f"NOT_{variant_type}" for variant_type in VARIANT_TYPES), *VARIANT_TYPES)
"""Classes in the order of their numbers: artefacts, then true calls."""
TYPE_LABELS = {
    variant_type: (LABELS.index(f"NOT_{variant_type}"), LABELS.index(variant_type))
    for variant_type in VARIANT_TYPES
}
"""Variant type -> its classes: artefact, true."""


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
    """The network's own cut-offs as network/cutoffs.py writes them, those of sites too."""
    annotations_from: str = ""
    """Whence annotations come: a name of ANNOTATION_SOURCES; empty: it does not say."""
    precision: str = "exact"
    """What it computes in: a name of PRECISIONS."""

    @property
    def needs_reads(self) -> bool:
        """Whether the network looks at reads."""
        return self.read_rule != "none"

    @property
    def uses_depth(self) -> bool:
        """Whether the network looks at how deep the sample usually is."""
        return self.read_rule == "primary" and "RelativeDepth" in self.annotations

    def fault(self) -> str | None:
        """What makes no sense in a description that came from outside; None where all does."""
        return next(self._faults(), None)

    def _faults(self) -> Iterator[str]:
        if self.read_rule not in READ_RULES:
            yield f"read_rule is {self.read_rule!r}, not one of {', '.join(READ_RULES)}"
        if self.annotations_from and self.annotations_from not in ANNOTATION_SOURCES:
            sources = ", ".join(ANNOTATION_SOURCES)
            yield f"annotations_from is {self.annotations_from!r}, not one of {sources}"
        if self.precision not in PRECISIONS:
            yield f"precision is {self.precision!r}, not one of {', '.join(PRECISIONS)}"
        ranges = {
            "window": (1, MOST_COLUMNS),
            "read_limit": (int(self.needs_reads), MOST_READS),
            "reference_width": (1, MOST_COLUMNS),
            "reference_left": (0, self.reference_width - 1),
            "sites_per_job": (1, MOST_SITES),
        }
        for name, (least, most) in ranges.items():
            if not least <= getattr(self, name) <= most:
                yield f"{name} is {getattr(self, name)}, not {least} to {most}"
        if len(self.annotations) > MOST_ANNOTATIONS:
            yield f"it names {len(self.annotations)} annotations"
        for key in (self.info_key, *self.annotations):
            if not re.fullmatch(r"[A-Za-z_][0-9A-Za-z_.]*", key):
                yield f"{key!r} is no INFO key"
        if not re.fullmatch(r"[0-9a-f]*", self.network):
            yield f"network is {self.network!r}, no SHA-256"
        # These go into header lines and messages as they are.
        for name in ("model", "encoding", "info_description", "provider", "cutoffs"):
            text = getattr(self, name)
            if (
                not text.isprintable()
                or '"' in text
                or (name in ("model", "encoding") and not text)
            ):
                yield f"{name} is {text!r}"

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
        """Calls of `score` that are under way fail soon; later ones do not."""

    def close(self) -> None:
        """Let go of what it holds."""
