"""many_genomes.py [--genomes N] [--workers N] ...: what a large plan costs, on paper.

Unit costs are measured here, on the synthetic sample and this machine: the scheduler's seconds per
task, a worker's start, opening a network, the requests and bytes of a shard from a web server, what
the plan's process does per shard. The rest is arithmetic: no cluster is simulated event by event.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from cnnscore.scatter.folder import WorkFolder
from cnnscore.scatter.shards import SITES_PER_SHARD
from cnnscore.scatter.task import digest_of
from cnnscore.score.open import EngineSettings
from cnnscore.score.run import score_calls

DATA = Path(__file__).parents[1] / "data" / "synthetic"
TASKS = 2000
NOTES = 50


def main() -> None:
    """Print the unit costs, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genomes", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--sites", type=int, default=5_000_000, help="per genome")
    parser.add_argument("--cpu-ms", type=float, help="per site [measured]")
    parser.add_argument("--bam-gb", type=float, default=60, help="of a genome at 30x")
    parser.add_argument("--price", type=float, default=0.4, help="of a million requests")
    options = parser.parse_args()

    per_task = scheduler_seconds()
    start = worker_seconds()
    begin = time.perf_counter()
    EngineSettings(model="reads").open(has_reads=True)
    opening = time.perf_counter() - begin
    asked, note = shard_by_web(), note_seconds()
    cpu = options.cpu_ms / 1e3 if options.cpu_ms else site_seconds()
    rows = [
        ("scheduler, per shard", f"{per_task * 1e3:.2f} ms"),
        ("the plan's log and digest, per shard", f"{note * 1e3:.2f} ms"),
        ("worker: Python, libraries, network", f"{start:.2f} s"),
        ("  of which the network", f"{opening:.2f} s"),
        ("shard over http", f"{asked} requests"),
        ("CPU per site, network `reads`", f"{cpu * 1e3:.2f} ms"),
    ]
    print("measured here:")
    for name, value in rows:
        print(f"  {name:46} {value}")

    shards = options.genomes * -(-options.sites // SITES_PER_SHARD)
    work = options.genomes * options.sites * cpu
    wall = work / options.workers
    bytes_read = options.genomes * options.bam_gb * 1e9
    # Reads stream through a shard: a request each time htslib jumps, one per group of near sites.
    requests = shards * asked
    central = shards * (per_task + note)
    print(f"{options.genomes:,} genomes of {options.sites:,} sites, {options.workers:,} workers:")
    rows = [
        ("shards", f"{shards:,}"),
        (
            "CPU",
            f"{work / 3600:,.0f} core hours; {wall / 3600:,.1f} h by {options.workers:,} cores",
        ),
        (
            "scheduler and plan, one process",
            f"{central / 3600:,.2f} h: {central / wall:.1%} of that",
        ),
        ("most workers that they keep busy", f"{SITES_PER_SHARD * cpu / (per_task + note):,.0f}"),
        ("starts of all workers", f"{start * options.workers / work:.3%} of the CPU"),
        ("a start per shard instead (workflow engines)", f"{start * shards / work:.1%} of the CPU"),
        ("bytes read", f"{bytes_read / 1e12:,.0f} TB; {bytes_read * 8 / wall / 1e9:,.0f} Gbit/s"),
        ("requests", f"{requests / 1e6:,.0f} million: {requests / wall:,.0f} per second"),
        ("their price", f"{requests / 1e6 * options.price:,.0f}"),
        ("tasks that the scheduler knows at a time", "10,000 at most (cluster.py, MOST_SENT)"),
    ]
    for name, value in rows:
        print(f"  {name:46} {value}")


def scheduler_seconds() -> float:
    """Of the scheduler's process, per task, with two workers that do nothing."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(_nothing, range(100), pure=False))
        begin = time.process_time()
        client.gather(client.map(_nothing, range(TASKS), pure=False))
        return (time.process_time() - begin) / TASKS


def _nothing(number: int) -> int:
    return number


def worker_seconds() -> float:
    """CPU of a process that opens the network and is ready to score."""
    code = (
        "import cnnscore.scatter.task, distributed; "
        "from cnnscore.score.open import EngineSettings; "
        "EngineSettings(model='reads').open(has_reads=True)"
    )
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return (
        after.children_user - before.children_user + after.children_system - before.children_system
    )


def site_seconds() -> float:
    """CPU of a site with reads, by the network `reads`."""
    engine = EngineSettings(model="reads").open(has_reads=True)
    for _ in range(2):  # the second counts
        begin = time.process_time()
        done = score_calls(
            str(DATA / "calls.vcf.gz"),
            engine,
            reference=str(DATA / "ref.fa"),
            reads=[str(DATA / "reads.bam")],
            output=os.devnull,
            threads=1,
        )
    return (time.process_time() - begin) / done.sites


def shard_by_web() -> int:
    """Requests of one more shard to a web server."""
    with tempfile.TemporaryDirectory() as name, _counting(DATA) as (url, counted):
        work = Path(name) / "work"
        command = [sys.executable, "-m", "cnnscore", "score", f"{url}/calls.vcf.gz", "--quiet"]
        command += ["-R", str(DATA / "ref.fa"), "-I", f"{url}/reads.bam", "-o", f"{name}/out.vcf"]
        command += ["--work", str(work), "--threads", "1"]
        asked = []
        for shards in (1, 3):
            before = len(counted)
            subprocess.run([*command, "--shards", str(shards)], check=True, cwd=name)
            asked.append(len(counted) - before)
    return round((asked[1] - asked[0]) / 2)


def note_seconds() -> float:
    """What the plan's process does when a shard is whole: its digest and the log, on this disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = WorkFolder(Path(name))
        file = Path(name) / "shard"
        file.write_bytes(os.urandom(1 << 20))  # of 20,000 records
        seconds = []
        for i in range(NOTES):
            begin = time.perf_counter()
            digest, size = digest_of(file)
            folder.note({"shard": f"1-{i:06}", "sha256": digest, "bytes": size})
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds)


@contextmanager
def _counting(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server of the folder, and what it was asked for."""
    counted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            words = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
            begin, end = int(words[0]), min(int(words[1] or len(data)) + 1, len(data))
            self.send_response(206 if "Range" in self.headers else 200)
            if "Range" in self.headers:
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
            self.send_header("Content-Length", str(end - begin))
            self.end_headers()
            counted.append(self.path)
            if with_body:
                try:
                    self.wfile.write(data[begin:end])
                except ConnectionError:
                    return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", counted
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
