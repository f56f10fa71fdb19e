"""What a page is made of: chosen records, reads, and blobs that hold the planes."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from cnnscore.batch import KIND_INDEL, KIND_SNP
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.errors import BadInput, UsageError
from cnnscore.network.encode import READ_SCALARS
from cnnscore.page import embedded_json
from cnnscore.score.engine import Engine
from cnnscore.score.run import score_calls
from cnnscore.viewer.choose import Choice, Columns, SiteName, choose
from cnnscore.viewer.dataset import open_dataset_view
from cnnscore.viewer.page import site_blob
from cnnscore.viewer.reads import OTHER, UNSEEN, shown_bases
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import View, open_view
from conftest import DATA, run_cli
from hosts.stand_in import stand_in
from hosts.training_data import make, need_extra
from hosts.viewed import CALLS, READS, REF, sites_of


def decode(blob: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    content = zlib.decompress(blob)
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    arrays = {}
    for name, dtype, shape, offset in header["arrays"]:
        count = int(np.prod(shape))
        array = np.frombuffer(content, dtype, count, 4 + length + offset)
        assert (4 + length + offset) % array.itemsize == 0
        arrays[name] = array.reshape(shape)
    return header, arrays


def test_blobs_hold_what_the_network_saw(tiny: dict[str, str]) -> None:
    engine = Engine(tiny["reads"])
    sites = sites_of(tiny["reads"], Choice(limit=30), runs=12)
    # The same windows by the door that scores: the planes must be these, to the byte.
    calls, records = Calls(CALLS, annotations=engine.manifest.annotations), Records()
    calls.read(records, 30)
    left, width = engine.manifest.encoder.reference_columns(engine.manifest.window)
    options = ReaderOptions(
        REF, (READS,), None, "gatk", 128, reference_left=left, reference_width=width
    )
    with WindowReader(options) as reader:
        batch = reader.read(records.sites())
        scores = engine.score(batch)
        planes = {int(s): (p, i) for r, p in engine.planes(batch) for i, s in enumerate(r.site)}
    for number, site in enumerate(sites):
        header, arrays = decode(site_blob(site))
        expected, row = planes[number]
        depth = len(site.reads)
        assert depth == batch.depth[number]
        for name, plane in expected.items():
            ours, theirs = arrays[name], plane[row]
            if name in ("bases", "quals", "rows"):
                ours, theirs = ours[:depth], theirs[:depth]
            np.testing.assert_array_equal(ours, theirs, name)
        assert site.score == scores[number]
        assert header["record"]["pos"] == batch.pos[number] + 1
        assert set(arrays) >= {"effect/row", "effect/column", "effect/annotation"}


def test_rows_know_their_reads(tiny: dict[str, str]) -> None:
    """MAPQ and strand in the row are those of the read that the page names there."""
    (site,) = sites_of(tiny["reads"], Choice(sites=(SiteName("synA", 257),)))
    assert len({read.mapq for read in site.reads}) > 1 or len(site.reads) > 5
    for row, read in zip(site.planes["rows"], site.reads, strict=False):
        assert row[1] == read.mapq
        assert bool(row[0] & 1) == bool(read.flag & 16)
        assert bool(row[0] & 4) == bool(read.flag & 64)
    with pysam.AlignmentFile(READS) as bam:
        over = {(r.query_name, r.flag): r for r in bam.fetch("synA", 256, 257)}
    assert {(read.name, read.flag) for read in site.reads} == set(over)
    for read in site.reads:
        theirs = over[read.name, read.flag]
        assert (read.pos, read.cigar) == (theirs.reference_start, theirs.cigarstring)
        assert (read.length, read.template) == (theirs.query_length, theirs.template_length)


def test_more_reads_than_a_byte_counts(tiny: dict[str, str]) -> None:
    """Rows are told apart by numbers in the MAPQ byte: two of them for pileups over 256."""
    from cnnscore.viewer.reads import read_of_row

    calls, records = Calls(str(DATA / "deep.vcf.gz")), Records()
    calls.read(records, 3)
    options = ReaderOptions(REF, (str(DATA / "deep.bam"),), None, "gatk", 4096)
    with WindowReader(options) as reader:
        batch = reader.read(records.sites())
    sites = [i for i in range(3) if batch.depth[i] > 128]
    assert sites
    for site in sites:
        order = read_of_row(batch, site, 128)
        assert sorted(order) == list(range(int(batch.depth[site])))


@pytest.mark.parametrize(
    ("cigar", "expected"),
    [
        ("10M", "GT"),
        ("5M2I3M", "GTTC"),
        ("4M2I4M", "GTTC"),
        ("3M2D5M", ""),
        ("4M1D6M", "G"),
        ("4S6M", "AG"),
        ("4M", None),
        ("3M4N3M", None),
        ("3=2X5=", "GT"),
    ],
)
def test_what_a_read_shows(cigar: str, expected: str | None) -> None:
    """Bases ACGGTTCAGG from position 10, over the reference [13, 15)."""
    bases = np.frombuffer(b"ACGGTTCAGG", np.uint8)
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": 100}]})
    read = pysam.AlignedSegment(header)
    read.query_sequence, read.cigarstring = "ACGGTTCAGG", cigar
    length = read.infer_query_length() or 0
    operators = [("MIDNSHP=X"[op], n) for op, n in read.cigartuples or []]
    shown = shown_bases(bases[:length], operators, 10, 13, 15, True)
    assert shown == expected
    if cigar == "5M2I3M":
        assert shown_bases(bases, operators, 10, 13, 15, False) == "GT"


def test_allele_of_a_read_against_the_pileup(tiny: dict[str, str]) -> None:
    """SNPs: what pysam's pileup says of each read."""
    sites = sites_of(tiny["reads"], Choice(limit=120))
    snps = [site for site in sites if site.kind == KIND_SNP and "*" not in site.record.alt]
    assert len(snps) > 20
    with pysam.AlignmentFile(READS) as bam:
        for site in snps:
            alleles = [site.record.ref, *site.record.alt.split(",")]
            shown = _bases_at(bam, site)
            for read in site.reads:
                theirs = shown[read.name, read.flag]
                wanted = UNSEEN if theirs is None else OTHER
                wanted = alleles.index(theirs) if theirs in alleles else wanted
                assert read.allele == wanted, (site.record.name, read)


