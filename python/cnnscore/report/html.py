"""A result of `evaluate` -> one HTML page that needs nothing else, and a section for MultiQC.

The page holds its data, its style, its script, and plotly.js, which is taken from the installed
plotly package and stored compressed (2 MB; the browser unpacks it).
"""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput
from cnnscore.evaluate.filters import by_file, fails_none
from cnnscore.page import embedded_json, render, scripts
from cnnscore.report.multiqc import MULTIQC_NAME, multiqc_section

__all__ = ["multiqc_section", "page", "read_tranche_table", "write_report"]

FOLDER = Path(__file__).parent
SCRIPTS = ("data.js", "charts.js", "thresholds.js", "page.js")
PAGE_NAME = "report.html"


def write_report(result: Mapping[str, Any], folder: Path, *, viewer: str, title: str) -> None:
    """Write report.html and cnnscore_mqc.json; `viewer` is the page that the mistakes link to.

    Errors: OSError when they cannot be written.
    """
    (folder / PAGE_NAME).write_text(page(result, viewer=viewer, title=title), encoding="utf-8")
    section = multiqc_section(result)
    (folder / MULTIQC_NAME).write_text(json.dumps(section) + "\n", encoding="utf-8")


def read_tranche_table(path: str) -> list[list[str]]:
    """The rows of a table that `cnnscore filter --tranche-table` wrote, its header first.

    Errors: BadInput for a file that is none.
    """
    from cnnscore.filter.tranche_table import COLUMNS

    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    rows = [line.split("\t") for line in lines]
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise BadInput(f"{path} is no table of tranches that `cnnscore filter` wrote")
    return rows


def page(
    result: Mapping[str, Any],
    *,
    viewer: str,
    title: str,
    tranche_table: Sequence[Sequence[str]] = (),
) -> str:
    """The whole page as text; with `tranche_table` (`read_tranche_table`) it shows that too."""
    of_filters = by_file(result)
    values = {
        "result": result,
        "filters": [row for rows in of_filters.values() if not fails_none(rows) for row in rows],
        "unfiltered": [file for file, rows in of_filters.items() if fails_none(rows)],
        "title": title or ", ".join(calls["name"] for calls in result["inputs"]["calls"]),
        "networks": _networks(result),
        "view_commands": _view_commands(result, viewer),
        "tranche_table": tranche_table,
        "script": scripts(FOLDER, SCRIPTS),
        "library": _library(),
        "data": embedded_json({**result, "viewer": viewer, "types": VARIANT_TYPES}),
    }
    return render(FOLDER, values, {"limits": _limits, "count": lambda value: f"{value:,}"})


@cache
def _library() -> str:
    """plotly.js, gzipped, base64."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 6, mtime=0)).decode()


def _limits(metric: Mapping[str, float | None]) -> str:
    """The interval of a figure as text, empty when it has none."""
    low, high = metric["low"], metric["high"]
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _view_commands(result: Mapping[str, Any], viewer: str) -> list[str]:
    """What makes the page that the mistakes of each call file link to."""
    reference = result["inputs"]["reference"] or "REF"
    return [
        f"cnnscore view {shlex.quote(calls['path'])} -R {shlex.quote(reference)} "
        f"--mistakes EVALUATION -o {shlex.quote(viewer)}"
        for calls in result["inputs"]["calls"]
    ]


def _networks(result: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {**network, "file": calls["name"]}
        for calls in result["inputs"]["calls"]
        for network in calls["networks"]
    ]
