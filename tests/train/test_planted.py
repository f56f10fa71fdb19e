"""`cnnscore dataset --plant`: real reads with planted truth, out of one BAM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest

from conftest import DATA, run_cli
from hosts.planting import edited, of_two_samples, planted
from hosts.training_data import need_extra

need_extra("pyarrow")

from cnnscore.dataset.parquet import Dataset
from cnnscore.description import LABELS
from cnnscore.plant.sites import NEAR_TRUTH
from cnnscore.truth.regions import Regions

FILES = {
    *("reads.bam", "reads.bam.bai", "ref.fa", "ref.fa.fai", "ref.dict"),
    *("truth.vcf.gz", "truth.vcf.gz.tbi", "confident.bed", "exclude.bed"),
    *("bcftools.vcf.gz", "bcftools.vcf.gz.tbi"),
}


def alleles(vcf: Path, contig: str | None = None) -> set[tuple[str, int, str, str]]:
    with pysam.VariantFile(str(vcf)) as file:
        return {
            (record.chrom, record.pos, record.ref or "", alt)
            for record in file
            for alt in record.alts or ()
            if contig in (None, record.chrom)
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds over the synthetic reads."""
    output = tmp_path_factory.mktemp("planted") / "out"
    done = planted(output, "--seeds", "1,2", "--threads", 1)
    assert done.code == 0, done.err
    assert "seed 2: " in done.err
    return output


def test_what_is_there(folder: Path) -> None:
    for seed in ("seed1", "seed2"):
        assert {path.name for path in (folder / seed).iterdir()} == FILES
    names = {path.name for path in folder.iterdir()}
    datasets = {f"SYN1.seed{seed}.bcftools.parquet" for seed in (1, 2)}
    assert names == {"seed1", "seed2", *datasets}


def test_the_truth_makes_the_samples_own_sequence_of_the_planted_reference(folder: Path) -> None:
    """Of both seeds the same sequence comes out: real variants and all."""

    def own(seed: str) -> list[str]:
        sequences = []
        with (
            pysam.FastaFile(str(folder / seed / "ref.fa")) as fasta,
            pysam.VariantFile(str(folder / seed / "truth.vcf.gz")) as truth,
        ):
            for contig in fasta.references:
                text, parts, at = fasta.fetch(contig), [], 0
                for record in truth.fetch(contig):
                    (alt,) = record.alts or ("",)
                    assert text[record.start : record.stop] == record.ref
                    assert at <= record.start
                    parts += [text[at : record.start], alt]
                    at = record.stop
                sequences.append("".join(parts) + text[at:])
        return sequences

    assert own("seed1") == own("seed2")
    first, second = (alleles(folder / seed / "truth.vcf.gz") for seed in ("seed1", "seed2"))
    assert len(first) > 60
    assert len(first & second) < 5


def test_real_homozygous_variants_are_in_the_planted_reference(folder: Path) -> None:
    """A truth set of the sample knows them: none of them is called again."""
    with pysam.VariantFile(str(DATA / "truth.vcf.gz")) as truth:
        homozygous = sum(record.samples[0]["GT"] == (1, 1) for record in truth)
    assert homozygous > 20
    reference = "".join(pysam.FastaFile(str(DATA / "ref.fa")).fetch(c) for c in ("synA", "synB"))
    calls = alleles(folder / "seed1" / "bcftools.vcf.gz")
    truth_alleles = alleles(folder / "seed1" / "truth.vcf.gz")
    assert len(reference) == 52_000
    with pysam.VariantFile(str(folder / "seed1" / "bcftools.vcf.gz")) as file:
        all_reads = [
            (record.chrom, record.pos, record.ref, record.alts[0])
            for record in file
            if record.alts and record.samples[0]["AD"][0] == 0 and record.info["DP"] > 15
        ]
    # What all reads have is what was planted, but for one spelled otherwise or own at the ends.
    confident = Regions.read(str(folder / "seed1" / "confident.bed"))
    judged = [
        call
        for call in all_reads
        if confident.contains([call[0].encode()], np.zeros(1, np.int32), np.array([call[1] - 1]))[0]
    ]
    assert len(judged) > 10
    assert sum(call not in truth_alleles for call in judged) <= 1
    assert calls & truth_alleles


