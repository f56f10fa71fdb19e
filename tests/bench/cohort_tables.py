"""The tables of cohort_accuracy.py in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(rows: Sequence[dict[str, Any]], keys: Sequence[str], metric: str) -> list[str]:
    """A Markdown table of one metric."""
    lines = [
        f"| calls | type | true ; false | {' | '.join(keys)} |",
        "|---" * (3 + len(keys)) + "|",
    ]
    for row in rows:
        cells = []
        for key in keys:
            one = row["scores"] and row["scores"].get(key)
            text = f"{one[metric]['value']:.3f}" if one else "none"
            if one and one[metric]["interval"]:
                text += " ({:.3f} to {:.3f})".format(*one[metric]["interval"])
            cells.append(text)
        counts = f"{row['true']} ; {row['false']}"
        lines.append(f"| {row['set']} | {row['type']} | {counts} | {' | '.join(cells)} |")
    return lines


def formula_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """As Markdown."""
    names = list(rows[0]["roc_auc"])
    lines = [
        "| formula | parameters | log loss, cohort left out | log loss, held out | "
        + " | ".join(f"ROC AUC {name}" for name in names) + " |",
        "|---" * (4 + len(names)) + "|",
    ]  # fmt: skip
    for row in rows:
        parameters = ", ".join(f"{value:.2f}" for value in row["parameters"]) or "none"
        aucs = [f"{row['roc_auc'][n]:.3f}" if row["roc_auc"][n] else "none" for n in names]
        cells = [f"{row['formula']}: `{row['text']}`", parameters, f"{row['left_out']:.4f}"]
        lines.append("| " + " | ".join([*cells, f"{row['held_out']:.4f}", *aucs]) + " |")
    return lines


def trio_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """As Markdown."""
    lines = [
        "| calls | type | Mendelian errors before | after | de-novo variants planted | called "
        "| kept | other de-novo calls | kept |",
        "|---" * 9 + "|",
    ]
    for row in rows:
        before, after = ("{} of {:,}".format(*row[stage]) for stage in ("before", "after"))
        counts = [row[key] for key in ("planted", "real_called", "real_kept")]
        counts += [row["others_called"], row["others_kept"]]
        cells = [row["set"], row["type"], before, after, *map(str, counts)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
