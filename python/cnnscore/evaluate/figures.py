"""Labelled rows -> the figures of every score, by type and stratum, and of every pair of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput
from cnnscore.evaluate import metrics
from cnnscore.evaluate.blocks import Blocks
from cnnscore.evaluate.intervals import FEWEST
from cnnscore.evaluate.labelled import ComparedCalls
from cnnscore.evaluate.metrics import Bools
from cnnscore.evaluate.mixture import calibrated_shares, mixture
from cnnscore.evaluate.sampled import Sampled, sample

SENSITIVITIES = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 100.0)
MISTAKES = 20
DIFFERENCES = ("roc_auc", "average_precision", "best_f1", "recall_at_precision_95")
ALL = "ALL"


def figures_of(files: list[ComparedCalls], blocks: Blocks | None) -> dict[str, Any]:
    """The parts `intervals`, `scores`, `differences` and `strata` of the result, for SNP, INDEL and
    both. With `blocks`, blocks of the genome are drawn, and not the calls at one position.

    Errors: BadInput when two files have no call in common.
    """
    scores: list[dict[str, Any]] = []
    strata: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    several = len(files) > 1
    shares = [calibrated_shares(rows.header) for rows in files]
    for index, variant_type in enumerate((*VARIANT_TYPES, ALL)):
        by_file: list[list[_Column]] = []
        for rows, of_keys in zip(files, shares, strict=True):
            at = (
                rows.type == index
                if variant_type in VARIANT_TYPES
                else np.ones(len(rows.type), bool)
            )
            columns = [
                _Column(rows, name, f"{rows.name}: {name}" if several else name, at)
                for name in rows.scores
            ]
            scored = _scored(columns, [np.arange(int(at.sum()))] * len(columns), blocks)
            for one in scored:
                of_key = of_keys.get(one.column.key, {}).get(variant_type)
                scores.append(_one_score(one.column, one.sampled, variant_type, of_key))
                strata += _strata(one.column, variant_type)
            for a, b in combinations(scored, 2):
                differences += _pair(a, b, variant_type)
            by_file.append(columns)
        for ours, theirs in combinations(by_file, 2):
            differences += _across_files(ours, theirs, variant_type, blocks)
    return {
        "intervals": _described(files, blocks),
        "scores": scores,
        "differences": differences,
        "strata": strata,
    }


def _described(files: list[ComparedCalls], blocks: Blocks | None) -> dict[str, Any]:
    """What the intervals describe."""
    most = max((len(rows.is_true) for rows in files), default=0)
    return {
        "unit": "position" if blocks is None else "block",
        "fewest": FEWEST,
        "block_bases": None if blocks is None else blocks.bases,
        "replicates": None if blocks is None else blocks.draws(most),
        "seed": None if blocks is None else blocks.seed,
    }


class _Column:
    """One score of one file, of the calls of a type."""

    def __init__(self, rows: ComparedCalls, key: str, name: str, at: Bools) -> None:
        self.rows, self.key, self.name, self.at = rows, key, name, at
        self.given = rows.scores[key][at]
        """[n] as they are, NaN where there is none."""
        self.ordered = metrics.Ordered.of(self.given)
        self.values = self.ordered.values
        self.is_true = rows.is_true[at]
        self.missing = int(np.isnan(self.given).sum())

    def threshold(self, value: float | None) -> float | str | None:
        return _threshold(self.ordered, value)


@dataclass(frozen=True, eq=False)
class _Scored:
    """A score on some of its calls."""

    column: _Column
    sampled: Sampled


def _scored(
    columns: Sequence[_Column], at: Sequence[NDArray[np.int64]], blocks: Blocks | None
) -> list[_Scored]:
    """Scores of the same calls: row i of each is one call; `at` are its indices in each column."""
    locus = columns[0].rows.locus[columns[0].at][at[0]]
    pairs = [(c.values[rows], c.is_true[rows]) for c, rows in zip(columns, at, strict=True)]
    return list(map(_Scored, columns, sample(pairs, locus, blocks)))


def _meaning(name: str) -> str | None:
    """How a score is a probability: networks write natural log-odds, QUAL is phred."""
    return "log-odds" if name.startswith("CNN_") else "phred" if name == "QUAL" else None


def _one_score(
    column: _Column, sampled: Sampled, variant_type: str, calibrated_true: float | None
) -> dict[str, Any]:
    """`calibrated_true`: the share of true calls where the score was calibrated, if it is known."""
    values, is_true = column.values, column.is_true
    meaning = _meaning(column.key)
    found = sampled.figures
    table = {}
    for metric in metrics.METRICS:
        low, high = sampled.interval(metric) or (None, None)
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
        "too_few": sampled.too_few,
        "best_f1_threshold": column.threshold(found["best_f1_threshold"]),
        "curve": None,
        "histogram": None,
        "calibration": [],
        "mixture": None,
        "filter": _filter(column.rows, column.key, variant_type),
        "mistakes": _mistakes(column),
    }
    if column.missing == len(values):
        return score
    score["curve"] = _curve(metrics.curve(values, is_true).thinned(), column.ordered)
    has = np.isfinite(column.given)
    if has.any():
        score["histogram"] = metrics.histogram(values[has], is_true[has])
        n_true = int(is_true[has].sum())
        score["mixture"] = mixed = mixture(calibrated_true, n_true, int(has.sum()) - n_true)
        score["calibration"] = metrics.calibration(
            values[has], is_true[has], meaning, shift=mixed["shift"] if mixed else None
        )
    return score


def _curve(curve: metrics.Curve, ordered: metrics.Ordered) -> dict[str, list[Any]]:
    return {
        "threshold": [_threshold(ordered, value) for value in curve.threshold.tolist()],
        "true": curve.true.tolist(),
        "false": curve.false.tolist(),
    }


def _threshold(ordered: metrics.Ordered, value: float | None) -> float | str | None:
    """As JSON has it. None keeps calls without a score too; "inf" and "-inf" are texts."""
    score = None if value is None else ordered.score(value)
    return str(score) if score in (np.inf, -np.inf) else score


def _filter(rows: ComparedCalls, key: str, variant_type: str) -> dict[str, Any] | None:
    """What each threshold of `cnnscore filter` keeps; None where no call has the score.

    `cnnscore filter` judges records: a record of a SNP and an indel counts as an indel, and all
    alleles of a record share its score.
    """
    of = (
        rows.judged >= 0
        if variant_type == ALL
        else rows.judged == VARIANT_TYPES.index(variant_type)
    )
    scores = rows.record_scores[key][of].astype(np.float64)
    if np.isnan(scores).all():
        return None
    ordered = metrics.Ordered.of(scores)
    whole = metrics.curve(ordered.values, rows.is_true[of])
    points = metrics.tranche_points(whole, SENSITIVITIES)
    return {
        "key": rows.filter_keys[key],
        "curve": _curve(whole.thinned(keep=points), ordered),
        "tranches": [
            {**row, "threshold": _threshold(ordered, row["threshold"])}
            for row in metrics.tranches(whole, SENSITIVITIES)
        ],
    }


def _mistakes(column: _Column) -> dict[str, list[dict[str, Any]]]:
    """The false calls that score highest and the true calls that score lowest."""
    rows = column.rows
    at = np.flatnonzero(column.at)
    found = {}
    for name, wanted, sign in (("false", False, -1.0), ("true", True, 1.0)):
        of = np.flatnonzero((column.is_true == wanted) & ~np.isnan(column.given))
        if len(of) > MISTAKES:
            of = of[np.argpartition(sign * column.values[of], MISTAKES)[:MISTAKES]]
        worst = of[np.argsort(sign * column.values[of], kind="stable")]
        lines = rows.lines.texts(rows.line[at[worst]])
        found[name] = [
            {**_call(line), "score": column.threshold(float(value))}
            for line, value in zip(lines, column.values[worst], strict=True)
        ]
    return found


def _call(line: str) -> dict[str, str]:
    """The record that a line comes from. Names of contigs, and breakends, can have colons."""
    columns = line.split("\t")
    site = dict(part.partition("=")[::2] for part in columns[7].split(";"))["CALL"]
    pos, ref, alt = site[len(columns[0]) + 1 :].split(":", 2)
    return {"site": site, "contig": columns[0], "pos": pos, "ref": ref, "alt": alt}


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


def _across_files(
    ours: list[_Column], theirs: list[_Column], variant_type: str, blocks: Blocks | None
) -> list[dict[str, Any]]:
    """Pairs of scores of two files, on the calls that both have, each against its own labels."""
    a, b = ours[0], theirs[0]
    _, in_a, in_b = np.intersect1d(a.rows.key[a.at], b.rows.key[b.at], return_indices=True)
    if variant_type == ALL and len(a.values) and len(b.values) and not len(in_a):
        raise BadInput(
            f"{a.rows.path} and {b.rows.path} have no call in common, so their scores cannot be "
            "compared: evaluate them one by one"
        )
    at = [in_a] * len(ours) + [in_b] * len(theirs)
    scored = _scored([*ours, *theirs], at, blocks)
    pairs = product(scored[: len(ours)], scored[len(ours) :])
    return [row for one, other in pairs for row in _pair(one, other, variant_type)]


def _pair(a: _Scored, b: _Scored, variant_type: str) -> list[dict[str, Any]]:
    found = []
    for metric in DIFFERENCES:
        value_a, value_b = a.sampled.figures[metric], b.sampled.figures[metric]
        tested = a.sampled.difference(b.sampled, metric)
        found.append(
            {
                "type": variant_type,
                "a": a.column.name,
                "b": b.column.name,
                "metric": metric,
                "calls": len(a.sampled.values),
                "value": None if value_a is None or value_b is None else value_a - value_b,
                "low": tested and tested.low,
                "high": tested and tested.high,
                "p": tested and tested.p,
            }
        )
    return found
