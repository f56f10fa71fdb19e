"""`cnnscore filter`: where cut-offs come from: thresholds, the calls' header, a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import DATA, run_cli
from hosts.filtered import CUTOFFS, alleles, filter_text, header, info, run_filter, write_vcf
from hosts.tiny_network import with_manifest


def test_thresholds_are_graded_and_keep_what_scores_them(tmp_path: Path) -> None:
    calls = tmp_path / "calls.vcf"
    rows = [("A", "G", "1"), ("A", "G", "0.999"), ("A", "G", "-1"), ("A", "G", "-1.001")]
    rows += [("A", "AT", "-9"), ("AC", "GT", "0"), ("A", "G,AT", "0"), ("A", "<DEL>", "0")]
    write_vcf(calls, rows)
    column = run_filter(
        tmp_path / "out.vcf", calls, "--threshold", "SNP=1", "--threshold", "SNP=-1,INDEL=0"
    )
    assert column == [
        "PASS",
        "CNN_1D_SNP_below_1",
        "CNN_1D_SNP_below_1",
        "CNN_1D_SNP_below_-1",
        "CNN_1D_INDEL_below_0",
        "CNN_1D_SNP_below_1",  # an MNP, as VQSR has it
        "PASS",
        "PASS",
    ]
    column = run_filter(tmp_path / "out.vcf", calls, "--threshold", "SNP=5", "--types", "gatk")
    assert column[:4] == ["CNN_1D_SNP_below_5"] * 4
    assert column[4:] == [".", "PASS", "PASS", "PASS"]  # there is no cut-off for indels


def test_what_is_no_sequence_is_no_alternative(tmp_path: Path) -> None:
    """A gVCF's SNP is a SNP; with GATK's types it is what FilterVariantTranches has: mixed."""
    snp, indel, neither = "CNN_1D_SNP_below_0", "CNN_1D_INDEL_below_0", "PASS"
    table = [  # REF, ALT, types vqsr, types gatk
        ("A", "G,<NON_REF>", snp, neither),
        ("A", "G,<*>", snp, neither),
        ("A", "<*>,G", snp, neither),
        ("A", "G,*", snp, snp),
        ("A", "*,G,<NON_REF>", snp, neither),
        ("A", "AT,<NON_REF>", indel, neither),
        ("A", "AT,*", indel, neither),  # GATK: one base and another length
        ("AC", "A,*", indel, indel),
        ("AC", "GT,<NON_REF>", snp, neither),  # an MNP
        ("A", "G,AT,<NON_REF>", indel, neither),  # mixed all the same
        ("A", "G,A[chr1:900[", snp, neither),
        ("A", "<DEL>,<NON_REF>", indel, neither),  # symbolic alone
        ("A", "<NON_REF>", indel, neither),
        ("A", "*", snp, snp),
        ("A", "*,<NON_REF>", indel, neither),  # no sequence: mixed
        ("A", ".", neither, neither),
    ]
    calls = write_vcf(tmp_path / "calls.vcf", [(ref, alt, "-1") for ref, alt, *_ in table])
    for types, at in (("vqsr", 2), ("gatk", 3)):
        more = ["--threshold", "0", "--types", types]
        column = run_filter(tmp_path / "out.vcf", calls, *more)
        found = {row[:2]: verdict for row, verdict in zip(table, column, strict=True)}
        assert found == {row[:2]: row[at] for row in table}
    assert run_filter(tmp_path / "out.vcf", calls, "--threshold", "0") == [row[2] for row in table]


@pytest.mark.parametrize("source", ["threshold", "network"])
def test_a_type_without_a_cutoff_keeps_its_filter(
    source: str, tiny: dict[str, str], tmp_path: Path
) -> None:
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=chr1,length=40000>",
        '##FILTER=<ID=LowQual,Description="Low">',
        '##INFO=<ID=CNN_1D,Number=1,Type=Float,Description="Score">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    for alt, score in (("G", "CNN_1D=5"), ("G", "CNN_1D=-5"), ("AT", "CNN_1D=-5"), ("AT", ".")):
        for old in (".", "PASS", "LowQual"):
            lines.append(f"chr1\t{10 * len(lines)}\t.\tA\t{alt}\t30\t{old}\t{score}")
    calls = tmp_path / "calls.vcf"
    calls.write_text("\n".join(lines) + "\n")
    how: tuple[object, ...] = ("--threshold", "SNP=0")
    name = "CNN_1D_SNP_below_0"
    if source == "network":
        cutoffs = {"SNP": {"99.0": 0.0}}
        how = ("--model", with_manifest(tiny["reference"], tmp_path / "n.onnx", cutoffs=cutoffs))
        name = "CNN_1D_SNP_Tranche_99.00_100.00"
    kept, out = [".", "PASS", "LowQual"], tmp_path / "out.vcf"
    column = run_filter(out, calls, *how)
    assert column == ["PASS", "PASS", "LowQual", name, name, f"{name};LowQual", *kept, *kept]
    column = run_filter(out, calls, *how, "--invalidate-previous-filters")
    assert column == ["PASS"] * 3 + [name] * 3 + ["."] * 6
    done = run_cli("filter", calls, "-o", out, *how)
    assert "3 INDELs keep the FILTER that they have: there is no cut-off for INDELs" in done.err
    run_filter(out, calls, *how, "--soft")
    assert info(out, "CNN_1D_TRANCHE")[6:] == [None] * 6
    if source == "network":
        done = run_cli("filter", calls, "-o", out, *how, "--indel-tranche", "99")
        assert done.code == 1
        assert "has no INDEL cut-off at 99 %, nor any other for INDELs" in done.err


def own_scores(tiny: dict[str, str], folder: Path, **fields: object) -> Path:
    network = with_manifest(tiny["reference"], folder / "own.onnx", name="own", **fields)
    out = folder / "scored.vcf"
    done = run_cli(
        "score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-m", network, "-o", out, "--quiet"
    )
    assert done.code == 0, done.err
    return out


def test_own_cutoffs_are_read_from_the_header_alone(tiny: dict[str, str], tmp_path: Path) -> None:
    scored = own_scores(tiny, tmp_path, cutoffs=CUTOFFS)
    (tmp_path / "own.onnx").unlink()
    column = run_filter(tmp_path / "out.vcf", scored)
    scores = [float(score or "nan") for score in info(scored, "CNN_1D")]
    kinds = ["SNP" if len(r) == len(a) else "INDEL" for r, a in alleles(scored)]

    def verdict(kind: str, score: float) -> str:
        strict, loose = CUTOFFS[kind]["99.0"], CUTOFFS[kind]["99.9"]
        below = "99.90_100.00" if score < loose else "99.00_99.90"
        return "PASS" if score >= strict else f"CNN_1D_{kind}_Tranche_{below}"

    assert column == [verdict(*pair) for pair in zip(kinds, scores, strict=True)]
    assert len(set(column)) >= 3
    (line,) = [line for line in header(tmp_path / "out.vcf") if "##cnnscore_cutoffs" in line]
    assert line == (
        '##cnnscore_cutoffs=<ID=CNN_1D,From="network own",SNP="99:1.200 99.9:-0.500",'
        'INDEL="99:0.300 99.9:-2.000",'
        'Pass="CNN_1D at or above the first cut-off of its type, or not judged, '
        'and no filter from before; not odds of being true">'
    )
    done = run_cli("filter", scored, "-o", tmp_path / "out.vcf")
    assert "cut-offs 1.200 (99), -0.500 (99.9)" in done.err


def test_levels_choose_among_own_cutoffs(tiny: dict[str, str], tmp_path: Path) -> None:
    scored = own_scores(tiny, tmp_path, cutoffs=CUTOFFS)
    column = run_filter(tmp_path / "out.vcf", scored, "--snp-tranche", "99.9")
    assert "CNN_1D_SNP_Tranche_99.90_100.00" in filter_text(tmp_path / "out.vcf")
    assert not any("SNP_Tranche_99.00" in name for name in column)
    done = run_cli("filter", scored, "--indel-tranche", "95")
    assert (done.code, done.out) == (1, "")
    assert "no INDEL cut-off at 95 %: it has them at 99, 99.9" in done.err


def test_a_network_without_cutoffs(tiny: dict[str, str], tmp_path: Path) -> None:
    scored = own_scores(tiny, tmp_path)
    done = run_cli("filter", scored, "-o", tmp_path / "out.vcf")
    assert done.code == 1
    assert "the network own has no cut-offs of its own" in done.err
    assert "--threshold" in done.err


@pytest.mark.parametrize("more", [[], ["--expect-false", "5"]])
def test_another_network_than_the_headers_is_refused(
    more: list[str], tiny: dict[str, str], tmp_path: Path
) -> None:
    """Unless the header names none. By the file, whatever it is called."""
    shares = {"calibrated": ["SNP", "INDEL"], "true_share": {"SNP": 0.5, "INDEL": 0.5}}
    fields = {"cutoffs": CUTOFFS, "training": {"used": shares}}
    scored, out = own_scores(tiny, tmp_path, **fields), tmp_path / "out.vcf"
    assert "PASS" in run_filter(out, scored, "--model", tmp_path / "own.onnx", *more)
    out.unlink()
    for name in ("other", "own"):
        network = with_manifest(
            tiny["reference"], tmp_path / f"{name}.2.onnx", name=name, version="2", **fields
        )
        done = run_cli("filter", scored, "--model", network, *more, "-o", out)
        assert (done.code, done.err.count("\n"), out.exists()) == (1, 1, False)
        assert re.search(r"the network own \(\w{12}\) made CNN_1D", done.err)
        assert re.search(rf"--model names another one, {name} \(\w{{12}}\)", done.err)
        assert "leave out --model, or give cut-offs with --threshold" in done.err
    lines = scored.read_text().splitlines(keepends=True)
    scored.write_text("".join(line for line in lines if "##cnnscore_model" not in line))
    assert "PASS" in run_filter(out, scored, "--model", network, *more)
