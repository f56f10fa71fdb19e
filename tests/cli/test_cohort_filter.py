"""`filter` on a cohort's scores: FILTER from the site's, FORMAT/FT from the carriers'."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import cnnscore
from cnnscore.description import VARIANT_TYPES
from cnnscore.network.cutoffs import default_levels
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from conftest import DATA, Finished, run_cli
from hosts.bundled import calibrated_shares
from hosts.cohorts import SAMPLE, even, named_reads, rows, same, write_cohort, write_map

REF = DATA / "ref.fa"
NETWORK = 'Model="reads",Network=0,Version=0.1.0,Cutoffs="SNP:99.0:-2.0,INDEL:99.0:-1.0"'
HEAD = f"""##fileformat=VCFv4.2
##contig=<ID=c,length=9000>
##FILTER=<ID=Old,Description="o">
##INFO=<ID=AC,Number=A,Type=Integer,Description="a">
##INFO=<ID=AN,Number=1,Type=Integer,Description="a">
##INFO=<ID=AF,Number=A,Type=Float,Description="a">
##INFO=<ID=CNN_SITE,Number=1,Type=Float,Description="s">
##INFO=<ID=CNN_N,Number=1,Type=Integer,Description="n">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=FT,Number=.,Type=String,Description="f">
##FORMAT=<ID=CNN_READS,Number=1,Type=Float,Description="r">
##cnnscore_model=<ID=CNN_READS,{NETWORK}>
"""


SITES = 'Model="reads",Network=0,Version=0.1.0,Cutoffs="SNP:98.0:-0.5,SNP:99.0:-1.0,INDEL:98.0:0.5"'
WITH_SITES = f"{HEAD}##cnnscore_model=<ID=CNN_SITE,{SITES}>\n"
"""Of a network that has cut-offs for sites."""


def filtered(
    folder: Path, lines: list[str], *words: object, suffix: str = "vcf", head: str = HEAD
) -> list[list[str]]:
    """The fields of each record after `filter`; a line is `REF ALT FILTER INFO FORMAT SAMPLE..`."""
    run, out = run_filter(folder, lines, *words, suffix=suffix, head=head)
    assert run.code == 0, run.err
    text = subprocess.run(
        ["bcftools", "view", "-H", out], check=True, capture_output=True, text=True
    ).stdout
    return [line.split("\t") for line in text.splitlines()]


def run_filter(
    folder: Path, lines: list[str], *words: object, suffix: str = "vcf", head: str = HEAD
) -> tuple[Finished, Path]:
    n = len(lines[0].split()) - 5
    names = "\t".join(f"S{i}" for i in range(n))
    text = head + f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n"
    for i, line in enumerate(lines, 1):
        ref, alt, *others = line.split()
        text += "\t".join(["c", str(10 * i), ".", ref, alt, ".", *others]) + "\n"
    (folder / "in.vcf").write_text(text)
    out = folder / f"out.{suffix}"
    return run_cli("filter", folder / "in.vcf", *words, "-o", out, "--no-version"), out


def test_a_network_without_cutoffs_of_sites(tmp_path: Path) -> None:
    """Those of single samples are never taken for them, named or not."""
    lines = ["A C . CNN_SITE=1 GT:CNN_READS 0/1:1"]
    none = NETWORK.partition(",Cutoffs=")[0]
    for words in ((), ("--snp-tranche", 99)):
        run, out = run_filter(
            tmp_path, lines, *words, head=f"{HEAD}##cnnscore_model=<ID=CNN_SITE,{none}>\n"
        )
        assert run.code == 1
        assert (
            "INFO/CNN_SITE is of all carriers of a site, and the network reads has no cut-offs "
            "for sites: give --threshold, --expect-false or --resource" in run.err
        )
        assert not out.exists()
    run, out = run_filter(tmp_path, lines)
    assert run.code == 1
    assert "does not say which network made CNN_SITE, whose own cut-offs would be" in run.err


def test_sites_by_the_networks_own_cutoffs(tmp_path: Path) -> None:
    """Of the levels that are taken unasked, or those named; never those of single samples."""
    lines = [
        *(f"A C . CNN_SITE={s} GT:CNN_READS 0/1:{s}" for s in (-1.001, -1, -0.6, 3)),
        *(f"A AT . CNN_SITE={s} GT:CNN_READS 0/1:{s}" for s in (-9, 9)),
    ]
    name = "CNN_SITE_SNP_Tranche_99.00_100.00"

    def filters(*words: object) -> list[str]:
        return [row[6] for row in filtered(tmp_path, lines, *words, head=WITH_SITES)]

    assert filters() == [name, "PASS", "PASS", "PASS", ".", "."]
    run, out = run_filter(tmp_path, lines, head=WITH_SITES)
    assert (
        "3 SNPs are kept, as are 99 % of the true SNPs where the network reads was measured; "
        "stricter: 1 at -0.500 (98), 1 at 0.000 (--threshold 0)" in run.err
    ), run.err
    assert "2 INDELs keep the FILTER that they have" in run.err
    assert '<ID=CNN_SITE,From="network reads",SNP="99:-1.000",' in out.read_text()
    words = ("--snp-tranche", 98, "--snp-tranche", 99, "--indel-tranche", 98)
    graded = "CNN_SITE_SNP_Tranche_98.00_99.00"
    indel = "CNN_SITE_INDEL_Tranche_98.00_100.00"
    assert filters(*words) == [name, graded, graded, "PASS", indel, "PASS"]
    run, _ = run_filter(tmp_path, lines, "--indel-tranche", 99, head=WITH_SITES)
    assert run.code == 1
    assert (
        "the network reads has no INDEL cut-off of a cohort's sites at 99 %: it has them at 98; "
        "take one of these with --indel-tranche" in run.err
    )


def test_doubts_of_a_resource_are_by_the_cutoffs_of_sites(tmp_path: Path) -> None:
    lines = ["A C . CNN_SITE=-9 GT:CNN_READS 0/1:-9"]
    (tmp_path / "known.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=9000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc\t10\t.\tA\tC\t.\t.\t.\n"
    )
    head = WITH_SITES.replace("SNP:99.0:-1.0", "SNP:99.0:-1.0,SNP:99.9:-4.5")
    run, _ = run_filter(tmp_path, lines, "--resource", tmp_path / "known.vcf", head=head)
    assert run.code == 0, run.err
    assert (
        "without --resource, --snp-tranche 99.9 takes the network's own cut-off (reads: -4.500)"
        in run.err
    ), run.err


def test_sites_and_carriers_each_by_their_own(tmp_path: Path) -> None:
    lines = ["A C . CNN_SITE=-1.5 GT:CNN_READS 0/1:-1.5 0/1:-2.5"]
    ((*_, first, second),) = filtered(tmp_path, lines, "--per-sample", head=WITH_SITES)
    (row,) = filtered(tmp_path, lines, "--per-sample", head=WITH_SITES)
    assert row[6] == "CNN_SITE_SNP_Tranche_99.00_100.00"
    assert (first, second) == ("0/1:-1.5:PASS", "0/1:-2.5:CNN_READS_SNP_Tranche_99.00_100.00")
    run, out = run_filter(tmp_path, lines, "--per-sample", head=WITH_SITES)
    assert "FILTER stays" not in run.err
    mine = out.read_bytes()
    cnnscore.filter(tmp_path / "in.vcf", output=tmp_path / "api.vcf", per_sample=True)
    assert (tmp_path / "api.vcf").read_bytes() == mine


def test_no_carrier_is_bare(tmp_path: Path) -> None:
    """A carrier's annotations are of its reads, whatever the caller wrote."""
    lines = ["A C . CNN_SITE=1 GT:CNN_READS 0/1:-1.5 0/1:-2.5"]
    of_bare = ";QD FS;SNP:99.0:3.0,INDEL:99.0:2.0"
    head = WITH_SITES.replace("INDEL:99.0:-1.0", f"INDEL:99.0:-1.0{of_bare}")
    ((*_, first, second),) = filtered(tmp_path, lines, "--per-sample", head=head)
    assert (first, second) == ("0/1:-1.5:PASS", "0/1:-2.5:CNN_READS_SNP_Tranche_99.00_100.00")
    run, out = run_filter(tmp_path, lines, "--per-sample", head=head)
    assert "1 of 2 carriers of SNPs fail CNN_READS, cut-offs -2.000 (99)\n" in run.err
    line = '<ID=CNN_READS,From="network reads",SNP="99:-2.000",INDEL="99:-1.000",'
    assert line in out.read_text()


