"""One sample of the design -> reference, truth, confident regions and reads, in a folder.

Command: python simulate.py DESIGN.json SAMPLE --reference FASTA --truth VCF --out FOLDER

Writes ref.fa, truth.vcf (raw: to be left-aligned), confident.bed, reads_1.fq and reads_2.fq. The
contig bears the sample's name: positions of one sample can never be taken for another's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from artefact import Artefact
from capture import Capture
from design import FAMILIES, Sample
from genome import (
    Codes,
    Individual,
    confident_regions,
    haplotype,
    letters,
    like_damage,
    random_reference,
    random_variants,
    read_fasta,
    read_truth,
    without_overlaps,
)
from learnt import LEARNT, draw_learnt
from molecule_artefacts import Damage
from neighbours import neighbours
from profiles import draw_profile
from reads import Library, draw_fragments, write_fastq


def behind_gap(whole: Codes, start: int, length: int) -> int:
    """Where a piece begins: as designed, or, when most of it would lie in a gap, behind that."""
    unknown = whole[start : start + length] == 4
    if 2 * unknown.sum() <= length:
        return start
    known = np.flatnonzero(whole[start + int(unknown.argmax()) :] < 4)
    return start + int(unknown.argmax()) + int(known[0])


def make_individual(
    sample: Sample, artefacts: list[Artefact], reference: Path, truth: Path
) -> Individual:
    """The reference with its variants, and the templates of its haplotypes and artefacts."""
    rng = np.random.default_rng([sample.seed, 1])
    real = []
    if sample.contig:
        whole = read_fasta(reference, sample.contig)
        start = behind_gap(whole, sample.start, sample.length)
        codes = whole[start : start + sample.length].copy()
        if sample.contig == "chr20":
            real = read_truth(truth, "chr20", start, start + sample.length)
    else:
        codes = random_reference(rng, sample.length, sample.gc)
    before = codes.copy()
    for artefact in artefacts:
        artefact.shape(rng, codes)
    changed = before != codes
    # Real variants stay where the sequence is still the real one.
    real = [v for v in real if not changed[max(0, v.pos - 50) : v.end + 50].any()]
    taken = codes == 4
    for variant in real:
        taken[max(0, variant.pos - 20) : variant.end + 20] = True
    groups = neighbours(rng, codes, sample.ploidy, sample.near, taken)
    drawn = random_variants(rng, codes, sample.ploidy, sample.density, taken)
    for artefact in artefacts:
        if isinstance(artefact, Damage):  # or C>A would be a sign of damage, and no more
            changes = {artefact.true: artefact.read, 3 - artefact.true: 3 - artefact.read}
            drawn = like_damage(rng, drawn, changes, 0.35)
    variants = without_overlaps([*real, *groups, *drawn], sample.ploidy)
    individual = Individual(codes, sample.ploidy, variants)
    individual.templates = [haplotype(codes, variants, i) for i in range(sample.ploidy)]
    for artefact in artefacts:
        artefact.prepare(rng, individual)
    return individual


def write_truth(individual: Individual, name: str, folder: Path) -> None:
    """truth.vcf and confident.bed."""
    length = len(individual.reference)
    with (folder / "truth.vcf").open("w") as vcf:
        vcf.write(
            f"##fileformat=VCFv4.2\n##contig=<ID={name},length={length}>\n"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}\n"
        )
        for variant in individual.variants:
            ref, *alts = (letters(np.frombuffer(a, np.uint8)) for a in variant.alleles)
            genotype = "|".join(map(str, variant.genotype))
            columns = f"{name}\t{variant.pos + 1}\t.\t{ref}\t{','.join(alts)}"
            vcf.write(f"{columns}\t.\tPASS\t.\tGT\t{genotype}\n")
    regions = confident_regions(individual)
    lines = [f"{name}\t{start}\t{end}\n" for start, end in regions]
    (folder / "confident.bed").write_text("".join(lines))


def simulate(sample: Sample, reference: Path, truth: Path, folder: Path) -> int:
    """Make one sample's files; returns the number of read pairs."""
    rng = np.random.default_rng([sample.seed, 0])
    artefacts = [FAMILIES[family](rng, power) for family, power in sample.families.items()]
    if sample.capture:
        artefacts.append(Capture(np.random.default_rng([sample.seed, 2]), sample.capture))
    individual = make_individual(sample, artefacts, reference, truth)
    text = letters(individual.reference)
    wrapped = "\n".join(text[i : i + 80] for i in range(0, len(text), 80))
    (folder / "ref.fa").write_text(f">{sample.name}\n{wrapped}\n")
    write_truth(individual, sample.name, folder)
    draw = draw_learnt if sample.profile in LEARNT else draw_profile
    profile = draw(rng, sample.profile)
    library = Library(individual.templates)
    fragments = draw_fragments(
        rng,
        library,
        depth=sample.depth,
        ploidy=sample.ploidy,
        read_length=profile.read_length,
        insert=sample.insert,
        artefacts=artefacts,
    )
    with (folder / "reads_1.fq").open("wb") as one, (folder / "reads_2.fq").open("wb") as two:
        return write_fastq((one, two), rng, library, fragments, profile, artefacts)


def load_sample(design: Path, name: str) -> Sample:
    """One sample of a design file. Errors: SystemExit if it has none of that name."""
    for raw in json.loads(design.read_text()):
        if raw["name"] == name:
            fields: dict[str, Any] = raw | {"insert": tuple(raw["insert"])}
            return Sample(**fields)
    raise SystemExit(f"{design} has no sample {name}")


def main() -> None:
    """Parse the command line and simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("design", type=Path)
    parser.add_argument("sample")
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sample = load_sample(args.design, args.sample)
    pairs = simulate(sample, args.reference, args.truth, args.out)
    print(f"{sample.name}: {pairs} read pairs over {sample.length} bases")


if __name__ == "__main__":
    main()
