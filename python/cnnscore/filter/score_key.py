"""Which INFO key of a call file holds the score, and its values."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Records
from cnnscore.errors import BadInput, UsageError

_INFO = re.compile(r"##INFO=<ID=([^,>]+),(?:.*?)Number=([^,>]+),(?:.*?)Type=([^,>]+)")
PREFIX = "CNN_"
_SAMPLE_SCORE = re.compile(rf"##FORMAT=<ID=({PREFIX}[^,>]*),(?=.*Number=1,)(?=.*Type=Float,)")
QUAL = "QUAL"
NUMBERS = ("1", ".", "A", "R")
"""The Number that an INFO key can have to be a score."""


def declared_numbers(header: Sequence[str]) -> dict[str, str]:
    """The Number of each INFO key that a header declares."""
    return {match[1]: match[2] for line in header if (match := _INFO.match(line))}


def choose_key(header: Sequence[str], wanted: str | None, path: str) -> str:
    """`wanted`, if the header has it. Without `wanted`, the header's only CNN_* key of numbers.

    Errors: BadInput when there is no such key, UsageError when there are several.
    """
    declared = declared_numbers(header)
    if wanted == QUAL:
        return QUAL
    if wanted is not None:
        if wanted not in declared:
            raise BadInput(f"{path} has no INFO/{wanted}: {_those(declared)}")
        if declared[wanted] not in NUMBERS:
            raise BadInput(
                f"INFO/{wanted} of {path} has Number={declared[wanted]}: records are filtered by "
                "one number, or by the highest of their ALT alleles' (Number=A or R)"
            )
        return wanted
    scores = [
        match[1]
        for line in header
        if (match := _INFO.match(line))
        and match[1].startswith(PREFIX)
        and match[2] in NUMBERS
        and match[3] == "Float"
    ]
    if len(scores) > 1:
        raise UsageError(
            f"{path} has several scores ({', '.join(scores)}): choose one with `info_key=`"
        )
    if not scores:
        raise BadInput(
            f"{path} has no INFO/{PREFIX}*: run `cnnscore score` first, or name the key with "
            f"`info_key=`; {_those(declared)}"
        )
    return scores[0]


def choose_sample_key(header: Sequence[str], path: str) -> str:
    """The header's only CNN_* key of FORMAT: a score for each carrier of a cohort.

    Errors: BadInput when there is none, or several.
    """
    found = [match[1] for line in header if (match := _SAMPLE_SCORE.match(line))]
    if not found:
        raise BadInput(
            f"{path} has no FORMAT/{PREFIX}*, which `per_sample=` judges: score it with "
            "`sample_map=` first"
        )
    if len(found) > 1:
        raise BadInput(
            f"{path} has several scores of samples ({', '.join(found)}): take others than one out "
            f"with `bcftools annotate -x FORMAT/{found[-1]}`"
        )
    return found[0]


def read_scores(records: Records, sites: WindowBatch, key: str) -> NDArray[np.float32]:
    """[N] the key's values, NaN where a record has none."""
    values = records.numbers(QUAL) if key == QUAL else records.numbers("INFO", key)
    return of_records(sites, values)


def of_records(sites: WindowBatch, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """[N] one score per record from the scores of its alleles [alleles]: the highest one of its ALT
    alleles, NaN where no ALT allele has a score.
    """
    if not len(sites):
        return np.zeros(0, np.float32)
    first = sites.site_allele[:-1]
    of_alts = values.copy()
    of_alts[first[np.diff(sites.site_allele) > 1]] = np.nan
    return np.fmax.reduceat(of_alts, first).astype(np.float32)


def check_new_key(header: Sequence[str], key: str, line: str, path: str) -> None:
    """Errors: BadInput when the header declares INFO `key` in another way than `line`."""
    for other in header:
        match = _INFO.match(other)
        if match and match[1] == key and other != line:
            raise BadInput(f"{path} has another INFO/{key} already: write one of another name")


def _those(declared: dict[str, str]) -> str:
    return f"it has {', '.join(sorted(declared))}" if declared else "it declares no INFO key"
