"""What moved the score: parts of the input hidden one by one, all or those that tell most."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnscore.network.encode import (
    READ_GAP,
    READ_LETTERS,
    READ_NONE,
    READ_SPAN,
    REFERENCE_ANY,
    REFERENCE_GAP,
    REFERENCE_NONE,
    Planes,
)
from cnnscore.score.engine import Engine
from cnnscore.viewer.attribution import Part, attribute, hide, parts_of
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


def test_what_is_hidden_within_the_runs(tiny: dict[str, str]) -> None:
    (site,) = sites_of(tiny["reads"], Choice(sites=(SiteName("synA", 257),)))
    depth = len(site.reads)
    for runs in (1, 9, 16, 17, 32, 64, 100, 10_000):
        parts = parts_of(site.planes, runs)
        assert len(set(parts)) == len(parts) == min(max(runs, 7 + 2), 7 + depth + 128)
        cells = {axis: [part.cell for part in parts if part.axis == axis] for axis in AXES}
        assert cells["annotation"] == list(range(7))
        assert 64 in cells["column"]  # the site's own
        assert len(cells["row"]) in (depth, (len(parts) - 7) // 2)
        gaps = np.diff([-1, *cells["row"], depth])
        assert gaps.max() - gaps[1:-1].min(initial=depth) <= 1 or len(gaps) < 3


AXES = ("annotation", "row", "column")
DEPTH, WINDOW = 60, 128
A, C, N, NONE = (
    READ_LETTERS.index("A"),
    READ_LETTERS.index("C"),
    READ_LETTERS.index("N"),
    READ_NONE,
)


def planes_of(bases: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Planes:
    return {
        "bases": bases,
        "quals": np.full(bases.shape, 30, np.uint8),
        "rows": np.zeros((len(bases), 2), np.uint8),
        "reference": reference,
        "annotations": np.zeros(0, np.float32),
    }


def test_columns_in_which_reads_differ_come_first() -> None:
    bases = np.full((DEPTH, WINDOW), A | READ_SPAN, np.uint8)
    reference = np.zeros(WINDOW, np.uint8)
    bases[:30, 10], bases[:20, 90], bases[:10, 70], bases[:10, 71] = C, READ_GAP, N, C | READ_SPAN
    bases[:40, 20] = NONE  # no base there is none that differs
    reference[30], reference[31] = REFERENCE_ANY, REFERENCE_NONE  # nor where any would do
    reference[40] = REFERENCE_GAP  # all reads differ, and at 41 none
    reference[41], bases[:, 41] = REFERENCE_GAP, READ_GAP
    wanted = [64, 40, 10, 90, 70, 71, 63]
    for count in range(1, len(wanted) + 1):
        parts = parts_of(planes_of(bases, reference), 2 * count)
        assert [part.cell for part in parts if part.axis == "column"] == sorted(wanted[:count])


class Additive:
    """In place of an engine: a score is the sum of the weights of the rows that are not hidden."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self.weights, self.session = weights, SimpleNamespace(usual_rows=4)

    def run(self, planes: Planes, kind: NDArray[np.uint8]) -> tuple[None, NDArray[np.float32]]:
        assert len(kind) <= 2
        return None, (planes["bases"] != READ_NONE).any(axis=2) @ self.weights


def test_a_read_stands_for_its_neighbours_that_show_the_same() -> None:
    bases = np.full((DEPTH, WINDOW), A | READ_SPAN, np.uint8)
    bases[41:, 64] = C
    weights = np.arange(DEPTH, dtype=np.float32)
    planes, typical = planes_of(bases, np.zeros(WINDOW, np.uint8)), np.zeros(0, np.float32)
    found = attribute(cast(Engine, Additive(weights)), planes, 0, typical, 1 + 12)
    hidden = np.array([5, 15, 25, 35, 45, 55])
    assert found.runs == 13
    same = hidden[None] // 41 == np.arange(DEPTH)[:, None] // 41
    away = np.where(same, np.abs(np.arange(DEPTH)[:, None] - hidden), DEPTH)
    np.testing.assert_array_equal(found.effects["row"], hidden[away.argmin(axis=1)])
    assert found.effects["row"][40] == 35
    assert found.effects["row"][41] == 45
    assert np.count_nonzero(np.isfinite(found.effects["column"])) == 6


def test_few_runs_tell_on_a_network_what_all_do(gatk_models: Path) -> None:
    """gatk-2d: the column that moves the score most is among those that are hidden, and has its
    effect to the bit; reads are ranked as they would be alone."""
    engine = Engine(str(gatk_models / "gatk-2d.onnx"))
    strongest, like, runs = [], [], runs_of(engine.manifest.encoding)
    for site in sites_of(str(engine.session.path), Choice(limit=4, random=True, seed=3)):
        few = attribute(engine, site.planes, site.kind, site.typical, runs)
        full = attribute(engine, site.planes, site.kind, site.typical, 1000)
        assert few.runs <= runs < full.runs
        at = int(np.abs(full.effects["column"]).argmax())
        strongest.append(few.effects["column"][at] == full.effects["column"][at])
        np.testing.assert_array_equal(few.effects["annotation"], full.effects["annotation"])
        hidden = np.isfinite(few.effects["column"])
        np.testing.assert_array_equal(few.effects["column"][hidden], full.effects["column"][hidden])
        like.append(np.corrcoef(few.effects["row"], full.effects["row"])[0, 1])
    assert np.mean(strongest) > 0.8
    assert np.mean(like) > 0.5, like


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
    for column in range(3):
        hide(planes, 0, Part("column", column), np.zeros(0, np.float32))
    assert planes["reference"].tolist() == [[5, 5, 6]]
    assert planes["bases"].tolist() == [[[15 | 32, 15 | 32, 17]]]
    assert not planes["quals"].any()
