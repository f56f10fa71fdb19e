"""attribution.py MODEL CALLS REF READS [SITES]: what the runs that `cnnscore view` takes by default
tell of what all runs would (docs/tasks/viewer.md). Takes a few minutes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cnnscore.score.engine import Engine
from cnnscore.score.run import usable_cores
from cnnscore.viewer.attribution import Attribution, attribute
from cnnscore.viewer.choose import Choice
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import ViewOptions, open_view, runs_of

ALL = 100_000


def main() -> None:
    """Print per axis at how many sites the strongest cell has the highest bar, and the mean
    correlation of the bars.
    """
    model, calls, reference, reads, *limit = sys.argv[1:]
    engine, choice = Engine(model), Choice(limit=int(*limit or (50,)))
    with open_view(
        calls, engine, reference=reference, reads=[reads], choice=choice, options=ViewOptions()
    ) as opened:
        sites = list(opened.sites)
    few, full = (found_in(engine, sites, runs) for runs in (runs_of(engine.manifest.encoding), ALL))
    print(f"{len(sites)} sites; runs per site: {mean_runs(few):.0f} of {mean_runs(full):.0f}")
    for axis in ("column", "row"):
        pairs = [
            (np.nan_to_num(one.effects[axis]), all_.effects[axis])
            for one, all_ in zip(few, full, strict=True)
        ]
        bars = [(abs(found), abs(alone).argmax()) for found, alone in pairs]
        strongest = sum(bar[at] == bar.max() for bar, at in bars)
        like = [np.corrcoef(found, alone)[0, 1] for found, alone in pairs]
        print(f"{axis}: highest bar right at {strongest} sites, correlation {np.mean(like):.2f}")


def found_in(engine: Engine, sites: list[Site], runs: int) -> list[Attribution]:
    """What `runs` per site find."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(
            pool.map(
                lambda site: attribute(engine, site.planes, site.kind, site.typical, runs), sites
            )
        )


def mean_runs(found: list[Attribution]) -> float:
    """Runs of the network per site."""
    return float(np.mean([one.runs for one in found]))


main()
