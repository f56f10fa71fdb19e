"""The end of a training run: calibration, cut-offs, and figures of what the network can do."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.dataset.parquet import SPLITS
from cnnscore.description import LABELS, TYPE_LABELS
from cnnscore.errors import BadInput
from cnnscore.network.provenance import Cutoffs
from cnnscore.train.calibrate import (
    SENSITIVITIES,
    cutoffs,
    cutoffs_that_keep,
    expected_error,
    fit_calibration,
    kept_at,
    rank_by_type,
    rows_needed,
    true_shares,
)
from cnnscore.train.card import GENERAL, HELD_OUT
from cnnscore.train.config import Config
from cnnscore.train.network import Network
from cnnscore.train.predict import predict
from cnnscore.train.samples import Samples

log = logging.getLogger("cnnscore")


@dataclass(frozen=True)
class Before:
    """The network that a refined one started from, as its file is."""

    network: Network
    cutoffs: Cutoffs
    rehearsal: Samples | None = None


@dataclass
class Finished:
    """What is said of a network in its manifest."""

    cutoffs: dict[str, dict[str, float]] = field(default_factory=dict)
    """Type -> sensitivity in per cent -> score."""
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
        found.cutoffs = _cutoffs(network, samples, before, found.used)
    else:
        log.warning(
            "no step %s: weights, calibration and cut-offs stay as they were",
            "did better than the network that it started from" if steps else "was taken",
        )
        found.cutoffs = {
            variant_type: {f"{level:.1f}": score for level, score in levels.items()}
            for variant_type, levels in before.cutoffs.items()
        }
    found.metrics = figures(network, samples, before, _by_number(found.cutoffs))
    if before:
        found.metrics["before"] = figures(before.network, samples, before, before.cutoffs)
    return found


def figures(
    network: Network, samples: Samples, before: Before | None, cutoffs: Cutoffs
) -> dict[str, Any]:
    """Figures of a calibrated network: on each split that it was not trained on, where there is
    none on the training rows; and on the rehearsal data's validation rows."""
    splits = [name for name in SPLITS[1:] if len(samples.of_split(name))] or ["train"]
    found = {name: _figures(network, samples, name, cutoffs) for name in splits}
    if before and before.rehearsal:
        found[GENERAL] = _figures(network, before.rehearsal, "validation", cutoffs)
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


def _cutoffs(
    network: Network, samples: Samples, before: Before | None, used: dict[str, Any]
) -> dict[str, dict[str, float]]:
    rows = np.concatenate([samples.of_split(name) for name in HELD_OUT])
    sources = {"+".join(HELD_OUT): (samples, rows)}
    if before and before.rehearsal:
        rehearsal = before.rehearsal
        sources[GENERAL] = (rehearsal, rehearsal.of_split("validation"))
    result: dict[str, dict[str, float]] = {}
    for name, (of, which) in sources.items():
        scores = predict(network, of, which, calibrated=True).astype(np.float64)
        one = cutoffs(scores, of.label[which], of.weight[which])
        if before and name == GENERAL:
            one = _no_stricter(
                one,
                cutoffs_that_keep(
                    _kept_before(before, of, which), scores, of.label[which], of.weight[which]
                ),
            )
        if one:
            used["cutoffs"].append(name)
        result = _no_stricter(result, one)
    for variant_type, levels in result.items():
        lowest = np.inf  # more sensitivity is never a higher score, whichever rows set it
        for level in sorted(levels, key=float):
            lowest = levels[level] = min(levels[level], lowest)
        result[variant_type] = dict(sorted(levels.items(), key=lambda pair: float(pair[0])))
    _say_what_lacks(samples.label[rows], samples.label, result)
    return dict(sorted(result.items(), key=lambda pair: list(TYPE_LABELS).index(pair[0])))


def _no_stricter(
    a: dict[str, dict[str, float]], b: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """Of each cut-off the lower one, where one of the two lacks it the other."""
    return {
        variant_type: {
            level: min(
                of[level]
                for of in (a.get(variant_type, {}), b.get(variant_type, {}))
                if level in of
            )
            for level in {**a.get(variant_type, {}), **b.get(variant_type, {})}
        }
        for variant_type in {**a, **b}
    }


def _kept_before(
    before: Before, samples: Samples, rows: NDArray[np.int64]
) -> dict[str, dict[float, float]]:
    """Type -> sensitivity -> the part of true calls that the start keeps of these rows."""
    scores = predict(before.network, samples, rows, calibrated=True).astype(np.float64)
    kept = kept_at(scores, samples.label[rows], samples.weight[rows], before.cutoffs)
    return {
        variant_type: {level: parts["true"] for level, parts in levels.items() if parts.get("true")}
        for variant_type, levels in kept.items()
    }


def _say_what_lacks(
    held_out: NDArray[np.int8], label: NDArray[np.int8], result: dict[str, dict[str, float]]
) -> None:
    """Warn of cut-offs that the held-out rows have too few true calls for."""
    for variant_type, (_, true) in TYPE_LABELS.items():
        n = int((held_out == true).sum())
        lacking = [level for level in SENSITIVITIES if n < rows_needed(level)]
        if not lacking or not (label == true).any():
            continue
        needs = " and ".join(f"{rows_needed(level):,} for {level} %" for level in lacking)
        without = [level for level in lacking if level not in result.get(variant_type, {})]
        end = (
            f"the network has none for {' and '.join(without)} %: add samples, or hold out more"
            if without
            else "those of the rehearsal data are taken"
        )
        log.warning(
            "the held-out rows have %s true %ss, and a cut-off needs %s; %s",
            f"{n:,}",
            variant_type,
            needs,
            end,
        )


def _figures(network: Network, samples: Samples, split: str, cutoffs: Cutoffs) -> dict[str, Any]:
    rows = samples.of_split(split)
    scores = predict(network, samples, rows, calibrated=True).astype(np.float64)
    label, weight = samples.label[rows], samples.weight[rows]
    errors = expected_error(scores, label, weight)
    kept = kept_at(scores, label, weight, cutoffs)
    return {
        variant_type: {
            **{
                key: None if isinstance(value, float) and np.isnan(value) else _short(value)
                for key, value in asdict(ranking).items()
            },
            "calibration_error": _short(errors[variant_type]) if variant_type in errors else None,
            "kept": {
                f"{level:.1f}": {key: _short(part) for key, part in parts.items()}
                for level, parts in kept.get(variant_type, {}).items()
            },
        }
        for variant_type, ranking in rank_by_type(scores, label, weight).items()
    }


def _by_number(cutoffs: dict[str, dict[str, float]]) -> Cutoffs:
    return {
        variant_type: {float(level): score for level, score in levels.items()}
        for variant_type, levels in cutoffs.items()
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
