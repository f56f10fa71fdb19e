"""Sites of the synthetic calls, as the viewer looks at them."""

from __future__ import annotations

from typing import Any

from cnnscore.score.engine import Engine
from cnnscore.viewer.choose import Choice
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import ViewOptions, open_view
from conftest import DATA

CALLS, REF, READS = (str(DATA / name) for name in ("calls.vcf.gz", "ref.fa", "reads.bam"))


def sites_of(network: str, choice: Choice | None = None, **options: Any) -> list[Site]:
    reads = options.pop("reads", (READS,))
    calls = options.pop("calls", CALLS)
    with open_view(
        calls,
        Engine(network),
        reference=REF,
        reads=reads,
        choice=choice,
        options=ViewOptions(**options),
    ) as view:
        return list(view.sites)