def _bases_at(bam: pysam.AlignmentFile, site: Site) -> dict[tuple[str, int], str | None]:
    """Base of each read at POS by pysam: "" in a deletion, None in a gap between its parts."""
    start, bases = site.record.pos - 1, {}
    for read in bam.fetch(site.record.contig, start, start + 1):
        at = {
            position: query for query, position in read.get_aligned_pairs() if position is not None
        }
        query = at.get(start, -1)
        base = "" if query is None else str(read.query_sequence)[query]
        bases[str(read.query_name), read.flag] = None if query == -1 else base
    return bases


def test_indels_support_their_allele(tiny: dict[str, str]) -> None:
    """True calls of the synthetic set: most reads over a homozygous indel show it."""
    with pysam.VariantFile(str(DATA / "truth.vcf.gz")) as truth:
        true = {(r.chrom, r.pos, r.ref, r.alts) for r in truth}
    sites = [
        site
        for site in sites_of(tiny["reads"], Choice(limit=294))
        if (site.record.contig, site.record.pos, site.record.ref, (site.record.alt,)) in true
        and site.kind == KIND_INDEL
        and dict(site.record.sample)["GT"] in ("1/1", "1|1")
    ]
    assert len(sites) > 5
    seen = [read.allele for site in sites for read in site.reads if read.allele != UNSEEN]
    assert np.mean(np.array(seen) == 1) > 0.8


# ---- the choice ----


def columns(scores: list[float], labels: list[int] | None = None) -> Columns:
    return Columns(
        scores=np.array(scores, np.float32),
        typical=np.zeros(0, np.float32),
        matches=np.zeros(0, np.int64),
        labels=np.array(labels or [], np.int8),
    )


def test_worst_and_nearest() -> None:
    nan = float("nan")
    scores = [5, -3, nan, 0.2, -9, 2]
    assert choose(columns(scores), Choice(limit=2, worst=True)).tolist() == [4, 1]
    assert choose(columns(scores), Choice(limit=2, near=1.0)).tolist() == [3, 5]
    labels = [0, 1, 1, 0, 1, 0]
    worst = Choice(limit=4, worst=True)
    assert choose(columns(scores, labels), worst).tolist() == [0, 4, 5, 1]
    outside = [0, 1, 1, 0, -1, -2]
    assert choose(columns(scores, outside), worst).tolist() == [0, 1, 3]


