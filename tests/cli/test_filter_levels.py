"""`filter` by any level of a network's curve, and with cut-offs of their own for bare calls."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cnnscore.network.cutoffs import LEVELS
from conftest import DATA, run_cli
from hosts.tiny_network import with_manifest

KEYS = ["QD", "FS", "SOR", "MQ"]
CURVE = {f"{level!r}": round((100 - level) / 10 - 4, 3) for level in LEVELS}  # falls with levels
HEADER = [
    "##fileformat=VCFv4.2",
    "##contig=<ID=chr1,length=40000>",
    *(f'##INFO=<ID={key},Number=1,Type=Float,Description="x">' for key in (*KEYS, "CNN_1D")),
]


@pytest.fixture
def network(tiny: dict[str, str], tmp_path: Path) -> str:
    cutoffs = {"SNP": CURVE, "INDEL": {"99.0": 0.5, "99.9": -0.5}}
    return with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", cutoffs=cutoffs)


def scored(network: str, folder: Path) -> Path:
    out = folder / "scored.vcf"
    arguments = ("-R", DATA / "ref.fa", "-m", network, "-o", out, "--quiet")
    done = run_cli("score", DATA / "calls.vcf.gz", *arguments)
    assert done.code == 0, done.err
    return out


def cutoffs_of(out: Path, field: str) -> str:
    (line,) = re.findall(r"##cnnscore_cutoffs=<.*>", out.read_text())
    found = re.search(f',{field}="([^"]*)"', line)
    assert found, line
    return found[1]


@pytest.mark.parametrize("level", [50, 73.5, 95, 96.25, 99.2, 99.9, 99.95])
def test_any_level_of_the_curve(level: float, network: str, tmp_path: Path) -> None:
    """From the header alone: the network is gone by then."""
    calls, out = scored(network, tmp_path), tmp_path / "out.vcf"
    Path(network).unlink()
    done = run_cli("filter", calls, "--snp-tranche", level, "-o", out)
    assert done.code == 0, done.err
    cut = float(cutoffs_of(out, "SNP").removeprefix(f"{level:g}:"))
    nearest = sorted(LEVELS, key=lambda known: abs(known - level))[:1]
    assert cut == pytest.approx((100 - level) / 10 - 4, abs=0.06)
    if nearest == [level]:
        assert cut == CURVE[repr(float(level))]
    assert f"as are {level:g} % of the true SNPs" in done.err
    name = f"CNN_1D_SNP_Tranche_{level:.2f}_100.00"
    rows = re.findall(
        r"^chr\S+\t\d+\t\S+\t[ACGT]\t[ACGT]\t\S+\t(\S+)\t(.*)$", out.read_text(), re.M
    )
    verdicts = {
        (float(found[1]) < cut, name in column)
        for column, information in rows
        if (found := re.search("CNN_1D=([-.0-9]+)", information))
    }
    assert verdicts <= {(True, True), (False, False)}


def test_levels_beyond_the_curve_are_refused(network: str, tmp_path: Path) -> None:
    calls = scored(network, tmp_path)
    for option, level, says in (
        ("--snp-tranche", 49, "no SNP cut-off at 49 %: it has them at 50 to 99.95"),
        ("--snp-tranche", 99.97, "no SNP cut-off at 99.97 %: it has them at 50 to 99.95"),
        ("--indel-tranche", 95, "no INDEL cut-off at 95 %: it has them at 99, 99.9"),
        ("--indel-tranche", 99.5, "no INDEL cut-off at 99.5 %: it has them at 99, 99.9"),
    ):
        done = run_cli("filter", calls, option, level, "-o", tmp_path / "f.vcf")
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert says in done.err
        assert option in done.err
        assert not (tmp_path / "f.vcf").exists()


def test_the_bundled_networks_have_a_curve(tmp_path: Path) -> None:
    """From 50 to 99.95, for calls without annotations too; beyond, nothing is made up."""
    out = tmp_path / "scored.vcf"
    assert (
        run_cli("score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-o", out, "--quiet").code
        == 0
    )
    done = run_cli("filter", out, "--snp-tranche", 95, "-o", tmp_path / "f.vcf")
    assert done.code == 0, done.err
    assert re.search(r"\(95\), of those without the caller's annotations \S+ \(95\)", done.err)
    done = run_cli("filter", out, "--snp-tranche", 99.99, "-o", tmp_path / "f.vcf")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "the network reference has no SNP cut-off at 99.99 %" in done.err
    assert "it has them at 50 to 99.95" in done.err


def test_without_a_level_the_curve_gives_99_and_99_9(network: str, tmp_path: Path) -> None:
    calls, out = scored(network, tmp_path), tmp_path / "out.vcf"
    done = run_cli("filter", calls, "-o", out)
    assert cutoffs_of(out, "SNP") == f"99:{CURVE['99.0']:.3f} 99.9:{CURVE['99.9']:.3f}"
    assert cutoffs_of(out, "INDEL") == "99:0.500 99.9:-0.500"
    choices = re.search(r"SNPs are kept.*; stricter: (.*)", done.err)
    assert choices
    assert re.findall(r"\(([^)]*)\)", choices[1]) == ["98", "95", "--threshold 0"]


def test_thresholds_are_held_against_the_curve(tiny: dict[str, str], tmp_path: Path) -> None:
    """What they keep of the network's true calls, and what stricter levels would keep."""
    of_bare = {name: round(score + 0.1, 3) for name, score in CURVE.items()}
    fields: dict[str, Any] = {
        "cutoffs": {"SNP": CURVE},
        "bare_cutoffs": {"annotations": KEYS, "cutoffs": {"SNP": of_bare}},
    }
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", **fields)
    calls, out = scored(network, tmp_path), tmp_path / "out.vcf"
    where = "of the true SNPs where the network own was measured"

    def said(*thresholds: str) -> str:
        done = run_cli("filter", calls, "-o", out, *thresholds)
        assert done.code == 0, done.err
        return done.err

    bare = "without the caller's annotations"
    cut = CURVE["98.0"]
    assert f"as are 98 % ({bare} 99 %) {where}" in said("--threshold", f"SNP={cut}")
    assert f"as are less than 50 % ({bare} less than 50 %) {where}" in said("--threshold=SNP=9")
    assert f"as are more than 99.95 % ({bare} more than" in said("--threshold=SNP=-inf")
    choices = re.findall(r"stricter: (.*)", said("--threshold", f"SNP={cut}"))
    assert re.findall(r"at (\S+ or \S+|\S+) \(([^)]*)\)", choices[0]) == [
        (f"{CURVE['95.0']:.3f} or {of_bare['95.0']:.3f}", "95"),
        (f"{CURVE['90.0']:.3f} or {of_bare['90.0']:.3f}", "90"),
        ("0.000", "--threshold 0"),
    ]
    assert "stricter" not in said("--threshold=SNP=9")
    text = said("--threshold=INDEL=0")
    assert re.search(r" \d+ INDELs are kept$", text, re.MULTILINE), "the curve is of SNPs alone"


