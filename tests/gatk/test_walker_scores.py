"""The walker in real GATK: GATK's golden scores, and those of `cnnscore score` to the letter."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest

from conftest import DATA, run_cli, scores_of
from hosts.gatk import ToolHost
from hosts.read_files import split_reads
from hosts.server import Server
from oracles.golden_scores import GOLDEN, ODD, assert_scores, expected, tsv_scores, vcf_scores

KEYS = {
    "gatk-1d": "CNN_1D",
    "gatk-2d": "CNN_2D",
    "read-set": "CNN_READS",
    "reference": "CNN_REF",
}


class Doors:
    """The walker and the command, side by side on one server of each network."""

    def __init__(self, tools: ToolHost, engines: dict[str, Server], folder: Path) -> None:
        self._tools, self._engines = tools, engines
        self.walker, self.command = folder / "walker.vcf", folder / "command.vcf"

    def score(
        self,
        calls: Path,
        reference: Path,
        *reads: Path,
        model: str = "",
        options: tuple[str, ...] = (),
    ) -> str:
        """Score with both; the INFO key. They agree to the letter."""
        model = model or ("gatk-2d" if reads else "gatk-1d")
        inputs = ["-R", reference, *(word for path in reads for word in ("-I", path))]
        server = ["--server", self._engines[model].address]
        tensor = ["--tensor-type", "read_tensor" if reads else "reference"]
        ran = self._tools.score(
            *("-V", calls, "-O", self.walker, *inputs, *server, *tensor, *options)
        )
        assert ran.ok, ran.answer
        by_command = run_cli("score", calls, "-o", self.command, *inputs, *server, *options)
        assert by_command.code == 0, by_command.err
        assert scores_of(self.walker, KEYS[model]) == scores_of(self.command, KEYS[model])
        return KEYS[model]


@pytest.fixture
def doors(tools: ToolHost, engines: dict[str, Server], tmp_path: Path) -> Doors:
    return Doors(tools, engines, tmp_path)


@pytest.mark.parametrize("calls", ["calls", "edge"])
def test_1d(calls: str, doors: Doors) -> None:
    key = doors.score(DATA / f"{calls}.vcf.gz", DATA / "ref.fa")
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}1d.tsv") for tool in ("nv", "cnn"))
    assert_scores(doors.walker, key, expected(nv, cnn))


@pytest.mark.parametrize(
    ("calls", "reads"), [("calls", "reads"), ("edge", "reads"), ("deep", "deep")]
)
def test_2d(calls: str, reads: str, doors: Doors) -> None:
    key = doors.score(
        *(DATA / f"{calls}.vcf.gz", DATA / "ref.fa", DATA / f"{reads}.bam"),
        options=("--downsampling", "gatk"),
    )
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}2d.tsv") for tool in ("nv", "cnn"))
    assert_scores(doors.walker, key, expected(nv, cnn))


def test_deep_sites_are_sampled_by_the_site_alone(doors: Doors) -> None:
    doors.score(DATA / "deep.vcf.gz", DATA / "ref.fa", DATA / "deep.bam")


@pytest.mark.parametrize("name", ODD)
def test_odd_reads(name: str, doors: Doors, shared: Path) -> None:
    golden = shared / "golden" / "synthetic"
    odd = golden / "odd"
    key = doors.score(odd / "odd.vcf.gz", golden / "ref.fa", odd / f"{name}.bam")
    nv, cnn = (vcf_scores(odd / f"{name}.{tool}2d.vcf", key) for tool in ("nv", "cnn"))
    assert_scores(doors.walker, key, expected(nv, cnn))


@pytest.mark.parametrize(("model", "nv"), [("gatk-1d", "nv1d"), ("gatk-2d", "nv2d")])
def test_real_reads(model: str, nv: str, doors: Doors, shared: Path) -> None:
    real, golden = shared / "data" / "na12878-chr20", shared / "golden" / "na12878-chr20"
    reads = [] if model == "gatk-1d" else [real / "NA12878_S1.20.10.0-10.1M.bam"]
    key = doors.score(real / "calls.vcf.gz", real / "ref.20.fa.gz", *reads)
    wanted = expected(
        vcf_scores(golden / f"calls.{nv}.vcf", key), vcf_scores(golden / "calls.cnn.vcf", key)
    )
    assert_scores(doors.walker, key, wanted)


@pytest.mark.parametrize("calls", ["calls", "edge", "deep"])
def test_our_networks(calls: str, doors: Doors) -> None:
    inputs = DATA / f"{calls}.vcf.gz", DATA / "ref.fa"
    doors.score(*inputs, model="reference")
    doors.score(*inputs, DATA / f"{'deep' if calls == 'deep' else 'reads'}.bam", model="read-set")


def test_our_networks_on_real_and_odd_reads(doors: Doors, shared: Path) -> None:
    real, golden = shared / "data" / "na12878-chr20", shared / "golden" / "synthetic"
    calls, reference = real / "calls.vcf.gz", real / "ref.20.fa.gz"
    doors.score(calls, reference, model="reference")
    doors.score(calls, reference, real / "NA12878_S1.20.10.0-10.1M.bam", model="read-set")
    for name in ("soft", "indel", "unm", "norg"):
        reads = golden / "odd" / f"{name}.bam"
        doors.score(golden / "odd" / "odd.vcf.gz", golden / "ref.fa", reads, model="read-set")


def test_reads_of_one_name(doors: Doors, tmp_path: Path) -> None:
    """Their hashes are equal: which of a deep site's stay is decided by what they hold."""
    reads = tmp_path / "reads.bam"
    with (
        pysam.AlignmentFile(str(DATA / "deep.bam")) as source,
        pysam.AlignmentFile(str(reads), "wb", template=source) as renamed,
    ):
        for read in source:
            read.query_name = "one"
            read.flag &= 16
            renamed.write(read)
    pysam.index(str(reads))
    doors.score(DATA / "deep.vcf.gz", DATA / "ref.fa", reads, model="read-set")


