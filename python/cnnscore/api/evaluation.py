"""What an evaluation found, as tables and figures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnscore.api.table import Table
from cnnscore.calls.text import Text
from cnnscore.description import VARIANT_TYPES
from cnnscore.evaluate.igv import (
    BED_NAME,
    SESSION_NAME,
    check_reads,
    mistakes,
    mistakes_bed,
    session,
)
from cnnscore.evaluate.metrics import METRICS
from cnnscore.evaluate.tables import summary
from cnnscore.extras import need
from cnnscore.files import write_whole, writing
from cnnscore.given import files_of, name_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnnscore.given import Files

TEXTS = ("file", "sample", "score", "type", "filter", "label", "contig", "ref", "alt")


class Evaluation:
    """Scores against a truth set. Made by `cnnscore.evaluate`."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = result
        """All of it, as evaluation.json has it (docs/tasks/evaluate.md)."""

    def table(self) -> Table:
        """One row per score and variant type: `true` and `false` calls, and the figures (NaN:
        there is none), with the limits of their intervals as `roc_auc_low`, `roc_auc_high`.
        """
        figures = {name: (name, "value") for name in METRICS}
        figures |= {f"roc_auc_{end}": ("roc_auc", end) for end in ("low", "high")}
        return _table(
            {
                "score": score["name"],
                "type": score["type"],
                "true": score["true"],
                "false": score["false"],
                **{name: score["metrics"][metric][of] for name, (metric, of) in figures.items()},
                "best_f1_threshold": score["best_f1_threshold"],
            }
            for score in self.result["scores"]
        )

    def samples(self) -> Table:
        """One row per sample of a cohort, score and variant type: `true` and `false` calls, and the
        figures (NaN: there is none). Empty without a `truth_map`.
        """
        return _table(
            {
                "sample": of["sample"],
                "score": score["name"],
                "type": score["type"],
                "true": score["true"],
                "false": score["false"],
                **{name: score["metrics"][name]["value"] for name in METRICS},
            }
            for of in self.result.get("samples", ())
            for score in of["scores"]
        )

    def filters(self) -> Table:
        """One row per file and variant type of what PASS keeps: true and false calls, figures (NaN:
        there is none), and the truth alleles that passing calls have. Where several filters remove
        SNPs, or indels, each has a row, named in `filter`, as if it were the only one.
        """
        return _table(self.result["filters"])

    def curves(self) -> Table:
        """One row per score, variant type and threshold: `true` and `false` calls that score at
        least `threshold`, `recall` among the true calls, `precision`.
        """
        return _table(
            {
                "score": score["name"],
                "type": score["type"],
                "threshold": threshold,
                "true": true,
                "false": false,
                "recall": true / score["true"] if score["true"] else None,
                "precision": true / (true + false),
            }
            for score in self.result["scores"]
            if score["curve"]
            for threshold, true, false in zip(
                *(score["curve"][name] for name in ("threshold", "true", "false")), strict=True
            )
        )

    def mistakes(self) -> Table:
        """One row per score and record that it gets most wrong, SNPs and indels apart: `label` is
        FP for a false call of high score and FN for a true call of low score; `contig`, `pos`
        (1-based), `ref` and `alt` are the record's, `value` is its score (float64).
        """
        return _table(
            {
                "score": one.score,
                "type": one.type,
                "label": one.label,
                "contig": one.contig,
                "pos": one.pos,
                "ref": one.ref,
                "alt": one.alt,
                "value": one.value,
            }
            for one in mistakes(self.result)
        )

    def igv(self, folder: str | os.PathLike[str], *, reads: Files = ()) -> Path:
        """Write mistakes.bed and igv_session.xml into a folder, which is made if need be: the worst
        mistakes, and a session in which IGV shows them with the reference, the calls and `reads`.

        Returns the name of the session. Errors: BadInput for reads that are not there or a name
        that XML cannot hold; BadOutput.

        >>> import cnnscore
        >>> found = cnnscore.evaluate(CALLS, truth=TRUTH, reference=REFERENCE, scores="QD")
        >>> found.igv("mistakes", reads=READS).name
        'igv_session.xml'
        """
        target, shown = Path(name_of(folder, "folder")), files_of(reads, "reads")
        check_reads(shown)
        content = session(self.result, target, shown)
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
        write_whole(target / BED_NAME, mistakes_bed(self.result).encode())
        write_whole(target / SESSION_NAME, content.encode())
        return target / SESSION_NAME

    def plot(self) -> Figure:
        """A matplotlib figure: precision over recall, and ROC, for SNPs and indels.

        Errors: UsageError where matplotlib is not installed.
        """
        need("evaluate", "matplotlib")
        from cnnscore.figure import NotebookFigure
        from cnnscore.report.static import draw_curves

        figure: Figure = NotebookFigure(figsize=(9, 7), layout="constrained")
        for row, variant in zip(figure.subplots(2, 2), VARIANT_TYPES, strict=True):
            scores = [s for s in self.result["scores"] if s["type"] == variant and s["curve"]]
            for axes, roc in zip(row, (False, True), strict=True):
                draw_curves(axes, scores, roc=roc)
                axes.set_title(variant)
        return figure

    def __repr__(self) -> str:
        return f"<cnnscore.Evaluation\n{summary(self.result)}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _table(rows: Iterable[Mapping[str, Any]]) -> Table:
    listed = list(rows)
    columns: dict[str, Any] = {}
    for name in listed[0] if listed else ():
        values = [row[name] for row in listed]
        if name in TEXTS:
            columns[name] = Text.of(values)
        else:
            whole = all(isinstance(value, int) for value in values)
            columns[name] = np.array(values, np.int64 if whole else np.float64)
    return Table(columns)
