"""Make the data that the benchmarks run on: genomes, reads and call sets, simulated and cached.

Users have no real genomes at hand and the claims are about speed and memory, so everything here is
drawn at random (one seed), in the shape of the real thing: regional GC of 35-55 %, homopolymers,
tandem repeats, diverged copies, runs of N; a diploid sample; HiSeq 2500 reads (art_illumina,
2 x 150 bp, insert 350 +- 50) aligned by bwa mem; records with HaplotypeCaller's fields. Sites are
the sample's variants, filled up with candidates whose alleles are made up.

  OUT/small/  1.1 Mb: ref.fa, 30x.bam, 50x.bam,
              dense.vcf.gz (a site per 160 bp: 6,900), sparse.vcf.gz (per 1,000 bp: 1,100)
  OUT/large/  113 Mb: ref.fa, 30x.bam,
              dense.vcf.gz (101,000 sites, all on the first 16.2 Mb), sparse.vcf.gz (113,000),
              dense.tenth.vcf.gz and sparse.tenth.vcf.gz (the first tenth of their records)

The large genome is 16.2 Mb simulated and aligned for real, and six more copies of those contigs
and reads under other names: as good for a clock, and much sooner made.
Each VCF has a .bed of its REF spans, for `samtools view -c -M -L`.

A product is made anew only if its parameters changed (OUT/*/*.stamp). It is written aside and
renamed, so that a run cut short leaves nothing that looks whole. Bases outside N count for depth
and spacing.

Examples:
  make_data.py                     # small, into bench-data/
  make_data.py /tmp/bench --large  # both
"""

import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulated_sample import (
    LARGE,
    PLANTED,
    SEED,
    SMALL,
    VCF_FIELDS,
    Bases,
    Genome,
    GenomeSpec,
    Variant,
    vcf_records,
    write_sequence,
)

# Raise when this file or simulated_sample.py changes what it makes: it is part of every stamp.
GENERATOR = 1

# Executable -> the Debian/Ubuntu package that has it.
TOOLS = {
    "art_illumina": "art-nextgen-simulation-tools",
    "bwa": "bwa",
    "samtools": "samtools",
    "bgzip": "tabix",
    "tabix": "tabix",
}
ART = ["-ss", "HS25", "-p", "-l", "150", "-m", "350", "-s", "50", "-na", "-q"]
READ_GROUP = r"@RG\tID:bench\tSM:bench\tLB:bench\tPL:ILLUMINA"
# bwa estimates the insert size chunk by chunk; -K makes a chunk the same for any thread count.
BWA = ["-K", "20000000", "-v", "1", "-R", READ_GROUP]

SPACING = {"dense": 160, "sparse": 1000}


