"""A call file cut into shards, scored one by one and gathered: as if one process had scored it."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli, run_process

REF = DATA / "ref.fa"


def shards_of(calls: Path, n: int) -> list[tuple[str, int]]:
    run = run_cli("shards", calls, "-n", n)
    assert run.code == 0, run.err
    lines = [line.split("\t") for line in run.out.splitlines()]
    return [(regions, int(sites)) for regions, sites in lines]


def text_of(path: Path) -> bytes:
    """The content of a call file, uncompressed."""
    return gzip.decompress(path.read_bytes())


def indexed(text: str, path: Path) -> Path:
    """A call file of lines, compressed and indexed, as BCF or VCF."""
    plain = path.with_suffix(".plain.vcf")
    plain.write_text(text)
    kind = "-Ob" if path.suffix == ".bcf" else "-Oz"
    subprocess.run(["bcftools", "view", kind, "-o", path, plain], check=True)
    subprocess.run(["bcftools", "index", "-f", path], check=True)
    return path


def header_of(contigs: dict[str, int]) -> str:
    lines = "".join(f"##contig=<ID={name},length={size}>\n" for name, size in contigs.items())
    return f"##fileformat=VCFv4.2\n{lines}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def large(path: Path, *, deletions: bool = False, n: int = 20_000) -> Path:
    """Blocks by the hundred; `deletions` reach over the next records."""
    at, rows, chance = 0, [], random.Random(7)
    for i in range(n):
        at += chance.randrange(1, 60)
        ref = "A" * chance.randrange(20, 90) if deletions and i % 2 else "A"
        rows.append(f"big\t{at}\trs{chance.randrange(10**9)}\t{ref}\tC\t{i % 97}\t.\t.\n")
    return indexed(header_of({"big": at + 100}) + "".join(rows), path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What one process writes of the synthetic calls."""
    folder = tmp_path_factory.mktemp("whole")
    made = {}
    for suffix in ("vcf", "vcf.gz", "bcf"):
        made[suffix] = folder / f"whole.{suffix}"
        run = run_cli("score", DATA / "calls.vcf.gz", "-R", REF, "--no-version", "-o", made[suffix])
        assert run.code == 0, run.err
    return made


def scored(
    calls: Path, folder: Path, n: int, *arguments: object, suffix: str = "vcf.gz"
) -> list[Path]:
    """The scored shards."""
    made = []
    for i, (regions, _) in enumerate(shards_of(calls, n)):
        made.append(folder / f"shard.{i}.{suffix}")
        run = run_cli("score", calls, "-R", REF, "-r", regions, "-o", made[-1], *arguments)
        assert run.code == 0, run.err
    return made


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = scored(DATA / "calls.vcf.gz", tmp_path_factory.mktemp("parts"), 4, "--no-version")
    assert len(made) == 4
    return made


@pytest.mark.parametrize(("name", "deletions"), [("big.vcf.gz", False), ("big.bcf", True)])
def test_shards_are_alike_and_whole(name: str, deletions: bool, tmp_path: Path) -> None:
    """Each record is in one shard, as many as expected, and no REF reaches over a cut."""
    calls = large(tmp_path / name, deletions=deletions)
    shards = shards_of(calls, 9)
    assert len(shards) == 9
    records = [(r.pos, r.rlen) for r in pysam.VariantFile(str(calls))]
    found: list[int] = []
    end = 0
    for regions, expected in shards:
        begin, _, last = regions.partition(":")[2].partition("-")
        low, high = int(begin), int(last or 10**9)
        assert low == end + 1
        end = high
        inside = [pos for pos, _ in records if low <= pos <= high]
        assert not any(pos < low <= pos + rlen - 1 for pos, rlen in records)
        assert 0.8 * 20_000 / 9 < len(inside) < 1.2 * 20_000 / 9
        assert abs(len(inside) - expected) < 0.05 * len(inside)
        found += inside
    assert found == [pos for pos, _ in records]
    assert sum(expected for _, expected in shards) == 20_000


