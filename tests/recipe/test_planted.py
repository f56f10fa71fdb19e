"""Real reads of the recipe: whose, from where, and the command that plants truth in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnscore.cli.parser import command_parser
from planted import LICENCES, check, command, data_sets, listed

RECIPE = Path(__file__).parents[2] / "python/recipes/bundled-models"
ENTRIES = listed(RECIPE / "planted.toml")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_what_is_listed_may_be_used(entry: dict[str, Any]) -> None:
    assert entry["licence"] in LICENCES
    assert "t7" not in entry["reads"]
    assert "lambda" not in entry["reads"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": "GPL-2.0"}, "licence"),
        ({"regions": "20"}, "where networks are tested"),
        ({"regions": "chr20:10000000-10100000"}, "where networks are tested"),
        ({"regions": "1:5-9,20:11000000-12000000"}, "where networks are tested"),
        ({"regions": "20:5-"}, "is no region"),
    ],
)
def test_what_may_not(change: dict[str, str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        check(ENTRIES[0] | change)


def test_beside_the_tested_region() -> None:
    check(ENTRIES[0] | {"regions": "20:1-9000000"})


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_the_command_is_one_of_cnnscore(entry: dict[str, Any]) -> None:
    callers = {"gatk": "gatk HaplotypeCaller -I {reads}", "bcftools": ""}
    words = command(entry, lambda path: Path("/x") / path, callers)
    _, parser = command_parser("dataset")
    options = parser.parse_args(words[1:])
    assert words[0] == "dataset"
    assert options.plant
    assert options.caller == ["gatk=gatk HaplotypeCaller -I {reads}", "bcftools"]
    assert len(options.seeds.split(",")) * len(callers) == len(data_sets(entry, list(callers)))
