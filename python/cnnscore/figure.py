"""Figures as notebooks show them. Loaded where a figure is drawn, as it needs matplotlib."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure

DPI = 100


class NotebookFigure(Figure):
    """A figure that shows itself in a notebook, where nobody has said `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png", dpi=DPI)
        return content.getvalue()
