"""Annotations that are not there, or are not what GATK's callers write.

The rules and their words are those of native/records/annotations.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cnnscore.calls.htslib import ffi, lib
from cnnscore.calls.records import Calls, warnings_of
from cnnscore.description import Description


@dataclass(frozen=True)
class AnnotationCounts:
    """Of records, of one annotation; fields as in `cnnscore_annotation_counts`."""

    records: int = 0
    known: int = 0
    outside: int = 0


def annotation_counts(calls: Calls, network: Description) -> dict[str, AnnotationCounts]:
    """Of the records read so far from calls that were opened with the network's annotations."""
    counts = ffi.new("cnnscore_annotation_counts[]", len(network.annotations) + 1)
    lib.cnnscore_calls_count_annotations(calls.handle, counts)
    return {
        name: AnnotationCounts(of.records, of.known, of.outside)
        for name, of in zip(network.annotations, counts, strict=False)
    }


def add_annotation_counts(
    calls: Calls, network: Description, counts: Mapping[str, AnnotationCounts]
) -> None:
    """Add those of another part of the calls, which were opened with the network's annotations."""
    native = [vars(counts[name]) for name in network.annotations]
    lib.cnnscore_calls_add_annotation_counts(
        calls.handle, ffi.new("cnnscore_annotation_counts[]", native)
    )


def annotations_warnings(calls: Calls, network: Description) -> Iterator[str]:
    """What to say, at the end, of annotations that a network of GATK's lacks, or has not seen the
    like of, and where a network without reads has few.
    """
    texts = network.encoding.encode(), network.model.encode()
    return warnings_of(lib.cnnscore_calls_warn_of_annotations, calls.handle, *texts)