def test_sites_are_exact_for_whole_contigs(tmp_path: Path) -> None:
    """Contigs by the thousand share shards."""
    contigs = {f"scaffold:{i}": 1000 for i in range(3000)}
    rows = [
        f"{name}\t{pos}\t.\tA\tC\t9\t.\t.\n"
        for i, name in enumerate(contigs)
        for pos in range(10, 10 + i % 5)
    ]
    calls = indexed(header_of(contigs) + "".join(rows), tmp_path / "scaffolds.vcf.gz")
    shards = shards_of(calls, 7)
    assert len(shards) == 7
    truth = Counter(row.split("\t")[0] for row in rows)
    seen: list[str] = []
    for regions, expected in shards:
        names = [region.strip("{}") for region in regions.split(",")]
        assert sum(truth[name] for name in names) == expected
        assert abs(expected - 6000 / 7) < 20
        seen += names
    assert seen == list(truth)
    refused = run_cli("shards", calls, "-n", 1)
    assert refused.code == 0
    long = {f"{'s' * 60}{i}": 1000 for i in range(2500)}
    rows = [f"{name}\t5\t.\tA\tC\t9\t.\t.\n" for name in long]
    calls = indexed(header_of(long) + "".join(rows), tmp_path / "long.vcf.gz")
    refused = run_cli("shards", calls, "-n", 1)
    assert refused.code == 1
    assert "2,500 contigs" in refused.err
    assert "--number" in refused.err
    assert len(shards_of(calls, 3)) == 3


def test_a_file_is_cut_as_often_as_it_can(tmp_path: Path) -> None:
    rows = "".join(f"big\t{pos}\t.\tA\tC\t9\t.\t.\n" for pos in (5, 5, 5, 9))
    calls = indexed(header_of({"big": 100}) + rows, tmp_path / "few.vcf.gz")
    run = run_cli("shards", calls, "-n", 10, "-o", tmp_path / "shards.tsv")
    assert run.code == 0
    assert "can be cut into 2, not into 10" in run.err
    assert (tmp_path / "shards.tsv").read_text() == "big:1-8\t3\nbig:9-\t1\n"


def test_a_file_without_records(tmp_path: Path) -> None:
    """It is one shard, so that a workflow scores and gathers it as any other."""
    empty = indexed(header_of({"synA": 40_000, "synB": 10_000}), tmp_path / "empty.vcf.gz")
    run = run_cli("shards", empty, "-n", 3)
    assert (run.code, run.out) == (0, "synA\t0\n")
    (made,) = scored(empty, tmp_path, 3, "--no-version")
    assert run_cli("gather", made, "-o", tmp_path / "out.vcf").code == 0
    assert run_cli("score", empty, "-R", REF, "--no-version", "-o", tmp_path / "one.vcf").code == 0
    assert (tmp_path / "out.vcf").read_text() == (tmp_path / "one.vcf").read_text()
    nowhere = indexed(header_of({}), tmp_path / "nowhere.vcf.gz")
    run = run_cli("shards", nowhere)
    assert (run.code, run.out) == (0, "")


def test_what_cannot_be_cut(box: Path) -> None:
    calls = box / "calls.vcf.gz"
    stream = run_process("shards", "-", stdin=None)
    assert stream.returncode == 2
    assert b"standard input has no index" in stream.stderr
    assert b"bcftools view -Oz" in stream.stderr
    pipe = run_process("shards", "/dev/stdin", input=calls.read_bytes())
    assert pipe.returncode == 2
    assert b"is a stream" in pipe.stderr
    plain = box / "plain.vcf"
    plain.write_bytes(text_of(calls))
    run = run_cli("shards", plain)
    assert run.code == 2
    assert "not compressed with bgzip" in run.err
    (box / "calls.vcf.gz.tbi").write_bytes(b"nonsense")
    run = run_cli("shards", calls)
    assert run.code == 2
    assert "make it anew with `bcftools index -f" in run.err
    (box / "calls.vcf.gz.tbi").unlink()
    run = run_cli("shards", calls)
    assert run.code == 2
    assert "make one with `bcftools index" in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("suffix", ["vcf.gz", "bcf", "vcf"])
