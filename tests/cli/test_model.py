"""`cnnscore model`: import, list, info."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conftest import DATA, run_cli, scores_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    folder = tmp_path / "models"
    monkeypatch.setenv("CNNSCORE_MODELS", str(folder))
    return folder


def test_import_list_info_score(tiny: dict[str, str], home: Path, tmp_path: Path) -> None:
    bundled = run_cli("model", "list").out.splitlines()
    assert [line.split("\t")[0] for line in bundled] == ["reads", "reference"]
    source = Path(tiny["reads"]).with_suffix(".hd5")
    run = run_cli("model", "import", source)
    assert (run.code, run.out) == (0, f"reads\t{home / 'reads.onnx'}\n")
    assert [path.name for path in home.iterdir()] == ["reads.onnx"]
    # one's own network of a name stands before the bundled one
    listed = run_cli("model", "list").out.splitlines()
    assert listed == [f"reads\tgatk-reads\tCNN_2D\t{home / 'reads.onnx'}", bundled[1]]
    manifest = json.loads(run_cli("model", "info", "reads", "--json").out)
    assert manifest["window"] == 128
    assert manifest["annotations"][:2] == ["MQ", "DP"]
    assert len(manifest["source"]["sha256"]) == 64
    assert "CNN_2D" in run_cli("model", "info", "reads").out
    out = tmp_path / "out.vcf"
    files = ["-R", DATA / "ref.fa", "-I", DATA / "reads.bam", "-o", out]
    assert run_cli("score", DATA / "calls.vcf.gz", *files, "-m", "reads").code == 0
    assert None not in scores_of(out, "CNN_2D")


def test_a_folder_holds_several(tiny: dict[str, str], home: Path) -> None:
    folder = Path(tiny["reads"]).parent
    assert len(run_cli("model", "import", folder).out.splitlines()) == 2
    run = run_cli("model", "import", folder, "--only", "none")
    assert run.code == 2
    assert "reads" in run.err
    (home / "broken.onnx").write_bytes(b"not a network")
    run = run_cli("model", "list")
    assert run.code == 0
    assert len(run.out.splitlines()) == 3
    assert "broken\tdamaged" in run.out


@pytest.mark.parametrize("name", ["none.jar", "empty"])
def test_sources_without_networks(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    run = run_cli("model", "import", tmp_path / name)
    assert run.code == 2
    assert name in run.err
    assert "4.6.0.0" in run.err or "No such file" in run.err
    assert not home.exists()


def test_models_folder_that_cannot_be(home: Path, tiny: dict[str, str]) -> None:
    home.write_text("a file, not a folder")
    run = run_cli("model", "import", Path(tiny["reads"]).with_suffix(".hd5"))
    assert run.code == 2
    assert "CNNSCORE_MODELS" in run.err


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CNNSCORE_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    run = run_cli("model", "info", "none")
    assert run.code == 2
    assert os.fspath(tmp_path / "cnnscore" / "models") in run.err


def test_gatk_networks(gatk_models: Path) -> None:
    lines = run_cli("model", "list").out.splitlines()
    assert [line.split("\t")[:3] for line in lines] == [
        ["gatk-1d", "gatk-reference", "CNN_1D"],
        ["gatk-2d", "gatk-reads", "CNN_2D"],
        ["gatk-2d-large", "gatk-reads", "CNN_2D"],
        ["reads", "read-set", "CNN_READS"],
        ["reference", "reference", "CNN_REF"],
    ]
    assert str(gatk_models) in lines[0]
