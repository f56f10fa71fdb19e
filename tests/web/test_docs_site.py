"""The documentation as a site: built whole, and read from a disk in Chromium."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import links
from cnnscore.cli.parser import COMMANDS
from conftest import TESTS

ROOT = TESTS.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does: warnings, broken links and pages that none leads to fail it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, str(ROOT / "docs/site/make_site.py"), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A browser page without a network, which says nothing and asks for files alone."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.extend([request.url] * (request.url[:5] != "file:")))
    yield page
    context.close()
    assert said == []


def test_every_page_is_there(site: Path) -> None:
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    written = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    written += (ROOT / "python/cnnscore/models").glob("*.md")
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in written} <= pages
    assert {f"docs/reference/commands/{name}" for name in COMMANDS} <= pages
    filtering = (site / "docs/reference/commands/filter.html").read_text()
    assert 'id="cmdoption-cnnscore-filter-snp-tranche"' in filtering
    assert 'id="cnnscore.Scorer.score_records"' in (site / "docs/reference/api.html").read_text()


def test_search_works_from_a_disk(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("--expect-false")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results li").first).to_be_visible()
    page.get_by_role("link", name="--expect-false").first.click()
    expect(page).to_have_url((site / "docs/reference/commands/filter.html").as_uri() + "#cmdoption-cnnscore-filter-expect-false")  # fmt: skip # noqa: E501


def test_it_is_dark_where_its_reader_likes_that(site: Path, page: Page) -> None:
    def brightness() -> int:
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.strip("rgb()").split(",")[:3]))

    page.emulate_media(color_scheme="dark")
    page.goto((site / "docs/tasks/filter.html").as_uri())
    assert brightness() < 150
    page.emulate_media(color_scheme="light")
    assert brightness() > 600


HOME = '<a href="{}">a</a><p id="here">'


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"index.html": HOME.format("b.html#there"), "b.html": '<p id="there">'}, None),
        ({"index.html": HOME.format("https://example.org")}, None),
        ({"index.html": HOME.format("#here")}, None),
        ({"index.html": HOME.format("b.html")}, "index.html: b.html leads nowhere"),
        ({"index.html": HOME.format("../index.html")}, "index.html: ../index.html leads nowhere"),
        ({"index.html": HOME.format("#there")}, "index.html: #there: there is no such place"),
        ({"index.html": "", "b.html": ""}, "b.html: no page leads to it"),
        ({"index.html": '<script src="https://e.org/x.js"></script>'}, "loads https://e.org/x.js"),
        ({"index.html": '<link href="//e.org/x.css">'}, "index.html: loads //e.org/x.css"),
        ({"index.html": '<style>@import "http://e.org/x"</style>'}, "loads http://e.org/x"),
        ({"index.html": "", "a.css": "b{background: url(//e.org/i)}"}, "a.css: loads //e.org/i"),
        ({"index.html": '<img src="a.png">'}, "index.html: a.png leads nowhere"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_site(
    files: dict[str, str], fault: str | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = list(links.faults(tmp_path))
    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]
