"""One BAM -> planted truth, calls and labelled windows: what `cnnscore dataset --plant` does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from cnnscore.calls.changed_reads import change_reads
from cnnscore.dataset.make import DatasetOptions, check_options, file_of_rows, make_dataset
from cnnscore.dataset.splits import check_splits
from cnnscore.dataset.summary import DatasetSummary
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import check_folder, results_folder, scratch_folder, writing
from cnnscore.plant.aligner import BWA, align, call_variants, check_aligner, sort_reads
from cnnscore.plant.own_sequence import OwnSequence, leave_out_own, own_sequence, write_fasta
from cnnscore.plant.regions import contig_lengths, regions_of
from cnnscore.plant.sites import NEAR_TRUTH, Planted, bed, changes_of, draw_sites, plant
from cnnscore.plant.taken import Source, look_at, take_reads
from cnnscore.plant.tools import need_program, run
from cnnscore.progress import NoProgress, Progress, counted

log = logging.getLogger("cnnscore")

TAGS = ("caller", "planted")
"""The tags of every data set that is made here."""
TRUTH = "truth.vcf.gz"
"""The last file of a seed's folder: where it is, all are there."""
OWN_FILES = (
    r"(reads\.bam|reads\.bam\.bai|ref\.fa|ref\.fa\.fai|ref\.dict|exclude\.bed|confident\.bed"
    r"|[\w-]+\.vcf\.gz|[\w-]+\.vcf\.gz\.tbi)"
)


@dataclass(frozen=True)
class PlantOptions:
    """How truth is planted."""

    seeds: tuple[int, ...] = (1,)
    """Each plants other alleles over the same reads."""
    aligner: str = BWA
    """A shell command that prints SAM: {reference} (FASTA), {reads} (FASTQ, mates one after the
    other) and {threads} are filled in.
    """
    callers: Mapping[str, str] = field(default_factory=dict)
    """Name -> shell command that prints VCF, or writes it to {calls}: {reference}, {reads} (BAM),
    {ploidy} and {threads} are filled in.
    """
    ploidy: int = 2
    """1: all alleles are homozygous."""
    region: str | None = None
    """CHR or CHR:BEG-END, comma-separated; None: `regions_file`, a BED, else all with reads."""
    regions_file: str | None = None
    threads: int = 1


@dataclass(frozen=True)
class PlantSummary:
    """What was planted, and the data sets of it."""

    seeds: Mapping[int, tuple[int, int, int]]
    """Seed -> SNPs, indels, bases that are judged."""
    datasets: Mapping[tuple[int, str], DatasetSummary]
    """(Seed, caller) -> its data set."""

    def text(self) -> str:
        """For the user."""
        lines = []
        for seed, (n_snps, n_indels, judged) in self.seeds.items():
            lines.append(
                f"seed {seed}: {counted(n_snps, 'SNP')} and {counted(n_indels, 'indel')} planted, "
                f"calls judged in {judged:,} bases"
            )
            lines += [done.text() for (of, _), done in self.datasets.items() if of == seed]
        return "\n".join(lines)


