"""Tables as pandas, polars, pyarrow and numpy take them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pysam
import pytest

import cnnscore
from cnnscore.calls.text import Text
from conftest import DATA, run_cli

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"


def records(path: Path) -> list[tuple[Any, ...]]:
    with pysam.VariantFile(str(path)) as file:
        return [(r.contig, r.pos, r.ref, ",".join(r.alts or ["."])) for r in file]


@pytest.fixture(scope="module")
def table() -> cnnscore.Table:
    with cnnscore.open() as scorer:
        return scorer.table(CALLS, reference=REF, reads=READS, info=["QD", "DP", "AF"])


def test_the_columns_are_the_records(table: cnnscore.Table) -> None:
    assert table.columns == [
        *("contig", "pos", "ref", "alt", "type", "qual", "score", "QD", "DP", "AF")
    ]
    assert table.summary is not None
    assert len(table) == table.summary.sites == 294
    rows = zip(table["contig"], table["pos"], table["ref"], table["alt"], strict=True)
    assert list(rows) == records(CALLS)
    with pysam.VariantFile(str(CALLS)) as file:
        for i, record in enumerate(file):
            assert table["qual"][i] == np.float32(record.qual)
            assert table["QD"][i] == record.info["QD"]
            assert table["DP"][i] == record.info["DP"]
            assert table["AF"][i] == record.info["AF"][0]
    assert set(table["type"]) == {"SNP", "INDEL"}
    with pytest.raises(KeyError, match="the columns are contig, pos"):
        table["nothing"]
    for wrong in (5, slice(0, 3), ["QD", "DP"]):
        with pytest.raises(cnnscore.WrongType, match=r"name of a column.*`\.to_pandas"):
            table[wrong]  # type: ignore[index] # is wrong


def test_a_column_is_asked_for_once() -> None:
    with (
        cnnscore.open("reference") as scorer,
        pytest.raises(cnnscore.UsageError, match="`info=QD`: the table has a column of that name"),
    ):
        scorer.table(CALLS, reference=REF, info=["QD", "QD"])


def test_all_libraries_see_one_table(table: cnnscore.Table) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow: run by `make test`")
    frame, polars, arrow = table.to_pandas(), table.to_polars(), pyarrow.table(table)
    arrow.validate(full=True)
    numpy = table.to_numpy()
    assert isinstance(frame, pd.DataFrame)
    assert isinstance(polars, pl.DataFrame)
    for name in table.columns:
        wanted = table[name]
        assert list(frame.columns) == polars.columns == arrow.column_names == table.columns
        for column in (frame[name], polars[name].to_numpy(), numpy[name]):
            got = np.asarray(column)
            if wanted.dtype == object:
                assert list(got) == list(wanted)
            else:
                assert np.array_equal(got, wanted, equal_nan=True)
    assert polars["score"].dtype == pl.Float32


def test_missing_values_are_null(tmp_path: Path) -> None:
    calls = tmp_path / "calls.vcf"
    with pysam.VariantFile(str(CALLS)) as file:
        header, lines = str(file.header), [str(record) for record in file]
    cut = lines[0].split("\t")
    cut[4], cut[5] = ".", "."
    calls.write_text(header + "\t".join(cut) + "".join(lines[1:9]))
    with cnnscore.open("reference") as scorer:
        table = scorer.table(calls, reference=REF)
    frame = table.to_polars()
    assert table["alt"][0] == "."
    assert frame["qual"].is_null().to_list() == [True] + [False] * 8
    assert frame["score"].null_count() == np.count_nonzero(np.isnan(table["score"])) > 0
    assert table.to_pandas()["qual"].isna().sum() == 1


def test_one_row_per_allele(tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    assert run_cli("score", CALLS, "-R", REF, "--per-allele", "-o", out).code == 0
    with pysam.VariantFile(str(out)) as file:
        wanted = [
            (r.contig, r.pos, r.ref, alt, round(score, 3), round(af, 3))
            for r in file
            for alt, score, af in zip(r.alts or (), r.info["CNN_REF"], r.info["AF"], strict=True)
        ]
    with cnnscore.open() as scorer:
        rows = scorer.table(CALLS, reference=REF, per_allele=True, info="AF").to_numpy()
    found = [
        (
            r["contig"],
            r["pos"],
            r["ref"],
            r["alt"],
            *(round(float(r[k]), 3) for k in ("score", "AF")),
        )
        for r in rows
    ]
    assert found == wanted
    assert len(found) > 294


def test_a_frame_outlives_its_table() -> None:
    with cnnscore.open("reference") as scorer:
        table = scorer.table(CALLS, reference=REF)
        frame, scores = table.to_polars(), table["score"].copy()
        capsule = table.__arrow_c_stream__()  # that nobody takes
        del table, capsule
    gc.collect()
    assert np.array_equal(frame["score"].to_numpy(), scores)


def test_an_empty_table() -> None:
    with cnnscore.open("reference") as scorer:
        table = scorer.table(CALLS, reference=REF, region="synA:1-10", info="QD")
    assert (
        len(table) == len(table.to_pandas()) == len(table.to_polars()) == len(table.to_numpy()) == 0
    )
    assert table.to_polars().columns == table.columns


def test_a_table_shows_itself(table: cnnscore.Table) -> None:
    assert repr(table).startswith("<cnnscore.Table: 294 rows; contig, pos")
    html = table._repr_html_()
    assert html.count("<tr>") == 11
    assert "<p>294 rows</p>" in html
    assert table.summary is not None
    assert "scored in" in repr(table.summary)
    assert "<td>294</td>" in table.summary._repr_html_()


def test_texts_that_are_no_ascii() -> None:
    texts = ["chr1", "HLA*ä", "", "染色体"]
    column = Text.join([Text.of(texts[:2]), Text.of(texts[2:])])
    assert list(column.strings()) == texts
    broken = Text(np.array([0, 1, 2]), np.frombuffer(b"\xffa", np.uint8))
    assert list(Text.join([broken]).strings()) == ["\ufffd", "a"]


def test_what_is_not_installed_is_named(
    table: cnnscore.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(cnnscore.UsageError, match="pip install pandas"):
        table.to_pandas()
