"""What `filter` says at its end."""

from __future__ import annotations

import numpy as np

from cnnscore.filter.summary import Outlook
from cnnscore.filter.tranches import Cut, TypeCutoffs


def test_stricter_choices_keep_fewer_and_fewer() -> None:
    """A threshold is one for all calls; a tranche of bare calls may lie below it, and then keeps
    more, though that of other calls lies above."""
    cuts = (
        Cut("98", np.float32(0.4), "", "", np.float32(-0.2)),
        Cut("`thresholds=0`", np.float32(0.0), "", "", np.float32(0.0)),
    )
    outlook = Outlook(stricter=TypeCutoffs("INDEL", cuts, False, bare_without=("QD",)))
    scores, bare = np.array([-0.1, 0.1, 0.5], np.float32), np.ones(3, np.bool_)
    outlook.count(scores, bare)
    assert outlook.text() == (
        "; stricter: 3 at 0.400 or -0.200 (98), 2 at 0.000 or 0.000 (`thresholds=0`)"
    )
    outlook.count(scores, ~bare)  # of both kinds: 1 + 3 and 2 + 2
    assert outlook.text().startswith("; stricter: 4 at 0.000")
