"""reader.py BENCH_DATA: the window reader on one thread against `samtools view -c -M -L`.

Both go over the same sites of one 30x BAM, in turns; the reader also copies the reads and reads the
reference. Start-up is left out: samtools' run over one site is taken off, the reader's sites lie
ready in memory and its files are open. The best of TURNS counts on either side.
"""

import sys
import tempfile
import time
from pathlib import Path

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from timing import print_row, run_once

TURNS = 5
REQUIRED = 1.5
# gatk-2d's job, annotations and window.
SITES_PER_JOB = 128
ANNOTATIONS = ("MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum")
LEFT, WIDTH, READ_LIMIT = 64, 192, 128


def site_batches(calls: Path) -> list[WindowBatch]:
    """The site columns of all records."""
    source = Calls(str(calls), annotations=ANNOTATIONS)
    batches = []
    while source.read(records := Records(), SITES_PER_JOB):
        batches.append(records.sites())
    return batches


def reader_seconds(data: Path, batches: list[WindowBatch]) -> float:
    """Windows of all sites."""
    options = ReaderOptions(
        str(data / "ref.fa"),
        (str(data / "30x.bam"),),
        read_rule="gatk",
        read_limit=READ_LIMIT,
        reference_left=LEFT,
        reference_width=WIDTH,
    )
    buffers = WindowBuffers()
    with WindowReader(options) as reader:
        start = time.perf_counter()
        for sites in batches:
            reader.read(sites, buffers)
        return time.perf_counter() - start


def measure(data: Path, folder: Path) -> bool:
    """Print one row per claim."""
    ok = True
    for name in ("dense", "sparse"):
        bed = data / f"{name}.bed"
        one = folder / "one.bed"
        one.write_text(bed.open().readline())
        batches = site_batches(data / f"{name}.vcf.gz")
        ours, theirs = [], []
        count = ["samtools", "view", "-c", "-M", str(data / "30x.bam"), "-L"]
        for _ in range(TURNS):
            ours.append(reader_seconds(data, batches))
            theirs.append(
                run_once([*count, str(bed)]).seconds - run_once([*count, str(one)]).seconds
            )
        ratio = min(ours) / min(theirs)
        sites = sum(len(batch) for batch in batches)
        text = f"{ratio:.2f}x, {1e6 * min(ours) / sites:.0f} us a site"
        claim = f"{name}, {sites:,} sites: reader / samtools view -c -M -L"
        ok = print_row(claim, text, f"<= {REQUIRED}x", ratio <= REQUIRED) and ok
    return ok


def main() -> None:
    """Exit 1 when a claim fails."""
    with tempfile.TemporaryDirectory() as folder:
        ok = measure(Path(sys.argv[1]) / "large", Path(folder))
    sys.exit(0 if ok else 1)


main()
