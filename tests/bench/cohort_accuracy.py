"""cohort_accuracy.py COHORTS: how well do CNN_SITE and CNN_READS tell a cohort's calls apart?

COHORTS is the folder that cohorts.smk filled (python/recipes/bundled-models/README.md). Cohorts of
the split `valid` fit formulas for a site's score (site_scores.py); all other figures are of those
that are held out. VariantRecalibrator is trained with half of the truth; the sites of this half are
left out of all tables but that of the network's cut-offs (site_cutoffs.py).
Intervals of 95 % are of 1,000 draws of blocks of 5,000 bases; a score that a record lacks counts as
the lowest. Writes OUT/cohorts.md, the tables of docs/tasks/cohorts.md, and OUT/cohorts.json.

Example: cohort_accuracy.py bench-data/cohorts --out bench-data/cohort-accuracy
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from call_sets import lowest_if_missing
from called import TYPES
from cnnscore.evaluate import metrics
from cnnscore.evaluate.blocks import Blocks
from cnnscore.evaluate.sampled import sample
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from cohort_calls import CALLER_NAMES, Cohort, Labelled, cohorts, label, pooled, score
from cohort_tables import document
from cohort_trios import trio_rows
from cohort_vqsr import half_of_truth, vqsr
from site_cutoffs import kept_rows
from site_scores import FORMULAS, Carried, fit, log_loss

SITE_SCORES = ("CNN_SITE", "best carrier", "VQSLOD", "QUAL", "QD")
SEED = 1
BLOCKS = Blocks(5_000, 1_000, SEED)
FEWEST = 5
"""True or false calls below which a set says nothing."""
CARRIERS = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20))
"""Numbers of carriers that are looked at apart."""


def carried(rows: Labelled) -> Carried:
    """The carriers' scores."""
    return Carried(rows.carrier["CNN_READS"], rows.record)


def read(
    cohort: Cohort, network: Path, gatk: Path | None, out: Path
) -> tuple[Labelled, NDArray[np.bool_], dict[str, str]]:
    """A cohort with all scores; which sites taught VQSR nothing; what VQSR said."""
    scored = score(cohort, network, out)
    rows = label(cohort, scored, ("QD", "CNN_SITE"))
    rows.numbers["best carrier"] = carried(rows).best
    bare = label(cohort, score(cohort, network, out, without_likelihoods=True), ("CNN_SITE",))
    if not np.array_equal(bare.locus, rows.locus):
        raise SystemExit(f"{cohort.name}: other sites without PL")
    rows.numbers["without PL"] = bare.numbers["CNN_SITE"]
    rows.numbers["VQSLOD"] = np.full(len(rows.is_true), np.nan)
    if cohort.split != "test" or gatk is None:
        return rows, np.ones(len(rows.is_true), bool), {}
    half, taught = half_of_truth(cohort, out, SEED)
    found, said = vqsr(cohort, scored, half, gatk, out)
    for type_name, path in found.items():
        of_type = rows.variant_type == TYPES.index(type_name)
        rows.numbers["VQSLOD"][of_type] = label(cohort, path, ("VQSLOD",)).numbers["VQSLOD"][
            of_type
        ]
    return rows, ~np.isin(rows.locus, list(taught)), said


def too_few(is_true: NDArray[np.bool_]) -> bool:
    """Whether these calls say nothing."""
    return bool(min(is_true.sum(), (~is_true).sum()) < FEWEST)


def roc_auc(score: NDArray[np.float64], is_true: NDArray[np.bool_]) -> float | None:
    """Without an interval; None with too few calls."""
    return None if too_few(is_true) else metrics.figures(score, is_true)["roc_auc"]


