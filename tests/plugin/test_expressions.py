"""-i and -e are those of the bcftools that runs the plugin; -v3 and -W=FMT as in newer ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import DATA
from hosts.plugin import bcftools, plugin, text

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
# A comparison of vectors of two lengths: bcftools finds out at a record, and ends the process.
LATE_FAULT = "AD[0:*]==PL[0:*]"


@pytest.fixture
def model(tiny: dict[str, str]) -> list[object]:
    return ["-f", REF, "-m", tiny["reference"]]


def sites(vcf: str) -> list[str]:
    return [line.split("\t")[1] for line in vcf.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("option", ["-i", "--exclude"])
@pytest.mark.parametrize(
    "expression",
    ['TYPE="indel" & QUAL>20', 'GT="1/1"', "FMT/DP>10 || INFO/DP<5", "MQRankSum<0", 'FILTER="."'],
)
def test_they_take_what_bcftools_takes(option: str, expression: str, model: list[object]) -> None:
    run = plugin(CALLS, *model, option, expression)
    assert run.code == 0, run.err
    wanted = sites(text(CALLS, option, expression))
    assert sites(text(run.out)) == wanted
    assert f"{len(wanted)} of {len(wanted)} sites scored" in run.err


def test_what_is_taken_keeps_its_scores(model: list[object], tmp_path: Path) -> None:
    """With regions and an index, of a pipe too; a record keeps all it has."""
    every = plugin(CALLS, *model, "--no-version")
    assert every.code == 0, every.err
    wanted = text(every.out, "-i", "QUAL>100", "-t", "synA:1-12000")
    assert 0 < len(sites(wanted)) < 294
    chosen = ("-i", "QUAL>100", "--no-version")
    out = tmp_path / "some.vcf.gz"
    run = plugin(CALLS, *model, *chosen, "-r", "synA:1-12000", "-o", out, "-W=tbi")
    assert run.code == 0, run.err
    assert (tmp_path / "some.vcf.gz.tbi").exists()
    assert text(out, "-H") == "".join(
        f"{line}\n" for line in wanted.splitlines() if not line.startswith("#")
    )
    piped = plugin("-", *model, *chosen, "-t", "synA:1-12000", stdin=CALLS.read_bytes())
    assert text(piped.out, "-H") == text(out, "-H")


@pytest.mark.parametrize("within", [[], ["-r", "synA"], ["-t", "synA"]])
def test_none_is_left(within: list[object], model: list[object]) -> None:
    run = plugin(CALLS, *model, "-i", "QUAL<0", *within)
    assert run.code == 0, run.err
    assert sites(text(run.out)) == []
    where = {"-r": " within the regions", "-t": " within the targets"}
    expected = f"-i 'QUAL<0' leaves no record of {CALLS}{where[str(within[0])] if within else ''}"
    assert run.err.splitlines()[0] == f"Warning: {expected}"


@pytest.mark.parametrize("index", [[], ["-W"]])
@pytest.mark.parametrize("expression", ["NOPE>3", "QUAL>", LATE_FAULT])
def test_bcftools_own_errors_leave_nothing(
    expression: str, index: list[object], model: list[object], tmp_path: Path
) -> None:
    own = bcftools("view", CALLS, "-i", expression)
    run = plugin(CALLS, *model, "-i", expression, "-o", tmp_path / "out.vcf.gz", *index)
    assert run.code == own.code == 255
    assert run.err == own.err
    assert list(tmp_path.iterdir()) == []


def test_while_the_engine_works(tiny: dict[str, str], tmp_path: Path) -> None:
    """The fault is at the last of the records that are read ahead of the network."""
    header, _, lines = text(CALLS).partition("\n#CHROM")
    names, *records = lines.splitlines()
    late = records[-1].split("\t")
    late[8:] = ["GT:AD:PL", "0/1:3,5,7:9,0,9"]
    good = [[*line.split("\t")[:8], "GT:AD:PL", "0/1:3,5:9,0"] for line in records]
    rows = [*good * 5, late]
    calls = "\n".join([header, f"#CHROM{names}", *("\t".join(row) for row in rows), ""])
    reads = ("-b", READS, "-m", tiny["reads"], "--threads", "2", "-B", "8")
    words = ("-", "-f", REF, *reads, "-i", "AD[0:*]==PL[0:*]", "-o", tmp_path / "out.vcf")
    run = plugin(*words, stdin=calls.encode())
    assert run.code == 0, run.err
    for number in (2, 4):
        late[9] = "0/1:" + ",".join("3" * number) + ":9,0,9"
        calls = "\n".join([header, f"#CHROM{names}", *("\t".join(row) for row in rows), ""])
        (tmp_path / "out.vcf").unlink(missing_ok=True)
        run = plugin(*words, stdin=calls.encode())
        assert run.code == 255
        assert run.err.splitlines()[-1].startswith("Incompatible number of per-sample values")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("-i", "QUAL>1", "-e", "QUAL>9"), ("-i", "QUAL>1", "-i", "1")])
def test_one_expression(words: tuple[str, ...], model: list[object]) -> None:
    run = plugin(CALLS, *model, *words)
    assert (run.code, run.err) == (
        1,
        "Error: give one expression, by -i or -e: && and || join several\n",
    )


@pytest.mark.parametrize("given", [["-v3"], ["-v0"], ["--verbosity=3"]])
def test_verbosity_is_no_file(given: list[object], model: list[object]) -> None:
    for words in ([*given, CALLS], [CALLS, *given]):
        run = plugin(*words, *model)
        assert run.code == 0, run.err
        assert "294 of 294 sites scored" in run.err


@pytest.mark.parametrize("given", ["POS", "Record", "variant"])
def test_what_must_overlap_is_named_in_either_case(given: str, model: list[object]) -> None:
    overlap = ("--regions-overlap", given, "--targets-overlap", given)
    where = ("-r", "synA:5000-9000", "-t", "synA:6000-8000")
    run = plugin(CALLS, *model, *overlap, *where)
    assert run.code == 0, run.err
    assert sites(text(run.out)) == sites(text(CALLS, *overlap, *where))