def test_gathered_is_as_of_one_process(
    suffix: str, parts: list[Path], whole: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / f"out.{suffix}"
    made = parts
    if suffix == "bcf":
        made = scored(DATA / "calls.vcf.gz", tmp_path, 4, "--no-version", suffix="bcf")
    index = [] if suffix == "vcf" else ["-W"]
    run = run_cli("gather", *made, "-o", out, *index)
    assert run.code == 0, run.err
    assert run.err == "cnnscore: 294 of 294 sites scored, in 4 shards\n"
    if suffix == "vcf":
        assert out.read_bytes() == whole["vcf"].read_bytes()
        return
    assert text_of(out) == text_of(whole[suffix])
    with pysam.VariantFile(str(out)) as opened:
        assert len(list(opened.fetch("synB"))) == 62
    if suffix == "vcf.gz":  # blocks are copied, not made again
        assert all(path.read_bytes()[-2000:-28] in out.read_bytes() for path in made)


def test_gathered_from_bcf_to_vcf(whole: dict[str, Path], tmp_path: Path) -> None:
    made = scored(DATA / "calls.vcf.gz", tmp_path, 3, "--no-version", suffix="bcf")
    run = run_cli("gather", *made, "-o", tmp_path / "out.vcf")
    assert run.code == 0, run.err
    assert (tmp_path / "out.vcf").read_bytes() == whole["vcf"].read_bytes()


def test_reads_and_versions(tmp_path: Path) -> None:
    """With reads; nobody's -r is in the header, and the depth was measured once for all."""
    reads = ("-I", DATA / "reads.bam")
    made = scored(DATA / "calls.vcf.gz", tmp_path, 5, *reads)
    out, one = tmp_path / "out.vcf", tmp_path / "one.vcf"
    assert run_process("gather", *made, "-o", out).returncode == 0
    assert run_cli("score", DATA / "calls.vcf.gz", "-R", REF, *reads, "-o", one).code == 0

    def lines(path: Path) -> list[str]:
        return [x for x in path.read_text().splitlines() if "Version=" not in x or "model" in x]

    assert [x for x in lines(out) if "Command=" not in x] == [
        x for x in lines(one) if "Command=" not in x
    ]
    (command,) = [x for x in out.read_text().splitlines() if "Command=" in x]
    assert command.startswith("##cnnscore_gatherCommand=gather ")
    assert "cnnscore_shard" not in out.read_text()


def test_other_options(tmp_path: Path) -> None:
    """What the headers say of command lines is compared, where they do."""
    made = []
    for i, (regions, _) in enumerate(shards_of(DATA / "calls.vcf.gz", 2)):
        made.append(tmp_path / f"{i}.vcf.gz")
        fill = ("--annotations", "reads") if i else ()
        run = run_process(
            *("score", DATA / "calls.vcf.gz", "-R", REF, "-I", DATA / "reads.bam", "-r", regions),
            *("-o", made[-1], *fill),
        )
        assert run.returncode == 0, run.stderr
    refused(tmp_path, made, "--annotations (reads)")


def refused(tmp_path: Path, made: list[Path], *said: str) -> None:
    out = tmp_path / "refused.vcf.gz"
    run = run_cli("gather", *made, "-o", out, "-W")
    assert run.code == 2
    for text in said:
        assert text in run.err
    assert len(run.err.splitlines()) == 1
    assert not list(tmp_path.glob("*refused*"))


def test_missing_doubled_and_out_of_order(parts: list[Path], tmp_path: Path) -> None:
    a, b, c, d = parts
    refused(tmp_path, [b, c, d], str(b), "the first contig is to come", "missing, doubled")
    refused(tmp_path, [a, c, d], str(c), "is to come")
    refused(tmp_path, [a, b, c], "a shard is missing", str(c))
    refused(tmp_path, [a, b, b, c, d], str(b))
    refused(tmp_path, [a, c, b, d], str(c))
    refused(tmp_path, [a, a, b, c, d], str(a))
    refused(tmp_path, [d, c, b, a], str(d))


def test_a_whole_contig_is_missing(tmp_path: Path) -> None:
    made = {}
    for contig in ("synA", "synB"):
        made[contig] = tmp_path / f"{contig}.vcf.gz"
        calls = ("score", DATA / "calls.vcf.gz", "-R", REF, "-r", contig)
        assert run_cli(*calls, "-o", made[contig]).code == 0
    refused(tmp_path, [made["synA"]], "1 of 2 contigs")
    refused(tmp_path, [made["synB"]], "the first contig is to come")
    refused(tmp_path, [made["synB"], made["synA"]], "the first contig is to come")
    assert run_cli("gather", *made.values(), "-o", tmp_path / "out.vcf").code == 0


def test_of_another_run(parts: list[Path], tmp_path: Path, tiny: dict[str, str]) -> None:
    regions, calls = shards_of(DATA / "calls.vcf.gz", 4)[1][0], DATA / "calls.vcf.gz"
    other = tmp_path / "other.vcf.gz"

    def again(*arguments: object) -> Path:
        run = run_cli("score", calls, "-R", REF, "-r", regions, "-o", other, *arguments)
        assert run.code == 0, run.err
        return other

    a, _, c, d = parts
    key = ("--info-key", "CNN_REF", "--no-version")
    refused(tmp_path, [a, again("-m", tiny["reference"], *key), c, d], "headers differ")
    refused(tmp_path, [a, again("--per-allele", "--no-version"), c, d], "headers differ", "Number")
    whole_file = run_cli("score", calls, "-R", REF, "-o", other)
    assert whole_file.code == 0
    refused(tmp_path, [a, other, c, d], "which part of a call file", "cnnscore shards")


def test_other_depth(tmp_path: Path) -> None:
    calls, reads = DATA / "calls.vcf.gz", ("-I", DATA / "reads.bam", "--no-version")
    made = []
    for i, (regions, _) in enumerate(shards_of(calls, 2)):
        made.append(tmp_path / f"{i}.vcf.gz")
        depth = ("--sample-depth", 30 + i)
        run = run_cli("score", calls, "-R", REF, "-r", regions, *reads, *depth, "-o", made[-1])
        assert run.code == 0, run.err
    refused(tmp_path, made, "cnnscore_sample_depth")


def test_one_process_is_told_of_the_depth_too(tmp_path: Path) -> None:
    """Then the bytes are equal; without it the header alone tells who knew of the depth."""
    calls, reads = DATA / "calls.vcf.gz", ("-I", DATA / "reads.bam", "--no-version")
    made = scored(calls, tmp_path, 2, *reads, "--sample-depth", 30.5)
    out, one, measured = (tmp_path / f"{name}.vcf" for name in ("out", "one", "measured"))
    assert run_cli("gather", *made, "-o", out).code == 0
    whole = ("score", calls, "-R", REF, *reads)
    assert run_cli(*whole, "--sample-depth", 30.5, "-o", one).code == 0
    assert out.read_bytes() == one.read_bytes()
    assert run_cli(*whole, "-o", measured).code == 0
    other = set(out.read_text().splitlines()) ^ set(measured.read_text().splitlines())
    assert sorted(line for line in other if line.startswith("##")) == sorted(
        line for line in other if "##cnnscore_sample_depth" in line
    )


def test_damaged_shards(parts: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.vcf.gz"
    whole_bytes = parts[1].read_bytes()
    bad.write_bytes(whole_bytes[:-28])
    refused(tmp_path, [parts[0], bad, *parts[2:]], str(bad), "truncated")
    bad.write_bytes(whole_bytes[:-400] + bytes(40) + whole_bytes[-360:])
    refused(tmp_path, [parts[0], bad, *parts[2:]], str(bad), "damaged")
    bad.write_bytes(b"")
    refused(tmp_path, [parts[0], bad, *parts[2:]], str(bad))
    refused(tmp_path, [parts[0], tmp_path / "none.vcf.gz", *parts[2:]], "none.vcf.gz")


def test_streams_are_no_shards(parts: list[Path], tmp_path: Path) -> None:
    """A shard is read several times."""
    said = "is no file that can be read several times"
    refused(tmp_path, [parts[0], Path("-"), *parts[2:]], "standard input", said, "to a file")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(tmp_path, [parts[0], pipe, *parts[2:]], f"{pipe} {said}")


def test_a_record_in_two_shards(tmp_path: Path) -> None:
    """A cut of the user's own within a REF: the record overlaps both shards."""
    with pysam.FastaFile(str(REF)) as fasta:
        ref, base = fasta.fetch("synA", 999, 1009), fasta.fetch("synA", 1999, 2000)
    other = "ACGT".replace(base, "")[0]
    rows = f"synA\t1000\t.\t{ref}\t{ref[0]}\t9\t.\t.\nsynA\t2000\t.\t{base}\t{other}\t9\t.\t.\n"
    calls = indexed(header_of({"synA": 40_000}) + rows, tmp_path / "calls.vcf.gz")
    for overlap, said in (("record", "synA:1000 lies outside"), ("pos", "")):
        made = []
        for region in ("synA:1-1004", "synA:1005-"):
            made.append(tmp_path / f"{region}.vcf.gz")
            run = run_cli(
                *("score", calls, "-R", REF, "-r", region, "--regions-overlap", overlap),
                *("--no-version", "-o", made[-1]),
            )
            assert run.code == 0, run.err
        if said:
            refused(tmp_path, made, said, "--regions-overlap pos")
        else:
            assert run_cli("gather", *made, "-o", tmp_path / "out.vcf").code == 0
            assert (tmp_path / "out.vcf").read_text().count("\nsynA") == 2


def test_a_record_before_the_contig(tmp_path: Path) -> None:
    """POS 0, a breakend at a telomere: no index finds it, so that it would be lost."""
    with pysam.FastaFile(str(REF)) as fasta:
        bases = "N" + fasta.fetch("synA", 0, 1000)
    rows = "".join(
        f"synA\t{at}\t.\t{bases[at]}\t{'ACGT'.replace(bases[at], '')[0]}\t9\t.\t.\n"
        for at in (0, 1, 500, 900)
    )
    calls = indexed(header_of({"synA": 40_000}) + rows, tmp_path / "calls.vcf.gz")
    run = run_cli("shards", calls, "-n", 2)
    assert run.code == 2
    assert "a record at POS 0" in run.err
    calls = indexed(header_of({"synA": 40_000}) + rows.partition("\n")[2], tmp_path / "some.vcf.gz")
    assert len(shards_of(calls, 2)) == 2
