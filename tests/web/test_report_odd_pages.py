"""The page of `cnnscore evaluate`, in Chromium, of calls that are odd: awkward scores and alleles,
breakends, one type alone, names of evil files.
"""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from conftest import run_cli
from web.conftest import OpenPage
from web.report_pages import kept_by_the_command, readout, ready, slide


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
