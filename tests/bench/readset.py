"""readset.py BENCH_DATA [MODEL]: a read-set network against `samtools view -c -M -L`.

`cnnscore score` over all sites of a 30x BAM, on as many threads as samtools, in turns; of either a
run over one site is taken off, so that start-up is left out. The best of TURNS counts. MODEL is by
default the bundled `reads`. The rest says where the time of one thread goes, in CPU microseconds a
site.
"""

import itertools
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.network.encode import NativeBatch
from cnnscore.score.engine import Engine
from timing import Run, print_row, run_once

TURNS = 5
REQUIRED = 2.5
FEATURES_REQUIRED = 1.0
THREADS = len(os.sched_getaffinity(0))
SITES_OF_PARTS = 20_000


def score(data: Path, model: str, calls: Path, threads: int) -> Run:
    """Score a call file."""
    command = [sys.executable, "-m", "cnnscore", "score", str(calls), "-m", model, "--quiet"]
    command += ["-R", str(data / "ref.fa"), "-I", str(data / "30x.bam"), "-o", os.devnull]
    return run_once([*command, "-O", "u", "--threads", str(threads)])


def count(data: Path, bed: Path, threads: int) -> Run:
    """Count the reads of the same sites."""
    view = ["samtools", "view", "-c", "-M", "-@", str(threads - 1), "-L", str(bed)]
    return run_once([*view, str(data / "30x.bam")])


def one_site(data: Path, name: str, folder: Path) -> tuple[Path, Path]:
    """A call file and a BED of the first site alone."""
    bed, calls = folder / f"{name}.bed", folder / f"{name}.vcf"
    with (data / f"{name}.bed").open() as lines:
        bed.write_text(lines.readline())
    source = Calls(str(data / f"{name}.vcf.gz"))
    source.read(records := Records(), 1)
    site = records.sites()
    ends = site.allele_offset[:3]
    ref, alt = (site.alleles[slice(*ends[i : i + 2])].tobytes().decode() for i in range(2))
    contig, pos = site.locus(0).rsplit(":", 1)
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    fields = [contig, pos, ".", ref, alt, "50", ".", "."]
    head = f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={site.contig_length[0]}>\n"
    calls.write_text(head + "\t".join(columns) + "\n" + "\t".join(fields) + "\n")
    return calls, bed


def compare(data: Path, model: str, name: str, folder: Path, threads: int) -> bool:
    """Print the claim for one density of sites."""
    calls, bed = one_site(data, name, folder)
    ours, theirs, ours_cpu, theirs_cpu = [], [], [], []
    for _ in range(TURNS):
        whole, start = (
            score(data, model, data / f"{name}.vcf.gz", threads),
            score(data, model, calls, threads),
        )
        counted, begun = count(data, data / f"{name}.bed", threads), count(data, bed, threads)
        ours.append(whole.seconds - start.seconds)
        theirs.append(counted.seconds - begun.seconds)
        ours_cpu.append(whole.cpu_seconds - start.cpu_seconds)
        theirs_cpu.append(counted.cpu_seconds - begun.cpu_seconds)
    ratio = min(ours) / min(theirs)
    text = f"{ratio:.2f}x; CPU {min(ours_cpu) / min(theirs_cpu):.2f}x"
    claim = f"{name}, {threads} threads: score / samtools view -c -M -L"
    return print_row(claim, text, f"<= {REQUIRED}x", ratio <= REQUIRED)


def names_of(windows: WindowBatch) -> Iterator[bytes]:
    """What tells reads apart: name, flag and position."""
    content, ends = windows.reads.tobytes(), windows.read_offset.tolist()
    for begin, end in itertools.pairwise(ends):
        record = content[begin:end]
        yield record[4:8] + record[14:16] + record[32 : 32 + record[8]]


def parts(data: Path, model: str) -> bool:
    """Print what a site costs, by part."""
    engine = Engine(model, provider="cpu")
    network, manifest = engine.description, engine.manifest
    files = str(data / "ref.fa"), [str(data / "30x.bam")]
    options = ReaderOptions.of_network(network, *files, None)
    spent: defaultdict[str, float] = defaultdict(float)
    sites = looks = 0
    reads = set[bytes]()

    def lap(part: str, since: float) -> float:
        now = time.process_time()
        spent[part] += now - since
        return now

    buffers, records = WindowBuffers(), Records()
    with WindowReader(options) as reader:
        now = time.monotonic()
        reader.set_depth(reader.measure_depth())
        print(f"the sample's depth measured in {time.monotonic() - now:.2f} s")
        calls = Calls(str(data / "dense.vcf.gz"), annotations=network.annotations)
        now = time.process_time()
        while sites < SITES_OF_PARTS and calls.read(records, network.sites_per_job):
            now = lap("records", now)
            windows = reader.read(records.sites(), buffers)
            now = lap("windows", now)
            native = NativeBatch(windows)
            rows = manifest.encoder.rows(native)
            rows = rows[np.argsort(windows.depth[rows.site], kind="stable")]
            for begin in range(0, len(rows), engine.batch_size):
                part = rows[begin : begin + engine.batch_size]
                planes = manifest.encoder.encode(native, part, manifest.planes())
                now = lap("features", now)
                engine.session.run(planes)
                now = lap("network", now)
            sites += len(windows)
            looks += int(windows.site_read[-1])
            reads.update(names_of(windows))
            now = time.process_time()
    print(f"a read is looked at for {looks / len(reads):.2f} sites")
    micro = {part: 1e6 * seconds / sites for part, seconds in spent.items()}
    text = ", ".join(f"{part} {value:.1f}" for part, value in micro.items())
    print(f"us a site: {text}")
    ratio = micro["features"] / micro["windows"]
    claim = "dense: features / windows, CPU time of one thread"
    return print_row(claim, f"{ratio:.2f}x", f"<= {FEATURES_REQUIRED}x", ratio <= FEATURES_REQUIRED)


def main() -> None:
    """Exit 1 when a claim fails."""
    data = Path(sys.argv[1]) / "large"
    with tempfile.TemporaryDirectory() as folder:
        model = sys.argv[2] if len(sys.argv) > 2 else "reads"
        ok = parts(data, model)
        for name in ("dense", "sparse"):
            ok = compare(data, model, name, Path(folder), THREADS) and ok
    sys.exit(0 if ok else 1)


main()
