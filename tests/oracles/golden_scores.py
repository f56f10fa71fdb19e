"""What GATK's own tools say of the golden sets.

The oracle is NVScoreVariants 4.6.2.0 where it gives a score, else CNNScoreVariants 4.6.0.0; both
print three decimals.
"""

from __future__ import annotations

import math
from pathlib import Path

from conftest import TESTS, scores_of

TOLERANCE = 0.0011
GOLDEN = TESTS / "golden" / "gatk"
ODD = [
    *("dup", "eqx", "hard", "indel", "mateunm", "mq0", "mq255", "nbase", "ncig"),
    *("noq", "norg", "qcf", "sec", "soft", "sup", "unm", "unp"),
]


def tsv_scores(path: Path) -> list[str | None]:
    """Scores of a golden TSV (contig, pos, score); none when the tool made no file."""
    if not path.exists():
        return []
    columns = [line.split("\t") for line in path.read_text().splitlines()]
    return [None if score == "." else score for _, _, score in columns]


def vcf_scores(path: Path, key: str) -> list[str | None]:
    return scores_of(path, key) if path.exists() else []


def expected(nv: list[str | None], cnn: list[str | None]) -> list[float]:
    """The oracle's score of each record."""

    def value(text: str | None) -> float:
        return math.nan if text in (None, ".", "nan") else float(str(text))

    first = [value(text) for text in nv] or [math.nan] * len(cnn)
    second = [value(text) for text in cnn]
    return [b if math.isnan(a) else a for a, b in zip(first, second, strict=True)]


def assert_scores(out: Path, key: str, wanted: list[float]) -> None:
    got = [math.nan if text is None else float(text) for text in scores_of(out, key)]
    assert len(got) == len(wanted) > 0
    wrong = [
        (i, a, b)
        for i, (a, b) in enumerate(zip(got, wanted, strict=True))
        if not abs(a - b) <= TOLERANCE
    ]
    assert not wrong
