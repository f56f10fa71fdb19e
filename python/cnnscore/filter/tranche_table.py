"""Verdicts -> a table of the tranches: how much each tranche keeps, and its properties.

Rows add up as in VQSR's tranches file: a tranche includes all stricter tranches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnscore.filter.tranches import TypeCutoffs

COLUMNS = (
    "type",
    "tranche",
    "cutoff",
    "filter",
    "kept",
    "known",
    "novel",
    "titv_known",
    "titv_novel",
    "het_hom",
    "resource_kept",
    "resource_calls",
)
_NOVEL, _KNOWN = 0, 1


class TrancheTable:
    """Counts of the judged records of each type by grade (TypeCutoffs.grades)."""

    def __init__(self, cutoffs: Sequence[TypeCutoffs], with_resources: bool) -> None:
        self._cutoffs = cutoffs
        self._with_resources = with_resources
        shape = {c.variant_type: len(c.cuts) + 1 for c in cutoffs}
        self._records = {
            variant_type: np.zeros((2, n), np.int64) for variant_type, n in shape.items()
        }
        self._transitions = {
            variant_type: np.zeros((2, 2, n), np.int64) for variant_type, n in shape.items()
        }
        self._zygosity = {
            variant_type: np.zeros((2, n), np.int64) for variant_type, n in shape.items()
        }
        self._resource = {variant_type: np.zeros(n, np.int64) for variant_type, n in shape.items()}

    def add(
        self,
        variant_type: str,
        grades: NDArray[np.int32],
        known: NDArray[np.bool_],
        transition: NDArray[np.int8],
        zygosities: Sequence[NDArray[np.int8]],
    ) -> None:
        """Count records [n]. `transition` is 1, 0 or -1 (no SNP of two alleles). The `zygosities`
        of each sample are 1 (het), 2 (hom), or another number (neither).
        """
        n = self._records[variant_type].shape[1]
        for status in (_NOVEL, _KNOWN):
            rows = known == bool(status)
            self._records[variant_type][status] += np.bincount(grades[rows], minlength=n)
            for change in (0, 1):
                counted = grades[rows & (transition == change)]
                self._transitions[variant_type][status, change] += np.bincount(counted, minlength=n)
        for zygosity in zygosities:
            for state in (1, 2):
                counted = grades[zygosity == state]
                self._zygosity[variant_type][state - 1] += np.bincount(counted, minlength=n)

    def add_resource(self, variant_type: str, grades: NDArray[np.int32]) -> None:
        """Count the resource calls that set the cut-offs of a type."""
        self._resource[variant_type] += np.bincount(
            grades, minlength=len(self._resource[variant_type])
        )

    def text(self) -> str:
        """TSV with a header line; NA where there is no value."""
        lines = ["\t".join(COLUMNS)]
        for cutoffs in self._cutoffs:
            cuts = [(cut.label, cut.shown, cut.filter) for cut in cutoffs.cuts]
            for row, named in enumerate([*cuts, ("all", "NA", "NA")]):
                lines.append(
                    "\t".join([cutoffs.variant_type, *named, *self._row(cutoffs.variant_type, row)])
                )
        return "\n".join(lines) + "\n"

    def _row(self, variant_type: str, row: int) -> list[str]:
        def kept(tally: NDArray[np.int64]) -> NDArray[np.int64]:
            total: NDArray[np.int64] = tally[..., : row + 1].sum(axis=-1)
            return total

        records, changes = kept(self._records[variant_type]), kept(self._transitions[variant_type])
        het, hom = kept(self._zygosity[variant_type])
        known = [f"{records[_KNOWN]}", f"{records[_NOVEL]}"] if self._with_resources else 2 * ["NA"]
        titv_known, titv_novel = (_ratio(changes[s, 1], changes[s, 0]) for s in (_KNOWN, _NOVEL))
        resource = self._resource[variant_type]
        return [
            f"{records.sum()}",
            *known,
            titv_known if self._with_resources else "NA",
            titv_novel,
            _ratio(het, hom),
            *([f"{kept(resource)}", f"{resource.sum()}"] if self._with_resources else ["NA", "NA"]),
        ]


def _ratio(a: int, b: int) -> str:
    return f"{a / b:.3f}" if b else "NA"
