"""pysam and cnnscore in one process: `python two_htslibs.py "pysam, cnnscore.calls.records" DATA`.

The modules are imported in the order given. Both then read the calls and reads of DATA, by turns.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

order, data = sys.argv[1].split(", "), Path(sys.argv[2])
for module in order:
    import_module(module)

import pysam  # noqa: E402
from pysam.version import __htslib_version__  # noqa: E402

import cnnscore  # noqa: E402
from cnnscore.calls.htslib import htslib_source, htslib_version  # noqa: E402

pysam.set_verbosity(0)  # it would miss an index
with tempfile.TemporaryDirectory() as work:
    scored = f"{work}/scored.vcf.gz"
    with pysam.AlignmentFile(str(data / "reads.bam")) as reads:
        first = next(reads)
        summary = cnnscore.open(model="reads").score(
            str(data / "calls.vcf.gz"),
            reference=str(data / "ref.fa"),
            reads=[str(data / "reads.bam")],
            output=scored,
        )
        count = 1 + sum(1 for _ in reads)
    with pysam.VariantFile(scored) as calls:
        scores = [record.info["CNN_READS"] for record in calls]
assert first.query_name
assert len(scores) == summary.sites == summary.scored > 0
print(
    f"htslib {htslib_version()} ({htslib_source()}) and pysam's "
    f"{__htslib_version__} in one process ({sys.argv[1]}): "
    f"{len(scores)} scores, {count} reads"
)
