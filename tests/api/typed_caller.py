"""A user's script that names every public thing: checked, never run.

By mypy in test_types.py, and by pyright in `make lint`.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pysam
from numpy.typing import NDArray

import cnnscore as cs


def scores(calls: pysam.VariantFile, reads: pysam.AlignmentFile, ref: pysam.FastaFile) -> None:
    with cs.open("reads", threads=2, provider="cpu") as scorer:
        assert_type(scorer, cs.Scorer)
        summary = scorer.score(
            calls, reference=ref, reads=reads, output=Path("out.vcf.gz"), region=["chr1", "chr2"]
        )
        assert_type(summary, cs.Summary)
        assert_type(summary.text(), str)
        table = scorer.table(
            "calls.vcf.gz", reference=Path("ref.fa"), reads=["a.bam", Path("b.cram")]
        )
        assert_type(table, cs.Table)
        assert_type(table["score"], NDArray[Any])
        assert_type(table.columns, list[str])
        assert_type(len(table), int)
        for record, score in scorer.iter(calls, reference=ref, reads=reads):
            assert_type(record, pysam.VariantRecord)
            assert_type(score, float)
        found = scorer.score_records(calls.fetch("chr1"), reference=ref, reads=[reads])
        assert_type(found, NDArray[np.float32])


def seen() -> None:
    scorer = cs.open()
    windows = scorer.windows("calls.vcf.gz", reference="ref.fa", reads="a.bam", limit=10)
    assert_type(windows, cs.Windows)
    assert_type(windows[0], cs.Window)
    assert_type(windows[:2], list[cs.Window])
    assert_type(windows[0].reference, str)
    assert_type(windows[0].annotations, dict[str, float])
    assert_type([read.mapq for read in windows[0].reads], list[int])
    tensors = scorer.tensors(windows)
    assert_type(tensors, cs.Tensors)
    assert_type(tensors.site, NDArray[np.int64])
    explained = scorer.explain(windows[0], runs=64)
    assert_type(explained, cs.Explained)
    assert_type(explained.score, float)
    assert_type(explained.named(), dict[str, float])
    scorer.close()


def commands() -> None:
    done = cs.filter("scored.vcf.gz", output="f.vcf.gz", tranches={"SNP": 99.9, "INDEL": [99.0]})
    assert_type(done, cs.FilterSummary)
    cs.filter("scored.vcf.gz", thresholds={"SNP": 0}, soft=True)
    found = cs.evaluate(["a.vcf.gz", Path("b.vcf.gz")], truth="truth.vcf.gz", scores=["CNN_READS"])
    assert_type(found, cs.Evaluation)
    assert_type(found.curves(), cs.Table)
    page = cs.view("calls.vcf.gz", reference="ref.fa", output="view.html", worst=True)
    assert_type(page, cs.Page)
    assert_type([model.info_key for model in cs.models()], list[str])
    assert_type(cs.models()[0], cs.Model)
    made = cs.dataset(
        "calls.vcf.gz", reference="ref.fa", truth="t.vcf.gz", output="data", keep={"SNP": 0.5}
    )
    assert_type(made, cs.DatasetSummary)
    trained = cs.train("reads", [made.path, Path("more")], output="run", settings={"name": "x"})
    assert_type(trained, cs.TrainingSummary)
    cs.open(trained.path)


def errors() -> None:
    kinds = (cs.BadInput, cs.BadOutput, cs.ServerError, cs.UsageError, cs.WrongType)
    try:
        cs.open("nothing")
    except kinds as error:
        assert_type(str(error), str)
        kind: type[cs.CnnscoreError] = type(error)
        print(kind, cs.__version__)


def mistakes(scorer: cs.Scorer) -> None:
    """Each line is an error of its user, and checkers say so: else its comment is one too many."""
    scorer.score("calls.vcf.gz")  # type: ignore[call-arg]
    scorer.table(5, reference="ref.fa")  # type: ignore[arg-type]
    scorer.table("calls.vcf.gz", reference=["ref.fa"])  # type: ignore[arg-type]
    scorer.iter([1, 2], reference="ref.fa")  # type: ignore[list-item]
    cs.filter("scored.vcf.gz", thresholds=0.5)  # type: ignore[arg-type]
    cs.train("reads", "data", output=None)  # type: ignore[arg-type]
    print(cs.nothing)  # type: ignore[attr-defined]
