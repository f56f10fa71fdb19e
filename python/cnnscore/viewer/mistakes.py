"""The sites that the report of an evaluation lists as the worst mistakes, and links to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnscore.errors import UsageError
from cnnscore.evaluate.tables import read_result
from cnnscore.viewer.choose import MAX_SITES, SiteName

log = logging.getLogger("cnnscore")


def mistakes_of(evaluation: str, calls: str) -> tuple[SiteName, ...]:
    """Sites of the call file `calls`, each once, in the order of the report.

    `evaluation` is a folder or evaluation.json of `cnnscore evaluate`. Errors: BadInput when it is
    none; UsageError when it is of other files, or lists no mistake.
    """
    result = read_result(evaluation)
    name = _name_in(result["inputs"]["calls"], calls, evaluation)
    found = {
        SiteName(one["contig"], int(one["pos"]), one["ref"], one["alt"]): None
        for score in result["scores"]
        if score["file"] == name
        for kind in ("false", "true")
        for one in score["mistakes"][kind]
    }
    if not found:
        raise UsageError(f"{evaluation} lists no mistake of {calls}: no call has a score there")
    if len(found) > MAX_SITES:
        log.warning(
            "the report lists %s sites, and a page holds %s: the first of them are shown; evaluate "
            "fewer scores (`scores=`) for a report that links to these alone",
            f"{len(found):,}",
            f"{MAX_SITES:,}",
        )
    return tuple(found)[:MAX_SITES]


def _name_in(inputs: Sequence[Mapping[str, Any]], calls: str, evaluation: str) -> str:
    """What the evaluation calls the file; of one file alone, that one, wherever it lies now."""
    names = {one["path"]: str(one["name"]) for one in inputs}
    if len(names) == 1:
        return next(iter(names.values()))
    for path, name in names.items():
        if path == calls or _is_same(path, calls):
            return name
    like = [name for path, name in names.items() if Path(path).name == Path(calls).name]
    if len(like) == 1:
        return like[0]
    raise UsageError(f"{evaluation} is of {', '.join(names)}, and {calls} is none of these")


def _is_same(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:
        return False
