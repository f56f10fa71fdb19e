"""A cohort's calls, scored through a Scorer: `scorer.score(..., sample_map=)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnnscore.errors import UsageError
from cnnscore.score.options import CohortOptions, CohortSummary, ScoreOptions

if TYPE_CHECKING:
    from cnnscore.api.scorer import Scorer


def score_samples(
    scorer: Scorer,
    calls: str,
    sample_map: str,
    options: ScoreOptions,
    reads: Sequence[str],
    given: Mapping[str, Any],
) -> CohortSummary:
    """Write `calls` with a score for each carrier and for each site; `given` are other arguments of
    `score_cohort`. Errors: UsageError for options that stand for one sample, and those of
    `score_cohort`.
    """
    from cnnscore.score.cohort import score_cohort

    of_one = {
        "reads": reads,
        "sample": options.sample,
        "info_key": options.info_key,
        "per_allele": options.per_allele,
        "sample_depth": options.sample_depth,
        "downsampling": options.downsampling != "site",
    }
    for name, value in of_one.items():
        if value:
            raise UsageError(f"`{name}=` does not go with `sample_map=`")
    return score_cohort(
        calls,
        scorer.network(has_reads=True, annotations_from="reads"),
        sample_map=sample_map,
        options=CohortOptions(intervals=options.intervals, overwrite=options.overwrite),
        **given,
    )
