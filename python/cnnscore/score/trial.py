"""A network is tried before it is used: on sites made here, whatever the user's data are.

A file's manifest may promise what its graph does not do. What the trial shows is said at once, at
every door, and not in the middle of a run.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import KIND_INDEL, KIND_SNP, WindowBatch, offsets_of
from cnnscore.description import Description
from cnnscore.errors import BadInput
from cnnscore.network.session import attentively

TRIAL_SECONDS = 60.0
SITES, READS, READ_LENGTH, BEFORE, CONTIG = 4, 6, 80, 40, 20_000
_CALLERS = {"MQ": 60.0, "DP": 30.0, "QD": 18.0, "SOR": 0.7, "FS": 1.5, "QUAL": 500.0, "AF": 0.5}
"""What good calls have; other annotations are 0."""


def try_out(
    score: Callable[[WindowBatch], NDArray[np.float32]],
    cancel: Callable[[], None],
    network: Description,
    file: str,
    seconds: float | None,
) -> None:
    """Let a network score a few sites, in `seconds` (None: as long as it takes).

    Errors: BadInput naming `file` when it fails, gives no finite score at any site, or does not
    end: then `cancel()` must end `score(batch)`.
    """
    batch = trial_batch(network)
    try:
        scores = attentively(lambda: score(batch), cancel, seconds)
    except TimeoutError:
        raise BadInput(
            f"{file}: the network has not scored {SITES} sites in {seconds:.0f} s: does its graph "
            "have a loop that never ends? Import or train it again"
        ) from None
    if not np.isfinite(scores).any():
        raise BadInput(
            f"{file}: the network gives no finite score at any site (NaN or infinite weights?): "
            "import or train it again"
        )


def trial_batch(network: Description) -> WindowBatch:
    """SNPs and deletions in a made-up genome, each with reads of both alleles where reads are
    wanted.
    """
    # As good as random; numpy.random would be imported for this alone, in each run.
    noise = np.frombuffer(hashlib.shake_128(b"trial").digest(CONTIG), np.uint8)
    bases = np.frombuffer(b"ACGT", np.uint8)[noise & 3]
    pos = np.arange(1, SITES + 1, dtype=np.int64) * (CONTIG // (SITES + 1))
    deletes = np.arange(SITES) % 2 == 1
    alleles, reads = [], []
    depth = min(READS, network.read_limit) if network.needs_reads else 0
    for site, deletion in zip(pos.tolist(), deletes.tolist(), strict=True):
        ref = bases[site : site + 1 + deletion].tobytes()
        alt = ref[:1] if deletion else b"ACGT"[b"CGTA".index(ref) : b"CGTA".index(ref) + 1]
        alleles += [ref, alt]
        for number in range(depth):
            begin = site - BEFORE + 5 * number
            read = bases[begin : begin + READ_LENGTH].copy()
            if not deletion and number % 2:
                read[site - begin] = alt[0]
            reads.append(_bam_record(begin, read, number))
    columns = pos[:, None] - network.reference_left + np.arange(network.reference_width)
    inside = (columns >= 0) & (columns < CONTIG)
    callers = [_CALLERS.get(key, 0.0) for key in network.annotations]
    return WindowBatch(
        contig=np.zeros(SITES, np.int32),
        pos=pos,
        end=pos + 1 + deletes,
        kind=np.where(deletes, KIND_INDEL, KIND_SNP).astype(np.uint8),
        site_allele=np.arange(SITES + 1, dtype=np.int64) * 2,
        allele_offset=offsets_of([len(allele) for allele in alleles]),
        alleles=np.frombuffer(b"".join(alleles), np.uint8),
        annotations=np.tile(np.array(callers, np.float32), (SITES, 1)),
        reference=np.where(inside, bases[columns.clip(0, CONTIG - 1)], 0).astype(np.uint8),
        site_read=np.arange(SITES + 1, dtype=np.int64) * depth,
        read_offset=offsets_of([len(read) for read in reads]),
        reads=np.frombuffer(b"".join(reads), np.uint8),
        contig_length=np.array([CONTIG], np.int64),
        contig_offset=np.array([0, 5], np.int64),
        contig_names=np.frombuffer(b"trial", np.uint8),
        qual=np.full(SITES, _CALLERS["QUAL"], np.float32),
        reference_left=network.reference_left,
    )


def _bam_record(pos: int, read: NDArray[np.uint8], number: int) -> bytes:
    """A read that matches from `pos` on (SAM specification, 4.2), without block_size."""
    letters = np.searchsorted(np.frombuffer(b"ACGT", np.uint8), read)
    codes = np.array([1, 2, 4, 8], np.uint8)[letters]
    name, n = b"r\0", len(read)
    flag = 16 * (number % 2)
    fixed = struct.pack("<iiBBHHHIiii", 0, pos, len(name), 60, 0, 1, flag, n, -1, -1, 0)
    packed = (codes[::2] << 4 | codes[1::2]).tobytes()
    return fixed + name + struct.pack("<I", n << 4) + packed + bytes([30]) * n
