"""The end of a training run: calibration, cut-offs, and figures of what the network can do."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cnnscore.dataset.parquet import SPLITS
from cnnscore.description import LABELS
from cnnscore.errors import BadInput
from cnnscore.network.cutoffs import BareCutoffs, Cutoffs, default_levels, level_text
from cnnscore.train.calibrate import (
    expected_error,
    fit_calibration,
    kept_at,
    rank_by_type,
    true_shares,
)
from cnnscore.train.card import GENERAL
from cnnscore.train.config import Config
from cnnscore.train.network import Network
from cnnscore.train.own_cutoffs import Before, own_cutoffs
from cnnscore.train.predict import predict
from cnnscore.train.samples import Samples

log = logging.getLogger("cnnscore")


@dataclass
class Finished:
    """What is said of a network in its manifest."""

    cutoffs: Cutoffs = field(default_factory=dict)
    bare_cutoffs: BareCutoffs = field(default_factory=BareCutoffs)
    metrics: dict[str, Any] = field(default_factory=dict)
    """Set of rows (a split, or GENERAL) -> type -> figures; `before` -> the same of the start."""
    used: dict[str, Any] = field(default_factory=dict)
    """What chose the step, which types were calibrated (`true_share`: at which share of true calls
    their scores are log-odds), which rows set the cut-offs."""


def finish(
    network: Network, samples: Samples, config: Config, before: Before | None, *, changed: bool
) -> Finished:
    """Calibrate the network in place; its cut-offs and figures.

    A network whose step 0 was kept (not `changed`) keeps scores and cut-offs as they were. Cut-offs
    are of true calls that no weight was fitted to, never of training rows: those of `samples`, and
    those of the rehearsal data; where both have enough, the lower score, which keeps either. Of the
    rehearsal data as much is kept as the start keeps by its own cut-offs.
    """
    found = Finished()
    steps = config.training.steps
    chose = "validation" if steps and len(samples.of_split("validation")) else None
    found.used = {"step": chose, "calibrated": [], "cutoffs": []}
    if changed or before is None:
        found.used["true_share"] = _calibrate(network, samples, config)
        found.used["calibrated"] = list(found.used["true_share"])
        found.cutoffs, found.bare_cutoffs = own_cutoffs(
            network, samples, before, tuple(config.data.annotations), found.used
        )
    else:
        log.warning(
            "no step %s: weights, calibration and cut-offs stay as they were",
            "did better than the network that it started from" if steps else "was taken",
        )
        found.cutoffs, found.bare_cutoffs = before.cutoffs, before.bare_cutoffs
    found.metrics = figures(network, samples, before, found.cutoffs, found.bare_cutoffs)
    if before:
        found.metrics["before"] = figures(
            before.network, samples, before, before.cutoffs, before.bare_cutoffs
        )
    return found


def figures(
    network: Network,
    samples: Samples,
    before: Before | None,
    cutoffs: Cutoffs,
    bare_cutoffs: BareCutoffs,
) -> dict[str, Any]:
    """Figures of a calibrated network: on each split that it was not trained on, where there is
    none on the training rows; and on the rehearsal data's validation rows."""
    splits = [name for name in SPLITS[1:] if len(samples.of_split(name))] or ["train"]
    taken = {
        name: {level: levels[level] for level in default_levels(levels)}
        for name, levels in cutoffs.items()
    }
    found = {name: _figures(network, samples, name, taken, bare_cutoffs) for name in splits}
    if before and before.rehearsal:
        found[GENERAL] = _figures(network, before.rehearsal, "validation", taken, bare_cutoffs)
    return found


def _calibrate(network: Network, samples: Samples, config: Config) -> dict[str, float]:
    """Fit slope and offset of the types that have the rows for it, each with the share of true
    calls at which its scores are log-odds. The others keep what they have."""
    rows = samples.of_split("calibration")
    scores = predict(network, samples, rows).astype(np.float64)
    fitted, lacking = fit_calibration(
        scores, samples.label[rows], samples.weight[rows], config.training.calibration_odds
    )
    if lacking:
        log.warning(
            "too few calibration rows of %s: its scores are not calibrated (`calibration=` of "
            "`cnnscore dataset` sets the part of the regions)",
            " and ".join(lacking),
        )
    for number, (name, (slope, offset)) in enumerate(fitted.items()):
        if name not in lacking:
            network.calibration.slope[number] = slope
            network.calibration.offset[number] = offset
    share = true_shares(samples.label[rows], samples.weight[rows], config.training.calibration_odds)
    return {name: share[name] for name in fitted if name not in lacking}


def _figures(
    network: Network, samples: Samples, split: str, cutoffs: Cutoffs, bare_cutoffs: BareCutoffs
) -> dict[str, Any]:
    rows = samples.of_split(split)
    scores = predict(network, samples, rows, calibrated=True).astype(np.float64)
    label, weight = samples.label[rows], samples.weight[rows]
    errors = expected_error(scores, label, weight)
    kept = kept_at(scores, label, weight, cutoffs, samples.are_bare(rows), bare_cutoffs)
    return {
        variant_type: {
            **{
                key: None if isinstance(value, float) and np.isnan(value) else _short(value)
                for key, value in asdict(ranking).items()
            },
            "calibration_error": _short(errors[variant_type]) if variant_type in errors else None,
            "kept": {
                level_text(level): {key: _short(part) for key, part in parts.items()}
                for level, parts in kept.get(variant_type, {}).items()
            },
        }
        for variant_type, ranking in rank_by_type(scores, label, weight).items()
    }


def _short(value: float) -> float:
    return value if isinstance(value, int) else round(value, 5)


def check_splits(samples: Samples) -> None:
    """Errors: BadInput when a split that has rows lacks a class that the data has: what it chooses,
    calibrates or teaches would be of the other classes alone."""
    counts = {
        name: np.bincount(samples.label[samples.of_split(name)], minlength=len(LABELS))
        for name in SPLITS[:3]
    }
    there = np.sum(list(counts.values()), axis=0)
    for name, of_split in counts.items():
        lacking = [LABELS[i] for i in np.flatnonzero((of_split == 0) & (there > 0))]
        if of_split.any() and lacking:
            others = ", ".join(f"{there[LABELS.index(label)]:,} {label}" for label in lacking)
            raise BadInput(
                f"the {name} rows have no {' and no '.join(lacking)}, of which the others have "
                f"{others}: make the data sets again with smaller blocks (`block=`), "
                "or add samples"
            )
