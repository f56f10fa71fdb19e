"""The page of `cnnscore view` in Chromium: what it shows, every control and key, and its peace."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pysam
from playwright.sync_api import Page

from oracles.keras import read_tensor
from web.conftest import OpenPage
from web.view_pages import CALLS, ViewPages, frame, go, picture, ready, site_of

MINUS = "\N{MINUS SIGN}"
KEEP = ("toggle-list", "toggle-panel")

# ---- what it shows ----


def test_channels_are_those_of_the_network(view_pages: ViewPages, open_page: OpenPage) -> None:
    """Every channel of every cell in the page, against the tensor that GATK's rules make."""
    page = ready(open_page(view_pages["reads"]))
    for number in (0, 7, 30):
        found = page.evaluate(
            """async (number) => {
              const { openSite, pileupOf } = window.cnnscore;
              const site = await openSite(number), pileup = pileupOf(site, number);
              const values = [], planes = {};
              for (let row = 0; row < pileup.rows; row++)
                for (let column = 0; column < pileup.width; column++)
                  for (const { value } of pileup.channels) values.push(value(pileup, row, column));
              for (const name of ["bases", "quals", "rows", "reference"])
                planes[name] = { data: [...site.arrays[name].data],
                  shape: site.arrays[name].shape };
              return { values, rows: pileup.rows, planes };
            }""",
            number,
        )
        planes = {
            name: np.array(plane["data"], np.uint8).reshape(plane["shape"])[None]
            for name, plane in found["planes"].items()
        }
        expected = read_tensor(limit=found["rows"], **_cut(planes, found["rows"]))[0]
        ours = np.array(found["values"]).reshape(expected.shape)
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def _cut(planes: dict[str, Any], rows: int) -> dict[str, Any]:
    return {n: plane if n == "reference" else plane[:, :rows] for n, plane in planes.items()}