def test_a_curve_that_ends_below_99_is_not_taken_unasked(
    tiny: dict[str, str], tmp_path: Path
) -> None:
    short = {"SNP": {"50.0": 1.0, "60.0": 0.5, "70.0": 0.0}}
    network = with_manifest(tiny["reference"], tmp_path / "s.onnx", name="short", cutoffs=short)
    calls, out = scored(network, tmp_path), tmp_path / "out.vcf"
    done = run_cli("filter", calls, "-o", out)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "the network short has no SNP cut-off at 99 %: it has them at 50 to 70" in done.err
    assert "--snp-tranche" in done.err
    assert run_cli("filter", calls, "--snp-tranche", 65, "-o", out).code == 0


def test_bare_calls_are_judged_by_their_own_curve(tiny: dict[str, str], tmp_path: Path) -> None:
    """A record is bare that lacks more than half of the annotations, whatever the header says."""
    cutoffs = {"SNP": {"99.0": 1.0, "99.9": 0.0}, "INDEL": {"99.0": 3.0}}
    of_bare = {"annotations": KEYS, "cutoffs": {"SNP": {"99.0": 2.0, "99.9": 1.5}}}
    fields: dict[str, Any] = {"cutoffs": cutoffs, "bare_cutoffs": of_bare}
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", **fields)
    strict, loose = "CNN_1D_SNP_Tranche_99.90_100.00", "CNN_1D_SNP_Tranche_99.00_99.90"
    table = [  # annotations, score, ALT, FILTER
        ("QD=1;FS=1;SOR=1;MQ=1", 1.0, "G", "PASS"),
        ("QD=1;FS=1", 1.0, "G", "PASS"),
        ("QD=1;FS=1", -0.1, "G", strict),
        ("QD=1;FS=.", 1.0, "G", strict),
        ("MQ=60", 1.7, "G", loose),
        ("MQ=60", 2.0, "G", "PASS"),
        (".", 1.999, "G", loose),
        (".", 1.499, "G", strict),
        (".", 3.0, "AT", "PASS"),  # indels are not apart
    ]
    lines = [*HEADER, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for at, (information, score, alt, _) in enumerate(table, 100):
        lines.append(f"chr1\t{at}\t.\tA\t{alt}\t30\t.\t{information};CNN_1D={score}")
    calls, out = tmp_path / "calls.vcf", tmp_path / "out.vcf"
    calls.write_text("\n".join(lines).replace("\t.;CNN", "\tCNN") + "\n")
    done = run_cli("filter", calls, "-m", network, "-o", out)
    assert done.code == 0, done.err
    column = [line.split("\t")[6] for line in out.read_text().splitlines() if line[0] != "#"]
    assert column == [row[3] for row in table]
    assert cutoffs_of(out, "SNP") == "99:1.000 99.9:0.000"
    assert cutoffs_of(out, "SNP_bare") == "99:2.000 99.9:1.500"
    says = "cut-offs 1.000 (99), 0.000 (99.9), of those without the caller's annotations 2.000"
    assert says in done.err
    # through the header of a scored file too, where no record lacks anything or all do
    calls = scored(network, tmp_path)
    done = run_cli("filter", calls, "-o", out)
    assert done.code == 0, done.err
    assert cutoffs_of(out, "SNP_bare") == "99:2.000 99.9:1.500"
    done = run_cli("filter", calls, "--snp-tranche", "99.5", "-o", out)
    assert "no SNP cut-off at 99.5 %" in done.err
    assert (done.code, done.err.count("\n")) == (1, 1)


def test_a_level_that_bare_calls_lack(tiny: dict[str, str], tmp_path: Path) -> None:
    of_bare = {"annotations": KEYS, "cutoffs": {"SNP": {"99.0": 2.0, "99.9": 1.5}}}
    fields: dict[str, Any] = {"cutoffs": {"SNP": CURVE}, "bare_cutoffs": of_bare}
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", **fields)
    calls = scored(network, tmp_path)
    done = run_cli("filter", calls, "--snp-tranche", "95", "-o", tmp_path / "f.vcf")
    assert (done.code, done.err.count("\n")) == (1, 1)
    says = (
        "no SNP cut-off of calls without the caller's annotations at 95 %: it has them at 99, 99.9"
    )
    assert says in done.err
