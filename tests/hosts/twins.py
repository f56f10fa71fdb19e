"""tests/golden/twins.json, and the files of reads that its vectors ask for.

The vectors are rules that stand in C (native/window) and once more in Java (plugin/gatk).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from conftest import TESTS

VECTORS: dict[str, Any] = json.loads((TESTS / "golden" / "twins.json").read_text())
LENGTH = 100
Stretch = tuple[str, int, int, int]


def write_bam(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    stretches: Sequence[Stretch],
    read_length: int = LENGTH,
) -> Path:
    """A BAM whose stretches (contig, begin, end, depth) are covered evenly."""
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},  # without it GATK merges files in no order
            "SQ": [{"SN": name, "LN": length} for name, length in contigs],
        }
    )
    number = {name: i for i, (name, _) in enumerate(contigs)}
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        loci = sorted(
            (number[contig], int(start))
            for contig, begin, end, depth in stretches
            for start in np.linspace(begin, end, (end - begin) * depth // read_length, False)
        )
        for i, (contig, start) in enumerate(loci):
            read = pysam.AlignedSegment(header)
            read.query_name = f"{path.stem}:{i}"
            read.reference_id, read.reference_start = contig, start
            read.query_sequence = "A" * read_length
            read.query_qualities = pysam.qualitystring_to_array("I" * read_length)
            read.cigartuples = [(0, read_length)]
            out.write(read)
    pysam.index(str(path))
    return path


def contigs_of(file: dict[str, Any]) -> list[tuple[str, int]]:
    """The contigs of a file of the vectors, in the order of its header."""
    contigs = [(name, length) for name, length in file.get("contigs", [])]
    count, length = file.get("scaffolds", [0, 0])
    contigs += [(f"scaffold{i}", length) for i in range(count)]
    return contigs[::-1] if file.get("reversed") else contigs


def write_depth_files(case: dict[str, Any], number: int, folder: Path) -> list[Path]:
    """The BAMs of a vector of sample_depth: depth-NUMBER-0.bam and so on."""
    return [
        write_bam(folder / f"depth-{number}-{i}.bam", contigs_of(file), file["stretches"])
        for i, file in enumerate(case["files"])
    ]


def write_reads(reads: Sequence[dict[str, Any]], path: Path) -> Path:
    """A BAM of reads on synA: name, flag, pos; seq, qual, cigar and rg where not as usual."""
    groups = ["a", "ArtificialHaplotypeRG", "ArtificialHaplotype"]
    header = pysam.AlignmentHeader.from_dict(
        {
            "SQ": [{"SN": "synA", "LN": 40000}, {"SN": "synB", "LN": 12000}],
            "RG": [{"ID": group, "SM": "s"} for group in groups],
        }
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for read in sorted(reads, key=lambda read: int(read["pos"])):
            text = "\t".join(
                [
                    *(read["name"], str(read["flag"]), "synA", str(read["pos"] + 1), "60"),
                    *(read.get("cigar", "10M"), "*", "0", "0"),
                    *(read.get("seq", "ACGTACGTAC"), read.get("qual", "IIIIIIIIII")),
                    *([f"RG:{read['rg']}"] if read.get("rg") else []),
                ]
            )
            record = pysam.AlignedSegment.fromstring(text, header)
            record.flag = read["flag"]  # htslib takes one without CIGAR for unmapped
            out.write(record)
    pysam.index(str(path))
    return path
