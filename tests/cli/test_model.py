"""`cnnscore model`: import, list, info."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from conftest import DATA, run_cli, scores_of

BUNDLED = [["reads", "read-set-2", "CNN_READS"], ["reference", "reference", "CNN_REF"]]


def listed() -> list[list[str]]:
    """Name, encoding and INFO key of each network that `model list` shows."""
    lines = run_cli("model", "list").out.splitlines()
    return [line.split("\t")[:3] for line in lines]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    folder = tmp_path / "models"
    monkeypatch.setenv("CNNSCORE_MODELS", str(folder))
    return folder


@pytest.fixture
def keras(tiny: dict[str, str], tmp_path: Path) -> Path:
    """A folder of two networks as the trainer of GATK leaves them: mine-reads, mine-reference."""
    folder = tmp_path / "keras"
    folder.mkdir()
    for kind, path in tiny.items():
        for suffix in (".hd5", ".json"):
            shutil.copy(Path(path).with_suffix(suffix), folder / f"mine-{kind}{suffix}")
    return folder


def test_import_list_info_score(keras: Path, home: Path, tmp_path: Path) -> None:
    assert listed() == BUNDLED
    run = run_cli("model", "import", keras / "mine-reads.hd5")
    path = home / "mine-reads.onnx"
    assert (run.code, run.out) == (0, f"mine-reads\t{path}\n")
    # In both forms of its graph.
    assert sorted(home.rglob("*.onnx")) == [home / "direct" / path.name, path]
    assert f"mine-reads\tgatk-reads\tCNN_2D\t{path}\n" in run_cli("model", "list").out
    manifest = json.loads(run_cli("model", "info", "mine-reads", "--json").out)
    assert manifest["window"] == 128
    assert manifest["annotations"][:2] == ["MQ", "DP"]
    assert len(manifest["source"]["sha256"]) == 64
    assert "CNN_2D" in run_cli("model", "info", "mine-reads").out
    out = tmp_path / "out.vcf"
    files = ["-R", DATA / "ref.fa", "-I", DATA / "reads.bam", "-o", out]
    assert run_cli("score", DATA / "calls.vcf.gz", *files, "-m", "mine-reads").code == 0
    assert None not in scores_of(out, "CNN_2D")


def test_a_folder_holds_several(keras: Path, home: Path) -> None:
    assert len(run_cli("model", "import", keras).out.splitlines()) == 2
    run = run_cli("model", "import", keras, "--only", "none")
    assert run.code == 2
    assert "mine-reads" in run.err
    (home / "broken.onnx").write_bytes(b"not a network")
    run = run_cli("model", "list")
    assert run.code == 0
    assert len(run.out.splitlines()) == 3 + len(BUNDLED)
    assert "broken\tdamaged" in run.out


def test_bundled_names_are_taken(tiny: dict[str, str], home: Path) -> None:
    run = run_cli("model", "import", Path(tiny["reads"]).with_suffix(".hd5"))
    assert run.code == 2
    assert "comes with cnnscore" in run.err
    assert not home.exists()


@pytest.mark.parametrize("name", ["none.jar", "empty"])
def test_sources_without_networks(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    run = run_cli("model", "import", tmp_path / name)
    assert run.code == 2
    assert name in run.err
    assert "4.6.0.0" in run.err or "No such file" in run.err
    assert not home.exists()


def test_models_folder_that_cannot_be(home: Path, keras: Path) -> None:
    home.write_text("a file, not a folder")
    run = run_cli("model", "import", keras / "mine-reads.hd5")
    assert run.code == 2
    assert "CNNSCORE_MODELS" in run.err


def test_default_folder(monkeypatch: pytest.MonkeyPatch, keras: Path, tmp_path: Path) -> None:
    monkeypatch.delenv("CNNSCORE_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    run_cli("model", "import", keras / "mine-reads.hd5")
    assert os.fspath(tmp_path / "cnnscore" / "models") in run_cli("model", "list").out


def test_gatk_networks(gatk_models: Path) -> None:
    assert listed() == [
        ["gatk-1d", "gatk-reference", "CNN_1D"],
        ["gatk-2d", "gatk-reads", "CNN_2D"],
        ["gatk-2d-large", "gatk-reads", "CNN_2D"],
        *BUNDLED,
    ]
    assert str(gatk_models) in run_cli("model", "list").out
