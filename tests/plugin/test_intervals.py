"""Regions and targets at both doors: what bcftools selects; in place of nothing, what was wrong."""

from __future__ import annotations

import gzip
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest

from conftest import run_cli
from hosts.plugin import bcftools, environment, plugin

# The long names that both doors have, and bcftools' letters.
LETTERS = {"--regions": "-r", "--regions-file": "-R", "--targets": "-t", "--targets-file": "-T"}
HLA = "HLA-A*01:01:01:01"


@dataclass(frozen=True)
class Ran:
    code: int
    err: str
    records: list[str]
    """CHROM:POS of what was written."""


Door = Callable[..., Ran]


def through_command(box: Path, *words: object, calls: str = "calls.vcf.gz") -> Ran:
    out = box / "out.vcf"
    run = run_cli("score", box / calls, "-R", box / "ref.fa", "-o", out, *words)
    return Ran(run.code, run.err, places(out.read_bytes() if out.exists() else b""))


def through_plugin(box: Path, *words: object, calls: str = "calls.vcf.gz") -> Ran:
    run = plugin(box / calls, "-f", box / "ref.fa", *words)
    return Ran({255: 2}.get(run.code, run.code), run.err, places(run.out))


def places(vcf: bytes) -> list[str]:
    lines = [line.split(b"\t") for line in vcf.splitlines() if not line.startswith(b"#")]
    return [b":".join(line[:2]).decode() for line in lines]


@pytest.fixture(params=[through_command, through_plugin], ids=["command", "plugin"])
def door(request: pytest.FixtureRequest) -> Door:
    chosen: Door = request.param
    return chosen


def expected(box: Path, *words: object, calls: str = "calls.vcf.gz") -> list[str]:
    run = bcftools("view", "-H", *(LETTERS.get(str(word), word) for word in words), box / calls)
    assert run.code == 0, run.err
    return places(run.out)


SPANS = [
    "synA",
    "synB",
    "synA:5000-6000",
    "synA:5000-",
    "synB:100-4000,synA:12188",
    "synA:1-2000,synA:1500-3000",
]


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
@pytest.mark.parametrize("span", SPANS)
def test_lists_select_what_bcftools_selects(door: Door, box: Path, kind: str, span: str) -> None:
    run = door(box, kind, span)
    assert run.code == 0, run.err
    wanted = expected(box, kind, span)
    assert wanted
    assert run.records == wanted


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
@pytest.mark.parametrize("overlap", ["0", "1", "2"])
def test_overlaps_are_those_of_bcftools(door: Door, box: Path, kind: str, overlap: str) -> None:
    """A cut through a deletion: POS before it, REF over it."""
    lines = bcftools("view", "-H", box / "calls.vcf.gz").out.decode().splitlines()
    deletion = next(line.split("\t") for line in lines if len(line.split("\t")[3]) > 5)
    contig, pos = deletion[0], int(deletion[1])
    differ = set()
    for begin in (pos, pos + 1, pos + len(deletion[3]) - 1):
        words = [kind, f"{contig}:{begin}-{pos + 300}", f"{kind}-overlap", overlap]
        wanted = expected(box, *words)
        differ.add(len(wanted))
        run = door(box, *words)
        assert run.code == 0, run.err
        assert run.records == wanted
    assert differ


def test_shards_by_pos_have_each_record_once(door: Door, box: Path) -> None:
    cuts = sorted(random.Random(5).sample(range(1, 40_000), 12))
    spans = zip([1, *(cut + 1 for cut in cuts)], [*cuts, 40_000], strict=True)
    found: list[str] = []
    for begin, end in spans:
        shard = door(box, "--regions", f"synA:{begin}-{end}", "--regions-overlap", "pos")
        found += shard.records
    assert found == [place for place in expected(box) if place.startswith("synA:")]


def write(box: Path, name: str, text: bytes) -> Path:
    path = box / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


FILES = {
    "plain.bed": b"synA\t3000\t9000\nsynB\t0\t5000\n",
    "unsorted.bed": b"synB\t0\t5000\nsynA\t8000\t9000\nsynA\t3000\t8500\nsynA\t4000\t5000\n",
    "spaced.bed.gz": b"synA 3000 9000 name\nsynB\t0  5000\n",
    "lines.txt": b"synA\t3001\t9000\nsynB\t1\t5000\n",
    "browser.bed": b"\xef\xbb\xbfbrowser position x\r\ntrack name=x\r\n# a\r\n\r\n"
    b"synA\t3000\t9000\tname\r\nsynA\t9500\t9500\r\nsynB\t0\t5000\r\n",
}


