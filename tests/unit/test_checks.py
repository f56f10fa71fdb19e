"""What every door checks (native/records/checks.c), on the vectors that Java meets too."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnscore.calls.records import Calls, check_info_key, is_bed
from cnnscore.calls.windows import ReadCounts, ReaderOptions, WindowReader
from cnnscore.description import Description
from cnnscore.errors import BadInput, UsageError
from cnnscore.network.cutoffs import cutoffs_text
from cnnscore.network.provenance import read_model_lines
from cnnscore.version import __version__
from conftest import DATA
from hosts.twins import VECTORS


def trio(folder: Path) -> Path:
    path = folder / "trio.vcf"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tchild\tmother\tfather"
    path.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=synA,length=40000>\n"
        '##INFO=<ID=CNN_2D,Number=1,Type=Float,Description="x">\n' + columns + "\n"
    )
    return path


@pytest.mark.parametrize("vector", VECTORS["info_key"], ids=lambda vector: vector["key"])
def test_info_keys(vector: dict[str, object]) -> None:
    key = str(vector["key"])
    if vector["good"]:
        check_info_key(key)
        return
    with pytest.raises(UsageError) as caught:
        check_info_key(key)
    assert str(caught.value) == (
        f"'{key}' cannot be an INFO key: letters, digits, _ and . make one"
    )


def description(vector: dict[str, str]) -> Description:
    return Description(
        model=vector["model"],
        encoding="gatk-reference",
        info_key=vector["key"],
        info_description="What it is",
        provider="cpu",
        window=128,
        read_limit=0,
        read_rule="none",
        reference_left=64,
        reference_width=192,
        sites_per_job=512,
        annotations=(),
        network=vector["network"],
        cutoffs=vector["cutoffs"],
        precision=vector["precision"],
    )


@pytest.mark.parametrize("vector", VECTORS["model_line"], ids=lambda vector: vector["model"])
def test_lines_of_scores(vector: dict[str, str], tmp_path: Path) -> None:
    calls = Calls(str(trio(tmp_path)))
    calls.add_score(vector["key"], description(vector), per_allele=True)
    header = calls.header()
    line = vector["line"].replace("VERSION", __version__)
    assert [text for text in header if text.startswith("##cnnscore_model")] == [line]
    key = vector["key"]
    wanted = f'##INFO=<ID={key},Number=A,Type=Float,Description="What it is">'
    assert [text for text in header if f"ID={key},N" in text and "INFO" in text] == [wanted]
    found = read_model_lines(header)[key]
    assert found.model == vector["model"]
    of_calls, _, of_sites = vector["cutoffs"].partition(";CNN_SITE;")
    assert cutoffs_text(found.cutoffs, found.bare_cutoffs) == of_calls

    cohort = Calls(str(trio(tmp_path)))
    cohort.add_cohort_scores(("CNN_1", "CNN_SITE", "CNN_N"), description(vector))
    carriers, sites = (
        text for text in cohort.header() if text.startswith("##cnnscore_model=<ID=CNN_")
    )
    assert carriers == line.replace(f"<ID={key},", "<ID=CNN_1,")
    assert sites == vector["site_line"].replace("VERSION", __version__)
    found = read_model_lines(cohort.header())["CNN_SITE"]
    assert cutoffs_text(found.cutoffs, found.bare_cutoffs) == of_sites


def test_samples(tmp_path: Path) -> None:
    path = trio(tmp_path)
    calls = Calls(str(path))
    calls.check_sample("mother", needs_one=True)
    calls.check_sample(None)
    with pytest.raises(BadInput) as caught:
        calls.check_sample("uncle")
    assert str(caught.value) == (
        f"{path} has no sample uncle: `bcftools query -l` lists those it has"
    )
    with pytest.raises(BadInput) as caught:
        calls.check_sample(None, needs_one=True)
    several = f"{path} has 3 samples: name the one whose reads these are with `sample=`"
    assert str(caught.value) == several
    once = "a network without reads scores each record once for all"
    assert calls.samples_warning(None) == f"{several}; {once}"
    assert calls.samples_warning("child") is None
    single = Calls(str(DATA / "calls.vcf.gz"))
    single.check_sample(None, needs_one=True)
    assert single.samples_warning(None) is None


def test_keys_that_are_there_already(tmp_path: Path) -> None:
    path = trio(tmp_path)
    calls = Calls(str(path), name="-")
    calls.check_key("CNN_1D")
    calls.check_key("CNN_2D", overwrite=True)
    with pytest.raises(BadInput) as caught:
        calls.check_key("CNN_2D")
    assert str(caught.value) == (
        "- has INFO/CNN_2D already: replace it with `overwrite=`, or write another with `info_key=`"
    )


def test_read_groups() -> None:
    remedy = "give the reads one with `samtools addreplacerg -r ID:1 -r SM:NAME`"
    paths = str(DATA / "reads.bam"), str(DATA / "deep.bam")
    options = ReaderOptions(str(DATA / "ref.fa"), paths, read_rule="gatk", read_limit=4)
    all_bare = ReadCounts(reads=9, no_read_group=9)
    with WindowReader(options) as reader:
        reader.check_read_groups(ReadCounts(reads=9, no_read_group=8), "gatk-2d")
        reader.check_read_groups(all_bare, "gatk-2d", enough=10)
        reader.check_read_groups(ReadCounts(), "gatk-2d")
        with pytest.raises(BadInput) as caught:
            reader.check_read_groups(all_bare, "gatk-2d", enough=9)
        drops = f"no read of {', '.join(paths)} has a read group, and"
        assert str(caught.value) == f"{drops} gatk-2d drops such reads, as GATK does: {remedy}"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.bed", "", True),
        ("x.bed.gz", "", True),
        ("x", "chr1\t1\t2\n", True),
        ("x", "chr1\t1\t2\tname\n", True),
        ("x", "chr1\t1\t2", True),
        ("x", ">chr1 a sequence\nACGT\n", False),
        ("x", "chr1\t1\n", False),
        ("x", "chr1\t1\t2x\n", False),
        ("x", "chr1 1 2\n", False),
        ("x", "", False),
    ],
)
def test_bed(name: str, text: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert is_bed(str(tmp_path / name)) == expected


def test_a_file_that_is_not_there_is_no_bed(tmp_path: Path) -> None:
    assert not is_bed(str(tmp_path / "none"))
