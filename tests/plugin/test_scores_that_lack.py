"""A network that gives NaN for the user's sites, though it passed the trial: command and plugin."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cnnscore.progress import NoProgress
from conftest import DATA, run_cli
from hosts.foreign_network import write_foreign
from hosts.plugin import plugin

HEADER = """##fileformat=VCFv4.2
##contig=<ID=synA,length=40000>
##INFO=<ID=MQ,Number=1,Type=Float,Description="">
##INFO=<ID=DP,Number=1,Type=Integer,Description="">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def base(pos: int) -> str:
    command = ["samtools", "faidx", str(DATA / "ref.fa"), f"synA:{pos}-{pos}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[1]


def calls(folder: Path, mapping_qualities: list[str], pos: int = 200) -> Path:
    """One SNP for each MQ; the network gives NaN at any other than 60."""
    rows = []
    for at, mq in enumerate(mapping_qualities, pos):
        ref = base(at) if 0 < at <= 40000 else "N"
        alt = "ACGT"[("ACGT".find(ref) + 1) % 4]
        rows.append(f"synA\t{at}\t.\t{ref}\t{alt}\t50\t.\tMQ={mq};DP=20\n")
    path = folder / "calls.vcf"
    path.write_text(HEADER + "".join(rows))
    return path


@pytest.fixture(params=["command", "plugin"])
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def score(door: str, path: Path, *words: object) -> tuple[int, str]:
    network = write_foreign(path.parent / "odd.onnx", "nan at other MQ")
    out = path.parent / "out.vcf"
    if door == "plugin":
        done = plugin(path, "-f", DATA / "ref.fa", "-m", network, "-o", out, *words)
        return done.code, done.err
    ran = run_cli("score", path, "-R", DATA / "ref.fa", "-m", network, "-o", out, *words)
    return ran.code, ran.err


@pytest.mark.parametrize("n", [1, 3, 1200])
def test_no_site_has_a_score(door: str, tmp_path: Path, n: int) -> None:
    """More than a job's sites too; no output is left."""
    code, said = score(door, calls(tmp_path, ["40"] * min(n, 3)) if n < 4 else many(tmp_path, n))
    assert code == (2 if door == "command" else 255), said
    assert said.count("\n") == 1, said
    assert f"the network foreign has no finite score (NaN) for any of the {n:,} sites" in said
    assert "import or train it again" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.vcf", "odd.onnx"]


def many(folder: Path, n: int) -> Path:
    """The same SNP n times."""
    path = calls(folder, ["40"])
    row = path.read_text().splitlines()[-1]
    path.write_text(HEADER + f"{row}\n" * n)
    return path


def test_some_sites_have_none(door: str, tmp_path: Path) -> None:
    code, said = score(door, calls(tmp_path, ["60", "40", "60", "30"]))
    assert code == 0, said
    assert "the network foreign has no finite score (NaN) for 2 of 4 sites" in said
    rows = (tmp_path / "out.vcf").read_text().splitlines()[-4:]
    assert ["CNN_1D=" in row for row in rows] == [True, False, True, False]


def test_all_have_one(door: str, tmp_path: Path) -> None:
    code, said = score(door, calls(tmp_path, ["60", "60"]))
    assert (code, "finite" in said) == (0, False), said


@pytest.mark.parametrize(
    ("qualities", "pos"), [(["inf", "inf"], 200), (["60"], 40001), ([], 200)],
    ids=["infinite annotations", "telomere", "no records"],
)  # fmt: skip
def test_sites_that_no_network_scores(
    door: str, tmp_path: Path, qualities: list[str], pos: int
) -> None:
    """These are no fault of the network's, and stay counted in the closing line alone."""
    code, said = score(door, calls(tmp_path, qualities, pos))
    assert code == 0, said
    assert "finite score (NaN)" not in said
    assert f"0 of {len(qualities)} sites scored" in said


def test_alleles_that_no_network_of_ours_scores(door: str, tmp_path: Path) -> None:
    """`*` and symbolic alleles are none; a run of them alone is not the network's fault."""
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + f"synA\t300\t.\t{base(300)}\t*,<NON_REF>\t50\t.\tMQ=60;DP=20\n")
    for words in ([], ["--per-allele"]):
        out = tmp_path / "out.vcf"
        if door == "plugin":
            done = plugin(path, "-f", DATA / "ref.fa", "-o", out, *words)
            code, said = done.code, done.err
        else:
            ran = run_cli("score", path, "-R", DATA / "ref.fa", "-o", out, *words)
            code, said = ran.code, ran.err
        assert (code, "0 of 1 sites scored" in said) == (0, True), said


def test_python(tmp_path: Path) -> None:
    import cnnscore

    network = write_foreign(tmp_path / "odd.onnx", "nan at other MQ")
    scorer = cnnscore.open(model=str(network))
    with pytest.raises(cnnscore.errors.BadInput, match=r"no finite score \(NaN\) for any"):
        scorer.score(
            str(calls(tmp_path, ["40", "41"])), reference=str(DATA / "ref.fa"),
            output=str(tmp_path / "out.vcf"), progress=NoProgress(),
        )  # fmt: skip
    assert not (tmp_path / "out.vcf").exists()
