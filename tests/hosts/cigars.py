"""Reads whose CIGAR has an operator that htsjdk does not know."""

from __future__ import annotations

from pathlib import Path

import pysam

BACK = 9


def with_back(box: Path, every: int) -> Path:
    """The reads; one of `every` has the operator B in its CIGAR."""
    path = box / "back.bam"
    with (
        pysam.AlignmentFile(str(box / "reads.bam")) as reads,
        pysam.AlignmentFile(str(path), "wb", template=reads) as out,
    ):
        for i, read in enumerate(reads):
            cigar = read.cigartuples
            if i % every == 0 and cigar and len(cigar) == 1 and cigar[0][1] > 20:
                read.cigartuples = [(0, 10), (BACK, 3), (0, cigar[0][1] - 10)]
            out.write(read)
    pysam.index(str(path))
    return path
