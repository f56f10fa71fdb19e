"""`cnnscore score`: records and reads that break encoders are scored, or pass, never silently."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest

from conftest import DATA, run_cli, scores_of
from hosts.plugin import plugin

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"


def bcftools(*arguments: str | Path) -> bytes:
    return subprocess.run(
        ["bcftools", *map(str, arguments)], capture_output=True, check=True
    ).stdout


def test_records_that_break_encoders(tiny: dict[str, str], tmp_path: Path) -> None:
    """Symbolic, gVCF, huge, MNP, missing ALT: scored, never a crash, never a silent 0."""
    with pysam.FastaFile(str(REF)) as fasta:
        base, long_ref = fasta.fetch("synA", 20000, 20001), fasta.fetch("synA", 20000, 30000)
    records = [
        ("synA", 20001, base, "<DEL>", "END=39000"),
        ("synA", 20001, base, "<NON_REF>", "END=20500"),
        ("synA", 20001, base, "*", "."),
        ("synA", 20001, base, ".", "DP=3"),
        ("synA", 20001, base, f"{base}[synB:100[", "SVTYPE=BND"),
        ("synA", 20001, base, base + "ACGT" * 2500, "."),
        ("synA", 20001, long_ref, base, "."),
        ("synA", 20001, long_ref[:3], "TTTTT,<NON_REF>", "MQ=.;DP=."),
        ("synA", 20001, base.lower(), "n", "QD=nan"),
    ]
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(
        f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\n"
        for contig, pos, ref, alt, info in records
    )
    calls, out = tmp_path / "odd.vcf", tmp_path / "out.vcf"
    calls.write_text(text)
    for kind, key in (("reference", "CNN_1D"), ("reads", "CNN_2D")):
        run = run_cli("score", calls, "-R", REF, "-I", READS, "-m", tiny[kind], "-o", out)
        assert run.code == 0, run.err
        scores = scores_of(out, key)
        assert len(scores) == len(records)
        assert all(score is not None and float(score) != 0 for score in scores)


def test_a_line_that_ends_before_its_samples(tiny: dict[str, str], tmp_path: Path) -> None:
    """A text that was cut short: htslib reads the record, and can't write it."""
    lines = bcftools("view", CALLS).decode().splitlines()
    calls, out = tmp_path / "cut.vcf", tmp_path / "out.vcf"
    calls.write_text("\n".join([*lines[:-1], "\t".join(lines[-1].split("\t")[:8])]))
    pos = lines[-1].split("\t")[1]
    for words in (
        ("score", calls, "-R", REF, "-m", tiny["reference"]),
        ("filter", calls, "--info-key", "QUAL", "--threshold", "0"),
    ):
        run = run_cli(*words, "-o", out)
        assert (run.code, run.err.count("\n")) == (2, 1), run.err
        expected = f"{calls}: record synB:{pos} has 0 sample columns where the header has 1"
        assert expected in run.err
        assert not out.exists()
    other = plugin(calls, "-f", REF, "-b", READS, "-o", out)
    assert (other.code, expected in other.err, out.exists()) == (255, True, False), other.err


def test_contigs_with_numbers_of_their_own(tiny: dict[str, str], tmp_path: Path) -> None:
    """IDX= may leave gaps among the contigs' numbers: contigs without a name."""
    calls, out = tmp_path / "gaps.vcf", tmp_path / "out.vcf"
    text = bcftools("view", CALLS).decode()
    calls.write_text(text.replace("length=40000>", "length=40000,IDX=3>"))
    run = run_cli("score", calls, "-R", REF, "-m", tiny["reference"], "-o", out)
    assert run.code == 0, run.err
    assert None not in scores_of(out, "CNN_1D")


def test_end_that_is_no_position(tiny: dict[str, str], tmp_path: Path) -> None:
    """An undeclared END is text, and may say anything: then the site ends where REF does."""
    calls, out = tmp_path / "end.vcf", tmp_path / "out.vcf"
    lines = [
        line if line.startswith("#") else line.replace("\tAC=", "\tEND=1e300;AC=", 1)
        for line in bcftools("view", CALLS).decode().splitlines()
    ]
    assert sum("END=1e300" in line for line in lines) == 294
    calls.write_text("\n".join(lines) + "\n")
    plain = tmp_path / "plain.vcf"
    for source, target in ((calls, out), (CALLS, plain)):
        files = ["-R", REF, "-I", READS, "-m", tiny["reads"], "-o", target]
        assert run_cli("score", source, *files).code == 0
    assert scores_of(out, "CNN_2D") == scores_of(plain, "CNN_2D")


