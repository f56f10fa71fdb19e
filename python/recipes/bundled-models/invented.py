"""Calls that no caller makes: at places without any variant, and true ones misspelt.

Genotypes are forced at given alleles, call sets are merged: then records stand in a file that no
read shows. A network that learnt from callers' output alone has never met one, and passes many.
Here are

- SNPs, insertions and deletions where neither the truth nor a caller has anything within MARGIN;
- true variants that stand alone, with another base, one base too long or too short, or an
  insertion for a deletion and the reverse. The true one is not in the list.

Command: python invented.py --truth VCF --confident BED --reference FASTA --calls VCF ... --out VCF
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np

from judgeable import MARGIN, alleles
from stated import Allele, Span, read_bed, within, write

BASES = "ACGT"
PLAIN = (0.02, 0.004, 0.004)
"""SNPs, insertions and deletions where there is nothing, for each true variant."""
MISSPELT = (0.04, 0.02)
"""Part of the true SNPs, and indels, that stand alone. Few: the false calls of callers are harder
to tell, and their false indels would soon be fewer than these."""
LONGEST = 8


def taken(near: set[Allele]) -> dict[str, np.ndarray]:
    """By contig, sorted: where variants begin."""
    return {
        contig: np.sort([allele[1] for allele in near if allele[0] == contig])
        for contig in {allele[0] for allele in near}
    }


def is_free(at: np.ndarray, start: int, end: int, but: int = 0) -> bool:
    """Whether no more than `but` of these begin within MARGIN bases of start to end."""
    low, high = np.searchsorted(at, [start - MARGIN, end + MARGIN])
    return int(high - low) <= but


def other_base(base: str, rng: np.random.Generator) -> str:
    """Another of the four."""
    return str(rng.choice([other for other in BASES if other != base]))


def plain(text: str, at: int, kind: int, rng: np.random.Generator) -> tuple[str, str]:
    """REF and ALT at a position: a SNP, an insertion or a deletion."""
    length = 1 + min(int(rng.geometric(0.4)) - 1, LONGEST - 1)
    if kind == 0:
        return text[at], other_base(text[at], rng)
    if kind == 1:
        return text[at], text[at] + "".join(rng.choice(list(BASES), length))
    return text[at : at + 1 + length], text[at]


def misspelt(text: str, allele: Allele, rng: np.random.Generator) -> tuple[str, str] | None:
    """REF and ALT of a call beside the truth: another base, length or event; None: no such."""
    _, at, ref, alt = allele
    if len(ref) == len(alt) == 1:
        return ref, str(rng.choice([base for base in BASES if base not in (ref, alt)]))
    if min(len(ref), len(alt)) != 1 or len(ref) == len(alt):
        return None
    length, inserts = abs(len(ref) - len(alt)), len(alt) > len(ref)
    how = int(rng.integers(3))
    if how == 2:
        inserts = not inserts
    else:
        length += 1 if how == 0 or length == 1 else -1
    if not inserts:
        return text[at : at + 1 + length], text[at]
    added = alt[1:] if len(alt) > len(ref) else ref[1:]
    return text[at], text[at] + (added + other_base(added[-1], rng))[:length]


def invented(
    contigs: dict[str, str],
    confident: list[Span],
    truth: set[Allele],
    called: set[Allele],
    rng: np.random.Generator,
) -> set[Allele]:
    """False alleles. `contigs` are bases by name; `called` are the alleles of all callers."""
    judged = sorted(within(truth, confident))
    near, true = taken(truth | called), taken(truth)
    found: set[Allele] = set()
    for contig, start, end in confident:
        of_contig = near.get(contig, np.zeros(0, np.int64))
        here = [allele for allele in judged if allele[0] == contig and start <= allele[1] < end]
        for kind in range(len(PLAIN)):
            for at in rng.integers(start, end, rng.poisson(PLAIN[kind] * len(here))).tolist():
                ref, alt = plain(contigs[contig], at, kind, rng)
                if at + len(ref) < end and is_free(of_contig, at, at + len(ref)):
                    found.add((contig, at, ref, alt))
        for allele in here:
            at, indel = allele[1], len(allele[2]) != len(allele[3])
            if rng.random() < MISSPELT[indel] and is_free(
                true[contig], at, at + len(allele[2]), but=1
            ):
                spelt = misspelt(contigs[contig], allele, rng)
                if spelt and set(spelt[0] + spelt[1]) <= set(BASES):
                    found.add((contig, at, *spelt))
    return {allele for allele in found if set(allele[2] + allele[3]) <= set(BASES)}


def anywhere(
    contigs: dict[str, str], confident: list[Span], near: set[Allele], rng: np.random.Generator
) -> set[Allele]:
    """One SNP where there is nothing: for a sample so short that no other was drawn."""
    contig, start, end = confident[0]
    of_contig = taken(near).get(contig, np.zeros(0, np.int64))
    for at in rng.permutation(np.arange(start, end)).tolist():
        if contigs[contig][at] in BASES and is_free(of_contig, at, at + 1):
            return {(contig, at, *plain(contigs[contig], at, 0, rng))}
    raise SystemExit("no place is free of variants")


def main() -> None:
    """Parse the command line, write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("truth", "confident", "reference", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--calls", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    contigs = {}
    for part in args.reference.read_text().split(">")[1:]:
        name, *lines = part.split("\n")
        contigs[name.split()[0]] = "".join(lines).upper()
    confident, truth = read_bed(args.confident), alleles(args.truth, args.reference)
    called = set().union(*(alleles(path, args.reference) for path in args.calls))
    rng = np.random.default_rng(zlib.crc32(next(iter(contigs)).encode()))
    found = invented(contigs, confident, truth, called, rng)
    found = found or anywhere(contigs, confident, truth | called, rng)
    write(args.out, found, {name: len(text) for name, text in contigs.items()})


if __name__ == "__main__":
    main()
