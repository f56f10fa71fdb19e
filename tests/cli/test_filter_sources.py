"""`filter`: one default for the types that are judged, whatever sets the cut-offs; and warnings
where a single known call sets one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import run_cli
from hosts.filtered import write_vcf
from hosts.tiny_network import with_manifest
from hosts.tranche_runs import AS_GATK, filter_column

Row = tuple[str, str, object]


@pytest.mark.parametrize("source", ["resource", "network", "threshold", "expect-false"])
def test_no_false_mnp_passes_by_default(source: str, tiny: dict[str, str], tmp_path: Path) -> None:
    """freebayes writes them. Wherever the cut-off comes from, they are judged as SNPs are."""
    rows: list[Row] = [("A", alt, i) for alt in ("G", "AT") for i in range(10)]
    rows += [("AC", "GT", -9), ("ACG", "TCA", -9), ("A", "G,AT", -9), ("AC", "GT", 9)]
    calls = write_vcf(tmp_path / "calls.vcf", rows)
    levels = {name: {"99.0": 0.0} for name in ("SNP", "INDEL")}
    shares = {"calibrated": ["SNP", "INDEL"], "true_share": {"SNP": 0.5, "INDEL": 0.5}}
    network = with_manifest(
        tiny["reference"], tmp_path / "n.onnx", cutoffs=levels, training={"used": shares}
    )
    how: dict[str, list[object]] = {
        "resource": ["--resource", write_vcf(tmp_path / "known.vcf", rows[:20])],
        "network": ["-m", network],
        "threshold": ["--threshold", "0"],
        "expect-false": ["-m", network, "--expect-false", "50"],
    }

    def verdicts(*more: object) -> list[str]:
        done = run_cli("filter", calls, "-o", tmp_path / "out.vcf", *how[source], *more)
        assert done.code == 0, done.err
        return filter_column(tmp_path / "out.vcf")[20:]

    mnp, longer, mixed, good = verdicts()
    assert "CNN_1D_SNP_" in mnp
    assert longer == mnp
    assert "CNN_1D_INDEL_" in mixed
    assert good == "PASS"
    assert verdicts(*AS_GATK) == ["PASS"] * 4


MODEL = (
    '##cnnscore_model=<ID=CNN_1D,Model="own",Network=0,Version=1,'
    'Cutoffs="SNP:99.0:1.000,SNP:99.9:-1.000">'
)


def outcome(tmp_path: Path, known: list[float], model: str, *more: object) -> tuple[str, Path]:
    """What is said of known calls with these scores, at the default tranche of SNPs."""
    rows: list[Row] = [("A", "G", score) for score in known]
    calls = write_vcf(tmp_path / "calls.vcf", rows, model)
    resource = write_vcf(tmp_path / "known.vcf", rows)
    out = tmp_path / "out.vcf"
    done = run_cli("filter", calls, "--resource", resource, "-o", out, *more)
    assert done.code == 0, done.err
    return done.err, out


def test_a_cutoff_that_a_single_known_call_sets(tmp_path: Path) -> None:
    """The warning names the cut-off to prefer: the network's own, where it has one."""
    known = [3.0] * 3998 + [-5.0]
    said, _ = outcome(tmp_path, known, MODEL)
    assert "3,999 of the 3,999 scored SNPs, too few for the tranche 99.95" in said
    assert "a single call sets" in said
    assert "whose cut-off (3.000) a single call sets: prefer a lower --snp-tranche" in said
    assert "without --resource, --snp-tranche 99.9 takes the network's own" in said
    assert "(own: -1.000)" in said
    said, _ = outcome(tmp_path, known, "")
    assert "too few for the tranche 99.95" in said
    assert "prefer a lower --snp-tranche, or take more resources" in said
    assert "network" not in said
    said, _ = outcome(tmp_path, [3.0] * 4000, MODEL)
    assert "too few" not in said
    said, _ = outcome(tmp_path, [3.0] * 20, MODEL, "--snp-tranche", "90")
    assert "too few" not in said, "two calls lie beyond, and 1 - .9 is a little less than .1"


