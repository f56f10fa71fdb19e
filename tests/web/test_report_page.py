"""The page of `cnnscore evaluate`, in Chromium: every control, and what it then shows.

open_page sees to it that no page says anything on the console or asks for anything but itself.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from conftest import run_cli
from web.conftest import Opened, OpenPage
from web.report_pages import compared, kept_by_the_command, readout, ready, result

SCORES = ("QUAL", "QD", "-FS")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """HaplotypeCaller's calls on simulated reads, 294 of them."""
    folder = tmp_path_factory.mktemp("report") / "evaluation"
    done = run_cli(
        "evaluate", data / "calls.vcf.gz", "--truth", data / "truth.vcf.gz", "-R", data / "ref.fa",
        *(f"--score={name}" for name in SCORES), "--viewer", "../my view.html",
        "-o", folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def shared_page(open_page_once: OpenPage, evaluation: Path) -> Opened:
    return ready(open_page_once(evaluation / "report.html"))


@pytest.fixture
def opened(shared_page: Opened) -> Opened:
    """The page, opened once for all tests, at SNPs and QUAL."""
    shared_page.page.bring_to_front()  # one that another hides draws nothing, and no click arrives
    shared_page.page.get_by_role("button", name="SNPs", exact=True).click()
    shared_page.page.select_option("#score", "QUAL")
    return shared_page


def test_no_button_sends_anything_away(opened: Opened) -> None:
    """Of the buttons over each chart: Plotly's own list has one that shares it in their cloud."""
    titles = opened.page.evaluate(
        "() => [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)"
    )
    assert "Save as PNG" in titles
    assert {str(title) for title in titles} <= {
        *("Download plot", "Download plot as a PNG", "Download plot as SVG", "Save as PNG"),
        *("Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"),
    }
    policy = opened.page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    for rule in ("default-src 'none'", "connect-src 'none'", "form-action 'none'"):
        assert rule in str(policy)


def traces(opened: Opened, chart: str) -> list[dict[str, Any]]:
    script = """id => document.getElementById(id).data.map(t => ({
        name: t.name ?? null, x: [...(t.x ?? [])], y: [...(t.y ?? [])], mode: t.mode ?? t.type}))"""
    return list(opened.page.evaluate(script, chart))


def marker(opened: Opened, chart: str) -> tuple[float, float]:
    found = next(t for t in traces(opened, chart) if t["mode"] == "markers")
    return found["x"][0], found["y"][0]


def test_types_change_cards_tables_and_curves(opened: Opened, evaluation: Path) -> None:
    page = opened.page
    found = result(evaluation)
    for name, kind in (("Indels", "INDEL"), ("Both", "ALL"), ("SNPs", "SNP")):
        page.get_by_role("button", name=name, exact=True).click()
        counts = found["counts"][0]["types"][kind]
        card = page.locator(".card:visible")
        assert card.count() == 1
        assert f"{counts['true']:,} true calls" in card.inner_text().replace("\n", " ")
        rows = page.locator("#figures tbody tr:visible")
        assert rows.count() == 3
        auc = next(s for s in found["scores"] if s["type"] == kind)["metrics"]["roc_auc"]["value"]
        assert f"{auc:.4f}" in rows.first.inner_text()
        lines = [t for t in traces(opened, "roc") if t["name"]]
        assert lines[0]["name"] == f"QUAL ({auc:.3f})"
        assert len(lines) == 3
        area = sum(
            (b - a) * (d + c) / 2
            for a, b, c, d in zip(
                lines[0]["x"][:-1], lines[0]["x"][1:], lines[0]["y"][:-1], lines[0]["y"][1:],
                strict=True,
            )
        )  # fmt: skip
        assert area == pytest.approx(auc, abs=1e-6)


def test_a_chosen_score_is_chosen_everywhere(opened: Opened) -> None:
    page = opened.page
    page.select_option("#score", "QD")
    assert page.eval_on_selector_all(".same-score", "all => all.map(s => s.value)") == ["QD", "QD"]
    assert page.evaluate("document.getElementById('histogram').layout.xaxis.title.text") == "QD"
    page.locator(".same-score").last.select_option("QUAL")
    assert page.input_value("#score") == "QUAL"
    assert "phred" in page.inner_text("#calibration-title")
    page.locator(".same-score").first.select_option("-FS")
    assert "no probability" in page.inner_text("#calibration-title")
    assert page.inner_text("#command") == ""
    assert page.is_hidden("#copy")
    assert "QUAL, or an INFO key" in page.inner_text("#command-note")


def test_the_slider_moves_readout_marks_and_command(opened: Opened) -> None:
    page = opened.page
    page.select_option("#score", "QD")
    before = page.inner_text("#command")
    slider = page.locator("#slider-SNP")
    for key, recall in (("End", None), ("Home", 1.0)):
        slider.focus()
        page.keyboard.press(key)
        here = marker(opened, "pr")
        text = page.inner_text("#readout-SNP")
        assert f"{100 * here[0]:.2f} %" in text
        assert f"{100 * here[1]:.2f} %" in text
        assert marker(opened, "roc")[1] == here[0]
        if recall is not None:
            assert here[0] == recall
    assert page.inner_text("#command") != before
    tranche = page.locator("#tranches-SNP tr[data-index]").first
    tranche.click()
    assert "chosen" in (tranche.get_attribute("class") or "")
    cells = tranche.locator("td").all_inner_texts()
    assert f"recall: {cells[2]} true" in page.inner_text("#readout-SNP")
    page.locator("#tranches-INDEL tr[data-index]").nth(1).press("Enter")
    assert "chosen" in (
        page.locator("#tranches-INDEL tr[data-index]").nth(1).get_attribute("class") or ""
    )


@pytest.mark.parametrize("score", ["QUAL", "QD"])
def test_the_printed_command_keeps_what_the_page_says(
    opened: Opened, evaluation: Path, data: Path, tmp_path: Path, score: str
) -> None:
    page = opened.page
    page.select_option("#score", score)
    for kind in ("SNP", "INDEL"):
        page.locator(f"#tranches-{kind} tr[data-index]").nth(2).click()
    assert page.inner_text("#command")
    calls = compared(evaluation)
    kept = kept_by_the_command(opened, calls, data / "calls.vcf.gz", tmp_path / "f.vcf.gz")
    assert kept == readout(opened)


def test_copy(opened: Opened) -> None:
    page = opened.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    # Not wait_for_function: it evaluates strings, which the page's policy forbids.
    expect(page.locator("#copy")).not_to_have_text("Copy")
    if page.inner_text("#copy") == "Copied":
        assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#command")


def test_log_counts(opened: Opened) -> None:
    page = opened.page
    axis = "document.getElementById('histogram').layout.yaxis.type"
    assert page.evaluate(axis) == "log"
    page.uncheck("#log")
    assert page.evaluate(axis) == "linear"
    found = traces(opened, "histogram")
    assert [t["name"] for t in found] == ["true calls", "false calls"]


def test_strata(opened: Opened, evaluation: Path) -> None:
    page = opened.page
    rows = result(evaluation)["strata"]
    for by in ("genotype", "depth", "allele length", "sequence"):
        page.select_option("#by", by)
        expected = list(
            dict.fromkeys(r["stratum"] for r in rows if (r["by"], r["type"]) == (by, "SNP"))
        )
        assert page.locator("#strata-table tbody th").all_inner_texts() == expected
    page.select_option("#by", "genotype")
    page.select_option("#stratum-metric", "best_f1")
    row = next(r for r in rows if (r["by"], r["type"], r["name"]) == ("genotype", "SNP", "QUAL"))
    assert f"{row['best_f1']:.4f}" in page.inner_text("#strata-table tbody tr")


def test_differences(opened: Opened, evaluation: Path) -> None:
    page = opened.page
    rows = [r for r in result(evaluation)["differences"] if r["type"] == "SNP"]
    for metric in ("average_precision", "best_f1", "recall_at_precision_95", "roc_auc"):
        page.select_option("#difference-metric", metric)
        found = traces(opened, "differences-chart")[0]
        assert found["x"] == [r["value"] for r in rows if r["metric"] == metric]
    assert found["y"] == [f"{a} \N{MINUS SIGN} {b}" for a, b in combinations(SCORES, 2)]


def test_mistakes_link_into_the_viewer(opened: Opened, evaluation: Path) -> None:
    page = opened.page
    page.select_option("#score", "QD")
    score = next(s for s in result(evaluation)["scores"] if (s["name"], s["type"]) == ("QD", "SNP"))
    links = page.locator("#false-calls a")
    assert links.count() == min(20, len(score["mistakes"]["false"]))
    first = links.first.get_attribute("href") or ""
    assert first == "../my view.html#" + score["mistakes"]["false"][0]["site"]
    lowest = page.locator("#true-calls tbody tr").first.inner_text()
    assert f"{score['mistakes']['true'][0]['score']:.5g}"[:5] in lowest


def test_theme(open_page: OpenPage, evaluation: Path) -> None:
    dark = ready(open_page(evaluation / "report.html", scheme="dark"))
    ground = "getComputedStyle(document.body).backgroundColor"
    first = dark.page.evaluate(ground)
    dark.page.click("#theme")
    second = dark.page.evaluate(ground)
    assert (first, second) == ("rgb(19, 21, 25)", "rgb(246, 244, 241)")
    font = dark.page.evaluate("document.getElementById('roc').layout.font.color")
    assert font == "#1d1b19"


def test_charts_are_saved_as_svg_and_png(opened: Opened) -> None:
    page = opened.page
    for title, start in (("Download plot", b"<svg"), ("Save as PNG", b"\x89PNG")):
        page.hover("#roc")
        with page.expect_download() as download:
            page.locator(f'#roc [data-title^="{title}"]').click()
        path = download.value.path()
        assert path.read_bytes().startswith(start)
    # The pictures are made of data: and blob: addresses, which never leave the page.
    opened.requests[:] = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]


