"""What moved the score: parts of the input hidden one by one, or coarse first and then fine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cnnscore.network.encode import READ_NONE, READ_SPAN, REFERENCE_ANY, Planes
from cnnscore.score.engine import Engine
from cnnscore.viewer.attribution import Attribution, Part, attribute, hide, parts_of
from cnnscore.viewer.choose import Choice, SiteName
from cnnscore.viewer.view import runs_of
from hosts.viewed import sites_of


def test_attribution_is_the_difference_that_a_part_makes(tiny: dict[str, str]) -> None:
    engine = Engine(tiny["reads"])
    typical = np.array([60, 30, 1, 2, 20, 0, 0], np.float32)
    (site,) = sites_of(tiny["reads"], Choice(sites=(SiteName("synA", 257),)))
    effects = attribute(engine, site.planes, site.kind, typical, 1000).effects
    depth, window = len(site.reads), engine.manifest.window
    assert {axis: len(values) for axis, values in effects.items()} == {
        "row": depth,
        "column": window,
        "annotation": 7,
    }

    def score(changed: dict[str, np.ndarray]) -> float:
        planes = {name: plane[None] for name, plane in (site.planes | changed).items()}
        probabilities = engine.session.run(planes)[0].astype(np.float64)
        not_snp, not_indel, snp, indel = probabilities
        true, artefact = ((snp, not_snp), (indel, not_indel))[site.kind]
        return float(np.log(1e-7 + true / (artefact + 1e-7)))

    whole = score({})
    for row in range(depth):
        absent = {name: site.planes[name].copy() for name in ("bases", "quals", "rows")}
        absent["bases"][row], absent["quals"][row], absent["rows"][row] = 17, 0, 0
        assert effects["row"][row] == pytest.approx(whole - score(absent), abs=1e-4)
    for column in (0, 63, 64, 70, 127):
        bases, quals = site.planes["bases"].copy(), site.planes["quals"].copy()
        reference = site.planes["reference"].copy()
        used = (bases[:, column] & 31) != 17
        bases[used, column] = 15 | (bases[used, column] & 32)
        quals[:, column], reference[column] = 0, 5
        unknown = {"bases": bases, "quals": quals, "reference": reference}
        assert effects["column"][column] == pytest.approx(whole - score(unknown), abs=1e-4)
    for i in range(7):
        values = site.planes["annotations"].copy()
        values[i] = typical[i]
        expected = whole - score({"annotations": values})
        assert effects["annotation"][i] == pytest.approx(expected, abs=1e-4)
    assert np.abs(effects["row"]).max() > 1e-3
    assert np.abs(effects["column"]).max() > 1e-3


def test_what_is_hidden_first_covers_all(tiny: dict[str, str]) -> None:
    (site,) = sites_of(tiny["reads"], Choice(sites=(SiteName("synA", 257),)))
    for runs in (1, 16, 32, 64, 100, 10_000):
        parts = parts_of(site.planes, runs)
        assert len(parts) <= max(runs, 7 + 3)
        for axis, size in (("row", len(site.reads)), ("column", 128), ("annotation", 7)):
            cells = [range(part.begin, part.end) for part in parts if part.axis == axis]
            assert [cell for part in cells for cell in part] == list(range(size))


class Additive:
    """In place of an engine: the score is the sum of the weights of the cells that are not hidden,
    and what was run is kept."""

    def __init__(self, rows: dict[int, float], columns: dict[int, float], size: int) -> None:
        self.rows, self.columns = rows, columns
        self.manifest = SimpleNamespace(encoder=SimpleNamespace(sites_per_run=size))
        self.batches: list[int] = []

    def run(self, planes: Planes, kind: NDArray[np.uint8]) -> tuple[None, NDArray[np.float32]]:
        self.batches.append(len(kind))
        scores = np.zeros(len(kind), np.float32)
        for row, weight in self.rows.items():
            scores += weight * (planes["bases"][:, row] != READ_NONE).any(axis=1)
        for column, weight in self.columns.items():
            scores += weight * (planes["reference"][:, column] != REFERENCE_ANY)
        return None, scores


DEPTH, WINDOW = 60, 128


def bare_planes() -> Planes:
    return {
        "bases": np.full((DEPTH, WINDOW), 1 | READ_SPAN, np.uint8),
        "quals": np.full((DEPTH, WINDOW), 30, np.uint8),
        "rows": np.zeros((DEPTH, 2), np.uint8),
        "reference": np.zeros(WINDOW, np.uint8),
        "annotations": np.zeros(0, np.float32),
    }


def additive_effects(engine: Additive, runs: int) -> Attribution:
    return attribute(cast(Engine, engine), bare_planes(), 0, np.zeros(0, np.float32), runs)


@given(
    rows=st.dictionaries(st.integers(0, DEPTH - 1), st.floats(1, 2), max_size=2),
    columns=st.dictionaries(st.integers(0, WINDOW - 1), st.floats(1, 2), max_size=2),
)
def test_coarse_then_fine_finds_what_each_cell_alone_would(
    rows: dict[int, float], columns: dict[int, float]
) -> None:
    """Few cells that matter, anywhere: their effects are those of the full occlusion, and so is
    what is found to matter not at all."""
    fine = additive_effects(Additive(rows, columns, 4), 70)
    full = additive_effects(Additive(rows, columns, 4), 1000)
    assert fine.runs <= 70 < DEPTH + WINDOW < full.runs
    for axis, weights in (("row", rows), ("column", columns)):
        np.testing.assert_array_equal(fine.effects[axis], full.effects[axis])
        assert sorted(np.flatnonzero(fine.effects[axis])) == sorted(weights)


def test_runs_come_in_full_batches() -> None:
    weights = {i: float(i % 7) for i in range(DEPTH)}
    for runs in (32, 48, 64):
        engine = Additive(weights, {64: 3.0}, 4)
        assert additive_effects(engine, runs).runs == sum(engine.batches) <= runs
        # The first round may end with one that is not, and so may the last.
        assert sum(batch < 4 for batch in engine.batches) <= 2


def test_coarse_then_fine_on_a_network(gatk_models: Path) -> None:
    """gatk-2d: cells that matter lie in a part that is found to matter, and the column that moves
    the score most is measured alone, to the bit."""
    engine = Engine(str(gatk_models / "gatk-2d.onnx"))
    kept, runs = [], runs_of(engine.manifest.encoding)
    for site in sites_of(str(engine.session.path), Choice(limit=4, random=True, seed=3)):
        fine = attribute(engine, site.planes, site.kind, site.typical, runs)
        full = attribute(engine, site.planes, site.kind, site.typical, 1000)
        assert fine.runs <= runs < full.runs
        at = int(np.abs(full.effects["column"]).argmax())
        assert fine.effects["column"][at] == full.effects["column"][at]
        assert int(np.abs(fine.effects["column"]).argmax()) == at
        np.testing.assert_array_equal(fine.effects["annotation"], full.effects["annotation"])
        for axis in ("row", "column"):
            found, alone = np.abs(fine.effects[axis]), np.abs(full.effects[axis])
            matters = alone >= 0.5 * alone.max()
            kept += list(found[matters] >= 0.4 * alone[matters])
    assert np.mean(kept) > 0.8


def test_a_site_alone_decides_its_effects(tiny: dict[str, str]) -> None:
    """The same whatever the other sites, the engine's batches and the threads."""
    choice = Choice(limit=6)
    together = sites_of(tiny["reads"], choice, runs=32, threads=2)
    alone = sites_of(tiny["reads"], Choice(limit=3), runs=32, threads=1)
    batches = Engine(tiny["reads"], batch_size=1)
    for one, other in zip(alone, together, strict=False):
        again = attribute(batches, one.planes, one.kind, one.typical, 32)
        assert one.attribution is not None
        assert other.attribution is not None
        for axis, effects in one.attribution.effects.items():
            np.testing.assert_array_equal(effects, other.attribution.effects[axis])
            np.testing.assert_array_equal(effects, again.effects[axis])


def test_hidden_columns_beyond_a_contig_stay_beyond() -> None:
    planes = {
        "reference": np.array([[0, 4, 6]], np.uint8),
        "bases": np.array([[[1 | 32, 16 | 32, 17]]], np.uint8),
        "quals": np.array([[[30, 0, 0]]], np.uint8),
    }
    hide(planes, 0, Part("column", 0, 3), np.zeros(0, np.float32))
    assert planes["reference"].tolist() == [[5, 5, 6]]
    assert planes["bases"].tolist() == [[[15 | 32, 15 | 32, 17]]]
    assert not planes["quals"].any()
