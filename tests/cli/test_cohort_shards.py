"""`score --sample-map` in shards, and by a server: the bytes of one process."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from conftest import DATA, Finished, run_cli
from hosts.cohorts import (
    SAMPLE,
    SHORT_READS,
    even,
    named_reads,
    none,
    rows,
    same,
    with_short_reads,
    write_cohort,
    write_map,
)
from hosts.plugin import environment
from hosts.server import start_server

REF = DATA / "ref.fa"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, bytes]:
    """Indexed calls of four samples, of which three have reads; the table; what one run writes."""
    folder = tmp_path_factory.mktemp("cohort")
    columns = {"D": same, "B": even, "C": none, SAMPLE: same}
    plain = write_cohort(folder / "plain.vcf", rows(), columns)
    calls = folder / "calls.vcf.gz"
    pysam.tabix_compress(str(plain), str(calls))
    pysam.tabix_index(str(calls), preset="vcf")
    reads = {name: named_reads(folder, name) for name in ("B", "C")}
    shutil.copy(DATA / "reads.bam", folder / "own.bam")
    shutil.copy(DATA / "reads.bam.bai", folder / "own.bam.bai")
    table = write_map(
        folder / "map.tsv", ("B", reads["B"], 20), (SAMPLE, "own.bam"), ("C", reads["C"])
    )
    run = score(folder, calls, table, folder / "one.vcf")
    assert run.code == 0, run.err
    return calls, table, (folder / "one.vcf").read_bytes()


def score(folder: Path, calls: Path, table: Path, out: Path, *more: object) -> Finished:
    """From `folder`, which relative names of the table are relative to."""
    words = ("score", calls, "-R", REF, "--sample-map", table, "--no-version", "-o", out, *more)
    ran = subprocess.run(
        [sys.executable, "-m", "cnnscore", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Finished(ran.returncode, ran.stderr, ran.stdout)


@pytest.mark.parametrize("more", [(), ("--cluster", "local:2", "--threads", 1)])
def test_shards_write_what_one_process_writes(
    more: tuple[object, ...], cohort: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    """Also where workers run in another folder; what is said is said once."""
    calls, table, expected = cohort
    out = tmp_path / "out.vcf"
    work = ("--work", tmp_path / "work", "--shards", 5, "--max-open-files", 4)
    run = score(calls.parent, calls, table, out, *work, *more)
    assert run.code == 0, run.err
    assert out.read_bytes() == expected
    assert "441 of 735 carriers scored at 294 of 294 sites, reads of 2 samples" in run.err
    assert run.err.count("has no row for 1 of 4 samples") == 1
    assert not (tmp_path / "work").exists()


def test_short_reads(tmp_path: Path) -> None:
    """Of all shards together."""
    plain, reads = with_short_reads(tmp_path)
    calls = Path(pysam.tabix_index(str(plain), preset="vcf", keep_original=True))
    table = write_map(tmp_path / "map.tsv", *reads.items())
    work = ("--work", tmp_path / "work", "--shards", 3)
    run = score(tmp_path, calls, table, tmp_path / "out.vcf", *work)
    assert run.code == 0, run.err
    assert run.err.count("shorter than") == run.err.count(SHORT_READS) == 1


def test_a_run_goes_on(cohort: tuple[Path, Path, bytes], tmp_path: Path) -> None:
    """With what is done, unless the table or a file of it has changed."""
    calls, table, expected = cohort
    out, work = tmp_path / "out.vcf", tmp_path / "work"
    own = tmp_path / "own.tsv"
    shutil.copy(table, own)
    more = ("--work", work, "--shards", 4, "--keep-work")
    assert score(calls.parent, calls, own, out, *more).code == 0
    shards = sorted((work / "shards").iterdir())
    assert len(shards) == 4
    shards[2].unlink()
    times = {path: path.stat().st_mtime_ns for path in shards if path != shards[2]}
    out.unlink()
    again = score(calls.parent, calls, own, out, *more)
    assert again.code == 0, again.err
    assert out.read_bytes() == expected
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len((work / "shards.jsonl").read_text().split()) >= 5
    own.write_text(own.read_text().replace("\t20\n", "\t21\n"))
    changed = score(calls.parent, calls, own, out, *more)
    assert changed.code == 2
    assert f"{own} has changed" in changed.err


def test_a_result_that_somebody_changed(cohort: tuple[Path, Path, bytes], tmp_path: Path) -> None:
    """What is no result counts as none: the shard is scored anew."""
    calls, table, expected = cohort
    out, work = tmp_path / "out.vcf", tmp_path / "work"
    more = ("--work", work, "--shards", 3, "--keep-work")
    assert score(calls.parent, calls, table, out, *more).code == 0
    log = work / "shards.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line]
    for told, damage in zip(
        lines, ({"lengths": [[0, 1]]}, {"carriers": -1}, {"more": 1}), strict=True
    ):
        told["cohort"] |= damage
    log.write_text("".join(f"{json.dumps(told)}\n" for told in lines))
    out.unlink()
    run = score(calls.parent, calls, table, out, *more)
    assert run.code == 0, run.err
    assert out.read_bytes() == expected
    assert "441 of 735 carriers scored" in run.err


def test_faults_are_found_before_the_first_shard(
    cohort: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    calls, _, _ = cohort
    bare = tmp_path / "bare.bam"
    shutil.copy(DATA / "reads.bam", bare)
    table = write_map(tmp_path / "map.tsv", ("C", named_reads(tmp_path, "C")), (SAMPLE, bare))
    out, work = tmp_path / "out.vcf", ("--work", tmp_path / "work")
    run = score(tmp_path, calls, table, out, *work)
    assert run.code == 2
    assert f"{table}: row 2 ({SAMPLE}): {bare} has no index" in run.err
    run = score(tmp_path, calls, table, out, *work, "--max-open-files", 1)
    assert run.code == 2 or "one sample's reads and the reference" in run.err
    run = run_cli("score", "--sample-map", table, "--table", table, *work, "-R", REF)
    assert "--table does not go with --sample-map" in run.err
    assert not out.exists()


@pytest.mark.parametrize("work", [False, True])
def test_a_server_scores_the_same(
    work: bool, cohort: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    """Whether it fills in annotations or takes them from the reads: carriers bring none."""
    calls, table, expected = cohort
    for source in ((), ("--annotations", "reads")):
        server = start_server(tmp_path, *source, model="reads")
        try:
            out = tmp_path / "out.vcf"
            more = ("--work", tmp_path / "work", "--shards", 2) if work else ()
            run = score(calls.parent, calls, table, out, "--server", server.address, *more)
            assert run.code == 0, run.err
            assert out.read_bytes() == expected
        finally:
            server.stop()


def test_a_server_that_believes_the_caller(
    cohort: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    """Its scores would be others."""
    calls, table, _ = cohort
    server = start_server(tmp_path, "--annotations", "caller", model="reads")
    try:
        out = tmp_path / "out.vcf"
        run = score(calls.parent, calls, table, out, "--server", server.address)
        assert run.code == 1, run.err
        assert "the network reads takes them from caller: take one that does" in run.err
        assert not out.exists()
    finally:
        server.stop()


def test_few_files_suffice_for_many_samples(tmp_path: Path) -> None:
    """60 samples, each with a file of its own, where a process may have 64 files open."""
    names = [f"S{i:03}" for i in range(60)]
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as source:
        head = source.header.to_dict()
        head["RG"] = [{**head["RG"][0], "ID": name, "SM": name} for name in names]
        with pysam.AlignmentFile(str(tmp_path / "all.bam"), "wb", header=head) as target:
            for i, read in enumerate(source.fetch("synA", 0, 4000)):
                read.set_tag("RG", names[i % len(names)])
                target.write(read)
    pysam.index(str(tmp_path / "all.bam"))
    for name in names:
        os.link(tmp_path / "all.bam", tmp_path / f"{name}.bam")
        os.link(tmp_path / "all.bam.bai", tmp_path / f"{name}.bam.bai")
    calls = write_cohort(tmp_path / "calls.vcf", rows(20), dict.fromkeys(names, same))
    table = write_map(tmp_path / "map.tsv", *((name, f"{name}.bam", 20) for name in names))
    words = ["-R", str(REF), "--sample-map", str(table), "--no-version", "--threads", "2"]
    commands = (
        [sys.executable, "-m", "cnnscore", "score", str(calls), *words, "--max-open-files", "16"],
        ["bcftools", "+cnnscore", str(calls), "-f", *words[1:]],
    )
    written = []
    for command in commands:
        ran = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        )
        assert ran.returncode == 0, ran.stderr
        written.append(ran.stdout)
    assert written[0] == written[1]
    assert b"CNN_N=60" in written[0]


def test_calls_without_contigs_and_records(tmp_path: Path) -> None:
    """They have no shard."""
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + SAMPLE
    plain, calls = tmp_path / "none.vcf", tmp_path / "none.vcf.gz"
    plain.write_text(f"##fileformat=VCFv4.2\n{columns}\n")
    pysam.tabix_compress(str(plain), str(calls))
    pysam.tabix_index(str(calls), preset="vcf")
    table = write_map(tmp_path / "map.tsv", (SAMPLE, DATA / "reads.bam"))
    one, out = tmp_path / "one.vcf", tmp_path / "out.vcf"
    assert score(tmp_path, calls, table, one).code == 0
    run = score(tmp_path, calls, table, out, "--work", tmp_path / "work")
    assert run.code == 0, run.err
    assert out.read_bytes() == one.read_bytes()
