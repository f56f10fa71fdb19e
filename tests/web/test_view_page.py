"""The page of `cnnscore view` in Chromium: what it shows, every control and key, and its peace."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from playwright.sync_api import Page

from conftest import DATA, run_cli
from oracles.keras import read_tensor
from web.conftest import Opened, OpenPage

CALLS, REF, READS = (str(DATA / name) for name in ("calls.vcf.gz", "ref.fa", "reads.bam"))
SITE = "#synA:257:"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&amp;"
MINUS = "\N{MINUS SIGN}"
MOST_BYTES, MOST_MS = 20_000_000, 2000
KEEP = ("toggle-list", "toggle-panel")


def write(output: Path, *arguments: object) -> Path:
    done = run_cli("view", *arguments, "-R", REF, "-o", output, "--quiet")
    assert (done.code, done.err) == (0, "")
    return output


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, str]) -> dict[str, Path]:
    """Pages: "reads" (60 sites with labels), "reference" (no reads), "edge", "many" (200 sites)."""
    folder = tmp_path_factory.mktemp("pages")
    reads = ("-I", READS, "-m", tiny["reads"])
    truth = ("--truth", DATA / "truth.vcf.gz")
    bare = ("--attribution", 0)
    return {
        "reads": write(
            folder / "reads.html", CALLS, *reads, *truth, "--random", 60, "--attribution", 24
        ),
        "reference": write(
            folder / "reference.html", CALLS, "-m", tiny["reference"], "--random", 20
        ),
        "beside": write(
            folder / "beside.html", CALLS, "-m", tiny["reference"], "-I", READS, "--random", 5
        ),
        "edge": write(folder / "edge.html", DATA / "edge.vcf.gz", *reads, *bare),
        "many": write(folder / "many.html", CALLS, *reads, "--random", 200, *bare),
        "deep": write(
            folder / "deep.html",
            DATA / "deep.vcf.gz",
            "-m",
            tiny["reads"],
            "-I",
            DATA / "deep.bam",
            *bare,
        ),
    }


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


# ---- what it shows ----


def test_channels_are_those_of_the_network(pages: dict[str, Path], open_page: OpenPage) -> None:
    """Every channel of every cell in the page, against the tensor that GATK's rules make."""
    page = ready(open_page(pages["reads"]))
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


