"""The part of a call file or truth set that a comparator gets: one sample and its genotypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cnnscore.calls.output import OutputOptions, copy_calls, index_for
from cnnscore.calls.records import Calls, Intervals
from cnnscore.truth.genotypes import has_genotypes, sample_column

SAMPLE = "SAMPLE"
"""Name of the sample's column in the file that is written."""


@dataclass(frozen=True)
class OneSample:
    """A file that the tools accept: compressed, indexed, one sample with GT, no INFO or FILTER."""

    path: Path
    genotypes: bool
    """Whether its genotypes count; otherwise each ALT allele counts."""


def one_sample(
    source: str,
    sample: str | None,
    target: Path,
    *,
    intervals: Intervals,
    reference: str,
    passing: bool = False,
    every: bool = False,
) -> OneSample:
    """Write the wanted part of `source` beside `target`: one sample, the records in the intervals,
    and with `passing` only those that pass. Errors: BadInput as in `sample_column`, and for records
    that are not sorted.
    """
    # Intervals were warned of, or will be, where the same files are read to be labelled.
    calls = Calls(source, intervals=intervals, reference=reference, must_be_sorted=True, again=True)
    column = sample_column(calls, sample)
    genotypes = has_genotypes(calls) and not every
    text, plain, path = (target.with_suffix(s) for s in (".all.vcf", ".vcf", ".vcf.gz"))
    copy_calls(calls, str(text), OutputOptions("v"))
    with text.open("rb") as lines, plain.open("wb") as out:
        out.writelines(_lines(lines, column, passing))
    alone = Calls(str(plain), again=True)
    copy_calls(alone, str(path), OutputOptions("z", index_for(alone)))
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
