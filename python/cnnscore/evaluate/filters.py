"""FILTER of the calls, and their labels -> what PASS keeps and loses, of true and of false calls.

A call passes where FILTER of its record is PASS or `.`, and FORMAT/FT of its sample names no
filter. Scores have no part in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import VARIANT_TYPES
from cnnscore.evaluate.metrics import Bools

if TYPE_CHECKING:
    from cnnscore.calls.records import Records

PASS = "PASS"
GENOTYPE = "FT"
"""What stands for the filters of FORMAT/FT."""
ALL = "ALL"
COLUMNS = (
    *("file", "type", "filter", "true_kept", "true_lost", "false_kept", "false_removed"),
    *("precision", "recall", "f1", "truth_kept", "truth", "truth_recall"),
)
_WORDS = {"SNP": "SNPs", "INDEL": "indels"}
_FIGURES = {
    "precision": "precision",
    "recall": "recall",
    "truth_recall": "recall of the truth set",
}


class FilterSets:
    """The filters that records of a file fail together, each such set once; number 0 is none."""

    def __init__(self) -> None:
        self.names: list[tuple[str, ...]] = [()]
        self._number: dict[tuple[str, ...], int] = {(): 0}

    def of(self, records: Records, sample: int | None) -> NDArray[np.int32]:
        """[N] the number of each record's set; with `sample` FORMAT/FT of that column counts."""
        filtered = records.filtered()
        genotype = np.zeros_like(filtered) if sample is None else records.genotype_filtered(sample)
        numbers = np.zeros(len(filtered), np.int32)
        for i in np.flatnonzero(filtered | genotype).tolist():
            names = set(records.filter_names(i)) if filtered[i] else set()
            names |= {GENOTYPE} if genotype[i] else set()
            key = tuple(sorted(names - {PASS}))
            if key not in self._number:
                self._number[key] = len(self.names)
                self.names.append(key)
            numbers[i] = self._number[key]
        return numbers

    def texts(self) -> list[str]:
        """Each set as FILTER is written."""
        return [";".join(names) or PASS for names in self.names]


@dataclass(frozen=True, eq=False)
class CallFilters:
    """The filters of one file's compared calls."""

    names: list[tuple[str, ...]]
    """[S] the sets of filters; the first is empty."""
    calls: NDArray[np.int32]
    """[N] index into `names` of each compared call."""
    truth: NDArray[np.int64]
    """[F] rows of the truth set that calls have found; a row may be there several times."""
    found_by: NDArray[np.int32]
    """[F] index into `names` of the call that has found it."""


@dataclass(frozen=True, eq=False)
class TruthAlleles:
    """The T truth alleles that a file is compared with, in the order of `Labels.truth`."""

    type: NDArray[np.uint8]
    """[T] index into VARIANT_TYPES."""
    expected: Bools
    """[T] whether it should be called: it lies within the confident regions, for one."""
    found: Bools
    """[T] whether a call has it."""


@dataclass
class FilterCounts:
    """Calls of one type, and what filters remove of them."""

    true: int = 0
    false: int = 0
    found: int = 0
    """Truth alleles that a call has."""
    truth: int = 0
    removed: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """By name of a filter, PASS for all together: true calls, false calls, truth alleles."""


Counts = dict[str, FilterCounts]
"""By type: SNP, INDEL, ALL."""


def count_filters(
    filters: CallFilters, is_true: Bools, types: NDArray[np.uint8], truth: TruthAlleles
) -> Counts:
    """What the filters of one file remove; `is_true` [N] and `types` [N] are of its calls."""
    failing = {PASS: np.array([bool(names) for names in filters.names])}
    for name in sorted({name for names in filters.names for name in names}):
        failing[name] = np.array([name in names for names in filters.names])
    lost = {name: _lost(filters, fails, len(truth.type)) for name, fails in failing.items()}
    counts: Counts = {}
    for index, variant_type in enumerate((*VARIANT_TYPES, ALL)):
        at = (types == index) | (variant_type == ALL)
        in_truth = truth.expected & ((truth.type == index) | (variant_type == ALL))
        counts[variant_type] = FilterCounts(
            true=int(np.count_nonzero(is_true & at)),
            false=int(np.count_nonzero(~is_true & at)),
            found=int(np.count_nonzero(truth.found & in_truth)),
            truth=int(np.count_nonzero(in_truth)),
            removed={
                name: np.array(
                    [
                        np.count_nonzero(fails[filters.calls] & is_true & at),
                        np.count_nonzero(fails[filters.calls] & ~is_true & at),
                        np.count_nonzero(lost[name] & in_truth),
                    ]
                )
                for name, fails in failing.items()
            },
        )
    return counts


