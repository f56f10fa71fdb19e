"""check.py [--provider cuda tensorrt]: what holds on this machine's GPU, in at most 8 minutes.

    make gatk .make/models/gatk-2d.onnx && .venv/bin/python tests/gpu/check.py

Prints one row per claim, and the table that docs/how-it-works/performance.md waits for; exits with
1 where a claim fails. `--provider cpu` makes a GPU's calls on the CPU: the suite runs that, short.
GATK's networks are looked for in $CNNSCORE_MODELS, else in .make/models.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "bench")]

from cnnscore.batch import WindowBatch  # noqa: E402
from cnnscore.calls.records import Calls, Records  # noqa: E402
from cnnscore.calls.windows import ReaderOptions, WindowReader  # noqa: E402
from cnnscore.errors import CnnscoreError  # noqa: E402
from cnnscore.network.encode import Planes  # noqa: E402
from cnnscore.network.providers import PROVIDERS  # noqa: E402
from cnnscore.score.engine import Engine  # noqa: E402
from oracles.golden_scores import GOLDEN, TOLERANCE, expected, tsv_scores  # noqa: E402
from timing import print_row  # noqa: E402

DATA = TESTS / "data" / "synthetic"
LIMIT_S = 480
THREADS = 4
"""Callers: two lanes are busy, and two calls wait."""
NETWORKS = {"gatk-1d": "1d", "gatk-2d": "2d"}
SETS = {"gatk-1d": {"calls": ""}, "gatk-2d": {"calls": "reads", "deep": "deep"}}
BATCHES = {"gatk-1d": (8, 64, 512, 1024), "gatk-2d": (8, 32, 64, 128, 256)}
PROMISE = 5e-4
"""What batches may change of a score."""


@dataclass
class Check:
    """What was found so far, and how much time there is."""

    seconds: float
    """Of one measurement."""
    end: float
    size: int | None = None
    """Sites per call where it is not the rates by batch that are measured; None: the provider's."""
    ok: bool = True
    table: list[str] = field(default_factory=list)

    def row(self, claim: str, measured: str, required: str, holds: bool) -> None:
        self.ok = print_row(claim, measured, required, holds) and self.ok

    def in_time(self, what: str) -> bool:
        """Whether a measurement more fits; says what is left out."""
        if time.monotonic() + 3 * self.seconds < self.end:
            return True
        print(f"{what}: left out, the time is up", flush=True)
        self.ok = False
        return False


def open_engine(provider: str, model: str, batch_size: int | None = None) -> Engine:
    """On the CPU: by the rules of CUDA."""
    rules = "cuda" if provider == "cpu" else None
    return Engine(model, provider=provider, batch_size=batch_size, rules=rules)


def windows_of(engine: Engine, calls: str, reads: str) -> WindowBatch:
    """All sites of a call file, sampled as GATK does."""
    network = engine.description
    files = str(DATA / "ref.fa"), [str(DATA / f"{reads}.bam")] if reads else []
    options = ReaderOptions.of_network(network, *files, None)
    if network.needs_reads:
        options = ReaderOptions(**{**vars(options), "downsampling": "gatk"})
    source = Calls(str(DATA / f"{calls}.vcf.gz"), annotations=network.annotations)
    records = Records()
    source.read(records, 1 << 20)
    with WindowReader(options) as reader:
        return reader.read(records.sites())


def golden(check: Check, provider: str, model: str, engine: Engine) -> None:
    """GATK's own scores, and the same sites in other batches."""
    for calls, reads in SETS[model].items():
        batch = windows_of(engine, calls, reads)
        scores = engine.score(batch)
        kind = NETWORKS[model]
        nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}{kind}.tsv") for tool in ("nv", "cnn"))
        away = float(np.abs(scores - np.array(expected(nv, cnn))).max())
        claim = f"{provider} {model}, {len(batch)} sites of {calls}: from GATK's scores"
        check.row(claim, f"{away:.4f}", f"<= {TOLERANCE}", away <= TOLERANCE)
    some = batch.part(0, min(24, len(batch)))
    whole = engine.score(some)
    worst = 0.0
    for size in (1, 5, len(some)):
        parts = [some.part(i, min(i + size, len(some))) for i in range(0, len(some), size)]
        worst = max(worst, float(np.abs(np.concatenate([*map(engine.score, parts)]) - whole).max()))
    claim = f"{provider} {model}: a site in batches of 1 to {len(some)}"
    check.row(claim, f"{worst:.6f}", f"<= {PROMISE}", worst <= PROMISE)


