"""A manifest -> its model card: what a network is, saw, and can be believed about, in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FIGURES = {
    "true": "true calls",
    "false": "artefacts",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision, true calls",
    "artefact_precision": "average precision, artefacts",
    "calibration_error": "expected calibration error",
}


def write_card(manifest: dict[str, Any], path: Path | None = None) -> str:
    """The card of a network; `path` is its file, for the size.

    Networks that were imported have a short one: what they take, give and are from.
    """
    size = f", {path.stat().st_size / 1e6:.2f} MB" if path and path.is_file() else ""
    reads = f"up to {manifest['read_limit']} reads" if manifest["read_limit"] else "no reads"
    lines = [
        f"# {manifest['name']}",
        "",
        f"{manifest['info_description']}.",
        "",
        f"- sees: {manifest['encoding']}, {reads}, {manifest['window']} columns of reference; "
        f"annotations {', '.join(manifest['annotations']) or 'none'}",
        f"- gives: INFO/{manifest['info_key']}, {manifest['score']}{size}",
    ]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in manifest["source"].items()]
    training = manifest.get("training")
    if training:
        lines += _training(training)
    if manifest.get("cutoffs"):
        lines += _cutoffs(manifest["cutoffs"])
    if training:
        lines += _limits(training)
    return "\n".join(lines) + "\n"


def _training(training: dict[str, Any]) -> list[str]:
    data = training["data"]
    lines = [
        "",
        "## Training",
        "",
        f"Made on {training['date']} with cnnscore {training['code_version']}, in "
        f"{training['seconds']} s; weights of step {training['best_step']}.",
    ]
    if training.get("init"):
        lines.append(f"Started from the weights of `{training['init']}`.")
    if training.get("teachers"):
        names = ", ".join(f"`{name}`" for name in training["teachers"])
        lines.append(f"Distilled from the mean log-odds of {names}.")
    if data["left_out"]:
        lines.append(f"Left out of the data: {', '.join(data['left_out'])}.")
    lines += ["", "| rows | " + " | ".join(next(iter(data["rows"].values()))) + " |"]
    lines.append("|---|" + "---|" * len(next(iter(data["rows"].values()))))
    for split, counts in data["rows"].items():
        lines.append(f"| {split} | " + " | ".join(f"{n:,}" for n in counts.values()) + " |")
    names = data["files"]
    shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
    lines += ["", f"Data sets: {shown}."]
    if data["tags"]:
        lines.append(f"Their tags: {', '.join(data['tags'])}.")
    return lines + _metrics(training["metrics"])


def _metrics(metrics: dict[str, Any]) -> list[str]:
    splits = [split for split in ("validation", "calibration", "test") if split in metrics]
    lines: list[str] = []
    if splits:
        columns = [(split, kind) for split in splits for kind in metrics[split]]
        lines = ["", "## Figures on rows that it was not fitted on", ""]
        lines.append("| | " + " | ".join(f"{split} {kind}" for split, kind in columns) + " |")
        lines.append("|---|" + "---|" * len(columns))
        for key, text in _FIGURES.items():
            cells = [metrics[split][kind].get(key) for split, kind in columns]
            lines.append(f"| {text} | " + " | ".join(map(_cell, cells)) + " |")
        lines += [
            "",
            "Validation rows chose the step, calibration rows slope and offset of the log-odds.",
        ]
    calibrated = metrics.get("calibrated", [])
    if calibrated:
        lines.append(f"Calibrated: {', '.join(calibrated)}, each apart.")
    return lines


def _cutoffs(cutoffs: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "",
        "## Cut-offs",
        "",
        "Scores that keep this percentage of the held-out true calls; `cnnscore filter` takes "
        "them where it has no resource.",
        "",
    ]
    for kind, of_type in cutoffs.items():
        text = ", ".join(f"{level} %: {score:z.3f}" for level, score in of_type.items())
        lines.append(f"- {kind}: {text}")
    return lines


def _limits(training: dict[str, Any]) -> list[str]:
    odds = training["configuration"]["training"]["calibration_odds"]
    meaning = (
        "the proportion of true calls in its calibration rows"
        if odds == "data"
        else "one true call to one artefact"
    )
    return [
        "",
        "## What it does not know",
        "",
        f"- Its log-odds hold at {meaning}. A call set with fewer artefacts has higher odds: add "
        "the difference of both log-odds.",
        "- Artefacts of a kind that its data lacks. It was shown those above, and no others.",
        "- Species, sequencers, aligners and callers that are not among its data sets.",
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
