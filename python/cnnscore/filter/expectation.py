"""The share of false calls that one expects -> the cut-offs of a network whose scores are log-odds.

A score s is the log-odds of being true where the share of true calls is p, that of the network's
calibration. Where a share f is false, the log-odds are s + logit(1 - f) - logit(p) (Saerens et al.,
2002). The cut-off is where they are 0, so that the fewest calls are judged wrongly:
logit(p) - logit(1 - f).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cnnscore.errors import BadInput, UsageError
from cnnscore.filter.curves import Curve, curves_of
from cnnscore.filter.sources import REMEDY, named_manifest
from cnnscore.filter.summary import Outlook
from cnnscore.filter.tranches import TypeCutoffs, threshold_cutoffs
from cnnscore.network.calibration import even_odds, installed_manifest, true_share
from cnnscore.network.cutoffs import round_score
from cnnscore.network.manifest import Manifest
from cnnscore.network.provenance import read_model_lines

log = logging.getLogger("cnnscore")


def say_fraction(percent: float) -> None:
    """Warn of a percentage that may be meant as a fraction."""
    if percent < 1:
        log.warning(
            "`expect_false=` takes percentages: %g %% is one false call in %s; if %g %% is meant, "
            "give %g",
            percent,
            f"{100 / percent:,.0f}",
            100 * percent,
            100 * percent,
        )


@dataclass
class ExpectedFalse:
    """A CutoffSource: of each type the share of false calls (above 0, below 1) that is expected.

    The network is that of the header, which must be installed, or `model`.
    """

    expect_false: dict[str, float]
    model: str | None = None
    _network: str = field(default="", init=False)
    _true: dict[str, float] = field(default_factory=dict, init=False)
    _curves: dict[str, Curve] = field(default_factory=dict, init=False)

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """Errors: UsageError when the network is unknown, or its scores are no log-odds."""
        manifest = self._find(key, header)
        self._network = manifest.name
        self._curves = curves_of(key, manifest.name, *manifest.cutoffs_of(key))
        found = []
        for name, share in self.expect_false.items():
            true = true_share(manifest, name)
            if true is None:
                raise UsageError(
                    f"the network {manifest.name} has no calibrated log-odds of {name}s, which "
                    f"`expect_false=` moves: {REMEDY}"
                )
            self._true[name] = true
            score = round_score(even_odds(true, share))
            cutoffs = threshold_cutoffs(name, key, [f"{score:.3f}"])
            (cut,) = cutoffs.cuts
            label = f"{100 * share:g} % false"
            text = f"{cut.description}: likelier false than true where {100 * share:g} % are false"
            found.append(replace(cutoffs, cuts=(replace(cut, label=label, description=text),)))
        return tuple(found)

    def name(self) -> str:
        """For the header."""
        shares = ", ".join(f"{name} {100 * share:g} %" for name, share in self.expect_false.items())
        return f"expected false {shares}; network {self._network}"

    def outlook(self, cutoffs: TypeCutoffs) -> Outlook:
        """By the network's curve; and the expected share, beside that of its calibration."""
        name = cutoffs.variant_type
        here, there = 100 * self.expect_false[name], 100 * (1 - self._true[name])
        means = (
            f": likelier true than false where {here:g} % of the {name}s are false (where the "
            f"network {self._network} was calibrated: {there:.0f} %)"
        )
        curve = self._curves.get(name)
        outlook = curve.outlook(cutoffs) if curve else Outlook()
        return replace(outlook, keeps=outlook.keeps + means)

    def _find(self, key: str, header: Sequence[str]) -> Manifest:
        line = read_model_lines(header).get(key)
        if self.model is not None:
            return named_manifest(self.model, key, line)
        if line is None:
            raise UsageError(
                f"the header does not say which network made {key}, whose log-odds "
                f"`expect_false=` moves: name it with `model=`, or {REMEDY}"
            )
        try:
            manifest = installed_manifest(line)
        except BadInput as fault:
            raise UsageError(
                f"{fault}. It made {key}, and its log-odds are asked for: name its file with "
                f"`model=`, or {REMEDY}"
            ) from None
        if manifest is None:
            raise UsageError(
                f"the network {line.model} that is installed here is not the one that made "
                f"{key}: name that one's file with `model=`, or {REMEDY}"
            )
        return manifest