def test_the_record_and_its_score(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_labels_and_verdicts(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
    page.fill("#search", "false")
    false = page.locator("#list .item").count()
    page.fill("#search", "true")
    true = page.locator("#list .item").count()
    assert min(false, true) > 3
    assert false + true == 60
    page.press("#search", "Enter")
    frame(page)
    assert "true in the truth set" in page.locator("#panel").inner_text()


def test_hover_names_the_read(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_every_button_does_something(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"], width=1500))
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


def test_channels_by_mouse_and_keys(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_keys(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_keys_of_the_page(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_play_goes_through_channels_and_sites(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_sort_and_search(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reads"]))
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


def test_links(pages: dict[str, Path], open_page: OpenPage) -> None:
    names = ready(open_page(pages["reads"])).evaluate(
        "() => window.cnnscore.SITES.map(s => s.name)"
    )
    name = names[17]
    page = ready(open_page(pages["reads"], "#" + name))
    assert site_of(page) == name
    assert page.evaluate("() => decodeURIComponent(location.hash)") == "#" + name
    go(page, lambda: page.keyboard.press("n"))
    assert page.evaluate("() => decodeURIComponent(location.hash)") == "#" + site_of(page)
    page = ready(open_page(pages["reads"], "#" + ":".join(name.split(":")[:2])))
    assert site_of(page).split(":")[:2] == name.split(":")[:2]
    for link in ("#synA:1:A:T", "#%E0%A4%A", "#<img src=x onerror=alert(1)>"):
        page = ready(open_page(pages["reads"], link))
        assert "has no site" in page.locator("#missing").inner_text()
        assert site_of(page)


def test_symbolic_and_long_alleles_have_links(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["edge"]))
    names = page.evaluate("() => window.cnnscore.SITES.map(s => s.name)")
    odd = [name for name in names if "<" in name or "*" in name or len(name) > 200]
    assert len(odd) > 3
    for name in odd:
        page.evaluate(
            "n => { location.hash = '#' + n.split(':').map(encodeURIComponent).join(':') }", name
        )
        page.wait_for_function("name => document.body.dataset.site === name", arg=name)


# ---- odd input ----


def test_every_edge_is_drawn(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["edge"]))
    count = page.locator("#list .item").count()
    assert count == 41
    pictures = set()
    for number in range(count):
        page.evaluate("number => window.cnnscore.go(number)", number)
        page.wait_for_function(
            "n => window.cnnscore.state.site && window.cnnscore.state.number === n", arg=number
        )
        pictures.add(picture(page))
        for key in ("]", "a", "+", "0", "ArrowDown"):
            page.keyboard.press(key)
    assert len(pictures) > 20


def test_sites_without_reads_say_so(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["edge"]))
    page.fill("#search", "depth<1")
    assert page.locator("#list .item").count()
    page.press("#search", "Enter")
    page.wait_for_selector("#empty:visible, #panel:has-text('none')")
    frame(page)
    assert "0 reads" in page.locator("#heading").inner_text()


def test_a_network_without_reads(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["reference"]))
    assert page.locator(".chip").count() == 4
    assert page.locator("#context").is_hidden()
    together = picture(page)
    page.keyboard.press("]")
    assert picture(page) != together
    page.keyboard.press("a")
    page.keyboard.press("e")
    assert picture(page) != together
    page = ready(open_page(pages["beside"]))
    assert page.locator(".chip").count() == 4
    page.keyboard.press("r")
    assert page.locator("#context").is_visible()
    assert page.locator(".chip").count() == 15
    page.locator("#tabs button").first.click()
    assert page.locator("#context").is_hidden()
    assert "reads" in page.locator("#heading").inner_text()


def test_hostile_text_stays_text(tmp_path: Path, tiny: dict[str, str], open_page: OpenPage) -> None:
    """Markup in read names, INFO, ID, FILTER and sample values; unicode everywhere."""
    reads = tmp_path / "reads.bam"
    with (
        pysam.AlignmentFile(READS) as bam,
        pysam.AlignmentFile(str(reads), "wb", template=bam) as out,
    ):
        for read in bam.fetch("synA", 0, 1000):
            read.query_name = f"<img/src=x/onerror=alert(1)>&amp;{read.query_name}\"'</script>"
            out.write(read)
    pysam.index(str(reads))
    lines = []
    with pysam.VariantFile(CALLS) as calls:
        header = str(calls.header)
        for record in calls.fetch("synA", 0, 600):
            fields = str(record).rstrip("\n").split("\t")
            fields[2] = HOSTILE.replace(" ", "_").replace(";", ",")
            fields[6] = "<b>Filter</b>"
            fields[7] += f";NOTE={HOSTILE.replace(' ', '_').replace(';', ',')};ünïcode=日本語😀"
            lines.append("\t".join(fields))
    assert lines
    declared = (
        '##INFO=<ID=NOTE,Number=1,Type=String,Description="x">\n'
        '##INFO=<ID=ünïcode,Number=1,Type=String,Description="x">\n'
        '##FILTER=<ID=<b>Filter</b>,Description="x">\n#CHROM'
    )
    calls_path = tmp_path / "</title><b>日本.vcf"
    calls_path = tmp_path / "<b>日本.vcf"
    calls_path.write_text(
        header.replace("#CHROM", declared) + "\n".join(lines) + "\n", encoding="utf-8"
    )
    page_path = write(tmp_path / "page.html", calls_path, "-I", reads, "-m", tiny["reads"])
    page = ready(open_page(page_path))
    assert page.locator("#source").inner_text() == "<b>日本.vcf"
    panel = page.locator("#panel").inner_text()
    assert "日本語😀" in panel
    assert "document.title='owned'" in panel
    assert "<b>Filter</b>" in page.locator("#heading").inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "<img/src=x/onerror=alert(1)>" in page.locator("#status").inner_text()
    assert page.locator("img").count() == 0
    assert "owned" not in page.title()


# ---- size, speed, looks ----


def test_200_sites_open_at_once(pages: dict[str, Path], open_page: OpenPage) -> None:
    """Under 2 s from the request to the first site drawn, under 20 MB."""
    assert pages["many"].stat().st_size < MOST_BYTES
    took = []
    for _ in range(20):  # the best: others may be at work on this machine
        page = ready(open_page(pages["many"]))
        assert page.locator("#list .item").count() == 200
        page.wait_for_function("() => window.cnnscore.state.opened_ms")
        took.append(page.evaluate("() => window.cnnscore.state.opened_ms"))
        if took[-1] < MOST_MS:
            break
    assert min(took) < MOST_MS, took


def test_deep_sites_stay_small(pages: dict[str, Path], open_page: OpenPage) -> None:
    page = ready(open_page(pages["deep"]))
    sites = page.locator("#list .item").count()
    depth = page.evaluate("() => Math.max(...window.cnnscore.SITES.map(s => s.depth))")
    assert depth == 128
    assert pages["deep"].stat().st_size / sites * 200 < MOST_BYTES


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280, 1920])
def test_windows_of_any_size(
    pages: dict[str, Path], open_page: OpenPage, scheme: str, width: int
) -> None:
    page = ready(open_page(pages["reads"], width=width, scheme=scheme))
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) > 3 * 128
    assert light == (scheme == "light")
    png = base64.b64decode(picture(page).split(",")[1])
    assert len(png) > 2000


def test_real_reads(tmp_path: Path, shared: Path, gatk_models: Path, open_page: OpenPage) -> None:
    """200 sites of NA12878 at 52x, GATK's network: size, labels, and scores as GATK gives them."""
    data = shared / "data" / "na12878-chr20"
    page_path, reference = tmp_path / "page.html", data / "ref.20.fa.gz"
    done = run_cli(
        *("view", data / "calls.vcf.gz", "-R", reference, "-m", gatk_models / "gatk-2d.onnx"),
        *("-I", data / "NA12878_S1.20.10.0-10.1M.bam", "--random", 200, "--attribution", 0),
        *("--truth", data / "truth.HG001_v3.3.2.vcf.gz", "-o", page_path, "--quiet"),
        *("--confident", data / "confident.proxy.bed"),
    )
    assert (done.code, done.err) == (0, "")
    assert page_path.stat().st_size < MOST_BYTES
    page = ready(open_page(page_path))
    sites = page.evaluate("() => window.cnnscore.SITES")
    assert len(sites) == 200
    golden = shared / "golden" / "na12878-chr20" / "calls.cnn.vcf"
    with pysam.VariantFile(str(golden)) as records:
        scores = {f"{r.chrom}:{r.pos}:{r.ref}:{','.join(r.alts or ())}": r.info for r in records}
    for site in sites:
        assert site["score"] == pytest.approx(scores[site["name"]]["CNN_2D"], abs=2e-3)
    assert {site["label"] for site in sites} >= {0, 1}