def plant_dataset(
    *,
    reference: str,
    reads: Sequence[str],
    output: Path,
    options: PlantOptions,
    rows: DatasetOptions,
    command: str = "",
    progress: Progress | None = None,
) -> PlantSummary:
    """Plant truth in the reads (BAM or CRAM, with indexes, aligned to `reference`), and write the
    folder `output`: for each seed N a folder `seedN` with reads.bam, ref.fa, truth.vcf.gz,
    confident.bed, exclude.bed and each caller's calls, and for each caller a data set.

    `rows` is what `make_dataset` keeps; all ALT alleles of the calls are labelled. Equal files and
    seed make equal reads, truth and calls, if aligner and callers do. Memory grows with the longest
    region; $TMPDIR holds the reads of all of them. Errors: UsageError for options and programs that
    lack; BadInput for files that do not fit each other, a program that fails, and regions where
    nothing can be planted; BadOutput.
    """
    progress = progress or NoProgress()
    _check(options, rows, output)
    lengths = contig_lengths(reference)
    source = look_at(reads, reference, lengths, rows.sample)
    regions = regions_of(lengths, options.region, options.regions_file, source.contigs)
    names = {
        (seed, caller): f"{rows.name or source.sample}.seed{seed}.{caller}"
        for seed in options.seeds
        for caller in options.callers
    }
    files = [file_of_rows(output, name, overwrite=rows.overwrite) for name in names.values()]
    for file in files[:1]:  # those after it are split as it is
        check_splits([region.name for region in regions], rows.split, file)
    n_steps = 3 + len(options.seeds) * (2 + len(options.callers))
    steps = iter(range(n_steps))

    def step(what: str) -> None:
        done = next(steps)
        log.info("planting: %s", what)
        progress.show(done, "steps", what, done / n_steps)

    planted: dict[int, tuple[int, int, int]] = {}
    datasets: dict[tuple[int, str], DatasetSummary] = {}
    with scratch_folder() as scratch:
        step("taking the reads")
        taken = take_reads(reads, reference, source, regions, scratch, options.threads)
        step("the sample's own sequence")
        own = own_sequence(
            taken, reference, regions, scratch, ploidy=options.ploidy, threads=options.threads
        )
        step("reads aligned to it")
        grouped = _align_to_own(own, taken, source, scratch, options)
        for seed in options.seeds:
            folder = output / f"seed{seed}"
            with _seed_folder(folder, overwrite=rows.overwrite) as part:
                step(f"seed {seed}: alleles")
                planted[seed] = _plant_seed(own, grouped, source, seed, part, scratch, options)
                for caller, template in options.callers.items():
                    step(f"seed {seed}: {caller}")
                    call_variants(
                        caller,
                        template,
                        part / "ref.fa",
                        part / "reads.bam",
                        part / f"{caller}.vcf.gz",
                        ploidy=options.ploidy,
                        threads=options.threads,
                    )
            step(f"seed {seed}: windows")
            for caller in options.callers:
                datasets[seed, caller] = make_dataset(
                    str(folder / f"{caller}.vcf.gz"),
                    reference=str(folder / "ref.fa"),
                    reads=[str(folder / "reads.bam")],
                    truth=str(folder / TRUTH),
                    confident=str(folder / "confident.bed"),
                    output=output,
                    options=replace(
                        rows,
                        sample=None,
                        name=names[seed, caller],
                        all_alleles=True,
                        near_truth=NEAR_TRUTH,
                        tags={**rows.tags, "caller": caller, "planted": f"seed{seed}"},
                        split=replace(rows.split, allow_empty=True),
                    ),
                    command=command,
                )
    progress.clear()
    return PlantSummary(planted, datasets)


def _check(options: PlantOptions, rows: DatasetOptions, output: Path) -> None:
    """Whatever can be said before the work."""
    for program in ("samtools", "bcftools"):
        need_program(program)
    check_aligner(options.aligner)
    check_options(rows, with_reads=True)
    for tag in rows.tags:
        if tag in TAGS:
            raise UsageError(
                f"`tags={tag}`: planting sets the tags {' and '.join(TAGS)} itself: give yours "
                "another name"
            )
    if options.ploidy not in (1, 2):
        raise UsageError(f"`ploidy={options.ploidy}`: truth is planted in samples of ploidy 1 or 2")
    if not options.seeds or len(set(options.seeds)) < len(options.seeds):
        raise UsageError("`seeds=`: give whole numbers, each once")
    if str(rows.intervals or ""):
        raise UsageError(
            "truth is planted where `region=` or `regions_file=` says: no calls are given"
        )
    if output.suffix == ".parquet" or output.is_file():
        raise UsageError(f"several files are made: {output} must be a folder")
    check_folder(str(output))
    for seed in options.seeds:
        folder = output / f"seed{seed}"
        if folder.is_dir() and any(folder.iterdir()) and not rows.overwrite:
            raise UsageError(f"{folder} is there already: `overwrite=` replaces it")


@contextmanager
def _seed_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    with writing(folder):
        folder.parent.mkdir(exist_ok=True)
    with results_folder(str(folder), mark=TRUTH, own=OWN_FILES, overwrite=overwrite) as part:
        yield part.absolute()


