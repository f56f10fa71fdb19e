"""Scores -> verdicts: where the cut-offs of a type of variant lie, and what records fail.

The rule with resources is that of GATK's FilterVariantTranches 4.6.2.0 (docs/tasks/filter.md).
Scores and cut-offs are compared as float32, the precision that htslib reads scores with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import UsageError
from cnnscore.network.cutoffs import round_score

KEPT, NOT_JUDGED, NO_CUT_OFF = -1, -2, -3
"""Verdicts other than the number of a FILTER: a type that is never judged passes, one whose cut-off
is not known keeps its FILTER as it is."""

GATK_TRANCHES = {"SNP": [99.95], "INDEL": [99.4]}


@dataclass(frozen=True)
class Cut:
    """One cut-off: records beyond it fail."""

    label: str
    """The sensitivity in per cent, or the threshold as the user gave it."""
    score: np.float32
    filter: str
    """FILTER of the records that fail this cut-off and pass the next one."""
    description: str
    bare_score: np.float32 | None = None
    """The score for bare calls, where these have cut-offs of their own."""

    @property
    def shown(self) -> str:
        """The score as text for people; "none" where there were no resource calls."""
        return _shown(self.score)

    @property
    def of_bare(self) -> np.float32:
        """The score that judges bare calls."""
        return self.score if self.bare_score is None else self.bare_score

    @property
    def bare_shown(self) -> str:
        """The same as text."""
        return _shown(self.of_bare)


@dataclass(frozen=True)
class TypeCutoffs:
    """The cut-offs of one type, the strictest (highest score) first; several make grades."""

    variant_type: str
    """SNP or INDEL."""
    cuts: tuple[Cut, ...]
    at_cutoff_fails: bool
    """Whether a record fails whose score equals the cut-off: by GATK's rule it does."""
    unscored: Cut | None = None
    """The FILTER of records without a score, if they fail."""
    bare_without: tuple[str, ...] = ()
    """The annotations that tell bare calls apart (network/cutoffs.py); none: they are not apart."""

    def grades(
        self, scores: NDArray[np.float32], bare: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int32]:
        """[N] how many cut-offs each score fails: those of cuts[:g] for a grade g.

        `bare` [N]: which calls are judged by the scores for bare ones.
        """
        failed = self._failed([cut.score for cut in self.cuts], scores)
        if bare is not None and self.bare_without:
            failed[bare] = self._failed([cut.of_bare for cut in self.cuts], scores[bare])
        return failed

    def _failed(self, cuts: Sequence[np.float32], scores: NDArray[np.float32]) -> NDArray[np.int32]:
        # Count, from the lowest cut-off upwards, those that a score does not fail.
        ascending = np.array(cuts[::-1], np.float32)
        side: Literal["left", "right"] = "left" if self.at_cutoff_fails else "right"
        kept = np.searchsorted(ascending, scores, side=side).astype(np.int32)
        failed: NDArray[np.int32] = len(cuts) - kept
        return failed

    @property
    def shown(self) -> str:
        """The cut-offs for people, the strictest first."""
        text = ", ".join(f"{cut.shown} ({cut.label})" for cut in self.cuts)
        if self.bare_without:
            theirs = ", ".join(f"{cut.bare_shown} ({cut.label})" for cut in self.cuts)
            text += f", of those without the caller's annotations {theirs}"
        return text

    def header_fields(self) -> str:
        """What a ##cnnscore_cutoffs line has of them."""
        text = " ".join(f"{cut.label}:{cut.shown}" for cut in self.cuts)
        fields = f',{self.variant_type}="{text}"'
        if self.bare_without:
            text = " ".join(f"{cut.label}:{cut.bare_shown}" for cut in self.cuts)
            fields += f',{self.variant_type}_bare="{text}"'
        return fields

    def header_lines(self) -> list[str]:
        """FILTER lines."""
        return [
            f'##FILTER=<ID={cut.filter},Description="{cut.description}">' for cut in self.filters
        ]

    @property
    def filters(self) -> tuple[Cut, ...]:
        """All FILTERs that a record can get."""
        return self.cuts if self.unscored is None else (*self.cuts, self.unscored)

    def failing_unscored(self, key: str) -> TypeCutoffs:
        """The same, and records without a score fail."""
        cut = Cut(
            label="no score",
            score=np.float32(np.nan),
            filter=f"{key}_{self.variant_type}_missing",
            description=f"{self.variant_type} without {key}",
        )
        return replace(self, unscored=cut)


def check_tranches(levels: Sequence[float], option: str) -> list[float]:
    """The levels in ascending order, each once. Errors: UsageError for one that is not in 0-100,
    and for two that a FILTER would name alike.
    """
    if not levels or not all(0 <= level < 100 for level in levels):
        raise UsageError(
            f"{option} takes the percentage of resource calls to keep, at least 0 and less than 100"
        )
    ascending = sorted(set(levels))
    for below, above in pairwise(ascending):
        if two_decimals(below) == two_decimals(above):
            raise UsageError(
                f"{option}: FILTERs have two decimals, and {below:.10g} and {above:.10g} are one "
                "there: leave one out"
            )
    return ascending


