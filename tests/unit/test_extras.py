"""What an error advises where Python packages are missing."""

from __future__ import annotations

from importlib import metadata

import pytest

from cnnscore.errors import UsageError
from cnnscore.extras import need, remedy

LINES = [
    "numpy>=1.26",
    'onnxruntime-gpu>=1.20; sys_platform == "linux"',
    'onnxruntime>=1.20; sys_platform != "linux"',
    "grpcio>=1.60",
    'pyarrow>=15; extra == "dataset"',
    'torch>=2.4; extra == "train"',
    'cnnscore[dataset]; extra == "train"',
]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Distributions that there are; a test adds its own."""
    there: set[str] = set()

    def version(name: str) -> str:
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return "1"

    def requires(name: str) -> list[str]:
        version(name)
        return LINES

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", requires)
    return there


def test_the_extra_is_named(installed: set[str]) -> None:
    installed |= {"cnnscore", "onnxruntime-gpu"}
    with pytest.raises(UsageError, match=r"pip install 'cnnscore\[train\]'$"):
        need("train", "no_such_module")
    assert remedy("") == "pip install cnnscore"


def test_beside_onnx_runtime_for_cpus_no_other_is_brought(installed: set[str]) -> None:
    """Where `pip install 'cnnscore[train]'` would bring onnxruntime-gpu, which damages it."""
    installed |= {"cnnscore", "onnxruntime"}
    assert remedy("train") == "pip install 'torch>=2.4' 'pyarrow>=15'"
    assert remedy("") == "pip install 'numpy>=1.26' 'grpcio>=1.60'"


def test_of_a_clone_that_is_not_installed(installed: set[str]) -> None:
    installed.add("onnxruntime")
    assert remedy("train") == "pip install 'cnnscore[train]'"
