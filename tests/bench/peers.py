"""peers.py BENCH_DATA [--sites N]: GATK's own tools beside `cnnscore score`, on the same sites.

    python tests/bench/peers.py bench-data      after `make gatk bench-data`

CNNScoreVariants 4.6.0.0 wants Python 3.6, NVScoreVariants 4.6.2.0 Python 3.10: each gets a virtual
environment in BENCH_DATA/peers (2 GB and 6 GB), where a Python of that version is on the PATH or
among pyenv's. GATK's package `scorevariants` is in no registry: CNNSCORE_GATK_SOURCE names a clone
of GATK at the tag 4.6.2.0. What is not there is skipped, and said.

One run of whole processes each: wall seconds, peak of the largest process. "Without start-up" takes
off a run of one site. Scores must agree to three decimals, and ours be quicker.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pysam

from timing import Run, print_row, run_once

TOLERANCE = 0.0011
SPEED = 1.0
CLEAR = 1.2
"""A run must take so many times that of one site, for what is without start-up to be no chance."""
KEYS = {"1d": "CNN_1D", "2d": "CNN_2D"}
TENSORS = {"1d": "reference", "2d": "read_tensor"}


@dataclass(frozen=True)
class Peer:
    """A tool of GATK's, and what it needs."""

    tool: str
    gatk: str
    python: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    """Installed without what they ask for."""
    source: str | None = None
    """Folder of Python packages in GATK's source."""
    wants: str = ""


PEERS = (
    Peer(
        tool="CNNScoreVariants",
        gatk="4.6.0.0",
        python="3.6",
        packages=(
            *("keras==2.2.4", "h5py==2.10.0", "numpy==1.17.5", "scipy==1.0.0"),
            *("scikit-learn==0.23.1", "intel-tensorflow==1.15.2", "protobuf==3.19.6"),
            "matplotlib==3.2.1",
        ),
        alone=("gatkpythonpackages==0.1",),
    ),
    Peer(
        tool="NVScoreVariants",
        gatk="4.6.2.0",
        python="3.10",
        packages=(
            *("torch==2.1.0", "lightning==2.4.0", "numpy==1.26.2", "pysam==0.22.0"),
            *("biopython==1.84", "pandas", "scipy"),
        ),
        source="src/main/python/org/broadinstitute/hellbender",
    ),
)


class Skipped(Exception):
    """Why a peer cannot be run here."""


def find_python(version: str) -> str:
    """A Python of this version. Errors: Skipped."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    for path in filter(None, found):
        says = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if says.returncode == 0 and f" {version}." in says.stdout + says.stderr:
            return path
    raise Skipped(f"no Python {version} on the PATH or among pyenv's")


def environment(peer: Peer, folder: Path) -> dict[str, str]:
    """Environment variables with which GATK finds its Python. Errors: Skipped."""
    gatk = os.environ.get("CNNSCORE_GATK")
    if not gatk:
        raise Skipped("no GATK: run by `make bench`, or set CNNSCORE_GATK")
    jars = Path(gatk).parent / f"gatk-{peer.gatk}"
    if not any(jars.glob("gatk-*.jar")):
        raise Skipped(f"no GATK {peer.gatk} in {jars}: `make {jars.parent.name}/{jars.name}/ready`")
    env = {**os.environ, "JARS": f"{jars}/*"}
    if peer.source:
        source = os.environ.get("CNNSCORE_GATK_SOURCE")
        packages = Path(source or ".") / peer.source
        if not (packages / "scorevariants").is_dir():
            raise Skipped(
                f"CNNSCORE_GATK_SOURCE names no clone of GATK at the tag {peer.gatk}, whose "
                "package `scorevariants` is in no registry"
            )
        env["PYTHONPATH"] = str(packages)
    place = folder / peer.tool
    if not (place / "ready").is_file():
        print(f"installing {peer.tool}'s Python packages into {place}: minutes", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        _run([find_python(peer.python), "-m", "venv", str(place)])
        install = [str(place / "bin" / "python"), "-m", "pip", "-q", "install"]
        _run([*install, "--upgrade", "pip", "wheel", "setuptools"])
        _run([*install, *peer.packages])
        if peer.alone:
            _run([*install, "--no-deps", *peer.alone])
        (place / "ready").touch()
    env["PATH"] = f"{place / 'bin'}:{os.environ['PATH']}"
    env.pop("VIRTUAL_ENV", None)
    return env


def _run(command: list[str]) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Skipped(f"`{' '.join(command[:6])} ...` failed: {last}")


def peer_command(peer: Peer, env: dict[str, str], kind: str, inputs: list[str]) -> list[str]:
    """GATK's command line, but for calls and output."""
    words = ["env", f"PATH={env['PATH']}", f"PYTHONPATH={env.get('PYTHONPATH', '')}"]
    words += ["java", "-Xmx3g", "-cp", env["JARS"], "org.broadinstitute.hellbender.Main"]
    return [*words, peer.tool, "--tensor-type", TENSORS[kind], *inputs]


