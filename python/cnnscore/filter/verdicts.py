"""Types and scores -> verdicts: which cut-offs judge a record, or a carrier of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.record_types import INDEL, MIXED, MNP, SNP, SYMBOLIC, record_types
from cnnscore.description import VARIANT_TYPES
from cnnscore.filter.tranches import KEPT, NOT_JUDGED, TypeCutoffs

NEITHER = -1


@dataclass(frozen=True)
class TypeRule:
    """Which cut-offs judge a record of each type, and which resource calls set these cut-offs."""

    judged: dict[int, int]
    """Record type -> index into VARIANT_TYPES; records of other types stay as they are."""
    calibrates: dict[int, int]
    """Record type -> index into VARIANT_TYPES: the type whose cut-offs its score helps to set."""
    sequences_alone: bool
    """Whether symbolic alleles and `*` are ignored in a record that has a sequence as ALT too."""

    def types(self, sites: WindowBatch) -> NDArray[np.uint8]:
        """[N] types of the records."""
        return record_types(sites, sequences_alone=self.sequences_alone)

    def of(self, types: NDArray[np.uint8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """[N] `judged` and `calibrates` of each type; NEITHER where there is none."""
        judged, calibrates = np.full((2, MIXED + 1), NEITHER, np.int8)
        judged[list(self.judged)] = list(self.judged.values())
        calibrates[list(self.calibrates)] = list(self.calibrates.values())
        return judged[types], calibrates[types]


_VQSR = {SNP: 0, MNP: 0, INDEL: 1, MIXED: 1, SYMBOLIC: 1}
TYPE_RULES = {
    # FilterVariantTranches: only SNPs and indels are judged. But a record of any type but SNP
    # counts with the indels when it is in a resource.
    "gatk": TypeRule({SNP: 0, INDEL: 1}, {SNP: 0, INDEL: 1, MNP: 1, SYMBOLIC: 1, MIXED: 1}, False),
    # The modes SNP and INDEL of VariantRecalibrator and ApplyVQSR; but a gVCF's SNP is a SNP here.
    "vqsr": TypeRule(_VQSR, _VQSR, True),
}


class Graded(NamedTuple):
    """What the cut-offs of one type say."""

    rows: NDArray[np.intp]
    """[n] which of all were judged."""
    grades: NDArray[np.int32]
    """[n] how many cut-offs each fails."""
    bare: NDArray[np.bool_] | None
    """[n] which of them are bare calls; None: nobody asks."""
    missing: int
    """How many fail as they have no score."""


def judge(
    cutoffs: Sequence[TypeCutoffs],
    judged: NDArray[np.int8],
    scores: NDArray[np.float32],
    bare: Mapping[str, NDArray[np.bool_] | None],
) -> tuple[NDArray[np.int32], list[Graded]]:
    """[N] the number of each one's new FILTER among all of `cutoffs`, KEPT, or NOT_JUDGED; and what
    each of the cut-offs says.

    `judged` [N] is TypeRule's, `scores` [N] are NaN where there is none; `bare` has by type which
    [N] calls are bare.
    """
    verdict = np.full(len(scores), NOT_JUDGED, np.int32)
    scored, first_name = ~np.isnan(scores), 0
    found = []
    for of_type in cutoffs:
        is_type = judged == VARIANT_TYPES.index(of_type.variant_type)
        rows = np.flatnonzero(scored & is_type)
        are_bare = bare.get(of_type.variant_type)
        of_bare = None if are_bare is None else are_bare[rows]
        grades = of_type.grades(scores[rows], of_bare)
        verdict[rows] = np.where(grades == 0, KEPT, first_name + grades - 1)
        missing = ~scored & is_type if of_type.unscored is not None else np.zeros(0, np.bool_)
        verdict[np.flatnonzero(missing)] = first_name + len(of_type.cuts)
        first_name += len(of_type.filters)
        found.append(Graded(rows, grades, of_bare, int(np.count_nonzero(missing))))
    return verdict, found
