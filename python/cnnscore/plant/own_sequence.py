"""The sample's own sequence, and where it is known.

Its homozygous variants are written into the reference, so that no read differs from it but by
errors and by what only one haplotype has. Where that is, or may be, nothing is planted and no call
is judged: nobody can tell a true heterozygote from an artefact as strong without a truth set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

import numpy as np
import pysam
from numpy.typing import NDArray

from cnnscore.plant.regions import Region
from cnnscore.plant.tools import run

CHUNK = 1_000_000
"""Bases that are looked at at once: bounds the memory."""
LEAST_DEPTH = 8
"""Fewer reads leave open what the sample has."""
LEAST_MAPQ, UNIQUE = 20, 0.9
"""Where fewer reads than this part have a place of their own, others may be of a copy elsewhere."""
OWN_SHARE = {"snp": 0.2, "indel": 0.12}
"""Share of reads from which on a difference may be the sample's own variant. Aligners hide part of
the reads of an indel."""
OWN_CHANCE, FEW_READS = 0.01, 100
"""And it may, at any share, where such a part of heterozygotes or more would show as few reads."""
AROUND_OWN = 10
"""Bases on both sides of a possible variant of its own that are not judged."""
EDGE = 300
"""Bases at the ends of a region that are not judged: reads and their mates end there."""
PILE = "-d 8000 -L 8000 --ignore-RG"
"""mpileup's: all reads of a panel or an amplicon, of whatever read group."""


@dataclass(frozen=True, eq=False)
class OwnSequence:
    """Of each region, whose contig it becomes."""

    names: list[str]
    bases: list[NDArray[np.uint8]]
    """Each [L], ASCII capitals."""
    known: list[NDArray[np.bool_]]
    """Each [L]: where the sample has this sequence on all haplotypes, as far as reads tell."""


def own_sequence(
    taken: Path, reference: str, regions: Sequence[Region], folder: Path, ploidy: int, threads: int
) -> OwnSequence:
    """The reference of the regions with the homozygous variants of the reads `taken`; known is what
    enough reads cover, each of them with a place of its own.
    """
    chunks = [chunk for region in regions for chunk in _chunks(region)]
    with ThreadPoolExecutor(threads) as pool:
        masks = list(pool.map(partial(_uncertain, taken), chunks))
        call = partial(_homozygous, taken, reference, folder, ploidy)
        parts = list(pool.map(call, chunks, range(len(chunks))))
    mask, variants = folder / "uncertain.bed", folder / "own.vcf.gz"
    mask.write_text("".join(masks))
    listed = folder / "own.parts"
    listed.write_text("".join(f"{part}\n" for part in parts))
    run(
        "joining the sample's own variants",
        f"bcftools concat -n -f {quote(str(listed))} -o {quote(str(variants))}"
        f" && bcftools index -f {quote(str(variants))}",
    )
    bare = folder / "reference.fa"
    with pysam.FastaFile(reference) as fasta, bare.open("w") as file:
        for region in regions:
            bases = fasta.fetch(region.contig, region.begin, region.end).upper()
            file.write(f">{region.text}\n{bases}\n")
    own = folder / "own.fa"
    # What is uncertain comes out in small letters, wherever indels move it.
    masking = f"-m {quote(str(mask))} --mask-with lc " if any(masks) else ""
    run(
        "making the sample's own sequence",
        f"bcftools consensus -f {quote(str(bare))} -H A {masking}{quote(str(variants))}"
        f" > {quote(str(own))}",
    )
    with pysam.FastxFile(str(own)) as found:
        texts = [
            np.frombuffer((record.sequence or "").encode(), np.uint8).copy() for record in found
        ]
    small = [text >= ord("a") for text in texts]
    capitals = [np.where(low, text - 32, text) for text, low in zip(texts, small, strict=True)]
    acgt = np.frombuffer(b"ACGT", np.uint8)
    known = [~low & np.isin(text, acgt) for text, low in zip(capitals, small, strict=True)]
    return OwnSequence([region.name for region in regions], capitals, known)


def write_fasta(path: Path, names: Sequence[str], bases: Sequence[NDArray[np.uint8]]) -> None:
    """A FASTA of one line per contig, with its index."""
    with path.open("wb") as file:
        for name, text in zip(names, bases, strict=True):
            file.write(f">{name}\n".encode() + text.tobytes() + b"\n")
    run("indexing the sequence", f"samtools faidx {quote(str(path))}")


