"""What a network says of rows, in PyTorch or as it was written."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnscore.network.encode import Planes
from cnnscore.network.session import Session
from cnnscore.train.losses import log_odds_of_classes
from cnnscore.train.network import Network
from cnnscore.train.samples import ANNOTATIONS_FROM_READS, Samples, in_batches

EVALUATION_BATCH = 1024


def predict(
    network: Network,
    samples: Samples,
    rows: NDArray[np.int64],
    device: str = "cpu",
    *,
    calibrated: bool = False,
) -> NDArray[np.float32]:
    """Log-odds [n] of rows as they are, without randomisation; with or without calibration."""
    network.eval()
    scores = [np.zeros(0, np.float32)]
    with torch.no_grad():
        for part in in_batches(rows, EVALUATION_BATCH):
            planes = to_torch(samples.batch(part), device)
            if network.output == "log_odds":
                found = network.calibrated(planes) if calibrated else network(planes)
            else:
                label = torch.from_numpy(samples.label[part].astype(np.int64)).to(device)
                classes = (
                    network.calibrated_classes(planes) if calibrated else network.classes(planes)
                )
                found = log_odds_of_classes(classes, label)
            scores.append(found.float().cpu().numpy())
    return np.concatenate(scores)


def to_torch(planes: Planes, device: str = "cpu") -> dict[str, Tensor]:
    """Planes as tensors."""
    return {
        name: torch.from_numpy(plane).to(device)
        for name, plane in planes.items()
        if name != ANNOTATIONS_FROM_READS
    }


def log_odds_of_batch(
    session: Session, samples: Samples, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Log-odds [n] that a written network gives some rows."""
    planes = samples.batch(rows)
    planes = {name: planes[name] for name in session.manifest.encoder.inputs}
    output = session.run(planes)
    if session.manifest.score == "log-odds":
        return output[:, 0]
    label, row = samples.label[rows] % 2, np.arange(len(rows))
    odds: NDArray[np.float32] = np.log(output[row, label + 2]) - np.log(output[row, label])
    return odds