def test_annotation_that_is_not_finite(tiny: dict[str, str], tmp_path: Path) -> None:
    lines = bcftools("view", CALLS).decode().splitlines()
    lines[-1] = lines[-1].replace(";MQ=60;", ";MQ=inf;")
    assert "MQ=inf" in lines[-1]
    calls, out = tmp_path / "odd.vcf", tmp_path / "out.vcf"
    calls.write_text("\n".join(lines) + "\n")
    run = run_cli("score", calls, "-R", REF, "-m", tiny["reference"], "-o", out)
    assert run.code == 0
    assert "293 of 294" in run.err
    assert "1 without an ALT allele to score, or a finite score" in run.err
    assert scores_of(out, "CNN_1D")[-1] is None


def test_depth_of_thousands(tiny: dict[str, str], tmp_path: Path) -> None:
    header = pysam.AlignmentHeader.from_dict(
        {
            "SQ": [{"SN": "synA", "LN": 40000}, {"SN": "synB", "LN": 12000}],
            "RG": [{"ID": "1", "SM": "s"}],
        }
    )
    reads = tmp_path / "deep.bam"
    rng = np.random.default_rng(5)
    with pysam.AlignmentFile(str(reads), "wb", header=header) as out:
        for i in range(10_000):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = f"r{i}", 0, 19_950 + i // 200
            read.query_sequence = "".join(rng.choice(list("ACGT"), 100))
            read.query_qualities = pysam.qualitystring_to_array("I" * 100)
            read.cigartuples, read.mapping_quality = [(0, 100)], 60
            read.set_tag("RG", "1")
            out.write(read)
    pysam.index(str(reads))
    with pysam.FastaFile(str(REF)) as fasta:
        base = fasta.fetch("synA", 20000, 20001)
    calls, out_path = tmp_path / "x.vcf", tmp_path / "out.vcf"
    calls.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + f"synA\t20001\t.\t{base}\t{'A' if base != 'A' else 'C'}\t.\t.\t.\n" * 3
    )
    run = run_cli("score", calls, "-R", REF, "-I", reads, "-m", tiny["reads"], "-o", out_path)
    assert run.code == 0, run.err
    scores = scores_of(out_path, "CNN_2D")
    assert scores[0] is not None
    assert len(set(scores)) == 1


def test_telomeres_pass_unscored(tiny: dict[str, str], tmp_path: Path) -> None:
    """Breakends at POS 0 and one past the end have no base to look at."""
    calls, out = tmp_path / "calls.vcf", tmp_path / "out.vcf"
    with pysam.FastaFile(str(REF)) as fasta:
        last = fasta.fetch("synB", 11999, 12000)
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=synA,length=40000>", "##contig=<ID=synB>"]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    sites = [("synA", 0, "N"), ("synA", 40001, "N"), ("synB", 12000, last), ("synB", 12001, "N")]
    lines += [f"{c}\t{p}\t.\t{ref}\t{ref}[synA:100[\t9\t.\t." for c, p, ref in sites]
    calls.write_text("\n".join(lines) + "\n")
    for reads in ([], ["-I", READS]):
        model = tiny["reads" if reads else "reference"]
        run = run_cli("score", calls, "-R", REF, *reads, "-m", model, "-o", out)
        assert run.code == 0, run.err
        key = "CNN_2D" if reads else "CNN_1D"
        assert [score is None for score in scores_of(out, key)] == [True, True, False, True]
        assert "1 of 4 sites scored" in run.err


@pytest.mark.parametrize("pos", ["0", "x257", "-", ""])
@pytest.mark.parametrize("command", ["score", "filter"])
def test_bases_before_the_contig(
    pos: str, command: str, tiny: dict[str, str], tmp_path: Path
) -> None:
    """An older htslib takes a POS that is no number for 0, which is a telomere's."""
    calls, out = tmp_path / "calls.vcf", tmp_path / "out.vcf"
    calls.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=synA,length=40000>\n"
        '##INFO=<ID=CNN_1D,Number=1,Type=Float,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"synA\t{pos}\t.\tA\tG\t.\t.\tCNN_1D=1\n"
    )
    more = {
        "score": ["-R", REF, "-m", tiny["reference"], "--info-key", "NEW"],
        "filter": ["--info-key", "CNN_1D", "--threshold", 0],
    }
    run = run_cli(command, calls, *more[command], "-o", out)
    assert run.code == 2
    assert re.search("synA:0|malformed|no VCF", run.err), run.err
    assert pos != "0" or "record synA:0 (A) lies before the contig's first base" in run.err
    assert not out.exists()
