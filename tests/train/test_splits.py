"""Splits of a data set: of each class the part that was asked, whole blocks, alike in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import DATA, Finished, run_cli
from hosts.training_data import COUNTS, make, need_extra

need_extra("pyarrow")

from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.dataset.splits import Loci, SplitRule, plan_splits
from cnnscore.description import LABELS


def dataset(output: Path, *more: object) -> Finished:
    files = ("-R", DATA / "ref.fa", "--truth", DATA / "truth.vcf.gz")
    return run_cli("dataset", DATA / "calls.vcf.gz", *files, "-o", output, *more)


def clustered(seed: int, span: int, counts: dict[int, int]) -> Loci:
    """Rows over a span; artefacts lie in a few clusters, as they do."""
    rng = np.random.default_rng(seed)
    pos, label = [], []
    for number, n in counts.items():
        if number < 2:
            centres = rng.integers(0, span, max(n // 5, 3))
            where = rng.choice(centres, n) + rng.integers(-800, 800, n)
        else:
            where = rng.integers(0, span, n)
        pos.append(np.clip(where, 0, span - 1))
        label.append(np.full(n, number))
    at = np.argsort(np.concatenate(pos), kind="stable")
    return Loci(
        ("chr1",),
        np.zeros(len(at), np.int32),
        np.concatenate(pos)[at].astype(np.int64),
        np.concatenate(label)[at].astype(np.int8),
    )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("span", [150_000, 1_000_000, 20_000_000])
def test_each_class_is_held_out_as_asked(seed: int, span: int, tmp_path: Path) -> None:
    rows = clustered(seed, span, {0: 300, 1: 60, 2: 900, 3: 150})
    rule = SplitRule(validation=0.1, calibration=0.1)
    plan = plan_splits(rows, rule, tmp_path / "d.parquet")
    split = plan.of(rows)
    for label in range(4):
        of_class = split[rows.label == label]
        for name in ("validation", "calibration"):
            part = (of_class == SPLITS.index(name)).mean()
            assert part > 0, (name, label)
            assert part == pytest.approx(0.1, abs=0.04), (name, label, plan.block)
    blocks: dict[int, set[int]] = {}
    for pos, one in zip(rows.pos, split, strict=True):
        blocks.setdefault(int(pos) // plan.block, set()).add(int(one))
    assert all(len(found) == 1 for found in blocks.values()), "a block fell apart"


def test_smaller_blocks_are_advised_where_they_were_not_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Five clusters of 500 bases: no block is small enough to part them."""
    pos = np.repeat(np.arange(5) * 150_000, 400) + np.tile(np.arange(400), 5)
    label = np.tile(np.arange(4, dtype=np.int8), 500)
    rows = Loci(("chr1",), np.zeros(2000, np.int32), pos.astype(np.int64), label)
    for block, says in ((None, "they lie in few places"), (100_000, "smaller blocks come nearer")):
        caplog.clear()
        plan_splits(rows, SplitRule(block=block), tmp_path / "d.parquet")
        assert says in caplog.text


def test_of_much_data_hardly_a_block_is_moved(tmp_path: Path) -> None:
    """Else the same locus of two samples would not fall alike."""
    rule = SplitRule(block=100_000)
    plans = []
    for seed in (1, 2):
        rows = clustered(seed, 200_000_000, {0: 20_000, 1: 4_000, 2: 150_000, 3: 20_000})
        plan = plan_splits(rows, rule, tmp_path / "d.parquet")
        first = np.array([rule.of("chr1", int(key) * 100_000) for key in plan.keys])
        assert (first != plan.split).mean() < 0.02
        plans.append(dict(zip(plan.keys.tolist(), plan.split.tolist(), strict=True)))
    shared = plans[0].keys() & plans[1].keys()
    assert np.mean([plans[0][key] == plans[1][key] for key in shared]) > 0.97


