"""A network's own cut-offs: by type and level, the score that this percentage of its held-out true
calls reaches. With enough levels they are a curve, and stand for every level between.

A *bare* call lacks more than half of the caller's annotations that the network takes (those of
bcftools and freebayes, to a network that was made with GATK's). Where a network's data had enough
calls of both kinds, bare calls have cut-offs of their own.

So may the sites of a cohort (INFO/CNN_SITE), whose score is of several carriers: site cut-offs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import SITE_KEY, VARIANT_TYPES

DEFAULT_LEVELS = (99.0, 99.9)
"""Levels that `filter` takes where none is named, and that a card has figures of. A type that has
neither is not judged then: with less than 100 true calls, no cut-off is one to take unasked."""
LEVELS = (
    *(50.0, 60.0, 70.0, 80.0, 85.0, 90.0, 92.0, 94.0, 95.0, 96.0, 97.0, 98.0, 98.5),
    *(99.0, 99.3, 99.5, 99.7, 99.8, 99.9, 99.95),
)
"""Levels that a manifest stores, as far as its data has the calls for them. From one to the next
the share that is lost at most halves (WIDEST_GAP)."""
WIDEST_GAP = 2.0
"""Between two stored levels there is a cut-off if the share lost at one is no more than this many
times that at the other. 99 and 99.9 alone are too far apart."""
FROM_ELSEWHERE = ("QUAL", "RelativeDepth")
"""Annotations that calls of every caller have."""

LARGEST_SCORE = 1e30  # which no NaN is below
_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")

Cutoffs = dict[str, dict[float, float]]
"""By type (SNP, INDEL) and level: the score that this percentage of true calls reaches."""


@dataclass(frozen=True)
class BareCutoffs:
    """Those of bare calls, of the types whose calls were apart; `annotations` tell which are bare.
    Without any, no call is."""

    annotations: tuple[str, ...] = ()
    cutoffs: Cutoffs = field(default_factory=dict)


def callers_annotations(annotations: Iterable[str]) -> tuple[str, ...]:
    """Of a network's annotations those that a caller may write or not."""
    return tuple(key for key in annotations if key not in FROM_ELSEWHERE)


def bare(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[N] which calls are bare, of [N, A] whether a call has each of the caller's annotations."""
    lacking: NDArray[np.bool_] = 2 * known.sum(axis=1) < known.shape[1]
    return lacking


def cutoff_at(levels: dict[float, float], level: float) -> float | None:
    """The cut-off at a level: as stored, or between two stored ones that are near enough, on a line
    over the logarithm of the share that is lost; None where it is not known."""
    if level in levels:
        return levels[level]
    below = max((known for known in levels if known < level), default=None)
    above = min((known for known in levels if known > level), default=None)
    if below is None or above is None or not _near(below, above):
        return None
    lost = [math.log(100 - at) for at in (below, level, above)]
    part = (lost[0] - lost[1]) / (lost[0] - lost[2])
    return levels[below] + part * (levels[above] - levels[below])


def share_text(levels: dict[float, float], score: float) -> str:
    """The share of true calls that reach a score, for people: what `cutoff_at` has the score for,
    or the levels that it lies between or beyond."""
    reached = max(
        (level for level, cut in levels.items() if np.float32(cut) >= score), default=None
    )
    missed = min((level for level, cut in levels.items() if np.float32(cut) < score), default=None)
    if reached is None:
        return f"less than {missed:g} %"
    if np.float32(levels[reached]) == score:
        return f"{reached:g} %"
    if missed is None:
        return f"more than {reached:g} %"
    if not _near(reached, missed):
        return f"{reached:g} to {missed:g} %"
    part = (levels[reached] - score) / (levels[reached] - levels[missed])
    lost = [math.log(100 - at) for at in (reached, missed)]
    return f"{100 - math.exp(lost[0] + part * (lost[1] - lost[0])):.4g} %"


def default_levels(levels: dict[float, float]) -> list[float]:
    """Of the levels of a type, those that are taken where none is named; may be none."""
    return [level for level in DEFAULT_LEVELS if level in levels]


def ranges_text(levels: Iterable[float]) -> str:
    """At which levels there is a cut-off, for people: "50 to 99.95", or "99, 99.9"."""
    runs: list[list[float]] = []
    for level in sorted(levels):
        if runs and _near(runs[-1][-1], level):
            runs[-1].append(level)
        else:
            runs.append([level])
    return ", ".join(
        f"{run[0]:g} to {run[-1]:g}" if len(run) > 1 else f"{run[0]:g}" for run in runs
    )


def level_text(level: float) -> str:
    """A level as manifests and headers have it: 99.0, 99.95."""
    return repr(float(level))


def _near(below: float, above: float) -> bool:
    return (100 - below) / (100 - above) <= WIDEST_GAP * (1 + 1e-9)


# ---- in a manifest ----


def cutoffs_of_manifest(raw: Any) -> Cutoffs:
    """{"SNP": {"99.0": 1.2, ...}, "INDEL": ...}: levels within 0-100; scores fall as levels rise.

    Errors: ValueError, with what is wrong.
    """

    def sound(variant_type: Any, levels: Any) -> bool:
        if variant_type not in VARIANT_TYPES or not isinstance(levels, dict) or not levels:
            return False
        return all(
            re.fullmatch(r"[0-9]+(\.[0-9]+)?", level)
            and 0 < float(level) < 100
            and isinstance(score, int | float)
            and not isinstance(score, bool)
            and abs(score) < LARGEST_SCORE
            for level, score in levels.items()
        )

    if not isinstance(raw, dict) or not all(
        sound(variant_type, levels) for variant_type, levels in raw.items()
    ):
        raise ValueError('must give SNP and INDEL scores by level, as in {"SNP": {"99.0": 1.5}}')
    cutoffs = {
        variant_type: {float(level): float(score) for level, score in levels.items()}
        for variant_type, levels in raw.items()
    }
    for variant_type, levels in cutoffs.items():
        if _rises(levels):
            raise ValueError(
                f"more sensitivity means a lower score, and those of {variant_type} rise"
            )
    return cutoffs


def bare_cutoffs_of_manifest(raw: Any, cutoffs: Cutoffs) -> BareCutoffs:
    """{"annotations": ["QD", ...], "cutoffs": {"SNP": ...}}. Errors: ValueError."""
    keys = raw.get("annotations") if isinstance(raw, dict) else None
    if (
        not isinstance(keys, list | tuple)
        or not all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys)
        or SITE_KEY in keys
    ):
        raise ValueError("must list annotations, the INFO keys that a bare call lacks")
    found = cutoffs_of_manifest(raw.get("cutoffs"))
    if not set(found) <= set(cutoffs) or (found and not keys):
        raise ValueError("must be of types that have cut-offs, and list annotations")
    return BareCutoffs(tuple(keys), found)


