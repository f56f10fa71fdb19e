"""Cut-offs of resources -> warnings where they follow a single known call, or calls that the
network believes least."""

from __future__ import annotations

import logging
import math
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
SOME = 0.1
"""Part of the scored calls from which on bare ones, or others, count: an odd record does not."""


def say_doubts(
    cutoffs: TypeCutoffs,
    levels: Sequence[float],
    resource_scores: NDArray[np.float32],
    n_scored: int,
    n_bare: int,
    network: Provenance | None,
) -> None:
    """Warn of the strictest level that too few resource calls set; else of a cut-off far below the
    network's own. `n_bare` of the `n_scored` calls are bare."""
    name = cutoffs.variant_type
    own = {} if network is None else _own(network, name, n_scored, n_bare)
    theirs = f"{network.model if network else ''}: " + ", ".join(
        f"{which}{score:.3f}" for which, score in own.items()
    )
    prefer = f"prefer a lower `tranches.{name}=`"
    instead = ""
    if own:
        instead = (
            f"; without `resources=`, `tranches.{name}={LEVEL:g}` takes the network's own cut-off "
            f"({theirs})"
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
    below = max(own.values(), default=-math.inf) - float(cut.score)
    if below > FAR:
        log.warning(
            "the cut-off of the known %ss at the tranche %g, %s, is %.1f below the one that keeps "
            "%g %% of the network's own true calls (%s), and false calls pass between: %s%s",
            name,
            level,
            cut.shown,
            below,
            LEVEL,
            theirs,
            prefer,
            instead,
        )


def _own(network: Provenance, variant_type: str, n_scored: int, n_bare: int) -> dict[str, float]:
    """The network's own cut-offs of the calls that there are, bare ones and others."""
    kinds = (
        ("", network.cutoffs, n_scored - n_bare),
        ("of those without the caller's annotations ", network.bare_cutoffs.cutoffs, n_bare),
    )
    return {
        which: round_score(score)
        for which, cutoffs, n in kinds
        if n >= SOME * n_scored
        and (score := cutoff_at(cutoffs.get(variant_type, {}), LEVEL)) is not None
    }
