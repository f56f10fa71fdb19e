"""Messages name what is wrong, not what htslib makes of it: at the command and at the plugin."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import DATA
from hosts.plugin import environment

DOORS = ("command", "plugin")


@dataclass(frozen=True)
class Door:
    """The command or the plugin, with a folder of its own."""

    name: str
    folder: Path
    lines: list[str] = field(default_factory=list)
    """Of the calls, to be changed."""

    def run(
        self, *words: object, calls: object = None, files: int | None = None, stdin: str = ""
    ) -> tuple[int, str]:
        """Score the calls; the exit status and what was said. At most `files` may be open."""
        path = self.folder / "calls.vcf"
        path.write_text("\n".join(self.lines) + "\n")
        program: list[object] = [sys.executable, "-m", "cnnscore", "score"]
        names = {"-R": "-R", "-I": "-I"}
        if self.name == "plugin":
            program, names = ["bcftools", "+cnnscore"], {"-R": "-f", "-I": "-b"}
        words = tuple(names.get(str(word), word) for word in words)
        command = [*program, calls or path, names["-R"], DATA / "ref.fa", *words]
        if files:
            command = ["bash", "-c", 'ulimit -n "$0" && exec "$@"', files, *command]
        done = subprocess.run(
            list(map(str, command)), input=stdin, capture_output=True, text=True, check=False,
            timeout=300, env=environment(), cwd=self.folder,
        )  # fmt: skip
        return done.returncode, done.stderr

    def fails(self, *words: object, code: int = 2, **options: object) -> str:
        """The one line of an error; no output is left."""
        got, said = self.run(*words, **options)  # type: ignore[arg-type] # those of run
        assert got == (255 if self.name == "plugin" else code), said
        assert said.count("\n") == 1, said
        assert not [path for path in self.folder.iterdir() if path.name.startswith((".", "out"))]
        return said


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Door:
    text = subprocess.run(
        ["bcftools", "view", "--no-version", DATA / "calls.vcf.gz"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return Door(request.param, tmp_path, text.splitlines())


def with_column(lines: list[str], name: str) -> None:
    """One sample more, whose genotypes are the last one's."""
    for i, line in enumerate(lines):
        if line.startswith("#CHROM"):
            lines[i] = f"{line}\t{name}"
        elif not line.startswith("#"):
            lines[i] = "\t".join([line, line.split("\t")[-1]])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SYN1", "#CHROM line has the sample SYN1 twice: give each column a name of its own"),
        ("", "column 11 of its #CHROM line is a sample without a name"),
    ],
)
def test_names_of_samples(door: Door, name: str, said: str, compressed: bool) -> None:
    with_column(door.lines, name)
    path = door.folder / "calls.vcf"
    if compressed:
        path = door.folder / "calls.vcf.gz"
        text = "\n".join(door.lines).encode() + b"\n"
        path.write_bytes(gzip.compress(text))
    error = door.fails("-o", "out.vcf", calls=path)
    assert f"{path}: " in error
    assert said in error
    assert "truncated" not in error
    streamed = door.fails("-o", "out.vcf", calls="-", stdin="\n".join(door.lines) + "\n")
    assert "has a sample twice or without a name in its header" in streamed


def test_names_of_samples_in_a_named_pipe(door: Door) -> None:
    """It is not opened again, which would wait for another writer."""
    with_column(door.lines, "SYN1")
    pipe = door.folder / "pipe"
    os.mkfifo(pipe)
    text = "\n".join(door.lines) + "\n"

    def write() -> None:
        with suppress(BrokenPipeError):
            pipe.write_text(text)

    writer = threading.Thread(target=write)
    writer.start()
    error = door.fails("-o", "out.vcf", calls=pipe)
    writer.join()
    assert f"{pipe}" in error
    assert "has a sample twice or without a name in its header" in error


def test_a_header_without_its_last_line(door: Door) -> None:
    door.lines[:] = [line for line in door.lines if not line.startswith("#CHROM")]
    assert "truncated, as no line #CHROM ends its header" in door.fails("-o", "out.vcf")