def test_gatks_sampling_is_for_its_networks(
    tools: ToolHost, engines: dict[str, Server], tmp_path: Path
) -> None:
    """The tool refuses what the command refuses, in the same words."""
    out, calls = tmp_path / "out.vcf", DATA / "deep.vcf.gz"
    inputs = ("-R", DATA / "ref.fa", "-I", DATA / "deep.bam", "--downsampling", "gatk")
    server = ("--server", engines["read-set"].address)
    ran = tools.score("-V", calls, "-O", out, *inputs, *server)
    done = run_cli("score", calls, "-o", out, *inputs, *server)
    words = "chooses reads by their names: --downsampling gatk is for GATK's networks"
    assert words in ran.answer
    assert words in done.err
    assert not out.exists()


def test_our_networks_on_several_read_files(doors: Doors) -> None:
    both = DATA / "reads.bam", DATA / "deep.bam"
    doors.score(DATA / "deep.vcf.gz", DATA / "ref.fa", *both, model="read-set")


@pytest.mark.parametrize(
    ("calls", "reads", "n_files"), [("calls", "reads", 2), ("deep", "deep", 3)]
)
def test_several_read_files(
    calls: str, reads: str, n_files: int, doors: Doors, tmp_path: Path
) -> None:
    """GATK's own scores; tests/cli/test_golden.py: at the command for either in 2 and in 3."""
    files = split_reads(DATA / f"{reads}.bam", n_files, tmp_path)
    inputs = (DATA / f"{calls}.vcf.gz", DATA / "ref.fa", *files)
    key = doors.score(*inputs, options=("--downsampling", "gatk"))
    golden = tsv_scores(GOLDEN / f"{calls}.cnn2d.{n_files}-files.tsv")
    assert_scores(doors.walker, key, expected([], golden))


