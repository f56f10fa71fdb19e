"""The Python API with what its users hold: names, Paths, pysam's files and records."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

import cnnscore
from conftest import DATA, run_cli, scores_of

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
KEYS = {"reads": "CNN_READS", "reference": "CNN_REF"}


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | None]]:
    """The texts of the command's scores, by network."""
    folder, found = tmp_path_factory.mktemp("command"), {}
    for model, key in KEYS.items():
        out = folder / f"{model}.vcf"
        reads = ["-I", READS] if model == "reads" else []
        assert run_cli("score", CALLS, "-R", REF, *reads, "-o", out).code == 0
        found[model] = scores_of(out, key)
    return found


@pytest.fixture(scope="module")
def bcf_and_cram(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same calls as BCF, the same reads as CRAM."""
    folder = tmp_path_factory.mktemp("other-formats")
    bcf, cram = folder / "calls.bcf", folder / "reads.cram"
    with (
        pysam.VariantFile(str(CALLS)) as calls,
        pysam.VariantFile(str(bcf), "wb", header=calls.header) as out,
    ):
        for record in calls:
            out.write(record)
    with (
        pysam.AlignmentFile(str(READS)) as bam,
        pysam.AlignmentFile(str(cram), "wc", template=bam, reference_filename=str(REF)) as written,
    ):
        for read in bam:
            written.write(read)
    pysam.index(str(cram))
    return bcf, cram


def same(scores: Any, texts_: list[str | None]) -> bool:
    wanted = [np.nan if text is None else float(text) for text in texts_]
    return np.array_equal(np.round(np.float64(scores), 3), wanted, equal_nan=True)


# ---- what may be given for a file ----

GIVEN: dict[str, Callable[[Path], Any]] = {
    "str": str,
    "bytes": os.fsencode,
    "Path": Path,
    "list of str": lambda path: [str(path)],
    "tuple of Path": lambda path: (path,),
    "iterator": lambda path: iter([path]),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN.keys())
def test_reads_are_one_file_or_several(
    given: Callable[[Path], Any], by_command: dict[str, list[str | None]], tmp_path: Path
) -> None:
    out = tmp_path / "out.vcf"
    with cnnscore.open() as scorer:
        summary = scorer.score(CALLS, reference=REF, reads=given(READS), output=out)
    assert (summary.sites, summary.scored) == (294, 294)
    assert scores_of(out, "CNN_READS") == by_command["reads"]


def test_files_of_pysam(
    by_command: dict[str, list[str | None]], bcf_and_cram: tuple[Path, Path]
) -> None:
    bcf, cram = bcf_and_cram
    with (
        cnnscore.open() as scorer,
        pysam.FastaFile(str(REF)) as fasta,
        pysam.VariantFile(str(bcf)) as calls,
        pysam.AlignmentFile(str(cram), reference_filename=str(REF)) as reads,
    ):
        for given in (reads, [reads]):
            table = scorer.table(calls, reference=fasta, reads=given)
            assert same(table["score"], by_command["reads"])
        assert same(scorer.table(calls, reference=fasta)["score"], by_command["reference"])


def test_names_of_remote_files(by_command: dict[str, list[str | None]]) -> None:
    with cnnscore.open() as scorer:
        table = scorer.table(
            f"file://{CALLS}", reference=f"file://{REF}", reads=f"file://{READS}", region="synA"
        )
        assert len(table) == list(table["contig"]).count("synA") > 200
        assert same(table["score"], by_command["reads"][: len(table)])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reads": 5}, r"`reads=` takes a file's name \(str or Path\) or a file opened by pysam"),
        ({"reads": [READS, None]}, "`reads=` takes .* not NoneType"),
        ({"reference": [REF]}, "`reference=` takes .* not list"),
        ({"calls": {"a": 1}}, "`calls=` takes .* not dict"),
        ({"region": 7}, "`region=` takes a text or a list of them, not int"),
        ({"info": [3]}, "`info=` takes a text"),
    ],
    ids=str,
)
def test_what_is_no_file_is_a_type_error(wrong: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"calls": CALLS, "reference": REF, **wrong}
    with cnnscore.open("reference") as scorer:
        for kind in (TypeError, cnnscore.UsageError, cnnscore.CnnscoreError):
            with pytest.raises(kind, match=message):
                scorer.table(**arguments)


def test_a_pysam_file_that_cannot_be_read_again(tmp_path: Path) -> None:
    with pysam.VariantFile(str(CALLS)) as calls, cnnscore.open("reference") as scorer:
        out = pysam.VariantFile(str(tmp_path / "x.vcf"), "w", header=calls.header)
        with pytest.raises(cnnscore.UsageError, match="open for writing"):
            scorer.table(out, reference=REF)
        out.close()
        with pytest.raises(TypeError, match=r"`output=` takes a file's name"):
            scorer.score(CALLS, reference=REF, output=calls)  # type: ignore[arg-type] # is wrong


def test_errors_name_arguments_and_no_options() -> None:
    with cnnscore.open("reads") as scorer:
        with pytest.raises(cnnscore.UsageError, match="give them with `reads=`"):
            scorer.table(CALLS, reference=REF)
        with pytest.raises(cnnscore.UsageError, match="looks at reads"):
            scorer.iter([], reference=REF)  # said at once, not at the first record
        with pytest.raises(cnnscore.BadInput, match="no INFO/NONE"):
            scorer.table(CALLS, reference=REF, reads=READS, info="NONE")
    with pytest.raises(cnnscore.UsageError, match="closed"):
        scorer.table(CALLS, reference=REF, reads=READS)
    with pytest.raises(cnnscore.UsageError, match="`model=`"):
        _ = cnnscore.open().engine


# ---- records that the caller holds ----


@pytest.mark.parametrize("model", KEYS)
def test_all_doors_give_one_score(model: str, by_command: dict[str, list[str | None]]) -> None:
    reads = READS if model == "reads" else ()
    with cnnscore.open() as scorer, pysam.VariantFile(str(CALLS)) as calls:
        held = list(calls)
        scores = scorer.score_records(held, reference=REF, reads=reads)
        assert scores.dtype == np.float32
        assert same(scores, by_command[model])
        table = scorer.table(CALLS, reference=REF, reads=reads)
        assert np.array_equal(table["score"], scores)
        calls.reset()
        pairs = list(scorer.iter(calls, reference=REF, reads=reads))
        assert [score for _, score in pairs] == scores.tolist()
        assert [record.pos for record, _ in pairs] == table["pos"].tolist()
        pairs = list(scorer.iter(held, reference=REF, reads=reads))
        assert all(record is mine for (record, _), mine in zip(pairs, held, strict=True))
        backwards = scorer.score_records(iter(held[::-1]), reference=REF, reads=reads)
        assert np.array_equal(backwards[::-1], scores)
        if not reads:
            assert scorer.score_records(held[7:8], reference=REF)[0] == scores[7]


def test_targets_are_found_without_an_index(
    by_command: dict[str, list[str | None]], tmp_path: Path
) -> None:
    calls = tmp_path / "calls.vcf"
    with pysam.VariantFile(str(CALLS)) as source:
        calls.write_text(str(source.header) + "".join(map(str, source)))
    with cnnscore.open("reference") as scorer:
        table = scorer.table(calls, reference=REF, targets=["synA", "synB:1-5000"])
        assert len(scorer.windows(calls, reference=REF, targets="synA:1-5000")) == 39
        with pytest.raises(cnnscore.BadInput, match="not compressed") as error:
            scorer.table(calls, reference=REF, region="synA")
    assert "`region=`" in str(error.value)
    assert "`targets=`" in str(error.value)
    assert same(table["score"], by_command["reference"][: len(table)])
    assert set(table["contig"]) == {"synA", "synB"}


@pytest.mark.parametrize("wrong", ["token_file", "tls_ca", "timeout"])
def test_what_is_a_server_s_is_refused_of_a_network(wrong: str) -> None:
    with pytest.raises(cnnscore.UsageError, match=f"leave out `{wrong}=`"):
        cnnscore.open("reference", **{wrong: 5 if wrong == "timeout" else "x"})  # type: ignore[arg-type] # by name


def test_records_of_every_kind(shared: Path, tmp_path: Path) -> None:
    """Odd records and annotations: END, symbols, missing fields, numbers of many digits."""
    odd = tmp_path / "odd.vcf"
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=synA,length=40000>",
        '##INFO=<ID=END,Number=1,Type=Integer,Description="End">',
        '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">',
        '##INFO=<ID=QD,Number=1,Type=String,Description="Text">',
        '##INFO=<ID=MQ,Number=1,Type=Float,Description="Number">',
        '##INFO=<ID=DP,Number=.,Type=Integer,Description="Some">',
        '##INFO=<ID=SOR,Number=0,Type=Flag,Description="Flag">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    with pysam.FastaFile(str(REF)) as fasta:
        bases = fasta.fetch("synA")
    for pos, alts, qual, info in (
        (300, "A,C", "123456.789", "QD=12.3456789;MQ=59.87654321;DP=10,20"),
        (310, "<DEL>", ".", "END=900;MQ=1e-05"),
        (330, "<DEL>", "10", "SVLEN=-50;MQ=."),
        (350, "*", "10.5", "SOR;FS=3.25;QD=."),
        (370, ".", "1e30", "."),
        (390, "G", "0", "END=300;MQ=inf;DP=.,5"),
        (410, "GTT,<INS>,C", "5", "ReadPosRankSum=-1.17549e-38"),
        (430, "<DEL>", "5", "MQ=60;END=900"),  # the last of the line, as in a file of sites only
        (450, "<NON_REF>", ".", "END=470"),
    ):
        ref = bases[pos - 1]
        alt = ",".join(one if one != ref else "T" for one in alts.split(","))
        lines.append(f"synA\t{pos}\t.\t{ref}\t{alt}\t{qual}\tPASS\t{info}")
    odd.write_text("\n".join(lines) + "\n")
    with cnnscore.open() as scorer:
        for reads in ((), READS):
            table = scorer.table(odd, reference=REF, reads=reads)
            with pysam.VariantFile(str(odd)) as calls:
                ours = scorer.score_records(calls, reference=REF, reads=reads)
            assert len(ours) == 9
            assert np.array_equal(ours, table["score"], equal_nan=True)
        real = shared / "data" / "na12878-chr22-tiny"
        freebayes = real / "freebayes_NA12878.chr22.tiny.vcf"  # without contig lines
        wanted = scorer.table(freebayes, reference=real / "q.fa")["score"]
        held = scorer.score_records(freebayes, reference=real / "q.fa")
        assert np.array_equal(held, wanted, equal_nan=True)


def test_only_a_part_is_read_ahead() -> None:
    """An endless source of records is scored as it comes, and let go of when nobody asks."""
    with pysam.VariantFile(str(CALLS)) as calls:
        held = list(calls)
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            for record in held:
                taken += 1
                yield record

    with cnnscore.open("reference", threads=2) as scorer:
        pairs = scorer.iter(endless(), reference=REF)
        assert next(pairs)[0] is held[0]
        assert taken <= 512 * 6
        del pairs


def test_records_that_do_not_go_together(tmp_path: Path) -> None:
    other = tmp_path / "other.vcf"
    text = pysam.VariantFile(str(CALLS)).header.__str__().replace("length=", "length=1")
    with pysam.VariantFile(str(CALLS)) as calls:
        mine = next(calls)
        other.write_text(text + str(mine))
        with (
            pysam.VariantFile(str(other)) as others,
            cnnscore.open("reference") as scorer,
            pytest.raises(cnnscore.UsageError, match="headers differ"),
        ):
            scorer.score_records([mine, next(others)], reference=REF)
        with pysam.VariantFile(str(CALLS)) as again, cnnscore.open("reference") as scorer:
            assert len(scorer.score_records([mine, next(again)], reference=REF)) == 2


@pytest.mark.parametrize("wrong", [["synA:1"], [None], 5, "none.vcf"], ids=str)
def test_what_is_no_record(wrong: Any) -> None:
    kind = cnnscore.BadInput if wrong == "none.vcf" else TypeError
    with cnnscore.open("reference") as scorer, pytest.raises(kind):
        scorer.score_records(wrong, reference=REF)


@pytest.mark.parametrize("held", [0, 3])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"reference": "nope.fa"}, "nope.fa"), ({"reads": "nope.bam"}, "nope.bam")],
    ids=str,
)
def test_files_are_checked_at_once(wrong: dict[str, Any], message: str, held: int) -> None:
    """Also where there is no record, and not at the first of them."""
    given: dict[str, Any] = {"reference": REF, "reads": READS, **wrong}
    with cnnscore.open() as scorer, pysam.VariantFile(str(CALLS)) as calls:
        records = list(calls)[:held]
        with pytest.raises(cnnscore.BadInput, match=message):
            scorer.score_records(records, **given)
        with pytest.raises(cnnscore.BadInput, match=message):
            scorer.iter(records, **given)
        with pytest.raises(cnnscore.BadInput, match=r"none\.vcf"):
            scorer.iter("none.vcf", reference=REF)


def test_names_are_of_the_folder_of_the_call(
    by_command: dict[str, list[str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [os.path.relpath(path) for path in (CALLS, REF, READS)]
    with cnnscore.open() as scorer:
        pairs = scorer.iter(names[0], reference=names[1], reads=names[2])
        monkeypatch.chdir(tmp_path)
        assert same([score for _, score in pairs], by_command["reads"])


def test_no_records_give_no_scores() -> None:
    with cnnscore.open() as scorer:
        assert len(scorer.score_records([], reference=REF, reads=READS)) == 0
        assert list(scorer.iter(iter(()), reference=REF)) == []


# ---- a scorer ----


def _total(job: tuple[cnnscore.Scorer, str]) -> float:
    scorer, region = job
    return float(scorer.table(str(CALLS), reference=str(REF), region=region)["score"].sum())


def test_scorers_go_to_other_processes(tiny: dict[str, str]) -> None:
    for model in ("reference", None, os.path.relpath(tiny["reference"])):
        scorer = pickle.loads(pickle.dumps(cnnscore.open(model, threads=1, batch_size=8)))
        assert scorer.threads == 1
        assert scorer.network(has_reads=False).batch_size == 8
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        jobs = [(scorer, "synA"), (scorer, "synB")]
        assert list(pool.map(_total, jobs)) == [_total(job) for job in jobs]


def test_scorers_say_what_they_are() -> None:
    with cnnscore.open("reads") as scorer:
        assert repr(scorer) == "<cnnscore.Scorer: reads, read-set-2, cpu>"
        assert "INFO/CNN_READS" in scorer._repr_html_()
    assert "closed" in repr(scorer)
    assert "closed" in scorer._repr_html_()
    assert repr(cnnscore.open()) == "<cnnscore.Scorer: network by what is given>"