def test_a_record_whose_score_no_network_made(tmp_path: Path) -> None:
    """The error is of that score, not of the carriers', whose network the header has."""
    lines = ["A C . CNN_SITE=1 GT:CNN_READS 0/1:1"]
    run, _ = run_filter(tmp_path, lines, "--per-sample", "--info-key", "QUAL", head=WITH_SITES)
    assert run.code == 1
    assert "the header does not say which network made QUAL, whose own" in run.err, run.err
    bare = HEAD.replace("##cnnscore_model=<ID=CNN_READS", "##cnnscore_model=<ID=CNN_OTHER")
    run, _ = run_filter(tmp_path, lines, "--per-sample", head=bare)
    assert run.code == 1
    assert "the header does not say which network made CNN_READS, whose own" in run.err, run.err


def scored_cohort(folder: Path) -> Path:
    """Two samples, scored by the bundled network."""
    calls = write_cohort(folder / "calls.vcf", rows(), {SAMPLE: same, "B": even})
    table = write_map(
        folder / "map.tsv", (SAMPLE, DATA / "reads.bam"), ("B", named_reads(folder, "B"))
    )
    scored = folder / "scored.vcf.gz"
    assert run_cli("score", calls, "-R", REF, "--sample-map", table, "-o", scored).code == 0
    return scored


