"""One HTML file out of a template, a style and scripts: the pages of `view` and `report`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

TEMPLATE, STYLE = "page.html.j2", "page.css"


def render(
    folder: Path,
    values: Mapping[str, Any],
    filters: Mapping[str, Callable[[Any], str]] | None = None,
) -> str:
    """The template of `folder` with its style and these values, which are escaped unless the
    template says `safe`. Needs Jinja.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(filters or {})
    style = (folder / STYLE).read_text(encoding="utf-8")
    return environment.get_template(TEMPLATE).render(values, style=style)


def scripts(folder: Path, names: Sequence[str]) -> str:
    """The text of some scripts, one after another."""
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def embedded_json(value: object) -> str:
    """JSON in ASCII that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
