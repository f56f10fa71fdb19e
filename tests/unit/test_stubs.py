"""The types of the native modules are those of what is built."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnnscore
from make_stubs import MODULES, stub


@pytest.mark.parametrize("module", MODULES)
def test_stub_is_what_is_built(module: str) -> None:
    path = Path(cnnscore.__file__).with_name(f"{module}.pyi")
    assert path.read_text() == stub(module), "run `python native/make_stubs.py`"
