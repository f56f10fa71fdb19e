"""Held-out true calls -> a network's own cut-offs: a curve per type, apart for bare calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import TYPE_LABELS
from cnnscore.network.cutoffs import (
    DEFAULT_LEVELS,
    BareCutoffs,
    Cutoffs,
    callers_annotations,
)
from cnnscore.train.calibrate import cutoffs, cutoffs_that_keep, kept_at, rows_needed
from cnnscore.train.card import GENERAL, HELD_OUT
from cnnscore.train.network import Network
from cnnscore.train.predict import predict
from cnnscore.train.samples import Samples

log = logging.getLogger("cnnscore")


@dataclass(frozen=True)
class Before:
    """The network that a refined one started from, as its file is."""

    network: Network
    cutoffs: Cutoffs
    bare_cutoffs: BareCutoffs = field(default_factory=BareCutoffs)
    rehearsal: Samples | None = None


@dataclass(frozen=True)
class _Rows:
    """Held-out rows [n] with the scores of the new network, and of the start where it counts."""

    scores: NDArray[np.float64]
    label: NDArray[np.int8]
    weight: NDArray[np.float32]
    bare: NDArray[np.bool_]
    before: NDArray[np.float64] | None = None

    def of(self, which: NDArray[np.bool_]) -> _Rows:
        before = None if self.before is None else self.before[which]
        kept = (self.scores[which], self.label[which], self.weight[which], self.bare[which])
        return _Rows(*kept, before)


def own_cutoffs(
    network: Network,
    samples: Samples,
    before: Before | None,
    annotations: tuple[str, ...],
    used: dict[str, Any],
) -> tuple[Cutoffs, BareCutoffs]:
    """Cut-offs of true calls that no weight was fitted to; `used["cutoffs"]` says of which rows.

    Where both have enough, `samples` and the rehearsal data, it is the lower score. Of the
    rehearsal data as much is kept as the start keeps by its own cut-offs. The bare calls of a type
    are apart if they and the others are enough for the highest of DEFAULT_LEVELS.
    """
    rows = np.concatenate([samples.of_split(name) for name in HELD_OUT])
    sources = {"+".join(HELD_OUT): _scored(network, samples, rows)}
    if before and before.rehearsal:
        general = before.rehearsal
        which = general.of_split("validation")
        sources[GENERAL] = _scored(network, general, which, before.network)
    every, used["cutoffs"] = _of_group(sources, before)
    annotated, _ = _of_group({name: one.of(~one.bare) for name, one in sources.items()}, before)
    bare, _ = _of_group({name: one.of(one.bare) for name, one in sources.items()}, before)
    _say_what_lacks(samples.label[rows], samples.label, every)
    apart = {
        name
        for name in every
        if max(DEFAULT_LEVELS) in annotated.get(name, {}).keys() & bare.get(name, {}).keys()
    }
    found = {name: annotated[name] if name in apart else every[name] for name in every}
    if not apart:
        return found, BareCutoffs()
    keys = callers_annotations(annotations)
    return found, BareCutoffs(keys, {name: bare[name] for name in every if name in apart})


def _scored(
    network: Network, samples: Samples, rows: NDArray[np.int64], before: Network | None = None
) -> _Rows:
    def scores(network: Network) -> NDArray[np.float64]:
        return predict(network, samples, rows, calibrated=True).astype(np.float64)

    return _Rows(
        scores(network),
        samples.label[rows],
        samples.weight[rows],
        samples.are_bare(rows),
        None if before is None else scores(before),
    )


def _of_group(sources: dict[str, _Rows], before: Before | None) -> tuple[Cutoffs, list[str]]:
    """The cut-offs of some rows of each source, and which sources had enough for any."""
    result: Cutoffs = {}
    had = []
    for name, rows in sources.items():
        one = cutoffs(rows.scores, rows.label, rows.weight)
        if before and rows.before is not None:
            parts = _kept_before(before, rows, rows.before)
            again = cutoffs_that_keep(parts, rows.scores, rows.label, rows.weight)
            one = _no_stricter(one, again)
        if one:
            had.append(name)
        result = _no_stricter(result, one)
    for variant_type, levels in result.items():
        lowest = np.inf  # more sensitivity is never a higher score, whichever rows set it
        for level in sorted(levels):
            lowest = levels[level] = min(levels[level], lowest)
        result[variant_type] = dict(sorted(levels.items()))
    return {name: result[name] for name in TYPE_LABELS if name in result}, had


def _no_stricter(a: Cutoffs, b: Cutoffs) -> Cutoffs:
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
    before: Before, rows: _Rows, scores: NDArray[np.float64]
) -> dict[str, dict[float, float]]:
    """Type -> level -> the part of true calls that the start keeps of these rows."""
    kept = kept_at(scores, rows.label, rows.weight, before.cutoffs, rows.bare, before.bare_cutoffs)
    return {
        variant_type: {level: parts["true"] for level, parts in levels.items() if parts.get("true")}
        for variant_type, levels in kept.items()
    }


def _say_what_lacks(held_out: NDArray[np.int8], label: NDArray[np.int8], result: Cutoffs) -> None:
    """Warn of cut-offs that the held-out rows have too few true calls for."""
    for variant_type, (_, true) in TYPE_LABELS.items():
        n = int((held_out == true).sum())
        lacking = [level for level in DEFAULT_LEVELS if n < rows_needed(level)]
        if not lacking or not (label == true).any():
            continue
        needs = " and ".join(f"{rows_needed(level):,} for {level} %" for level in lacking)
        without = [level for level in lacking if level not in result.get(variant_type, {})]
        end = (
            f"the network has none for {' and '.join(map(str, without))} %: add samples, or hold "
            "out more"
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
