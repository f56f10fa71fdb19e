"""What the networks that come with cnnscore say of themselves: tests hold for the next ones too."""

from __future__ import annotations

from cnnscore.network.session import Session
from cnnscore.network.store import find_model


def calibrated_shares(network: str) -> dict[str, float]:
    """By type, the share of true calls among the rows that calibrated it."""
    rows = Session(find_model(network), "cpu").manifest.training["data"]["rows"]["calibration"]
    return {name: rows[name] / (rows[name] + rows[f"NOT_{name}"]) for name in ("SNP", "INDEL")}
