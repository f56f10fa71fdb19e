"""Where cut-offs come from without a resource: the user's thresholds, or the network itself.

A source can answer only after the header of the scored file was read: the header says which network
made the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cnnscore.description import SITE_KEY
from cnnscore.errors import UsageError
from cnnscore.filter.curves import Curve, curves_of
from cnnscore.filter.summary import Outlook
from cnnscore.filter.tranches import TypeCutoffs, threshold_cutoffs
from cnnscore.network.cutoffs import (
    DEFAULT_LEVELS,
    BareCutoffs,
    Cutoffs,
)
from cnnscore.network.manifest import Manifest
from cnnscore.network.provenance import Provenance, read_model_lines
from cnnscore.network.store import digest_of, find_model

REMEDY = "give cut-offs with `thresholds=`, or known variants with `resources=`"
"""Where a network's own cannot be had."""


def named_manifest(model: str, key: str, line: Provenance | None) -> Manifest:
    """The manifest of the network that a user names for the scores in INFO `key`. Errors:
    UsageError where the header's `line` of these scores names another.
    """
    from cnnscore.network.session import Session  # which loads ONNX Runtime

    path = find_model(model)
    manifest, digest = Session(path, "cpu").manifest, digest_of(path)
    if line is not None and line.network not in ("", digest):
        raise UsageError(
            f"the network {line.model} ({line.network[:12]}) made {key}, and `model=` names "
            f"another one, {manifest.name} ({digest[:12]}), which says nothing of these scores: "
            f"leave out `model=`, or {REMEDY}"
        )
    return manifest


class CutoffSource(Protocol):
    """Anything that knows cut-offs without looking at the scores."""

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """The cut-offs of each type, for the scores in INFO `key` of a file with this header."""

    def name(self) -> str:
        """What the output's header says of this source. Ask for the cut-offs first."""

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """What these cut-offs of its own are expected to keep, and stricter ones."""


@dataclass
class Thresholds:
    """The user's thresholds: numbers as written, by type. A type without any is not judged."""

    thresholds: dict[str, list[str]]
    given_as: str = "thresholds"
    """What the output's header says of them."""
    _curves: dict[str, Curve] = field(default_factory=dict, init=False)

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """One TypeCutoffs per type that has thresholds."""
        line = read_model_lines(header).get(key)
        if line is not None:
            self._curves = curves_of(key, line.model, line.cutoffs, line.bare_cutoffs)
        return tuple(
            threshold_cutoffs(variant_type, key, texts)
            for variant_type, texts in self.thresholds.items()
            if texts
        )

    def name(self) -> str:
        """For the header."""
        return self.given_as

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """By the curve of the network that made the scores, if the header tells."""
        curve = self._curves.get(cutoffs.variant_type)
        return curve.outlook(cutoffs) if curve else Outlook()


@dataclass
class NetworkCutoffs:
    """The network's own cut-offs, from the header of the scored file or, with `model`, from the
    manifest of what made these scores.

    `levels` (per cent, by type) choose any that the network's curve reaches; a type without
    `levels` takes DEFAULT_LEVELS.
    """

    levels: dict[str, list[float]]
    model: str | None = None
    _network: str = field(default="", init=False)
    _curves: dict[str, Curve] = field(default_factory=dict, init=False)

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """Errors: UsageError when the network is unknown, or lacks a cut-off that is asked for."""
        cutoffs, bare = self._find(key, header)
        if not cutoffs:
            raise UsageError(self._none(key))
        for variant_type, asked in self.levels.items():
            if asked and variant_type not in cutoffs:
                raise UsageError(
                    f"the network {self._network} has no {variant_type} cut-off at "
                    f"{asked[0]:g} %, nor any other for {variant_type}s: "
                    "give `thresholds=` or `resources=`"
                )
        self._curves = curves_of(key, self._network, cutoffs, bare)
        found = []
        for variant_type, curve in self._curves.items():
            wanted = self.levels.get(variant_type) or curve.default_levels()
            curve.check(wanted)
            if wanted:
                found.append(curve.at(wanted))
        if not found:
            curve = next(iter(self._curves.values()))
            curve.check(DEFAULT_LEVELS)
        return tuple(found)

    def lacks(self, key: str, header: Sequence[str]) -> bool:
        """Whether the scores are of a cohort's sites, and the network has no cut-offs for these:
        those of single samples will not do, as how sites score hangs on how many carry."""
        return key == SITE_KEY and not self._find(key, header)[0]

    def name(self) -> str:
        """For the header."""
        return f"network {self._network}"

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """By its own curve."""
        curve = self._curves[cutoffs.variant_type]
        lowest = min(float(cut.label) for cut in cutoffs.cuts)
        return curve.outlook(cutoffs, f"{lowest:g} %")

    def _find(self, key: str, header: Sequence[str]) -> tuple[Cutoffs, BareCutoffs]:
        """Those of the scores in INFO `key`; none where the header names no network."""
        line = read_model_lines(header).get(key)
        if self.model is not None:
            manifest = named_manifest(self.model, key, line)
            self._network = manifest.name
            return manifest.cutoffs_of(key)
        self._network = line.model if line else ""
        if line is None:
            return {}, BareCutoffs()
        return line.cutoffs, line.bare_cutoffs

    def _none(self, key: str) -> str:
        """What to say where there are none."""
        if not self._network:
            return (
                f"the header does not say which network made {key}, whose own cut-offs "
                f"would be taken: name it with `model=`, or {REMEDY}"
            )
        if key == SITE_KEY:
            return (
                f"INFO/{key} is of all carriers of a site, and the network {self._network} has "
                "no cut-offs for sites: give `thresholds=`, `expect_false=` or `resources=`, or "
                "judge each carrier with `per_sample=`"
            )
        return f"the network {self._network} has no cut-offs of its own: {REMEDY}"
