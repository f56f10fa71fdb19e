"""tests/golden/twins.json in Java; tests/unit/test_twins.py: the same rules in C."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import TESTS
from hosts.gatk import Gatk
from hosts.twins import VECTORS, write_depth_files, write_reads


@pytest.fixture(scope="module")
def answers(gatk: Gatk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the walker's classes say, asked by Twins.java in their package."""
    folder = tmp_path_factory.mktemp("twins")
    write_reads(VECTORS["read_rule"], folder / "rule.bam")
    for number, case in enumerate(VECTORS["sample_depth"]):
        write_depth_files(case, number, folder)
    found: dict[str, Any] = gatk.ask("Twins", folder, TESTS / "golden" / "twins.json", folder)
    return found


def test_draws(answers: dict[str, Any]) -> None:
    assert answers["random"] == [vector["draws"] for vector in VECTORS["random"]]


def test_hashes_and_seeds(answers: dict[str, Any]) -> None:
    assert answers["site_seed"] == [vector["seed"] for vector in VECTORS["site_seed"]]
    assert answers["read_hash"] == [vector["hash"] for vector in VECTORS["read_hash"]]


def test_reservoirs(answers: dict[str, Any]) -> None:
    assert answers["reservoir"] == [site["kept"] for site in VECTORS["reservoir"]]
    running = VECTORS["running_reservoir"]["sites"]
    assert answers["running_reservoir"] == [site["kept"] for site in running]


def test_the_least_hashes(answers: dict[str, Any]) -> None:
    assert answers["bottom_k"] == [vector["kept"] for vector in VECTORS["bottom_k"]]


def test_which_reads_count(answers: dict[str, Any]) -> None:
    for read, found in zip(VECTORS["read_rule"], answers["read_rule"], strict=True):
        assert found == {rule: read[rule] for rule in ("gatk", "primary")}, read["why"]


def test_sample_depths(answers: dict[str, Any]) -> None:
    assert answers["sample_depth"] == [case["depth"] for case in VECTORS["sample_depth"]]


def test_info_keys(answers: dict[str, Any]) -> None:
    assert answers["info_key"] == [vector["good"] for vector in VECTORS["info_key"]]


def test_what_gatks_callers_write(answers: dict[str, Any]) -> None:
    outside = [vector["outside"] for vector in VECTORS["annotation_range"]]
    assert answers["annotation_range"] == outside


def test_lines_of_scores(answers: dict[str, Any]) -> None:
    assert answers["model_line"] == [
        [vector["line"], vector["site_line"]] for vector in VECTORS["model_line"]
    ]


def test_letters(answers: dict[str, Any]) -> None:
    assert answers["read_letters"] == [vector["codes"] for vector in VECTORS["read_letters"]]