@pytest.mark.parametrize("kind", ["--regions-file", "--targets-file"])
@pytest.mark.parametrize("name", FILES)
def test_files_select_what_they_say(door: Door, box: Path, kind: str, name: str) -> None:
    run = door(box, kind, write(box, name, FILES[name]))
    assert run.code == 0, run.err
    wanted = expected(box, kind, write(box, "wanted.bed", FILES["plain.bed"]))
    assert wanted
    # bcftools takes regions contig by contig as the file names them.
    same = run.records if "unsorted" not in name else sorted(run.records)
    assert same == (wanted if "unsorted" not in name else sorted(wanted))


def test_positions_of_a_vcf_are_regions(door: Door, box: Path) -> None:
    some = bcftools("view", box / "calls.vcf.gz", "-r", "synB:1-3000").out
    run = door(box, "--targets-file", write(box, "some.vcf", some))
    assert (run.code, run.records) == (0, places(some))


@pytest.mark.parametrize("span", ["synA", "synA:5000-6000"])
def test_targets_may_exclude(door: Door, box: Path, span: str) -> None:
    wanted = expected(box, "-t", f"^{span}")
    assert wanted
    assert door(box, "--targets", f"^{span}").records == wanted
    bed = b"synA\t4999\t6000\n" if ":" in span else b"synA\t0\t40000\n"
    write(box, "out-of.bed", bed)
    run = door(box, "--targets-file", f"^{box / 'out-of.bed'}")
    assert (run.code, run.records) == (0, wanted)


def test_targets_of_a_stream(box: Path) -> None:
    vcf = gzip.decompress((box / "calls.vcf.gz").read_bytes())
    run = plugin("-", "-f", box / "ref.fa", "-t", "synB:100-4000", stdin=vcf)
    assert places(run.out) == expected(box, "-t", "synB:100-4000")
    with (box / "calls.vcf.gz").open("rb") as stream:
        words = ["bcftools", "+cnnscore", "-", "-f", str(box / "ref.fa"), "-t", "chrZ"]
        done = subprocess.run(
            words, stdin=stream, env=environment(), capture_output=True, check=False
        )
    assert done.returncode == 255
    assert b'"chrZ"' in done.stderr


BAD_LISTS = {
    "": "no region",
    ",": "no region",
    "synA,,synB": "no region",
    "synA:-200": "positions are numbers",
    ":5-6": "names no contig",
    "synA:0-5": "from 1 on",
    "synA:9-5": "ends before it begins",
    "synA:5-99999999999999999999": "its end is no number",
    "synA:99999999999999999999": "positions are numbers",
    "synA:5-6-7": "its end is no number",
    "synA:5x": "its position is no number",
    "synA:1,000-2,000": "thousands separators",
    "{synA": "in braces",
    "{synA}5": "in braces",
}


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
@pytest.mark.parametrize("text", BAD_LISTS)
def test_a_list_that_is_none(door: Door, box: Path, kind: str, text: str) -> None:
    run = door(box, f"{kind}={text}")
    assert (run.code, run.records) == (1, []), run.err
    assert run.err.strip().count("\n") == 0
    assert BAD_LISTS[text] in run.err


BAD_FILES = {
    "two.bed": (b"synA\t3000\t9000\nsynA\t4000\n", "line 2"),
    "words.bed": (b"synA\t3000\tx\n", "line 1"),
    "reversed.bed": (b"# x\nsynA\t3000\t2000\n", "line 2 ends before it begins"),
    "separators.bed": (b"synA\t3,000\t4,000\n", "line 1"),
    "huge.bed": (b"synA\t3\t99999999999999999999\n", "line 1"),
    "zero.txt": (b"synA\t0\t5\n", "line 1"),
    "empty.bed": (b"", "has no region"),
    "comments.bed": (b"# none\n\n", "has no region"),
    "other.bed": (b"synA\t0\t9\nchrsynB\t0\t5\n", 'line 2: no contig "chrsynB"'),
}


@pytest.mark.parametrize("kind", ["--regions-file", "--targets-file"])
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_none(door: Door, box: Path, kind: str, name: str) -> None:
    text, words = BAD_FILES[name]
    run = door(box, kind, write(box, name, text))
    assert (run.code, run.records) == (2, []), run.err
    assert words in run.err
    assert name in run.err
    assert run.err.strip().count("\n") == 0


