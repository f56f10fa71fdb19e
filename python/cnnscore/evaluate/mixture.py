"""The share of true calls where a network was calibrated, beside that of the calls evaluated.

A network's log-odds hold at the first. What the second moves them by is shown, and nothing else is
changed by it: scores stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput
from cnnscore.network.calibration import installed_manifest, shift, true_share
from cnnscore.network.provenance import read_model_lines

Shares = dict[str, dict[str, float]]
"""By INFO key and type: the share of true calls where the scores were calibrated."""


def calibrated_shares(header: Sequence[str]) -> Shares:
    """Those of the networks that a header names, as far as they are calibrated, and the same to the
    byte are installed here."""
    found: Shares = {}
    for key, line in read_model_lines(header).items():
        try:
            manifest = installed_manifest(line)
        except BadInput:
            continue
        shares = {name: manifest and true_share(manifest, name) for name in VARIANT_TYPES}
        found[key] = {name: share for name, share in shares.items() if share}
    return found


def mixture(trained: float | None, n_true: int, n_false: int) -> dict[str, float] | None:
    """Both shares, and the shift of the log-odds; None where one is unknown, 0 or 1."""
    if trained is None or not n_true or not n_false:
        return None
    here = n_true / (n_true + n_false)
    return {"calibrated_true": trained, "true": here, "shift": shift(trained, here)}
