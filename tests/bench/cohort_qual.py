"""cohort_qual.py: what may stand for QUAL where scores are of one sample of a cohort?

QUAL of a cohort's record is of all samples. The network `reads` is asked about calls of single
samples three times, with all other annotations from the reads: with the caller's QUAL, with none,
and with how much less likely the genotype without ALT alleles is than the best, by the sample's own
PL or GL, which QUAL of a single sample's call is close to. A row has set, calls, type, what stands
for QUAL, true calls, false calls, the ROC AUC and how far it moves the mean score of all calls.

Example: cohort_qual.py  (the sets are those of tests/data and, where it is, ../shared)
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam

TESTS = Path(__file__).resolve().parents[1]
SYNTHETIC = TESTS / "data" / "synthetic"
OTHER = TESTS.parents[1] / "shared" / "data" / "other-simulator-h30"


def likelihood_of_no_alt(record: pysam.VariantRecord) -> float | None:
    """How much less likely the genotype without ALT alleles is than the best, phred-scaled; None
    where the record has neither PL nor GL.
    """
    if phred := record.samples[0].get("PL"):
        return float(phred[0] - min(phred))
    log10 = record.samples[0].get("GL")
    return 10 * (max(log10) - log10[0]) if log10 else None


QUALITIES: dict[str, Callable[[pysam.VariantRecord], float | None]] = {
    "QUAL of the caller": lambda record: record.qual,
    "no QUAL": lambda record: None,
    "PL or GL of 0/0": likelihood_of_no_alt,
}


def measure(folder: Path, calls: Path, reads: Path, reference: Path, truth: Path) -> None:
    """Print a row for each of QUALITIES and each variant type."""
    usual: list[float] = []
    cnnscore: list[str | Path] = [sys.executable, "-m", "cnnscore"]
    for number, (name, quality) in enumerate(QUALITIES.items()):
        changed, scored, out = (folder / f"{number}.{end}" for end in ("vcf", "scored.vcf", "out"))
        with (
            pysam.VariantFile(str(calls)) as source,
            pysam.VariantFile(str(changed), "w", header=source.header) as target,
        ):
            for record in source:
                record.qual = quality(record)
                target.write(record)
        score: list[str | Path] = [
            "score",
            changed,
            "-R",
            reference,
            "-I",
            reads,
            "--annotations",
            "reads",
        ]
        subprocess.run([*cnnscore, *score, "-o", scored, "--quiet"], check=True)
        with pysam.VariantFile(str(scored)) as made:
            values = [record.info.get("CNN_READS", math.nan) for record in made]
        usual = usual or values
        moved = np.nanmean(np.array(values) - np.array(usual))
        evaluate: list[str | Path] = [
            "evaluate",
            scored,
            "--truth",
            truth,
            "-R",
            reference,
            "-o",
            out,
        ]
        subprocess.run([*cnnscore, *evaluate], check=True, stderr=subprocess.DEVNULL)
        for row in json.loads((out / "evaluation.json").read_text())["scores"]:
            if row["key"] == "CNN_READS" and row["type"] != "ALL":
                auc = row["metrics"]["roc_auc"]["value"]
                cells = calls.parent.name, calls.name, row["type"], name, row["true"], row["false"]
                print(*cells, f"{auc:.3f}", f"{moved:+.2f}", sep="\t", flush=True)


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    sets = [(SYNTHETIC / "calls.vcf.gz", SYNTHETIC / "reads.bam")]
    if OTHER.is_dir():
        sets += [(OTHER / f"{caller}.vcf.gz", OTHER / "sim.bam") for caller in ("hc", "bcf", "fb")]
    for calls, reads in sets:
        with tempfile.TemporaryDirectory() as folder:
            measure(
                Path(folder), calls, reads, calls.parent / "ref.fa", calls.parent / "truth.vcf.gz"
            )


if __name__ == "__main__":
    main()
