"""Looks through built pages: broken links, pages beyond reach, what is loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "data", "poster", "action", "background"}
"""Attributes whose address a browser asks for by itself; and href, but for that of <a>."""
ELSEWHERE = re.compile("(?:[a-z]+:)?//")


class _Page(HTMLParser):
    """What a page links to, what it loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self._of_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by HTMLParser."""
        self._of_style = tag == "style"
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name == "style":
                self.loaded.update(addresses_of(value or ""))
            elif tag == "a" and name == "href":
                self.links.add(value or "")
            elif name in LOADED or name == "href":
                self.loaded.add(value or "")

    def handle_data(self, data: str) -> None:
        """Called by HTMLParser."""
        if self._of_style:
            self.loaded.update(addresses_of(data))


def addresses_of(style: str) -> set[str]:
    """What a style sheet loads."""
    found = re.findall(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", style)
    return {one or other for one, other in found}


def faults(site: Path) -> Iterator[str]:
    """What is wrong with the site in a folder, one line each."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    reached = {site / "index.html"}
    left = list(reached)
    while left:
        path = left.pop()
        for link in sorted(pages[path].links | pages[path].loaded):
            target, fault = _followed(site, pages, path, link)
            if fault:
                yield f"{path.relative_to(site)}: {fault}"
            if target in pages and target not in reached:
                reached.add(target)
                left.append(target)
    for path in sorted(set(pages) - reached):
        yield f"{path.relative_to(site)}: no page leads to it"
    for path in sorted(site.rglob("*.css")):
        for address in sorted(addresses_of(path.read_text(encoding="utf-8"))):
            if ELSEWHERE.match(address):
                yield f"{path.relative_to(site)}: loads {address}"


def _followed(site: Path, pages: dict[Path, _Page], page: Path, link: str) -> tuple[Path, str]:
    """The file that a link of a page leads to, and what is wrong with it, if anything."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        loads = link in pages[page].loaded and parts.scheme != "data"
        return site, f"loads {link}" if loads else ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file() or not target.is_relative_to(site):
        return site, f"{link} leads nowhere"
    lacking = target in pages and unquote(parts.fragment) not in {"", *pages[target].anchors}
    return target, f"{link}: there is no such place on that page" if lacking else ""