def test_counts_are_printed_and_stored(tmp_path: Path) -> None:
    done = dataset(tmp_path / "d.parquet")
    assert done.code == 0, done.err
    stored = Dataset(tmp_path / "d.parquet").layout.provenance["splits"]
    rows = Dataset(tmp_path / "d.parquet").rows()
    for number, name in enumerate(SPLITS):
        found = np.bincount(rows.label[rows.split == number], minlength=4).tolist()
        assert stored["rows"][name] == dict(zip(LABELS, found, strict=True))
        lines = [line.split()[1:] for line in done.err.splitlines() if f": {name} " in line]
        assert lines == ([[name, *map(str, found)]] if sum(found) else [])
    held_out = np.isin(rows.split, [SPLITS.index("validation"), SPLITS.index("calibration")])
    assert held_out.mean() == pytest.approx(0.2, abs=0.03)
    assert (stored["block"], stored["validation"], stored["calibration"]) == (2000, 0.1, 0.1)


def test_a_split_without_a_class_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    output = tmp_path / "d.parquet"
    done = dataset(output, "--block", 100_000)
    assert done.code == 2
    assert "falls into the" in done.err
    assert "smaller blocks (--block 50000)" in done.err
    assert "--allow-empty-splits" in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
    done = dataset(output, "--block", 100_000, "--allow-empty-splits")
    assert done.code == 0
    assert "are validation rows, where 10 % were asked: smaller blocks come nearer" in done.err
    # One NOT_SNP cannot be in three splits: that is for `train` to judge, which sees all files.
    done = dataset(tmp_path / "few/d.parquet", "-r", "synB")
    assert done.code == 0
    assert "warning:" in done.err
    assert "no NOT_SNP falls into the validation rows, of 1" in done.err


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("chr99", (), "--hold-out chr99: the calls have no such contig; they have synA, synB"),
        ("synB,chr99", (), "--hold-out chr99"),
        ("synB", ("-r", "synA"), "--hold-out synB: no row lies there"),
        ("synA,synB", (), "--hold-out synA,synB: no row lies elsewhere, so none is left to train"),
        ("synA", ("-r", "synA"), "--allow-empty-splits"),
    ],
)
def test_a_held_out_contig_must_be_there(
    name: str, more: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = dataset(tmp_path / "d.parquet", "--hold-out", name, *more)
    assert done.code == 1
    assert says in done.err
    assert not list(tmp_path.iterdir())


def test_a_locus_has_one_split_in_a_folder(tmp_path: Path) -> None:
    def splits(path: Path) -> dict[tuple[str, int], int]:
        names, pos, rows = Dataset(path).loci()
        return dict(zip(zip(names, pos.tolist(), strict=True), rows.split.tolist(), strict=True))

    one = splits(make(tmp_path / "data/one.parquet", "--keep", "SNP=0.5"))
    two = splits(make(tmp_path / "data/two.parquet", "--keep", "NOT_SNP=0.6"))
    assert len(one.keys() & two.keys()) > 100
    assert all(one[key] == two[key] for key in one.keys() & two.keys())
    three = splits(make(tmp_path / "data/three.parquet", "-r", "synA", "--block", 2000))
    assert all(one[key] == three[key] for key in one.keys() & three.keys())
    done = dataset(tmp_path / "data/four.parquet", "--block", 30_000)
    assert done.code == 1
    assert "splits synA in blocks of another size than 30,000 bases" in done.err
    done = dataset(tmp_path / "data/five.parquet", "--hold-out", "synB")
    assert done.code == 1
    assert "--hold-out synB: another data set of the folder trains on it" in done.err
    assert {path.stem for path in (tmp_path / "data").iterdir()} == {"one", "two", "three"}


def test_standard_input_is_read_twice(tmp_path: Path) -> None:
    files = ("-R", DATA / "ref.fa", "--truth", DATA / "truth.vcf.gz")
    from conftest import run_process

    done = run_process(
        *("dataset", "-", *map(str, files), "-o", str(tmp_path / "d.parquet"), "--name", "d"),
        input=(DATA / "calls.vcf.gz").read_bytes(),
    )
    assert done.returncode == 0, done.stderr
    assert len(Dataset(tmp_path / "d.parquet")) == sum(COUNTS.values())
