"""A network's curves -> cut-offs at any level of them, what others keep by them, stricter ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnscore.description import SITE_KEY, VARIANT_TYPES
from cnnscore.errors import UsageError
from cnnscore.filter.summary import STRICTER, Outlook, next_stricter
from cnnscore.filter.tranches import Cut, TypeCutoffs, network_cutoffs, threshold_cutoffs
from cnnscore.network.cutoffs import (
    BareCutoffs,
    Cutoffs,
    cutoff_at,
    default_levels,
    ranges_text,
    share_text,
)


@dataclass(frozen=True)
class Curve:
    """What a network knows of one type."""

    variant_type: str
    key: str
    network: str
    levels: dict[float, float]
    bare: dict[float, float] | None
    """Of bare calls, where these are apart."""
    bare_without: tuple[str, ...]

    def default_levels(self) -> list[float]:
        """Those that are taken where none is named; may be none."""
        return [level for level in default_levels(self.levels) if self._known(level)]

    def check(self, wanted: Sequence[float]) -> None:
        """Errors: UsageError when a level is not known."""
        missing = [level for level in wanted if not self._known(level)]
        if missing:
            short = self.bare if cutoff_at(self.levels, missing[0]) is not None else None
            of = " of calls without the caller's annotations" if short else ""
            if self.key == SITE_KEY:
                of = " of a cohort's sites"
            raise UsageError(
                f"the network {self.network} has no {self.variant_type} cut-off{of} at "
                f"{missing[0]:g} %: it has them at {ranges_text(short or self.levels)}; take one "
                f"of these with `tranches.{self.variant_type}=`, or give `thresholds=` or "
                "`resources=`"
            )

    def at(self, levels: Sequence[float]) -> TypeCutoffs:
        """The cut-offs at levels that are known."""
        curves = [{level: cutoff_at(of, level) for level in levels} for of in self._curves()]
        known = [{at: score for at, score in of.items() if score is not None} for of in curves]
        return network_cutoffs(
            self.variant_type,
            self.key,
            known[0],
            self.network,
            known[1] if self.bare else None,
            self.bare_without,
        )

    def outlook(self, cutoffs: TypeCutoffs, share: str | None = None) -> Outlook:
        """The share of true calls that cut-offs keep, by the curve where none is given; stricter
        levels, and a score of 0: even odds, at the share of true calls that calibration had."""
        keeps = (
            f", as are {share or self._share(cutoffs.cuts[0])} of the true {self.variant_type}s "
            f"where the network {self.network} was measured"
        )
        known = self.at([level for level in STRICTER if self._known(level)])
        (even,) = threshold_cutoffs(self.variant_type, self.key, ["0"]).cuts
        return Outlook(keeps, next_stricter(cutoffs, known, even))

    def _share(self, cut: Cut) -> str:
        share = share_text(self.levels, float(cut.score))
        if self.bare:
            of_bare = share_text(self.bare, float(cut.of_bare))
            share += f" (without the caller's annotations {of_bare})"
        return share

    def _known(self, level: float) -> bool:
        return all(cutoff_at(of, level) is not None for of in self._curves())

    def _curves(self) -> list[dict[float, float]]:
        return [self.levels] if self.bare is None else [self.levels, self.bare]


def curves_of(key: str, network: str, cutoffs: Cutoffs, bare: BareCutoffs) -> dict[str, Curve]:
    """By type, in the order of VARIANT_TYPES, for the scores in `key`, whose cut-offs these are."""
    return {
        name: Curve(name, key, network, cutoffs[name], bare.cutoffs.get(name), bare.annotations)
        for name in VARIANT_TYPES
        if name in cutoffs
    }
