"""One cohort of the design -> reference, truth of each sample, confident regions and reads.

Command: python simulate_cohort.py DESIGN.json COHORT --reference FASTA --out FOLDER

Writes ref.fa, truth.vcf (all samples, phased; raw: to be left-aligned), confident.bed, a PED file
for a trio, and for each sample NAME_1.fq and NAME_2.fq. The contig bears the cohort's name.

A variant's ALT allele is on k of the founders' n haplotypes with a chance of 1/k, as without
selection (Watterson, Theor Popul Biol 1975; the reference is one haplotype more). Variants near
each other are on the same ones. A child has its parents' haplotypes with crossovers, and new
variants (INFO/DE_NOVO).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact
from cohort_design import Cohort, Member
from design import FAMILIES
from genome import (
    Codes,
    Generator,
    Individual,
    Template,
    Variant,
    confident_regions,
    haplotype,
    letters,
    random_reference,
    random_variants,
    read_fasta,
    without_overlaps,
)
from profiles import Profile, draw_profile
from reads import Library, draw_fragments, write_fastq
from simulate import behind_gap

PLANTED = 1.42
"""Variants that random_variants plants where it is asked for one: clusters have more."""
LINKED = 60
"""Variants nearer to each other than this are on the same haplotypes."""
APART = 1000
"""New variants of a child are no nearer to each other."""
POLYMORPHIC = (0.2, 0.9)
"""Range of the frequency of a copy that not every haplotype has."""


def population(rng: Generator, codes: Codes, haplotypes: int, theta: float) -> list[Variant]:
    """Variants of so many haplotypes, of which two differ at `theta` a base."""
    chances = 1 / np.arange(1, haplotypes + 1)
    density = theta * chances.sum() / PLANTED
    drawn = random_variants(rng, codes, 1, float(density), codes == 4)
    found: list[Variant] = []
    end = -LINKED
    for variant in sorted(drawn, key=lambda one: one.pos):
        if variant.pos >= end + LINKED:
            count = int(rng.choice(haplotypes, p=chances / chances.sum())) + 1
            carrying = set(rng.choice(haplotypes, count, replace=False).tolist())
        genotype = tuple(int(i in carrying) for i in range(haplotypes))
        found.append(replace(variant, genotype=genotype))
        end = variant.end
    return without_overlaps(found, haplotypes)


def handed_on(rng: Generator, length: int, crossovers: float) -> NDArray[np.int8]:
    """[length] which of a parent's two haplotypes a child has at each base."""
    at = np.sort(rng.integers(0, length, rng.poisson(crossovers)))
    turns = np.searchsorted(at, np.arange(length), "right")
    which: NDArray[np.int8] = ((turns + rng.integers(2)) % 2).astype(np.int8)
    return which


def with_child(
    rng: Generator, codes: Codes, variants: list[Variant], cohort: Cohort
) -> tuple[list[Variant], set[int]]:
    """The variants with the haplotypes of a child of the first two samples, behind those that they
    have; and where the new ones are."""
    maps = [handed_on(rng, len(codes), cohort.crossovers) for _ in range(2)]
    all_ = [
        replace(
            one,
            genotype=(
                *one.genotype,
                *(one.genotype[2 * parent + maps[parent][one.pos]] for parent in range(2)),
            ),
        )
        for one in variants
    ]
    taken = codes == 4
    for one in variants:
        taken[max(0, one.pos - 50) : one.end + 50] = True
    founders = len(variants[0].genotype) if variants else 2 * (len(cohort.members) - 1)
    new: list[Variant] = []
    for one in sorted(random_variants(rng, codes, 1, cohort.de_novo, taken), key=lambda v: v.pos):
        if not new or one.pos >= new[-1].end + APART:
            pair = (0, 1) if rng.random() < 0.5 else (1, 0)
            new.append(replace(one, genotype=(*(0,) * founders, *pair)))
    joined = without_overlaps([*all_, *new], founders + 2)
    return joined, {one.pos for one in new}


def make_population(
    cohort: Cohort, artefacts: Sequence[Artefact], reference: Path
) -> tuple[Individual, list[float], set[int]]:
    """The reference, and as one individual all haplotypes with the copies that the artefacts add:
    its first templates are the haplotypes. Also how frequent each copy is, and where the child's
    new variants are."""
    rng = np.random.default_rng([cohort.seed, 1])
    if cohort.contig:
        whole = read_fasta(reference, cohort.contig)
        start = behind_gap(whole, cohort.start, cohort.length)
        codes = whole[start : start + cohort.length].copy()
    else:
        codes = random_reference(rng, cohort.length, cohort.gc)
    for artefact in artefacts:
        artefact.shape(rng, codes)
    founders = 2 * (len(cohort.members) - cohort.trio)
    variants, new = population(rng, codes, founders, cohort.theta), set[int]()
    if cohort.trio:
        variants, new = with_child(rng, codes, variants, cohort)
    # Copies are those of a diploid of the reference: which sample has them is drawn below.
    everybody = Individual(codes, 2, [])
    for artefact in artefacts:
        artefact.prepare(rng, everybody)
    frequencies = [
        1.0 if copy.copy_number >= 2 else float(rng.uniform(*POLYMORPHIC))
        for copy in everybody.templates
    ]
    everyone = Individual(codes, 2 * len(cohort.members), variants)
    everyone.templates = [haplotype(codes, variants, i) for i in range(everyone.ploidy)]
    everyone.templates += everybody.templates
    return everyone, frequencies, new


