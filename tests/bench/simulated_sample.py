"""A simulated sample and its candidate sites, in memory: what make_data.py writes to files.

Everything is drawn from SEED, each purpose from a stream of its own.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

SEED = 20240611
# Planted variants per base: human-like, and fewer than sparse sites, which so mix both kinds.
PLANTED = 1 / 1250
# Bases kept free of N and of the contig's end around a site: more than the longest allele.
MARGIN = 64
LONGEST_INDEL = 40


Bases = npt.NDArray[np.uint8]
ACGT = np.frombuffer(b"ACGT", dtype=np.uint8)
TRANSITION = {"A": "G", "G": "A", "C": "T", "T": "C"}


@dataclasses.dataclass(frozen=True)
class GenomeSpec:
    """What is simulated: base contig lengths, how often they are copied, read depths."""

    name: str
    lengths: tuple[int, ...]
    copies: int
    depths: tuple[int, ...]
    # Call set -> on how many of the copies it has sites.
    site_copies: dict[str, int]
    tenths: bool

    def contig(self, index: int, copy: int) -> str:
        """Name of base contig `index` (from 0) in copy `copy` (from 0)."""
        return f"chr{index + 1}" if self.copies == 1 else f"chr{index + 1}_{copy + 1}"


SMALL = GenomeSpec(
    "small", (500_000, 350_000, 200_000, 60_000), 1, (30, 50), {"dense": 1, "sparse": 1}, False
)
LARGE = GenomeSpec(
    "large", (7_000_000, 5_200_000, 4_000_000), 7, (30,), {"dense": 1, "sparse": 7}, True
)


@dataclasses.dataclass(frozen=True)
class Variant:
    """One site; `pos` is 0-based. `haplotypes` index (ref, *alts), one for each parent.

    Not `planted` means made up: in the call set, but not in the sample.
    """

    pos: int
    ref: str
    alts: tuple[str, ...]
    haplotypes: tuple[int, int]
    planted: bool


# The genome and the sample's variants


def generator(*purpose: object) -> np.random.Generator:
    """A random stream for each purpose, so that one product's draws never shift another's."""
    return np.random.default_rng([SEED, zlib.crc32(repr(purpose).encode())])


class Genome:
    """The simulated contigs of one set and the variants planted in them, made when asked for."""

    def __init__(self, spec: GenomeSpec) -> None:
        self.spec = spec

    @cached_property
    def contigs(self) -> list[Bases]:
        """ASCII bases of each base contig."""
        return [
            simulate_contig(generator(self.spec.name, "contig", index), length)
            for index, length in enumerate(self.spec.lengths)
        ]

    @cached_property
    def allowed(self) -> list[npt.NDArray[np.int64]]:
        """For each contig where a site may lie: `MARGIN` from any N and from the ends."""
        result = []
        for contig in self.contigs:
            n_before = np.concatenate([[0], np.cumsum(contig == ord("N"))])
            middle = np.arange(MARGIN, len(contig) - MARGIN)
            result.append(middle[n_before[middle + MARGIN] == n_before[middle - MARGIN]])
        return result

    @cached_property
    def planted(self) -> list[list[Variant]]:
        """For each contig the sample's variants, by position; none overlap or touch."""
        result = []
        for index, (contig, allowed) in enumerate(zip(self.contigs, self.allowed, strict=True)):
            rng = generator(self.spec.name, "planted", index)
            drawn = np.sort(rng.choice(allowed, round(len(allowed) * PLANTED), replace=False))
            apart = np.diff(drawn, prepend=-MARGIN) >= LONGEST_INDEL + 2
            result.append(
                [draw_variant(rng, contig, int(pos), planted=True) for pos in drawn[apart]]
            )
        return result

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(b"|".join(contig.tobytes() for contig in self.contigs)).hexdigest()

    def write_fasta(self, path: Path) -> None:
        with path.open("wb") as fasta:
            for copy in range(self.spec.copies):
                for index, contig in enumerate(self.contigs):
                    write_sequence(fasta, self.spec.contig(index, copy), contig.tobytes())

    def write_haplotype(self, path: Path, parent: int) -> None:
        """Base contigs with the planted alleles of one parent (0 or 1)."""
        with path.open("wb") as fasta:
            for index, (contig, variants) in enumerate(
                zip(self.contigs, self.planted, strict=True)
            ):
                bases, pieces, at = contig.tobytes(), [], 0
                for variant in variants:
                    allele = (variant.ref, *variant.alts)[variant.haplotypes[parent]]
                    pieces += [bases[at : variant.pos], allele.encode()]
                    at = variant.pos + len(variant.ref)
                write_sequence(fasta, self.spec.contig(index, 0), b"".join([*pieces, bases[at:]]))


def write_sequence(fasta: IO[bytes], name: str, bases: bytes, width: int = 60) -> None:
    fasta.write(f">{name}\n".encode())
    fasta.writelines(bases[at : at + width] + b"\n" for at in range(0, len(bases), width))


