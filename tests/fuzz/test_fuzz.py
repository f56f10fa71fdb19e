"""`make fuzz` in small: a few mutations of each kind find nothing, and what is planted is found."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import DATA
from fuzz import judge, layers
from fuzz.kinds import KINDS
from fuzz.mutations import MUTATIONS, mutated
from hosts.bgzf import END, bgzf

HERE = Path(__file__).parent
RUN = HERE / "run.py"
# What is put in the place of cnnscore does one kind of harm after another where a file is mutated.
PLANTED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from fuzz import doors, run
real = doors.cnnscore
def planted(arguments):
    pairs = [(path, Path(path.name)) for path in Path("../inputs").iterdir()]
    changed = [path for whole, path in pairs if path.read_bytes() != whole.read_bytes()]
    if not changed:
        return real(arguments)
    done = Path("done").read_text() if Path("done").exists() else ""
    Path("done").write_text(done + ".")
    (name,), output = (path.name for path in changed), arguments[arguments.index("-o") + 1]
    exec({faults!r}[len(done)])
    print("cnnscore: error:", name, file=sys.stderr)
    return 2
doors.cnnscore, doors.SECONDS, doors.PATIENCE = planted, 5.0, 2
sys.exit(run.main(sys.argv[1:]))
"""
FAULTS = {
    "signal 11": "os.kill(os.getpid(), signal.SIGSEGV)",
    "hang": "signal.pause()",
    "traceback": "raise ValueError('planted')",
    "exit 3": "print('cnnscore: error:', name, file=sys.stderr, flush=True); os._exit(3)",
    "not one line of error": "os._exit(2)",
    "neither file nor record named": "print('cnnscore: error: it', file=sys.stderr, flush=True); "
    "os._exit(2)",
    "left over: tmp/x": "Path('tmp/x').touch()",
    "left over: out/.x.part": "Path('out/.x.part').touch()",
    "written: ": "os._exit(0)",
    "other records": "paths = [output, f'{output}.csi'] if '-W' in arguments else [output]; "
    "[Path(path).write_bytes(b'') for path in paths]; os._exit(0)",
}


def fuzz(failures: Path, *words: object, code: str | None = None) -> tuple[int, str]:
    start = ["-c", code] if code else [RUN]
    command = [sys.executable, *start, "--failures", failures, "--jobs", 1, *words]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=500, check=False
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_few_of_each_kind(tmp_path: Path) -> None:
    code, said = fuzz(tmp_path / "failures", "--mutations", 15, "--seed", 2)
    assert code == 0, said
    assert said.startswith("seed 2, 15 mutations of each kind\n")
    assert re.findall(r"^(\S+) +15 mutations: .*; 0 faults$", said, re.MULTILINE) == list(KINDS)
    assert not (tmp_path / "failures").exists()
    # Both ends are reached: files that are refused, and files that are not.
    for door in ("score", "plugin", "filter", "import"):
        ends = re.findall(rf"\b{door} (\d+) whole (\d+) refused", said)
        assert all(sum(map(int, counts)) > 0 for counts in zip(*ends, strict=True)), said


def test_planted_faults_are_found(tmp_path: Path) -> None:
    failures = tmp_path / "failures"
    code = PLANTED.format(tests=str(HERE.parent), faults=list(FAULTS.values()))
    words = ["fai", "--mutations", len(FAULTS), "--first", 3, "--seed", 2]
    status, said = fuzz(failures, *words, code=code)
    assert status == 1
    for fault in FAULTS:
        assert f"1 x score: {fault}" in said, said
    assert f"{len(FAULTS)} faults" in said
    again = re.findall(r"again: .*run.py fai --seed 2 --first (\d+) --mutations 1$", said, re.M)
    assert [int(number) for number in again] == list(range(3, 3 + len(FAULTS)))
    kept = {path.name for path in failures.iterdir()}
    assert kept == {f"fai-2-{number}-ref.fa.fai" for number in again}


@pytest.mark.parametrize(
    ("file", "said", "named"),
    [
        ("ref.fa", "cannot read the reference: gone", False),
        ("ref.fa", "cannot read ref.fa: gone", True),
        ("ref.fa.fai", "box/ref.fa has another length", True),
        ("ref.fa.fai", "the index ref.fa.fai is cut short", True),
        ("reads.bam.bai", "samtools index reads.bam", True),
        ("reads.bam", "no reads count", False),
        ("calls.bcf", "calls.vcf.gz is truncated", False),
        ("calls.bcf", "standard calls.bcf-like", False),
        ("calls.bcf", "it lies at record synA:12", True),
        ("read-set.onnx", "the network read-set has no finite score", True),
        ("read-set.onnx", "networks of the encoding read-set", False),
    ],
)
def test_what_names_a_file(file: str, said: str, named: bool) -> None:
    assert judge.names(file, said) == named


def test_mutations_are_those_of_their_seed() -> None:
    whole = (DATA / "calls.vcf.gz.tbi").read_bytes()
    first, again = (mutated(whole, random.Random("1 x 2")) for _ in range(2))
    assert first == again
    assert len({mutated(whole, random.Random(f"1 x {number}")) for number in range(50)}) > 40


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_changes_something(mutation: object) -> None:
    assert callable(mutation)
    for whole in (b"text 12 and 34\n" * 9, bytes(range(200)), b"x"):
        results = set()
        for number in range(20):
            data = bytearray(whole)
            mutation(data, random.Random(number))
            results.add(bytes(data))
        assert results - {whole}


def test_layers_leave_what_is_around_whole(tmp_path: Path) -> None:
    """Content is altered below checksums that are right."""
    import pysam

    packed = bgzf(b"some text 1234\n" * 400, 500)
    for number in range(30):
        rng = random.Random(number)
        for made in (layers.content(packed, rng), layers.blocks(packed, rng)):
            assert made.endswith(END)
            gzip.decompress(made)
    cram = tmp_path / "a.cram"
    few = [
        "--output-fmt",
        "cram,version=3.0,seqs_per_slice=500",
        str(DATA / "reads.bam"),
        "synA:1-3000",
    ]
    pysam.view("-T", str(DATA / "ref.fa"), "-o", str(cram), *few, catch_stdout=False)
    whole = cram.read_bytes()
    spans = list(layers.cram_containers(whole))
    assert len(spans) > 3
    assert spans[-1][2] == len(whole)
    values = (0, 127, 128, 2**14 - 1, 2**14, 2**21, 2**28 - 1, 2**28, 2**31 - 1)
    for value in values:
        assert layers.read_itf8(layers.write_itf8(value) + b"rest", 0) == (
            value,
            len(layers.write_itf8(value)),
        )
    for number in range(20):
        made = layers.cram_block(whole, random.Random(number))
        assert list(layers.cram_containers(made))[-1][2] == len(made)
