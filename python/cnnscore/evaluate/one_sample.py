"""The part of a call file or truth set that a comparator gets: one sample and its genotypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnscore.calls.output import OutputOptions, open_output
from cnnscore.calls.records import Calls, Records
from cnnscore.truth.genotypes import has_genotypes, sample_column
from cnnscore.truth.truth_set import BATCH

SAMPLE = "SAMPLE"
"""Name of the sample's column in the file that is written."""


@dataclass(frozen=True)
class OneSample:
    """A file that the tools accept: compressed, indexed, one sample with GT, no INFO or FILTER."""

    path: Path
    genotypes: bool
    """Whether its genotypes count; otherwise each ALT allele counts."""


def one_sample(
    source: str, sample: str | None, target: Path, *, passing: bool = False, every: bool = False
) -> OneSample:
    """Write the wanted part of `source` beside `target`: one sample, and with `passing` only the
    records that pass. Errors: BadInput as in `sample_column`, and for records that are not sorted.
    """
    calls, records = Calls(source, must_be_sorted=True), Records()
    column = sample_column(calls, sample)
    genotypes = has_genotypes(calls) and not every
    text, plain, path = (target.with_suffix(s) for s in (".all.vcf", ".vcf", ".vcf.gz"))
    with open_output(calls, str(text), OutputOptions("v")) as writer:
        while n := calls.read(records, BATCH):
            writer.write(records, "", np.zeros(n, np.float32))
    calls.close()
    with text.open("rb") as lines, plain.open("wb") as out:
        out.writelines(_lines(lines, column, passing))
    calls = Calls(str(plain))
    with open_output(calls, str(path), OutputOptions("z", "tbi")) as writer:
        while n := calls.read(records, BATCH):
            writer.write(records, "", np.zeros(n, np.float32))
    calls.close()
    text.unlink()
    plain.unlink()
    return OneSample(path, genotypes)


def _lines(lines: Iterator[bytes], column: int, passing: bool) -> Iterator[bytes]:
    yield b"##fileformat=VCFv4.2\n"
    yield b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    for line in lines:
        if line.startswith(b"##contig="):
            yield line
        elif line.startswith(b"#CHROM"):
            columns = line.rstrip(b"\n").split(b"\t")[:8]
            yield b"\t".join([*columns, b"FORMAT", SAMPLE.encode()]) + b"\n"
        elif not line.startswith(b"#"):
            fields = line.rstrip(b"\n").split(b"\t")
            if passing and fields[6] not in (b".", b"PASS"):
                continue
            # If there is a GT, it is the first key.
            has = len(fields) > 9 and fields[8].partition(b":")[0] == b"GT"
            genotype = fields[9 + column].partition(b":")[0] if has else b"./."
            yield b"\t".join([*fields[:5], b".\t.\t.\tGT", genotype]) + b"\n"
