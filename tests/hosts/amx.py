"""Whether this machine can compute in bf16, and GATK's networks in the form that does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnnscore.cli import main
from cnnscore.network import bf16


def needs_amx() -> None:
    """Skip where bf16 is refused: that it is, other tests see to."""
    if why := bf16.lacking():
        pytest.skip(f"{why}: run by whoever has one")
    pytest.importorskip("openvino", reason="needs the extra `openvino`: run by `make test`")


@pytest.fixture(scope="session")
def gatks_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with gatk-1d and gatk-2d, imported here, in all forms."""
    jar = os.environ.get("CNNSCORE_GATK_JAR")
    if not jar:
        pytest.skip(
            "needs GATK's jar in CNNSCORE_GATK_JAR: run by `make test`, not by `make test-core`"
        )
    folder = tmp_path_factory.mktemp("networks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNSCORE_MODELS", str(folder))
        for name in ("gatk-1d", "gatk-2d"):
            assert main(["model", "import", jar, "--only", name]) == 0
    return folder
