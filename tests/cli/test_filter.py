"""`cnnscore filter`: GATK's rule on dense files, and all that it does beyond."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pysam
import pytest

from conftest import DATA, run_cli, run_process
from hosts.filtered import CUTOFFS, alleles, filter_text, header, info, run_filter, write_vcf
from hosts.tiny_network import with_manifest
from hosts.tranche_cases import Case, write_case
from hosts.tranche_runs import AS_GATK, RUNS, Run, filter_column, filter_lines
from oracles.tranches import filters


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return write_case(tmp_path_factory.mktemp("case"), seed=11, scale=0.3)


@pytest.fixture(scope="module")
def expected(case: Case) -> list[str]:
    return filters(case.calls, case.resources[:2], "CNN_2D", [99.95], [99.4], clear=False)


def of(case: Case, *resources: int) -> list[object]:
    named = [("--resource", case.resources[i]) for i in resources]
    return [*AS_GATK, "--info-key", "CNN_2D", *(part for pair in named for part in pair)]


# ---- GATK's rule ----


@pytest.mark.parametrize("run", RUNS, ids=[f"seed{run.seed}" for run in RUNS])
def test_what_gatk_wrote(run: Run, tmp_path: Path) -> None:
    case = run.case(tmp_path)
    column = run_filter(tmp_path / "out.vcf", case.calls, *AS_GATK, *run.arguments(case))
    assert [*column, *sorted(filter_lines(tmp_path / "out.vcf"))] == run.golden()


@pytest.mark.parametrize("seed", range(100, 106))
def test_against_the_plain_reading_of_the_rule(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    case = write_case(tmp_path, seed, rng.choice(["SIMXYDN", "SI", "SIMX"]), scale=0.3)
    snp, indel = rng.sample([0.0, 10, 50, 90, 99, 99.9], 3), rng.sample([0.0, 10, 50, 90, 99], 2)
    clear = seed % 2 == 0
    column = run_filter(
        tmp_path / "out.vcf",
        case.calls,
        *of(case, 2, 0),
        *(f"--snp-tranche={level}" for level in snp),
        *(f"--indel-tranche={level}" for level in indel),
        *(["--invalidate-previous-filters"] if clear else []),
    )
    resources = [case.resources[2], case.resources[0]]
    assert column == filters(case.calls, resources, "CNN_2D", snp, indel, clear)


def test_types(case: Case, tmp_path: Path) -> None:
    as_gatk = run_filter(tmp_path / "1.vcf", case.calls, *of(case, 0), "--indel-tranche", "30")
    as_vqsr = run_filter(
        tmp_path / "2.vcf", case.calls, *of(case, 0), "--indel-tranche=30", "--types=vqsr"
    )
    more = [
        pair
        for pair, a, b in zip(alleles(tmp_path / "1.vcf"), as_gatk, as_vqsr, strict=True)
        if "CNN" in b and "CNN" not in a
    ]
    assert any("<" in alt for _, alt in more)
    assert any("," in alt for _, alt in more)


# ---- how files come and go ----


def test_standard_input_is_spooled(case: Case, expected: list[str], tmp_path: Path) -> None:
    arguments = ["filter", "-", *of(case, 0, 1)]
    spool = tmp_path / "spool"
    spool.mkdir()
    environment = {**os.environ, "TMPDIR": str(spool)}
    for stream in (case.calls.read_bytes(), subprocess.check_output(["zcat", case.calls])):
        done = run_process(*arguments, input=stream, env=environment)
        assert done.returncode == 0, done.stderr
        (tmp_path / "out.vcf").write_bytes(done.stdout)
        assert filter_column(tmp_path / "out.vcf") == expected
    assert list(spool.iterdir()) == []
    cut = run_process(*arguments, input=case.calls.read_bytes()[:-200])
    assert cut.returncode == 2
    assert b"standard input" in cut.stderr


def test_a_fifo_is_spooled(case: Case, expected: list[str], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.vcf"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(case.calls.read_bytes()))
    writer.start()
    assert run_filter(tmp_path / "out.vcf", fifo, *of(case, 0, 1)) == expected
    writer.join()


def test_no_room_to_spool(case: Case) -> None:
    stream = case.calls.read_bytes()
    done = run_process("filter", "-", *of(case, 0), input=stream, limit="-f 4")
    assert done.returncode == 2, done.stderr
    assert b"cannot spool standard input" in done.stderr
    assert b"TMPDIR" in done.stderr


def other_forms(original: Path, folder: Path) -> dict[str, Path]:
    """The same resource in every form that can be read."""
    plain, bgzipped = folder / "plain.vcf", folder / "bgzipped.vcf.gz"
    plain.write_bytes(subprocess.check_output(["zcat", original]))
    shutil.copy(original, bgzipped)
    forms = {"plain": plain, "no index": bgzipped}
    for name, kind in (("bcf", "b"), ("uncompressed bcf", "u"), ("indexed bcf", "b")):
        forms[name] = folder / f"{name}.bcf".replace(" ", "_")
        subprocess.check_call(["bcftools", "view", f"-O{kind}", "-o", forms[name], original])
    subprocess.check_call(["bcftools", "index", forms["indexed bcf"]])
    forms["csi"] = folder / "csi.vcf.gz"
    shutil.copy(original, forms["csi"])
    subprocess.check_call(["bcftools", "index", "-c", forms["csi"]])
    forms["old index"] = folder / "old.vcf.gz"
    shutil.copy(original, forms["old index"])
    (folder / "old.vcf.gz.tbi").write_bytes(b"wrong")
    os.utime(folder / "old.vcf.gz.tbi", (0, 0))
    lines = plain.read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#") and not line.startswith("##contig")]
    body = [line for line in lines if not line.startswith("#")]
    order = ["chr10", "chr1", "chr2"]
    body.sort(key=lambda line: order.index(line.split("\t")[0]))
    turned = folder / "turned.vcf"
    turned.write_text("".join([*head, *body]))
    forms["contigs in another order, not declared"] = turned
    pysam.tabix_compress(str(turned), str(folder / "turned.vcf.gz"), force=True)
    forms["the same bgzipped"] = folder / "turned.vcf.gz"
    return forms


def test_forms_of_resources(case: Case, tmp_path: Path) -> None:
    once = run_filter(tmp_path / "out.vcf", case.calls, *of(case, 0))
    for name, path in other_forms(case.resources[0], tmp_path).items():
        again = run_filter(tmp_path / "out.vcf", case.calls, *of(case), "--resource", path)
        assert again == once, name


def test_sparse_calls_jump_by_the_index(tmp_path: Path) -> None:
    rng, sites = random.Random(3), "\tA\tG\t.\t.\t."
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=9000000>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    positions = sorted(rng.sample(range(100, 9_000_000), 20_000))
    known = tmp_path / "known.vcf"
    known.write_text(head + columns + "".join(f"chr1\t{pos}\t.{sites}\n" for pos in positions))
    chosen = sorted(
        {*positions[7000:7040], *positions[::1500], *range(1_000_000, 9_000_000, 400_000)}
    )
    lines = [f"chr1\t{pos}\t.\tA\tG\t.\t.\tCNN_2D={rng.gauss(0, 1):.3f}\n" for pos in chosen]
    key = '##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="Score">\n'
    calls = tmp_path / "calls.vcf"
    calls.write_text(head + key + columns + "".join(lines))
    indexed = pysam.tabix_index(str(known), preset="vcf", keep_original=True)
    tables = []
    for resource_file in (known, indexed):
        table = tmp_path / "table.tsv"
        more = ["--snp-tranche", "50", "--tranche-table", table]
        run_filter(tmp_path / "out.vcf", calls, "--resource", resource_file, *more)
        tables.append(table.read_text())
    assert tables[0] == tables[1]
    head_row, _, all_snps, *_ = (line.split("\t") for line in tables[0].splitlines())
    total = dict(zip(head_row, all_snps, strict=True))
    assert int(total["known"]) == len(set(chosen) & set(positions)) >= 50
    assert int(total["novel"]) == len(chosen) - int(total["known"]) > 0


def test_output_formats(case: Case, expected: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.bcf"
    done = run_cli("filter", case.calls, *of(case, 0, 1), "-o", out, "-W", "--quiet")
    assert done.code == 0, done.err
    assert (tmp_path / "out.bcf.csi").is_file()
    with pysam.VariantFile(str(out)) as file:
        assert [";".join(map(str, record.filter)) or "." for record in file] == expected
        assert file.header.filters["CNN_2D_SNP_Tranche_99.95_100.00"].description == (
            "SNP truth resource sensitivity between 99.95 and 100.00 for info key CNN_2D"
        )
    cleared = ["--invalidate-previous-filters", "-o", out]
    assert run_cli("filter", out, *of(case, 0, 1), *cleared, "--quiet").code == 0
    with pysam.VariantFile(str(out)) as file:  # its own input, and read while it is written
        assert "Zebra" not in file.header.filters
        again = [";".join(map(str, record.filter)) for record in file]
    assert again == filters(case.calls, case.resources[:2], "CNN_2D", [99.95], [99.4], clear=True)


def test_filtering_again_replaces_header_lines(case: Case, tmp_path: Path) -> None:
    first, second = tmp_path / "1.vcf", tmp_path / "2.vcf"
    run_filter(first, case.calls, *of(case, 0))
    run_filter(second, first, *of(case, 1))
    for text in ("##FILTER=<ID=CNN_2D_SNP_", "##cnnscore_cutoffs=<ID=CNN_2D,"):
        assert sum(line.startswith(text) for line in header(second)) == 1
    named = [line for line in header(second) if line.startswith("##cnnscore_cutoffs")]
    assert 'From="resources resource1.vcf.gz"' in named[0]
    assert 'Pass="CNN_2D above the first cut-off of its type, or not judged' in named[0]


def test_score_and_filter_by_pipe(tiny: dict[str, str], tmp_path: Path) -> None:
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", cutoffs=CUTOFFS)
    me = f"{sys.executable} -m cnnscore"
    score = f"{me} score {DATA}/calls.vcf.gz -R {DATA}/ref.fa -m {network} -O u"
    for more in ("", f"--resource {DATA}/truth.vcf.gz --snp-tranche 90 --indel-tranche 90"):
        line = f"set -o pipefail; {score} | {me} filter - {more} -o {tmp_path}/out.vcf.gz -W"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with pysam.VariantFile(f"{tmp_path}/out.vcf.gz") as file:
            kept = [record for record in file if "PASS" in record.filter]
        assert 0 < len(kept) < 294


# ---- beside FILTER ----


def test_soft_leaves_filter_alone(case: Case, expected: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    column = run_filter(out, case.calls, *of(case, 0, 1), "--soft")
    text = subprocess.check_output(["zcat", case.calls], text=True)
    (tmp_path / "in.vcf").write_text(text)
    assert column == filter_column(tmp_path / "in.vcf")
    verdicts = info(out, "CNN_2D_TRANCHE")
    for verdict, there, hard, score in zip(
        verdicts, column, expected, info(out, "CNN_2D"), strict=True
    ):
        if verdict is None:
            assert "CNN" not in hard
        elif verdict == "PASS":
            assert "CNN" not in hard
            assert score is not None
        else:
            added = set(hard.split(";")) - set(there.split(";"))
            assert added == {verdict}
    assert None in verdicts
    assert "CNN_2D_SNP_Tranche" not in filter_text(out)
    run_filter(tmp_path / "again.vcf", out, *of(case, 0), "--soft")


def test_sensitivity_field(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    levels = ["--snp-tranche=90", "--indel-tranche=90"]
    run_filter(out, case.calls, *of(case, 0, 1), *levels, "--sensitivity-field")
    found = info(out, "CALIBRATION_SENSITIVITY")
    scores = info(out, "CNN_2D")
    assert all((value is None) or (score is not None)
               for value, score in zip(found, scores, strict=True))  # fmt: skip
    column = filter_column(out)
    for name in ("SNP", "INDEL"):
        failed = [float(v or 0) for v, f in zip(found, column, strict=True) if f"{name}_T" in f]
        assert abs(min(failed) - 0.9) < 0.01
        assert max(failed) == 1
    run_filter(out, case.calls, *of(case, 0), "--sensitivity-field=MINE")
    assert any(info(out, "MINE"))
    done = run_cli("filter", out, *of(case, 0), "--sensitivity-field=CNN_1D")
    assert done.code == 2
    assert "another INFO/CNN_1D already" in done.err


def test_tranche_table(case: Case, tmp_path: Path) -> None:
    out, table = tmp_path / "out.vcf", tmp_path / "tranches.tsv"
    done = run_cli(
        "filter", case.calls, *of(case, 0, 1), "-o", out, "--tranche-table", table,
        "--invalidate-previous-filters", "--snp-tranche=50", "--snp-tranche=95",
    )  # fmt: skip
    assert done.code == 0, done.err
    head, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["type"], row["tranche"]) for row in found] == [
        ("SNP", "50"), ("SNP", "95"), ("SNP", "all"), ("INDEL", "99.4"), ("INDEL", "all"),
    ]  # fmt: skip
    column = filter_column(out)
    strict, loose, all_snps = (int(row["kept"]) for row in found[:3])
    assert all_snps - loose == column.count("CNN_2D_SNP_Tranche_95.00_100.00")
    assert loose - strict == column.count("CNN_2D_SNP_Tranche_50.00_95.00")
    assert all(int(row["known"]) + int(row["novel"]) == int(row["kept"]) for row in found)
    assert int(found[2]["resource_calls"]) == int(found[2]["known"])
    assert f"{all_snps - strict:,} of {all_snps:,} SNPs fail CNN_2D" in done.err
    assert all(row["het_hom"] != "NA" for row in found)


def test_few_resource_calls_are_counted_in_a_warning(case: Case, tmp_path: Path) -> None:
    done = run_cli("filter", case.calls, *of(case, 0), "-o", tmp_path / "out.vcf", "--quiet")
    assert done.code == 0
    assert "warning: the resources have" in done.err
    assert "scored SNPs, too few for the tranche 99.95" in done.err
    calm = [*of(case, 0), "--snp-tranche", "50", "--indel-tranche", "50"]
    done = run_cli("filter", case.calls, *calm, "-o", tmp_path / "out.vcf", "--quiet")
    assert done.err == ""


def test_a_file_without_records(case: Case, tmp_path: Path) -> None:
    empty = write_vcf(tmp_path / "empty.vcf", [])
    for more in (["--threshold", "0"], ["--resource", case.resources[0]]):
        done = run_cli("filter", empty, "-o", tmp_path / "out.vcf", *more)
        assert done.code == 0
        assert done.err.count("has no records") == 1, "it is said once"
    assert len(filter_lines(tmp_path / "out.vcf")) == 2


def test_memory_holds_resource_scores_and_bits() -> None:
    from cnnscore.filter.run import _Bits

    bits, rng, flags = _Bits(), np.random.default_rng(1), []
    for size in (0, 1, 7, 8, 4096, 3):
        flags.append(rng.integers(0, 2, size).astype(np.uint8))
        bits.append(flags[-1])
    parts = [bits.take(n) for n in (5, 4000, 0, 200)]
    assert np.concatenate(parts).tolist() == np.concatenate(flags).astype(bool).tolist()
    assert bits.is_empty()
