"""What the header says of scores, as the native structs that declare it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnscore.calls.htslib import ffi
from cnnscore.description import Description
from cnnscore.version import __version__

if TYPE_CHECKING:
    from cnnscore._window import CData


def cohort_keys(keys: Sequence[str]) -> tuple[CData, list[CData]]:
    """The native struct of FORMAT and INFO keys, and the texts that it points to."""
    kept = [ffi.new("char[]", key.encode()) for key in keys]
    return ffi.new("cnnscore_cohort_keys *", (ffi.sizeof("cnnscore_cohort_keys"), *kept)), kept


def score_lines(key: str, description: Description, per_allele: bool) -> tuple[CData, list[CData]]:
    """The native struct, and the texts that it points to."""
    texts = {
        "key": key,
        "description": description.info_description,
        "model": description.model,
        "network": description.network,
        "cutoffs": description.cutoffs,
        "version": __version__,
        "precision": description.precision,
    }
    kept = {
        name: ffi.new("char[]", text.encode("utf-8", "surrogateescape"))
        for name, text in texts.items()
    }
    size = ffi.sizeof("cnnscore_score_lines")
    lines = {"struct_size": size, "per_allele": per_allele, **kept}
    return ffi.new("cnnscore_score_lines *", lines), list(kept.values())
