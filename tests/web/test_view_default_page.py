"""The page of `cnnscore view` of the bundled network over reads, in Chromium: reads first, then its
inputs, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page

from cnnscore.network.encode import READ_SCALARS
from web.conftest import OpenPage
from web.view_pages import ViewPages, frame, picture, ready

SIZES = ((1400, 900), (390, 844))
NAMES = [name.replace("_", " ") for name in READ_SCALARS]


def texts(page: Page) -> dict[str, tuple[float, float, float, float]]:
    """What a frame writes on the canvas: by text its left, top, right and bottom."""
    found = page.evaluate(
        """async () => {
          const of = CanvasRenderingContext2D.prototype, plain = of.fillText, found = [];
          of.fillText = function (text, x, y) {
            const at = this.getTransform(), wide = this.measureText(text).width;
            const [from, to] = [x, x + wide].map((x) => at.transformPoint({ x, y }));
            const scale = window.devicePixelRatio;
            found.push([text, ...[[from.x, to.x], [from.y, to.y]].flatMap((ends) =>
              [Math.min(...ends) / scale, Math.max(...ends) / scale])]);
            plain.call(this, text, x, y);
          };
          window.cnnscore.view().draw();
          await new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)));
          of.fillText = plain;
          return found;
        }"""
    )
    return {text: (left, top, right, bottom) for text, left, right, top, bottom in found}


def shape(page: Page) -> dict[str, Any]:
    """Where the cells lie: from `gutter` to `right` of the pane."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const view = window.cnnscore.view(), { gutter, cell, features } = view;
          const at = features ? [...Array(features).keys()].map((i) => view.x(i)) : [];
          return { gutter, cell, at, right: view.pane.clientWidth - view.side };
        }"""
    )
    return found


def test_reads_come_first(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["default"]))
    assert page.locator("#tabs button").all_inner_texts() == ["reads", "inputs"]
    assert page.locator("#tabs [aria-pressed=true]").inner_text() == "reads"
    assert "as 21 numbers" in page.inner_text("#context")
    assert page.locator(".chip").count() == 15
    # The rows are the network's reads: what they moved stands beside them, and is told.
    with_effects = picture(page)
    page.keyboard.press("e")
    assert picture(page) != with_effects
    page.keyboard.press("e")
    page.keyboard.press("ArrowDown")
    assert "effect" in page.inner_text("#status")
    reads = page.evaluate("() => window.cnnscore.state.site.reads.length")
    effects = page.evaluate("() => [...window.cnnscore.state.site.arrays['effect/row'].data]")
    assert len(effects) == reads
    assert np.any(effects)
    page.keyboard.press("r")
    assert page.locator("#tabs [aria-pressed=true]").inner_text() == "inputs"
    assert page.locator("#context").is_hidden()
    page.keyboard.press("n")  # the choice stays
    frame(page)
    assert page.locator("#tabs [aria-pressed=true]").inner_text() == "inputs"


def test_all_features_are_named_and_in_reach(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["default"]))
    page.click("[data-tab=inputs]")
    assert page.locator(".chip").all_inner_texts() == NAMES
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        frame(page)
        drawn = texts(page)
        for name in NAMES:  # whole: nothing of it is above the pane
            assert drawn[name][1] >= 0, name
        here = shape(page)
        assert len(here["at"]) == len(NAMES)
        if width >= 1400:  # all at once
            assert here["at"][0] >= here["gutter"]
            assert here["at"][-1] + here["cell"] <= here["right"] + 1
        page.evaluate("() => { document.getElementById('pane').scrollLeft = 1e6; }")
        frame(page)
        here = shape(page)
        assert here["at"][-1] + here["cell"] <= here["right"] + 1
        # And by the keyboard, from the first to the last.
        page.evaluate("() => { document.getElementById('pane').scrollLeft = 0; }")
        for column, name in enumerate(READ_SCALARS):
            page.keyboard.press("ArrowRight" if column else "ArrowDown")
            frame(page)
            assert f"{name} = " in page.inner_text("#status")
            here = shape(page)
            assert here["at"][column] >= here["gutter"] - 1
            assert here["at"][column] + here["cell"] <= here["right"] + 1
        for _ in READ_SCALARS:
            page.keyboard.press("ArrowLeft")


def test_names_of_inputs_are_whole(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["default"]))
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        cut = page.evaluate(
            "() => [...document.querySelectorAll('aside th')].filter((cell) => "
            "cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent)"
        )
        assert cut == []
