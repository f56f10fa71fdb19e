"""Several read files: what a site gets never depends on where a query began, nor on who asks.

Random files that make it hard: many reads of one start, in no order, names and whole records that
files share, reads that do not count between those that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pysam
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from conftest import DATA, run_cli
from oracles.reads import reads_of_site
from oracles.sampling import GATK_SEED, JavaRandom, reservoir, site_seed

CONTIGS = {"synA": 40000, "synB": 12000}
LIMIT = 6
GROUPS = [*["one", "two"] * 4, "ArtificialHaplotypeRG", None]
HEADER = {
    "HD": {"VN": "1.6", "SO": "coordinate"},
    "SQ": [{"SN": name, "LN": length} for name, length in CONTIGS.items()],
    "RG": [{"ID": name, "SM": "s"} for name in ("one", "two", "ArtificialHaplotypeRG")],
}


@cache
def reference(contig: str) -> str:
    with pysam.FastaFile(str(DATA / "ref.fa")) as fasta:
        return fasta.fetch(contig)


def random_read(
    rng: np.random.Generator, header: pysam.AlignmentHeader, starts: list[int]
) -> pysam.AlignedSegment:
    """Few names, flags and starts, so that all of them meet again."""
    read = pysam.AlignedSegment(header)
    read.query_name = f"r{rng.integers(12)}"
    read.flag = int(rng.choice([0, 16, 65, 129, 177, 1024, 2048]))
    read.reference_id = int(rng.integers(2))
    contig = header.references[read.reference_id]
    read.reference_start = min(int(rng.choice(starts)), CONTIGS[contig] - 200)
    read.mapping_quality = int(rng.choice([0, 60]))
    matched = int(rng.integers(1, 60))
    read.cigartuples = [(4, int(rng.integers(9))), (0, matched), (4, 1)]
    length = sum(n for _, n in read.cigartuples)
    read.query_sequence = "".join(rng.choice(list("ACGT"), length))
    read.query_qualities = pysam.qualitystring_to_array(chr(int(rng.integers(40, 70))) * length)
    if read.flag & 1:
        read.next_reference_id = read.reference_id
        read.next_reference_start = read.reference_start + int(rng.choice([0, 100]))
    group = GROUPS[rng.integers(len(GROUPS))]
    if group:
        read.set_tag("RG", group)
    return read


def write_files(rng: np.random.Generator, n_files: int, folder: Path) -> list[Path]:
    """Coordinate-sorted, in no order among the reads of one start."""
    header = pysam.AlignmentHeader.from_dict(HEADER)
    starts = [int(start) for start in rng.choice(35000, 4)]
    starts += [start + int(by) for start in starts[:4] for by in (1, 2, 30)]
    shared = [random_read(rng, header, starts) for _ in range(40)]
    paths = []
    for number in range(n_files):
        reads = [random_read(rng, header, starts) for _ in range(int(rng.integers(60, 150)))]
        reads += [read for read in shared if rng.random() < 0.5]
        reads.sort(key=lambda read: (read.reference_id, read.reference_start, rng.random()))
        paths.append(folder / f"{number}.bam")
        with pysam.AlignmentFile(str(paths[-1]), "wb", header=header) as bam:
            for read in reads:
                bam.write(read)
        pysam.index(str(paths[-1]))
    return paths


def write_calls(rng: np.random.Generator, paths: list[Path], calls: Path) -> None:
    """Sites over and beside the reads, neighbours, deletions of 15 bases to 25 kb."""
    places = {(contig, 0) for contig in CONTIGS}
    for path in paths:
        with pysam.AlignmentFile(str(path)) as bam:
            for read in bam:
                if rng.random() < 0.6:
                    place = read.reference_start + int(rng.integers(-3, 40))
                    places.add((str(read.reference_name), max(place, 0)))
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={name},length={length}>" for name, length in CONTIGS.items()]
    lines += ['##INFO=<ID=END,Number=1,Type=Integer,Description="end">']
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for contig, place in sorted(places):
        kind, length = rng.choice(["snp", "del", "sv"], p=[0.7, 0.2, 0.1]), int(rng.integers(2, 15))
        ref = reference(contig)[place : place + (length if kind == "del" else 1)]
        alt, info = ("<DEL>", f"END={place + 25000}") if kind == "sv" else ("A", ".")
        alt = "C" if alt == ref else alt
        lines.append(f"{contig}\t{place + 1}\t.\t{ref}\t{alt}\t50\t.\t{info}")
    calls.write_text("\n".join(lines) + "\n")


@dataclass
class Case:
    """Read files and calls over them."""

    paths: list[Path]
    calls: Path
    sites: WindowBatch
    """All of them."""

    def reader(self, paths: list[Path], downsampling: str = "site") -> WindowReader:
        """Of some of the files."""
        options = ReaderOptions(
            str(DATA / "ref.fa"),
            tuple(map(str, paths)),
            read_rule="gatk",
            read_limit=LIMIT,
            downsampling=downsampling,
        )
        return WindowReader(options)


@pytest.fixture(scope="module", params=range(8))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    rng = np.random.default_rng(request.param)
    folder = tmp_path_factory.mktemp("files")
    paths = write_files(rng, 1 + request.param % 4, folder)
    write_calls(rng, paths, folder / "calls.vcf")
    records = Records()
    assert Calls(str(folder / "calls.vcf"), annotations=("MQ",)).read(records, 10000) > 20
    return Case(paths, folder / "calls.vcf", records.sites())


def spelled(batch: WindowBatch, site: int) -> list[bytes]:
    """The reads of a site as their bytes."""
    spans = batch.read_offset[batch.site_read[site] : batch.site_read[site + 1] + 1]
    return [batch.reads[a:b].tobytes() for a, b in pairwise(spans)]


def same_read(record: bytes, read: pysam.AlignedSegment) -> bool:
    """Whether a BAM record is this read: name, flag, bases and qualities."""
    name_end = 32 + record[8]
    bases = name_end + 4 * int.from_bytes(record[12:14], "little")
    length = int.from_bytes(record[16:20], "little")
    qualities = record[bases + (length + 1) // 2 :]
    text = "".join(
        "=ACMGRSVTWYHKDBN"[record[bases + i // 2] >> (0 if i % 2 else 4) & 15]
        for i in range(length)
    )
    return (
        record[32 : name_end - 1].decode() == read.query_name
        and int.from_bytes(record[14:16], "little") == read.flag
        and text == read.query_sequence
        and list(qualities) == list(read.query_qualities or ())
    )


@pytest.mark.parametrize("downsampling", ["site", "gatk"])
def test_a_site_gets_what_the_rule_says(case: Case, downsampling: str) -> None:
    running = JavaRandom(GATK_SEED)
    sampled = 0
    for paths in permutations(case.paths) if downsampling == "site" else [case.paths]:
        files = [pysam.AlignmentFile(str(path)) for path in paths]
        batch = case.reader(list(paths), downsampling).read(case.sites)
        for site in range(len(batch)):
            contig = batch.contig_name(int(batch.contig[site]))
            start = int(batch.pos[site])
            over = reads_of_site(files, contig, start, min(int(batch.end[site]), CONTIGS[contig]))
            random = running if downsampling == "gatk" else JavaRandom(site_seed(contig, start))
            expected, got = reservoir(over, LIMIT, random), spelled(batch, site)
            assert batch.site_depth[site] == len(over)
            assert len(got) == len(expected)
            assert all(map(same_read, got, expected)), batch.locus(site)
            sampled += len(over) > LIMIT
    assert sampled > 10


@pytest.mark.parametrize("rule", ["gatk", "primary"])
def test_neighbours_change_nothing(case: Case, rule: str) -> None:
    """The same windows to the byte, whichever sites come before, and in which batches."""
    options = ReaderOptions(
        str(DATA / "ref.fa"), tuple(map(str, case.paths)), read_rule=rule, read_limit=LIMIT
    )
    whole = WindowReader(options).read(case.sites)
    rng = np.random.default_rng(5)
    ours = WindowReader(options)
    for _ in range(3):
        order = rng.permutation(len(whole))
        for chosen in (order, np.sort(order[: len(order) // 3])):
            for part in np.array_split(chosen, 3):
                batch = ours.read(case.sites.take_sites(part))
                for i, site in enumerate(part):
                    assert spelled(batch, i) == spelled(whole, int(site)), whole.locus(int(site))


def test_scores(case: Case, tiny: dict[str, str], tmp_path: Path) -> None:
    """Threads, jobs, intervals and one site alone: the same scores."""

    def scored(*arguments: str) -> dict[tuple[str, ...], str]:
        out = tmp_path / "out.vcf"
        files = [argument for path in case.paths for argument in ("-I", path)]
        inputs = ("-R", DATA / "ref.fa", *files, "-m", tiny["reads"], "--quiet")
        run = run_cli("score", case.calls, *inputs, "-o", out, *arguments)
        assert run.code == 0, run.err
        lines = [line.split("\t") for line in out.read_text().splitlines() if line[0] != "#"]
        return {tuple(fields[:5]): fields[7] for fields in lines}

    whole = scored("--threads", "1")
    assert len(set(whole.values())) > 20
    assert scored("--threads", "3", "--batch-size", "7") == whole
    for place in list(whole)[:: max(1, len(whole) // 12)]:
        contig, pos = place[:2]
        alone = scored("-t", f"{contig}:{pos}-{pos}")
        assert place in alone
        assert alone.items() <= whole.items()
