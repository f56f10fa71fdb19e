"""One read file spread over several, made hard to merge.

    python tests/hosts/read_files.py reads.bam 3 folder

The files keep coordinate order, and no order among the reads of one start. Some reads lie in two
files with other qualities, which htsjdk cannot tell apart; some lack a read group, and do not
count.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pysam

if TYPE_CHECKING:
    from conftest import Finished


def _mixed(number: int) -> int:
    """A hash of small numbers."""
    return (number * 2654435761 & 0xFFFFFFFF) >> 7


def split_reads(source: Path, n_files: int, folder: Path) -> list[Path]:
    """The indexed files."""
    parts: list[list[tuple[int, int, int, pysam.AlignedSegment]]] = [[] for _ in range(n_files)]

    def put(read: pysam.AlignedSegment, file: int) -> None:
        order = _mixed(len(parts[file % n_files]) + 1)
        parts[file % n_files].append((read.reference_id, read.reference_start, order, read))

    with pysam.AlignmentFile(str(source)) as bam:
        for i, read in enumerate(bam.fetch()):
            put(read, _mixed(i))
            if i % 7 == 0:
                other = pysam.AlignedSegment.from_dict(read.to_dict(), bam.header)
                other.query_qualities = pysam.qualitystring_to_array("+" * read.query_length)
                put(other, _mixed(i) + 1)
            if i % 13 == 0:
                bare = pysam.AlignedSegment.from_dict(read.to_dict(), bam.header)
                bare.query_name = f"b{i}"
                bare.set_tag("RG", None)
                put(bare, i)
        header = bam.header
    paths = [folder / f"{source.stem}.{file + 1}of{n_files}.bam" for file in range(n_files)]
    for path, part in zip(paths, parts, strict=True):
        part.sort(key=lambda item: item[:3])
        with pysam.AlignmentFile(str(path), "wb", header=header) as out:
            for item in part:
                out.write(item[3])
        pysam.index(str(path))
    return paths


def edit_reads(path: Path, change: Callable[[int, pysam.AlignedSegment], bool]) -> None:
    """Change each read of a BAM, in place, by its number; one that gives False is left out."""
    with pysam.AlignmentFile(str(path)) as source:
        header, reads = source.header.to_dict(), list(source.fetch(until_eof=True))
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, read in enumerate(reads):
            if change(number, read):
                out.write(read)
    pysam.index(str(path))


def slice_reads(box: Path) -> Path:
    """Leave the reads of the beginning of synA alone in the `box`'s reads.bam: where that is."""

    def wanted(_: int, read: pysam.AlignedSegment) -> bool:
        return read.reference_name == "synA" and 19_000 < read.reference_start < 23_000

    edit_reads(box / "reads.bam", wanted)
    return box / "reads.bam"


def as_duplicate(_: int, read: pysam.AlignedSegment) -> bool:
    """For `edit_reads`: marked as one."""
    read.is_duplicate = True
    return True


def as_short(_: int, read: pysam.AlignedSegment) -> bool:
    """For `edit_reads`: its first 30 bases."""
    bases, qualities = read.query_sequence, read.query_qualities
    if bases and qualities:
        read.query_sequence, read.cigarstring = bases[:30], "30M"
        read.query_qualities = qualities[:30]
    return True


def refused(box: Path, run: Finished, *parts: str) -> None:
    """One error, that names the reads of `box` and has these parts; nothing named out.* is left."""
    assert run.code == 2, run.err
    (error,) = [line for line in run.err.splitlines() if "warning" not in line]
    for part in (f"{box}/reads.bam", *parts):
        assert part in error
    assert not [path for path in box.iterdir() if "out." in path.name]


def rename_sample(path: Path, sample: str) -> None:
    """Give the read groups of a BAM another SM, in place."""
    with pysam.AlignmentFile(str(path)) as source:
        header, reads = source.header.to_dict(), list(source.fetch(until_eof=True))
    for group in header["RG"]:
        group["SM"] = sample
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for read in reads:
            out.write(read)
    pysam.index(str(path))


def split_by_group(
    source: Path, path: Path, groups: list[str | None], header_groups: list[dict[str, str]]
) -> None:
    """Copy the reads of a BAM, giving them read groups in turn (None: no RG tag)."""
    with pysam.AlignmentFile(str(source)) as bam:
        head = bam.header.to_dict()
        head["RG"] = header_groups
        with pysam.AlignmentFile(str(path), "wb", header=head) as out:
            for i, read in enumerate(bam):
                read.set_tag("RG", groups[i % len(groups)])
                out.write(read)
    pysam.index(str(path))


if __name__ == "__main__":
    for made in split_reads(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])):
        print(made)