def _align_to_own(
    own: OwnSequence, taken: Path, source: Source, scratch: Path, options: PlantOptions
) -> Path:
    """The reads aligned to the own sequence, mates one after the other; what may be the sample's
    own variants is struck out of `own.known`.
    """
    fasta, fastq = scratch / "own_sequence.fa", scratch / "reads.fq"
    grouped, aligned = scratch / "grouped.bam", scratch / "aligned.bam"
    write_fasta(fasta, own.names, own.bases)
    run(
        "taking the reads' bases",
        f"samtools collate -u -O -@ {options.threads} {quote(str(taken))} {quote(str(scratch))}/c"
        f" | samtools fastq -n - > {quote(str(fastq))}",
    )
    if not fastq.stat().st_size:
        raise BadInput("no read lies in the regions: nothing can be planted")
    align(options.aligner, fasta, fastq, grouped, _group(source), options.threads)
    sort_reads(grouped, aligned, options.threads)
    leave_out_own(own, fasta, aligned, options.threads)
    for path in (taken, fastq):
        path.unlink()
    return grouped


def _plant_seed(
    own: OwnSequence,
    grouped: Path,
    source: Source,
    seed: int,
    folder: Path,
    scratch: Path,
    options: PlantOptions,
) -> tuple[int, int, int]:
    """Fill the folder of one seed, but for the calls; SNPs, indels and judged bases."""
    contigs = list(zip(own.names, own.bases, own.known, strict=True))
    sites = [draw_sites(*contig, seed, options.ploidy) for contig in contigs]
    n = sum(len(of.pos) for of in sites)
    if not n:
        judged = sum(int(known.sum()) for known in own.known)
        raise BadInput(
            f"nothing can be planted: of {sum(map(len, own.bases)):,} bases reads tell of "
            f"{judged:,} what the sample has; give deeper reads, or more regions"
        )
    planted = [plant(*contig, of) for contig, of in zip(contigs, sites, strict=True)]
    reference, fastq, aligned = folder / "ref.fa", scratch / "planted.fq", scratch / "planted.bam"
    write_fasta(reference, own.names, [contig.bases for contig in planted])
    # GATK wants it; without the file's own place, which would not be there next time.
    dictionary = quote(str(folder / "ref.dict"))
    run("a dictionary", f"samtools dict -u ref.fa -o {dictionary} {quote(str(reference))}")
    _write_truth(folder, own.names, planted, source.sample)
    changed = change_reads(grouped, fastq, changes_of(own, sites, options.ploidy), seed)
    log.info("seed %d: %d of %d reads changed", seed, changed.changed, changed.reads)
    align(
        options.aligner,
        _copy_of(reference, scratch),
        fastq,
        aligned,
        _group(source),
        options.threads,
    )
    sort_reads(aligned, folder / "reads.bam", options.threads)
    for path in (fastq, aligned):
        path.unlink()
    n_snps = sum(int(of.is_snp.sum()) for of in sites)
    return n_snps, n - n_snps, sum(int(contig.known.sum()) for contig in planted)


def _copy_of(reference: Path, scratch: Path) -> Path:
    """For the aligner, whose index has no place in the result."""
    link = scratch / "planted.fa"
    link.unlink(missing_ok=True)
    link.symlink_to(reference)
    return link


def _write_truth(
    folder: Path, names: Sequence[str], planted: Sequence[Planted], sample: str
) -> None:
    """truth.vcf.gz, left-aligned, with its index; confident.bed and exclude.bed."""
    contigs = list(zip(names, planted, strict=True))
    lengths = "".join(f"##contig=<ID={name},length={len(of.bases)}>\n" for name, of in contigs)
    raw = folder / "truth.raw.vcf"
    with raw.open("w") as file:
        file.write(
            f"##fileformat=VCFv4.2\n{lengths}"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
        )
        for _, of in contigs:
            file.writelines(of.records)
    truth = quote(str(folder / TRUTH))
    run(
        "writing the truth",
        f"bcftools norm --no-version -f {quote(str(folder / 'ref.fa'))} {quote(str(raw))}"
        f" | bcftools sort - | bcftools view --no-version -Oz -o {truth}"
        f" && bcftools index -t {truth}",
    )
    raw.unlink()
    for file_name, wanted in (("confident.bed", True), ("exclude.bed", False)):
        lines = (bed(name, of.known == wanted) for name, of in contigs)
        (folder / file_name).write_text("".join(lines))


def _group(source: Source) -> dict[str, str]:
    """The one read group of planted reads."""
    return {"ID": "planted", "SM": source.sample, "PL": source.platform, "LB": "planted"}
