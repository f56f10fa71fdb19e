"""Small whole files of each kind, out of tests/data/synthetic: some 30 records, some 200 reads.

Most are not packed: content of the same length leaves their indexes right, and is read by them.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pysam

from hosts.bgzf import bgzf
from hosts.stand_in import write_stand_ins
from hosts.tiny_network import with_manifest, write_tiny_networks

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "synthetic"
PLACES = (("synA", 0, 1200), ("synA", 18_000, 19_200), ("synA", 36_000, 37_200), ("synB", 0, 1500))
"""Of several bins of each index."""
READS_KEPT = 6
"""Every sixth: three to four over a site."""
FASTA_BLOCK = 8000


def write_inputs(folder: Path) -> None:
    """All files that fuzz/kinds.py names, indexes not older than what they are of."""
    shutil.copy(DATA / "ref.fa", folder)
    shutil.copy(DATA / "ref.fa.fai", folder)
    _networks(folder)
    _reads(folder)
    _calls(folder)
    (folder / "small.fa.gz").write_bytes(bgzf((folder / "ref.fa").read_bytes(), FASTA_BLOCK))
    pysam.faidx(str(folder / "small.fa.gz"))
    for index in folder.glob("*.*i"):
        os.utime(index)


def _networks(folder: Path) -> None:
    """Of each encoding one; tiny.jar has one as GATK's jars have them."""
    made = folder / "made"
    made.mkdir()
    tiny, ours = write_tiny_networks(made), write_stand_ins(made / "..")
    cutoffs = {"SNP": {"99.0": 0.0}, "INDEL": {"99.0": 0.0}}
    with_manifest(tiny["reference"], folder / "gatk-reference.onnx", cutoffs=cutoffs)
    with_manifest(ours["read-set"], folder / "read-set.onnx", cutoffs=cutoffs)
    shutil.copy(tiny["reads"], folder / "gatk-reads.onnx")
    with zipfile.ZipFile(folder / "tiny.jar", "w", zipfile.ZIP_DEFLATED) as jar:
        for end in ("json", "hd5"):
            inside = (made / f"reference.{end}").read_bytes()
            jar.writestr(zipfile.ZipInfo(f"models/tiny.{end}"), inside)
    shutil.rmtree(made)


def _reads(folder: Path) -> None:
    bam, cram = folder / "reads.bam", folder / "reads.cram"
    with (
        pysam.AlignmentFile(str(DATA / "reads.bam")) as source,
        pysam.AlignmentFile(str(bam), "wb", header=source.header) as few,
    ):
        for contig, begin, end in PLACES:
            for number, read in enumerate(source.fetch(contig, begin, end)):
                if number % READS_KEPT == 0:
                    few.write(read)
    content = gzip.decompress(bam.read_bytes())
    bam.write_bytes(bgzf(content, level=0))
    pysam.index(str(bam))
    (folder / "by_csi.bam").write_bytes(bgzf(content))
    pysam.index("-c", str(folder / "by_csi.bam"))
    small = ("--output-fmt", "cram,version=3.0,seqs_per_slice=40")
    fasta = str(folder / "ref.fa")
    pysam.view("-T", fasta, *small, "-o", str(cram), str(bam), catch_stdout=False)
    pysam.index(str(cram))


def _calls(folder: Path) -> None:
    """With scores, so that `filter` takes them too."""
    plain, scored = folder / "calls.vcf", folder / "scored.vcf"
    with gzip.open(DATA / "calls.vcf.gz") as lines:
        plain.write_bytes(b"".join(line for line in lines if _is_kept(line)))
    command = [sys.executable, "-m", "cnnscore", "score", plain, "-R", folder / "ref.fa", "--quiet"]
    command += ["-m", folder / "gatk-reference.onnx", "--no-version", "-o", scored]
    subprocess.run([str(word) for word in command], check=True)
    text = scored.read_bytes()
    for name in ("calls.vcf.gz", "by_csi.vcf.gz", "known.vcf.gz"):
        csi = name == "by_csi.vcf.gz"
        (folder / name).write_bytes(bgzf(text, level=6 if csi else 0))
        pysam.tabix_index(str(folder / name), preset="vcf", csi=csi, force=True)
    # Whose network nothing says: any may be named for it.
    said = text.splitlines(keepends=True)
    unnamed = [line for line in said if not line.startswith(b"##cnnscore_model")]
    (folder / "unnamed.vcf.gz").write_bytes(bgzf(b"".join(unnamed)))
    bcf = subprocess.run(
        ["bcftools", "view", "--no-version", "-Ou", scored], capture_output=True, check=True
    )
    for name in ("calls.bcf", "known.bcf", "packed.bcf"):
        (folder / name).write_bytes(bgzf(bcf.stdout, level=6 if name == "packed.bcf" else 0))
        subprocess.run(["bcftools", "index", folder / name], check=True)
    plain.unlink()
    scored.unlink()


def _is_kept(line: bytes) -> bool:
    if line.startswith(b"#"):
        return True
    contig, pos = line.split(b"\t", 2)[:2]
    return any(
        contig.decode() == name and begin + 200 < int(pos) < end - 200
        for name, begin, end in PLACES
    )