def scores(path: Path, key: str) -> dict[tuple[str, int, str], float]:
    """Score by record, three decimals."""

    def each() -> Iterator[tuple[tuple[str, int, str], float]]:
        with pysam.VariantFile(str(path)) as records:
            for record in records:
                if key in record.info:
                    alleles = ",".join(record.alleles or ())
                    value = record.info[key]
                    number = value[0] if isinstance(value, tuple) else value
                    yield (record.contig, record.pos, alleles), float(number)

    return dict(each())


def first_sites(calls: Path, n: int | None, out: Path) -> Path:
    """The first calls, in a file of their own, as text."""
    with (
        pysam.VariantFile(str(calls)) as source,
        pysam.VariantFile(str(out), "w", header=source.header) as some,
    ):
        for i, record in enumerate(source):
            if n is not None and i == n:
                break
            some.write(record)
    pysam.tabix_index(str(out), preset="vcf", keep_original=True, force=True)
    return Path(f"{out}.gz")


def without_start(whole: Run, one: Run) -> float:
    return max(whole.seconds - one.seconds, 1e-3)


def compare(peer: Peer, env: dict[str, str], data: Path, sites: int | None, folder: Path) -> bool:
    """Print what one tool takes, and ours."""
    ok = True
    every = first_sites(data / "dense.vcf.gz", sites, folder / "all.vcf")
    one = first_sites(data / "dense.vcf.gz", 1, folder / "one.vcf")
    for kind, key in KEYS.items():
        inputs = ["-R", str(data / "ref.fa")]
        inputs += ["-I", str(data / "30x.bam")] if kind == "2d" else []
        theirs = peer_command(peer, env, kind, inputs)
        ours = [sys.executable, "-m", "cnnscore", "score", "-m", f"gatk-{kind}", *inputs, "--quiet"]
        result = {name: folder / f"{peer.tool}.{kind}.{name}.vcf" for name in ("theirs", "ours")}
        whole = run_once([*theirs, "-V", str(every), "-O", str(result["theirs"])])
        start = run_once([*theirs, "-V", str(one), "-O", str(folder / "one.theirs.vcf")])
        own = run_once([*ours, str(every), "-o", str(result["ours"])])
        own_start = run_once([*ours, str(one), "-o", str(folder / "one.ours.vcf")])
        wanted, got = (scores(result[name], key) for name in ("theirs", "ours"))
        away = max((abs(got[at] - value) for at, value in wanted.items() if at in got), default=0)
        name = f"{peer.tool} {peer.gatk} {kind}, {len(got):,} sites"
        lacking = len(wanted.keys() - got.keys())
        claim = f"{name}: largest difference"
        holds = away <= TOLERANCE and not lacking and bool(wanted)
        ok = print_row(claim, f"{away:.4f}, {lacking} lack", f"<= {TOLERANCE}", holds) and ok
        ratios = {"whole": whole.seconds / own.seconds}
        if whole.seconds >= CLEAR * start.seconds:
            ratios["without start-up"] = without_start(whole, start) / without_start(own, own_start)
        else:
            print(f"{name}: start-up is nearly all: too few sites to tell the rest")
        for text, ratio in ratios.items():
            claim = f"{name}: its time / ours, {text}"
            ok = print_row(claim, f"{ratio:.1f}x", f">= {SPEED}x", ratio >= SPEED) and ok
        print(
            f"{name}: {whole.seconds:.1f} s ({start.seconds:.1f} s of it with one site), "
            f"{whole.peak_rss / 1e6:,.0f} MB; cnnscore score {own.seconds:.1f} s "
            f"({own_start.seconds:.1f} s), {own.peak_rss / 1e6:,.0f} MB",
            flush=True,
        )
    return ok


def main() -> int:
    """1 when a claim fails; a peer that is not there is no failure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sites", type=int, help="the first of the set [all]")
    options = parser.parse_args()
    data, ok = options.data.resolve(), True
    for peer in PEERS:
        try:
            env = environment(peer, data / "peers")
        except Skipped as why:
            print(f"{peer.tool} {peer.gatk}: skipped: {why}", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            ok = compare(peer, env, data / "small", options.sites, Path(folder)) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