def test_a_bundled_networks_cutoffs_of_sites(tmp_path: Path) -> None:
    """They reach the header of what is scored, and FILTER."""
    scored, out = scored_cohort(tmp_path), tmp_path / "out.vcf"
    run = run_cli("filter", scored, "-o", out)
    assert run.code == 0, run.err
    own = Session(find_model("reads"), "cpu").manifest.site_cutoffs
    for kind in VARIANT_TYPES:
        levels = default_levels(own[kind])
        taken = " ".join(f"{level:g}:{own[kind][level]:.3f}" for level in levels)
        assert f'{kind}="{taken}"' in out.read_text()
    again = tmp_path / "again.vcf"
    for words in (("-o", out), ("-m", "reads", "-o", again)):
        assert run_cli("filter", scored, "--per-sample", "--no-version", *words).code == 0
    assert again.read_bytes() == out.read_bytes(), "the manifest's order is not the header's"


def test_sites_by_threshold_and_resource(tmp_path: Path) -> None:
    lines = [f"A C . CNN_SITE={s} GT:CNN_READS 0/1:{s} 0/0:." for s in (-3, 1, 2)]
    by_number = filtered(tmp_path, lines, "--threshold", 1.5)
    assert [row[6] for row in by_number] == ["CNN_SITE_SNP_below_1.5"] * 2 + ["PASS"]
    (tmp_path / "known.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=9000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"c\t{pos}\t.\tA\tC\t.\t.\t.\n" for pos in (10, 20, 30))
    )
    by_known = filtered(
        tmp_path, lines, "--resource", tmp_path / "known.vcf", "--snp-tranche", 99, "--per-sample"
    )
    assert [row[6] for row in by_known] == ["CNN_SITE_SNP_Tranche_99.00_100.00"] * 2 + ["PASS"]
    # Carriers have the network's own cut-offs then, -2.
    assert [row[9].split(":")[2] for row in by_known] == ["CNN_READS_SNP_Tranche_99.00_100.00",
                                                          "PASS", "PASS"]  # fmt: skip


def test_sites_and_carriers_by_the_expected_share(tmp_path: Path) -> None:
    """Of real scores, whose network is installed: the log-odds of both move by as much."""
    scored, out = scored_cohort(tmp_path), tmp_path / "out.vcf"
    run = run_cli("filter", scored, "--expect-false", "5%", "--per-sample", "-o", out)
    assert run.code == 0, run.err
    share = calibrated_shares("reads")["SNP"]
    cutoff = math.log(share / (1 - share)) - math.log(0.95 / 0.05)
    assert f"SNPs fail CNN_SITE, cut-offs {cutoff:.3f} (5 % false)" in run.err
    assert f"carriers of SNPs fail CNN_READS, cut-offs {cutoff:.3f} (5 % false)" in run.err
    assert re.search(
        r"SNPs are kept, as are \S+ % of the true SNPs where the network reads was measured: "
        "likelier true than false",
        run.err,
    ), run.err


