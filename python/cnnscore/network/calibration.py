"""At which share of true calls a network's scores are log-odds, and what another share changes."""

from __future__ import annotations

import math
from typing import Any

from cnnscore.network.manifest import Manifest
from cnnscore.network.provenance import Provenance
from cnnscore.network.store import digest_of, find_model


def installed_manifest(line: Provenance) -> Manifest | None:
    """The manifest of the network that a header names; None where another one has its name here.

    Errors: BadInput when none has.
    """
    from cnnscore.network.session import Session  # which loads ONNX Runtime

    path = find_model(line.model)
    return Session(path, "cpu").manifest if digest_of(path) == line.network else None


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


def shift(true: float, here: float) -> float:
    """What moves log-odds that were calibrated where a share `true` is true, so that they hold
    where a share `here` is (Saerens et al., 2002)."""
    return logit(here) - logit(true)


def even_odds(true: float, false: float) -> float:
    """The score of even odds where a share `false` of the calls is false, of log-odds that were
    calibrated where a share `true` is true."""
    return -shift(true, 1 - false)


def logit(share: float) -> float:
    """The log-odds of a share, above 0 and below 1."""
    return math.log(share / (1 - share))
