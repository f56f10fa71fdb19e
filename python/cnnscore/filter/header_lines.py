"""What `filter` declares in the header of its output, but for the FILTERs themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cnnscore.description import VARIANT_TYPES
from cnnscore.filter.tranches import TypeCutoffs

_FIELD = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_BETWEEN = "; "


def cutoffs_line(
    key: str,
    origin: str,
    all_cutoffs: Sequence[TypeCutoffs],
    header: Sequence[str],
    *,
    filters_stay: bool,
) -> str:
    """The line that tells which cut-offs judged scores, and where these are from; those of earlier
    runs too, which a `header` tells of whose filters are kept. `filters_stay`: PASS is of them too.
    """
    start = f"##cnnscore_cutoffs=<ID={key},"
    described = f'From="{origin}"' + "".join(cutoffs.header_fields() for cutoffs in all_cutoffs)
    above = "above" if any(cutoffs.at_cutoff_fails for cutoffs in all_cutoffs) else "at or above"
    means = f"{key} {above} the first cut-off of its type, or not judged"
    if filters_stay:
        means += ", and no filter from before"
    now = _run(dict(_FIELD.findall(described)))
    before = [run for line in header if line.startswith(start) for run in _runs(line)]
    earlier = _BETWEEN.join(run for run in dict.fromkeys(before) if run != now)
    described += f',Earlier="{earlier}"' if earlier else ""
    return f'{start}{described},Pass="{means}; not odds of being true">'


def verdict_key(key: str) -> str:
    """The INFO key that says what FILTER would be."""
    return f"{key}_TRANCHE"


def info_lines(key: str, *, soft: bool, sensitivity_key: str | None) -> list[tuple[str, str]]:
    """The INFO keys that are written, with their header lines."""
    lines = []
    if soft:
        name = verdict_key(key)
        text = f"FILTER that {key} would give the record, or PASS"
        lines.append((name, f'##INFO=<ID={name},Number=1,Type=String,Description="{text}">'))
    if sensitivity_key:
        text = f"Fraction of resource calls of the type whose {key} is at least as high"
        line = f'##INFO=<ID={sensitivity_key},Number=1,Type=Float,Description="{text}">'
        lines.append((sensitivity_key, line))
    return lines


def _runs(line: str) -> list[str]:
    """The run of a line, and those that it names as earlier ones."""
    fields = dict(_FIELD.findall(line))
    return [_run(fields), *filter(None, fields.get("Earlier", "").split(_BETWEEN))]


def _run(fields: dict[str, str]) -> str:
    types = [name for of in VARIANT_TYPES for name in (of, f"{of}_bare") if name in fields]
    return " ".join([fields.get("From", ""), *(f"{name} {fields[name]}" for name in types)])
