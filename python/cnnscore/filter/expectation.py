"""The share of false calls that one expects -> the cut-offs of a network whose scores are log-odds.

A score s is the log-odds of being true where the share of true calls is p, that of the network's
calibration. Where a share f is false, the log-odds are s + logit(1 - f) - logit(p) (Saerens et al.,
2002). The cut-off is where they are 0, so that the fewest calls are judged wrongly:
logit(p) - logit(1 - f).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cnnscore.errors import BadInput, UsageError
from cnnscore.filter.sources import REMEDY
from cnnscore.filter.summary import Outlook
from cnnscore.filter.tranches import TypeCutoffs, threshold_cutoffs
from cnnscore.network.cutoffs import round_score
from cnnscore.network.manifest import Manifest
from cnnscore.network.provenance import read_model_lines
from cnnscore.network.session import Session
from cnnscore.network.store import find_model


@dataclass
class ExpectedFalse:
    """A CutoffSource: of each type the share of false calls (above 0, below 1) that is expected.

    The network is that of the header, which must be installed, or `model`.
    """

    expect_false: dict[str, float]
    model: str | None = None
    _network: str = field(default="", init=False)
    _true: dict[str, float] = field(default_factory=dict, init=False)

    def cutoffs(self, key: str, header: Sequence[str]) -> tuple[TypeCutoffs, ...]:
        """Errors: UsageError when the network is unknown, or its scores are no log-odds."""
        manifest = self._find(key, header)
        self._network = manifest.name
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
        """What was expected, beside the share where the network was calibrated."""
        name = cutoffs.variant_type
        here, there = 100 * self.expect_false[name], 100 * (1 - self._true[name])
        return Outlook(
            f": likelier true than false where {here:g} % of the {name}s are false (where the "
            f"network {self._network} was calibrated: {there:.0f} %)"
        )

    def _find(self, key: str, header: Sequence[str]) -> Manifest:
        if self.model is not None:
            return Session(find_model(self.model), "cpu").manifest
        line = read_model_lines(header).get(key)
        if line is None:
            raise UsageError(
                f"the header does not say which network made INFO/{key}, whose log-odds "
                f"`expect_false=` moves: name it with `model=`, or {REMEDY}"
            )
        try:
            path = find_model(line.model)
        except BadInput as fault:
            raise UsageError(
                f"{fault}. It made INFO/{key}, and its log-odds are asked for: name its file with "
                f"`model=`, or {REMEDY}"
            ) from None
        if hashlib.sha256(path.read_bytes()).hexdigest() != line.network:
            raise UsageError(
                f"the network {line.model} that is installed here is not the one that made "
                f"INFO/{key}: name that one's file with `model=`, or {REMEDY}"
            )
        return Session(path, "cpu").manifest


def true_share(manifest: Manifest, variant_type: str) -> float | None:
    """The share of true calls at which a network's scores of a type are log-odds; None where they
    are not calibrated."""
    training = manifest.training
    said = _within(training, "used", "true_share", variant_type)
    if isinstance(said, float) and 0 < said < 1:
        return float(said)
    # Networks that do not say it, as the bundled ones: from the numbers of rows, of equal weight.
    metrics = _within(training, "metrics")
    calibrated = _within(metrics, "calibrated") or _within(training, "used", "calibrated") or []
    if variant_type not in calibrated:
        return None
    if _within(training, "configuration", "training", "calibration_odds") == "even":
        return 0.5
    rows: list[Any] = [
        _within(metrics, "calibration", variant_type, kind) for kind in ("true", "false")
    ]
    if not all(isinstance(n, int) and n > 0 for n in rows):
        return None
    return float(rows[0] / (rows[0] + rows[1]))


def _within(found: Any, *keys: str) -> Any:
    """What lies under these keys; None where there is nothing."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def even_odds(true: float, false: float) -> float:
    """The score of even odds where a share `false` of the calls is false, of log-odds that were
    calibrated where a share `true` is true."""
    return _logit(true) - _logit(1 - false)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
