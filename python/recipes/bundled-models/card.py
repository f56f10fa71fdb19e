"""The card of a trained network, and what accuracy.py found, in Markdown on standard output.

Command: PYTHONPATH=tests/bench python card.py CARD.md ACCURACY.json NETWORK
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from accuracy_table import NETWORKS, OTHERS, table

SETS = {
    "na12878.52x.haplotypecaller": ("HaplotypeCaller", "52x, 101 bp", "NA12878"),
    "na12878.52x.bcftools": ("bcftools", "52x, 101 bp", "NA12878"),
    "na12878.52x.freebayes": ("freebayes", "52x, 101 bp", "NA12878"),
    "na12878.7x.haplotypecaller": ("HaplotypeCaller", "7x", "NA12878"),
    "na12878.7x.bcftools": ("bcftools", "7x", "NA12878"),
    "na12878.7x.freebayes": ("freebayes", "7x", "NA12878"),
    "na12878-chr22-tiny": ("freebayes", "39x, 151 bp", "NA12878, 12 kb"),
    "sars-cov-2": ("freebayes, haploid", "330x, amplicons", "SARS-CoV-2"),
    "planted, NA12878 30x, freebayes": ("freebayes", "30x, 148 bp", "NA12878, planted truth"),
    "planted, 454 reads 67x, HaplotypeCaller": ("HaplotypeCaller", "67x, 454", "phage T7, planted"),
    "other simulator, 30x, HaplotypeCaller": (
        "HaplotypeCaller",
        "30x, 100 bp",
        "another simulator",
    ),
    "other simulator, 30x, bcftools": ("bcftools", "30x, 100 bp", "another simulator"),
    "other simulator, 30x, freebayes": ("freebayes", "30x, 100 bp", "another simulator"),
    "another simulator": ("HaplotypeCaller", "simulated", "tests/data/synthetic"),
    "simulated, all families": ("HaplotypeCaller", "simulated, 6 to 200x", "the recipe's held-out"),
}
"""Sets that a user may know himself in, real ones first: caller, depth and reads, sample."""
RIVALS = ("QUAL", "QD")
WEAK = 0.96
"""An artefact family below this ROC AUC is named."""


def auc(row: dict[str, Any], key: str) -> float:
    """As the tables show it."""
    return round(float(row["scores"][key]["roc_auc"]), 3)


def lead(row: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The best of these, and those that are within its interval, best first; `?` where so few calls
    are false that there is none."""
    there = sorted((key for key in keys if key in row["scores"]), key=lambda key: -auc(row, key))
    interval = row["scores"][there[0]]["roc_auc_interval"]
    if interval is None:
        return "?"
    low = round(float(interval[0]), 3)
    return ", ".join(f"`{key}`" for key in there if auc(row, key) >= low)


def choice(rows: list[dict[str, Any]], network: str) -> list[str]:
    """What a user looks for first: his calls, which network, how good; and where it is weak."""
    lines = [
        "## For your calls",
        "",
        "ROC AUC. *Take* names the network with the highest, and those within its 95 % interval: "
        "with few false calls these are many, and none is shown to be better; `?`: fewer than ten "
        "calls are true, or false, too few to say. Where QUAL or QD has the highest figure, it "
        "ranks these calls best. Intervals and more sets: "
        "[Against other scores](#against-other-scores).",
        "",
        "| caller | depth, reads | sample | type | true ; false | take, with reads "
        "| take, without | " + " | ".join((*NETWORKS, *RIVALS)) + " |",
        "|---" * (7 + len(NETWORKS) + len(RIVALS)) + "|",
    ]
    for name, cells in SETS.items():
        for row in rows:
            if row["set"] == name and row["scores"]:
                figures = [
                    f"{auc(row, key):.3f}" if key in row["scores"] else ""
                    for key in (*NETWORKS, *RIVALS)
                ]
                counts = f"{row['true']} ; {row['false']}"
                take = lead(row, NETWORKS), lead(row, ("reference", "gatk-1d"))
                lines.append(
                    "| " + " | ".join((*cells, row["type"], counts, *take, *figures)) + " |"
                )
    weak = [
        f"{row['set'].removeprefix('simulated, ')} ({row['type']}s, {auc(row, network):.3f})"
        for row in rows
        if row["set"].startswith("simulated, ")
        and row["set"] not in SETS
        and network in row["scores"]
        and auc(row, network) < WEAK
    ]
    lines += [
        "",
        f"False calls that `{network}` tells worst, of those it was tested on: "
        + ("; ".join(weak) or f"none is below {WEAK}")
        + ". "
        "Not tested: long reads, reads shorter than 35 bases, somatic calls, other species than "
        "human and virus.",
    ]
    return lines


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
    whole = rows_of(figures)
    left_out = [
        row for row in figures["rows"] if row["scores"] and row["set"].startswith("left out")
    ]
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
                "## Without an artefact in training",
                "",
                "`without it`: one seed of fewer steps, trained without the family and "
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
    card, file, network = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    figures = json.loads(file.read_text())
    text = with_choice(card.read_text(), choice(rows_of(figures), network)).rstrip("\n")
    print(text + "\n" + "\n".join(sections(figures, network)))


def with_choice(card: str, lines: list[str]) -> str:
    """The card with these lines before its first section."""
    before, heading, after = card.partition("\n## ")
    return before + "\n" + "\n".join(lines) + "\n" + heading + after


def rows_of(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The sets that a network was tested on whole."""
    rows = [row for row in figures["rows"] if row["scores"]]
    return [row for row in rows if not row["set"].startswith("left out")]


if __name__ == "__main__":
    main()
