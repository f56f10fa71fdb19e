"""`cnnscore dataset`: rows are the windows that scoring sees, labels are the truth's."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from conftest import DATA, run_cli
from hosts.training_data import COUNTS, make, need_extra

need_extra("pyarrow")

import pyarrow.parquet

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.dataset import make as make_module
from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.dataset.splits import SplitRule
from cnnscore.description import LABELS
from cnnscore.files import file_name

COLUMNS = (
    *("contig", "pos", "annotations", "reference", "reads", "alleles"),
    *("site_depth", "sample_depth"),
)


def test_rows_are_the_windows_of_scoring_to_the_byte(synthetic: Path) -> None:
    dataset = Dataset(synthetic)
    layout = dataset.layout
    calls, records = Calls(str(DATA / "calls.vcf.gz"), annotations=layout.annotations), Records()
    options = ReaderOptions(
        str(DATA / "ref.fa"),
        (str(DATA / "reads.bam"),),
        read_rule=layout.read_rule,
        read_limit=layout.read_limit,
        reference_left=layout.reference_left,
        reference_width=layout.reference_width,
    )
    assert calls.read(records, 1000) == 294
    ((found, rows),) = dataset.batches()
    # One record has two ALT alleles: a row each, with the whole record.
    site = np.repeat(np.arange(294), np.diff(records.sites().site_allele) - 1)
    with WindowReader(options) as reader:
        reader.set_depth(reader.measure_depth())
        expected = reader.read(records.sites().take_sites(site))
    assert len(found) == len(rows) == 295
    assert Counter(rows.allele.tolist()) == {1: 294, 2: 1}
    for field in fields(WindowBatch):
        if field.name not in ("owner", "reference_left"):
            ours, theirs = getattr(found, field.name), getattr(expected, field.name)
            np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
            assert ours.dtype == theirs.dtype, field.name
    assert found.reference_left == expected.reference_left


def test_labels_and_splits(synthetic: Path) -> None:
    rows = Dataset(synthetic).rows()
    counts = dict(zip(LABELS, np.bincount(rows.label).tolist(), strict=True))
    assert counts == COUNTS
    assert set(rows.split.tolist()) == {SPLITS.index(name) for name in SPLITS[:3]}
    assert set(rows.sample) == {"calls"}
    ((batch, _),) = Dataset(synthetic).batches()
    splits: dict[tuple[int, int], set[int]] = {}
    for contig, pos, split in zip(batch.contig, batch.pos, rows.split, strict=True):
        splits.setdefault((int(contig), int(pos) // 2000), set()).add(int(split))
    assert all(len(found) == 1 for found in splits.values()), "neighbours fell apart"


def test_a_block_is_in_one_split_in_all_samples_and_held_out_contigs_are_test() -> None:
    rule = SplitRule(("chrT",), validation=0.3, calibration=0.2, block=1000)
    assert {rule.of("chrT", pos) for pos in range(0, 50_000, 500)} == {SPLITS.index("test")}
    blocks = [rule.of("chr1", 1000 * i) for i in range(4000)]
    assert blocks == [rule.of("chr1", 1000 * i + 999) for i in range(4000)]
    parts = np.bincount(blocks, minlength=4) / 4000
    assert parts[SPLITS.index("validation")] == pytest.approx(0.3, abs=0.03)
    assert parts[SPLITS.index("calibration")] == pytest.approx(0.2, abs=0.03)
    assert parts[SPLITS.index("test")] == 0


def test_down_sampling_keeps_the_same_sites_and_says_so_in_the_weight(tmp_path: Path) -> None:
    def loci(part: float) -> set[tuple[int, int]]:
        path = make(tmp_path / f"{part}.parquet", "--keep", f"SNP={part}", "--weight", 3)
        ((batch, rows),) = Dataset(path).batches()
        snp = rows.label == LABELS.index("SNP")
        assert rows.weight[snp] == pytest.approx(3 / part)
        assert rows.weight[~snp] == pytest.approx(3)
        assert (~snp).sum() == 295 - COUNTS["SNP"]
        return set(zip(batch.contig[snp].tolist(), batch.pos[snp].tolist(), strict=True))

    few, some = loci(0.25), loci(0.5)
    assert few < some, "a smaller part must be a part of the greater"
    assert 28 <= len(few) <= 68
    assert 72 <= len(some) <= 120


def test_several_samples_are_files_of_one_folder(tmp_path: Path) -> None:
    make(tmp_path / "data", "--name", "one", "-r", "synA", "--tag", "depth=31")
    held_out = ("--hold-out", "synB", "--allow-empty-splits")
    make(tmp_path / "data", "--name", "two", "-r", "synB", *held_out)
    one, two = (Dataset(tmp_path / "data" / f"{name}.parquet") for name in ("one", "two"))
    assert one.layout.tags == {"depth": "31"}
    assert set(two.rows().split) == {SPLITS.index("test")}
    assert len(one) + len(two) == 295
    again = run_cli(
        *("dataset", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "--name", "one"),
        *("--truth", DATA / "truth.vcf.gz", "-o", tmp_path / "data"),
    )
    assert again.code == 1
    assert "one.parquet is there already: --overwrite" in again.err


@pytest.mark.parametrize("name", ["../escaped", "x y/z", "a"])
def test_a_name_is_of_a_file_in_the_folder(name: str, tmp_path: Path) -> None:
    make(tmp_path / "data", "--name", name)
    (path,) = tmp_path.rglob("*.parquet")
    assert path == tmp_path / "data" / f"{file_name(name)}.parquet"
    assert set(Dataset(path).rows().sample) == {name}


def test_confident_regions_drop_what_lies_outside(tmp_path: Path) -> None:
    bed = tmp_path / "confident.bed"
    bed.write_text("synA\t1000\t21000\n")
    dataset = Dataset(make(tmp_path / "d.parquet", "--confident", bed))
    ((batch, _),) = dataset.batches()
    assert 50 < len(batch) < 200
    assert (batch.contig == 0).all()
    assert (batch.pos >= 1000).all()
    assert (batch.pos < 21000).all()


def test_a_cohorts_rows_are_the_samples_own(tmp_path: Path) -> None:
    """Alleles of other samples are no artefacts of this one."""
    lines = subprocess.run(
        ["bcftools", "view", DATA / "calls.vcf.gz"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    cohort = tmp_path / "cohort.vcf"
    with cohort.open("w") as file:
        for number, line in enumerate(lines):
            fields = line.split("\t")
            if line.startswith("#CHROM"):
                fields = [*fields[:9], "A", "B"]
            elif not line.startswith("#"):
                own = fields[9].split(":")[0]
                mine = number % 3 > 0
                fields = [*fields[:8], "GT", own if mine else "0/0", "./." if mine else own]
            file.write("\t".join(fields) + "\n")

    def rows(*more: object) -> list[tuple[int, int]]:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        done = run_cli("dataset", cohort, "-R", DATA / "ref.fa", "--truth", DATA / "truth.vcf.gz",
                       "--quiet", "-o", path, *more)  # fmt: skip
        assert done.code == 0, done.err
        ((batch, _),) = Dataset(path).batches()
        return list(zip(batch.contig.tolist(), batch.pos.tolist(), strict=True))

    a, b = rows("--sample", "A"), rows("--sample", "B")
    assert set(a).isdisjoint(b)
    assert sorted(a + b) == rows("--all-alleles")
    assert len(a) > len(b) > 60
    done = run_cli("dataset", cohort, "-R", DATA / "ref.fa", "--truth", DATA / "truth.vcf.gz",
                   "-o", tmp_path / "none.parquet")  # fmt: skip
    assert done.code == 2
    assert "has 2 samples (A, B): name the one to compare with --sample\n" in done.err


def test_provenance_and_schema(synthetic: Path, tmp_path: Path) -> None:
    layout = Dataset(synthetic).layout
    assert layout.read_rule == "primary"
    assert layout.contigs == (("synA", 40000), ("synB", 12000))
    assert layout.provenance["files"]["reads"] == ["reads.bam"]
    assert "version" in layout.provenance
    foreign = tmp_path / "foreign.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), foreign)
    text = tmp_path / "text.parquet"
    text.write_text("no Parquet")
    for path, says in ((foreign, "lacks our metadata"), (text, "is not a data set")):
        finished = run_cli("train", "read-set", path, "-o", tmp_path / "out")
        assert finished.code in (1, 2)
        if "No module named 'torch'" not in finished.err:
            assert says in finished.err
    table = pyarrow.parquet.read_table(synthetic)
    assert set(table.column("artefact").to_pylist()) == {"mixed"}


BAD = {
    "another build": (
        ("--truth", "other.vcf"),
        "does not fit the reference",
    ),
    "no confident call": (("--confident", "far.bed"), "lies within the confident"),
    "no such sample": (("--sample", "nobody"), "has no sample nobody"),
    "bad label": (("--keep", "DEL=0.5"), "--keep DEL=0.5"),
    "bad part": (("--keep", "SNP=2"), "--keep SNP=2"),
    "taken tag": (("--tag", "label=x"), "that name is taken"),
    "no tag": (("--tag", "x"), "--tag x: give KEY=VALUE"),
    "regions twice": (("-r", "synA", "--regions-file", "far.bed"), "not both"),
    "no rest": (("--validation", "0.6", "--calibration", "0.5"), "leave some for training"),
    "no rule": (("--read-rule", "all"), "--read-rule all: one of"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_says_so_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "far.bed").write_text("synA\t39990\t39999\n")
    (tmp_path / "other.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=synA,length=41000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nsynA\t100\t.\tA\tC\t.\t.\t.\n"
    )
    options, says = BAD[name]
    options = tuple(
        str(tmp_path / option) if option.endswith((".bed", ".vcf")) else option
        for option in options
    )
    truth = () if "--truth" in options else ("--truth", DATA / "truth.vcf.gz")
    finished = run_cli(
        *("dataset", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam"),
        *(*truth, *options, "-o", tmp_path / "data"),
    )
    assert finished.code in (1, 2), finished.err
    assert says in finished.err
    assert finished.err.count("\n") == 1
    assert not list(tmp_path.glob("data/*")), "something was left"


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on file sizes fails a write as a full disk does.
    code = (
        "import resource, signal, sys; from cnnscore.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); sys.exit(main(sys.argv[1:]))"
    )
    arguments = [
        *("dataset", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam"),
        *("--truth", DATA / "truth.vcf.gz", "--quiet", "-o", tmp_path / "data"),
    ]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 2, finished.stderr
    assert "cannot write" in finished.stderr
    assert not list((tmp_path / "data").glob("*"))
    assert not list((tmp_path / "data").glob(".*"))


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from cnnscore.cli import main;"
        "from cnnscore.dataset.parquet import DatasetWriter as W; write = W.write\n"
        "def kill(*a): write(*a); os.kill(os.getpid(), signal.SIGTERM)\n"
        "W.write = kill; sys.exit(main(sys.argv[1:]))"
    )
    arguments = [
        *("dataset", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam"),
        *("--truth", DATA / "truth.vcf.gz", "--quiet", "-o", tmp_path / "data"),
    ]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert finished.returncode == 128 + signal.SIGTERM
    assert not [path for path in (tmp_path / "data").iterdir() if path.is_file()]


def test_row_groups_hold_what_one_does(
    synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_module, "SITES_PER_BATCH", 50)
    parts = list(Dataset(make(tmp_path / "parts.parquet")).batches())
    ((whole, _),) = Dataset(synthetic).batches()
    assert len(parts) == 6
    for name in COLUMNS:
        joined = np.concatenate([getattr(batch, name) for batch, _ in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))
    depths = np.concatenate([batch.depth for batch, _ in parts])
    np.testing.assert_array_equal(depths, whole.depth)
