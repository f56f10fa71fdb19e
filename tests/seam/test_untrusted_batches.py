"""Batches that lie about themselves: libcnnscore.so trusts no length of its host's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hosts.server import Windows
from seam.conftest import BATCH
from seam.library import Library, Refused


@pytest.mark.parametrize(
    ("lies", "words"),
    [
        ({"struct_size": 8}, "made for another version of cnnscore.h"),
        ({"struct_size": 0}, "made for another version of cnnscore.h"),
        ({"n_annotations": -1}, "a count is negative"),
        ({"n_contigs": -1}, "a count is negative"),
        ({"n_contigs": 0}, "its contig is number 0 of 0"),
        ({"reference_left": -1}, "POS stands at column -1"),
        ({"reference_width": 70}, "reference columns before POS"),
        ({"contig": None}, "contigs, ends or kinds are missing"),
        ({"pos": None}, "positions or alleles are missing"),
        ({"annotations": None}, "annotations are missing"),
        ({"n_annotations": 6}, "6 annotations per site where"),
        ({"reference": None}, "the reference is missing"),
        ({"site_read": None}, "the reads are missing"),
        ({"contig_names": None}, "contig names or lengths are missing"),
    ],
)
def test_lying_batches(
    inside: Library, engine: Any, case: Windows, lies: dict[str, Any], words: str
) -> None:
    pointers = {name: inside.ffi.NULL for name, value in lies.items() if value is None}
    struct = inside.batch(case.batch, **(lies | pointers))
    with pytest.raises(Refused) as refused:
        inside.score(engine, struct, len(case.batch))
    code, message, emptied = refused.value.args
    assert code == BATCH
    assert words in message
    # Of a batch of another layout we do not know where n_sites is.
    assert emptied == ("struct_size" not in lies)


@pytest.mark.parametrize("column", ["site_allele", "allele_offset", "site_read", "read_offset"])
@pytest.mark.parametrize("lie", [-1, 10**9, 2**62])
def test_lying_offsets(
    inside: Library, engine: Any, windows: dict[str, Windows], case: Windows, column: str, lie: int
) -> None:
    changed = getattr(windows["reads"].batch, column).copy()
    changed[3] = lie
    with pytest.raises(Refused, match="out of range") as refused:
        inside.score(
            engine,
            inside.batch(replace(windows["reads"].batch, **{column: changed})),
            len(windows["reads"].batch),
        )
    assert refused.value.args[0] == BATCH
    assert refused.value.args[2]


def test_more_reads_than_the_network_takes(inside: Library, windows: dict[str, Windows]) -> None:
    """A site with its reads repeated a hundred times."""
    batch = windows["reads"].batch
    n_reads = int(batch.site_read[1])
    sizes = np.tile(np.diff(batch.read_offset[: n_reads + 1]), 100)
    deep = replace(
        batch,
        site_read=np.concatenate([[0], np.full(len(batch), n_reads * 100)]),
        read_offset=np.concatenate([[0], np.cumsum(sizes)]),
        reads=np.tile(batch.reads[: batch.read_offset[n_reads]], 100),
    )
    engine = inside.open(windows["reads"].model)
    with pytest.raises(Refused) as refused:
        inside.score(engine, inside.batch(deep), len(deep))
    inside.lib.cnnscore_engine_close(engine)
    locus = batch.locus(0)
    assert refused.value.args[0] == BATCH
    assert f"{n_reads * 100} reads at {locus} where" in refused.value.args[1]