def test_a_file_that_is_not_there(door: Door, box: Path) -> None:
    run = door(box, "--regions-file", box / "no.bed")
    assert run.code == 2
    assert "cannot read the intervals" in run.err


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
def test_a_contig_that_nobody_knows(door: Door, box: Path, kind: str) -> None:
    run = door(box, kind, "chrsynB:1-100")
    assert (run.code, run.records) == (2, [])
    assert "did you mean synB" in run.err
    run = door(box, kind, "^chrX" if kind == "--targets" else "chrX")
    assert run.code == 2
    assert "there is, for one, synA" in run.err


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
def test_a_known_contig_without_records(door: Door, box: Path, kind: str) -> None:
    run = door(box, kind, "synA:1-2")
    assert (run.code, run.records) == (0, [])
    assert "no record of" in run.err
    assert f"lies within the {kind[2:]}" in run.err


def with_contig(box: Path, name: str, *, in_header: bool) -> None:
    """The data with a contig more in the reference and, if wanted, synB's calls on it."""
    fasta = (box / "ref.fa").read_text()
    synb = fasta[fasta.index(">synB") :].split("\n", 1)[1]
    (box / "ref.fa").write_text(fasta + f">{name}\n{synb}")
    subprocess.run(["samtools", "faidx", box / "ref.fa"], check=True)
    if in_header:
        text = gzip.decompress((box / "calls.vcf.gz").read_bytes()).decode()
        lines = text.replace("##contig=<ID=synB", f"##contig=<ID={name}").splitlines(keepends=True)
        lines = [name + line[4:] if line.startswith("synB\t") else line for line in lines]
        (box / "hla.vcf").write_text("".join(lines))
        zipped = ["view", "-Oz", "-o", box / "hla.vcf.gz", box / "hla.vcf"]
        assert bcftools(*zipped).code == 0
        assert bcftools("index", box / "hla.vcf.gz").code == 0


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
def test_a_contig_that_the_reference_alone_knows(door: Door, box: Path, kind: str) -> None:
    with_contig(box, "decoy", in_header=False)
    run = door(box, kind, "decoy:1-100")
    assert (run.code, run.records) == (0, [])
    assert "decoy" in run.err
    assert "in the reference" in run.err
    run = door(box, kind, "decoy:1-100,synB")
    assert run.records == expected(box, kind, "synB")
    assert "decoy" in run.err


@pytest.mark.parametrize("kind", ["--regions", "--targets"])
@pytest.mark.parametrize(
    ("span", "part"),
    [
        (HLA, "synB"),
        (f"{HLA}:100-4000", "synB:100-4000"),
        (f"{{{HLA}}}:100-4000", "synB:100-4000"),
        (f"{{{HLA}}}", "synB"),
    ],
)
def test_names_with_colons(door: Door, box: Path, kind: str, span: str, part: str) -> None:
    wanted = [place.replace("synB", HLA) for place in expected(box, kind, part)]
    with_contig(box, HLA, in_header=True)
    run = door(box, kind, span, calls="hla.vcf.gz")
    assert (run.code, run.records) == (0, wanted), run.err


def test_an_index_may_name_what_a_header_does_not(door: Door, box: Path) -> None:
    wanted = expected(box, "-r", "synB")
    text = gzip.decompress((box / "calls.vcf.gz").read_bytes()).decode()
    bare = "".join(x for x in text.splitlines(keepends=True) if not x.startswith("##contig"))
    (box / "bare.vcf").write_text(bare)
    pysam.tabix_index(str(box / "bare.vcf"), preset="vcf")
    run = door(box, "--regions", "synB", calls="bare.vcf.gz")
    assert (run.code, run.records) == (0, wanted), run.err
    assert door(box, "--regions", "chrsynB", calls="bare.vcf.gz").code == 2


def test_mutated_lists_never_end_a_process(box: Path) -> None:
    """In this process: a signal would end the test run."""
    rng = random.Random(3)
    for _ in range(300):
        text = list(rng.choice(SPANS))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text))
            text[at : at + rng.randrange(2)] = rng.choice([*",:-{}^", "9" * 12, ""])
        run = through_command(box, f"--regions={''.join(text)}", "--quiet")
        assert run.code in (0, 1, 2)
        if run.code == 0 and not run.records:
            assert "no record" in run.err
        (box / "out.vcf").unlink(missing_ok=True)
        assert not list(box.glob(".out*"))
