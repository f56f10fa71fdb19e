"""Labelled rows -> the figures of every score, by type and stratum, and of every pair of scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.evaluate import metrics
from cnnscore.evaluate.labelled import TYPES, ComparedCalls

SENSITIVITIES = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 100.0)
MISTAKES = 20
DIFFERENCES = ("roc_auc", "average_precision", "best_f1", "recall_at_precision_95")
ALL = "ALL"


def figures_of(
    files: list[ComparedCalls], wanted_replicates: int | None, seed: int
) -> dict[str, Any]:
    """The parts `scores`, `differences` and `strata` of the result, for SNP, INDEL and both."""
    scores: list[dict[str, Any]] = []
    strata: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    rows_at_once = max((len(rows.is_true) for rows in files), default=0)
    replicates = metrics.replicates_for(rows_at_once, wanted_replicates)
    several = len(files) > 1
    for index, variant_type in enumerate((*TYPES, ALL)):
        columns: list[_Column] = []
        for rows in files:
            at = rows.type == index if variant_type in TYPES else np.ones(len(rows.type), bool)
            here = [
                _Column(rows, name, f"{rows.name}: {name}" if several else name, at)
                for name in rows.scores
            ]
            is_true = rows.is_true[at]
            draws = metrics.bootstrap([c.values for c in here], is_true, replicates, seed)
            for i, column in enumerate(here):
                scores.append(_one_score(column, variant_type, draws[:, i]))
                strata += _strata(column, variant_type)
            of_file = [
                _Compared(column, column.figures, draws[:, i]) for i, column in enumerate(here)
            ]
            for a, b in combinations(of_file, 2):
                differences += _pair(a, b, variant_type, len(is_true))
            columns += here
        differences += _across_files(columns, variant_type, replicates, seed)
    return {
        "replicates": replicates,
        "seed": seed,
        "scores": scores,
        "differences": differences,
        "strata": strata,
    }


class _Column:
    """One score of one file, of the calls of a type."""

    def __init__(self, rows: ComparedCalls, key: str, name: str, at: NDArray[np.bool_]) -> None:
        self.rows, self.key, self.name, self.at = rows, key, name, at
        self.missing = int(np.isnan(rows.scores[key][at]).sum())
        self.values, self.fill = metrics.filled(rows.scores[key][at])
        """[n] with missing ones lowest, and the value that stands for them."""
        self.is_true = rows.is_true[at]

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """`metrics.figures` of all its calls."""
        return metrics.figures(self.values, self.is_true)

    def threshold(self, value: float | None) -> float | None:
        """None for a threshold that keeps calls without a score too."""
        if value is None or value == self.fill:
            return None
        # A field is read as float32: the shortest number that is the same one.
        short = np.float32(value)
        return float(str(short)) if short == value else value


def _meaning(name: str) -> str | None:
    """How a score is a probability: networks write natural log-odds, QUAL is phred."""
    return "log-odds" if name.startswith("CNN_") else "phred" if name == "QUAL" else None


def _one_score(column: _Column, variant_type: str, draws: NDArray[np.float64]) -> dict[str, Any]:
    values, is_true = column.values, column.is_true
    meaning = _meaning(column.key)
    found = column.figures
    table = {}
    for i, metric in enumerate(metrics.METRICS):
        limits = metrics.interval(draws[:, i]) if found[metric] is not None else None
        low, high = limits or (None, None)
        table[metric] = {"value": found[metric], "low": low, "high": high}
    score: dict[str, Any] = {
        "file": column.rows.name,
        "key": column.key,
        "name": column.name,
        "type": variant_type,
        "true": int(is_true.sum()),
        "false": int((~is_true).sum()),
        "missing": column.missing,
        "meaning": meaning,
        "metrics": table,
        "best_f1_threshold": column.threshold(found["best_f1_threshold"]),
        "curve": None,
        "histogram": None,
        "calibration": [],
        "tranches": [],
        "mistakes": _mistakes(column),
    }
    if column.missing == len(values):
        return score
    whole = metrics.curve(values, is_true)
    thin = whole.thinned()
    has = values != column.fill
    score["curve"] = {
        "threshold": [column.threshold(value) for value in thin.threshold.tolist()],
        "true": thin.true.tolist(),
        "false": thin.false.tolist(),
    }
    score["histogram"] = metrics.histogram(values[has], is_true[has])
    score["calibration"] = metrics.calibration(values[has], is_true[has], meaning)
    score["tranches"] = [
        {**row, "threshold": column.threshold(row["threshold"])}
        for row in metrics.tranches(whole, SENSITIVITIES)
    ]
    return score


def _mistakes(column: _Column) -> dict[str, list[dict[str, Any]]]:
    """The false calls that score highest and the true calls that score lowest."""
    rows = column.rows
    at = np.flatnonzero(column.at)
    found = {}
    for name, wanted, sign in (("false", False, -1.0), ("true", True, 1.0)):
        of = np.flatnonzero((column.is_true == wanted) & (column.values != column.fill))
        if len(of) > MISTAKES:
            of = of[np.argpartition(sign * column.values[of], MISTAKES)[:MISTAKES]]
        worst = of[np.argsort(sign * column.values[of], kind="stable")]
        lines = rows.lines.texts(rows.line[at[worst]])
        found[name] = [
            {"site": _call(line), "score": column.threshold(float(value))}
            for line, value in zip(lines, column.values[worst], strict=True)
        ]
    return found


def _call(line: str) -> str:
    fields = dict(part.partition("=")[::2] for part in line.split("\t")[7].split(";"))
    return fields["CALL"]


def _strata(column: _Column, variant_type: str) -> list[dict[str, Any]]:
    found = []
    for by, (names, index) in column.rows.strata.items():
        index_here = index[column.at]
        for i, text in enumerate(names):
            of = index_here == i
            is_true = column.is_true[of]
            if not len(is_true):
                continue
            figures = metrics.figures(column.values[of], is_true)
            found.append(
                {
                    "name": column.name,
                    "type": variant_type,
                    "by": by,
                    "stratum": text,
                    "true": int(is_true.sum()),
                    "false": int((~is_true).sum()),
                    "roc_auc": figures["roc_auc"],
                    "average_precision": figures["average_precision"],
                    "best_f1": figures["best_f1"],
                }
            )
    return found


@dataclass(frozen=True, eq=False)
class _Compared:
    """One score on calls that another has too."""

    column: _Column
    figures: dict[str, float | None]
    draws: NDArray[np.float64]
    """[replicates, METRICS]"""


def _across_files(
    columns: list[_Column], variant_type: str, replicates: int, seed: int
) -> list[dict[str, Any]]:
    """Pairs of scores of two files, on the calls that both have."""
    by_file: dict[int, list[_Column]] = {}
    for column in columns:
        by_file.setdefault(id(column.rows), []).append(column)
    compared: dict[tuple[_Column, _Column], tuple[_Compared, _Compared, int]] = {}
    for ours, theirs in combinations(by_file.values(), 2):
        compared |= _of_two_files(ours, theirs, replicates, seed)
    found = []
    for a, b in combinations(columns, 2):
        if a.rows is not b.rows:
            one, other, calls = compared[a, b]
            found += _pair(one, other, variant_type, calls)
    return found


def _of_two_files(
    ours: list[_Column], theirs: list[_Column], replicates: int, seed: int
) -> dict[tuple[_Column, _Column], tuple[_Compared, _Compared, int]]:
    """Each pair of their scores on the calls that both files have, and how many these are."""
    a, b = ours[0], theirs[0]
    _, in_a, in_b = np.intersect1d(a.rows.key[a.at], b.rows.key[b.at], return_indices=True)
    is_true = a.is_true[in_a]
    columns = [*ours, *theirs]
    values = [c.values[in_a if c.rows is a.rows else in_b] for c in columns]
    draws = metrics.bootstrap(values, is_true, replicates, seed)
    compared = [
        _Compared(column, metrics.figures(of, is_true), draws[:, i])
        for i, (column, of) in enumerate(zip(columns, values, strict=True))
    ]
    n = len(ours)
    return {
        (one.column, other.column): (one, other, len(is_true))
        for one, other in product(compared[:n], compared[n:])
    }


def _pair(a: _Compared, b: _Compared, variant_type: str, calls: int) -> list[dict[str, Any]]:
    found = []
    for metric in DIFFERENCES:
        i = metrics.METRICS.index(metric)
        value_a, value_b = a.figures[metric], b.figures[metric]
        value = None if value_a is None or value_b is None else value_a - value_b
        none = {"low": None, "high": None, "p": None}
        test = none if value is None else metrics.difference(a.draws[:, i], b.draws[:, i])
        found.append(
            {
                "type": variant_type,
                "a": a.column.name,
                "b": b.column.name,
                "metric": metric,
                "calls": calls,
                "value": value,
                **test,
            }
        )
    return found
