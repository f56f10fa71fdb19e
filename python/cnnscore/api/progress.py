"""`progress=True`: a bar of tqdm where a notebook runs, else what the command shows."""

from __future__ import annotations

import sys
from typing import Any

from cnnscore.progress import TERMINAL_INTERVAL_S, NoProgress, Progress


def progress_of(asked: bool | Progress) -> Progress:
    """What shows how far a run is; `asked` may be one already."""
    if isinstance(asked, Progress):
        return asked
    if not asked:
        return NoProgress()
    return NotebookProgress() if in_notebook() and _tqdm() else Progress()


def in_notebook() -> bool:
    """Whether IPython's kernel runs this, whose front end is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


class NotebookProgress(Progress):
    """A bar of tqdm, whose end is what the part that is done lets expect."""

    def __init__(self) -> None:
        super().__init__()
        self._interval = TERMINAL_INTERVAL_S
        self._bar: Any = None

    def _draw(self, done: int, unit: str, what: str, part: float | None) -> None:
        if self._bar is None:
            self._bar = _tqdm()(unit=f" {unit}", leave=False)
        self._bar.total = round(done / part) if part else None
        self._bar.n = done
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.refresh()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        print(f"cnnscore: {text}", file=sys.stderr)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