def test_several_read_files_at_deep_and_odd_sites(doors: Doors, tmp_path: Path) -> None:
    """Where a site decides its sample."""
    for calls, reads in (("deep", "deep"), ("edge", "reads")):
        files = split_reads(DATA / f"{reads}.bam", 3, tmp_path)
        doors.score(DATA / f"{calls}.vcf.gz", DATA / "ref.fa", *files)


def test_read_files_of_other_contigs(doors: Doors, tmp_path: Path) -> None:
    """How deep the sample is, is asked of the contigs that all files have."""
    decoyed = tmp_path / "decoyed.bam"
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as source:
        header = source.header.to_dict()
        header["SQ"].append({"SN": "decoy", "LN": 200_000})
        wider = pysam.AlignmentHeader.from_dict(header)
        with pysam.AlignmentFile(str(decoyed), "wb", header=wider) as out:
            for line in (read.to_string() for read in source):
                out.write(pysam.AlignedSegment.fromstring(line, wider))
            for start in range(1, 199_000):
                text = f"d{start}\t0\tdecoy\t{start}\t60\t100M\t*\t0\t0\t{'A' * 100}\t{'I' * 100}"
                out.write(pysam.AlignedSegment.fromstring(text, wider))
    pysam.index(str(decoyed))
    both = decoyed, DATA / "deep.bam"
    doors.score(DATA / "calls.vcf.gz", DATA / "ref.fa", *both, model="read-set")


def test_long_site(doors: Doors, tmp_path: Path) -> None:
    """A deletion of 25 kb: its reads stream by."""
    calls = tmp_path / "long.vcf"
    header = gzip.decompress((DATA / "edge.vcf.gz").read_bytes()).decode().split("#CHROM")[0]
    columns = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    record = ["synA", "5901", ".", "C", "<DEL>", "100", ".", "DP=50;END=31000"]
    calls.write_text(header + "#" + "\t".join(columns) + "\n" + "\t".join(record) + "\n")
    doors.score(calls, DATA / "ref.fa", DATA / "reads.bam")
    doors.score(calls, DATA / "ref.fa", *split_reads(DATA / "reads.bam", 2, tmp_path))


@pytest.mark.parametrize("allele", ["<NON_REF>", "<*>", "*"])
@pytest.mark.parametrize("model", ["reference", "read-set", "gatk-1d", "gatk-2d"])
def test_records_of_a_gvcf(allele: str, model: str, doors: Doors, tmp_path: Path) -> None:
    """With the allele of all others behind or before the called one, and blocks of it alone; for
    our networks it is no alternative."""
    lines = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode().splitlines()
    header = [line for line in lines if line.startswith("#")]
    records = [line.split("\t")[:8] for line in lines if not line.startswith("#")][::5]
    assert {len(fields[3]) == len(fields[4]) for fields in records} == {True, False}
    plain, gvcf = tmp_path / "plain.vcf", tmp_path / "gvcf.vcf"
    header[-1] = "\t".join(header[-1].split("\t")[:8])
    header.insert(1, '##INFO=<ID=END,Number=1,Type=Integer,Description="Its end">')
    wider = []
    for number, fields in enumerate(records):
        alleles = [fields[4], allele] if number % 2 else [allele, fields[4]]
        wider.append([*fields[:4], ",".join(alleles), *fields[5:]])
        block = [*fields[:3], fields[3][0], allele, ".", ".", f"END={int(fields[1]) + 40}"]
        wider.append(block)
    plain.write_text("\n".join([*header, *map("\t".join, records)]) + "\n")
    gvcf.write_text("\n".join([*header, *map("\t".join, wider)]) + "\n")
    reads = [DATA / "reads.bam"] if model in ("read-set", "gatk-2d") else []
    key = doors.score(gvcf, DATA / "ref.fa", *reads, model=model)
    scores = scores_of(doors.walker, key)
    if model in ("reference", "read-set"):
        doors.score(plain, DATA / "ref.fa", *reads, model=model)
        assert scores[::2] == scores_of(doors.walker, key)
        assert scores[1::2] == [None] * len(records)
