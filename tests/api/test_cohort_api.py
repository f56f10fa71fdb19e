"""Cohorts from Python: the files of the command, and tables of each sample."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnnscore as cs
from conftest import DATA, run_cli
from hosts.cohorts import SAMPLE, even, named_reads, rows, same, write_cohort, write_map

REF, TRUTH = DATA / "ref.fa", DATA / "truth.vcf.gz"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("cohort")
    calls = write_cohort(folder / "calls.vcf", rows(), {SAMPLE: same, "B": even})
    table = write_map(
        folder / "map.tsv", (SAMPLE, DATA / "reads.bam", 30), ("B", named_reads(folder, "B"))
    )
    return calls, table


def records(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("##")]


def test_score_filter_and_evaluate(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    calls, table = cohort
    scored, filtered, other = (tmp_path / f"{name}.vcf" for name in ("scored", "ft", "other"))
    with cs.open() as scorer:
        done = scorer.score(calls, reference=REF, sample_map=table, output=scored)
        assert (done.sites, done.scored) == (294, 294)
        assert "441 of 441 carriers scored at 294 of 294 sites" in done.text()
        assert repr(done) == f"<cnnscore.Summary: {done.text()}>"
        with pytest.raises(cs.UsageError, match="`sample=` does not go with `sample_map=`"):
            scorer.score(calls, reference=REF, sample_map=table, sample="B")
    run = run_cli("score", calls, "-R", REF, "--sample-map", table, "-o", other)
    assert run.code == 0, run.err
    assert records(scored) == records(other)

    judged = cs.filter(
        scored, output=filtered, thresholds={"SNP": 0, "INDEL": 0}, per_sample=True, no_calls=True
    )
    assert judged.genotypes is not None
    assert judged.genotypes.carriers == 441
    assert judged.genotypes.no_calls == sum(judged.genotypes.failed.values()) > 20
    words = ("--threshold", 0, "--per-sample", "--no-calls")
    assert run_cli("filter", scored, *words, "-o", other).code == 0
    assert records(filtered) == records(other)

    truths = write_map(tmp_path / "truths.tsv", (SAMPLE, TRUTH), ("B", TRUTH))
    found = cs.evaluate(scored, truth_map=truths, scores="CNN_READS")
    samples = found.samples()
    assert set(samples["sample"]) == {SAMPLE, "B"}
    alone = cs.evaluate(scored, truth=TRUTH, sample="B", scores="CNN_READS").table()
    at = [i for i, name in enumerate(samples["sample"]) if name == "B"]
    assert list(samples["roc_auc"][at]) == list(alone["roc_auc"])
    with pytest.raises(cs.UsageError, match="`truth=` does not go with `truth_map=`"):
        cs.evaluate(scored, truth=TRUTH, truth_map=truths)
