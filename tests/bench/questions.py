"""Held-out samples of the recipe that ask one thing each (accuracy.py), of `reads` at its cut-offs:

near     true variants beside each other, as the truth writes them: how many are lost?
capture  one individual, sequenced whole and by capture: are the same calls judged the same?
invented calls that no caller makes and few reads show or none: how many pass?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from call_sets import Labelled, join
from called import TYPES

NEAR = 10
"""Bases between two variants that are beside each other."""
FEWEST = 500
MOST_LOST, MOST_BELOW_ZERO = 0.015, 0.04
DEEP = 15.0
"""Depth of a sample from which a call that no read shows should fail."""
MOST_INVENTED = 0.05
LEAST_KEPT_POWER = 0.85
"""Of the false calls that go in whole-genome data, those that must go in capture data."""
Claim = Callable[[str, str, bool], None]
"""What is claimed, what was found, whether it holds."""


@dataclass(frozen=True)
class Loss:
    """Of `total` calls, how many lie under the cut-offs, and under 0."""

    total: int
    cut: int
    below_zero: int


def beside(start: NDArray[np.int64], end: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """[N] which of the spans [start, end), sorted by start, have another within `most` bases."""
    near = np.zeros(len(start), np.bool_)
    if len(start) > 1:
        reach = np.maximum.accumulate(end)
        close = start[1:] - reach[:-1] <= most
        near[1:] |= close
        near[:-1] |= close
    return near


def lost(
    score: NDArray[np.float64], variant_type: NDArray[np.int8], cutoffs: dict[str, float]
) -> NDArray[np.bool_]:
    """[N] which calls the cut-off of their type takes away; one without a score is."""
    limit = np.array([cutoffs[name] for name in TYPES])[variant_type]
    return ~(score >= limit)


def near_loss(sets: Sequence[Labelled], network: str, cutoffs: dict[str, float]) -> Loss:
    """True records with another true one within NEAR bases, all samples together."""
    parts = []
    for rows in sets:
        true = rows.take(rows.is_true)
        order = np.argsort(true.start, kind="stable")
        kept = np.zeros(len(true), np.bool_)
        kept[order] = beside(true.start[order], true.end[order], NEAR)
        parts.append(true.take(kept))
    score = np.concatenate([part.scores[network] for part in parts])
    types = np.concatenate([part.variant_type for part in parts])
    return Loss(len(score), int(lost(score, types, cutoffs).sum()), int((~(score >= 0)).sum()))


def near_claims(
    claim: Claim, sets: Sequence[Labelled], network: str, cutoffs: dict[str, float]
) -> None:
    """At least FEWEST such variants; few of them lost at the cut-offs, and below 0."""
    found = near_loss(sets, network, cutoffs)
    what = f"true variants with another within {NEAR} bases"
    claim(f"{what}: >= {FEWEST}", str(found.total), found.total >= FEWEST)
    if found.total:
        loss_claims(claim, what, found)


def loss_claims(claim: Claim, what: str, found: Loss) -> None:
    """Few of them lost at the cut-offs, and few below 0."""
    for text, count, most in (
        ("under the default cut-off", found.cut, MOST_LOST),
        ("below 0", found.below_zero, MOST_BELOW_ZERO),
    ):
        share = count / found.total
        said = f"{count} of {found.total} ({share:.1%})"
        claim(f"{what}: {text} <= {most:.1%}", said, share <= most)


def in_both(one: Labelled, other: Labelled) -> tuple[Labelled, Labelled]:
    """The records that both have: the same alleles at the same place with the same label."""
    keys = [
        list(zip(rows.start.tolist(), rows.alleles.tolist(), rows.is_true.tolist(), strict=True))
        for rows in (one, other)
    ]
    shared = set(keys[0]) & set(keys[1])
    found = []
    for rows, of_rows in zip((one, other), keys, strict=True):
        taken = rows.take(np.array([key in shared for key in of_rows], np.bool_))
        order = sorted(range(len(taken)), key=lambda i: (taken.start[i], taken.alleles[i]))
        found.append(taken.take(np.array(order, np.int64)))
    return found[0], found[1]


def capture_claims(
    claim: Claim,
    pairs: Sequence[tuple[Labelled, Labelled]],
    network: str,
    cutoffs: dict[str, float],
) -> None:
    """The same calls, whole and captured: as many of the false ones go, no more of the true."""
    counts = np.zeros((2, 2, 2), np.int64)  # [true, captured, (all, under the cut-offs)]
    for whole, captured in pairs:
        for i, rows in enumerate(in_both(whole, captured)):
            gone = lost(rows.scores[network], rows.variant_type, cutoffs)
            for true in (0, 1):
                chosen = rows.is_true == bool(true)
                counts[true, i] += (int(chosen.sum()), int((gone & chosen).sum()))
    (_, of_whole), (total, of_capture) = counts[0]
    claim(
        f"captured: false calls removed >= {LEAST_KEPT_POWER:.0%} of those in whole genomes",
        f"{of_capture} and {of_whole} of {total}",
        of_capture >= LEAST_KEPT_POWER * of_whole,
    )
    (_, of_whole), (total, of_capture) = counts[1]
    claim(
        "captured: no more true calls lost than in whole genomes",
        f"{of_capture} and {of_whole} of {total}",
        of_capture <= of_whole,
    )


def invented_claims(
    claim: Claim, sets: Sequence[Labelled], network: str, cutoffs: dict[str, float]
) -> None:
    """Few of the calls that no caller makes pass."""
    whole = join(sets)
    passes = ~lost(whole.scores[network], whole.variant_type, cutoffs)
    for index, name in enumerate(TYPES):
        of_type = whole.variant_type == index
        count, total = int((passes & of_type).sum()), int(of_type.sum())
        claim(
            f"calls that no caller makes, {DEEP:.0f}x or more, {name}: pass <= {MOST_INVENTED:.0%}",
            f"{count} of {total} ({count / max(total, 1):.1%})",
            count <= MOST_INVENTED * total,
        )
