"""`CnnScoreVariants --per-sample`: the records that `score --sample-map` writes, and the plugin."""

from __future__ import annotations

import gzip
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysam
import pytest

from cnnscore.network.provenance import read_model_lines
from conftest import DATA, run_cli
from hosts.cohorts import (
    NO_ALT,
    SAMPLE,
    SHORT_READS,
    Row,
    even,
    named_reads,
    none,
    rows,
    same,
    with_short_reads,
    write_cohort,
    write_map,
)
from hosts.gatk import Ran, ToolHost
from hosts.plugin import plugin
from hosts.server import Server

REF = DATA / "ref.fa"
Column = Callable[[int, Row], str]


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Read files of three samples."""
    folder = tmp_path_factory.mktemp("reads")
    return {SAMPLE: DATA / "reads.bam", **{name: named_reads(folder, name) for name in ("B", "C")}}


@pytest.fixture
def walk(tools: ToolHost, engines: dict[str, Server]) -> Callable[..., Ran]:
    """Run the tool on calls and files of reads."""

    def run(calls: Path, files: list[Path], out: Path, *more: object) -> Ran:
        server = () if "--engine" in more else ("--server", engines["read-set"].address)
        inputs = [word for path in files for word in ("-I", path)]
        return tools.score(
            *("-V", calls, "-R", REF, *inputs, "--per-sample", "-O", out, *server, *more)
        )

    return run


def records(text: str) -> list[list[Any]]:
    """Of each record the fixed columns, INFO by key, and each sample's fields by key, as texts.
    GATK sorts INFO by key."""
    found = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        info = dict(field.partition("=")[::2] for field in fields[7].split(";"))
        keys = fields[8].split(":")
        columns = [
            dict(itertools.zip_longest(keys, own.split(":"), fillvalue=".")) for own in fields[9:]
        ]
        found.append([tuple(fields[:2] + fields[3:5]), info, tuple(keys), *columns])
    return found


def of_scores(text: str) -> list[str]:
    """Header lines of the scores."""
    names = ("CNN_READS", "CNN_SITE", "CNN_N")
    kinds = ("##INFO=<ID=", "##FORMAT=<ID=", "##cnnscore_model=<ID=")
    starts = tuple(f"{kind}{name}," for kind in kinds for name in names)
    return sorted(line for line in text.splitlines() if line.startswith(starts))


def three_doors(
    walk: Callable[..., Ran],
    engines: dict[str, Server],
    calls: Path,
    table: Path,
    files: list[Path],
    folder: Path,
    *more: object,
) -> str:
    """What the tool writes, which is what the command and the plugin write."""
    out, other = folder / "walker.vcf", folder / "command.vcf"
    ran = walk(calls, files, out, *more)
    assert ran.ok, ran.answer + ran.log
    server = engines["read-set"].address
    run = run_cli(
        *("score", calls, "-R", REF, "--sample-map", table, "--no-version", "-o", other),
        *("--server", server, "--overwrite"),
    )
    assert run.code == 0, run.err
    text = other.read_text()
    ran_plugin = plugin(
        *("-f", REF, "--sample-map", table, "-m", server, calls, "--no-version", "--overwrite")
    )
    assert ran_plugin.code == 0, ran_plugin.err
    assert ran_plugin.out.decode() == text
    assert records(out.read_text()) == records(text)
    assert of_scores(out.read_text()) == of_scores(text)
    assert read_model_lines(text.splitlines())["CNN_SITE"].cutoffs
    return out.read_text()


def test_three_doors(
    walk: Callable[..., Ran], engines: dict[str, Server], reads: dict[str, Path], tmp_path: Path
) -> None:
    """Samples in any order of names; one has no reads, one carries nothing."""
    columns = {"D": same, "B": even, "C": none, SAMPLE: same}
    calls = write_cohort(tmp_path / "calls.vcf", rows(), columns)
    table = write_map(tmp_path / "map.tsv", *reads.items())
    text = three_doors(walk, engines, calls, table, list(reads.values()), tmp_path)
    assert "CNN_SITE=" in text
    assert "CNN_N=2" in text
    backwards = list(reversed(reads.values()))
    ran = walk(calls, backwards, tmp_path / "again.vcf", "--transfer-batch-size", 7)
    assert ran.ok, ran.answer
    assert records((tmp_path / "again.vcf").read_text()) == records(text)
    assert "no read group is of 1 of 4 samples" in ran.log
    assert "441 of 735 carriers scored at 294 of 294 sites, reads of 2 samples" in ran.log


def test_unsorted_names_and_an_engine_of_its_own(
    walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    """htsjdk reads such columns before it hands them out; by default the network is `reads`."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(40), {SAMPLE: same, "C": none, "B": even})
    table = write_map(tmp_path / "map.tsv", *reads.items())
    out, other = tmp_path / "walker.vcf", tmp_path / "command.vcf"
    from hosts.gatk import ENGINE

    ran = walk(calls, list(reads.values()), out, "--engine", ENGINE)
    assert ran.ok, ran.answer
    run = run_cli(
        *("score", calls, "-R", REF, "--sample-map", table, "--no-version", "-o", other),
    )
    assert run.code == 0, run.err
    assert records(out.read_text()) == records(other.read_text())
    assert of_scores(out.read_text()) == of_scores(other.read_text())


