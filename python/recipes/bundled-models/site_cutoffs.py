"""site_cutoffs.py COHORTS: a network's cut-offs for the sites of a cohort, INFO/CNN_SITE.

COHORTS is the folder that cohorts.smk filled (README.md). As for single samples they are the scores
at which a percentage of held-out true calls is kept: here of true sites of the cohorts of the split
`valid`, at all levels that there are enough of them for. The callers' calls are of the same true
sites, and share their weight. The field `site_cutoffs` of the manifest is written anew, into the
file that `--network` names; its graph stays, and so do all scores. The card beside the file says
what the cut-offs keep of the cohorts of the split `test`.

Example: site_cutoffs.py bench-data/cohorts --network mine/mine.onnx
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from scipy.stats import binomtest

from called import TYPES
from cnnscore.description import SITE_KEY, TYPE_LABELS
from cnnscore.files import write_whole
from cnnscore.network.cutoffs import Cutoffs, cutoff_at, cutoffs_for_manifest, ranges_text
from cnnscore.network.manifest import MANIFEST_KEY
from cnnscore.network.store import find_model
from cnnscore.train.calibrate import cutoffs, rows_needed
from cohort_calls import CALLER_NAMES, Labelled, cohorts, join, label, score

SHOWN = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9)
"""Levels that tables have, as far as the network does."""
HEADING = "## Cut-offs of a cohort's sites"
LAST_HEADING = "## What it does not know"


def site_cutoffs(rows: Labelled, callers: int) -> Cutoffs:
    """By the rules for single samples (cnnscore/train/calibrate.py), of calls of so many callers:
    each call counts as this part of a true site."""
    label = np.array([TYPE_LABELS[name] for name in TYPES], np.int8)[
        rows.variant_type, rows.is_true.astype(int)
    ]
    weight = np.full(len(label), 1 / callers, np.float32)
    found = cutoffs(rows.numbers[SITE_KEY], label, weight)
    enough = {
        name: {
            level: cut
            for level, cut in levels.items()
            if rows_needed(level) * callers <= (label == TYPE_LABELS[name][1]).sum()
        }
        for name, levels in found.items()
    }
    return {name: levels for name, levels in enough.items() if levels}


def with_site_cutoffs(content: bytes, of_sites: Cutoffs) -> bytes:
    """A network's file with these, and otherwise as it was; equal ones give equal bytes."""
    model = onnx.load_from_string(content)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    manifest = json.loads(metadata[MANIFEST_KEY])
    manifest["site_cutoffs"] = cutoffs_for_manifest(of_sites)
    metadata[MANIFEST_KEY] = json.dumps(manifest, sort_keys=True)
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def kept_rows(caller: str, parts: Sequence[Labelled], of_sites: Cutoffs) -> list[dict[str, Any]]:
    """A row for each type and level: what a cut-off keeps of the true calls of a caller, and
    removes of the false ones."""
    rows = join(parts)
    made = []
    for index, name in enumerate(TYPES):
        scores, is_true = (
            values[rows.variant_type == index] for values in (rows.numbers[SITE_KEY], rows.is_true)
        )
        for level in SHOWN:
            cut = cutoff_at(of_sites.get(name, {}), level)
            if cut is not None:
                passes = scores >= cut
                made.append({
                    "set": CALLER_NAMES[caller], "type": name, "level": level, "cutoff": cut,
                    "true": int(is_true.sum()), "kept": int((passes & is_true).sum()),
                    "false": int((~is_true).sum()), "removed": int((~passes & ~is_true).sum()),
                })  # fmt: skip
    return made


def kept_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """As Markdown, with Wilson's intervals of 95 %."""

    def share(part: int, whole: int) -> str:
        if not whole:
            return "none"
        low, high = binomtest(part, whole).proportion_ci(method="wilson")
        return f"{100 * part / whole:.1f} % ({100 * low:.1f} to {100 * high:.1f}) of {whole:,}"

    lines = ["| calls | type | level | cut-off | true kept | false removed |", "|---" * 6 + "|"]
    for row in rows:
        cells = [row["set"], row["type"], f"{row['level']:g}", f"{row['cutoff']:z.3f}"]
        cells += [share(row["kept"], row["true"]), share(row["removed"], row["false"])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def with_section(card: str, of_sites: Cutoffs, rows: Sequence[dict[str, Any]]) -> str:
    """A card with the section of these cut-offs, in place of one that it has."""
    levels = "; ".join(f"{name} {ranges_text(of)} %" for name, of in of_sites.items())
    section = [
        HEADING,
        "",
        "Scores (`CNN_SITE`) at which this percentage of the true sites of simulated training "
        f"cohorts is kept, by type ({levels}), and what they keep and remove of held-out cohorts "
        "(docs/tasks/cohorts.md). Intervals of 95 % are Wilson's, as if sites were independent.",
        "",
        *kept_table(rows),
    ]
    before, found, after = card.partition(f"\n{HEADING}\n")
    if found:
        card = before + "\n## ".join(["", *after.split("\n## ")[1:]])
    before, last, after = card.partition(f"\n{LAST_HEADING}\n")
    return before.rstrip("\n") + "\n\n" + "\n".join(section) + "\n" + last + after


def main() -> None:
    """Score and label the cohorts, write the field and the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohorts", type=Path)
    parser.add_argument("--network", default="reads", help="name or file; it is changed [reads]")
    parser.add_argument("--out", type=Path, default=Path("bench-data/cohort-accuracy"))
    parser.add_argument("--callers", nargs="+", choices=CALLER_NAMES, default=list(CALLER_NAMES))
    args = parser.parse_args()
    network = find_model(args.network)
    sets = {
        cohort: label(cohort, score(cohort, network, args.out), (SITE_KEY,))
        for cohort in cohorts(args.cohorts, args.callers)
    }
    training = [rows for cohort, rows in sets.items() if cohort.split == "valid"]
    of_sites = site_cutoffs(join(training), len(args.callers))
    tested = {
        caller: [rows for c, rows in sets.items() if (c.split, c.caller) == ("test", caller)]
        for caller in args.callers
    }
    found = [row for caller, parts in tested.items() for row in kept_rows(caller, parts, of_sites)]
    print("\n".join(kept_table(found)))
    card = network.with_suffix(".md")
    if card.exists():
        text = with_section(card.read_text(encoding="utf-8"), of_sites, found)
        write_whole(str(card), text.encode())
    write_whole(str(network), with_site_cutoffs(network.read_bytes(), of_sites))


if __name__ == "__main__":
    main()
