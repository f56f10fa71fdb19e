"""precision.py BENCH_DATA: what `--precision bf16` gains, and what it costs.

Speed: whole commands over `dense`, exact and bf16 in turns, in seconds of CPU; the best of TURNS
counts on either side, and what a run over one site takes is taken off. Errors: scores in bf16
against exact ones, of all labelled sets (../shared or $CNNSCORE_SHARED, tests/data/synthetic), and
the ROC AUC of both, SNP and indel apart. Where a true and a false call change places, the AUC
changes by the share of one pair: two pairs are allowed in any case, which counts where there are
few. A machine without AMX has nothing to measure.
"""

import gzip
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from call_sets import SYNTHETIC, CallSet, Labelled, label, lowest_if_missing
from called import TYPES, run
from cnnscore.calls.records import Calls, Records
from cnnscore.network import bf16
from open_sets import open_sets
from timing import print_row, run_once

TURNS = 3
REQUIRED_SPEED = {"gatk-1d": 2.0, "gatk-2d": 2.5}
MOST_ERROR, MOST_AUC = 0.05, 0.001
TIMES = {"gatk-1d": 2, "gatk-2d": 1}
"""How often each record is scored: gatk-1d would be done too soon to be timed."""
PRECISIONS = ("exact", "bf16")
FEWEST = 2
"""True or false calls below which a set says nothing of ranks."""
SHARED = Path(os.environ.get("CNNSCORE_SHARED", Path(__file__).parents[3] / "shared"))
CNNSCORE = (sys.executable, "-m", "cnnscore", "score")


def repeated(calls: Path, times: int, out: Path) -> Path:
    """A VCF with each record so many times."""
    with gzip.open(calls, "rt") as lines, out.open("w") as copy:
        copy.writelines(line if line.startswith("#") else line * times for line in lines)
    return out


def speed(model: str, data: Path, folder: Path) -> bool:
    """Time both sides in turns, and print the claim."""
    calls = repeated(data / "dense.vcf.gz", TIMES[model], folder / "dense.vcf")
    line = ["-R", str(data / "ref.fa"), "-m", model]
    line += ["-o", os.devnull, "--quiet", "--provider", "cpu"]
    line += ["-I", str(data / "30x.bam")] if model == "gatk-2d" else []
    sites = Calls(str(calls)).read(records := Records(), 1 << 20)
    locus = records.sites().locus(0)
    one_site = [str(data / "dense.vcf.gz"), "-r", f"{locus}-{locus.split(':')[1]}"]
    took: dict[str, list[tuple[float, ...]]] = {precision: [] for precision in PRECISIONS}
    for turn in range(TURNS):
        for precision in PRECISIONS if turn % 2 else PRECISIONS[::-1]:
            common = [*CNNSCORE, *line, "--precision", precision]
            took[precision].append(
                tuple(run_once([*common, *which]).cpu_seconds for which in ([str(calls)], one_site))
            )
    best = {name: min(a for a, _ in runs) - min(b for _, b in runs) for name, runs in took.items()}
    ratio, least = best["exact"] / best["bf16"], REQUIRED_SPEED[model]
    name = f"{model} dense, {sites:,} sites: bf16's speed / exact"
    measured = f"{ratio:.2f}x ({best['exact']:.1f} s, {best['bf16']:.1f} s of CPU)"
    return print_row(name, measured, f">= {least}x", ratio >= least)


def labelled_sets(folder: Path) -> list[CallSet]:
    """All that there are here."""
    found = [
        CallSet(
            "synthetic",
            SYNTHETIC / "calls.vcf.gz",
            SYNTHETIC / "ref.fa",
            SYNTHETIC / "reads.bam",
            SYNTHETIC / "truth.vcf.gz",
        )
    ]
    if not SHARED.is_dir():
        print(f"no {SHARED}: of the labelled sets, the synthetic one alone")
        return found
    data = SHARED / "data" / "na12878-chr20"
    found.append(
        CallSet(
            "NA12878 chr20 52x",
            data / "calls.vcf.gz",
            data / "ref.20.fa.gz",
            data / "NA12878_S1.20.10.0-10.1M.bam",
            data / "truth.HG001_v3.3.2.vcf.gz",
            data / "confident.proxy.bed",
        )
    )
    return [*found, *open_sets(SHARED, folder).values()]


def scored(one: CallSet, model: str, folder: Path) -> Labelled:
    """The compared records of a set, with the scores `exact` and `bf16`."""
    files = {}
    for precision in PRECISIONS:
        files[precision] = folder / f"{one.name}.{model}.{precision}.vcf.gz".replace(" ", "-")
        line = [*CNNSCORE, one.calls, "-R", one.reference, "-m", model, "--quiet"]
        line += ["-I", one.reads] if model == "gatk-2d" else []
        line += ["--provider", "cpu", "--precision", precision, "--info-key", "SCORE"]
        run(*line, "-o", files[precision])
    return label(one, files)


def accuracy(model: str, one: CallSet, rows: Labelled) -> bool:
    """Print the errors of a set, and how the AUC changes."""
    exact, reduced = (rows.scores[precision] for precision in PRECISIONS)
    error = np.abs(exact - reduced)[np.isfinite(exact)]
    worst = error.max() if np.isfinite(error).all() else np.inf
    flips = int(((exact >= 0) != (reduced >= 0)).sum())
    said = f"{worst:.3f}, median {np.median(error):.4f}, {flips} of {len(error)} signs"
    ok = print_row(f"{model} {one.name}: error", said, f"<= {MOST_ERROR}", worst <= MOST_ERROR)
    for variant_type, type_name in enumerate(TYPES):
        of_type = rows.take(rows.variant_type == variant_type)
        pairs = int(of_type.is_true.sum()) * int((~of_type.is_true).sum())
        if min(of_type.is_true.sum(), (~of_type.is_true).sum()) < FEWEST:
            continue
        auc = [
            roc_auc_score(of_type.is_true, lowest_if_missing(of_type.scores[precision]))
            for precision in PRECISIONS
        ]
        most = max(MOST_AUC, 2 / pairs)
        text = f"{auc[1]:.4f} (exact {auc[0]:.4f})"
        name = f"{model} {one.name}, {type_name}: ROC AUC"
        ok = print_row(name, text, f"within {most:.4f}", abs(auc[1] - auc[0]) <= most) and ok
    return ok


def main(arguments: Sequence[str]) -> None:
    """Print one row per claim; exit 1 when one fails."""
    if why := bf16.lacking():
        print(f"bf16: {why}: nothing to measure")
        return
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        for model in REQUIRED_SPEED:
            ok = speed(model, Path(arguments[0]) / "small", Path(folder)) and ok
        for one in labelled_sets(Path(folder)):
            for model in REQUIRED_SPEED:
                ok = accuracy(model, one, scored(one, model, Path(folder))) and ok
    sys.exit(0 if ok else 1)


main(sys.argv[1:])
