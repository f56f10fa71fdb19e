"""The card of a trained network, and what accuracy.py found, in Markdown on standard output.

Command: PYTHONPATH=tests/bench python card.py CARD.md ACCURACY.json NETWORK
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from accuracy_table import NETWORKS, OTHERS, table


def losses(rows: list[dict[str, Any]], network: str) -> list[str]:
    """Sets where another score is ahead of this network."""
    found = []
    for row in rows:
        scores = {key: value["roc_auc"] for key, value in row["scores"].items()}
        rivals = [key for key in (*NETWORKS, *OTHERS) if key in scores and key != network]
        ahead = [key for key in rivals if scores[key] > scores[network]]
        if network in scores and ahead:
            best = max(ahead, key=lambda key: scores[key])
            found.append(
                f"- {row['set']}, {row['type']}: {scores[network]:.3f}, behind "
                f"{best} ({scores[best]:.3f})"
            )
    return found or ["- nowhere"]


def sections(figures: dict[str, Any], network: str) -> list[str]:
    """What the card says beyond training."""
    rows = [row for row in figures["rows"] if row["scores"]]
    whole = [row for row in rows if not row["set"].startswith("left out")]
    left_out = [row for row in rows if row["set"].startswith("left out")]
    lines = [
        "",
        "## Against other scores",
        "",
        "ROC AUC with 95 % bootstrap interval, `tests/bench/accuracy.py`. The simulated sets are "
        "HaplotypeCaller's calls of samples whose seeds, region and one error profile are not in "
        "training; artefacts are of strengths that training samples of one family never have, but "
        "in mixtures. Weights, calibration and cut-offs come from training and "
        "validation samples alone; but figures of earlier versions, on these sets too, were known "
        "when settings were chosen.",
        "",
        *table(whole, (*NETWORKS, *OTHERS)),
        "",
        "Behind another score in:",
        "",
        *losses(whole, network),
    ]
    if network == "reads":
        if left_out:
            lines += [
                "",
                "## Without an artefact or a profile in training",
                "",
                "`without it`: one seed of fewer steps, trained without the family or profile and "
                "tested on samples that have it. A network knows the artefacts it was shown.",
                "",
                *table(left_out, ("without it", "reads", "gatk-1d", "gatk-2d", "QUAL", "QD")),
            ]
        missed = [claim for claim in figures["claims"] if not claim["kept"]]
        lines += ["", "## Claims", ""]
        lines += [f"- missed: {claim['claim']}: {claim['found']}" for claim in missed]
        kept = len(figures["claims"]) - len(missed)
        lines.append(f"- {kept} of {len(figures['claims'])} claims of accuracy.py hold")
    return lines


def main() -> None:
    """Read the card and the figures, write both as one."""
    card, figures, network = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    text = card.read_text().rstrip("\n")
    print(text + "\n" + "\n".join(sections(json.loads(figures.read_text()), network)))


if __name__ == "__main__":
    main()
