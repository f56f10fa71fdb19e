"""A cohort's scored carriers -> FORMAT/FT, and genotypes that fail set to missing: `--per-sample`.

The cut-offs are those of single samples, as a carrier's score is what its sample alone would have;
a carrier's type is that of the alleles that it holds, whatever other samples bring to the record.
No carrier is bare (network/cutoffs.py), as its annotations are worked out from its reads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnscore.calls.carriers import Carriers
from cnnscore.calls.records import Calls, Records
from cnnscore.filter.summary import GenotypeSummary
from cnnscore.filter.tranches import KEPT, TypeCutoffs
from cnnscore.filter.verdicts import TypeRule, judge


class GenotypeFilter:
    """Judges the carriers of records by FORMAT `key`."""

    def __init__(
        self, key: str, cutoffs: tuple[TypeCutoffs, ...], rule: TypeRule, n_samples: int
    ) -> None:
        cutoffs = tuple(replace(of_type, bare_without=()) for of_type in cutoffs)
        self.summary = GenotypeSummary(key, cutoffs)
        self._rule = rule
        self._carriers = Carriers()
        self._all = np.ones(n_samples, np.uint8)
        self._names = [cut.filter for of_type in cutoffs for cut in of_type.filters]

    def declare(self, calls: Calls) -> None:
        """Declare FORMAT/FT in the header of what is written, and its filters."""
        key = self.summary.key
        calls.add_header(
            "##FORMAT=<ID=FT,Number=1,Type=String,Description="
            f'"Filters that the genotype fails, PASS, or . where nobody judged it; {key} of '
            'carriers">'
        )
        for cutoffs in self.summary.cutoffs:
            for line in cutoffs.header_lines():
                calls.add_header(line)

    def apply(self, records: Records, *, clear: bool, no_calls: bool) -> None:
        """Set FORMAT/FT of records that are to be written. `clear` drops the filters that genotypes
        come with; with `no_calls` those that fail are set to missing.
        """
        summary = self.summary
        sites = self._carriers.find(records, self._all)
        scores = self._carriers.numbers(records, summary.key)
        judged, _ = self._rule.of(self._rule.types(sites))
        verdict, found = judge(summary.cutoffs, judged, scores, {})
        for cutoffs, graded in zip(summary.cutoffs, found, strict=True):
            summary.judged[cutoffs.variant_type] += len(graded.rows) + graded.missing
            failed = int(np.count_nonzero(graded.grades)) + graded.missing
            summary.failed[cutoffs.variant_type] += failed
        summary.carriers += len(verdict)
        summary.unjudged += int(np.count_nonzero(verdict < KEPT))
        summary.no_calls += self._carriers.filter(
            records, self._names, verdict, clear=clear, no_calls=no_calls
        )