def own(everyone: Individual, index: int) -> list[Template]:
    """The haplotypes of a sample."""
    return [replace(one) for one in everyone.templates[2 * index : 2 * index + 2]]


def make_member(
    rng: Generator,
    cohort: Cohort,
    index: int,
    everyone: Individual,
    frequencies: Sequence[float],
    artefacts: Sequence[Artefact],
) -> Individual:
    """A sample: its haplotypes, the copies that it has, the DNA of another."""
    member = cohort.members[index]
    mine = [
        Variant(one.pos, one.alleles, one.genotype[2 * index : 2 * index + 2])
        for one in everyone.variants
    ]
    sample = Individual(everyone.reference, 2, [one for one in mine if any(one.genotype)])
    sample.templates = own(everyone, index)
    copies = everyone.templates[everyone.ploidy :]
    for copy, frequency in zip(copies, frequencies, strict=True):
        number = copy.copy_number / 2 * rng.binomial(2, frequency)
        if number:
            sample.templates.append(replace(copy, copy_number=number))
    if member.contaminant:
        names = [one.name for one in cohort.members]
        others = own(everyone, names.index(member.contaminant))
        for template in sample.templates:
            template.copy_number *= 1 - member.contamination
        for template in others:
            template.copy_number = member.contamination
        sample.templates += others
    for artefact in artefacts:
        artefact.prepare(rng, sample)
    return sample


def write_reads(
    rng: Generator,
    member: Member,
    sample: Individual,
    profile: Profile,
    artefacts: Sequence[Artefact],
    folder: Path,
) -> int:
    """The two FASTQ files of a sample; returns the number of read pairs."""
    library = Library(sample.templates)
    fragments = draw_fragments(
        rng,
        library,
        depth=member.depth,
        ploidy=2,
        read_length=profile.read_length,
        insert=member.insert,
        artefacts=artefacts,
    )
    paths = [folder / f"{member.name}_{mate}.fq" for mate in (1, 2)]
    with paths[0].open("wb") as one, paths[1].open("wb") as two:
        return write_fastq((one, two), rng, library, fragments, profile, artefacts)


def write_truth(everyone: Individual, cohort: Cohort, new: set[int], folder: Path) -> None:
    """truth.vcf, confident.bed, and for a trio family.ped."""
    names = [member.name for member in cohort.members]
    with (folder / "truth.vcf").open("w") as vcf:
        vcf.write(
            f"##fileformat=VCFv4.2\n##contig=<ID={cohort.name},length={len(everyone.reference)}>\n"
            '##INFO=<ID=DE_NOVO,Number=0,Type=Flag,Description="New in the child">\n'
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(names) + "\n"
        )
        for variant in everyone.variants:
            ref, alt = (letters(np.frombuffer(a, np.uint8)) for a in variant.alleles)
            pairs = zip(variant.genotype[::2], variant.genotype[1::2], strict=True)
            genotypes = "\t".join(f"{a}|{b}" for a, b in pairs)
            info = "DE_NOVO" if variant.pos in new else "."
            columns = f"{cohort.name}\t{variant.pos + 1}\t.\t{ref}\t{alt}\t.\tPASS\t{info}\tGT"
            vcf.write(f"{columns}\t{genotypes}\n")
    lines = [f"{cohort.name}\t{a}\t{b}\n" for a, b in confident_regions(everyone)]
    (folder / "confident.bed").write_text("".join(lines))
    if cohort.trio:
        father, mother, child = names[0], names[1], names[-1]
        (folder / "family.ped").write_text(f"family\t{child}\t{father}\t{mother}\t0\t0\n")


def simulate(cohort: Cohort, reference: Path, folder: Path) -> int:
    """Make one cohort's files; returns the number of read pairs."""
    rng = np.random.default_rng([cohort.seed, 0])
    shared = [FAMILIES[family](rng, power) for family, power in cohort.families.items()]
    everyone, frequencies, new = make_population(cohort, shared, reference)
    text = letters(everyone.reference)
    wrapped = "\n".join(text[i : i + 80] for i in range(0, len(text), 80))
    (folder / "ref.fa").write_text(f">{cohort.name}\n{wrapped}\n")
    write_truth(everyone, cohort, new, folder)
    profile, pairs = draw_profile(rng, cohort.profile), 0
    for index, member in enumerate(cohort.members):
        stream = np.random.default_rng([cohort.seed, 2, index])
        private = [FAMILIES[family](stream, power) for family, power in member.families.items()]
        sample = make_member(stream, cohort, index, everyone, frequencies, private)
        pairs += write_reads(stream, member, sample, profile, [*shared, *private], folder)
    return pairs


def load_cohort(design: Path, name: str) -> Cohort:
    """One cohort of a design file. Errors: SystemExit if it has none of that name."""
    for raw in json.loads(design.read_text()):
        if raw["name"] == name:
            members = tuple(
                Member(**one | {"insert": tuple(one["insert"])}) for one in raw["members"]
            )
            fields: dict[str, Any] = raw | {"members": members}
            return Cohort(**fields)
    raise SystemExit(f"{design} has no cohort {name}")


def main() -> None:
    """Parse the command line and simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("design", type=Path)
    parser.add_argument("cohort")
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cohort = load_cohort(args.design, args.cohort)
    pairs = simulate(cohort, args.reference, args.out)
    print(f"{cohort.name}: {pairs} read pairs of {len(cohort.members)} samples")


if __name__ == "__main__":
    main()
