"""The header line that says which network made a score, and the cut-offs in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cnnscore.errors import BadInput
from cnnscore.network.cutoffs import BareCutoffs, cutoffs_text, round_score
from cnnscore.network.manifest import parse_manifest
from cnnscore.network.provenance import read_model_lines
from cnnscore.network.session import Session
from conftest import DATA, run_cli
from hosts.tiny_network import with_manifest

CUTOFFS = {"SNP": {"99.0": 1.23449, "99.9": -0.5}, "INDEL": {"99.0": 0, "99.9": -2.0006}}


def score(network: str, out: Path, calls: object = DATA / "calls.vcf.gz", *more: object) -> str:
    done = run_cli(
        "score", calls, "-R", DATA / "ref.fa", "-m", network, "-o", out, "--quiet", *more
    )
    assert done.code == 0, done.err
    return out.read_text()


def model_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("##cnnscore_model=")]


def test_a_scored_file_names_its_network(tiny: dict[str, str], tmp_path: Path) -> None:
    network = with_manifest(tiny["reference"], tmp_path / "own.onnx", name="own", cutoffs=CUTOFFS)
    text = score(network, tmp_path / "scored.vcf", DATA / "calls.vcf.gz", "--no-version")
    (found,) = read_model_lines(text.splitlines()).values()
    digest = hashlib.sha256(Path(network).read_bytes()).hexdigest()
    assert (found.key, found.model, found.network) == ("CNN_1D", "own", digest)
    assert found.cutoffs == {"SNP": {99.0: 1.234, 99.9: -0.5}, "INDEL": {99.0: 0.0, 99.9: -2.001}}


def test_a_new_score_takes_the_place_of_the_old_line(tiny: dict[str, str], tmp_path: Path) -> None:
    other = with_manifest(tiny["reference"], tmp_path / "own.onnx", cutoffs=CUTOFFS)
    first = tmp_path / "1.vcf"
    assert len(model_lines(score(tiny["reference"], first))) == 1
    again = model_lines(score(other, tmp_path / "2.vcf", first, "--overwrite"))
    assert len(again) == 1
    assert "Cutoffs=" in again[0]
    beside = score(other, tmp_path / "3.vcf", first, "--info-key", "CNN_OTHER")
    assert set(read_model_lines(beside.splitlines())) == {"CNN_1D", "CNN_OTHER"}


def test_a_damaged_line_gives_no_cutoffs() -> None:
    for cutoffs in ("SNP:99.0", "SNP:99.0:x", "MNP:99.0:1", "SNP:199.0:1", "SNP:99.0:inf"):
        line = f'##cnnscore_model=<ID=CNN_1D,Model="a, b",Network=0,Cutoffs="{cutoffs}">'
        found = read_model_lines([line])["CNN_1D"]
        assert (found.model, found.cutoffs) == ("a, b", {})
    assert read_model_lines(["##INFO=<ID=CNN_1D,Number=1>"]) == {}


def test_cutoffs_are_rounded_as_scores_are() -> None:
    text = cutoffs_text({"INDEL": {99.9: 0.0625, 99.0: 2.1875}})
    assert text == "INDEL:99.0:2.188,INDEL:99.9:0.062"
    assert round_score(-0.0625) == -0.062


@pytest.mark.parametrize(
    ("cutoffs", "says"),
    [
        ([], "must give SNP and INDEL"),
        ({"SNV": {"99.0": 1}}, "must give SNP and INDEL"),
        ({"SNP": {}}, "must give SNP and INDEL"),
        ({"SNP": {"100": 1}}, "must give SNP and INDEL"),
        ({"SNP": {"1e1": 1}}, "must give SNP and INDEL"),
        ({"SNP": {"99.0": "1"}}, "must give SNP and INDEL"),
        ({"SNP": {"99.0": True}}, "must give SNP and INDEL"),
        ({"SNP": {"99.0": float("nan")}}, "must give SNP and INDEL"),
        ({"SNP": {"99.0": 1, "99.9": 2}}, "those of SNP rise"),
    ],
)
@pytest.mark.parametrize("field", ["cutoffs", "site_cutoffs"])
def test_a_manifest_with_bad_cutoffs_is_refused(
    field: str, cutoffs: object, says: str, tiny: dict[str, str]
) -> None:
    manifest = Session(Path(tiny["reference"])).manifest
    fields = {**asdict(manifest), "schema": 1, field: cutoffs}
    with pytest.raises(BadInput, match=f"manifest field '{field}' .*{says}"):
        parse_manifest(json.dumps(fields), "net.onnx")


def test_cutoffs_of_sites(tiny: dict[str, str]) -> None:
    """A manifest may have them; they are those of INFO/CNN_SITE alone. Older ones have none."""
    fields = {**asdict(Session(Path(tiny["reference"])).manifest), "schema": 1}
    fields |= {"cutoffs": {"SNP": {"99.0": 1}}, "site_cutoffs": {"INDEL": {"98.0": -1}}}
    manifest = parse_manifest(json.dumps(fields), "net.onnx")
    assert manifest.cutoffs_of("CNN_SITE") == ({"INDEL": {98.0: -1.0}}, BareCutoffs())
    assert manifest.cutoffs_of("CNN_READS") == ({"SNP": {99.0: 1.0}}, BareCutoffs())
    text = manifest.description("cpu", "", 1).cutoffs
    assert text == "SNP:99.0:1.000;CNN_SITE;INDEL:98.0:-1.000"
    del fields["site_cutoffs"]
    assert parse_manifest(json.dumps(fields), "net.onnx").cutoffs_of("CNN_SITE")[0] == {}
