"""The tables of cohort_accuracy.py in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from site_cutoffs import kept_table


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


def reliability_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """As Markdown."""
    keys = list(rows[0]["expected"])
    lines = [
        "| carriers | sites | real | " + " | ".join(f"expected by {key}" for key in keys) + " |",
        "|---" * (3 + len(keys)) + "|",
    ]
    for row in rows:
        expected = " | ".join(f"{row['expected'][key]:.3f}" for key in keys)
        cells = f"{row['carriers']} | {row['sites']:,} | {row['real']:.3f} | {expected}"
        lines.append(f"| {cells} |")
    return lines


def document(found: dict[str, Any], network: str, site_scores: Sequence[str]) -> list[str]:
    """All tables."""
    lines = [f"Network `{network}`, SHA-256 {found['network'][:12]}."]
    genotypes = ("CNN_READS", "GQ")
    parts = {
        "Sites, ROC AUC": table(found["sites"], site_scores, "roc_auc"),
        "Sites, average precision": table(found["sites"], site_scores, "average_precision"),
        "Genotypes, ROC AUC": table(found["genotypes"], genotypes, "roc_auc"),
        "Genotypes, average precision": table(found["genotypes"], genotypes, "average_precision"),
        "Cut-offs of CNN_SITE": kept_table(found["cutoffs"]),
        "Reliability": reliability_table(found["reliability"]),
        "Formulas": formula_table(found["formulas"]),
        "QUAL": table(
            found["qual"], ("CNN_SITE", "without PL", "with QUAL of the record"), "roc_auc"
        ),
        "Trios": trio_table(found["trios"]),
        "VariantRecalibrator": [
            f"- {name}, {kind}s: {what}"
            for name, of in found["vqsr"].items()
            for kind, what in of.items()
        ],
    }
    for title, of_part in parts.items():
        lines += ["", f"{title}:", "", *of_part]
    return lines
