"""`cnnscore filter` and the real FilterVariantTranches, on the same files, record by record."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from conftest import run_cli
from hosts.gatk import ToolHost
from hosts.tranche_runs import AS_GATK, RUNS, Run, filter_column, filter_lines


def gatk(tools: ToolHost, calls: Path, output: Path, arguments: list[str]) -> None:
    """Run the real tool."""
    ran = tools.run("FilterVariantTranches", "--QUIET", "-V", calls, "-O", output, *arguments)
    assert ran.ok, ran.answer


@pytest.mark.parametrize("run", RUNS, ids=[f"seed{run.seed}" for run in RUNS])
def test_as_gatk(run: Run, tools: ToolHost, tmp_path: Path) -> None:
    case = run.case(tmp_path)
    arguments = run.arguments(case)
    gatk(tools, case.calls, tmp_path / "gatk.vcf", arguments)
    done = run_cli(
        "filter", case.calls, "-o", tmp_path / "ours.vcf", "--quiet", *AS_GATK, *arguments
    )
    assert done.code == 0, done.err
    theirs = filter_column(tmp_path / "gatk.vcf")
    assert filter_column(tmp_path / "ours.vcf") == theirs
    assert filter_lines(tmp_path / "ours.vcf") == filter_lines(tmp_path / "gatk.vcf")
    assert [*theirs, *sorted(filter_lines(tmp_path / "gatk.vcf"))] == run.golden()


def test_as_gatk_on_real_calls(tools: ToolHost, shared: Path, tmp_path: Path) -> None:
    """NA12878's calls with the scores of GATK's own networks, its truth set as resource."""
    calls = shared / "golden" / "na12878-chr20" / "calls.cnn.vcf"
    truth = shared / "data" / "na12878-chr20" / "truth.HG001_v3.3.2.vcf.gz"
    levels = [f"--{kind}-tranche={level}" for kind in ("snp", "indel") for level in (90, 95, 99)]
    arguments = ["--info-key", "CNN_2D", "--resource", str(truth)]
    arguments += [word for level in levels for word in level.split("=")]
    gatk(tools, calls, tmp_path / "gatk.vcf", arguments)
    done = run_cli("filter", calls, "-o", tmp_path / "ours.vcf", "--quiet", *AS_GATK, *arguments)
    assert done.code == 0, done.err
    theirs = filter_column(tmp_path / "gatk.vcf")
    assert filter_column(tmp_path / "ours.vcf") == theirs
    assert len(set(theirs)) == 7
    assert filter_lines(tmp_path / "ours.vcf") == filter_lines(tmp_path / "gatk.vcf")


def test_gatk_reads_what_we_wrote(tools: ToolHost, tmp_path: Path) -> None:
    """The header lines that score and filter add are no obstacle to GATK's own parser."""
    run = RUNS[0]
    case = run.case(tmp_path)
    ours = tmp_path / "ours.vcf"
    more = ["--soft", "--sensitivity-field=CALIBRATION_SENSITIVITY"]
    done = run_cli(
        "filter", case.calls, "-o", ours, "--quiet", *AS_GATK, *run.arguments(case), *more
    )
    assert done.code == 0, done.err
    model = '##cnnscore_model=<ID=CNN_2D,Model="a b",Network=0,Version=1,Cutoffs="SNP:99.0:1.000">'
    text = ours.read_text()
    ours.write_text(text.replace("#CHROM", f"{model}\n#CHROM", 1))
    gatk(tools, ours, tmp_path / "gatk.vcf", run.arguments(case))
    assert filter_column(tmp_path / "gatk.vcf") == run.golden()[: len(filter_column(ours))]


@pytest.mark.parametrize("odd", ["T", "N", "TA"])
def test_a_resource_of_another_ref(odd: str, tools: ToolHost, tmp_path: Path) -> None:
    """GATK ends at REF alleles of one length that differ, and so does `--ref-mismatch gatk`."""
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=9999>\n"
    head += '##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="">\n'
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    rows = [(10 * i, "C", "G" if i % 2 else "CA", f"CNN_2D={i % 7}") for i in range(1, 60)]
    known = [(100, odd, "G" + odd[1:], ".") if row[0] == 100 else row for row in rows]
    for name, lines in (("calls", rows), ("known", known)):
        text = "".join(f"chr1\t{p}\t.\t{r}\t{a}\t.\t.\t{i}\n" for p, r, a, i in lines)
        (tmp_path / f"{name}.vcf").write_text(head + text)
        pysam.tabix_index(str(tmp_path / f"{name}.vcf"), preset="vcf")
    calls = tmp_path / "calls.vcf.gz"
    arguments = ["--info-key", "CNN_2D", "--snp-tranche", "50", "--indel-tranche", "50"]
    arguments += ["--resource", str(tmp_path / "known.vcf.gz")]
    command = [
        "filter",
        calls,
        "-o",
        tmp_path / "ours.vcf",
        *arguments,
        *AS_GATK,
        "--ref-mismatch",
        "gatk",
    ]
    done = run_cli(*command)
    if len(odd) == 1:
        with pytest.raises(AssertionError, match="inconsistent references for the same position"):
            gatk(tools, calls, tmp_path / "gatk.vcf", arguments)
        assert done.code == 2
        assert f"at chr1:100 REF is C in {calls} and {odd}" in done.err
    else:
        gatk(tools, calls, tmp_path / "gatk.vcf", arguments)
        assert done.code == 0, done.err
        assert filter_column(tmp_path / "ours.vcf") == filter_column(tmp_path / "gatk.vcf")
