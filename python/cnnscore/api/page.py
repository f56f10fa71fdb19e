"""A page of the viewer, as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

HEIGHT = 720


@dataclass(frozen=True)
class Page:
    """A page that `cnnscore.view` wrote."""

    path: str
    sites: int
    records: int
    """Records that there were to choose from."""

    def __repr__(self) -> str:
        return f"<cnnscore.Page: {self.sites:,} of {self.records:,} records in {self.path}>"

    def _repr_html_(self) -> str:
        page = escape(Path(self.path).read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="{HEIGHT}"></iframe>'
