"""`filter` on calls that have filters already: of an earlier run, or of other tools."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import run_cli
from hosts.filtered import header, write_vcf
from hosts.tranche_runs import filter_column

NAME = "CNN_1D_SNP_below_2"


def filtered(out: Path, calls: Path, *words: object) -> str:
    """What is said at the end."""
    done = run_cli("filter", calls, *words, "-o", out)
    assert done.code == 0, done.err
    return done.err


def cutoffs_line(out: Path) -> str:
    (line,) = [line for line in header(out) if line.startswith("##cnnscore_cutoffs=")]
    return line


@pytest.fixture
def once(tmp_path: Path) -> Path:
    """Filtered at 2: of the scores 0 to 4 three are kept."""
    calls = write_vcf(tmp_path / "calls.vcf", [("A", "G", score) for score in range(5)])
    filtered(tmp_path / "once.vcf", calls, "--threshold", "SNP=2")
    return tmp_path / "once.vcf"


def test_what_stays_failed_is_not_kept(once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    known = write_vcf(tmp_path / "known.vcf", [("A", "G", score) for score in range(5)])
    said = filtered(out, once, "--resource", known, "--snp-tranche", 75)
    assert filter_column(out).count("PASS") == 3
    assert "2 of 5 SNPs fail" in said
    assert "3 SNPs are kept" in said
    assert "from before" not in said, "what fails anew needs no second word"
    said = filtered(out, once, "--threshold", "SNP=1")
    assert filter_column(out) == ["CNN_1D_SNP_below_1;" + NAME, NAME, "PASS", "PASS", "PASS"]
    assert "1 of 5 SNPs fail" in said
    assert "1 SNP more reaches the cut-offs, with filters from before" in said
    assert "earlier run: --invalidate-previous-filters drops these, and 4 SNPs are kept" in said
    for more in ("--invalidate-previous-filters", "--soft"):
        said = filtered(out, once, "--threshold", "SNP=1", more)
        assert "from before" not in said


def test_the_header_keeps_the_cutoffs_that_failed_them(once: Path, tmp_path: Path) -> None:
    second, third = tmp_path / "2.vcf", tmp_path / "3.vcf"
    assert "Earlier" not in cutoffs_line(once)
    assert "or not judged, and no filter from before" in cutoffs_line(once)
    filtered(second, once, "--threshold", "SNP=1")
    assert 'SNP="1:1.000",Earlier="--threshold SNP 2:2.000",Pass=' in cutoffs_line(second)
    filtered(third, second, "--threshold", "SNP=0")
    assert 'Earlier="--threshold SNP 1:1.000; --threshold SNP 2:2.000"' in cutoffs_line(third)
    filtered(third, second, "--threshold", "SNP=1")
    assert 'SNP="1:1.000",Earlier="--threshold SNP 2:2.000",Pass=' in cutoffs_line(third)
    filtered(third, second, "--threshold", "SNP=0", "--invalidate-previous-filters")
    assert "Earlier" not in cutoffs_line(third)
    assert "from before" not in cutoffs_line(third)


def test_stricter_choices_count_what_would_pass(tmp_path: Path) -> None:
    """Of the records that no filter from before fails."""
    rows = [("A", "G", score) for score in range(100)]
    calls, once = write_vcf(tmp_path / "calls.vcf", rows), tmp_path / "once.vcf"
    filtered(once, calls, "--threshold", "SNP=40")
    words = ("--resource", calls, "--snp-tranche", 98)
    said = filtered(tmp_path / "out.vcf", once, *words)
    assert f"{filter_column(tmp_path / 'out.vcf').count('PASS')} SNPs are kept" in said
    (choices,) = re.findall(r"; stricter: (\d+) at (\S+) \(95\), (\d+) at (\S+) \(90\)", said)
    kept, counted = choices[0::2], choices[1::2]
    for n, cut in zip(kept, counted, strict=True):
        assert int(n) == sum(score > max(float(cut), 39) for _, _, score in rows)
