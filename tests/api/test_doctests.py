"""The examples of the public names run as they stand, and there is one for each."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cnnscore
from conftest import DATA
from hosts.training_data import need_extra

API = Path(cnnscore.__file__).parent / "api"
MODULES = [
    "cnnscore",
    "cnnscore.given",
    "cnnscore.html",
    *sorted(f"cnnscore.api.{path.stem}" for path in API.glob("*.py")),
]
NAMES = {
    "CALLS": str(DATA / "calls.vcf.gz"),
    "REFERENCE": str(DATA / "ref.fa"),
    "READS": str(DATA / "reads.bam"),
    "TRUTH": str(DATA / "truth.vcf.gz"),
}


PUBLIC = [name for name in cnnscore.__all__ if not name.startswith("__")]


def _made_in(module: str, name: str) -> bool:
    """Whether a public name is a function of the module."""
    thing = getattr(cnnscore, name)
    return not isinstance(thing, type) and thing.__module__ == module


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions too."""

    def _from_module(self, module: Any, object: Any) -> bool:
        return bool(super()._from_module(module, inspect.unwrap(object)))  # type: ignore[misc] # is hidden


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "cnnscore.api.training":
        need_extra("pyarrow", "torch", "tensorboard")
    monkeypatch.chdir(tmp_path)
    module = import_module(name)
    found = Finder(exclude_empty=False).find(module, extraglobs=NAMES)
    shown = {test.name.removeprefix(f"{name}.") for test in found if test.examples}
    assert {one for one in PUBLIC if _made_in(name, one)} <= shown
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in found:
        if test.examples:
            assert runner.run(test).failed == 0, test.name


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_described(name: str) -> None:
    thing = getattr(cnnscore, name)
    assert thing.__doc__
    if isinstance(thing, type):
        methods = [one for key, one in vars(thing).items() if not key.startswith("_")]
        assert all(one.__doc__ for one in methods if callable(one))
    else:
        assert ">>>" in thing.__doc__, "an example"