def test_genotypes(tmp_path: Path) -> None:
    """FT of carriers alone; ploidy, phase and half calls; a type is that of the alleles held."""
    lines = [
        "A C Old CNN_SITE=9 GT:CNN_READS 0/1:-2 0|1:-2.001 1:-3 ./1:5 0/0:. ./.:. 0/0/0/1:-9 0/1:.",
        # The third carries the SNP of a mixed record, the fourth the insertion.
        "A AT,C . CNN_SITE=9 GT:CNN_READS 0/0:. 0/0:. 0/2:-1.5 0/1:-1.5 0/0:. .:. 0/0:. 0/0:.",
    ]
    snp, indel = "CNN_READS_SNP_Tranche_99.00_100.00", "CNN_READS_INDEL_Tranche_99.00_100.00"
    expected = [
        ["PASS", snp, snp, "PASS", ".", ".", snp, "."],
        [".", ".", "PASS", indel, ".", ".", ".", "."],
    ]
    for suffix in ("vcf", "bcf"):
        found = filtered(tmp_path, lines, "--per-sample", suffix=suffix)
        assert [[own.split(":")[2] for own in row[9:]] for row in found] == expected
        assert [row[6] for row in found] == ["Old", "."]  # the site has no cut-off
        assert [own.split(":")[0] for own in found[0][9:]] == [
            own.split(":")[0] for own in lines[0].split()[5:]
        ]
    run, out = run_filter(tmp_path, lines, "--per-sample", "--unscored", "fail")
    assert run.code == 0
    assert "CNN_READS_SNP_missing" in out.read_text().splitlines()[-2].split("\t")[-1]
    assert "4 of 6 carriers of SNPs fail CNN_READS" not in run.err
    assert "4 of 7 carriers of SNPs fail CNN_READS, cut-offs -2.000 (99)" in run.err


def test_ft_that_is_there(tmp_path: Path) -> None:
    """Names are joined, sorted, each once; what fails stays failed; or all of them go."""
    lines = ["A C . CNN_SITE=9 GT:FT:CNN_READS 0/1:Z:-3 0/1:Z;Aa:9 0/1:PASS:9 0/0:PASS:. 0/0:.:."]
    name = "CNN_READS_SNP_below_0"

    def ft(*words: object) -> list[str]:
        (row,) = filtered(tmp_path, lines, "--threshold", 0, "--per-sample", *words)
        return [own.split(":")[row[8].split(":").index("FT")] for own in row[9:]]

    assert ft() == [f"{name};Z", "Aa;Z", "PASS", "PASS", "."]
    assert ft("--invalidate-previous-filters") == [name, "PASS", "PASS", ".", "."]
    again = tmp_path / "again.vcf"
    run = run_cli("filter", tmp_path / "out.vcf", "--threshold", 0, "--per-sample", "-o", again)
    assert run.code == 0
    assert name in again.read_text().splitlines()[-1]