def test_alleles_and_genotypes(
    walk: Callable[..., Ran], engines: dict[str, Server], reads: dict[str, Path], tmp_path: Path
) -> None:
    """Haploid, polyploid, phased, half called; alleles of others, *, <NON_REF>, a thousand; GL;
    several files of a sample, several samples of a file; scores that are there.
    """
    genotypes = ("1", "0|1", "./1", "0/0/0/1", "2/3", "1/2", ".", "0/2", "./.", "1|0:7:.")

    def column(step: int) -> Column:
        return lambda number, _: genotypes[(number + step) % len(genotypes)]

    found = []
    with pysam.FastaFile(str(REF)) as fasta:
        for number, row in enumerate(rows(40)):
            contig, pos, ref, alt = row.site
            end = int(pos) - 1 + len(ref)
            tail = fasta.fetch(contig, end, end + 2)
            alts = [*(allele + tail for allele in alt.split(",") if allele != "*"), ref[0]]
            more = ["*", "<NON_REF>"] if number % 2 else [ref + tail + "T", "*"]
            site = (contig, pos, ref + tail, ",".join(dict.fromkeys([*alts, *more])))
            found.append(Row(site, ""))
    many = "".join(f",A{''.join(b)}" for b in itertools.islice(_texts(), 999))
    found.insert(1, Row(("synA", "276", "A", "G" + many), ""))
    calls = write_cohort(
        tmp_path / "calls.vcf", found, {"B": column(0), "C": column(3), SAMPLE: column(5)}
    )
    text = calls.read_text().replace("GT:PL", "GT:GL:CNN_READS")
    text = text.replace("ID=PL,Number=G,Type=Integer", "ID=GL,Number=G,Type=Float")
    both = tmp_path / "both.bam"
    pysam.merge("-f", str(both), str(reads[SAMPLE]), str(reads["B"]))
    pysam.index(str(both))
    own = '##FORMAT=<ID=CNN_READS,Number=1,Type=Float,Description="x">\n##contig'
    text = text.replace("##contig", own, 1).replace("\t0|1", "\t0|1:-inf,-0.125,-inf:3.25")
    text = text.replace("\t1/2", "\t1/2:-20.75,-inf,-2.25,-1,-0.0625,-4")
    calls.write_text(text)
    table = write_map(tmp_path / "map.tsv", (SAMPLE, both), ("B", both), ("C", reads["C"]))
    written = three_doors(walk, engines, calls, table, [both, reads["C"]], tmp_path)
    assert "CNN_N=" in written


def _texts() -> itertools.chain[tuple[str, ...]]:
    return itertools.chain.from_iterable(itertools.product("ACGT", repeat=n) for n in (2, 3, 4, 5))