def figures(columns: dict[str, NDArray[np.float64]], is_true: NDArray[np.bool_], locus: Any) -> Any:
    """By score ROC AUC and average precision, with intervals, and how far the first score's ROC AUC
    is ahead; None with too few calls."""
    if too_few(is_true):
        return None
    known = {key: values for key, values in columns.items() if np.isfinite(values).any()}
    sampled = sample([(lowest_if_missing(v), is_true) for v in known.values()], locus, BLOCKS)
    found: dict[str, dict[str, Any]] = {}
    for key, one in zip(known, sampled, strict=True):
        found[key] = {
            metric: {"value": one.figures[metric], "interval": one.interval(metric)}
            for metric in ("roc_auc", "average_precision")
        }
        ahead = sampled[0].difference(one, "roc_auc") if one is not sampled[0] else None
        found[key]["ahead"] = ahead and (ahead.low, ahead.high)
    return found


def site_rows(name: str, rows: Labelled) -> list[dict[str, Any]]:
    """A row for each type: the site's scores."""
    made = []
    for index, type_name in enumerate(TYPES):
        part = rows.take(rows.variant_type == index)
        columns = {key: part.numbers[key] for key in SITE_SCORES}
        made.append({
            "set": name, "type": type_name,
            "true": int(part.is_true.sum()), "false": int((~part.is_true).sum()),
            "scores": figures(columns, part.is_true, part.locus),
        })  # fmt: skip
    return made


def genotype_rows(name: str, rows: Labelled) -> list[dict[str, Any]]:
    """A row for each type: the genotypes' scores."""
    made = []
    for index, type_name in enumerate(TYPES):
        part = rows.take(rows.variant_type == index)
        is_true = part.carrier_true
        made.append({
            "set": name, "type": type_name,
            "true": int(is_true.sum()), "false": int((~is_true).sum()),
            "scores": figures(dict(part.carrier), is_true, part.locus[part.record]),
        })  # fmt: skip
    return made


def formulas(training: Sequence[Labelled], held_out: Labelled) -> list[dict[str, Any]]:
    """Each formula fitted; its log loss on cohorts that it was not fitted on, one after the other,
    and on those held out, with slope and shift of the training cohorts."""
    whole = pooled(training)
    several = held_out.carriers > 1
    rows = []
    for name, formula in FORMULAS.items():
        found = fit(formula, carried(whole), whole.is_true)
        left = []
        for number, one in enumerate(training):
            others = pooled([part for i, part in enumerate(training) if i != number])
            by_others = fit(formula, carried(others), others.is_true)
            left.append(
                (len(one.is_true), log_loss(by_others.score(formula, carried(one)), one.is_true))
            )
        weights, losses = np.array(left).T
        of_held_out = found.score(formula, carried(held_out))
        aucs = {}
        for index, type_name in enumerate(TYPES):
            of_type = held_out.variant_type == index
            for kind, part in (("all", of_type), ("several", of_type & several)):
                aucs[f"{type_name}, {kind}"] = roc_auc(of_held_out[part], held_out.is_true[part])
        rows.append({
            "formula": name, "text": formula.text, "parameters": found.parameters,
            "slope": found.slope, "shift": found.shift,
            "left_out": float((weights * losses).sum() / weights.sum()),
            "held_out": log_loss(of_held_out, held_out.is_true), "roc_auc": aucs,
        })  # fmt: skip
    return rows


