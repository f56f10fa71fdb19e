"""`progress=True` in a notebook: a bar that grows while a run lasts, and nothing after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

RUN = """
from cnnscore.api.progress import progress_of
progress = progress_of(True)
progress._interval = 0
for done, part in ((10, 0.25), (30, 0.75)):
    progress.update(done, "chr1:5", part)
    print(shown(progress))
progress.clear()
"""
# What tqdm.notebook takes of ipywidgets; how a real one looks was looked at in JupyterLab.
WIDGETS = """
class Layout: pass
class Widget:
    def __init__(self, children=(), min=0, max=0):
        self.children, self.max, self.value = children, max, 0
        self.bar_style, self.layout, self.style = "", Layout(), Layout()
    def close(self): pass
    def _repr_mimebundle_(self, **_): return {"text/plain": "a widget"}
class HTML(Widget): pass
class HBox(Widget): pass
class FloatProgress(Widget): pass
"""


def outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str, widgets: bool
) -> list[Any]:
    """Of a cell that runs with a bar in a notebook's kernel, which has the modules of a folder."""
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    monkeypatch.setenv("PYTHONPATH", path)
    hidden = "" if widgets else "import sys; sys.modules['ipywidgets'] = None\n"
    cell = nbformat.v4.new_code_cell(f"{hidden}shown = lambda progress: {shown}\n{RUN}")  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return list(cell.outputs)


@pytest.mark.parametrize("widgets", [True, False])
def test_the_bar_grows_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, widgets: bool
) -> None:
    """Without ipywidgets, as in a kernel of VS Code, tqdm must not warn."""
    if widgets:
        (tmp_path / "ipywidgets.py").write_text(WIDGETS)
        shown = "[(part.value, part.max) for part in progress._bar.container.children]"
    else:
        shown = "str(progress._bar)"
    bar, *printed = outputs(tmp_path, monkeypatch, shown, widgets)
    assert (bar.output_type, bar.data) == ("display_data", {"text/plain": ""})
    assert {one.name for one in printed} == {"stdout"}, printed
    text = "".join(one.text for one in printed).replace("\\u2007", " ")  # as tqdm writes blanks
    first, second = text.splitlines()
    if widgets:
        assert first.startswith("[(' 25%', 0), (0.25, 1), ")
        assert second.startswith("[(' 75%', 0), (0.75, 1), ")
    else:
        assert first.startswith(" 25%|██")
        assert second.startswith(" 75%|██████")
    assert "10 sites  chr1:5" in first
