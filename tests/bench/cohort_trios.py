"""Trios of cohort_accuracy.py: Mendelian errors, and the new variants of the child."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

from called import TYPES, run
from cohort_calls import Cohort, score


def trio_rows(cohort: Cohort, network: Path, out: Path) -> list[dict[str, Any]]:
    """Mendelian errors before and after the filter, and the planted de-novo variants kept."""
    scored = score(cohort, network, out)
    folder = out / "trios" / cohort.name
    folder.mkdir(parents=True, exist_ok=True)
    filtered = folder / "filtered.vcf.gz"
    cnnscore = (sys.executable, "-m", "cnnscore")
    run(*cnnscore, "filter", scored, "--per-sample", "--threshold", 0, "-o", filtered)
    run(
        *cnnscore, "evaluate", filtered, "--pedigree", cohort.folder / "family.ped",
        "-R", cohort.folder / "ref.fa", "-o", folder / "evaluation",
    )  # fmt: skip
    rows = read_table(folder / "evaluation" / "trios.tsv")
    calls = read_table(folder / "evaluation" / "de_novo.tsv")
    planted = planted_de_novo(cohort)
    made = []
    for type_name in TYPES:
        by_stage = {row["filter"]: row for row in rows if row["type"] == type_name}
        of_type = [c for c in calls if (len(c["ref"]) == len(c["alt"])) == (type_name == "SNP")]
        real = [c for c in of_type if int(c["pos"]) in planted]
        kept, real_kept = (sum(c["filter"] == "PASS" for c in some) for some in (of_type, real))
        made.append({
            "set": cohort.name, "type": type_name,
            **{stage: (int(by_stage[stage]["errors"]), int(by_stage[stage]["records"]))
               for stage in ("before", "after")},
            "planted": sum(kind == type_name for kind in planted.values()),
            "real_called": len(real), "real_kept": real_kept,
            "others_called": len(of_type) - len(real),
            "others_kept": kept - real_kept,
        })  # fmt: skip
    return made


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a file with tabs, by column."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def planted_de_novo(cohort: Cohort) -> dict[int, str]:
    """1-based positions of the child's new variants, with their types."""
    shown = subprocess.run(
        ["bcftools", "query", "-i", "DE_NOVO=1", "-f", "%POS\t%REF\t%ALT\n",
         str(cohort.folder / "truth.vcf.gz")],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    rows = (line.split("\t") for line in shown)
    return {int(pos): TYPES[len(ref) != len(alt)] for pos, ref, alt in rows}