def resource_cutoffs(
    variant_type: str, key: str, levels: Sequence[float], resource_scores: NDArray[np.float32]
) -> TypeCutoffs:
    """GATK's rule: sort the n resource scores from the highest to the lowest, and take number
    int(level / 100 * (n - 1)).

    `levels` ascend. Without resource scores there are still the FILTERs' names, with cut-offs that
    no score fails.
    """
    descending = np.sort(resource_scores)[::-1]
    cuts = []
    for level, above in pairwise([*levels, 100.0]):
        at = int(level / 100.0 * (len(descending) - 1))
        score = descending[at] if len(descending) else np.float32(-np.inf)
        between = f"between {two_decimals(level)} and {two_decimals(above)}"
        cuts.append(
            Cut(
                label=f"{level:g}",
                score=score,
                filter=_tranche_name(variant_type, key, level, above),
                description=f"{variant_type} truth resource sensitivity {between} "
                f"for info key {key}",
            )
        )
    return TypeCutoffs(variant_type, tuple(cuts), at_cutoff_fails=True)


def network_cutoffs(
    variant_type: str,
    key: str,
    levels: dict[float, float],
    network: str,
    bare_levels: dict[float, float] | None = None,
    bare_without: tuple[str, ...] = (),
) -> TypeCutoffs:
    """A network's own cut-offs: `levels` in per cent of true calls -> the lowest score kept; where
    bare calls are apart, `bare_levels` are the same levels' of these.
    """
    ascending = sorted(levels)
    cuts = []
    for level, above in pairwise([*ascending, 100.0]):
        between = f"between {two_decimals(level)} and {two_decimals(above)}"
        cuts.append(
            Cut(
                label=f"{level:g}",
                score=np.float32(round_score(levels[level])),
                filter=_tranche_name(variant_type, key, level, above),
                description=f"{variant_type} sensitivity {between} by the own cut-offs of network "
                f"{network} for info key {key}",
                bare_score=np.float32(round_score(bare_levels[level])) if bare_levels else None,
            )
        )
    return TypeCutoffs(
        variant_type,
        tuple(cuts),
        at_cutoff_fails=False,
        bare_without=bare_without if bare_levels else (),
    )


def threshold_cutoffs(variant_type: str, key: str, thresholds: Sequence[str]) -> TypeCutoffs:
    """Plain cut-offs: records that score below one fail. `thresholds` are numbers as written; what
    is beyond float32 is infinite, as a score of a file would be. Errors: UsageError for one number
    that is written in two ways.
    """
    ordered = sorted(dict.fromkeys(thresholds), key=float, reverse=True)
    with np.errstate(over="ignore"):
        scores = np.array(ordered, np.float64).astype(np.float32)
    for i in np.flatnonzero(scores[1:] == scores[:-1]):
        raise UsageError(
            f"`thresholds=`: {ordered[i]} and {ordered[i + 1]} are one score, {scores[i]:g}, and "
            f"one cut-off for {variant_type}s: leave one out"
        )
    cuts = [
        Cut(
            label=text,
            score=score,
            filter=f"{key}_{variant_type}_below_{text}",
            description=f"{variant_type} with {key} below {text}",
        )
        for text, score in zip(ordered, scores, strict=True)
    ]
    return TypeCutoffs(variant_type, tuple(cuts), at_cutoff_fails=False)


def sensitivities(
    scores: NDArray[np.float32], resource_scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[N] the fraction of resource calls that score at least as high; NaN without resource calls.

    `resource_scores` ascend. VETS calls this the calibration sensitivity.
    """
    n = len(resource_scores)
    if n == 0:
        return np.full(len(scores), np.nan, np.float32)
    below = np.searchsorted(resource_scores, scores, side="left")
    fraction: NDArray[np.float32] = ((n - below) / n).astype(np.float32)
    return fraction


def too_few(n: int, level: float) -> bool:
    """Whether fewer than two of n resource calls lie beyond the cut-off, which chance sets then."""
    return n * (100.0 - level) / 100.0 < 2 * (1 - 1e-9)


def two_decimals(value: float) -> str:
    """A number as Java's %.2f prints it: the shortest decimal form, rounded half up."""
    return str(Decimal(repr(float(value))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _shown(score: np.float32) -> str:
    if score == np.inf:
        return "inf"
    return f"{score:z.3f}" if np.isfinite(score) else "none"


def _tranche_name(variant_type: str, key: str, level: float, above: float) -> str:
    return f"{key}_{variant_type}_Tranche_{two_decimals(level)}_{two_decimals(above)}"
