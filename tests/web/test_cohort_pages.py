"""Cohorts in Chromium: the carriers of a site in the viewer, the samples in the report."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli
from hosts.cohorts import none, rows, same, write_cohort, write_map
from web import report_pages
from web.conftest import OpenPage
from web.view_pages import REF, go, picture, ready, site_of


def cohort(folder: Path, carriers: int) -> tuple[Path, Path]:
    """Scored calls of two sites, which so many samples carry and one does not; the table."""
    names = [f"sample{i:02}" for i in range(carriers)]
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as source:
        head = source.header.to_dict()
        head["RG"] = [{**head["RG"][0], "ID": name, "SM": name} for name in [*names, "other"]]
        with pysam.AlignmentFile(str(folder / "all.bam"), "wb", header=head) as target:
            for i, read in enumerate(source.fetch("synA", 0, 2000)):
                read.set_tag("RG", names[i % min(carriers, 5)])
                target.write(read)
                for name in names[5:]:
                    if i % 5 == int(name[-1]) % 5:
                        read.set_tag("RG", name)
                        target.write(read)
    pysam.index(str(folder / "all.bam"))
    columns = {**dict.fromkeys(names, same), "other": none}
    calls = write_cohort(folder / "calls.vcf", rows(2), columns)
    table = write_map(folder / "map.tsv", *((name, folder / "all.bam", 9) for name in names))
    scored = folder / "scored.vcf"
    run = run_cli("score", calls, "-R", REF, "--sample-map", table, "-o", scored, "--quiet")
    assert run.code == 0, run.err
    return scored, table


@pytest.mark.parametrize("carriers", [3, 20])
def test_the_carriers_of_a_site(carriers: int, tmp_path: Path, open_page: OpenPage) -> None:
    """One after the other, each under its name, with its reads and its score."""
    scored, table = cohort(tmp_path, carriers)
    out = tmp_path / "view.html"
    words = ("view", scored, "-R", REF, "--sample-map", table, "--sites", 2, "-o", out, "--quiet")
    done = run_cli(*words)
    assert done.code == 0, done.err
    opened = open_page(out)
    page = ready(opened)
    assert page.locator("#list .item").count() == 2 * carriers
    with pysam.VariantFile(str(scored)) as calls:
        first = next(iter(calls))
    seen = {}
    for number in range(carriers):
        name = f"sample{number:02}"
        assert name in page.locator("#panel").inner_text()
        assert page.locator("#list .item[aria-selected=true]").is_visible()
        shown = page.locator("#list .item").nth(number).inner_text()
        assert name in shown
        score = first.samples[name]["CNN_READS"]
        assert f"{score:.2f}" in page.locator("#heading").inner_text() + shown
        seen[site_of(page), name] = picture(page)
        go(page, lambda: page.keyboard.press("j"))
    assert len(set(seen.values())) == min(carriers, 5)
    page.fill("#search", "sample02")
    assert page.locator("#list .item:visible").count() == 2


def test_the_samples_of_an_evaluation(tmp_path: Path, open_page: OpenPage) -> None:
    """Pooled and apart, as samples.tsv has them; a page of one sample has no such section."""
    names = ("A", "B", "C")
    calls = write_cohort(tmp_path / "calls.vcf", rows(), dict.fromkeys(names, same))
    head, truth = calls.read_text().splitlines(keepends=True), DATA / "truth.vcf.gz"
    head[:1] = [head[0], '##FORMAT=<ID=CNN_READS,Number=1,Type=Float,Description="s">\n']
    for i, line in enumerate(head):
        if not line.startswith("#"):
            fields = line.rstrip("\n").split("\t")
            fields[8] += ":CNN_READS"
            fields[9:] = [f"{own}:{(i * (7 + k)) % 31}.5" for k, own in enumerate(fields[9:])]
            head[i] = "\t".join(fields) + "\n"
    calls.write_text("".join(head))
    table = tmp_path / "truths.tsv"
    table.write_text("".join(f"{name}\t{truth}\n" for name in names))
    folder = tmp_path / "evaluation"
    words = ("evaluate", calls, "--truth-map", table, "-R", REF, "-o", folder)
    done = run_cli(*words, "--score=FORMAT/CNN_READS")
    assert done.code == 0, done.err
    again = tmp_path / "again.html"
    done = run_cli("report", folder, "-o", again)
    assert done.code == 0, done.err
    for file in (folder / "report.html", again):
        page = report_pages.ready(open_page(file)).page
        for kind, button in (("SNP", "SNPs"), ("INDEL", "Indels")):
            page.get_by_role("button", name=button, exact=True).click()
            shown = [
                row.inner_text().split()
                for row in page.locator("#samples tbody tr").all()
                if row.is_visible()
            ]
            assert [row[0] for row in shown] == ["All", *names]
            told = [
                dict(zip(line[0], row, strict=True))
                for line in [_table(folder / "samples.tsv")]
                for row in line[1:]
            ]
            own = [row for row in told if row["type"] == kind]
            assert [row[2:5] for row in shown[1:]] == [
                [row["true"], row["false"], row["missed"]] for row in own
            ]
            for row, of in zip(shown[1:], own, strict=True):
                assert f"{float(of['roc_auc']):.4f}" in row
            for column in (2, 3, 4):
                assert int(shown[0][column]) == sum(int(row[column]) for row in shown[1:])
        assert page.locator("nav a[href='#samples']").count() == 1
    one = tmp_path / "one"
    done = run_cli(
        *("evaluate", calls, "--truth", truth, "--sample", "A", "-R", REF, "-o", one),
        "--score=FORMAT/CNN_READS",
    )
    assert done.code == 0, done.err
    page = report_pages.ready(open_page(one / "report.html")).page
    assert page.locator("#samples").count() == 0


def _table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]