def test_the_record_and_its_score(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    row = page.evaluate("() => window.cnnscore.SITES[window.cnnscore.state.number]")
    with pysam.VariantFile(CALLS) as calls:
        record = next(
            r for r in calls if (r.chrom, r.pos, r.ref) == (row["contig"], row["pos"], row["ref"])
        )
    panel = page.locator("#panel").inner_text()
    assert f"{row['score']:.3f}".replace("-", MINUS) in panel
    assert f"QUAL\n{row['qual']}" in panel.replace("\t", "\n")
    assert "real SNP" in panel
    assert "Reads by allele" in panel or "READS BY ALLELE" in panel
    assert f"{record.info['DP']}" in panel
    heading = page.locator("#heading").inner_text()
    assert f"{row['contig']}:{row['pos']:,}" in heading
    assert "read" in page.locator("#status").inner_text()


def test_labels_and_verdicts(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    page.fill("#search", "false")
    false = page.locator("#list .item").count()
    page.fill("#search", "true")
    true = page.locator("#list .item").count()
    assert min(false, true) > 3
    assert false + true == 60
    page.press("#search", "Enter")
    frame(page)
    assert "true in the truth set" in page.locator("#panel").inner_text()


def test_hover_names_the_read(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    box = page.locator("#pane").bounding_box()
    assert box
    page.mouse.move(box["x"] + 500, box["y"] + 140)
    frame(page)
    tip = page.locator("#tip").inner_text()
    names = page.evaluate(
        "() => window.cnnscore.state.site.reads.map(r => [r.name, r.mapq, r.cigar])"
    )
    name, mapq, cigar = next(read for read in names if read[0] in tip)
    assert f"MAPQ {mapq}" in tip
    assert f"CIGAR {cigar}"[:40] in tip
    assert re.search(r"flags \d+: paired", tip)
    assert name in page.locator("#status").inner_text()
    page.mouse.move(box["x"] + 500, box["y"] + 75)
    frame(page)
    assert "reference" in page.locator("#tip").inner_text()
    page.mouse.move(5, 5)
    frame(page)
    assert page.locator("#tip").is_hidden()


# ---- controls ----


def test_every_button_does_something(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"], width=1500))
    page.press("body", "+")
    state = """() => JSON.stringify([
      document.getElementById('canvas').toDataURL().length, document.body.dataset.site,
      document.body.className, document.documentElement.dataset.theme,
      [...document.querySelectorAll('[aria-pressed]')].map((b) => b.getAttribute('aria-pressed')),
      document.getElementById('help').open])"""
    buttons = page.evaluate(
        "() => [...document.querySelectorAll('button')].filter(b => b.offsetParent).map((b, i) => "
        "{ b.dataset.test = i; return [i, b.id]; })"
    )
    assert len(buttons) > 30
    for number, name in buttons:
        if name in ("all", "previous", "zoom-fit"):  # at rest they have nothing to do; below
            continue
        before = page.evaluate(state)
        button = page.locator(f"[data-test='{number}']")
        button.click()
        frame(page)
        page.wait_for_function(f"before => ({state})() !== before", arg=before)
        if (
            name in KEEP
            or name.startswith("play")
            or "chip" in (button.get_attribute("class") or "")
        ):
            button.click()
        if name == "show-help":
            page.locator("#close-help").click()
        page.keyboard.press("Escape")
    page.locator(".chip").first.click()
    before = picture(page)
    page.locator("#all").click()
    assert picture(page) != before
    page.locator("#zoom-in").click()
    before = picture(page)
    page.locator("#zoom-fit").click()
    assert picture(page) != before
    here = site_of(page)
    go(page, lambda: page.locator("#next").click())
    assert go(page, lambda: page.locator("#previous").click()) == here


def test_channels_by_mouse_and_keys(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    together = picture(page)
    seen = {together}
    chips = page.locator(".chip")
    assert chips.count() == 15
    for _ in range(15):
        page.keyboard.press("]")
        seen.add(picture(page))
        assert page.locator(".chip[aria-pressed=true]").count() == 1
    assert len(seen) > 10  # some channels are alike where all reads are
    assert page.locator("#now").inner_text() == "mapping quality / 60"
    page.keyboard.press("[")
    assert page.locator("#now").inner_text() == "second of pair"
    page.keyboard.press("a")
    assert picture(page) == together
    page.keyboard.press("1")
    assert chips.first.get_attribute("aria-pressed") == "false"
    assert picture(page) != together
    page.keyboard.press("1")
    assert picture(page) == together
    chips.nth(14).click(modifiers=["Shift"])
    assert page.locator("#single").get_attribute("aria-pressed") == "true"


def test_keys(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    press = page.keyboard.press
    order = page.evaluate(
        "() => [...document.querySelectorAll('#list .item')].map(i => +i.dataset.number)"
    )
    names = page.evaluate("() => window.cnnscore.SITES.map(s => s.name)")
    assert site_of(page) == names[order[0]]
    assert go(page, lambda: press("n")) == names[order[1]]
    assert go(page, lambda: press("j")) == names[order[2]]
    assert go(page, lambda: press("p")) == names[order[1]]
    assert go(page, lambda: press("k")) == names[order[0]]
    assert go(page, lambda: press("End")) == names[order[-1]]
    press("n")
    assert site_of(page) == names[order[-1]]
    assert go(page, lambda: press("Home")) == names[order[0]]
    plain = picture(page)
    for key in "mqev":
        press(key)
        assert picture(page) != plain, key
        press(key)
        assert picture(page) == plain, key
    press("+")
    assert picture(page) != plain
    press("0")
    press("ArrowDown")
    first = page.locator("#status").inner_text()
    press("ArrowDown")
    press("ArrowRight")
    second = page.locator("#status").inner_text()
    assert first != second
    assert "position" in second
    press("ArrowUp")
    press("ArrowLeft")
    assert page.locator("#status").inner_text() == first


def test_keys_of_the_page(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    press, here = page.keyboard.press, site_of(page)
    for key, gone in (("l", "nav"), ("d", "#panel")):
        press(key)
        assert page.locator(gone).is_hidden()
        press(key)
        assert page.locator(gone).is_visible()
    press("t")
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    press("?")
    assert page.locator("#help").is_visible()
    rows = page.locator("#keys tr").count()
    assert rows > 25
    press("n")  # the page behind the help stands still
    assert site_of(page) == here
    press("?")
    assert page.locator("#help").is_hidden()
    before = page.locator("#order").input_value()
    press("s")
    assert page.locator("#order").input_value() != before
    press("/")
    page.keyboard.type("n")
    assert page.locator("#search").input_value() == "n"
    press("Escape")
    assert page.evaluate("() => document.activeElement.tagName") == "BODY"


def test_play_goes_through_channels_and_sites(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    page.select_option("#speed", "2")
    here = site_of(page)
    page.clock.install(time=0)
    page.clock.pause_at(1000)  # from here on nothing moves, and nothing is painted, by itself
    page.keyboard.press("Space")
    seen = []
    for _ in range(15):
        seen.append(page.locator("#now").inner_text())
        page.clock.run_for(450)
    assert len(set(seen)) == 15
    page.wait_for_function("before => document.body.dataset.site !== before", arg=here)
    page.keyboard.press("Space")
    assert page.locator("#play-channels").get_attribute("aria-pressed") == "false"
    assert page.locator("#now").inner_text() == ""
    here = site_of_now(page)
    page.keyboard.press("P")
    page.clock.run_for(800)
    page.wait_for_function("before => document.body.dataset.site !== before", arg=here)
    page.keyboard.press("Escape")
    assert page.locator("#play-sites").get_attribute("aria-pressed") == "false"


def site_of_now(page: Page) -> str:
    return str(page.evaluate("() => document.body.dataset.site"))


def test_sort_and_search(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reads"]))
    shown = """() => [...document.querySelectorAll('#list .item')]
      .map((item) => window.cnnscore.SITES[item.dataset.number])"""
    page.select_option("#order", "low")
    scores = [site["score"] for site in page.evaluate(shown)]
    assert scores == sorted(scores)
    page.select_option("#order", "unsure")
    near = [abs(site["score"]) for site in page.evaluate(shown)]
    assert near == sorted(near)
    page.select_option("#order", "wrong")
    wrong = [s["score"] if s["label"] == 0 else -s["score"] for s in page.evaluate(shown)]
    assert wrong == sorted(wrong, reverse=True)
    page.select_option("#order", "position")
    page.fill("#search", "indel score<0")
    sites = page.evaluate(shown)
    assert sites
    assert all(site["kind"] == 1 and site["score"] < 0 for site in sites)
    assert page.locator("#count").inner_text() == f"{len(sites)} of 60"
    page.fill("#search", sites[0]["name"].lower())
    assert len(page.evaluate(shown)) == 1
    page.fill("#search", "nothing of the kind")
    assert "No site matches" in page.locator("#list").inner_text()
    page.fill("#search", "")
    assert len(page.evaluate(shown)) == 60
    item = page.locator("#list .item").nth(5)
    go(page, item.click)
    assert item.get_attribute("aria-selected") == "true"
    page.locator("#list").focus()
    go(page, lambda: page.keyboard.press("ArrowDown"))
    assert page.locator("#list .item").nth(6).get_attribute("aria-selected") == "true"


# ---- links ----


def test_links(view_pages: ViewPages, open_page: OpenPage) -> None:
    names = ready(open_page(view_pages["reads"])).evaluate(
        "() => window.cnnscore.SITES.map(s => s.name)"
    )
    name = names[17]
    page = ready(open_page(view_pages["reads"], "#" + name))
    assert site_of(page) == name
    assert page.evaluate("() => decodeURIComponent(location.hash)") == "#" + name
    go(page, lambda: page.keyboard.press("n"))
    assert page.evaluate("() => decodeURIComponent(location.hash)") == "#" + site_of(page)
    page = ready(open_page(view_pages["reads"], "#" + ":".join(name.split(":")[:2])))
    assert site_of(page).split(":")[:2] == name.split(":")[:2]
    for link in ("#synA:1:A:T", "#%E0%A4%A", "#<img src=x onerror=alert(1)>"):
        page = ready(open_page(view_pages["reads"], link))
        assert "has no site" in page.locator("#missing").inner_text()
        assert site_of(page)


def test_symbolic_and_long_alleles_have_links(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["edge"]))
    names = page.evaluate("() => window.cnnscore.SITES.map(s => s.name)")
    odd = [name for name in names if "<" in name or "*" in name or len(name) > 200]
    assert len(odd) > 3
    for name in odd:
        page.evaluate(
            "n => { location.hash = '#' + n.split(':').map(encodeURIComponent).join(':') }", name
        )
        page.wait_for_function("name => document.body.dataset.site === name", arg=name)
