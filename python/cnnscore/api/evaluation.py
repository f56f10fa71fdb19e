"""What an evaluation found, as tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnscore.api.table import Table
from cnnscore.calls.text import Text
from cnnscore.description import VARIANT_TYPES
from cnnscore.evaluate.metrics import METRICS
from cnnscore.evaluate.tables import summary
from cnnscore.extras import need

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = ("score", "type")


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
