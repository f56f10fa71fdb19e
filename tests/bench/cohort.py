"""cohort.py BENCH_DATA [SAMPLES SITES]: `score --sample-map` on a cohort with rare carriers: time
against its samples scored one by one, on one thread; peak memory."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pysam

from cnnscore import open as open_scorer
from timing import print_row, run_once

SAMPLES, SITES = 500, 20_000
RATIO, PEAK_MB, FILES = 1.3, 1000, 100
ELSEWHERE = 400
"""Other places with reads, so that a sample's depth can be measured."""
SINGLY = 25
"""Samples that are scored singly; the others are taken to cost as much for each carrier."""
CONTIG, LENGTH, READ, DEPTH, SEED = "c", 4_000_000, 150, 4, 7

_Site = tuple[int, str, set[int]]
"""Position, ALT allele, carriers."""


def main() -> None:
    """Print one row per claim; exit 1 when one fails."""
    n_samples, n_sites = map(int, sys.argv[2:4]) if len(sys.argv) > 3 else (SAMPLES, SITES)
    data = _data(Path(sys.argv[1]) / "cohort", n_samples, n_sites)
    lines = (data / "carried.tsv").read_text().splitlines()
    carried = [int(line.split("\t")[1]) for line in lines]
    words = ["score", data / "calls.bcf", "-R", data / "ref.fa", "--sample-map", data / "map.tsv"]
    words += ["--max-open-files", FILES, "--threads", 1, "--quiet", "-o", data / "out.bcf"]
    run = run_once([sys.executable, "-m", "cnnscore", *map(str, words)])
    chosen = sorted(random.Random(SEED).sample(range(n_samples), min(SINGLY, n_samples)))
    with open_scorer("reads", annotations_from="reads", threads=1) as scorer:

        def alone(sample: int) -> float:
            path, reads, out = data / f"{sample}.vcf", data / f"{sample}.bam", data / "alone.vcf"
            return scorer.score(path, reference=data / "ref.fa", reads=reads, output=out).seconds

        alone(chosen[0])  # the network is warm then
        seconds = sum(map(alone, chosen))
    singly = seconds / sum(carried[i] for i in chosen) * sum(carried)
    shape = f"{n_samples} samples, {n_sites:,} sites, {sum(carried):,} carriers"
    ratio, peak = run.seconds / singly, run.peak_rss / 1e6
    measured = f"{run.seconds:.0f} s, {ratio:.2f}x"
    ok = print_row(f"{shape}: time", measured, f"<= {RATIO}x of singly", ratio <= RATIO)
    ok = print_row(f"{shape}: peak", f"{peak:.0f} MB", f"<= {PEAK_MB} MB", peak <= PEAK_MB) and ok
    sys.exit(0 if ok else 1)


def _data(folder: Path, n_samples: int, n_sites: int) -> Path:
    """A genome of random bases, SNPs whose number of carriers falls with its square, and for each
    sample reads over what it carries and over some other places; made once."""
    data = folder / f"{n_samples}x{n_sites}"
    if (data / "done").exists():
        return data
    data.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    genome = "".join(rng.choices("ACGT", k=LENGTH))
    (data / "ref.fa").write_text(f">{CONTIG}\n{genome}\n")
    pysam.faidx(str(data / "ref.fa"))
    most = min(n_samples, 50)
    weights = [1 / k**2 for k in range(1, most + 1)]
    sites: list[_Site] = []
    for pos in sorted(rng.sample(range(500, LENGTH - 500), n_sites)):
        number = rng.choices(range(1, most + 1), weights)[0]
        alt = rng.choice([base for base in "ACGT" if base != genome[pos]])
        sites.append((pos, alt, set(rng.sample(range(n_samples), number))))
    _write_calls(data / "calls.vcf", range(n_samples), sites, genome)
    with (
        pysam.VariantFile(str(data / "calls.vcf")) as text,
        pysam.VariantFile(str(data / "calls.bcf"), "wb", header=text.header) as target,
    ):
        for record in text:
            target.write(record)
    of_sample: list[list[_Site]] = [[] for _ in range(n_samples)]
    for site in sites:
        for sample in site[2]:
            of_sample[sample].append(site)
    for sample, own in enumerate(of_sample):
        _write_calls(data / f"{sample}.vcf", [sample], own, genome)
        _write_reads(data / f"{sample}.bam", sample, own, genome, rng)
    names = [f"S{i}\t{data}/{i}.bam\n" for i in range(n_samples)]
    (data / "map.tsv").write_text("".join(names))
    counts = [f"S{i}\t{len(own)}\n" for i, own in enumerate(of_sample)]
    (data / "carried.tsv").write_text("".join(counts))
    (data / "done").touch()
    return data


def _write_calls(path: Path, samples: Sequence[int], sites: list[_Site], genome: str) -> None:
    with path.open("w") as out:
        out.write(f"##fileformat=VCFv4.2\n##contig=<ID={CONTIG},length={LENGTH}>\n")
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n')
        out.write('##FORMAT=<ID=PL,Number=G,Type=Integer,Description="p">\n')
        names = "\t".join(f"S{i}" for i in samples)
        out.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for pos, alt, carriers in sites:
            own = "\t".join("0/1:60,0,60" if i in carriers else "0/0:0,12,90" for i in samples)
            out.write(f"{CONTIG}\t{pos + 1}\t.\t{genome[pos]}\t{alt}\t60\t.\t.\tGT:PL\t{own}\n")


def _write_reads(
    path: Path, sample: int, own: list[_Site], genome: str, rng: random.Random
) -> None:
    """Reads of one sample: DEPTH over each carried site, every second with its ALT allele."""
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": CONTIG, "LN": LENGTH}],
            "RG": [{"ID": "g", "SM": f"S{sample}"}],
        }
    )
    reads = []
    for pos, alt, _ in own:
        for turn in range(DEPTH):
            start = pos - rng.randrange(20, READ - 20)
            bases = genome[start : start + READ]
            if turn % 2:
                bases = bases[: pos - start] + alt + bases[pos - start + 1 :]
            reads.append((start, bases))
    for start in rng.sample(range(LENGTH - READ), ELSEWHERE):
        reads += [(start, genome[start : start + READ])] * DEPTH
    reads.sort()
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, (start, bases) in enumerate(reads):
            read = pysam.AlignedSegment(header)
            read.query_name, read.query_sequence = f"r{number}", bases
            read.query_qualities = pysam.qualitystring_to_array("F" * READ)
            read.flag, read.mapping_quality = 16 * (number % 2), 60
            read.reference_id, read.reference_start = 0, start
            read.cigarstring = f"{READ}M"
            read.set_tag("RG", "g")
            out.write(read)
    pysam.index(str(path))


if __name__ == "__main__":
    main()
