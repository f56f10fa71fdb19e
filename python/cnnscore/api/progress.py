"""`progress=True`: a bar of tqdm where a notebook runs, else what the command shows."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from typing import Any

from cnnscore.progress import TERMINAL_INTERVAL_S, NoProgress, Progress

TEXT_WIDTH = 90
"""Columns of a bar of text: what a notebook shows in one line."""


def progress_of(asked: bool | Progress) -> Progress:
    """What shows how far a run is; `asked` may be one already."""
    if isinstance(asked, Progress):
        return asked
    if not asked:
        return NoProgress()
    return NotebookProgress() if in_notebook() and find_spec("tqdm") else Progress()


def in_notebook() -> bool:
    """Whether IPython's kernel runs this, whose front end is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookProgress(Progress):
    """A bar of tqdm: its widget where ipywidgets is installed, else its text. It goes when the run
    ends, and a saved notebook keeps nothing of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._interval = TERMINAL_INTERVAL_S
        self._bar: Any = None
        self._output: Any = None

    def _draw(self, done: int, unit: str, what: str, part: float | None) -> None:
        if self._bar is not None and (self._bar.total is None) != (part is None):
            self.clear()
        if self._bar is None:
            self._open(known=part is not None)
        self._bar.n = done if part is None else part
        self._bar.set_description_str(f"{done:,} {unit}  {what}", refresh=False)
        if hasattr(self._bar, "container"):
            self._bar.refresh()
        else:
            self._output.update({"text/plain": str(self._bar)}, raw=True)

    def _open(self, *, known: bool) -> None:
        """Show a bar of the part that is done, if that is known."""
        from IPython import display

        show: Any = display.display
        form = (
            "{percentage:3.0f}%|{bar}| {desc}  {remaining} left" if known else "{desc}  {elapsed}"
        )
        options = {"total": 1 if known else None, "bar_format": form, "leave": False}
        # tqdm.auto chooses likewise, and warns where there are no widgets.
        if find_spec("ipywidgets"):
            from tqdm.notebook import tqdm as widget

            self._bar = widget(**options, display=False)
            self._output = show(self._bar.container, display_id=True)
        else:
            from tqdm import tqdm as text

            self._bar = text(**options, file=io.StringIO(), ascii=False, ncols=TEXT_WIDTH)
            self._output = show({"text/plain": ""}, raw=True, display_id=True)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        print(f"cnnscore: {text}", file=sys.stderr)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._output.update({"text/plain": ""}, raw=True)
            self._bar = self._output = None
