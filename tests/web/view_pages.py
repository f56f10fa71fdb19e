"""Pages of `cnnscore view`, made when a test first asks for them, and what tests do with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from conftest import DATA, run_cli
from web.conftest import Opened

CALLS, REF, READS = (str(DATA / name) for name in ("calls.vcf.gz", "ref.fa", "reads.bam"))


def write(output: Path, *arguments: object) -> Path:
    done = run_cli("view", *arguments, "-R", REF, "-o", output, "--quiet")
    assert (done.code, done.err) == (0, "")
    return output


class ViewPages:
    """By name: "reads" (60 sites with labels), "reference" (no reads), "beside" (the same with
    reads), "default" (the bundled network), "edge", "many" (200 sites), "deep"."""

    def __init__(self, folder: Path, tiny: dict[str, str]) -> None:
        reads = ("-I", READS, "-m", tiny["reads"])
        truth = ("--truth", DATA / "truth.vcf.gz")
        bare = ("--attribution", 0)
        deep = (DATA / "deep.vcf.gz", "-I", DATA / "deep.bam", "-m", tiny["reads"])
        self._folder = folder
        self._made: dict[str, Path] = {}
        self._arguments: dict[str, tuple[object, ...]] = {
            "reads": (CALLS, *reads, *truth, "--random", 60, "--attribution", 24),
            "reference": (CALLS, "-m", tiny["reference"], "--random", 20),
            "beside": (CALLS, "-m", tiny["reference"], "-I", READS, "--random", 5),
            "default": (CALLS, "-I", READS, *truth, "--worst", 4),
            "edge": (DATA / "edge.vcf.gz", *reads, *bare),
            "many": (CALLS, *reads, "--random", 200, *bare),
            "deep": (*deep, *bare),
        }

    def __getitem__(self, name: str) -> Path:
        if name not in self._made:
            self._made[name] = write(self._folder / f"{name}.html", *self._arguments[name])
        return self._made[name]


def ready(opened: Opened) -> Page:
    opened.page.wait_for_selector("body[data-site]")
    frame(opened.page)
    return opened.page


def frame(page: Page) -> None:
    """Wait until what was asked for is painted."""
    page.evaluate("() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def picture(page: Page) -> str:
    frame(page)
    return str(page.evaluate("() => document.getElementById('canvas').toDataURL()"))


def site_of(page: Page) -> str:
    frame(page)
    return str(page.evaluate("() => document.body.dataset.site"))


def go(page: Page, action: Callable[[], None]) -> str:
    """The site after an action that changes it."""
    before = site_of(page)
    action()
    page.wait_for_function("before => document.body.dataset.site !== before", arg=before)
    return site_of(page)
