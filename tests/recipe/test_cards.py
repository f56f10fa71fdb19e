"""The cards of the bundled networks: the table that a user reads first is of the card's figures."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cnnscore.network.store import bundled_folder

RECIPE = Path(__file__).parents[2] / "python" / "recipes" / "bundled-models"


@pytest.fixture(scope="module")
def card() -> ModuleType:
    """The recipe's card.py."""
    spec = importlib.util.spec_from_file_location("recipe_card", RECIPE / "card.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(text: str) -> list[dict[str, Any]]:
    """The table "Against other scores", as accuracy.json has it."""
    lines = text.split("## Against other scores")[1].split("\n## ", maxsplit=1)[0].splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    keys = table[0][3:]
    rows = []
    for name, kind, counts, *cells in table[2:]:
        scores = {}
        for key, cell in zip(keys, cells, strict=True):
            if not cell:
                continue
            found = re.fullmatch(r"([\d.]+)(?: \(([\d.]+) to ([\d.]+)\))?", cell)
            assert found, cell
            auc, low, high = found.groups()
            interval = [float(low), float(high)] if low else None
            scores[key] = {"roc_auc": float(auc), "roc_auc_interval": interval}
        true, false = map(int, counts.split(" ; "))
        rows.append({"set": name, "type": kind, "true": true, "false": false, "scores": scores})
    return rows


@pytest.mark.parametrize("name", ["reads", "reference"])
def test_the_leading_table_is_of_the_cards_own_figures(name: str, card: ModuleType) -> None:
    text = (bundled_folder() / f"{name}.md").read_text(encoding="utf-8")
    section = text[text.index("\n## ") + 1 :].split("\n\n## ")[0]
    assert section.splitlines() == card.choice(rows_of(text), name)
    assert (
        "| freebayes | 52x, 101 bp | NA12878 | SNP | 160 ; 125 | `reads`, `gatk-2d`, `reference` |"
        in text
    )
    assert "| HaplotypeCaller | 52x, 101 bp | NA12878 | SNP | 165 ; 4 | ? | ? |" in text


def row(**scores: tuple[float, float]) -> dict[str, Any]:
    return {
        "scores": {
            key.replace("_", "-"): {"roc_auc": auc, "roc_auc_interval": [low, 1.0]}
            for key, (auc, low) in scores.items()
        }
    }


def test_networks_within_the_interval_of_the_best_are_named(card: ModuleType) -> None:
    one = row(reads=(0.95, 0.9), gatk_2d=(0.97, 0.94), gatk_1d=(0.93, 0.9), QUAL=(0.99, 0.9))
    assert card.lead(one, ("reads", "reference", "gatk-1d", "gatk-2d")) == "`gatk-2d`, `reads`"
    assert card.lead(one, ("reference", "gatk-1d")) == "`gatk-1d`"
    one["scores"]["gatk-2d"]["roc_auc_interval"] = None
    assert card.lead(one, ("reads", "gatk-2d")) == "?"


def test_a_card_leads_with_it(card: ModuleType) -> None:
    made = card.with_choice(
        "# reads\n\n- sees\n\n## Training\n\nx\n", ["## For your calls", "", "t"]
    )
    assert made == "# reads\n\n- sees\n\n## For your calls\n\nt\n\n## Training\n\nx\n"
