"""Give true calls in clusters the weight that such calls have in real genomes.

The individuals have many clusters of true variants (genome.py), so that a network meets them in
every form: two fifths of all true variants have three others within 100 bases, one in fifteen in
HG002. Unweighted, they would teach it that a read with several mismatches is a good sign, and
paralogues would pass.

Command: python weigh.py DATA.parquet TRUTH.vcf.gz OUT.parquet
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

NEAR, NEIGHBOURS = 100, 3
WEIGHT = 0.12
TRUE_LABELS = ("SNP", "INDEL")
ROWS_PER_GROUP = 1024


def clustered(pos: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[n] positions with at least NEIGHBOURS of `truth` within NEAR bases, itself not counted."""
    truth = np.sort(truth)
    low, high = np.searchsorted(truth, pos - NEAR), np.searchsorted(truth, pos + NEAR, "right")
    return np.asarray(high - low - 1 >= NEIGHBOURS)


def main() -> None:
    """Read a data set, write it with other weights."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data, vcf, out = sys.argv[1:4]
    query = ["bcftools", "query", "-f", "%POS0\n", vcf]
    text = subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True).stdout
    truth = np.array(text.split(), np.int64)
    table = pq.read_table(data)
    label, pos = np.array(table["label"].to_pylist()), table["pos"].to_numpy()
    weight = table["weight"].to_numpy().copy()
    weight[np.isin(label, TRUE_LABELS) & clustered(pos, truth)] *= WEIGHT
    at = table.schema.get_field_index("weight")
    column = pa.array(weight, table.schema.field(at).type)
    table = table.set_column(at, table.schema.field(at), column)
    pq.write_table(table, out, compression="zstd", row_group_size=ROWS_PER_GROUP)


if __name__ == "__main__":
    main()