def test_own_heterozygotes_are_not_judged(folder: Path) -> None:
    """Found again in the planted reference by the bases around them."""
    excluded = Regions.read(str(folder / "seed1" / "exclude.bed"))
    with pysam.FastaFile(str(folder / "seed1" / "ref.fa")) as fasta:
        planted_reference = {name: fasta.fetch(name) for name in fasta.references}
    n = 0
    with (
        pysam.VariantFile(str(DATA / "truth.vcf.gz")) as truth,
        pysam.FastaFile(str(DATA / "ref.fa")) as fasta,
    ):
        for record in truth:
            if sorted(record.samples[0]["GT"]) != [0, 1]:
                continue
            around = fasta.fetch(record.chrom, record.start - 12, record.stop + 12)
            text = planted_reference[record.chrom]
            if text.count(around) != 1:
                continue  # something was planted there
            pos = np.array([text.index(around) + 12])
            assert excluded.contains([record.chrom.encode()], np.zeros(1, np.int32), pos)[0], record
            n += 1
    assert n > 30


def test_labels_are_the_truths_and_false_ones_are_weak(folder: Path) -> None:
    for seed in ("seed1", "seed2"):
        dataset = Dataset(folder / f"SYN1.{seed}.bcftools.parquet")
        assert dataset.layout.tags == {"caller": "bcftools", "planted": seed}
        truth = alleles(folder / seed / "truth.vcf.gz")
        at_truth: dict[str, list[int]] = {}
        for contig, pos, _, _ in truth:
            at_truth.setdefault(contig, []).append(pos - 1)
        depth = {}
        with pysam.VariantFile(str(folder / seed / "bcftools.vcf.gz")) as file:
            for record in file:
                depth[record.chrom, record.start] = record.samples[0]["AD"]
        n_true = n_false = n_strong = 0
        for batch, rows in dataset.batches():
            for i, label in enumerate(rows.label):
                contig, pos = batch.contig_name(batch.contig[i]), int(batch.pos[i])
                if LABELS[label] in ("SNP", "INDEL"):
                    n_true += 1
                    continue
                n_false += 1
                assert min(abs(pos - t) for t in at_truth[contig]) >= NEAR_TRUTH - 1
                counts = depth[contig, pos]
                n_strong += counts[rows.allele[i]] > 0.25 * sum(counts)
        # Reads of a copy, which what was planted draws to another place, may be strong.
        assert n_strong <= 0.02 * n_false
        assert n_true >= 0.93 * len(truth)
        assert n_false > 30


def test_haplotypes_are_half_of_the_reads(folder: Path) -> None:
    shares = {"SNP": [0, 0], "INDEL": [0, 0]}
    with (
        pysam.VariantFile(str(folder / "seed1" / "bcftools.vcf.gz")) as calls,
        pysam.VariantFile(str(folder / "seed1" / "truth.vcf.gz")) as truth,
    ):
        genotypes = {
            (record.chrom, record.pos, record.ref, record.alts): record.samples[0]["GT"]
            for record in truth
        }
        assert {genotypes[key] for key in genotypes} == {(1, 1), (0, 1), (1, 0)}
        for record in calls:
            genotype = genotypes.get((record.chrom, record.pos, record.ref, record.alts))
            if genotype and genotype != (1, 1):
                kind = "SNP" if len(record.ref or "") == len((record.alts or ("",))[0]) else "INDEL"
                counts = record.samples[0]["AD"]
                shares[kind][0] += counts[0]
                shares[kind][1] += counts[1]
    for ref, alt in shares.values():
        assert ref + alt > 150
        assert 0.42 < alt / (ref + alt) < 0.58


def test_the_same_seed_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    done = planted(tmp_path / "again", "--seeds", "2", "--threads", 3, "--quiet")
    assert done.code == 0, done.err
    for name in sorted(FILES):
        one, other = folder / "seed2" / name, tmp_path / "again" / "seed2" / name
        assert one.read_bytes() == other.read_bytes(), name
    a, b = (
        Dataset(where / "SYN1.seed2.bcftools.parquet").rows()
        for where in (folder, tmp_path / "again")
    )
    assert a.label.tolist() == b.label.tolist()