def test_the_share_that_is_kept_is_the_one_that_is_stated(tmp_path: Path) -> None:
    """As the tranche table counts it: of few known calls it is not that of the tranche. Nor is a
    stricter tranche offered that too few known calls set."""
    known, table = [float(i) for i in range(192)], tmp_path / "table.tsv"
    said, _ = outcome(tmp_path, known, "", "--tranche-table", table)
    head, row, *_ = (line.split("\t") for line in table.read_text().splitlines())
    counts = dict(zip(head, row, strict=True))
    kept, n = int(counts["resource_kept"]), int(counts["resource_calls"])
    assert 98 < 100 * kept / n < 99.9
    assert f"as are {kept} of the {n} SNPs in the resources ({100 * kept / n:.1f} %)" in said
    (choices,) = re.findall(r"; stricter: (.*)", said)
    assert re.findall(r"\(([^)]*)\)", choices) == ["98", "95"], "99 of 192 is a single call's"


def test_a_cutoff_far_below_the_networks_own(tmp_path: Path) -> None:
    known = [3.0] * 9990 + [-5.0] * 10
    said, _ = outcome(tmp_path, known, MODEL)
    (line,) = [line for line in said.splitlines() if "warning" in line]
    assert "the cut-off of the known SNPs at the tranche 99.95, -5.000, is 4.0 below" in line
    assert "keeps 99.9 % of the network's own true calls (own: -1.000)" in line
    assert "prefer a lower --snp-tranche" in line
    said, _ = outcome(tmp_path, [3.0] * 9990 + [-1.9] * 10, MODEL)
    assert "warning" not in said, "less than 1 below it is not far"
    said, _ = outcome(tmp_path, known, "")
    assert "warning" not in said, "a network that says nothing"
    said, _ = outcome(tmp_path, known, MODEL, "--snp-tranche", "99")
    assert "warning" not in said


BOTH = MODEL.replace('">', ';QD MQ;SNP:99.0:3.000,SNP:99.9:-3.000">')
"""A network with cut-offs of their own for bare calls: 2 below those of others, at 99.9 %."""
BARE = "of those without the caller's annotations"


@pytest.mark.parametrize(
    ("n_bare", "own", "worst"),
    [
        (0, "own: -1.000", -2.5),
        (500, "own: -1.000", -2.5),
        (9950, f"own: {BARE} -3.000", -4.5),
        (10000, f"own: {BARE} -3.000", -4.5),
        (5000, f"own: -1.000, {BARE} -3.000", -2.5),
    ],
)
def test_it_is_the_networks_own_of_these_calls(
    n_bare: int, own: str, worst: float, tmp_path: Path
) -> None:
    """What those calls take that are bare, or not: the cut-off that is named is what they get."""
    for low, says in ((worst, True), (worst + 1, False)):
        known = [3.0] * 9990 + [low] * 10
        calls = write_vcf(tmp_path / "calls.vcf", [("A", "G", score) for score in known], BOTH)
        head, _, rows = calls.read_text().partition("#CHROM")
        keys = "".join(
            f'##INFO=<ID={key},Number=1,Type=Float,Description="x">\n' for key in ("QD", "MQ")
        )
        columns, *lines = rows.splitlines()
        annotated = [line + ";QD=1;MQ=60" * (i >= n_bare) for i, line in enumerate(lines)]
        calls.write_text("\n".join([head + keys + "#CHROM" + columns, *annotated]) + "\n")
        done = run_cli("filter", calls, "--resource", calls, "-o", tmp_path / "out.vcf")
        assert done.code == 0, done.err
        assert ("1.5 below the one that keeps 99.9 %" in done.err) is says, done.err
        assert (f"true calls ({own})" in done.err) is says
        assert (f"takes the network's own cut-off ({own})" in done.err) is says


def test_what_it_names_can_be_used(tmp_path: Path) -> None:
    known = [3.0] * 9990 + [-5.0] * 10
    said, out = outcome(tmp_path, known, MODEL)
    assert filter_column(out).count("PASS") == 9990, "that of GATK: the cut-off itself fails"
    assert "without --resource, --snp-tranche 99.9" in said
    calls, again = tmp_path / "calls.vcf", tmp_path / "again.vcf"
    assert run_cli("filter", calls, "--snp-tranche", "99.9", "-o", again).code == 0
    assert filter_column(again).count("PASS") == 9990
