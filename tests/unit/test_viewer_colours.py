"""The colours of the viewer's page: told apart by eyes of every kind."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

CSS = Path(__file__).parents[2] / "python/cnnscore/viewer/page.css"


def _lab(colour: str, matrix: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of `#rrggbb` as an eye sees it whose cones mix as `matrix` says."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(matrix @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ seen / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes 2009, table of severity 1.0.
EYES = {
    "all cones": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {'])
def test_bases_can_be_told_apart(theme: str, eye: str) -> None:
    """Any two bases, and effects for and against: a difference (CIE76) of 20 and more."""
    css = CSS.read_text()
    block = css[css.index(theme) :]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block[: block.index("}")]))
    groups = [
        ["base-a", "base-c", "base-g", "base-t", "match"],
        ["for", "against"],
        ["alt", "other"],
    ]
    for group in groups:
        labs = {name: _lab(colours[name], EYES[eye]) for name in group}
        for one in group:
            for other in group:
                if one < other:
                    assert np.linalg.norm(labs[one] - labs[other]) >= 20, (one, other)
