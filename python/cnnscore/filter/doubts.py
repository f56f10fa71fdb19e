"""Cut-offs of resources -> warnings where they follow a single known call, or calls that the
network believes least."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnscore.filter.tranches import TypeCutoffs, too_few
from cnnscore.network.cutoffs import cutoff_at, round_score
from cnnscore.network.provenance import Provenance

log = logging.getLogger("cnnscore")

LEVEL = 99.9
"""The network's own cut-off that one of a resource is compared with."""
FAR = 1.0
"""Log-odds. A cut-off this far below the network's own lets calls pass whose odds are less than
0.37 of the worst of its true calls but one in a thousand."""


def say_doubts(
    cutoffs: TypeCutoffs,
    levels: Sequence[float],
    resource_scores: NDArray[np.float32],
    n_scored: int,
    network: Provenance | None,
) -> None:
    """Warn of the strictest level that too few resource calls set; else of a cut-off far below the
    network's own."""
    name = cutoffs.variant_type
    own = None if network is None else _own(network, name)
    prefer = f"prefer a lower `tranches.{name}=`"
    instead = ""
    if network is not None and own is not None:
        instead = (
            f"; without `resources=`, `tranches.{name}={LEVEL:g}` takes the network's own cut-off "
            f"({network.model}: {own:.3f})"
        )
    pairs = list(zip(levels, cutoffs.cuts, strict=True))
    few = [(level, cut) for level, cut in pairs if too_few(len(resource_scores), level)]
    if few:
        level, cut = few[0]
        log.warning(
            "the resources have %s of the %s scored %ss, too few for the tranche %g, whose cut-off "
            "(%s) a single call sets: %s, or take more resources%s",
            f"{len(resource_scores):,}",
            f"{n_scored:,}",
            name,
            level,
            cut.shown,
            prefer,
            instead,
        )
        return
    level, cut = pairs[-1]
    if network is not None and own is not None and own - float(cut.score) > FAR:
        log.warning(
            "the cut-off of the known %ss at the tranche %g, %s, is %.1f below the one that keeps "
            "%g %% of the network's own true calls (%s: %.3f), and false calls pass between: %s%s",
            name,
            level,
            cut.shown,
            own - float(cut.score),
            LEVEL,
            network.model,
            own,
            prefer,
            instead,
        )


def _own(network: Provenance, variant_type: str) -> float | None:
    """The network's own cut-off; of two, for bare calls and others, the lower."""
    curves = (network.cutoffs, network.bare_cutoffs.cutoffs)
    own = [cutoff_at(of[variant_type], LEVEL) for of in curves if variant_type in of]
    return min((round_score(score) for score in own if score is not None), default=None)