def test_who_does_not_carry_changes_nothing(
    walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    few = write_cohort(tmp_path / "few.vcf", rows(60), {SAMPLE: same})
    more = write_cohort(tmp_path / "more.vcf", rows(60), {"B": none, "D": none, SAMPLE: same})
    texts = []
    for calls, files in ((few, [reads[SAMPLE]]), (more, [reads["B"], reads[SAMPLE]])):
        out = tmp_path / "out.vcf"
        ran = walk(calls, files, out)
        assert ran.ok, ran.answer
        found = records(out.read_text())
        texts.append([(record[0], record[1], record[-1]) for record in found])
    assert texts[0] == texts[1]


def test_part_of_the_calls(
    walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    """-L, a compressed output with its index, and FORMAT of samples without reads as it was."""
    calls = write_cohort(tmp_path / "calls.vcf", rows(), {"B": even, SAMPLE: same})
    indexed = tmp_path / "calls.vcf.gz"
    pysam.tabix_compress(str(calls), str(indexed))
    pysam.tabix_index(str(indexed), preset="vcf")
    whole, part = tmp_path / "whole.vcf", tmp_path / "part.vcf.gz"
    files = [reads[SAMPLE]]
    assert walk(indexed, files, whole).ok
    assert walk(indexed, files, part, "-L", "synB").ok
    assert Path(f"{part}.tbi").exists()
    expected = [record for record in records(whole.read_text()) if record[0][0] == "synB"]
    assert records(gzip.decompress(part.read_bytes()).decode()) == expected
    assert len(expected) > 20


def another_reference(source: Path, target: Path) -> Path:
    with pysam.AlignmentFile(str(source)) as bam:
        header = bam.header.to_dict()
        header["SQ"][0]["LN"] = 50_000
        with pysam.AlignmentFile(str(target), "wb", header=header) as out:
            for read in bam:
                out.write(read)
    pysam.index(str(target))
    return target


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("not called", "is of a sample of {calls} (SM): it has reads of X"),
        ("twice", "are one file: give it once"),
        ("linked", "are one file: give it once"),
        ("copied", "begin with the same read, "),
        ("no index", "has no index: make one with `samtools index"),
        ("another reference", "50000"),
        ("no group", "it names none"),
        ("no reads", "looks at reads: give them with -I"),
        ("duplicates", "are marked as duplicates"),
        ("truncated", "truncated"),
    ],
)
def test_bad_files(
    fault: str, words: str, walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    """Found before the first site, in whichever file; nothing is left."""
    carries = fault == "duplicates"
    calls = write_cohort(
        tmp_path / "calls.vcf", rows(5), {"B": same if carries else none, SAMPLE: same}
    )
    other = tmp_path / "other.bam"
    files = [reads[SAMPLE], other]
    if fault == "not called":
        shutil.move(named_reads(tmp_path, "X"), other)
        shutil.move(tmp_path / "X.bam.bai", tmp_path / "other.bam.bai")
    elif fault == "twice":
        files = [reads[SAMPLE], reads["B"], reads[SAMPLE]]
    elif fault == "linked":
        other.symlink_to(reads[SAMPLE])
        Path(f"{other}.bai").symlink_to(f"{reads[SAMPLE]}.bai")
    elif fault == "copied":
        other = tmp_path / "other.cram"
        form = ("--output-fmt", "cram,version=3.0", "-T", str(REF), "-o", str(other))
        pysam.view(*form, str(reads[SAMPLE]), catch_stdout=False)
        pysam.index(str(other))
        files = [reads["B"], reads[SAMPLE], other]
    elif fault == "no index":
        shutil.copy(reads["B"], other)
    elif fault == "another reference":
        another_reference(reads["B"], other)
    elif fault == "no reads":
        files = []
    elif fault == "truncated":
        other.write_bytes(reads["B"].read_bytes()[:-28])
        shutil.copy(f"{reads['B']}.bai", f"{other}.bai")
    else:
        with pysam.AlignmentFile(str(reads["B"])) as bam:
            header = bam.header.to_dict()
            if fault == "no group":
                del header["RG"]
            with pysam.AlignmentFile(str(other), "wb", header=header) as out:
                for read in bam:
                    read.is_duplicate = carries
                    if not carries:
                        read.set_tag("RG", None)
                    out.write(read)
        pysam.index(str(other))
    ran = walk(calls, files, tmp_path / "out.vcf")
    assert ran.answer.startswith("user error: "), ran.answer
    assert words.format(calls=calls) in ran.answer
    assert not list(tmp_path.glob("*out.vcf*"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--info-key", "MINE"), "--info-key does not go with --per-sample"),
        (("--sample-depth", 30), "--sample-depth does not go with --per-sample"),
        (("--downsampling", "gatk"), "--downsampling gatk"),
        (
            ("-RF", "SampleReadFilter", "--sample", SAMPLE),
            "SampleReadFilter does not go with --per-sample",
        ),
    ],
)
def test_arguments_that_do_not_go_together(
    more: tuple[object, ...],
    words: str,
    walk: Callable[..., Ran],
    reads: dict[str, Path],
    tmp_path: Path,
) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(1), {SAMPLE: same})
    ran = walk(calls, [reads[SAMPLE]], tmp_path / "out.vcf", *more)
    assert words in ran.answer
    assert not (tmp_path / "out.vcf").exists()


def test_networks_that_cannot(
    tools: ToolHost, engines: dict[str, Server], reads: dict[str, Path], tmp_path: Path
) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(1), {SAMPLE: same})
    for name, words in (
        ("gatk-2d", "takes them from caller: take"),
        ("reference", "look at reads"),
    ):
        ran = tools.score(
            *("-V", calls, "-R", REF, "-I", reads[SAMPLE], "--per-sample"),
            *("-O", tmp_path / "out.vcf", "--server", engines[name].address),
        )
        assert words in ran.answer


def test_likelihoods_that_gatk_rounds(
    walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(1), {SAMPLE: same, "B": none})
    text = calls.read_text().replace("ID=PL,Number=G,Type=Integer", "ID=GL,Number=G,Type=Float")
    calls.write_text(text.replace("GT:PL", "GT:GL"))
    ran = walk(calls, [reads[SAMPLE]], tmp_path / "out.vcf")
    assert "has FORMAT/GL, which GATK rounds in such files: write them in order" in ran.answer


def test_no_carrier_at_all(
    walk: Callable[..., Ran], reads: dict[str, Path], tmp_path: Path
) -> None:
    calls = write_cohort(tmp_path / "calls.vcf", rows(4), {SAMPLE: none})
    ran = walk(calls, [reads[SAMPLE]], tmp_path / "out.vcf")
    assert ran.ok, ran.answer
    assert "0 of 0 carriers scored at 0 of 4 sites, reads of 0 samples" in ran.log
    text = (tmp_path / "out.vcf").read_text()
    assert NO_ALT in text
    assert "CNN_SITE=" not in text


def test_short_reads(walk: Callable[..., Ran], tmp_path: Path) -> None:
    """In the words of the command."""
    calls, reads = with_short_reads(tmp_path)
    ran = walk(calls, list(reads.values()), tmp_path / "out.vcf")
    assert ran.ok, ran.answer
    (line,) = [line for line in ran.log.splitlines() if "shorter than" in line]
    assert "WARN" in line
    assert SHORT_READS in line
