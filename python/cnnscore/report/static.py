"""A result -> figures for papers: curves, scores by truth, calibration, strata; one file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnscore.description import VARIANT_TYPES
from cnnscore.files import file_name

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a87400", "#56b4e9", "#000000", "#8a8500")
"""Okabe and Ito's, two of them darker so that they show on white."""
STYLES = ("-", "--", ":", "-.")
TRUE, FALSE = COLOURS[0], COLOURS[1]
WIDTH_INCHES = 3.5  # one column of a journal


def write_figures(result: Mapping[str, Any], folder: Path, kind: str) -> list[Path]:
    """Write `roc`, `precision-recall` and, for each score, `scores` and `calibration`, by variant
    type, as `kind` ("svg", "png" of 300 dpi, "pdf"). Returns the paths. Text stays text in SVG.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "savefig.dpi": 300,
        "svg.hashsalt": "cnnscore",
    }
    written = []
    with mpl.rc_context(style):
        for variant in VARIANT_TYPES:
            scores = [s for s in result["scores"] if s["type"] == variant and s["curve"]]
            if not scores:
                continue
            written.append(_curves(scores, folder / f"roc.{variant}.{kind}", roc=True))
            written.append(
                _curves(scores, folder / f"precision-recall.{variant}.{kind}", roc=False)
            )
            for score in scores:
                name = f"{file_name(score['name'])}.{variant}.{kind}"
                written.append(_histogram(score, folder / f"scores.{name}"))
                written.append(_calibration(score, folder / f"calibration.{name}"))
    return written


def _curves(scores: list[dict[str, Any]], path: Path, *, roc: bool) -> Path:
    figure, axes = _axes()
    draw_curves(axes, scores, roc=roc)
    return _save(figure, path)


def draw_curves(axes: Any, scores: list[dict[str, Any]], *, roc: bool) -> None:
    """Draw a curve for each score that has one: ROC, or precision over recall."""
    for i, score in enumerate(scores):
        true, false = score["curve"]["true"], score["curve"]["false"]
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i % len(STYLES)]}
        metric = score["metrics"]["roc_auc" if roc else "average_precision"]["value"]
        label = f"{score['name']} ({'none' if metric is None else f'{metric:.3f}'})"
        recall = [0.0, *(kept / score["true"] for kept in true)] if score["true"] else []
        if roc and score["true"] and score["false"]:
            axes.plot(
                [0.0, *(kept / score["false"] for kept in false)], recall, label=label, **look
            )
        elif not roc and recall:
            precision = [t / (t + f) for t, f in zip(true, false, strict=True)]
            axes.plot(recall[1:], precision, label=label, **look)
    axes.set_xlabel("False calls kept" if roc else "Recall")
    axes.set_ylabel("True calls kept" if roc else "Precision")
    if axes.lines:
        axes.legend(frameon=False, title="ROC AUC" if roc else "average precision")


def _histogram(score: dict[str, Any], path: Path) -> Path:
    figure, axes = _axes()
    table = score["histogram"]
    looks = ((TRUE, "", "true calls", table["true"]), (FALSE, "///", "false calls", table["false"]))
    for colour, hatch, label, counts in looks:
        axes.stairs(
            counts, table["edges"], fill=True, color=colour, alpha=0.65, hatch=hatch, label=label
        )
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xlabel(score["name"])
    axes.set_ylabel("Calls")
    axes.legend(frameon=False)
    return _save(figure, path)


def _calibration(score: dict[str, Any], path: Path) -> Path:
    figure, axes = _axes()
    bins = score["calibration"]
    is_probability = any(row["predicted"] is not None for row in bins)
    x = [row["predicted" if is_probability else "score"] for row in bins]
    y = [row["observed"] for row in bins]
    below = [max(0.0, row["observed"] - row["low"]) for row in bins]
    above = [max(0.0, row["high"] - row["observed"]) for row in bins]
    axes.errorbar(x, y, yerr=[below, above], marker="o", color=COLOURS[0], capsize=2)
    mixture = score.get("mixture")  # evaluations of earlier versions have none
    if mixture:
        axes.plot(
            [row["shifted"] for row in bins], y, marker="o", mfc="none", ls="--", color=COLOURS[0]
        )
        axes.set_title(
            f"true: {mixture['calibrated_true']:.0%} where it was calibrated, here "
            f"{mixture['true']:.0%}; dashed: score {mixture['shift']:+.2f}",
            fontsize="small",
        )
    if is_probability:
        axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", linewidth=1)
    axes.set_xlabel("Predicted: true" if is_probability else f"{score['name']}, mean of the bin")
    axes.set_ylabel("Observed: true")
    return _save(figure, path)


def _axes() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, WIDTH_INCHES * 0.8), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path
