"""Regions as Python callers write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cnnscore.calls.records import Intervals
from cnnscore.given import list_of, maybe_file

if TYPE_CHECKING:
    from cnnscore.given import File


def intervals_of(
    region: str | Iterable[str] | None,
    regions_file: File | None = None,
    targets: str | Iterable[str] | None = None,
) -> Intervals:
    """Regions as their users write them. Errors: WrongType, UsageError for a list and a file."""
    return Intervals(
        regions=None if region is None else ",".join(list_of(region, "region")),
        regions_file=maybe_file(regions_file, "regions_file"),
        targets=None if targets is None else ",".join(list_of(targets, "targets")),
    )