def planes_of(engine: Engine, batch: WindowBatch, size: int) -> Planes:
    """A call of `size` rows, of 30x: sites again and again."""
    _, planes = engine.tensors(batch)
    which = np.arange(size) % len(planes["annotations"])
    return {name: np.ascontiguousarray(plane[which]) for name, plane in planes.items()}


def rate(engine: Engine, planes: Planes, seconds: float) -> float:
    """Rows per second of the network, called by several threads."""
    size, end = len(planes["annotations"]), time.monotonic() + seconds

    def work(_: int) -> int:
        calls = 0
        while calls == 0 or time.monotonic() < end:
            engine.session.run(planes)
            calls += 1
        return calls * size

    begin = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        rows = sum(pool.map(work, range(THREADS)))
    return rows / (time.monotonic() - begin)


@contextmanager
def company(provider: str, model: str, path: str, size: int) -> Iterator[None]:
    """Another process that keeps the GPU busy."""
    command = [sys.executable, __file__, "--provider", provider, "--busy", model, path]
    command += ["--batch", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout
            if other.stdout.readline() != "busy\n":
                raise CnnscoreError("the second process did not start")
            yield
        finally:
            other.kill()


def busy(provider: str, model: str, path: str, size: int) -> None:
    """Score without end."""
    engine = open_engine(provider, path, size)
    calls, reads = next(iter(SETS[model].items()))
    planes = planes_of(engine, windows_of(engine, calls, reads), engine.batch_size)
    engine.session.run(planes)
    print("busy", flush=True)
    rate(engine, planes, LIMIT_S)


def rates(check: Check, provider: str, model: str, path: str) -> None:
    """By batch size; first and second pass, alone and in company."""
    calls, reads = next(iter(SETS[model].items()))
    usual = PROVIDERS["cuda" if provider == "cpu" else provider].rules.sizes
    best = 0.0
    for size in BATCHES[model]:
        if not check.in_time(f"{provider} {model}, {size} sites per call"):
            continue
        begin = time.monotonic()
        engine = open_engine(provider, path, size)
        opened = time.monotonic() - begin
        batch = windows_of(engine, calls, reads)
        planes = planes_of(engine, batch, size)
        begin = time.monotonic()
        engine.session.run(planes)
        first = time.monotonic() - begin
        begin = time.monotonic()
        engine.session.run(planes)
        second = time.monotonic() - begin
        alone = rate(engine, planes, check.seconds)
        beside = "-"
        if size == (check.size or usual[engine.manifest.encoding].call):
            with company(provider, model, path, size):
                beside = f"{rate(engine, planes, check.seconds):,.0f}"
        best = max(best, alone)
        check.table.append(
            f"| {provider} {model} | {size} | {opened:.1f} s | {1e3 * first:.0f} ms | "
            f"{1e3 * second:.1f} ms | {alone:,.0f} | {beside} |"
        )
        print(check.table[-1], flush=True)
        del engine
    check.row(f"{provider} {model}: sites per second, at best", f"{best:,.0f}", "> 0", best > 0)


def feeding(check: Check, provider: str, engine: Engine, batch: WindowBatch) -> None:
    """What one core encodes for it."""
    begin, sites = time.monotonic(), 0
    while time.monotonic() - begin < check.seconds:
        sites += sum(len(rows) for rows, _ in engine.planes(batch))
    per_second = sites / (time.monotonic() - begin)
    check.row(f"{provider} gatk-2d: sites that one core encodes per second",
              f"{per_second:,.0f}", "> 0", per_second > 0)  # fmt: skip


def memory(check: Check, provider: str, path: str) -> None:
    """What a call of 128 reads takes: 128 x 128 cells per site."""
    engine = open_engine(provider, path, check.size)
    batch = windows_of(engine, "deep", "deep")
    deepest = batch.part(int(np.argmax(batch.depth)), int(np.argmax(batch.depth)) + 1)
    planes = planes_of(engine, deepest, engine.batch_size)
    depth, size = planes["bases"].shape[1], engine.batch_size
    finite = np.isfinite(engine.run(planes, np.ones(size, np.uint8))[1])
    used, where = used_memory(provider)
    text = f"{used:,.0f} MB {where}"
    check.row(f"{provider} gatk-2d, {size} sites of {depth} rows x 128: memory", text, "scores",
              bool(finite.all()))  # fmt: skip
    check.table.append(f"| {provider} gatk-2d, {depth} x 128 | {size} | memory | {text} | | | |")


def used_memory(provider: str) -> tuple[float, str]:
    """Megabytes of this process."""
    if provider == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, "of the process, at most"
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    rows: list[list[str]] = [line.split(",") for line in listed.splitlines()]
    mine = [float(used) for pid, used in rows if int(pid) == os.getpid()]
    # In a container the driver may show other process numbers: then all that is used.
    return (sum(mine), "on the GPU") if mine else (
        sum(float(used) for _, used in rows) or math.nan, "on the GPU, all processes")  # fmt: skip


def same_forms(check: Check, provider: str, path: str, batch: WindowBatch) -> None:
    """The network's own form on the same provider, in place of the one that the rules choose."""
    if not check.in_time(f"{provider} gatk-2d, its other form"):
        return
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "gatk-2d.onnx"
        alone.write_bytes(Path(path).read_bytes())  # without `direct/` beside it
        engine = open_engine(provider, str(alone), check.size)
        planes = planes_of(engine, batch, engine.batch_size)
        engine.session.run(planes)
        fast: NDArray[np.float32] = engine.session.run(planes)
        per_second = rate(engine, planes, check.seconds)
    direct = open_engine(provider, path).session.run(planes)
    away = float(np.abs(fast - direct).max())
    check.row(f"{provider} gatk-2d: probabilities of its two forms", f"{away:.1e}", "<= 1e-4",
              away <= 1e-4)  # fmt: skip
    size = engine.batch_size
    check.table.append(
        f"| {provider} gatk-2d, the CPU's form | {size} | | | | {per_second:,.0f} | |"
    )


def main() -> int:
    """0 where all holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--provider", nargs="+", default=["cuda", "tensorrt"])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batch", nargs="+", type=int, help="sites per call, to measure")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement [4]")
    parser.add_argument("--busy", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.busy:
        model, path = options.busy
        busy(options.provider[0], model, path, options.batch[0])
        return 0
    if options.batch:
        BATCHES.update({model: tuple(options.batch) for model in NETWORKS})
    folder = Path(os.environ.get("CNNSCORE_MODELS") or TESTS.parent / ".make" / "models")
    size = options.batch[-1] if options.batch else None
    check = Check(options.seconds, time.monotonic() + LIMIT_S, size)
    for provider in options.provider:
        for model in options.network:
            path = str(folder / f"{model}.onnx")
            try:
                engine = open_engine(provider, path)
                golden(check, provider, model, engine)
                if model == "gatk-2d":
                    batch = windows_of(engine, "calls", "reads")
                    feeding(check, provider, engine, batch)
                    memory(check, provider, path)
                    same_forms(check, provider, path, batch)
                rates(check, provider, model, path)
            except (CnnscoreError, OSError, subprocess.CalledProcessError) as error:
                check.row(f"{provider} {model}", f"{error}", "runs", False)
    print("\n| | sites per call | opened | first pass | second pass | sites/s | in company |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(check.table))
    print("\nall holds" if check.ok else "\nnot all holds: see the rows that end with FAIL")
    return 0 if check.ok else 1


if __name__ == "__main__":
    sys.exit(main())