@pytest.mark.parametrize("change", ["X Y=3;{}", "{};X Y", "a b;{}"])
def test_a_space_in_info(door: Door, change: str) -> None:
    """BCF cannot hold it: the record is named, not the first one of its batch. VCF keeps it."""
    number = door.lines.index(next(row for row in door.lines if row.startswith("synA\t820\t")))
    fields = door.lines[number].split("\t")
    fields[7] = change.format(fields[7])
    door.lines[number] = "\t".join(fields)
    error = door.fails("-O", "b", "-o", "out.bcf")
    assert "of the record synA:820, and BCF cannot hold it" in error
    assert '"X Y"' in error or '"a b"' in error
    assert "VCF allows no space there" in error
    code, said = door.run("-o", "out.vcf")
    assert code == 0, said
    (row,) = [
        line
        for line in (door.folder / "out.vcf").read_text().splitlines()
        if line.startswith("synA\t820\t")
    ]
    assert row.split("\t")[7].startswith(fields[7])


@pytest.mark.parametrize("files", [16, 22, 28, 34])
def test_too_many_open_files(door: Door, files: int) -> None:
    """It was said of the reference that it has no index."""
    for words in (["-I", DATA / "reads.bam"], ["-I", DATA / "reads.bam", "-r", "synA"]):
        calls = DATA / "calls.vcf.gz"
        error = door.fails(*words, "--threads", "16", "-o", "out.vcf", calls=calls, files=files)
        assert f"too many open files: this process may have {files}" in error
        assert "use fewer --threads, or `ulimit -n 1024`" in error
        assert "faidx" not in error
    assert door.run("--threads", "1", "-o", "out.vcf", files=files)[0] == 0


def test_a_missing_index_is_still_named(door: Door) -> None:
    bare = door.folder / "bare.fa"
    bare.write_bytes((DATA / "ref.fa").read_bytes())
    assert "has no index: make one with `samtools faidx" in door.fails("-R", bare, "-o", "out.vcf")


def test_tbi_past_512_mb(door: Door, tmp_path: Path) -> None:
    """The output is named, not the file that stands aside, and the index that can hold it."""
    fasta = tmp_path / "big.fa"
    line = "ACGTACGTAC" * 200
    with fasta.open("w") as out:  # sparse: the index says that all of it is there
        out.write(f">big\n{line}")
    (tmp_path / "big.fa.fai").write_text(f"big\t600000000\t5\t{600_000_000}\t{600_000_001}\n")
    with fasta.open("r+b") as out:
        out.seek(5 + 549_999_000)
        out.write(line.encode())
        out.seek(5 + 599_999_999)
        out.write(b"A\n")
    header = [line for line in door.lines if line.startswith("##") and "contig" not in line]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    rows = [f"big\t{pos}\t.\tA\tC\t50\t.\tDP=20" for pos in (41, 550000001)]
    door.lines[:] = [*header, "##contig=<ID=big,length=600000000>", columns, *rows]
    error = door.fails("-R", fasta, "-Oz", "-o", "out.vcf.gz", "-W=tbi")
    assert "cannot index out.vcf.gz: its record big:550000001 lies past 512 Mb" in error
    assert "take -W=csi" in error
    code, said = door.run("-R", fasta, "-Oz", "-o", "out.vcf.gz", "-W")
    assert code == 0, said
    assert (tmp_path / "out.vcf.gz.csi").exists()


def test_no_records(door: Door) -> None:
    """As `bcftools view -f PASS` leaves of raw calls: said, as 0 of 0 sites look like a success."""
    door.lines[:] = [line for line in door.lines if line.startswith("#")]
    for options in ({}, {"calls": "-", "stdin": "\n".join(door.lines) + "\n"}):
        code, said = door.run("-o", "out.vcf", **options)  # type: ignore[arg-type] # of run
        assert code == 0, said
        name = "standard input" if options else str(door.folder / "calls.vcf")
        assert said.count(f"{name} has no records") == 1, said
        assert "`bcftools view -f PASS`" in said
