"""`cnnscore score` with networks of our own encodings: alleles, and what a score depends on."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import pysam
import pytest

from conftest import run_cli, scores_of

KEYS = {"read-set": "CNN_READS", "read-set-2": "CNN_READS", "reference": "CNN_REF"}


def score(
    data: Path, network: str, output: Path, *more: object, calls: str = "calls.vcf.gz"
) -> Path:
    """Score synthetic calls, reads included."""
    run = run_cli(
        "score",
        data / calls,
        *("-R", data / "ref.fa", "-I", data / "reads.bam", "-m", network, "--no-version"),
        *("-o", output, *more),
    )
    assert run.code == 0, run.err
    return output


@pytest.mark.parametrize("encoding", KEYS)
def test_a_record_has_the_largest_score_of_its_alleles(
    encoding: str, data: Path, stand_ins: dict[str, str], tmp_path: Path
) -> None:
    network, key = stand_ins[encoding], KEYS[encoding]
    whole = scores_of(score(data, network, tmp_path / "whole.vcf", calls="edge.vcf.gz"), key)
    path = score(data, network, tmp_path / "a.vcf", "--per-allele", calls="edge.vcf.gz")
    several = 0
    with pysam.VariantFile(str(path)) as records:
        assert records.header.info[key].number == "A"
        for record, expected in zip(records, whole, strict=True):
            found = record.info.get(key)
            if found is None:
                assert expected is None
                continue
            assert len(found) == len(record.alts or ())
            several += len(found) > 1
            for alt, value in zip(record.alts or (), found, strict=True):
                assert (value is None) == (not set(alt.upper()) <= set("ACGTN"))
            best = max(value for value in found if value is not None)
            assert math.isclose(best, float(expected or "nan"), abs_tol=1e-6)
    assert several == 4


def test_odd_alleles_get_no_score(data: Path, stand_ins: dict[str, str], tmp_path: Path) -> None:
    calls, output = tmp_path / "odd.vcf", tmp_path / "scored.vcf"
    with pysam.FastaFile(str(data / "ref.fa")) as fasta:
        base = fasta.fetch("synA", 999, 1000)
    alts = ["*", "<DEL>", "<NON_REF>", ".", base, f"{base}TT,*", "*,<NON_REF>", f"{base}]synB:7]"]
    lines = [f"synA\t1000\t.\t{base}\t{alt}\t50\t.\t.\n" for alt in alts]
    header = "##fileformat=VCFv4.2\n##contig=<ID=synA,length=40000>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    calls.write_text(header + columns + "".join(lines))
    for more in ([], ["--per-allele"]):
        run = run_cli(
            "score", calls, "-R", data / "ref.fa", "-I", data / "reads.bam",
            "-m", stand_ins["read-set"], "-o", output, *more,
        )  # fmt: skip
        assert run.code == 0, run.err
        assert "7 without an ALT allele to score" in run.err
        found = scores_of(output, "CNN_READS")
        assert [value is not None for value in found] == [
            alt.startswith(base + "TT") for alt in alts
        ]
        if more:
            assert found[5] is not None
            assert found[5].endswith(",.")


@pytest.mark.parametrize("more", ["<NON_REF>", "<*>", "*"])
@pytest.mark.parametrize(("network", "key"), [("reads", "CNN_READS"), ("reference", "CNN_REF")])
def test_a_gvcfs_alleles_change_no_score(
    network: str, key: str, more: str, data: Path, tmp_path: Path
) -> None:
    """The calls as they stand, and with a symbolic or spanning allele beside every ALT."""
    gvcf = tmp_path / "gvcf.vcf"
    with gzip.open(data / "calls.vcf.gz", "rt") as source, gvcf.open("w") as output:
        for line in source:
            fields = line.split("\t")
            if not line.startswith("#"):
                fields[4] += f",{more}"
            output.write("\t".join(fields))
    plain = scores_of(score(data, network, tmp_path / "plain.vcf"), key)
    calls = os.path.relpath(gvcf, data)
    assert scores_of(score(data, network, tmp_path / "scored.vcf", calls=calls), key) == plain


@pytest.mark.parametrize("network", [*KEYS, "reads"])
def test_a_score_depends_on_its_site_alone(
    network: str, data: Path, stand_ins: dict[str, str], tmp_path: Path
) -> None:
    network = stand_ins.get(network, network)
    whole = score(data, network, tmp_path / "whole.vcf").read_bytes()
    for i, more in enumerate((("--batch-size", 1), ("--batch-size", 1000), ("--threads", 3))):
        assert score(data, network, tmp_path / f"{i}.vcf", *more).read_bytes() == whole


@pytest.mark.parametrize("network", ["read-set", "reads"])
def test_the_order_of_reads_and_files_never_matters(
    network: str, data: Path, stand_ins: dict[str, str], tmp_path: Path
) -> None:
    """At 200x, where 128 reads are chosen: one file, or two with the reads dealt out."""
    deep = data / "deep.bam"
    parts = [tmp_path / "a.bam", tmp_path / "b.bam"]
    with pysam.AlignmentFile(str(deep)) as source:
        outputs = [pysam.AlignmentFile(str(part), "wb", template=source) for part in parts]
        for i, read in enumerate(source):
            outputs[i * 7 % 3 % 2].write(read)
        for part_file in outputs:
            part_file.close()
    for part in parts:
        pysam.index(str(part))
    scored = []
    for reads in ([deep], parts, parts[::-1]):
        output = tmp_path / "out.vcf"
        run = run_cli(
            "score", data / "deep.vcf.gz", "-R", data / "ref.fa",
            "-m", stand_ins.get(network, network), "--no-version", "-o", output,
            *(x for part in reads for x in ("-I", part)),
        )  # fmt: skip
        assert run.code == 0, run.err
        scored.append(output.read_bytes())
    assert scored[0] == scored[1] == scored[2]


def test_read_groups_are_not_needed(data: Path, stand_ins: dict[str, str], tmp_path: Path) -> None:
    bare = tmp_path / "bare.bam"
    with pysam.AlignmentFile(str(data / "reads.bam")) as source:
        header = {k: v for k, v in source.header.to_dict().items() if k != "RG"}
        with pysam.AlignmentFile(str(bare), "wb", header=header) as copy:
            for read in source:
                read.set_tag("RG", None)
                copy.write(read)
    pysam.index(str(bare))
    whole = score(data, stand_ins["read-set"], tmp_path / "whole.vcf")
    output = tmp_path / "bare.vcf"
    run = run_cli(
        "score", data / "calls.vcf.gz", "-R", data / "ref.fa", "-I", bare,
        "-m", stand_ins["read-set"], "-o", output,
    )  # fmt: skip
    assert run.code == 0, run.err
    assert scores_of(output, "CNN_READS") == scores_of(whole, "CNN_READS")


def test_annotations_from_the_reads_change_scores(
    data: Path, stand_ins: dict[str, str], tmp_path: Path
) -> None:
    found = [
        scores_of(
            score(data, stand_ins["read-set"], tmp_path / "x.vcf", "--annotations", source),
            "CNN_READS",
        )
        for source in ("caller", "fill", "reads")
    ]
    assert found[0] != found[1] != found[2]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--per-allele"], "scores records, not alleles"),
        (["--annotations", "fill"], "annotations from 'fill': the network"),
    ],
)
def test_options_of_our_networks_are_refused_for_others(
    more: list[str], words: str, data: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    run = run_cli(
        "score", data / "calls.vcf.gz", "-R", data / "ref.fa", "-m", tiny["reference"],
        "-o", tmp_path / "out.vcf", *more,
    )  # fmt: skip
    assert run.code == 1
    assert words in run.err
    assert not list(tmp_path.iterdir())


def test_gatks_sampling_is_refused(data: Path, stand_ins: dict[str, str], tmp_path: Path) -> None:
    run = run_cli(
        "score", data / "calls.vcf.gz", "-R", data / "ref.fa", "-I", data / "reads.bam",
        "-m", stand_ins["read-set"], "-o", tmp_path / "out.vcf", "--downsampling", "gatk",
    )  # fmt: skip
    assert run.code == 1
    assert "chooses reads by their names" in run.err
