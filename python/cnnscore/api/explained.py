"""What moved a score: the effects of occlusion, as a notebook shows them."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import BadInput
from cnnscore.html import html_table
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES
from cnnscore.network.manifest import Manifest
from cnnscore.score.engine import Engine
from cnnscore.viewer.attribution import attribute
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import runs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Explained:
    """A site's score and what moved it. Made by `Scorer.explain`.

    An effect is the score minus the score with a part hidden: above 0 the part speaks for the call,
    below 0 against it, in units of the score (log-odds).
    """

    def __init__(self, site: Site, manifest: Manifest) -> None:
        assert site.attribution is not None
        self._manifest = manifest
        self.site: Site = site
        self.score: float = site.score
        """The score of the site; of the ALT allele that scores highest."""
        self.effects: dict[str, NDArray[np.float32]] = site.attribution.effects
        """By axis (`row` of reads, `column`, `annotation`, `feature` of reads, `variant`) the
        effect of each; NaN: not measured."""

    @classmethod
    def of(cls, engine: Engine, site: Site, runs: int | None) -> Self:
        """Hide part after part in about `runs` runs of the network. Errors: BadInput for a site
        that has no score.
        """
        if not np.isfinite(site.score):
            raise BadInput(f"{site.record.name} has no score that could be explained")
        runs = runs_of(engine.manifest.encoding) if runs is None else runs
        effects = attribute(engine, site.planes, site.kind, site.typical, runs)
        return cls(replace(site, attribution=effects), engine.manifest)

    def named(self) -> dict[str, float]:
        """Effects of what has a name (annotations, features), the largest first."""
        names = {
            "annotation": self._manifest.annotations,
            "feature": READ_SCALARS,
            "variant": VARIANT_FEATURES,
        }
        found = {
            name: float(effect)
            for axis, of_axis in names.items()
            for name, effect in zip(of_axis, self.effects.get(axis, ()), strict=False)
        }
        return dict(sorted(found.items(), key=lambda item: -abs(item[1])))

    def plot(self) -> Figure:
        """A matplotlib figure of the site: its pileup, or the reference alone, and the numbers.

        Errors: UsageError where matplotlib is not installed.
        """
        from cnnscore.viewer.picture import figure_of

        return figure_of(self.site, self._manifest)

    def __repr__(self) -> str:
        most = ", ".join(f"{name} {effect:+.2f}" for name, effect in list(self.named().items())[:3])
        return f"<cnnscore.Explained: {self.site.record.name} scores {self.score:.3f}; {most}>"

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.plot().savefig(buffer, format="png", dpi=80)
        picture = base64.b64encode(buffer.getvalue()).decode()
        rows = {name: [f"{effect:+.3f}"] for name, effect in self.named().items()}
        table = html_table(rows, head=["hidden", "effect on the score"])
        return f'<img src="data:image/png;base64,{picture}">{table}'
