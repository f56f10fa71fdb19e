"""The notebooks run from a clone as they stand, and are kept without outputs."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import nbclient
import nbformat
import pytest
from PIL import Image, ImageSequence

from conftest import TESTS
from hosts.training_data import need_extra

FOLDER = TESTS.parent / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.filterwarnings("default")  # of what runs kernels
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    if path.stem.startswith("4"):
        need_extra("pyarrow", "torch", "tensorboard")
    before = set(FOLDER.iterdir())
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()  # raises what a cell raises
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[-1].outputs, "a notebook ends in something to be seen"
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    pictures = sum("image/png" in data for data in shown)
    assert pictures == sum(".plot()" in cell.source for cell in code)
    films = [base64.b64decode(data["image/gif"]) for data in shown if "image/gif" in data]
    assert len(films) == (2 if path.stem.startswith("1") else 0)
    for film in films:  # channel by channel
        with Image.open(io.BytesIO(film)) as opened:
            assert sum(1 for _ in ImageSequence.Iterator(opened)) == 15
    assert set(FOLDER.iterdir()) == before


def test_notebooks_are_kept_without_outputs() -> None:
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                assert (cell["outputs"], cell["execution_count"]) == ([], None), path.name
