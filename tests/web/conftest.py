"""Debian's Chromium, driven by Playwright, for the pages that cnnscore writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE = 120_000
"""Milliseconds after which a page is given up, on a machine with other work."""

if TYPE_CHECKING:
    from web.view_pages import ViewPages


@dataclass
class Opened:
    """A page with all that it said and asked for since it was opened."""

    page: Page
    messages: list[str] = field(default_factory=list)
    """Console messages of any kind, and uncaught errors."""
    requests: list[str] = field(default_factory=list)
    """URLs asked for, the file itself first."""


OpenPage = Callable[..., Opened]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; `make test` names it, `make test-core` goes without.

    Gone with the last page: an event loop of Playwright's runs in this thread meanwhile, and tests
    of other folders have loops of their own.
    """
    path = os.environ.get("CNNSCORE_CHROMIUM")
    if not path:
        pytest.skip("needs Chromium: run by `make test`, not by `make test-core`")
    with sync_playwright() as playwright:
        # Frames are drawn by the CPU in any case: without a process for it, which can stall.
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"], timeout=PATIENCE
        )
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


def _open_pages(chromium: Browser) -> Iterator[OpenPage]:
    """open_page(file, link="#...", width=, height=, scheme="light"): an Opened page, in a profile
    of its own. After the test it must have said nothing and asked for nothing but itself."""
    opened: list[tuple[Opened, str]] = []

    def open_(
        file: Path, link: str = "", *, width: int = 1400, height: int = 900, scheme: str = "light"
    ) -> Opened:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            offline=True,
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        this = Opened(page)
        page.on("console", lambda message: this.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: this.messages.append(f"error: {error}"))
        page.on("request", lambda request: this.requests.append(request.url))
        opened.append((this, file.as_uri()))
        page.goto(file.as_uri() + link)
        return this

    yield open_
    for this, address in opened:
        this.page.context.close()
        assert this.messages == []
        assert {url.partition("#")[0] for url in this.requests} == {address}


@pytest.fixture(scope="package")
def view_pages(tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, str]) -> ViewPages:
    """Pages of `cnnscore view` that the tests of this folder share."""
    from web.view_pages import ViewPages

    return ViewPages(tmp_path_factory.mktemp("pages"), tiny)


open_page = pytest.fixture(_open_pages, name="open_page")
open_page_once = pytest.fixture(_open_pages, scope="module", name="open_page_once")
"""The same for a page that the tests of a file share."""
