"""Where cut-offs come from without a resource: the user's thresholds, or the network itself.

A source can answer only after the header of the scored file was read: the header says which network
made the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cnnscore.errors import UsageError
from cnnscore.filter.summary import Outlook, next_stricter
from cnnscore.filter.tranches import TypeCutoffs, network_cutoffs, threshold_cutoffs
from cnnscore.network.provenance import Cutoffs, read_model_lines
from cnnscore.network.store import find_model

REMEDY = "give cut-offs with `thresholds=`, or known variants with `resources=`"
"""Where a network's own cannot be had."""


class CutoffSource(Protocol):
    """Anything that knows cut-offs without looking at the scores."""

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """The cut-offs of each type, for the scores in INFO `key` of a file with this header."""

    def name(self) -> str:
        """What the output's header says of this source. Ask for the cut-offs first."""

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """What these cut-offs of its own are expected to keep, and stricter ones."""


@dataclass(frozen=True)
class Thresholds:
    """The user's thresholds: numbers as written, by type. A type without any is not judged."""

    thresholds: dict[str, list[str]]
    given_as: str = "thresholds"
    """What the output's header says of them."""

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """One TypeCutoffs per type that has thresholds."""
        return tuple(
            threshold_cutoffs(variant_type, key, texts)
            for variant_type, texts in self.thresholds.items()
            if texts
        )

    def name(self) -> str:
        """For the header."""
        return self.given_as

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """Nothing is known of what they keep."""
        return Outlook()


@dataclass
class NetworkCutoffs:
    """The network's own cut-offs, from the header of the scored file or, with `model`, from its
    manifest.

    `levels` (per cent, by type) choose some of the network's levels; a type without `levels` takes
    all.
    """

    levels: dict[str, list[float]]
    model: str | None = None
    _network: str = field(default="", init=False)
    _known: dict[str, TypeCutoffs] = field(default_factory=dict, init=False)

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """Errors: UsageError when the network is unknown, or lacks a cut-off that is asked for."""
        cutoffs = self._find(key, header)
        self._known = {
            name: network_cutoffs(name, key, levels, self._network)
            for name, levels in cutoffs.items()
        }
        found = []
        for variant_type, levels in self.levels.items():
            if variant_type not in cutoffs:
                raise UsageError(
                    f"the network {self._network} has no {variant_type} cut-off at "
                    f"{levels[0]:g} %, nor any other for {variant_type}s: "
                    "give `thresholds=` or `resources=`"
                )
        for variant_type, known in cutoffs.items():
            wanted = self.levels.get(variant_type) or list(known)
            missing = [level for level in wanted if level not in known]
            if missing:
                has = ", ".join(f"{level:g}" for level in sorted(known))
                raise UsageError(
                    f"the network {self._network} has no {variant_type} cut-off at "
                    f"{missing[0]:g} %: it has them at {has}; "
                    "take one of these, or give `thresholds=` or `resources=`"
                )
            found.append(
                network_cutoffs(
                    variant_type, key, {lvl: known[lvl] for lvl in wanted}, self._network
                )
            )
        return tuple(found)

    def name(self) -> str:
        """For the header."""
        return f"network {self._network}"

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """Its stricter levels, and a score of 0: even odds, at the share of true calls that its
        calibration had."""
        name = cutoffs.variant_type
        lowest = min(float(cut.label) for cut in cutoffs.cuts)
        known = self._known[name]
        even = threshold_cutoffs(name, "", ["0"]).cuts[0]
        cuts = sorted((*known.cuts, even), key=lambda cut: cut.score, reverse=True)
        return Outlook(
            f", as are {lowest:g} % of the true {name}s where the network {self._network} was "
            "measured",
            next_stricter(cutoffs, replace(known, cuts=tuple(cuts))),
        )

    def _find(self, key: str, header: Sequence[str]) -> Cutoffs:
        if self.model is not None:
            from cnnscore.network.session import Session

            manifest = Session(find_model(self.model), "cpu").manifest
            self._network, cutoffs = manifest.name, manifest.cutoffs
        else:
            line = read_model_lines(header).get(key)
            if line is None:
                raise UsageError(
                    f"the header does not say which network made INFO/{key}, whose own cut-offs "
                    f"would be taken: name it with `model=`, or {REMEDY}"
                )
            self._network, cutoffs = line.model, line.cutoffs
        if not cutoffs:
            raise UsageError(f"the network {self._network} has no cut-offs of its own: {REMEDY}")
        return cutoffs
