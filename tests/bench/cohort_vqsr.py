"""The cohorts of cohort_accuracy.py, judged by VQSR."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from called import run
from cohort_calls import Cohort

VQSR_KEYS = {
    "gatk": {
        "SNP": ("QD", "MQ", "MQRankSum", "ReadPosRankSum", "FS", "SOR"),
        "INDEL": ("QD", "MQRankSum", "ReadPosRankSum", "FS", "SOR"),
    },
    "bcftools": {
        "SNP": ("MQ", "MQBZ", "RPBZ", "BQBZ", "SCBZ"),
        "INDEL": ("MQ", "MQBZ", "IDV", "IMF"),
    },
}
"""Annotations that VariantRecalibrator is given: those that its documentation names, and for
bcftools what it has in their place."""
GAUSSIANS = (8, 4, 2, 1)
"""--max-gaussians, the next where it refuses one; the first are what GATK's documentation names."""


def half_of_truth(cohort: Cohort, out: Path, seed: int) -> tuple[Path, set[int]]:
    """A file of half of the true sites, and its positions (0-based)."""
    folder = out / "vqsr"
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{cohort.folder.name}.half.vcf.gz"
    shown = subprocess.run(
        ["bcftools", "query", "-f", "%CHROM\t%POS\n", str(cohort.folder / "truth.vcf.gz")],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    rows = sorted({(line.split("\t")[0], int(line.split("\t")[1])) for line in shown})
    chosen = np.random.default_rng(seed).random(len(rows)) < 0.5
    targets = half.with_suffix(".tsv")
    given = [row for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen]
    targets.write_text("".join(f"{contig}\t{pos}\n" for contig, pos in given))
    run("bcftools", "view", "-G", "-T", targets, "-Oz", "-o", half, cohort.folder / "truth.vcf.gz")
    run("bcftools", "index", "-ft", half)
    return half, {pos - 1 for _, pos in given}


def vqsr(
    cohort: Cohort, scored: Path, half: Path, gatk: Path, out: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    """By type the calls with VQSLOD, made once; and what was done, or why GATK refused."""
    found, said = {}, {}
    for type_name, keys in VQSR_KEYS[cohort.caller].items():
        stem = f"{cohort.name}.{type_name}"
        done, note = (out / "vqsr" / f"{stem}{end}" for end in (".vcf.gz", ".txt"))
        if not note.exists() or note.stat().st_mtime < cohort.calls.stat().st_mtime:
            done.unlink(missing_ok=True)
            note.write_text(_recalibrate(scored, half, gatk, type_name, keys, done))
        said[type_name] = note.read_text()
        if done.exists():
            found[type_name] = done
    return found, said


def _recalibrate(
    scored: Path, half: Path, gatk: Path, mode: str, keys: Sequence[str], done: Path
) -> str:
    """Write the calls with VQSLOD; returns what to say of it."""
    java = ["java", "-Xmx2g", "-XX:+UseSerialGC", "-cp", f"{gatk}/*"]
    java.append("org.broadinstitute.hellbender.Main")
    if not scored.with_name(f"{scored.name}.tbi").exists():
        run("bcftools", "index", "-ft", scored)
    table, tranches = (done.with_name(f"{done.name}.{end}") for end in ("recal.vcf", "tranches"))
    of_file = ("-V", str(scored), "-mode", mode, "--tranches-file", str(tranches))
    resource = ("--resource:half,known=false,training=true,truth=true,prior=15", str(half))
    reason = ""
    tries, left_out = list(GAUSSIANS), ""
    while tries:
        annotations = [word for key in keys for word in ("-an", key)]
        limit = ("--max-gaussians", str(tries[0]))
        command = [*java, "VariantRecalibrator", *of_file, *resource, *annotations, *limit]
        command += ["-O", str(table)]
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        if made.returncode:
            lines = made.stderr.splitlines()
            if same := set(re.findall(r"(\w+):\s+mean = .*deviation = 0\.00$", made.stderr, re.M)):
                # GATK asks for these to be left out.
                keys = [key for key in keys if key not in same]
                left_out = f", without {', '.join(sorted(same))}"
                continue
            reason = next((line for line in lines if "A USER ERROR" in line), lines[-1])
            tries.pop(0)
            continue
        apply = [*java, "ApplyVQSR", *of_file, "--recal-file", str(table), "-O", str(done)]
        run(*apply, "--truth-sensitivity-filter-level", "99.9")
        return f"{tries[0]} Gaussians{left_out}"
    return "refused: " + reason.removeprefix("A USER ERROR has occurred: ")