def _lost(filters: CallFilters, fails: Bools, n: int) -> Bools:
    """[n] the truth alleles that failing calls have, and no other."""
    lost, removed = np.zeros(n, bool), fails[filters.found_by]
    lost[filters.truth[removed]] = True
    lost[filters.truth[~removed]] = False
    return lost


def summed(parts: Sequence[Counts]) -> Counts:
    """Of the samples of a cohort together."""
    total: Counts = {}
    for part in parts:
        for variant_type, of in part.items():
            into = total.setdefault(variant_type, FilterCounts())
            for name in ("true", "false", "found", "truth"):
                setattr(into, name, getattr(into, name) + getattr(of, name))
            for name, removed in of.removed.items():
                into.removed[name] = into.removed.get(name, 0) + removed
    return total


def filter_rows(file: str, counts: Counts) -> list[dict[str, Any]]:
    """The part `filters` of the result, of one file: a row per type of what PASS keeps. Where
    several filters remove SNPs, or indels, each has a row, as if it were the only one.
    """
    rows = []
    for variant_type, of in counts.items():
        removing = sorted(name for name, lost in of.removed.items() if name != PASS and lost.any())
        each = removing if len(removing) > 1 and variant_type != ALL else []
        for name in [PASS, *each]:
            figures = _figures(of, of.removed[name])
            rows.append({"file": file, "type": variant_type, "filter": name, **figures})
    return rows


def _figures(of: FilterCounts, removed: NDArray[np.int64]) -> dict[str, Any]:
    true_lost, false_removed, truth_lost = removed.tolist()
    true, false, truth = of.true - true_lost, of.false - false_removed, of.found - truth_lost
    precision, recall = _ratio(true, true + false), _ratio(true, of.true)
    # As of TP, FP and FN: 2 TP / (2 TP + FP + FN).
    f1 = _ratio(2 * true, true + false + of.true) if of.true else None
    return {
        "true_kept": true,
        "true_lost": true_lost,
        "false_kept": false,
        "false_removed": false_removed,
        "precision": precision,
        "recall": recall,
        "f1": None if precision is None else f1,
        "truth_kept": truth,
        "truth": of.truth,
        "truth_recall": _ratio(truth, of.truth),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def fails_none(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether no filter has removed a call of one file, whose rows of the result these are."""
    return not any(row["true_lost"] or row["false_removed"] for row in rows)


def by_file(result: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of each file of a result."""
    files: dict[str, list[Mapping[str, Any]]] = {}
    for row in result.get("filters", ()):
        files.setdefault(row["file"], []).append(row)
    return files


def filter_lines(result: Mapping[str, Any]) -> list[str]:
    """Lines for the terminal: what PASS keeps, of each type that there is."""
    lines, files = [], by_file(result)
    for file, rows in files.items():
        prefix = f"{file}: " if len(files) > 1 else ""
        if fails_none(rows):
            lines.append(f"{prefix}no compared call has failed a filter")
            continue
        for row in rows:
            true = row["true_kept"] + row["true_lost"]
            false = row["false_kept"] + row["false_removed"]
            if row["filter"] != PASS or row["type"] == ALL or not true + false:
                continue
            figures = ", ".join(
                f"{words} {row[key]:.3f}" for key, words in _FIGURES.items() if row[key] is not None
            )
            lines.append(
                f"{prefix}PASS keeps {row['true_kept']:,} of {true:,} true {_WORDS[row['type']]} "
                f"and {row['false_kept']:,} of {false:,} false ones{': ' * bool(figures)}{figures}"
            )
    return lines
