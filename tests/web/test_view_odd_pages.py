"""The page of `cnnscore view` in Chromium: odd input, size, speed and looks."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pysam
import pytest

from conftest import run_cli
from web.conftest import OpenPage
from web.view_pages import CALLS, READS, ViewPages, frame, picture, ready, write

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&amp;"
MOST_BYTES, MOST_MS = 20_000_000, 2000


# ---- odd input ----


def test_every_edge_is_drawn(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["edge"]))
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


def test_sites_without_reads_say_so(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["edge"]))
    page.fill("#search", "depth<1")
    assert page.locator("#list .item").count()
    page.press("#search", "Enter")
    page.wait_for_selector("#empty:visible, #panel:has-text('none')")
    frame(page)
    assert "0 reads" in page.locator("#heading").inner_text()


def test_a_network_without_reads(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["reference"]))
    assert page.locator(".chip").count() == 4
    assert page.locator("#context").is_hidden()
    together = picture(page)
    page.keyboard.press("]")
    assert picture(page) != together
    page.keyboard.press("a")
    page.keyboard.press("e")
    assert picture(page) != together
    page = ready(open_page(view_pages["beside"]))
    assert page.locator(".chip").count() == 15
    assert "looks at none" in page.inner_text("#context")
    page.keyboard.press("r")
    assert page.locator("#context").is_hidden()
    assert page.locator(".chip").count() == 4
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


def test_200_sites_open_at_once(view_pages: ViewPages, open_page: OpenPage) -> None:
    """Under 2 s from the request to the first site drawn, under 20 MB."""
    assert view_pages["many"].stat().st_size < MOST_BYTES
    took = []
    for _ in range(20):  # the best: others may be at work on this machine
        page = ready(open_page(view_pages["many"]))
        assert page.locator("#list .item").count() == 200
        page.wait_for_function("() => window.cnnscore.state.opened_ms")
        took.append(page.evaluate("() => window.cnnscore.state.opened_ms"))
        if took[-1] < MOST_MS:
            break
    assert min(took) < MOST_MS, took


def test_deep_sites_stay_small(view_pages: ViewPages, open_page: OpenPage) -> None:
    page = ready(open_page(view_pages["deep"]))
    sites = page.locator("#list .item").count()
    depth = page.evaluate("() => Math.max(...window.cnnscore.SITES.map(s => s.depth))")
    assert depth == 128
    assert view_pages["deep"].stat().st_size / sites * 200 < MOST_BYTES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_windows_of_any_size(view_pages: ViewPages, open_page: OpenPage, scheme: str) -> None:
    page = ready(open_page(view_pages["default"], scheme=scheme))
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) > 3 * 128
    assert light == (scheme == "light")
    for width in (360, 390, 800, 1280, 1400, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in ("inputs", "reads"):
            page.click(f"[data-tab={tab}]")
            png = base64.b64decode(picture(page).split(",")[1])
            assert len(png) > 2000
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width


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