def simulate_contig(rng: np.random.Generator, length: int) -> Bases:
    """Random bases with what makes real ones awkward. Rates are rough human ones, per base."""
    block = 5_000
    # An AR(1) walk over 5 kb blocks, squeezed into 35-55 % GC.
    walk = np.zeros(length // block + 1)
    for i in range(1, len(walk)):
        walk[i] = 0.8 * walk[i - 1] + 0.6 * rng.normal()
    gc = np.repeat(0.45 + 0.10 * np.tanh(walk), block)[:length]
    strong, second = rng.random(length) < gc, rng.random(length) < 0.5
    contig = np.where(
        strong, np.where(second, ord("C"), ord("G")), np.where(second, ord("A"), ord("T"))
    )
    contig = contig.astype(np.uint8)

    def loci(rate: float, longest: int) -> Iterator[int]:
        return map(int, rng.integers(0, length - longest, size=round(length * rate)))

    for at in loci(1 / 50_000, 2_000):  # diverged copies: reads of low MAPQ
        size, source = int(rng.integers(400, 2_000)), int(rng.integers(0, length - 2_000))
        copied = contig[source : source + size].copy()
        changed = rng.random(size) < rng.uniform(0, 0.03)
        copied[changed] = rng.choice(ACGT, size=int(changed.sum()))
        contig[at : at + size] = copied
    for at in loci(1 / 2_500, 120):  # short tandem repeats, 10-120 bp
        repeat = np.tile(rng.choice(ACGT, size=int(rng.integers(2, 7))), int(rng.integers(5, 21)))
        contig[at : at + len(repeat)] = repeat
    for at in loci(1 / 800, 20):  # homopolymers, 6-20 bp
        contig[at : at + int(rng.integers(6, 21))] = rng.choice(ACGT, p=[0.4, 0.1, 0.1, 0.4])
    for at in loci(1 / 200_000, 2_000):  # gaps in the assembly
        contig[at : at + int(rng.integers(200, 2_000))] = ord("N")
    return contig


def draw_variant(rng: np.random.Generator, contig: Bases, pos: int, *, planted: bool) -> Variant:
    """A variant at `pos`: 80 % SNP, 18 % indel, 1 % two ALT alleles, 1 % MNP; 60 % heterozygous."""

    def bases(start: int, size: int) -> str:
        return contig[start : start + size].tobytes().decode()

    kind, ref = rng.random(), bases(pos, 1)
    if kind < 0.80:
        snv = TRANSITION[ref] if rng.random() < 0.67 else other_base(rng, ref, TRANSITION[ref])
        alts: tuple[str, ...] = (snv,)
    elif kind < 0.98:
        size = min(int(rng.geometric(0.4)), LONGEST_INDEL)
        if rng.random() < 0.5:
            alts, ref = (ref,), bases(pos, 1 + size)
        elif rng.random() < 0.5:  # half of the insertions double what follows, as slippage does
            alts = (ref + bases(pos + 1, size),)
        else:
            alts = (ref + rng.choice(ACGT, size=size).tobytes().decode(),)
    elif kind < 0.99:
        first = other_base(rng, ref)
        alts = (first, other_base(rng, ref, first))
    else:
        ref = bases(pos, int(rng.integers(2, 5)))
        alts = ("".join(other_base(rng, base) for base in ref),)
    if len(alts) == 2:
        haplotypes = (1, 2)
    elif rng.random() < 0.4:
        haplotypes = (1, 1)
    else:
        haplotypes = (0, 1) if rng.random() < 0.5 else (1, 0)
    return Variant(pos, ref, alts, haplotypes, planted)


def other_base(rng: np.random.Generator, *taken: str) -> str:
    return str(rng.choice([base for base in "ACGT" if base not in taken]))


# Call sets


def choose_sites(genome: Genome, name: str, spacing: int) -> list[list[Variant]]:
    """For each contig its sites by position, one per `spacing` bases outside N on average.

    Planted variants come first; made-up candidates at other loci fill up the rest.
    """
    result = []
    for index, contig in enumerate(genome.contigs):
        rng = generator(genome.spec.name, name, "sites", index)
        planted, free = genome.planted[index], np.zeros(len(contig), dtype=bool)
        wanted = round(int((contig != ord("N")).sum()) / spacing)
        if len(planted) > wanted:
            kept = np.sort(rng.choice(len(planted), wanted, replace=False))
            planted = [planted[int(i)] for i in kept]
        free[genome.allowed[index]] = True
        for variant in genome.planted[index]:
            free[variant.pos : variant.pos + len(variant.ref) + 1] = False
        drawn = rng.choice(np.flatnonzero(free), wanted - len(planted), replace=False)
        candidates = [draw_variant(rng, contig, int(pos), planted=False) for pos in drawn]
        result.append(sorted(planted + candidates, key=lambda variant: variant.pos))
    return result


def vcf_records(
    genome: Genome, name: str, spacing: int, copies: int
) -> Iterator[tuple[str, Variant, str]]:
    """Contig, variant and VCF line of each record, in order; each copy has its own annotations."""
    sites, rng = (
        choose_sites(genome, name, spacing),
        generator(genome.spec.name, name, "annotations"),
    )
    for copy in range(copies):
        for index, variants in enumerate(sites):
            contig = genome.spec.contig(index, copy)
            for variant in variants:
                yield contig, variant, vcf_line(rng, contig, variant)


def vcf_line(rng: np.random.Generator, contig: str, variant: Variant) -> str:
    """A record with HaplotypeCaller's fields; the values are drawn, not computed from reads."""
    real = variant.planted
    called = sorted(set(variant.haplotypes) - {0})
    het = variant.haplotypes[0] != variant.haplotypes[1]
    depth = max(4, int(rng.poisson(30)))
    share = 0.5 if real else 0.25
    if not het:
        counts = [0, depth]
    elif 0 in variant.haplotypes:
        alt = int(np.clip(rng.binomial(depth, share), 2, depth - 1))
        counts = [depth - alt, alt]
    else:
        alt = int(np.clip(rng.binomial(depth, 0.5), 1, depth - 1))
        counts = [0, alt, depth - alt]
    qd = float(np.clip(rng.normal(20, 6), 2, 38)) if real else float(rng.gamma(2, 2)) + 0.3
    qual, noise = qd * depth, 1.0 if real else 2.0
    z = rng.normal(0, noise, size=3)
    info = {
        "AC": ",".join(str(variant.haplotypes.count(allele)) for allele in called),
        "AF": ",".join(f"{variant.haplotypes.count(allele) / 2:.3f}" for allele in called),
        "AN": "2",
        "BaseQRankSum": f"{z[0]:.3f}",
        "DP": str(depth),
        "ExcessHet": "0.0000",
        "FS": f"{rng.exponential(2 * noise**2):.3f}",
        "MLEAC": ",".join(str(variant.haplotypes.count(allele)) for allele in called),
        "MLEAF": ",".join(f"{variant.haplotypes.count(allele) / 2:.3f}" for allele in called),
        "MQ": f"{60 - (0 if rng.random() < 0.7 else rng.exponential(3 * noise)):.2f}",
        "MQRankSum": f"{min(0.0, z[1] + 1):.3f}",
        "QD": f"{qd:.2f}",
        "ReadPosRankSum": f"{z[2]:.3f}",
        "SOR": f"{0.3 + rng.gamma(2, 0.3 * noise):.3f}",
    }
    if (
        0 not in variant.haplotypes
    ):  # a rank sum compares with reads of the reference: there are none
        for key in ("BaseQRankSum", "MQRankSum", "ReadPosRankSum"):
            del info[key]
    # PL in the specification's order: genotype a/b (a <= b) at b(b+1)/2 + a.
    alleles, genotype = 1 + len(variant.alts), sorted(variant.haplotypes)
    likelihoods = rng.integers(99, 1200, size=alleles * (alleles + 1) // 2)
    likelihoods[0] = max(20, int(qual))
    likelihoods[genotype[1] * (genotype[1] + 1) // 2 + genotype[0]] = 0
    sample = ":".join(
        [
            "/".join(map(str, genotype)),
            ",".join(map(str, counts)),
            str(depth),
            str(min(99, int(np.sort(likelihoods)[1]))),
            ",".join(map(str, likelihoods)),
        ]
    )
    fields = [
        contig,
        str(variant.pos + 1),
        ".",
        variant.ref,
        ",".join(variant.alts),
        f"{qual:.2f}",
        ".",
    ]
    annotations = ";".join(f"{key}={value}" for key, value in info.items())
    return "\t".join([*fields, annotations, "GT:AD:DP:GQ:PL", sample]) + "\n"


VCF_FIELDS = """\
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths for the ref and alt alleles">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype Quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled likelihoods for genotypes">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count in genotypes">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Total number of alleles in called genotypes">
##INFO=<ID=BaseQRankSum,Number=1,Type=Float,Description="Rank sum of alt and ref base qualities">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Approximate read depth">
##INFO=<ID=ExcessHet,Number=1,Type=Float,Description="Phred-scaled p-value, excess heterozygosity">
##INFO=<ID=FS,Number=1,Type=Float,Description="Phred-scaled p-value, Fisher's test, strand bias">
##INFO=<ID=MLEAC,Number=A,Type=Integer,Description="Likeliest allele count">
##INFO=<ID=MLEAF,Number=A,Type=Float,Description="Likeliest allele frequency">
##INFO=<ID=MQ,Number=1,Type=Float,Description="RMS mapping quality">
##INFO=<ID=MQRankSum,Number=1,Type=Float,Description="Rank sum of alt and ref mapping qualities">
##INFO=<ID=QD,Number=1,Type=Float,Description="Variant confidence by depth">
##INFO=<ID=ReadPosRankSum,Number=1,Type=Float,Description="Rank sum of alt and ref read positions">
##INFO=<ID=SOR,Number=1,Type=Float,Description="Symmetric odds ratio to detect strand bias">
"""
