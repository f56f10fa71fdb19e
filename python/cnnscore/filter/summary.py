"""What a run of `filter` did, what it is expected to keep, what stricter cut-offs would leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnscore.description import VARIANT_TYPES
from cnnscore.filter.tranches import Cut, TypeCutoffs, resource_cutoffs, too_few
from cnnscore.progress import counted

STRICTER = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9)
"""Tranches that are counted where the user's is higher."""
CHOICES = 2
"""Stricter tranches of a type that the summary names: the next ones."""


@dataclass
class Outlook:
    """Of the cut-offs of one type: what they are expected to keep, and the next stricter ones."""

    keeps: str = ""
    """What follows "so many are kept", for people."""
    stricter: TypeCutoffs | None = None
    _left: list[int] = field(default_factory=list, init=False)

    @property
    def bare_without(self) -> tuple[str, ...]:
        """The annotations that tell bare calls apart, where the stricter cut-offs ask for it."""
        return self.stricter.bare_without if self.stricter else ()

    def count(self, scores: NDArray[np.float32], bare: NDArray[np.bool_] | None = None) -> None:
        """Count judged scores [n], of calls that are `bare` [n] or not."""
        if self.stricter is not None:  # each cut-off by itself: bare calls' may be in another order
            alone = [replace(self.stricter, cuts=(cut,)) for cut in self.stricter.cuts]
            kept = [int(np.count_nonzero(one.grades(scores, bare) == 0)) for one in alone]
            self._left = [a + b for a, b in zip(self._left or [0] * len(kept), kept, strict=True)]

    def text(self) -> str:
        """The stricter choices from what keeps most on; empty where there are none."""
        if self.stricter is None or not self._left:
            return ""
        mildest_first = list(zip(self.stricter.cuts, self._left, strict=True))[::-1]
        by_kept = sorted(mildest_first, key=lambda pair: pair[1], reverse=True)
        cuts = [f"{left:,} at {_both(cut)} ({cut.label})" for cut, left in by_kept]
        return f"; stricter: {', '.join(cuts)}"


def _both(cut: Cut) -> str:
    return cut.shown if cut.bare_score is None else f"{cut.shown} or {cut.bare_shown}"


def resource_outlook(cutoffs: TypeCutoffs, key: str, scores: NDArray[np.float32]) -> Outlook:
    """That of cut-offs which resource calls with these `scores` set."""
    n = len(scores)
    if not n:
        return Outlook()
    kept = int(np.count_nonzero(cutoffs.grades(scores) == 0))
    of = f"{kept:,} of the {n:,} {cutoffs.variant_type}s in the resources"
    levels = [level for level in STRICTER if not too_few(n, level)]
    tranches = resource_cutoffs(cutoffs.variant_type, key, levels, scores)
    return Outlook(f", as are {of} ({100 * kept / n:.1f} %)", next_stricter(cutoffs, tranches))


def next_stricter(
    cutoffs: TypeCutoffs, known: TypeCutoffs, even: Cut | None = None
) -> TypeCutoffs | None:
    """Of the `known` cut-offs, strictest first, the last few that are above all of `cutoffs`; and
    the threshold `even`, if it is."""
    strictest = max(cut.score for cut in cutoffs.cuts), max(cut.of_bare for cut in cutoffs.cuts)

    def above(cut: Cut) -> bool:
        return bool(cut.score > strictest[0] and cut.of_bare > strictest[1])

    cuts = [cut for cut in known.cuts if above(cut)][-CHOICES:]
    if even is not None and above(even):
        cuts.append(replace(even, label=f"`thresholds={even.label}`"))
    cuts.sort(key=lambda cut: cut.score, reverse=True)
    return replace(known, cuts=tuple(cuts)) if cuts else None