def test_no_calls(tmp_path: Path) -> None:
    """They keep their copies; AC, AN and AF are those of bcftools, where a record has them."""
    lines = [
        "A C . AC=5;AN=12;AF=0.4;CNN_SITE=9 GT:CNN_READS 0/1:-3 0|1:-3 1:-3 ./1:-3 0/0/1:-3 1/1:7",
        "A C,G . AC=1,2;AN=1;AF=0,1;CNN_SITE=9 GT:CNN_READS 1/2:-3 0/2:4 0/1:4 0:. ./.:. 0/0:.",
        "A C . AC=9;CNN_SITE=-3 GT:CNN_READS 0/1:-3 0/0:. 0/0:. 0/0:. 0/0:. 0/0:.",
        "A C . AC=9;AN=99;CNN_SITE=3 GT:CNN_READS 0/1:3 0/0:. 0/0:. 0/0:. 0/0:. 0/0:.",
        "A C . AC=1;AN=1;AF=1;CNN_SITE=-3 GT:CNN_READS 1:-3 .:. .:. .:. .:. .:.",
    ]
    words = ("--threshold", 0, "--per-sample", "--no-calls")
    run, _ = run_filter(tmp_path, lines, *words)
    assert "8 genotypes were set to missing" in run.err
    found = filtered(tmp_path, lines, *words, suffix="bcf")
    genotypes = [" ".join(own.split(":")[0] for own in row[9:]) for row in found]
    assert genotypes == [
        "./. ./. . ./. ././. 1/1",
        "./. 0/2 0/1 0 ./. 0/0",
        "./. 0/0 0/0 0/0 0/0 0/0",
        "0/1 0/0 0/0 0/0 0/0 0/0",
        ". . . . . .",
    ]
    infos = [row[7].split(";CNN")[0] for row in found]
    assert infos[2:] == ["AC=0", "AC=9;AN=99", "AC=0;AN=0;AF=."]  # the fourth lost no genotype
    if shutil.which("bcftools"):
        filled = subprocess.run(
            f"bcftools +fill-tags {tmp_path}/out.bcf -- -t AC,AN,AF | bcftools view -H",
            shell=True, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        counted = [line.split("\t")[7] for line in filled.splitlines()]
        assert [set(info.split(";")) for info in counted[:2]] == [
            set(row[7].split(";")) for row in found[:2]
        ]
    assert infos[0] == "AC=2;AN=2;AF=1"


def test_soft(tmp_path: Path) -> None:
    """FILTER stays; the genotypes are judged all the same."""
    lines = ["A C Old CNN_SITE=-3 GT:CNN_READS 0/1:-3"]
    (row,) = filtered(tmp_path, lines, "--threshold", 0, "--per-sample", "--soft")
    assert row[6] == "Old"
    assert "CNN_SITE_TRANCHE=CNN_SITE_SNP_below_0" in row[7]
    assert row[9] == "0/1:-3:CNN_READS_SNP_below_0"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--no-calls", "--threshold", 0), "--no-calls is about genotypes that fail"),
        (("--per-sample", "--snp-tranche", 90), "the network reads has no SNP cut-off at 90 %"),
    ],
)
def test_what_cannot_be(tmp_path: Path, words: tuple[object, ...], error: str) -> None:
    run, out = run_filter(tmp_path, ["A C . CNN_SITE=1 GT:CNN_READS 0/1:1"], *words)
    assert run.code == 1
    assert error in run.err
    assert not out.exists()


def test_a_file_without_scores_of_samples(tmp_path: Path) -> None:
    calls, out = tmp_path / "in.vcf", tmp_path / "out.vcf"
    run, _ = run_filter(tmp_path, ["A C . CNN_SITE=1 GT:CNN_READS 0/1:1"], "--threshold", 0)
    text = calls.read_text()
    calls.write_text(text.replace("##FORMAT=<ID=CNN_READS", "##FORMAT=<ID=OTHER"))
    out.unlink()
    run = run_cli("filter", calls, "--threshold", 0, "--per-sample", "-o", out)
    assert run.code == 2
    assert f"{calls} has no FORMAT/CNN_*, which --per-sample judges: score it with" in run.err
    more = '##FORMAT=<ID=CNN_MINE,Number=1,Type=Float,Description="x">\n#CHROM'
    calls.write_text(text.replace("#CHROM", more))
    run = run_cli("filter", calls, "--threshold", 0, "--per-sample", "-o", out)
    assert run.code == 2
    assert "has several scores of samples (CNN_READS, CNN_MINE): take others" in run.err
    assert not out.exists()


def test_what_it_says_of_genotypes_alone(tmp_path: Path) -> None:
    """That FILTER stays is as it should be, and no fault of the records."""
    lines = ["A C . CNN_SITE=1 GT:CNN_READS 0/1:1", "A AT . CNN_SITE=1 GT:CNN_READS 0/1:-4"]
    run, _ = run_filter(tmp_path, lines, "--per-sample")
    assert run.code == 0, run.err
    said = run.err.splitlines()
    assert said[0] == (
        "cnnscore: genotypes are judged, in FORMAT/FT, and FILTER stays as it is: --threshold, "
        "--expect-false or --resource would judge sites too"
    )
    assert "there is no cut-off" not in run.err
    assert "1 of 1 carriers of INDELs fail CNN_READS" in run.err
    run, _ = run_filter(tmp_path, lines, "--per-sample", "--threshold", 0)
    assert "FILTER stays" not in run.err