def cutoffs_for_manifest(cutoffs: Cutoffs) -> dict[str, dict[str, float]]:
    """As JSON has them."""
    return {
        name: {level_text(level): score for level, score in sorted(levels.items())}
        for name, levels in cutoffs.items()
    }


# ---- in a header ----


def cutoffs_text(
    cutoffs: Cutoffs, bare_calls: BareCutoffs | None = None, of_sites: Cutoffs | None = None
) -> str:
    """TYPE:LEVEL:SCORE, comma-separated, scores at three decimals; those of bare calls after
    `;KEY KEY ...;`, and those of a cohort's sites after `;CNN_SITE;`, which is what the header line
    of these scores has (native/records/checks.c)."""
    text = _items_text(cutoffs)
    if bare_calls is not None and bare_calls.cutoffs:
        text += f";{' '.join(bare_calls.annotations)};{_items_text(bare_calls.cutoffs)}"
    return f"{text};{SITE_KEY};{_items_text(of_sites)}" if of_sites else text


def read_cutoffs_text(text: str) -> tuple[Cutoffs, BareCutoffs]:
    """What `cutoffs_text` wrote, but for those of sites. What is not ours, or damaged, is as good
    as none."""
    none: tuple[Cutoffs, BareCutoffs] = ({}, BareCutoffs())
    plain, *of_bare = text.partition(f";{SITE_KEY};")[0].split(";")
    cutoffs = _read_items(plain)
    if not cutoffs or not of_bare:
        return cutoffs, BareCutoffs()
    if len(of_bare) != 2:
        return none
    keys, found = of_bare[0].split(), _read_items(of_bare[1])
    if (
        not keys
        or not all(map(_KEY.fullmatch, keys))
        or not found
        or not set(found) <= set(cutoffs)
    ):
        return none
    return cutoffs, BareCutoffs(tuple(keys), found)


def round_score(score: float) -> float:
    """A score at the three decimals that are written, ties to even, and never -0
    (native/records/writer.c)."""
    return round(float(np.float32(score)) * 1000.0) / 1000.0 + 0.0


def _items_text(cutoffs: Cutoffs) -> str:
    return ",".join(
        f"{variant_type}:{level_text(level)}:{round_score(score):.3f}"
        for variant_type in VARIANT_TYPES
        for level, score in sorted(cutoffs.get(variant_type, {}).items())
    )


def _read_items(text: str) -> Cutoffs:
    cutoffs: Cutoffs = {}
    for item in filter(None, text.split(",")):
        try:
            variant_type, level, score = item.split(":")
            cutoffs.setdefault(variant_type, {})[float(level)] = float(score)
        except ValueError:
            return {}
    sound = all(
        variant_type in VARIANT_TYPES and 0 < level < 100 and math.isfinite(score)
        for variant_type, levels in cutoffs.items()
        for level, score in levels.items()
    )
    return cutoffs if sound and not any(map(_rises, cutoffs.values())) else {}


def _rises(levels: dict[float, float]) -> bool:
    """Whether a higher level has a higher score, which cannot be."""
    scores = [score for _, score in sorted(levels.items())]
    return scores != sorted(scores, reverse=True)
