"""A result -> MultiQC custom content: a table of every score's figures, by file and type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MULTIQC_SUFFIX = "_mqc.json"
MULTIQC_NAME = f"cnnscore{MULTIQC_SUFFIX}"

_HEADERS = {
    "true": {
        "title": "True",
        "description": "Calls that are in the truth set",
        "format": "{:,.0f}",
    },
    "false": {"title": "False", "description": "Calls that are not", "format": "{:,.0f}"},
    "roc_auc": {"title": "ROC AUC", "min": 0.5, "max": 1, "scale": "Blues", "format": "{:,.3f}"},
    "average_precision": {
        "title": "AP",
        "description": "Average precision",
        "min": 0.5,
        "max": 1,
        "scale": "Blues",
        "format": "{:,.4f}",
    },
    "best_f1": {"title": "Best F1", "min": 0.5, "max": 1, "scale": "Blues", "format": "{:,.4f}"},
    "threshold": {"title": "at score", "description": "Threshold of the best F1"},
    "recall_at_precision_95": {
        "title": "Recall @95",
        "description": "Largest recall at a precision of 95 %",
        "min": 0,
        "max": 1,
        "scale": "Blues",
        "format": "{:,.3f}",
    },
}


def multiqc_section(result: Mapping[str, Any]) -> dict[str, Any]:
    """Custom content of type `table` (MultiQC finds it by its name, `*_mqc.json`)."""
    data: dict[str, dict[str, float]] = {}
    # Rows of one name are one in MultiQC, and files of many samples are called the same.
    named = {
        calls["name"]: " ".join([*calls["samples"], calls["name"]])
        for calls in result["inputs"]["calls"]
    }
    for score in result["scores"]:
        if score["type"] == "ALL":
            continue
        metrics = {name: metric["value"] for name, metric in score["metrics"].items()}
        row = {"true": score["true"], "false": score["false"]} | {
            name: metrics[name] for name in _HEADERS if name in metrics
        }
        row["threshold"] = score["best_f1_threshold"]
        name = f"{named.get(score['file'], score['file'])} {score['key']} {score['type']}"
        data[name] = {key: value for key, value in row.items() if value is not None}
    return {
        "id": "cnnscore_evaluate",
        "section_name": "cnnscore evaluate",
        "description": "How well each score tells true calls from artefacts, against a truth set.",
        "plot_type": "table",
        "pconfig": {"id": "cnnscore_evaluate_table", "title": "cnnscore: scores against truth"},
        "headers": _HEADERS,
        "data": data,
    }