class BenchDataError(Exception):
    """Something the user can mend; the message says how."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "out",
        nargs="?",
        type=Path,
        default=Path("bench-data"),
        metavar="OUT",
        help="folder to fill",
    )
    parser.add_argument(
        "--large", action="store_true", help="also make OUT/large, for streaming and memory claims"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="default: all cores"
    )
    args = parser.parse_args()
    try:
        require_tools()
        args.out.mkdir(parents=True, exist_ok=True)
        with (args.out / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BenchDataError(
                    f"{args.out}: another make_data.py is filling it; wait for that one"
                ) from None
            for spec in [SMALL, LARGE] if args.large else [SMALL]:
                make_set(spec, args.out / spec.name, max(1, args.threads))
    except BenchDataError as error:
        print(f"make_data.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def require_tools() -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = " ".join(sorted({TOOLS[tool] for tool in missing}))
        raise BenchDataError(
            f"{', '.join(missing)} not found; install with `apt-get install {packages}`"
        )


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


# Products and their stamps


def make_set(spec: GenomeSpec, folder: Path, threads: int) -> None:
    """Fill `folder` with all products of `spec` that are not there yet."""
    folder.mkdir(exist_ok=True)
    genome = Genome(spec)
    about = dataclasses.asdict(spec)

    def build_reference(part: Path) -> None:
        genome.write_fasta(part / "ref.fa")
        run(["samtools", "faidx", str(part / "ref.fa")])
        run(["samtools", "dict", "-o", str(part / "ref.dict"), str(part / "ref.fa")])
        # The uri in a .dict is the path at build time, which is about to change.
        text = (part / "ref.dict").read_text().splitlines()
        (part / "ref.dict").write_text("".join(line.split("\tUR:")[0] + "\n" for line in text))
        (part / "ref.sha256").write_text(genome.digest + "\n")

    make(folder, "ref", about, ["ref.fa", "ref.fa.fai", "ref.dict", "ref.sha256"], build_reference)

    def check_reference() -> None:
        # numpy may change its random streams between versions, and reads fit one genome only.
        if (folder / "ref.sha256").read_text().strip() != genome.digest:
            raise BenchDataError(
                f"{folder}/ref.fa was made by another numpy; delete {folder} and run again"
            )

    for name, copies in spec.site_copies.items():
        spacing = SPACING[name]

        def build_sites(
            part: Path, name: str = name, copies: int = copies, spacing: int = spacing
        ) -> None:
            check_reference()
            records = list(vcf_records(genome, name, spacing, copies))
            write_sites(part / f"{name}.vcf.gz", genome, records)
            if spec.tenths:
                write_sites(part / f"{name}.tenth.vcf.gz", genome, records[: len(records) // 10])

        stems = [name, f"{name}.tenth"] if spec.tenths else [name]
        outputs = [stem + end for stem in stems for end in (".vcf.gz", ".vcf.gz.tbi", ".bed")]
        make(folder, name, about | {"spacing": spacing, "planted": PLANTED}, outputs, build_sites)

    for depth in spec.depths:

        def build_reads(part: Path, depth: int = depth) -> None:
            check_reference()
            bam = part / f"{depth}x.bam"
            if spec.copies == 1:
                simulate_reads(genome, depth, part, bam, threads)
            else:
                simulate_reads(genome, depth, part, part / "base.bam", threads)
                copy_reads(spec, part / "base.bam", bam, threads)
            run(["samtools", "index", "-@", str(threads), str(bam)])

        reads = about | {"depth": depth, "planted": PLANTED, "art": ART, "bwa": BWA}
        make(folder, f"{depth}x", reads, [f"{depth}x.bam", f"{depth}x.bam.bai"], build_reads)


def make(
    folder: Path,
    name: str,
    parameters: dict[str, object],
    outputs: Sequence[str],
    build: Callable[[Path], None],
) -> None:
    """Let `build` write `outputs` aside, then move them here; nothing to do if the stamp fits."""
    label, stamp, part = f"{folder}/{name}", folder / f"{name}.stamp", folder / ".part"
    text = json.dumps(parameters | {"generator": GENERATOR, "seed": SEED}, sort_keys=True)
    wanted = hashlib.sha256(text.encode()).hexdigest() + "\n"
    if (
        stamp.exists()
        and stamp.read_text() == wanted
        and all((folder / out).exists() for out in outputs)
    ):
        log(f"{label}: cached")
        return
    log(f"{label}: making")
    start = time.monotonic()
    # What lies there has other parameters: it would look whole if this run is cut short.
    for old in [stamp.name, *outputs]:
        (folder / old).unlink(missing_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        build(part)
        for out in outputs:
            (part / out).replace(folder / out)
        (part / "stamp").write_text(wanted)
        (part / "stamp").replace(stamp)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    log(f"{label}: done in {time.monotonic() - start:.0f} s")


def run(*commands: Sequence[str]) -> None:
    """Run a pipeline of commands; what they say is shown only if one fails."""
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryFile() as said:
        try:
            for number, command in enumerate(commands, 1):
                upstream = processes[-1].stdout if processes else None
                processes.append(
                    subprocess.Popen(
                        command,
                        stdin=upstream or subprocess.DEVNULL,
                        stdout=said if number == len(commands) else subprocess.PIPE,
                        stderr=said,
                    )
                )
                if upstream is not None:
                    upstream.close()  # or a producer would outlive its consumer
            codes = [process.wait() for process in processes]
        finally:
            for process in processes:
                process.kill()
        if any(codes):
            said.seek(0)
            log(said.read().decode(errors="replace"))
    for command, code in zip(commands, codes, strict=True):
        check_exit(command, code)


def check_exit(command: Sequence[str], code: int) -> None:
    if code != 0:
        raise BenchDataError(f"`{' '.join(command)}` failed ({code}); is the disk full?")


def write_sites(path: Path, genome: Genome, records: Sequence[tuple[str, Variant, str]]) -> None:
    """`records` as a bgzipped and indexed VCF, and their REF spans as a BED beside it."""
    spec, plain = genome.spec, path.with_suffix("")
    with plain.open("w") as vcf, plain.with_suffix(".bed").open("w") as bed:
        vcf.write("##fileformat=VCFv4.2\n##source=make_data.py (simulated)\n" + VCF_FIELDS)
        for copy in range(spec.copies):
            for index, length in enumerate(spec.lengths):
                vcf.write(f"##contig=<ID={spec.contig(index, copy)},length={length}>\n")
        vcf.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tbench\n")
        for contig, variant, line in records:
            vcf.write(line)
            bed.write(f"{contig}\t{variant.pos}\t{variant.pos + len(variant.ref)}\n")
    run(["bgzip", str(plain)])
    run(["tabix", "-p", "vcf", str(path)])
    log(f"  {path.name}: {len(records):,} sites")


# Reads


def simulate_reads(genome: Genome, depth: int, part: Path, bam: Path, threads: int) -> None:
    """Reads of both haplotypes at half of `depth` each, aligned to the base contigs, sorted."""
    base = part / "base.fa"
    with base.open("wb") as fasta:
        for index, contig in enumerate(genome.contigs):
            write_sequence(fasta, genome.spec.contig(index, 0), contig.tobytes())
    jobs = [["bwa", "index", str(base)]]
    for parent in (0, 1):
        stem = part / f"parent{parent}"
        genome.write_haplotype(stem.with_suffix(".fa"), parent)
        half, seed = f"{depth / 2:g}", str(SEED + 10 * depth + parent)
        # art puts the contig's name before this: chr1_1-30x0-17.
        names = ["-d", f"{depth}x{parent}-", "-i", f"{stem}.fa", "-o", f"{stem}_"]
        jobs.append(["art_illumina", *ART, "-f", half, "-rs", seed, *names])
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, jobs))
    mates = [part / "reads1.fq", part / "reads2.fq"]
    for number, mate in enumerate(mates, 1):
        first, second = (part / f"parent{parent}_{number}.fq" for parent in (0, 1))
        with first.open("ab") as joined, second.open("rb") as more:
            shutil.copyfileobj(more, joined, 1 << 20)
        second.unlink()
        first.replace(mate)
    log(f"  {depth}x: reads simulated, aligning")
    run(
        ["bwa", "mem", *BWA, "-t", str(threads), str(base), *map(str, mates)],
        [
            "samtools",
            "sort",
            "--no-PG",
            "-m",
            "512M",
            "-T",
            str(part / "sort"),
            "-o",
            str(bam),
            "-",
        ],
    )
    for path in [*mates, *part.glob("parent*"), *part.glob("base.fa*")]:
        path.unlink()


def copy_reads(spec: GenomeSpec, base: Path, bam: Path, threads: int) -> None:
    """All placed reads of `base`, once for each copy of its contigs.

    Edits the BAM records' bytes (SAM specification, section 4.2), as to print and parse 22 million
    reads would take many minutes: the contig numbers of the read and its mate are moved, and the
    copy's digit in the contig's name, with which the read's begins, is set.
    """
    # So that the digit has its place in the name, and contig numbers fit their low byte.
    assert max(spec.copies, len(spec.lengths)) <= 9, "chr1_1 to chr9_9"
    digit = 36 + len("chr1_")  # read_name starts at byte 36
    stripped = base.with_name("stripped.bam")
    # XA and SA name contigs inside text, and a read without a place has no contig to move.
    strip = [
        "samtools",
        "view",
        "--no-PG",
        "-@",
        str(threads),
        "-e",
        "refid >= 0",
        "-x",
        "XA",
        "-x",
        "SA",
    ]
    run([*strip, "-1", "-b", "-o", str(stripped), str(base)])
    base.unlink()
    old = subprocess.run(
        ["samtools", "view", "--no-PG", "-H", str(stripped)],
        check=True,
        capture_output=True,
        text=True,
    )
    contigs = [
        (spec.contig(index, copy), length)
        for copy in range(spec.copies)
        for index, length in enumerate(spec.lengths)
    ]
    others = [
        line for line in old.stdout.splitlines() if not line.startswith(("@SQ", "@HD", "@PG"))
    ]
    lines = [
        "@HD\tVN:1.6\tSO:coordinate",
        *(f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs),
        *others,
    ]
    text = "".join(line + "\n" for line in lines).encode()
    header = b"BAM\1" + struct.pack("<i", len(text)) + text + struct.pack("<i", len(contigs))
    for name, length in contigs:
        header += (
            struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", length)
        )

    with bam.open("wb") as out:
        packer = subprocess.Popen(
            ["bgzip", "-c", "-@", str(threads)], stdin=subprocess.PIPE, stdout=out
        )
        assert packer.stdin is not None
        packer.stdin.write(header)
        for copy in range(spec.copies):
            shift = copy * len(spec.lengths)
            for block, starts in bam_blocks(stripped):
                block[starts + 4] += shift  # refID
                block[starts + 24] += shift  # next_refID: a placed read's mate has a contig too
                block[starts + digit] = ord("1") + copy
                packer.stdin.write(block.data)
            log(f"  copy {copy + 1} of {spec.copies} written")
        packer.stdin.close()
        check_exit(["bgzip", "-c"], packer.wait())
    stripped.unlink()


def bam_blocks(path: Path) -> Iterator[tuple[Bases, npt.NDArray[np.int64]]]:
    """Whole alignment records of a BAM file as bytes to edit, and the offsets where they start."""
    unpacker = subprocess.Popen(["bgzip", "-dc", str(path)], stdout=subprocess.PIPE)
    stream = unpacker.stdout
    assert stream is not None

    def number() -> int:
        return int.from_bytes(stream.read(4), "little")

    stream.read(4)
    stream.read(number())
    for _ in range(number()):
        stream.read(number() + 4)
    rest, size_at = b"", struct.Struct("<i").unpack_from
    while more := stream.read(32 << 20):
        data, at, starts = rest + more, 0, []
        while at + 4 <= len(data) and (end := at + 4 + size_at(data, at)[0]) <= len(data):
            starts.append(at)
            at = end
        rest = data[at:]
        yield np.frombuffer(bytearray(data[:at]), dtype=np.uint8), np.array(starts, dtype=np.int64)
    check_exit(["bgzip", "-dc", str(path)], unpacker.wait())
    assert not rest, "a BAM file ends with a whole record"


if __name__ == "__main__":
    sys.exit(main())
