"""A network run, from planes to score, as engine.py does it, with the network's output kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.encode import Planes
from cnnscore.engine import Engine, gatk_log_odds


def run(
    engine: Engine, planes: Planes, kind: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Output float32 [n, classes] and scores float32 [n] of n encoded rows of those kinds."""
    probabilities = engine.session.run(planes)
    return probabilities, gatk_log_odds(probabilities, kind, engine.manifest.labels)