def reliability(rows: Labelled, scores: dict[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    """By number of carriers: how many sites are real, and how many the scores expect."""
    made = []
    for low, high in CARRIERS:
        at = (rows.carriers >= low) & (rows.carriers <= high)
        if at.any():
            made.append({
                "carriers": str(low) if low == high else f"{low} to {high}",
                "sites": int(at.sum()), "real": float(rows.is_true[at].mean()),
                "expected": {key: float(expit(v[at]).mean()) for key, v in scores.items()},
            })  # fmt: skip
    return made


def with_qual(training: Labelled, held_out: Labelled) -> NDArray[np.float64]:
    """CNN_SITE and ln(QUAL) of the record in one logistic regression, fitted on the training
    cohorts: does QUAL say what CNN_SITE does not know?"""
    from sklearn.linear_model import LogisticRegression

    def columns(rows: Labelled) -> NDArray[np.float64]:
        quality = np.log1p(np.nan_to_num(rows.numbers["QUAL"]))
        return np.stack([rows.numbers["CNN_SITE"], quality], axis=1)

    model = LogisticRegression().fit(columns(training), training.is_true)
    result: NDArray[np.float64] = model.decision_function(columns(held_out))
    return result


def qual_rows(training: Labelled, held_out: Labelled) -> list[dict[str, Any]]:
    """A row for each type: what QUAL would do for the site's score."""
    joined = with_qual(training, held_out)
    made = []
    for index, type_name in enumerate(TYPES):
        at = held_out.variant_type == index
        columns = {
            "CNN_SITE": held_out.numbers["CNN_SITE"][at],
            "without PL": held_out.numbers["without PL"][at],
            "with QUAL of the record": joined[at],
        }
        is_true = held_out.is_true[at]
        made.append({
            "set": "all", "type": type_name,
            "true": int(is_true.sum()), "false": int((~is_true).sum()),
            "scores": figures(columns, is_true, held_out.locus[at]),
        })  # fmt: skip
    return made


def compare(every: Sequence[Cohort], network: Path, gatk: Path | None, out: Path) -> dict[str, Any]:
    """All figures; those of VQSR with GATK's jars."""
    sets, whole_sets, said = {}, {}, {}
    for cohort in every:
        whole_sets[cohort.name], untaught, said[cohort.name] = read(cohort, network, gatk, out)
        sets[cohort.name] = whole_sets[cohort.name].take(untaught)
    sites, genotypes, kept = [], [], []
    own = Session(network, "cpu").manifest.site_cutoffs
    tested = [cohort for cohort in every if cohort.split == "test"]
    for caller in dict.fromkeys(cohort.caller for cohort in every):
        of_caller = [cohort for cohort in tested if cohort.caller == caller]
        whole = pooled([sets[cohort.name] for cohort in of_caller])
        for cohort in of_caller:
            name = f"{CALLER_NAMES[caller]}, {len(cohort.samples)} samples"
            sites += site_rows(name, sets[cohort.name])
        sites += site_rows(f"{CALLER_NAMES[caller]}, all", whole)
        genotypes += genotype_rows(f"{CALLER_NAMES[caller]}, all", whole)
        kept += kept_rows(caller, [whole_sets[cohort.name] for cohort in of_caller], own)
    training = [sets[cohort.name] for cohort in every if cohort.split == "valid"]
    held_out = pooled([sets[cohort.name] for cohort in tested])
    kinds = {
        "CNN_SITE": held_out.numbers["CNN_SITE"],
        "the noisy OR": FORMULAS["noisy OR"].of(carried(held_out)),
        "the best carrier": held_out.numbers["best carrier"],
    }
    return {
        "network": hashlib.sha256(network.read_bytes()).hexdigest(),
        "sites": sites,
        "genotypes": genotypes,
        "cutoffs": kept,
        "formulas": formulas(training, held_out),
        "reliability": reliability(held_out, kinds),
        "qual": qual_rows(pooled(training), held_out),
        "trios": [row for c in tested if c.trio for row in trio_rows(c, network, out)],
        "vqsr": said,
    }


def main() -> None:
    """Compare, write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohorts", type=Path)
    parser.add_argument("--out", type=Path, default=Path("bench-data/cohort-accuracy"))
    parser.add_argument("--gatk", type=Path, default=Path(".make/gatk-4.6.2.0"))
    parser.add_argument("--network", default="reads")
    parser.add_argument("--without-vqsr", action="store_true", help="minutes less")
    parser.add_argument("--callers", nargs="+", choices=CALLER_NAMES, default=list(CALLER_NAMES))
    args = parser.parse_args()
    every = cohorts(args.cohorts, args.callers)
    gatk = None if args.without_vqsr else args.gatk
    found = compare(every, find_model(args.network), gatk, args.out)
    text = "\n".join(document(found, args.network, SITE_SCORES))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "cohorts.json").write_text(json.dumps(found, indent=1) + "\n")
    (args.out / "cohorts.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
