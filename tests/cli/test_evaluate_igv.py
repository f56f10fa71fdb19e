"""`cnnscore evaluate`: the worst mistakes as a BED, and in a session of IGV."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pysam
import pytest

import cnnscore
from cnnscore.evaluate.igv import BED_NAME, CONTEXT, SESSION_NAME
from conftest import run_cli

ODD = "a b&c<d>'e\"é%20#"
COLOURS = {"FP": "213,94,0", "FN": "0,114,178"}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """An evaluation whose files all lie in a folder of an odd name, with odd names."""
    folder = tmp_path_factory.mktemp("igv") / ODD
    folder.mkdir()
    for name in ("calls.vcf.gz", "truth.vcf.gz", "ref.fa", "ref.fa.fai", "reads.bam"):
        shutil.copy(data / name, folder / f"{ODD}{name}")
    shutil.copy(data / "reads.bam.bai", folder / f"{ODD}reads.bam.bai")
    done = run_cli(
        "evaluate", folder / f"{ODD}calls.vcf.gz", "--truth", folder / f"{ODD}truth.vcf.gz",
        "-R", folder / f"{ODD}ref.fa", "-I", folder / f"{ODD}reads.bam", "--score", "QUAL",
        "--score", "QD", "--quiet", "-o", folder / "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder / "out"


def worst(folder: Path) -> dict[tuple[str, int, str, str, str], list[str]]:
    """By contig, position, alleles and label of each listed mistake, its scores; in order."""
    result = json.loads((folder / "evaluation.json").read_text())
    found: dict[tuple[str, int, str, str, str], list[str]] = {}
    for score in result["scores"]:
        for kind, label in (("false", "FP"), ("true", "FN")):
            for one in score["mistakes"][kind] if score["type"] != "ALL" else ():
                key = (one["contig"], int(one["pos"]), one["ref"], one["alt"], label)
                found.setdefault(key, []).append(f"{score['name']}={float(one['score']):.4g}")
    return found


def rows_of(bed: Path) -> list[list[str]]:
    track, *lines = bed.read_text().splitlines()
    assert track == 'track name="worst mistakes" itemRgb="On"'
    return [line.split("\t") for line in lines]


def test_the_bed_has_each_mistake_once(evaluation: Path, data: Path) -> None:
    rows = rows_of(evaluation / BED_NAME)
    listed = worst(evaluation)
    assert len(rows) == len(listed) > 20
    assert rows == sorted(rows, key=lambda row: (row[0], int(row[1])))
    checked = 0
    by_span = {(row[0], int(row[1]) + 1, row[3]): row for row in rows}
    with pysam.FastaFile(str(data / "ref.fa")) as fasta:
        for (contig, pos, ref, alt, label), scores in listed.items():
            name = ";".join([label, f"{ref}>{alt}", *scores])
            if len(ref) > 24 or len(alt) > 24:  # cut short in the name
                continue
            row = by_span[contig, pos, name]
            assert len(row) == 9
            assert row[6:] == [row[1], row[2], COLOURS[label]]
            assert fasta.fetch(contig, int(row[1]), int(row[2])).upper() == ref
            checked += 1
    assert checked > 20
    assert {row[3][:2] for row in rows} == {"FP", "FN"}
    assert not any(" " in row[3] for row in rows)


def resources(session: Path) -> dict[str, ElementTree.Element]:
    root = ElementTree.parse(session).getroot()
    return {element.get("path", ""): element for element in root.iter("Resource")}


def test_the_session_names_every_file(evaluation: Path) -> None:
    root = ElementTree.parse(evaluation / SESSION_NAME).getroot()
    assert root.tag == "Session"
    assert root.get("version") == "8"
    paths = [element.get("path", "") for element in root.iter("Resource")]
    beside = (f"../{ODD}{name}" for name in ("calls.vcf.gz", "truth.vcf.gz", "reads.bam"))
    assert paths == [BED_NAME, "compared.vcf.gz", *beside]
    assert root.get("genome") == f"../{ODD}ref.fa"
    for path in (*paths, str(root.get("genome"))):
        assert (evaluation / path).exists(), path
    assert resources(evaluation / SESSION_NAME)[paths[-1]].get("type") == "bam"


def test_the_session_opens_at_the_worst_with_its_context(evaluation: Path) -> None:
    root = ElementTree.parse(evaluation / SESSION_NAME).getroot()
    listed = worst(evaluation)
    regions = list(root.iter("Region"))
    assert len(regions) == len(listed)
    for region, ((contig, pos, ref, _, label), scores) in zip(regions, listed.items(), strict=True):
        assert region.get("chromosome") == contig
        assert region.get("start") == str(max(pos - 1 - CONTEXT, 0))
        assert region.get("end") == str(pos - 1 + len(ref) + CONTEXT)
        said = str(region.get("description"))
        assert said.startswith(f"{label};")
        assert said.endswith(";".join(scores))
    contig, pos, ref, *_ = next(iter(listed))
    begin = max(pos - 1 - CONTEXT, 0) + 1
    assert root.get("locus") == f"{contig}:{begin}-{pos - 1 + len(ref) + CONTEXT}"


def test_addresses_stay_and_an_index_apart_is_named(evaluation: Path, tmp_path: Path) -> None:
    from cnnscore.evaluate.igv import session

    result = json.loads((evaluation / "evaluation.json").read_text())
    result["inputs"]["calls"][0]["path"] = "calls.bcf"
    result["inputs"]["reference"] = None
    reads = ["https://example.org/a.cram", f"{tmp_path}/x.bam##idx##{tmp_path}/other/x.bai"]
    (tmp_path / SESSION_NAME).write_text(session(result, tmp_path, reads))
    assert ElementTree.parse(tmp_path / SESSION_NAME).getroot().get("genome") is None
    found = resources(tmp_path / SESSION_NAME)
    assert "calls.bcf" not in "".join(found)  # IGV does not read it
    assert found["https://example.org/a.cram"].get("type") == "cram"
    assert found["x.bam"].get("index") == "other/x.bai"


@pytest.mark.parametrize("name", ["bell\a.bam", "gone.bam"])
def test_reads_that_igv_could_not_show_are_refused(data: Path, tmp_path: Path, name: str) -> None:
    if "gone" not in name:
        (tmp_path / name).write_bytes(b"")
    done = run_cli("evaluate", data / "calls.vcf.gz", "--truth", data / "truth.vcf.gz",
                   "-I", tmp_path / name, "-o", tmp_path / "out")  # fmt: skip
    assert done.code == 2, done.err
    assert len(done.err.splitlines()) == 1
    assert ("gone.bam" in done.err) if "gone" in name else ("XML" in done.err)
    assert not (tmp_path / "out").exists()


def test_both_are_replaced_with_the_results(data: Path, tmp_path: Path) -> None:
    """Nothing of an earlier run is left, and what is somebody else's stays."""
    out = tmp_path / "out"
    arguments: tuple[Any, ...] = ("evaluate", data / "calls.vcf.gz", "--truth")
    done = run_cli(*arguments, data / "truth.vcf.gz", "--score", "QD", "-o", out, "--quiet")
    assert done.code == 0, done.err
    (out / "mine.bed").write_text("mine")
    first = (out / BED_NAME).read_text()
    done = run_cli(*arguments, data / "truth.vcf.gz", "--score", "QUAL", "-o", out, "--quiet",
                   "--overwrite")  # fmt: skip
    assert done.code == 0, done.err
    assert "QD=" in first
    assert "QD=" not in (out / BED_NAME).read_text() + (out / SESSION_NAME).read_text()
    assert (out / "mine.bed").read_text() == "mine"


def test_the_same_in_python(evaluation: Path, data: Path, tmp_path: Path) -> None:
    found = cnnscore.evaluate(
        data / "calls.vcf.gz", truth=data / "truth.vcf.gz", reference=data / "ref.fa",
        scores=["QUAL", "QD"],
    )  # fmt: skip
    written = found.igv(tmp_path / "new" / "folder", reads=data / "reads.bam")
    assert written == tmp_path / "new" / "folder" / SESSION_NAME
    assert (written.parent / BED_NAME).read_text() == (evaluation / BED_NAME).read_text()
    for path in resources(written):
        assert (written.parent / path).exists()
    table = found.mistakes()
    listed = worst(evaluation)
    assert table.columns == ["score", "type", "label", "contig", "pos", "ref", "alt", "value"]
    assert len(table) == sum(len(scores) for scores in listed.values())
    with pytest.raises(cnnscore.BadInput, match=r"gone\.bam"):
        found.igv(tmp_path / "never", reads="gone.bam")
    assert not (tmp_path / "never").exists()
