"""`cnnscore filter`: bad input gives one error with its remedy, and leaves no output."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import run_cli
from hosts.tranche_cases import Case, write_case

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=1000>
##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Score">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">
##INFO=<ID=DB,Number=0,Type=Flag,Description="Flag">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
SNP = "{contig}\t{pos}\t.\t{ref}\t{alt}\t30\t.\t{info}\n"


def write(path: Path, *records: str, header: str = HEADER) -> Path:
    path.write_text(header + COLUMNS + "".join(records))
    return path


def record(
    pos: int = 10, ref: str = "A", alt: str = "G", info: str = "CNN_2D=1", contig: str = "chr1"
) -> str:
    return SNP.format(contig=contig, pos=pos, ref=ref, alt=alt, info=info)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return write(tmp_path / "calls.vcf", record(10), record(20), record(30, alt="AT"))


def fails(tmp_path: Path, code: int, *arguments: object) -> str:
    """The error of a run that must fail; nothing may be left."""
    before = set(tmp_path.iterdir())
    out, table = tmp_path / "out.vcf", tmp_path / "table.tsv"
    done = run_cli("filter", *arguments, "-o", out, "--tranche-table", table, "--quiet")
    assert done.code == code, done.err
    assert set(tmp_path.iterdir()) == before
    errors = [line for line in done.err.splitlines() if "error:" in line]
    assert len(errors) == 1, done.err
    return errors[0]


# ---- the key ----


def test_missing_key_names_those_that_exist(calls: Path, tmp_path: Path) -> None:
    error = fails(tmp_path, 2, calls, "--info-key", "CNN_1D", "--threshold", "0")
    assert f"{calls} has no INFO/CNN_1D: it has AF, CNN_2D, DB" in error


def test_no_score_at_all(tmp_path: Path) -> None:
    header = HEADER.replace("CNN_2D", "SCORE")
    bare = write(tmp_path / "bare.vcf", record(info="SCORE=1"), header=header)
    error = fails(tmp_path, 2, bare, "--threshold", "0")
    assert "`cnnscore score` first" in error
    assert "it has AF, DB, SCORE" in error
    none = write(tmp_path / "none.vcf", header="##fileformat=VCFv4.2\n")
    assert "it declares no INFO key" in fails(tmp_path, 2, none, "--threshold", "0")


def test_several_scores(tmp_path: Path) -> None:
    header = HEADER + HEADER.splitlines()[2].replace("CNN_2D", "CNN_1D") + "\n"
    both = write(tmp_path / "both.vcf", record(), header=header)
    assert "several scores (CNN_2D, CNN_1D)" in fails(tmp_path, 1, both, "--threshold", "0")


def test_a_key_of_another_number(calls: Path, tmp_path: Path) -> None:
    error = fails(tmp_path, 2, calls, "--info-key", "DB", "--threshold", "0")
    assert "Number=0" in error


def test_no_record_has_a_score(calls: Path, tmp_path: Path) -> None:
    bare = write(tmp_path / "bare.vcf", record(info="."), record(info="AF=0.5"))
    error = fails(tmp_path, 2, bare, "--resource", calls)
    assert f"no record of {bare} has a value of CNN_2D" in error


# ---- options ----


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--threshold", "0", "--snp-tranche", "99"], "one or the other"),
        (["--threshold", "MNP=1"], "'MNP=1'"),
        (["--threshold", "SNP=high"], "SNP=NUMBER"),
        (["--threshold", ""], "give a number"),
        (["--threshold", "nan"], "give a number"),
        (["--resource", "CALLS", "--indel-tranche", "100"], "--indel-tranche takes the percentage"),
        (["--resource", "CALLS", "--model", "gatk-2d"], "leave out --threshold and --resource"),
        (["--threshold", "0", "--soft", "--invalidate-previous-filters"], "--soft leaves FILTER"),
        (["--threshold", "0", "--sensitivity-field=X"], "give --resource"),
        (["--threshold", "0", "-O", "x"], "output type 'x'"),
        ([], "does not say which network made CNN_2D"),
    ],
)
def test_usage(arguments: list[str], says: str, calls: Path, tmp_path: Path) -> None:
    given = [calls if word == "CALLS" else word for word in arguments]
    assert says in fails(tmp_path, 1, calls, *given)


# ---- resources ----


def test_contig_naming(calls: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "b37.vcf", record(contig="1"), header=HEADER.replace("chr1", "1"))
    error = fails(tmp_path, 2, calls, "--resource", other)
    assert f"{other} calls 1 what {calls} calls chr1" in error
    assert '`bcftools annotate --rename-chrs MAP`, MAP having a line "1 chr1"' in error
    error = fails(tmp_path, 2, other, "--resource", calls)
    assert 'a line "chr1 1"' in error


def test_mitochondrial_naming(tmp_path: Path) -> None:
    mt = write(tmp_path / "mt.vcf", record(contig="MT"), header=HEADER.replace("chr1", "MT"))
    chrm = write(tmp_path / "m.vcf", record(contig="chrM"), header=HEADER.replace("chr1", "chrM"))
    assert 'a line "chrM MT"' in fails(tmp_path, 2, mt, "--resource", chrm)


def test_another_build_by_contig_length(calls: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "hg19.vcf", record(), header=HEADER.replace("1000", "1001"))
    error = fails(tmp_path, 2, calls, "--resource", other)
    assert "another build" in error
    assert "contig chr1 has 1001 bases there and 1000 here" in error
    assert "LiftoverVcf" in error


def test_resources_have_none_of_the_calls(calls: Path, tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere.vcf", record(11), record(30, alt="AT"))
    error = fails(tmp_path, 2, calls, "--resource", elsewhere)
    assert f"2 SNPs have a score, and none is in {elsewhere}" in error
    assert "--threshold" in error


def test_an_unsorted_resource(calls: Path, tmp_path: Path) -> None:
    records = [record(10), record(25), record(22), record(30, alt="AT")]
    other = write(tmp_path / "unsorted.vcf", *records)
    error = fails(tmp_path, 2, calls, "--resource", other)
    assert f"{other} is not sorted: chr1:22 comes too late; use `bcftools sort`" in error


def test_a_resource_whose_contigs_come_back(tmp_path: Path) -> None:
    records = [record(1, contig="chr2"), record(5), record(9, contig="chr2"), record(10)]
    other = write(tmp_path / "back.vcf", *records)
    calls = write(tmp_path / "calls.vcf", record(20), record(30, contig="chr3"))
    error = fails(tmp_path, 2, calls, "--resource", other)
    assert f"{other} is not sorted: chr2:9" in error


def test_unreadable_resources(calls: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.vcf"
    assert f"cannot open the resource {missing}" in fails(tmp_path, 2, calls, "--resource", missing)
    text = tmp_path / "text.vcf"
    text.write_text("chr1\t1\t2\n")
    assert "is not a VCF or BCF" in fails(tmp_path, 2, calls, "--resource", text)
    zipped = tmp_path / "zipped.vcf.gz"
    zipped.write_bytes(gzip.compress(calls.read_bytes()))
    assert "with gzip, not bgzip" in fails(tmp_path, 2, calls, "--resource", zipped)
    whole = subprocess.check_output(["bcftools", "view", "-Oz", calls])
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(whole[:-28])
    assert "truncated" in fails(tmp_path, 2, calls, "--resource", cut)
    damaged = write(tmp_path / "damaged.vcf", record(10), "chr1\t20\n")
    error = fails(tmp_path, 2, calls, "--resource", damaged)
    assert f"{damaged}: one of the records after chr1:10 is truncated or malformed" in error


def test_a_resource_that_can_be_read_once(tmp_path: Path) -> None:
    case: Case = write_case(tmp_path / "case", seed=5, kinds="SI", scale=0.05)
    levels = ["--snp-tranche", "50", "--indel-tranche", "50"]
    base = [sys.executable, "-m", "cnnscore", "filter", str(case.calls), "--info-key", "CNN_2D"]
    command = " ".join([*base, *levels, "--quiet", "--no-version", "--resource"])

    def run(resource: str) -> list[str]:
        line = ["bash", "-c", f"{command} {resource}"]
        text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        return [line for line in text.splitlines() if not line.startswith("##")]

    assert run(f"<(zcat {case.resources[0]})") == run(str(case.resources[0])) != []


# ---- the calls ----


def test_unsorted_calls(calls: Path, tmp_path: Path) -> None:
    unsorted = write(tmp_path / "unsorted.vcf", record(20), record(10))
    error = fails(tmp_path, 2, unsorted, "--resource", calls)
    assert "record chr1:10 comes after chr1:20" in error
    assert "bcftools sort" in error
    done = run_cli("filter", unsorted, "--threshold", "0", "-o", tmp_path / "out.vcf", "--quiet")
    assert done.code == 0, done.err


def test_missing_and_truncated_calls(calls: Path, tmp_path: Path) -> None:
    missing = tmp_path / "none.vcf"
    for more in (["--threshold", "0"], ["--resource", calls]):
        assert f"cannot open {missing}" in fails(tmp_path, 2, missing, *more)
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(subprocess.check_output(["bcftools", "view", "-Oz", calls])[:-28])
    assert "truncated" in fails(tmp_path, 2, cut, "--threshold", "0")


def test_outputs_that_cannot_be(calls: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "out.vcf"
    done = run_cli("filter", calls, "--threshold", "0", "-o", nowhere)
    assert done.code == 2
    assert f"cannot write {nowhere}: there is no folder {nowhere.parent}: make it" in done.err
    out = tmp_path / "out.vcf"
    table = ["--tranche-table", tmp_path / "no" / "table.tsv"]
    done = run_cli("filter", calls, "--threshold", "0", "-o", out, *table)
    assert done.code == 2
    assert not out.exists()
    assert "table.tsv" in done.err