def test_hover_tells_the_threshold(opened: Opened) -> None:
    page = opened.page
    # Where a point of the first curve is drawn, in the window.
    x, y = page.evaluate("""() => {
        const div = document.getElementById("pr");
        div.scrollIntoView({ block: "center", behavior: "instant" });
        const { xaxis, yaxis } = div._fullLayout;
        const { x, y } = div.data[0];
        const i = Math.floor(x.length / 2);
        const box = div.getBoundingClientRect();
        return [box.x + xaxis._offset + xaxis.c2p(x[i]), box.y + yaxis._offset + yaxis.c2p(y[i])];
    }""")
    page.mouse.move(x - 40, y + 40)
    page.mouse.move(x, y, steps=5)
    page.wait_for_selector("#pr .hoverlayer .hovertext")
    assert "score ≥" in (page.locator("#pr .hoverlayer").text_content() or "")


def test_nothing_is_wider_than_the_window(opened: Opened) -> None:
    for width in (390, 1000, 1400):
        resize(opened, width)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def resize(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 900})
    opened.page.wait_for_function(
        "width => document.getElementById('roc')._fullLayout.width < width"
        " && document.getElementById('roc')._fullLayout.width > .3 * width",
        arg=width,
    )


def box(opened: Opened, selector: str) -> dict[str, float]:
    found: dict[str, float] = opened.page.evaluate(
        "selector => document.querySelector(selector).getBoundingClientRect().toJSON()", selector
    )
    return found