def test_a_sample_is_its_seed() -> None:
    many = columns([0.0] * 1000)
    one, same, other = (
        choose(many, Choice(limit=20, random=True, seed=seed)).tolist() for seed in (1, 1, 2)
    )
    assert one == same != other
    assert len(set(one)) == 20
    assert one == sorted(one)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("chr1:1,234", SiteName("chr1", 1234)),
        ("chr1:5:A:AT,C", SiteName("chr1", 5, "A", "AT,C")),
        ("HLA-A*01:01:01:01:77:A:<DEL>", SiteName("HLA-A*01:01:01:01", 77, "A", "<DEL>")),
        ("HLA-A*01:01:01:01:77", SiteName("HLA-A*01:01:01:01", 77)),
    ],
)
def test_names_of_sites(text: str, name: SiteName) -> None:
    assert SiteName.parse(text) == name
    assert SiteName.parse(str(name)) == name


@pytest.mark.parametrize("text", ["", "chr1", "chr1:", "chr1:x", "chr1:0", ":5:A:T", "chr1:٣"])
def test_no_names_of_sites(text: str) -> None:
    with pytest.raises(UsageError, match="names no site"):
        SiteName.parse(text)


def test_the_choice_by_score_scores_where_the_file_does_not(tiny: dict[str, str]) -> None:
    nearest = sites_of(tiny["reads"], Choice(limit=5, near=0.0))
    everyone = sites_of(tiny["reads"], Choice(limit=1000))
    distances = sorted(abs(site.score) for site in everyone)
    assert sorted(abs(site.score) for site in nearest) == pytest.approx(distances[:5], abs=1e-3)


def test_a_truth_set_labels_sites(tiny: dict[str, str]) -> None:
    sites = sites_of(tiny["reads"], Choice(limit=1000), truth=str(DATA / "truth.vcf.gz"))
    with pysam.VariantFile(str(DATA / "truth.vcf.gz")) as truth:
        names = {f"{r.chrom}:{r.pos}:{r.ref}:{','.join(r.alts or ())}" for r in truth}
    labels = {site.record.name: site.label for site in sites}
    assert set(labels.values()) == {0, 1}
    assert all(label == 1 for name, label in labels.items() if name in names)


def test_sites_without_reads_and_at_edges(tiny: dict[str, str]) -> None:
    sites = sites_of(tiny["reads"], calls=str(DATA / "edge.vcf.gz"), runs=10)
    assert len(sites) == 41
    for site in sites:
        header, arrays = decode(site_blob(site))
        assert header["record"]["ref"] == site.record.ref
        assert arrays["bases"].shape[0] >= len(site.reads)
    assert any(not site.reads for site in sites)
    assert max(len(site.record.alt) for site in sites) >= 200


def test_a_network_without_reads_shows_them_for_comparison(tiny: dict[str, str]) -> None:
    (alone,) = sites_of(tiny["reference"], Choice(limit=1), reads=())
    assert not alone.pileup
    assert set(decode(site_blob(alone))[1]) == {"reference", "annotations"}
    (beside,) = sites_of(tiny["reference"], Choice(limit=1), runs=20)
    _, arrays = decode(site_blob(beside))
    assert {"pileup/bases", "pileup/quals", "pileup/rows", "pileup/reference"} <= set(arrays)
    assert beside.score == alone.score
    assert beside.attribution is not None
    assert set(beside.attribution.effects) == {"column", "annotation"}


def test_regions_and_missing_sites(tiny: dict[str, str]) -> None:
    near = sites_of(tiny["reads"], intervals=Intervals(regions="synA:1-1000"))
    assert near
    assert all(site.record.pos <= 1000 for site in near)
    with pytest.raises(BadInput, match="has no record synA:3 among the 294 read"):
        sites_of(tiny["reads"], Choice(sites=(SiteName("synA", 3),)))


def test_embedded_text_cannot_leave_its_element() -> None:
    hostile = {"name": "</script><script>alert(1)</script><!--\u2028"}
    text = embedded_json(hostile)
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == hostile


def test_an_empty_selection_says_so(tiny: dict[str, str], tmp_path: Path) -> None:
    empty = tmp_path / "empty.vcf"
    with pysam.VariantFile(CALLS) as calls:
        empty.write_text(str(calls.header))
    with pytest.raises(BadInput, match="has no records"):
        sites_of(tiny["reads"], calls=str(empty))


