"""The recipe makes a sample anew when a line of what makes it is another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import content

RECIPE = Path(content.__file__).parent
DESIGNS = {"design", "cohort_design"}
"""What these say stands among the parameters as it is."""


def modules(name: str) -> set[str]:
    """The recipe's modules that a script is made of."""
    found, left = set[str](), {name}
    while left:
        found.add(module := left.pop())
        tree = ast.parse((RECIPE / f"{module}.py").read_text(encoding="utf-8"))
        used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        left |= {one for one in used if one and (RECIPE / f"{one}.py").exists()} - found
    return found


@pytest.mark.parametrize("workflow", ["calls.smk", "cohorts.smk"])
def test_content_is_watched_and_no_time(workflow: str) -> None:
    """Of each script of a rule, and of the modules that it imports."""
    text = (RECIPE / workflow).read_text(encoding="utf-8")
    rules = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    scripts = {rule: re.findall(r'RECIPE / "(\w+)\.py"', rule) for rule in rules}
    assert sum(map(len, scripts.values())) >= 2
    for rule, names in scripts.items():
        if not names:
            continue
        assert re.search(r"scripts?=ancient\(", rule)
        (made_by,) = re.findall(r"made_by=content\((.*)\),$", rule, re.MULTILINE)
        watched = set(re.findall(r'"(\w+)"', made_by))
        watched |= set(content.SIMULATORS) if "*SIMULATORS" in made_by else set()
        assert set().union(*map(modules, names)) - DESIGNS <= watched


def test_the_digest() -> None:
    assert content.content("content") != content.content("genome")
    assert content.content("genome", "content") == content.content("genome", "content")
    assert len(content.content("genome")) == 64
