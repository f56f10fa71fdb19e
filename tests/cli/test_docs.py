"""What the README shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import TESTS, run_cli

ROOT = TESTS.parent


def test_python_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "tests").symlink_to(TESTS)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert "294 of 294 sites scored" in capsys.readouterr().out
    assert (tmp_path / "scored.vcf.gz").exists()


@pytest.mark.parametrize(
    "command", ["score", "filter", "evaluate", "report", "view", "dataset", "train", "serve"]
)
def test_options_in_the_documents_exist(command: str) -> None:
    text = run_cli(command, "--help").out
    lines = rf"cnnscore {command} [^`\n]*(?:\\\n[^`\n]*)*"
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(lines, document.read_text()):
            shown = line.split("|")[0].split("#")[0].split(">")[0]
            for option in re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", shown):
                assert re.search(rf"{option}\b", text), f"{document.name}: {option} in {line!r}"


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
