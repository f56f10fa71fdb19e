"""Generated call files and resources with all that FilterVariantTranches may meet, dense.

Every file is a function of its seed. All REF alleles come from one random reference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysam

CONTIGS = {"chr1": 40_000, "chr2": 20_000, "chr10": 30_000}
HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=LowQual,Description="Low quality">
##FILTER=<ID=a_small,Description="First of all">
##FILTER=<ID=Zebra,Description="Between upper and lower case">
##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Score">
##INFO=<ID=CNN_1D,Number=1,Type=Float,Description="Another">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""
FILTERS = [".", ".", ".", "PASS", "LowQual", "Zebra;a_small;LowQual"]
GENOTYPES = ["0/1", "1/1", "0|1", "1|2", "./.", "0/0", "1"]


@dataclass(frozen=True)
class Site:
    """A record's locus and alleles."""

    contig: str
    pos: int
    ref: str
    alts: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """Paths of one generated case: bgzipped and indexed."""

    calls: Path
    resources: list[Path]


def write_case(folder: Path, seed: int, kinds: str = "SIMXYDN", scale: float = 1.0) -> Case:
    """Calls (4,000 at scale 1) and three resources. `kinds` are letters of `_Locus`."""
    rng = random.Random(seed)
    lengths = {name: int(n * scale) for name, n in CONTIGS.items()}
    genome = {name: "".join(rng.choices("ACGT", k=n)) for name, n in lengths.items()}
    sites = list(_sites(rng, genome, kinds))
    contigs = "".join(f"##contig=<ID={name},length={n}>\n" for name, n in lengths.items())
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    text = [f"{HEADER}{contigs}{columns}\tFORMAT\tS1\n"]
    for site in sites:
        info = []
        if rng.random() < 0.9:
            info.append(f"CNN_2D={_score(rng)}")
        if rng.random() < 0.5:
            info.append(f"CNN_1D={_score(rng)}")
        if any(alt.startswith("<") for alt in site.alts):
            info.append(f"END={site.pos + len(site.ref) + rng.choice([0, 0, 300])}")
        text.append(
            _line(site, rng.choice(FILTERS), ";".join(info) or ".")
            + f"\tGT\t{rng.choice(GENOTYPES[: 4 if len(site.alts) > 1 else 3])}\n"
        )
    folder.mkdir(parents=True, exist_ok=True)
    calls = _write(folder / "calls.vcf", text)
    resources = []
    for i in range(3):
        known = [_known(rng, genome, site) for site in sites if rng.random() < 0.45]
        known += list(_sites(rng, genome, "SI"))[::7]
        known = [site for site in known if site.alts != (".",)]
        order = list(CONTIGS)
        known.sort(key=lambda site: (order.index(site.contig), site.pos))
        lines = [_line(site, rng.choice([".", "PASS", "LowQual"]), ".") + "\n" for site in known]
        head = [f"{HEADER}{contigs}{columns}\n"]
        resources.append(_write(folder / f"resource{i}.vcf", [*head, *lines]))
    return Case(calls, resources)


def _sites(rng: random.Random, genome: dict[str, str], kinds: str) -> Iterator[Site]:
    for contig, bases in genome.items():
        pos = 50
        while pos < len(bases) - 500:
            pos += rng.choice([1, 1, 7, 40, 90])
            for _ in range(rng.choice([1, 1, 1, 2])):
                ref, alts = _Locus(rng, bases, pos).alleles(rng.choice(kinds))
                yield Site(contig, pos, ref, alts)