@dataclass
class GenotypeSummary:
    """What was done to genotypes."""

    key: str
    cutoffs: tuple[TypeCutoffs, ...]
    carriers: int = 0
    unjudged: int = 0
    """Without a score, or of a type without a cut-off."""
    judged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    no_calls: int = 0
    """Genotypes that held an allele, and are missing now."""

    def text(self) -> list[str]:
        """For the user: one line per type, and one for all."""
        lines = [
            f"{self.failed[name]:,} of {self.judged[name]:,} carriers of {name}s fail {self.key}, "
            f"cut-offs {cutoffs.shown}"
            for cutoffs in self.cutoffs
            for name in [cutoffs.variant_type]
        ]
        lines.append(
            f"{self.carriers:,} carriers; {self.unjudged:,} are not judged; "
            f"{self.no_calls:,} genotypes were set to missing"
        )
        return lines


@dataclass
class FilterSummary:
    """What a run did."""

    key: str
    records: int = 0
    unscored: int = 0
    """Left as they are, because they have no score."""
    failed_unscored: int = 0
    not_judged: int = 0
    """Scored, but of a type that is never judged."""
    no_cutoff: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    """Scored, but of a type that has no cut-off here: their FILTER stays."""
    judged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    failed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    failed_before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VARIANT_TYPES, 0))
    """Not failed here, but by filters that they came with and keep: of other tools, or of an
    earlier run."""
    cutoffs: tuple[TypeCutoffs, ...] = ()
    outlooks: dict[str, Outlook] = field(default_factory=dict)
    resource_calls: dict[str, int] = field(default_factory=dict)
    genotypes: GenotypeSummary | None = None
    """Of the carriers of a cohort, where they were judged."""
    genotypes_alone: bool = False
    """Whether FILTER of all records stays, as it was not asked for."""
    seconds: float = 0.0

    def text(self) -> str:
        """For the user: up to three lines per type, and one for all."""
        lines: list[str] = []
        for cutoffs in self.cutoffs:
            lines += self._of_type(cutoffs)
        if self.genotypes_alone:
            lines.append(
                "genotypes are judged, in FORMAT/FT, and FILTER stays as it is: `thresholds=`, "
                "`expect_false=` or `resources=` would judge sites too"
            )
        lines += [
            f"{n:,} {name}s keep the FILTER that they have: there is no cut-off for {name}s"
            for name, n in self.no_cutoff.items()
            if n and not self.genotypes_alone
        ]
        if self.failed_unscored:
            lines.append(f"{self.failed_unscored:,} records fail, as they have no {self.key}")
        lines += self.genotypes.text() if self.genotypes else []
        rate = self.records / max(self.seconds, 1e-9)
        lines.append(
            f"{self.records:,} records in {self.seconds:.1f} s ({rate:,.0f}/s); left alone: "
            f"{self.unscored:,} without a score, {self.not_judged:,} of types without a cut-off"
        )
        return "\n".join(lines)

    def _of_type(self, cutoffs: TypeCutoffs) -> Sequence[str]:
        name = cutoffs.variant_type
        judged, failed, before = self.judged[name], self.failed[name], self.failed_before[name]
        n = self.resource_calls.get(name)
        of = "" if n is None else f"; {n:,} resource calls"
        lines = [f"{failed:,} of {judged:,} {name}s fail {self.key}, cut-offs {cutoffs.shown}{of}"]
        outlook = self.outlooks.get(name, Outlook())
        if judged:
            expected = "" if before else outlook.keeps
            lines.append(f"{_are(judged - failed - before, name)} kept{expected}{outlook.text()}")
        if before:
            lines.append(
                f"{counted(before, name)} more {'reaches' if before == 1 else 'reach'} the "
                "cut-offs, with filters from before, of other tools or of an earlier run: "
                f"`clear=` drops these, and {_are(judged - failed, name)} kept{outlook.keeps}"
            )
        return lines


def _are(n: int, name: str) -> str:
    return f"{counted(n, name)} {'is' if n == 1 else 'are'}"