def test_a_cram_is_planted_as_its_bam(folder: Path, tmp_path: Path) -> None:
    cram = tmp_path / "reads.cram"
    subprocess.run(
        ["samtools", "view", "-CT", DATA / "ref.fa", "-o", cram, DATA / "reads.bam"], check=True
    )
    subprocess.run(["samtools", "index", cram], check=True)
    done = planted(tmp_path / "out", "--quiet", reads=cram)
    assert done.code == 0, done.err
    for name in ("ref.fa", "reads.bam", "truth.vcf.gz", "bcftools.vcf.gz", "confident.bed"):
        assert (tmp_path / "out/seed1" / name).read_bytes() == (
            folder / "seed1" / name
        ).read_bytes()


def unpaired(_: int, fields: list[str]) -> list[list[str]]:
    if fields[0].startswith("@"):
        return [fields]
    flag = int(fields[1])
    name = f"{fields[0]}.{flag & 192}"
    return [[name, str(flag & 16), *fields[2:6], "*", "0", "0", *fields[9:]]]


def test_regions_unpaired_reads_and_one_chromosome_set(tmp_path: Path) -> None:
    single = edited(tmp_path / "single.bam", unpaired)
    regions = ("-r", "synA:10001-25000,synB")
    done = planted(tmp_path / "out", *regions, "--ploidy", 1, "--quiet", reads=single)
    assert done.code == 0, done.err
    with pysam.AlignmentFile(str(tmp_path / "out/seed1/reads.bam")) as bam:
        assert bam.references == ("synA_10001_25000", "synB")
        assert not any(read.is_paired for read in bam)
    with pysam.VariantFile(str(tmp_path / "out/seed1/truth.vcf.gz")) as truth:
        assert {record.samples[0]["GT"] for record in truth} == {(1, 1)}
    # Where few reads lie, or a region ends, nothing is judged.
    judged = Regions.read(str(tmp_path / "out/seed1/confident.bed")).spans
    assert judged[b"synA_10001_25000"].begin.min() >= 300
    assert judged[b"synA_10001_25000"].end.max() <= 15_200 - 300


def test_mates_outside_the_regions_come_along(tmp_path: Path) -> None:
    done = planted(tmp_path / "out", "-r", "synA:10001-14000", "--quiet")
    assert done.code == 0, done.err
    with pysam.AlignmentFile(str(tmp_path / "out/seed1/reads.bam")) as bam:
        reads = [read for read in bam.fetch(until_eof=True) if not read.is_supplementary]
    names = [read.query_name for read in reads]
    assert all(read.is_paired for read in reads)
    assert len(names) == 2 * len(set(names))
    assert any(read.is_unmapped for read in reads)


def test_own_callers_and_aligners(tmp_path: Path) -> None:
    """Commands of the user's, one that prints and one that writes {calls}."""
    call = "bcftools mpileup -f {reference} {reads} | bcftools call -mv --ploidy {ploidy}"
    aligner = "bwa index {reference} && bwa mem -p -T 20 {reference} {reads}"
    done = planted(
        tmp_path / "out",
        *("--caller", f"printed={call}", "--caller", f"written={call} -o {{calls}}"),
        *("--aligner", aligner, "--tag", "lane=3", "--name", "mine", "--quiet"),
    )
    assert done.code == 0, done.err
    one, other = (tmp_path / "out/seed1" / f"{name}.vcf.gz" for name in ("printed", "written"))
    assert alleles(one) == alleles(other)
    layout = Dataset(tmp_path / "out/mine.seed1.printed.parquet").layout
    assert layout.tags == {"lane": "3", "caller": "printed", "planted": "seed1"}


def test_a_network_is_trained_on_it(folder: Path, tmp_path: Path) -> None:
    need_extra("torch")
    steps = ("training.steps=8", "training.batch=32", "training.evaluate_every=4")
    settings = [word for step in steps for word in ("--set", step)]
    done = run_cli("train", "read-set", folder, "-o", tmp_path / "run", *settings)
    assert done.code == 0, done.err
    assert (tmp_path / "run/read-set.onnx").exists()


