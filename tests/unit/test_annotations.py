"""Annotations from the reads against HaplotypeCaller's own, and what --annotations takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import ENCODINGS, NativeBatch, PlaneSpec, allele_rows

NAMES = ("MQ", "DP", "FS", "SOR", "MQRankSum", "ReadPosRankSum", "BaseQRankSum", "QD")
Values = NDArray[np.float32]


def both(
    calls: Path, reference: Path, reads: Path, source: str = "reads", read_limit: int = 128
) -> tuple[Values, Values]:
    """The record's own and ours, one row per record that can be scored."""
    encoding = ENCODINGS["read-set"]
    left, width = encoding.reference_columns(600)
    options = ReaderOptions(
        str(reference),
        (str(reads),),
        read_rule=encoding.read_rule,
        read_limit=read_limit,
        reference_left=left,
        reference_width=width,
    )
    own, ours = [], []
    with WindowReader(options) as reader:
        source_calls = Calls(str(calls), annotations=NAMES)
        while source_calls.read(records := Records(), 256):
            native = NativeBatch(reader.read(records.sites()))
            rows = allele_rows(native)
            rows = rows[np.unique(rows.site, return_index=True)[1]]
            planes = encoding.encode(native, rows, PlaneSpec(600, NAMES, source))
            own.append(native.batch.annotations[rows.site].copy())
            ours.append(planes["annotations"])
    return np.concatenate(own), np.concatenate(ours)


def ranks(values: Values) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return middle[inverse]


def agreement(own: Values, ours: Values) -> tuple[float, float]:
    """Median absolute difference and Spearman's rank correlation, where both have a value."""
    known = np.isfinite(own) & np.isfinite(ours)
    assert known.sum() > 100
    rho = np.corrcoef(ranks(own[known]), ranks(ours[known]))[0, 1]
    return float(np.median(np.abs(own - ours)[known])), float(rho)


def check(own: Values, ours: Values, least: dict[str, float]) -> None:
    for i, name in enumerate(NAMES):
        median, rho = agreement(own[:, i], ours[:, i])
        print(f"{name:15} median difference {median:.3f}  Spearman {rho:.3f}")
        assert median <= {"MQ": 0.5, "DP": 2}.get(name, 1), name
        if name not in ("MQ", "DP"):
            assert rho >= least.get(name, 0.9), name


def test_synthetic_calls(data: Path) -> None:
    own, ours = both(data / "calls.vcf.gz", data / "ref.fa", data / "reads.bam")
    check(own, ours, {})


def test_real_calls(data: Path, shared: Path) -> None:
    """SOR falls short of 0.9 on these alone: in clusters and long repeats HaplotypeCaller
    assembles haplotypes and leaves out reads that we keep; together with the synthetic ones it
    reaches it."""
    real = shared / "data" / "na12878-chr20"
    reads = real / "NA12878_S1.20.10.0-10.1M.bam"
    own, ours = both(real / "calls.vcf.gz", real / "ref.20.fa.gz", reads)
    check(own, ours, {"SOR": 0.85})
    more_own, more_ours = both(data / "calls.vcf.gz", data / "ref.fa", data / "reads.bam")
    check(np.concatenate([own, more_own]), np.concatenate([ours, more_ours]), {})


def test_fill_keeps_what_the_record_has(data: Path) -> None:
    files = (data / "calls.vcf.gz", data / "ref.fa", data / "reads.bam")
    own, filled = both(*files, source="fill")
    _, ours = both(*files)
    _, as_called = both(*files, source="caller")
    np.testing.assert_array_equal(own, as_called)
    np.testing.assert_array_equal(filled, np.where(np.isnan(own), ours, own))
    assert np.isnan(own).any()


def test_counts_of_sampled_sites_are_scaled_up(data: Path) -> None:
    files = (data / "deep.vcf.gz", data / "ref.fa", data / "deep.bam")
    _, sampled = both(*files, read_limit=64)
    _, whole = both(*files, read_limit=1000)
    depth, qd = NAMES.index("DP"), NAMES.index("QD")
    np.testing.assert_allclose(sampled[:, depth], whole[:, depth], rtol=0.1)
    assert np.median(np.abs(sampled[:, qd] - whole[:, qd])) < 1
    assert (whole[:, depth] > 128).any()


@pytest.mark.parametrize("name", ["gatk-reads", "gatk-reference", "reference"])
def test_other_encodings_take_the_records_values_alone(name: str) -> None:
    assert ENCODINGS[name].annotations_from == ("caller",)
