"""htslib as in the command: silent, and a CRAM's reference is never fetched from elsewhere."""

from __future__ import annotations

import os

from cnnscore.calls.records import htslib_verbosity


def quiet_htslib() -> None:
    """For this process. A REF_PATH that the user has set stays."""
    htslib_verbosity(0)
    os.environ.setdefault("REF_PATH", os.devnull)