class _Locus:
    """Random alleles at a 1-based position."""

    def __init__(self, rng: random.Random, bases: str, pos: int) -> None:
        self._rng, self._bases, self._pos = rng, bases, pos
        self._span = rng.randint(2, 4)

    def alleles(self, kind: str) -> tuple[str, tuple[str, ...]]:
        """REF and ALTs of a kind, one letter."""
        ref, *alts = self._rng.choice(getattr(self, f"_{kind}")())
        return ref, tuple(alts)

    def _ref(self, length: int = 1) -> str:
        return self._bases[self._pos - 1 : self._pos - 1 + length]

    def _other(self, base: str) -> str:
        return self._rng.choice("ACGT".replace(base, ""))

    def _insertion(self) -> str:
        return self._ref() + "".join(self._rng.choices("ACGT", k=self._rng.randint(1, 4)))

    def _S(self) -> list[list[str]]:  # SNPs
        ref = self._ref()
        alts = self._rng.sample("ACGT".replace(ref, ""), k=3)
        choices = [[ref, *alts[:n]] for n in (1, 1, 1, 2, 3)]
        return [*choices, [ref, alts[0].lower()]]

    def _I(self) -> list[list[str]]:  # indels
        ref, long = self._ref(), self._ref(self._span)
        return [[ref, self._insertion()], [long, ref], [long, ref, f"{long}T"]]

    def _M(self) -> list[list[str]]:  # MNPs
        ref = self._ref(self._span)
        mnp = "".join(self._other(base) for base in ref)
        return [[ref, mnp], [ref, mnp, self._other(ref[0]) + ref[1:]]]

    def _X(self) -> list[list[str]]:  # mixed
        ref, long = self._ref(), self._ref(self._span)
        snp = self._other(ref)
        return [[ref, snp, self._insertion()], [long, ref, snp + long[1:]]]

    def _Y(self) -> list[list[str]]:  # symbolic, with or without others
        ref = self._ref()
        symbolic = [[ref, alt] for alt in ("<DEL>", "<NON_REF>", f"{ref}[chr2:500[", f"{ref}.")]
        return [*symbolic, [ref, self._other(ref), "<NON_REF>"]]

    def _D(self) -> list[list[str]]:  # spanning deletions
        ref, long = self._ref(), self._ref(self._span)
        return [[ref, "*"], [ref, self._other(ref), "*"], [long, "*"], [long, ref, "*"]]

    def _N(self) -> list[list[str]]:  # no ALT
        return [[self._ref(), "."]]


def _known(rng: random.Random, genome: dict[str, str], site: Site) -> Site:
    """The site as a resource may have it: itself, longer, shorter, in part, another, elsewhere."""
    bases = genome[site.contig]
    plain = tuple(alt for alt in site.alts if alt.isalpha())
    way = rng.choice(["same", "longer", "part", "other", "near", "lower", "shorter", "same"])
    pos, ref, alts = site.pos, site.ref, site.alts
    if way == "longer" and plain:
        end = pos - 1 + len(ref)
        extra = bases[end : end + rng.randint(1, 3)]
        ref, alts = ref + extra, tuple(alt + extra if alt in plain else alt for alt in alts)
    elif way == "part" and plain:
        alts = (rng.choice(plain),)
    elif way == "other":
        ref, alts = _Locus(rng, bases, pos).alleles(rng.choice("SI"))
    elif way == "near":
        pos += 1
        ref, alts = _Locus(rng, bases, pos).alleles("S")
    elif way == "lower" and plain:
        ref, alts = ref.lower(), plain
    elif way == "shorter" and plain and all(a.endswith(ref[-1]) for a in plain) and len(ref) > 1:
        shorter = tuple(alt[:-1] for alt in plain)
        if all(shorter) and ref[:-1] not in shorter:
            ref, alts = ref[:-1], shorter
    return Site(site.contig, pos, ref, alts)


def _score(rng: random.Random) -> str:
    """Few values, so that many tie; some with three decimals, some in other notations."""
    value = rng.gauss(0, 3)
    return rng.choice([f"{value:.0f}", f"{value:.1f}", f"{value:.3f}", f"{value:.2e}"])


def _line(site: Site, filters: str, info: str) -> str:
    alts = ",".join(site.alts)
    return f"{site.contig}\t{site.pos}\t.\t{site.ref}\t{alts}\t30\t{filters}\t{info}"


def _write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(lines))
    return Path(pysam.tabix_index(str(path), preset="vcf", force=True))
