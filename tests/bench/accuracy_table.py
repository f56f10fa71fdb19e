"""The figures of accuracy.py as a table: for its own output, and for the cards of the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NETWORKS = ("reads", "reference", "gatk-1d", "gatk-2d")
OTHERS = ("QUAL", "QD", "boosted trees")


def table(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    """ROC AUC and its 95 % interval, one row per set and type."""
    lines = ["| set | type | true ; false | " + " | ".join(keys) + " |"]
    lines.append("|---" * (3 + len(keys)) + "|")
    for row in rows:
        cells = []
        for key in keys:
            found = row["scores"].get(key)
            limits = found and found["roc_auc_interval"]
            text = f"{found['roc_auc']:.3f}" if found else ""
            cells.append(f"{text} ({limits[0]:.3f} to {limits[1]:.3f})" if limits else text)
        counts = f"{row['true']} ; {row['false']}"
        lines.append(f"| {row['set']} | {row['type']} | {counts} | " + " | ".join(cells) + " |")
    return lines