def test_the_chosen_sample_alone_is_taken(tmp_path: Path) -> None:
    reads = edited(tmp_path / "reads.bam", of_two_samples)
    done = planted(tmp_path / "out", "--sample", "SYN1", "--quiet", reads=reads)
    assert done.code == 0, done.err
    with (
        pysam.AlignmentFile(str(tmp_path / "out/seed1/reads.bam")) as bam,
        pysam.AlignmentFile(str(reads)) as all_reads,
    ):
        chosen = sum(read.get_tag("RG") == "rg1" for read in all_reads)
        assert sum(not read.is_supplementary for read in bam.fetch(until_eof=True)) == chosen


def test_no_index_and_what_is_there_already(tmp_path: Path, folder: Path) -> None:
    bare = tmp_path / "bare.bam"
    shutil.copy(DATA / "reads.bam", bare)
    done = planted(tmp_path / "out", reads=bare)
    assert done.code == 2
    assert "samtools index" in done.err
    done = planted(folder)
    assert done.code == 1
    assert "seed1 is there already: --overwrite replaces it" in done.err
    done = planted(tmp_path / "data.parquet")
    assert "must be a folder" in done.err


# ---- real reads ----


def test_real_reads_get_labels_like_those_made_by_hand(shared: Path, tmp_path: Path) -> None:
    """NA12878, HiSeq 2500, 30x: ../shared/data/README.md describes the method and its figures."""
    if shutil.which("freebayes") is None:
        pytest.skip("needs freebayes: `make test` installs it")
    source = shared / "data/planted/hg001-chr1-hiseq2500"
    for name in ("reads.bam", "reads.bam.bai", "ref.fa.gz", "ref.fa.gz.fai", "ref.fa.gz.gzi"):
        shutil.copy(source / name, tmp_path)
    done = run_cli(
        *("dataset", "--plant", "-R", tmp_path / "ref.fa.gz", "-I", tmp_path / "reads.bam"),
        *("-r", "1:10106632-10212333", "--caller", "freebayes", "--caller", "bcftools"),
        *("--block", 5000, "--quiet", "-o", tmp_path / "out"),
    )
    assert done.code == 0, done.err
    made = tmp_path / "out/seed1"
    n_truth = len(alleles(made / "truth.vcf.gz"))
    # By hand: 250 alleles in the same reads, 174 SNPs and 74 indels of them called.
    assert 200 < n_truth < 300
    counts = {}
    for caller in ("freebayes", "bcftools"):
        rows = Dataset(tmp_path / f"out/NA12878.seed1.{caller}.parquet").rows()
        counts[caller] = dict(zip(LABELS, np.bincount(rows.label, minlength=4), strict=True))
        n_true = counts[caller]["SNP"] + counts[caller]["INDEL"]
        assert n_true >= 0.97 * n_truth
        assert counts[caller]["INDEL"] / n_true == pytest.approx(0.32, abs=0.1)
    # 470 false SNPs and 1 false indel of freebayes by hand.
    assert 250 < counts["freebayes"]["NOT_SNP"] < 800
    assert counts["freebayes"]["NOT_INDEL"] < 20
    # GIAB's heterozygous SNPs of this sample, neither true nor false, are not judged: their
    # number of places at least is left out, apart from the ends.
    holes = Regions.read(str(made / "exclude.bed")).spans[b"1_10106632_10212333"]
    assert 10 <= len(holes.begin) < 200
    # True calls score high with `reads`, false ones low.
    scored = tmp_path / "scored.vcf.gz"
    done = run_cli(
        *("score", made / "freebayes.vcf.gz", "-R", made / "ref.fa", "-I", made / "reads.bam"),
        *("-m", "reads", "-o", scored, "-W", "--quiet"),
    )
    assert done.code == 0, done.err
    true = alleles(made / "truth.vcf.gz")
    scores: dict[bool, list[float]] = {True: [], False: []}
    with pysam.VariantFile(str(scored)) as file:
        for record in file:
            keys = {(record.chrom, record.pos, record.ref or "", alt) for alt in record.alts or ()}
            if keys <= true:
                scores[True].append(record.info["CNN_READS"])
            elif not keys & true and (record.qual or 0) < 1:
                scores[False].append(record.info["CNN_READS"])
    assert len(scores[True]) > 150
    assert np.median(scores[True]) > 3
    assert np.mean(np.array(scores[True]) > 0) > 0.97
    assert np.median(scores[False]) < -2
