"""api_caller.py DATA FOLDER: the Python API as its users call it, with what pysam gives them.

Into FOLDER go the calls as BCF, the reads as CRAM, what `Scorer.score` writes (api.vcf), and the
scores as a VCF has them, one per line (scores).
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from numpy.typing import NDArray

import cnnscore

data, folder = (Path(name).resolve() for name in sys.argv[1:])
calls, ref, reads = (str(data / name) for name in ("calls.vcf.gz", "ref.fa", "reads.bam"))
bcf, cram = str(folder / "calls.bcf"), str(folder / "reads.cram")
with pysam.VariantFile(calls) as source, pysam.VariantFile(bcf, "wb", header=source.header) as to:
    for one in source:
        to.write(one)
with (
    pysam.AlignmentFile(reads) as bam,
    pysam.AlignmentFile(cram, "wc", template=bam, reference_filename=ref) as written,
):
    for read in bam:
        written.write(read)
pysam.index(cram)

found: dict[str, NDArray[np.float32]] = {}
with (
    cnnscore.open() as scorer,
    pysam.FastaFile(ref) as fasta,
    pysam.VariantFile(calls) as vcf,
    pysam.VariantFile(bcf) as binary,
    pysam.VariantFile(f"file://{calls}") as remote,
    pysam.AlignmentFile(reads) as bam,
    pysam.AlignmentFile(cram, reference_filename=ref) as compressed,
    pysam.AlignmentFile(f"file://{reads}") as far,
):
    ways: dict[str, tuple[Any, Any, Any]] = {
        "names": (calls, ref, reads),
        "Paths": (Path(calls), Path(ref), [Path(reads)]),
        "files of pysam": (vcf, fasta, bam),
        "BCF and CRAM": (binary, fasta, [compressed]),
        "names of URLs": (f"file://{calls}", f"file://{ref}", f"file://{reads}"),
        "files at URLs": (remote, fasta, far),
    }
    for name, files in ways.items():
        found[name] = scorer.table(files[0], reference=files[1], reads=files[2])["score"]
    pairs = list(scorer.iter(vcf, reference=fasta, reads=bam))
    found["records that iter gives"] = np.array([score for _, score in pairs], np.float32)
    found["records in a list"] = scorer.score_records(
        [record for record, _ in pairs], reference=ref, reads=compressed
    )
    with pickle.loads(pickle.dumps(scorer)) as copy:
        found["a scorer that was pickled"] = copy.table(bcf, reference=ref, reads=cram)["score"]
    summary = scorer.score(vcf, reference=fasta, reads=bam, output=folder / "api.vcf")

first = found["names"]
assert first.dtype == np.float32
assert len(first) == summary.scored == len(pairs)
for name, scores in found.items():
    assert scores.tobytes() == first.tobytes(), name
(folder / "scores").write_text("".join(f"{float(f'{score:.3f}'):g}\n" for score in first))
print(f"{len(found)} ways, {len(first)} scores, the same to the bit")
