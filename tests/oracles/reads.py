"""Which reads GATK's networks get at a site, and in what order: a plain reading of the rule.

Each site is a query of its own. htsjdk merges the files' answers, each in its file's order; only
then are reads left out. What happens to deep sites: sampling.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import pysam

Order = tuple[int, bool, str, int, int, int, int, int]


def coordinate_order(read: pysam.AlignedSegment) -> Order:
    """What htsjdk's SAMRecordCoordinateComparator compares of reads on one contig."""
    return (
        read.reference_start,
        read.is_reverse,
        read.query_name or "*",
        read.flag,
        read.mapping_quality,
        read.next_reference_id,
        read.next_reference_start,
        read.template_length,
    )


class PriorityQueue:
    """java.util.PriorityQueue of file numbers by their next reads.

    OpenJDK's siftUp and siftDown: their order of equal ones is part of GATK's answer.
    """

    def __init__(self) -> None:
        self.items: list[tuple[Order, int]] = []

    def offer(self, order: Order, file: int) -> None:
        """Add a file."""
        self.items.append((order, file))
        k = len(self.items) - 1
        while k > 0 and order < self.items[(k - 1) >> 1][0]:
            self.items[k] = self.items[(k - 1) >> 1]
            k = (k - 1) >> 1
        self.items[k] = (order, file)

    def poll(self) -> int:
        """Take the first."""
        result, last = self.items[0], self.items.pop()
        n, k = len(self.items), 0
        while 2 * k + 1 < n:
            child = 2 * k + 1
            if child + 1 < n and self.items[child][0] > self.items[child + 1][0]:
                child += 1
            if last[0] <= self.items[child][0]:
                break
            self.items[k] = self.items[child]
            k = child
        if n:
            self.items[k] = last
        return result[1]


def merge(files: Sequence[Sequence[pysam.AlignedSegment]]) -> list[pysam.AlignedSegment]:
    """The reads of several files as htsjdk's MergingSamRecordIterator hands them out."""
    rest = [iter(file) for file in files]
    head: list[pysam.AlignedSegment | None] = [next(reads, None) for reads in rest]
    queue, merged = PriorityQueue(), []
    for file, read in enumerate(head):
        if read is not None:
            queue.offer(coordinate_order(read), file)
    while queue.items:
        file = queue.poll()
        read, head[file] = head[file], next(rest[file], None)
        assert read is not None
        merged.append(read)
        if (following := head[file]) is not None:
            queue.offer(coordinate_order(following), file)
    return merged


def counts_for_gatk(read: pysam.AlignedSegment) -> bool:
    """Whether GATK's networks look at a read."""
    if not read.has_tag("RG") or str(read.get_tag("RG")).startswith("ArtificialHaplotype"):
        return False
    return read.query_qualities is not None and (read.is_unmapped or bool(read.cigartuples))


def reads_of_site(
    files: Sequence[pysam.AlignmentFile], contig: str, start: int, end: int
) -> list[pysam.AlignedSegment]:
    """All that count over [start, end), in order, before sampling."""
    answers = [list(file.fetch(contig, start, end)) for file in files]
    return [read for read in merge(answers) if counts_for_gatk(read)]
