"""Each sample of a cohort against its own truth set -> one result, pooled, with the samples apart.

A call of the pooled figures is one sample's allele at one site. Where several samples carry an
allele, it counts for each; intervals draw all calls of a position together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput, UsageError
from cnnscore.evaluate.blocks import Blocks
from cnnscore.evaluate.compared import Lines
from cnnscore.evaluate.figures import figures_of
from cnnscore.evaluate.filters import filter_rows, summed
from cnnscore.evaluate.labelled import ComparedCalls
from cnnscore.evaluate.metrics import METRICS
from cnnscore.evaluate.run import Evaluation, Request, evaluate
from cnnscore.files import table_lines
from cnnscore.progress import Progress

SAMPLES_NAME = "samples.tsv"
_SUMMED = ("true", "false", "truth", "missed")


@dataclass(frozen=True)
class SampleTruth:
    """A row of the table."""

    sample: str
    truth: str
    confident: str | None


def read_truth_map(path: str) -> list[SampleTruth]:
    """The rows of a table with tabs and without a header line: the sample, its truth set, and if
    there are any its confident regions.

    Errors: BadInput that names the row.
    """
    rows: dict[str, SampleTruth] = {}
    for number, line in enumerate(table_lines(path, f"the table of truth sets {path}"), 1):
        if not line.strip():
            continue
        given = [text.strip() for text in line.split("\t")]
        if not 2 <= len(given) <= 3 or not all(given[:2]):
            raise BadInput(
                f"{path}: row {number}: give a sample, its truth set and, if there are any, its "
                "confident regions, with tabs between"
            )
        if given[0] in rows:
            raise BadInput(f"{path}: row {number} has the sample {given[0]} again")
        confident = given[2] if len(given) == 3 and given[2] not in ("", ".") else None
        rows[given[0]] = SampleTruth(given[0], given[1], confident)
    if not rows:
        raise BadInput(f"{path} has no row: sample, tab, truth set")
    return list(rows.values())


def evaluate_samples(
    request: Request, table: Sequence[SampleTruth], progress: Progress | None = None
) -> Evaluation:
    """`request` for each sample of `table`: its `truth`, `confident` and `sample` are the row's.

    The result has the figures of all samples' calls, and under `samples` those of each.
    Errors: UsageError, BadInput as of `evaluate`; a sample that the calls lack.
    """
    if len(request.calls) != 1:
        raise UsageError("a table of truth sets is about the samples of one call file: give one")
    (path,) = request.calls
    have = Calls(path, again=True)
    names = have.sample_names
    have.close()
    for row in table:
        if row.sample not in names:
            raise BadInput(f"{path} has no sample {row.sample}, which the table of truth sets has")
    contigs: dict[bytes, int] = {}
    parts = []
    for row in table:
        of_row = replace(
            request, truth=row.truth, confident=row.confident, sample=row.sample, truth_sample=None
        )
        parts.append(evaluate(of_row, progress, contigs))
    rows = [part.files[0] for part in parts]
    pooled = _pooled(rows, [row.sample for row in table])
    filtered = summed([part.filtered[0] for part in parts])
    blocks = Blocks(request.block, request.replicates, request.seed) if request.block else None
    first = parts[0].result
    every = [part.result["truth"] for part in parts]
    bases = [of["confident_bases"] for of in every if of["confident_bases"] is not None]
    result = {
        **first,
        "inputs": {
            **first["inputs"],
            "calls": [{**first["inputs"]["calls"][0], "samples": [row.sample for row in table]}],
            "truth": ", ".join(row.truth for row in table),
            "confident": _regions(table),
        },
        "truth": {
            **first["truth"],
            "path": ", ".join(row.truth for row in table),
            "alleles": sum(of["alleles"] for of in every),
            "filtered_records": sum(of["filtered_records"] for of in every),
            "confident_bases": sum(bases) if bases else None,
        },
        "counts": [_summed([part.result["counts"][0] for part in parts])],
        "filters": filter_rows(pooled.name, filtered),
        "notes": sorted({note for part in parts for note in part.result["notes"]}),
        **figures_of([pooled], blocks),
        "samples": [
            {
                "sample": row.sample,
                "counts": part.result["counts"][0]["types"],
                "scores": [
                    {
                        key: score[key]
                        for key in ("name", "type", "true", "false", "missing", "metrics")
                    }
                    for score in part.result["scores"]
                ],
            }
            for row, part in zip(table, parts, strict=True)
        ],
    }
    return Evaluation(result, [pooled], [filtered])


def _regions(table: Sequence[SampleTruth]) -> str | None:
    """For people; None where no sample has confident regions."""
    if not any(row.confident for row in table):
        return None
    return ", ".join(row.confident or f"everywhere for {row.sample}" for row in table)


def _pooled(rows: Sequence[ComparedCalls], names: Sequence[str]) -> ComparedCalls:
    """All samples' calls as those of one file."""
    first = rows[0]
    starts = np.cumsum([0, *(len(part.lines) for part in rows)])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in rows])
        for name in ("is_true", "type", "locus", "judged")
    }
    # One allele of two samples is two calls.
    joined["key"] = np.concatenate(
        [part.key + np.uint64(number) for number, part in enumerate(rows)]
    )
    joined["line"] = np.concatenate(
        [part.line + start for part, start in zip(rows, starts, strict=False)]
    )
    for name in ("scores", "record_scores"):
        joined[name] = {
            key: np.concatenate([getattr(part, name)[key] for part in rows])
            for key in getattr(first, name)
        }
    joined["strata"] = {
        key: (labels, np.concatenate([part.strata[key][1] for part in rows]))
        for key, (labels, _) in first.strata.items()
    }
    for name in ("filtered", "outside", "not_compared", "not_called"):
        joined[name] = sum(getattr(part, name) for part in rows)
    kept = {of.name: getattr(first, of.name) for of in fields(first) if of.name not in joined}
    lines = Lines.joined([part.lines for part in rows], names)
    return ComparedCalls(**{**kept, **joined, "lines": lines})


def _summed(counts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    numbers = ("outside", "not_compared", "not_called")
    return {
        "file": counts[0]["file"],
        "types": {
            name: {key: sum(of["types"][name][key] for of in counts) for key in _SUMMED}
            for name in counts[0]["types"]
        },
        **{key: sum(of[key] for of in counts) for key in numbers},
    }


def write_samples(result: dict[str, Any], folder: Path) -> None:
    """Write samples.tsv: a row for each sample, score and type."""
    columns = [*("sample", "score", "type", "true", "false", "missed", "missing"), *METRICS]
    lines = ["\t".join(columns)]
    for of in result["samples"]:
        for score in of["scores"]:
            values = [score["metrics"][metric]["value"] for metric in METRICS]
            missed = of["counts"][score["type"]]["missed"]
            row = [score["type"], score["true"], score["false"], missed, score["missing"], *values]
            texts = (_text(value) for value in row)
            lines.append("\t".join([of["sample"], score["name"], *texts]))
    (folder / SAMPLES_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
