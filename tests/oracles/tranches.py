"""GATK's FilterVariantTranches in plain Python, read from its behaviour: the tests' oracle.

Slow and without any of the package's code. Scores are Python floats, of the text.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

Known = dict[tuple[str, int], list[tuple[str, list[str]]]]


@dataclass(frozen=True)
class Row:
    """What the rule looks at."""

    contig: str
    pos: int
    ref: str
    alts: list[str]
    filters: list[str]
    score: float | None


def read_rows(path: Path, key: str) -> list[Row]:
    rows = []
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            continue
        contig, pos, _, ref, alt, _, filters, info = line.split("\t")[:8]
        fields = dict(item.partition("=")[::2] for item in info.split(";"))
        rows.append(
            Row(
                contig,
                int(pos),
                ref.upper(),
                [] if alt == "." else [_upper(a) for a in alt.split(",")],
                [] if filters in (".", "PASS") else filters.split(";"),
                float(fields[key]) if key in fields else None,
            )
        )
    return rows


def filters(
    calls: Path,
    resources: list[Path],
    key: str,
    snp_tranches: list[float],
    indel_tranches: list[float],
    clear: bool,
) -> list[str]:
    """The FILTER column that GATK writes."""
    rows = read_rows(calls, key)
    known: Known = defaultdict(list)
    for resource in resources:
        for row in read_rows(resource, key):
            known[row.contig, row.pos].append((row.ref, row.alts))
    scores: dict[str, list[float]] = {"SNP": [], "INDEL": []}
    for row in rows:
        if row.score is not None and _is_known(row, known):
            scores["SNP" if _type(row) == "SNP" else "INDEL"].append(row.score)
    tranches = {"SNP": sorted(set(snp_tranches)), "INDEL": sorted(set(indel_tranches))}
    cutoffs = {
        variant_type: [
            sorted(scores[variant_type], reverse=True)[
                int(t / 100 * (len(scores[variant_type]) - 1))
            ]
            for t in tranches[variant_type]
        ]
        for variant_type in scores
        if scores[variant_type]
    }
    column = []
    for row in rows:
        names = set() if clear else set(row.filters)
        variant_type = _type(row)
        if row.score is not None and variant_type in cutoffs:
            failed = [c for c in cutoffs[variant_type] if row.score <= c]
            if failed:
                levels = [*tranches[variant_type], 100.0]
                low, high = levels[len(failed) - 1], levels[len(failed)]
                names.add(f"{key}_{variant_type}_Tranche_{low:.2f}_{high:.2f}")
        column.append(";".join(sorted(names)) or "PASS")
    return column


def _upper(alt: str) -> str:
    return alt if _is_symbolic(alt) else alt.upper()


def _is_symbolic(alt: str) -> bool:
    return len(alt) > 1 and (alt[0] in "<." or alt[-1] in ">." or "[" in alt or "]" in alt)


def _type(row: Row) -> str:
    variant_types = set()
    for alt in row.alts:
        if _is_symbolic(alt):
            variant_types.add("SYMBOLIC")
        elif len(alt) == len(row.ref):
            variant_types.add("SNP" if len(alt) == 1 else "MNP")
        else:
            variant_types.add("INDEL")
    return variant_types.pop() if len(variant_types) == 1 else "MIXED"


def _is_known(row: Row, known: Known) -> bool:
    for ref, alts in known[row.contig, row.pos]:
        longest = max(ref, row.ref, key=len)
        theirs = {_extended(alt, longest[len(ref) :]) for alt in alts}
        ours = {_extended(alt, longest[len(row.ref) :]) for alt in row.alts}
        if (theirs & ours) - {None}:
            return True
    return False


def _extended(alt: str, extra: str) -> str | None:
    if alt == "*" or not extra:
        return alt
    return None if _is_symbolic(alt) else alt + extra