def test_views_are_in_file_order_with_their_rank(tiny: dict[str, str]) -> None:
    view: View
    with open_view(
        CALLS,
        Engine(tiny["reads"]),
        reference=REF,
        reads=(READS,),
        choice=Choice(6, worst=True),
    ) as view:
        sites = list(view.sites)
        assert view.records == 294
        assert view.count == len(sites) == 6
    loci = [(site.record.contig, site.record.pos) for site in sites]
    assert loci == sorted(loci)
    by_rank = [sites[i].score for i in np.argsort(view.rank)]
    assert by_rank == sorted(by_rank)


# ---- networks of our own ----


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("own")
    paths = {name: folder / f"{name}.onnx" for name in ("read-set", "read-set-2", "reference")}
    for name, path in paths.items():
        path.write_bytes(stand_in(name))
    return {name: str(path) for name, path in paths.items()}


@pytest.mark.parametrize("encoding", ["read-set", "read-set-2", "reference"])
def test_our_own_encodings(own: dict[str, str], encoding: str, tmp_path: Path) -> None:
    """Scores as `cnnscore score` writes them; effects of all parts; the reads beside."""
    sites = sites_of(own[encoding], Choice(limit=60), runs=300)
    engine = Engine(own[encoding])
    scored = tmp_path / "scored.vcf"
    reads = () if encoding == "reference" else (READS,)
    score_calls(CALLS, engine, reference=REF, reads=reads, output=str(scored))
    key = engine.manifest.info_key
    with pysam.VariantFile(str(scored)) as records:
        for site, record in zip(sites, records, strict=False):
            assert site.score == pytest.approx(record.info[key], abs=6e-4)
    for site in sites:
        _, arrays = decode(site_blob(site))
        assert set(site.planes) <= set(arrays)
        assert "pileup/bases" in arrays or not site.reads
        assert site.attribution is not None
        for axis, values in site.attribution.effects.items():
            assert np.isfinite(values).all(), axis
        assert np.abs(site.attribution.effects["variant"]).max() > 0


def test_scalars_stand_beside_their_read(own: dict[str, str]) -> None:
    """Row by row: what the scalars say of a read is true of the read named there."""
    column = {name: i for i, name in enumerate(READ_SCALARS)}
    sites = [site for site in sites_of(own["read-set"], Choice(limit=60)) if site.reads]
    agree = []
    for site in sites:
        assert site.planes["mask"].sum() == len(site.reads)
        for scalars, read in zip(site.planes["reads"], site.reads, strict=False):
            assert scalars[column["reverse"]] == bool(read.flag & 16)
            assert scalars[column["mapq"]] == np.float32(min(read.mapq, 60) / 60)
            assert scalars[column["second_of_pair"]] == bool(read.flag & 128)
            assert scalars[column["proper_pair"]] == bool(read.flag & 2)
            if site.kind == KIND_SNP and "," not in site.record.alt and read.allele >= 0:
                agree.append(bool(scalars[column["supports_alt"]]) == (read.allele == 1))
    assert len(agree) > 500
    assert np.mean(agree) == 1


def test_what_our_networks_cannot_score_is_shown_without(own: dict[str, str]) -> None:
    sites = sites_of(own["read-set"], calls=str(DATA / "edge.vcf.gz"), runs=20)
    unscored = [site for site in sites if np.isnan(site.score)]
    assert unscored
    for site in unscored:
        assert not site.planes
        decode(site_blob(site))


def test_rows_of_a_data_set(own: dict[str, str], tmp_path: Path) -> None:
    """The same picture as from the calls, without BAM and FASTA."""
    need_extra("pyarrow")
    data = make(tmp_path / "data.parquet")
    live = {site.record.name: site for site in sites_of(own["read-set"], Choice(limit=1000))}
    choice = Choice(limit=40, worst=True)
    with open_dataset_view(str(data), Engine(own["read-set"]), choice=choice, runs=60) as view:
        sites = list(view.sites)
    assert {site.label for site in sites} == {0, 1}
    for site in sites:
        twin = live[site.record.name]
        if "," not in site.record.alt:
            assert site.score == twin.score
        np.testing.assert_array_equal(site.pileup["bases"], twin.pileup["bases"])
        assert [read.name for read in site.reads] == [read.name for read in twin.reads]
        assert site.attribution is not None
        assert dict(site.record.sample)["label"] in ("SNP", "INDEL", "NOT_SNP", "NOT_INDEL")
        decode(site_blob(site))
    page = tmp_path / "page.html"
    done = run_cli("view", data, "-m", own["read-set"], "--random", 5, "-o", page, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert page.stat().st_size > 50_000
