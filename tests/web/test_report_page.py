"""The page of `cnnscore evaluate`, in Chromium: every control, and what it then shows.

open_page sees to it that no page says anything on the console or asks for anything but itself.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import shlex
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pysam
import pytest
from playwright.sync_api import expect

from conftest import run_cli
from web.conftest import Opened, OpenPage

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


def ready(opened: Opened) -> Opened:
    opened.page.wait_for_selector("html[data-ready]")
    return opened


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "evaluation.json").read_text()))


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


def compared(folder: Path) -> dict[str, Counter[str]]:
    """By record, CONTIG:POS:REF:ALT, how many compared calls it holds, true and false."""
    found: dict[str, Counter[str]] = {}
    with pysam.VariantFile(str(folder / "compared.vcf.gz")) as lines:
        for line in lines:
            label = {"TP": "true", "FP": "false"}.get(str(line.info["LABEL"]))
            if label:
                found.setdefault(",".join(line.info["CALL"]), Counter())[label] += 1
    return found


def kept_by_the_command(
    opened: Opened, calls: dict[str, Counter[str]], source: Path, out: Path
) -> dict[str, int]:
    """Run the printed command on `source`; how many compared calls its PASS records hold."""
    words = shlex.split(opened.page.inner_text("#command"))
    if words:
        assert words[:3] == ["cnnscore", "filter", str(source)]
        done = run_cli(*words[1 : words.index("-o")], "-o", out)
        assert done.code == 0, done.err
    kept: Counter[str] = Counter(true=0, false=0)
    with pysam.VariantFile(str(out if words else source)) as records:
        for record in records:
            if not words or record.filter.keys() in ([], ["PASS"]):
                alts = ",".join(record.alts or ())
                kept += calls[f"{record.contig}:{record.pos}:{record.ref}:{alts}"]
    return {name: kept[name] for name in ("true", "false")}


def readout(opened: Opened) -> dict[str, int]:
    """Calls kept, true and false, as the page counts them."""
    found = {"true": 0, "false": 0}
    for kind in ("SNP", "INDEL"):
        if opened.page.locator(f"#readout-{kind}").count():
            text = opened.page.inner_text(f"#readout-{kind}")
            for count, name in re.findall(r"([\d,]+) (true|false)$", text, re.MULTILINE):
                found[name] += int(count.replace(",", ""))
    return found


def slide(opened: Opened, kind: str, part: float) -> None:
    """Move a slider to a part of its way: 0 keeps most, 1 fewest."""
    opened.page.eval_on_selector(
        f"#slider-{kind}",
        """(input, part) => {
            input.value = Math.round(part * Number(input.max));
            input.dispatchEvent(new Event("input"));
        }""",
        part,
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


def changes(ref: str, alt: str) -> set[tuple[str, str, int]]:
    """What an allele changes: an MNP is its SNPs."""
    if len(ref) != len(alt):
        return {(ref, alt, 0)}
    return {(a, b, i) for i, (a, b) in enumerate(zip(ref, alt, strict=True)) if a != b}


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Counter[str]]]:
    """1,000 calls with tiny scores, scores that are missing, one per allele or infinite, records of
    a SNP and an indel, MNPs, `*`, <NON_REF> and breakends, and FILTERs of their own.
    """
    folder = tmp_path_factory.mktemp("awkward")
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=HLA:1,length=100000>\n"
        '##FILTER=<ID=low,Description="low">\n'
        '##INFO=<ID=T,Number=1,Type=Float,Description="tiny">\n'
        '##INFO=<ID=A,Number=A,Type=Float,Description="one per ALT allele">\n'
        '##INFO=<ID=P,Number=2,Type=Float,Description="a pair">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    rng = random.Random(3)
    alleles = (
        ["A\tC"] * 12 + ["A\tAT", "AG\tA", "A\tC,AT", "AG\tTC", "AG\tTC,TG", "A\tC,*"]
        + ["A\tC,<NON_REF>", "A\tC,G]HLA:1:500]", "AC\tA,TC"]
    )  # fmt: skip
    calls, truth = [header], [header]
    counts: dict[str, Counter[str]] = {}
    for i in range(1000):
        change = rng.choice(alleles)
        alts = change.partition("\t")[2].split(",")
        is_true = rng.random() < 0.7
        value = rng.gauss(3.0 if is_true else 0.0, 1.5)
        fields = [f"T={1.1416e-14 * 10**value:.7g}"] if rng.random() < 0.97 else []
        each = [f"{value + rng.gauss(0, 1):.4f}" if rng.random() < 0.9 else "." for _ in alts]
        fields += [f"A={','.join(each)}"] if rng.random() < 0.97 else []
        fields += ["P=1,2"]
        qual = rng.choice(["inf", "-inf", "."]) if i % 50 == 0 else f"{30 + 10 * value:.2f}"
        start = f"HLA:1\t{30 * i + 1}\t."
        flag = rng.choice(["PASS", ".", "low"])
        calls.append(f"{start}\t{change}\t{qual}\t{flag}\t{';'.join(fields)}\n")
        ref = change.partition("\t")[0]
        plain = [alt for alt in alts if alt.isalpha()]
        listed = plain[: rng.randint(1, len(plain))] if is_true else []
        known = set().union(*(changes(ref, alt) for alt in listed))
        right = sum(changes(ref, alt) <= known for alt in plain)
        site = f"HLA:1:{30 * i + 1}:{ref}:{','.join(alts)}"
        counts[site] = Counter(true=right, false=len(plain) - right)
        if listed:
            truth.append(f"{start}\t{ref}\t{','.join(listed)}\t.\t.\t.\n")
    (folder / "calls.vcf").write_text("".join(calls))
    (folder / "truth.vcf").write_text("".join(truth))
    done = run_cli(
        "evaluate", folder / "calls.vcf", "--truth", folder / "truth.vcf", "--score", "T",
        "--score", "A", "--score", "QUAL", "--score", "P", "-o", folder / "evaluation",
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder, counts


def test_the_command_keeps_awkward_calls_too(
    open_page: OpenPage, awkward: tuple[Path, dict[str, Counter[str]]], tmp_path: Path
) -> None:
    folder, counts = awkward
    opened = ready(open_page(folder / "evaluation" / "report.html"))
    page = opened.page
    places = [(0.0, 0.0), (0.0, 0.5), (0.02, 0.01), (0.4, 0.7), (0.9, 0.0), (1.0, 1.0)]
    for score, some in (("T", slice(None)), ("A", slice(0, None, 2)), ("QUAL", slice(1, None, 2))):
        page.select_option("#score", score)
        for snp, indel in places[some]:
            slide(opened, "SNP", snp)
            slide(opened, "INDEL", indel)
            kept = kept_by_the_command(opened, counts, folder / "calls.vcf", tmp_path / "f.vcf")
            assert kept == readout(opened), (score, snp, indel, page.inner_text("#command"))
        for i, row in enumerate(page.locator("#tranches-SNP tr[data-index]").all()[some]):
            row.click()
            true, false = (
                int(text.replace(",", "")) for text in row.locator("td").all_inner_texts()[2:4]
            )
            text = page.inner_text("#readout-SNP")
            assert (f"{true:,} true" in text, f"{false:,} false" in text) == (True, True), (i, text)
    page.select_option("#score", "P")
    assert page.inner_text("#command") == ""
    assert "one per allele" in page.inner_text("#command-note")


def test_breakends_among_mistakes_keep_their_contig(open_page: OpenPage, tmp_path: Path) -> None:
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=HLA:1:A:02,length=1000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    alts = ("T", "C,G]HLA:1:A:02:500]", "]HLA:1:A:02:700]A,C", "C,<DEL>", "C,*")
    lines = [f"HLA:1:A:02\t{10 * i}\t.\tA\t{alt}\t{i}\t.\t.\n" for i, alt in enumerate(alts, 1)]
    (tmp_path / "calls.vcf").write_text(header + "".join(lines))
    (tmp_path / "truth.vcf").write_text(header + lines[0])
    done = run_cli("evaluate", tmp_path / "calls.vcf", "--truth", tmp_path / "truth.vcf",
                   "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 0, done.err
    page = ready(open_page(tmp_path / "out" / "report.html")).page
    shown = page.locator("#false-calls a").all()
    sites = [f"HLA:1:A:02:{10 * i}:A:{alt}" for i, alt in enumerate(alts, 1)][:0:-1]
    assert [link.get_attribute("title") for link in shown] == sites
    for link, site in zip(shown, sites, strict=True):
        assert link.inner_text().startswith(f"HLA:1:A:02:{site.split(':')[4]} A→")
        # The viewer reads the whole name back.
        assert unquote((link.get_attribute("href") or "").partition("#")[2]) == site


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
    for width in (420, 1000, 1400):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.wait_for_function(
            "width => document.getElementById('roc')._fullLayout.width < width", arg=width
        )
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_one_type_and_infinite_scores(open_page: OpenPage, tmp_path: Path) -> None:
    """A page of SNPs alone, whose scores are infinite in part, opens and shows both ends."""
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=1000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    lines = [f"c\t{10 * i}\t.\tA\tC\t{q}\t.\t.\n" for i, q in enumerate(("inf", 5, 3, "-inf"), 1)]
    (tmp_path / "calls.vcf").write_text(header + "".join(lines))
    (tmp_path / "truth.vcf").write_text(header + lines[0] + lines[2])
    done = run_cli("evaluate", tmp_path / "calls.vcf", "--truth", tmp_path / "truth.vcf",
                   "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 0, done.err
    page = ready(open_page(tmp_path / "out" / "report.html")).page
    assert "Infinity" in page.inner_text("#true-calls")
    page.get_by_role("button", name="Indels", exact=True).click()
    assert "No call of this type has the score." in page.inner_text("#sliders")


def test_size(evaluation: Path) -> None:
    assert (evaluation / "report.html").stat().st_size < 3_000_000


def test_names_of_evil_files(open_page: OpenPage, tmp_path: Path, data: Path) -> None:
    """What comes from files is text on the page, never markup."""
    calls = tmp_path / "<img src=x onerror=alert(1)>.vcf"
    calls.write_bytes(gzip.decompress((data / "calls.vcf.gz").read_bytes()))
    done = run_cli(
        "evaluate", calls, data / "calls.vcf.gz", "--truth", data / "truth.vcf.gz", "--score", "QD",
        "--title", "</title><script>alert(2)</script>", "-o", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    page = ready(open_page(tmp_path / "out" / "report.html")).page
    assert page.locator("main img").count() == 0
    assert "<img src=x" in page.inner_text("#figures")
    assert page.locator("h1").inner_text() == "</title><script>alert(2)</script>"
