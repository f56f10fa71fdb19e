"""A result -> evaluation.json and its tables as TSV; and JSON -> a result again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput
from cnnscore.evaluate import SCHEMA
from cnnscore.evaluate.blocks import FIGURES
from cnnscore.evaluate.filters import COLUMNS, filter_lines
from cnnscore.evaluate.metrics import METRICS

JSON_NAME = "evaluation.json"
TABLES = ("filters.tsv", "scores.tsv", "strata.tsv", "differences.tsv", "tranches.tsv")
NONE = "none"


def write_tables(result: Mapping[str, Any], folder: Path) -> None:
    """Write evaluation.json and TABLES."""
    (folder / JSON_NAME).write_text(json.dumps(result, allow_nan=False) + "\n")
    figures = {metric: (metric, "value") for metric in METRICS}
    for metric in FIGURES:
        figures |= {f"{metric}_{end}": (metric, end) for end in ("low", "high")}
    _write(
        folder / "scores.tsv",
        [*("score", "type", "true", "false", "missing", "too_few"), *figures, "best_f1_threshold"],
        (
            {
                **score,
                "score": score["name"],
                **{
                    column: score["metrics"][metric][which]
                    for column, (metric, which) in figures.items()
                },
            }
            for score in result["scores"]
        ),
    )
    _write(folder / "filters.tsv", COLUMNS, result["filters"])
    _write(
        folder / "tranches.tsv",
        ["score", "type", "sensitivity", "threshold", "true", "false", "recall", "precision"],
        (
            {**row, "score": score["name"], "type": score["type"]}
            for score in result["scores"]
            for row in (score["filter"]["tranches"] if score["filter"] else ())
        ),
    )
    _write(
        folder / "strata.tsv",
        [
            "name",
            "type",
            "by",
            "stratum",
            "true",
            "false",
            "roc_auc",
            "average_precision",
            "best_f1",
        ],
        result["strata"],
    )
    _write(
        folder / "differences.tsv",
        ["type", "a", "b", "metric", "calls", "value", "low", "high", "p"],
        result["differences"],
    )


def read_result(path: str) -> dict[str, Any]:
    """The result in an evaluation.json, or in a folder that has one.

    Errors: BadInput for a file that is no result, or has another layout.
    """
    file = Path(path)
    if file.is_dir():
        file = file / JSON_NAME
    try:
        result = json.loads(file.read_text())
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(
            f"{file} is no JSON ({error}): give what `cnnscore evaluate` wrote"
        ) from None
    schema = result.get("schema") if isinstance(result, dict) else None
    if schema != SCHEMA:
        raise BadInput(
            f"{file} has the layout {schema}, this cnnscore reads {SCHEMA}: "
            "run `cnnscore evaluate` again"
        )
    return dict(result)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        for row in rows:
            file.write("\t".join(_text(row[column]) for column in columns) + "\n")


def _text(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def summary(result: Mapping[str, Any]) -> str:
    """Some lines for the terminal: counts, and the figures of each score."""
    within = result["inputs"]["within"]
    lines = [f"within {within}"] if within else []
    lines.append(f"alleles are {result['normalisation']}")
    for counts in result["counts"]:
        by_type = "; ".join(
            f"{variant_type} {of['true']:,} true, {of['false']:,} false, {of['missed']:,} missed"
            for variant_type, of in counts["types"].items()
            if variant_type != "ALL"
        )
        lines.append(f"{counts['file']}: {by_type}; {counts['outside']:,} outside")
    width = max(len(score["name"]) for score in result["scores"])
    lines.append(
        f"{'type':<6}{'score':<{width}}  ROC AUC (95 %)         AP     best F1 at threshold"
    )
    for score in result["scores"]:
        metrics = score["metrics"]
        auc = metrics["roc_auc"]
        if auc["value"] is None:
            short = "true" if not score["true"] else "false"
            lines.append(f"{score['type']:<6}{score['name']:<{width}}  none: no {short} calls")
            continue
        threshold = score["best_f1_threshold"]
        limits = f" (too few {score['too_few']})"
        if auc["low"] is not None:
            limits = f" ({auc['low']:.3f}-{auc['high']:.3f})"
        lines.append(
            f"{score['type']:<6}{score['name']:<{width}}  {auc['value']:.3f}{limits:<16}"
            f"  {metrics['average_precision']['value']:.4f}"
            f"  {metrics['best_f1']['value']:.4f} "
            + ("of all calls" if threshold is None else f"at {float(threshold):.4g}")
        )
    return "\n".join([*lines, *filter_lines(result)])