def leave_out_own(own: OwnSequence, fasta: Path, aligned: Path, threads: int) -> None:
    """Strike out of `own.known` where its reads, `aligned` to it, may show variants of its own."""
    regions = [
        Region(name, 0, len(bases), whole=True)
        for name, bases in zip(own.names, own.bases, strict=True)
    ]
    with ThreadPoolExecutor(threads) as pool:
        for region, known in zip(regions, own.known, strict=True):
            chunks = list(_chunks(region))
            for found in pool.map(partial(_unlike, fasta, aligned), chunks):
                known[found] = False
            known[:EDGE] = known[-EDGE:] = False


def _chunks(region: Region) -> Iterator[Region]:
    for begin in range(region.begin, region.end, CHUNK):
        yield Region(region.contig, begin, min(begin + CHUNK, region.end), whole=False)


def _depth(path: Path, region: Region, mapq: int) -> NDArray[np.int64]:
    """[bases] reads over each base of the region, of this mapping quality or better."""
    text = run(
        "counting reads",
        f"samtools depth -a -J -Q {mapq} -r {quote(region.text)} {quote(str(path))} | cut -f 3",
    )
    depth = np.zeros(region.end - region.begin, np.int64)
    found = np.fromstring(text, np.int64, sep="\n")
    depth[: len(found)] = found
    return depth


def _uncertain(taken: Path, region: Region) -> str:
    """BED lines of where too few reads say what the sample has."""
    unique, all_reads = _depth(taken, region, LEAST_MAPQ), _depth(taken, region, 0)
    low = (unique < LEAST_DEPTH) | (unique < UNIQUE * all_reads)
    begin, end = (edge + region.begin for edge in runs(low))
    return "".join(f"{region.contig}\t{b}\t{e}\n" for b, e in zip(begin, end, strict=True))


def _homozygous(
    taken: Path, reference: str, folder: Path, ploidy: int, region: Region, number: int
) -> Path:
    """The homozygous variants there, as a VCF."""
    part = folder / f"own.{number}.vcf.gz"
    run(
        "finding the sample's own variants",
        f"bcftools mpileup {PILE} -q {LEAST_MAPQ} -f {quote(reference)} -r {quote(region.text)} -Ou"
        f" {quote(str(taken))} | bcftools call -mv --ploidy {ploidy} -Ou"
        ' | bcftools view -i \'GT="AA" || GT="A"\' -Ou'
        f" | bcftools norm -f {quote(reference)} -Oz -o {quote(str(part))}",
    )
    return part


def _unlike(fasta: Path, aligned: Path, region: Region) -> NDArray[np.int64]:
    """Positions that too few reads cover, or where reads may show a variant of the sample's own."""
    shown = r"%POS0\t%END\t%INDEL\t[%AD{0}\t%AD{1}\t%DP]\n"
    text = run(
        "looking for the sample's own variants",
        f"bcftools mpileup {PILE} -A -B -q 0 -Q 5 -m 1 -F 0.02 -a AD,DP -f {quote(str(fasta))}"
        f" -r {quote(region.text)} -Ou {quote(str(aligned))}"
        f" | bcftools query -i 'N_ALT>1 || INDEL=1' -f '{shown}'",
    )
    columns = np.fromstring(text.replace("\t.", "\t0"), np.int64, sep="\t").reshape(-1, 6)
    begin, end, is_indel, n_ref, n_alt, depth = columns.T
    depth = np.maximum(depth, n_ref + n_alt)
    least = np.where(is_indel == 1, OWN_SHARE["indel"], OWN_SHARE["snp"])
    own = (n_alt >= least * depth) | (n_alt >= _few(depth))
    length = region.end
    low = region.begin + np.flatnonzero(_depth(aligned, region, 0) < LEAST_DEPTH)
    begin, end = begin[own] - AROUND_OWN, end[own] + AROUND_OWN
    edges = np.zeros(region.end - region.begin + 1, np.int64)
    np.add.at(edges, np.clip(begin - region.begin, 0, len(edges) - 1), 1)
    np.add.at(edges, np.clip(end - region.begin, 0, len(edges) - 1), -1)
    around = region.begin + np.flatnonzero(np.cumsum(edges[:-1]) > 0)
    return np.concatenate([low, around[around < length]])


def _few(depth: NDArray[np.int64]) -> NDArray[np.int64]:
    """[N] the fewest reads that OWN_CHANCE or more of heterozygotes show at most; where depth makes
    OWN_SHARE the stricter rule, more than there are.
    """
    # Of n reads a heterozygote shows k by the binomial distribution of 1/2.
    row, table = np.ones(1), np.zeros(FEW_READS + 1, np.int64)
    for n in range(FEW_READS + 1):
        table[n] = np.searchsorted(np.cumsum(row), OWN_CHANCE)
        row = (np.append(row, 0) + np.append(0, row)) / 2
    return np.where(depth <= FEW_READS, table[np.minimum(depth, FEW_READS)], depth + 1)


def runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begins and ends of the stretches that are set."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
