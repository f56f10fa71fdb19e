"""A truth set held against itself: every call is true, and nothing is missed."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnscore.calls.records import Calls, Records
from cnnscore.truth.labels import FALSE, NOT_CALLED, TRUE, Labeller, called_dosage
from cnnscore.truth.truth_set import TruthSet

# Runs and repeats, also at both ends: what is written in one place is left-aligned to another.
CONTIG = "AAAAAACACACACAGTGTTTTTGACGACGACGACGTACGTNNNNACGTTTCCAGAGAGAGAGTTTTT"
GENOTYPES = ("0/1", "1/1", "1|0", "./1", "1/.", "1", "0/0", "./.", ".", "0/1/1")
SEVERAL = ("1/2", "2|1", "0/2", "2/2", "1/1", "./2", "0/0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("itself")
    (path / "ref.fa").write_text(f">c\n{CONTIG}\n")
    pysam.faidx(str(path / "ref.fa"))
    return path


@st.composite
def records(draw: st.DrawFn) -> tuple[int, str, str, str]:
    """0-based position, REF, ALT alleles and GT."""
    pos = draw(st.integers(0, len(CONTIG) - 1))
    ref = CONTIG[pos : pos + draw(st.integers(1, 6))]
    bases = st.text("ACGT", min_size=1, max_size=6)
    alts = draw(st.lists(bases.filter(lambda alt: alt != ref), min_size=1, max_size=2, unique=True))
    more = draw(st.sampled_from(("", "", "*", "<NON_REF>")))
    genotype = draw(st.sampled_from(SEVERAL if len(alts) > 1 else GENOTYPES))
    return pos, ref, ",".join([*alts, *([more] if more else [])]), genotype


def write(path: Path, rows: list[tuple[int, str, str, str]], with_genotypes: bool) -> str:
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="">']
    lines.append(f"##contig=<ID=c,length={len(CONTIG)}>")
    columns = "\tFORMAT\tS" if with_genotypes else ""
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO{columns}")
    for pos, ref, alt, genotype in rows:
        columns = f"\tGT\t{genotype}" if with_genotypes else ""
        lines.append(f"c\t{pos + 1}\t.\t{ref}\t{alt}\t.\t.\t.{columns}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(records(), min_size=1, max_size=12),
    twice=st.booleans(),
    aligned=st.booleans(),
    with_genotypes=st.booleans(),
    match=st.booleans(),
    of_sample=st.booleans(),
    all_alleles=st.booleans(),
)
def test_truth_against_itself_is_all_true(
    folder: Path,
    rows: list[tuple[int, str, str, str]],
    twice: bool,
    aligned: bool,
    with_genotypes: bool,
    match: bool,
    of_sample: bool,
    all_alleles: bool,
) -> None:
    rows = [*rows, (20, "T", "G", "0/1")]  # no file without a called allele
    path = write(folder / "truth.vcf", rows * 2 if twice else rows, with_genotypes)
    of_sample, all_alleles = of_sample and with_genotypes, all_alleles and not of_sample
    truth = TruthSet.read(
        path,
        reference=str(folder / "ref.fa") if aligned else None,
        sample="S" if of_sample else None,
    )
    labeller = Labeller(
        truth, None, match_genotype=match and with_genotypes, all_alleles=all_alleles
    )
    calls, batch = Calls(path), Records()
    dosage = called_dosage(calls, None)
    n_true = 0
    while calls.read(batch, 5):
        labels = labeller.label(batch.sites(), dosage(batch))
        assert FALSE not in labels.part
        n_true += int((labels.part == TRUE).sum())
        assert with_genotypes or NOT_CALLED not in labels.part
    labeller.check(path)
    assert n_true
    assert len(labeller.missed()) == 0