# In one look, once Plotly has drawn again: the page may still scroll.
BUTTONS_STAND_OFF = """chart => {
  const box = part => document.querySelector(`${chart} ${part}`).getBoundingClientRect();
  return box(".modebar").height > 0 && box(".modebar").bottom <= box(".nsewdrag").top + 1;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(opened: Opened, scheme: str) -> None:
    """The section menu stays, buttons stand off the curves, wide tables show that they scroll."""
    page = opened.page
    if page.evaluate("document.documentElement.dataset.theme") != scheme:
        page.click("#theme")
    resize(opened, 390)
    page.locator("nav a[href='#provenance']").scroll_into_view_if_needed()
    page.click("nav a[href='#provenance']")
    page.wait_for_function("() => scrollY > 1000")
    page.evaluate("() => document.getElementById('roc').scrollIntoView({ behavior: 'instant' })")
    assert page.evaluate("() => scrollY") > 300
    menu = box(opened, "nav")
    assert menu["top"] == 0
    assert menu["bottom"] < 50
    for chart in ("roc", "pr", "histogram", "calibration", "strata-chart", "differences-chart"):
        page.wait_for_function(BUTTONS_STAND_OFF, arg=f"#{chart}")
    for table in (".scroll:has(table)", ".slider"):
        style = page.evaluate(
            "selector => getComputedStyle(document.querySelector(selector)).backgroundImage", table
        )
        assert "radial-gradient" in style
    wide = page.evaluate(
        "() => { const b = document.querySelector('#figures .scroll'); b.scrollLeft = 1e6;"
        " return [b.scrollWidth > b.clientWidth, b.scrollLeft > 0]; }"
    )
    assert wide == [True, True]
    resize(opened, 1400)
    if scheme == "dark":
        page.click("#theme")


def test_size(evaluation: Path) -> None:
    assert (evaluation / "report.html").stat().st_size < 3_000_000
