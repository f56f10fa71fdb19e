"""Domain randomisation: a minibatch's planes changed as other machines and aligners would.

A network must not learn the simulator, nor one laboratory. Each change imitates a way in which
samples differ that has nothing to do with whether a call is true (docs/tasks/training.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnscore.network.encode import READ_NONE, READ_SCALARS, Planes
from cnnscore.train.config import Randomisation
from cnnscore.train.samples import ANNOTATIONS_FROM_READS

# How READ_SCALARS are scaled: docs/reference/encodings.md.
_MISMATCH, _MISMATCH_LIMIT, _QUALITY = 1 / 5, 2.0, 1 / 40
_NEAR, _INDEL, _INDEL_LIMIT = 1 / 3, 1 / 2, 2.0
# Of odd reads: the part without its mate, and the mean mismatches of the others.
_MATE_LOST, _ODD_MISMATCHES = 0.6, 4
_MOST_LOST_READS = 0.6
_NEAR_PART = 0.15  # of extra mismatches and indels, those that fall near the site
_COLUMN = {name: i for i, name in enumerate(READ_SCALARS)}
_PAIR_SCALARS = ("proper_pair", "mate_elsewhere", "second_of_pair")
_REVERSE_FLAG = 1  # of a row's flag bits, the one that says nothing of the pair


def randomise(
    planes: Planes,
    options: Randomisation,
    keys: Sequence[str],
    deviation: NDArray[np.float32],
    random: np.random.Generator,
) -> Planes:
    """The planes of a minibatch, changed; `keys` and `deviation` [A] are the annotations' names and
    standard deviations.

    The same generator gives the same changes.
    """
    planes = {name: np.array(plane) for name, plane in planes.items()}
    if "reads" in planes:
        before = _alt_reads(planes)
        _read_scalars(planes, options, random)
        if "QUAL" in keys:  # grows with the reads that support the allele
            thinned = (before + 1) / (_alt_reads(planes) + 1)
            for name in {"annotations", ANNOTATIONS_FROM_READS} & planes.keys():
                planes[name][:, keys.index("QUAL")] /= thinned
    if "quals" in planes:
        _read_rows(planes, options, random)
    _annotations(planes, options, keys, deviation, random)
    return planes


def _alt_reads(planes: Planes) -> NDArray[np.float32]:
    """[n] reads that support the allele."""
    counts: NDArray[np.float32] = planes["reads"][..., _COLUMN["supports_alt"]].sum(axis=1)
    return counts


def _read_scalars(planes: Planes, options: Randomisation, random: np.random.Generator) -> None:
    reads, mask = planes["reads"], planes["mask"]
    n, depth = mask.shape

    def of_site(greatest: float) -> NDArray[np.float32]:
        """One strength per site: none for half of them."""
        strength = greatest * random.random((n, 1)) * (random.random((n, 1)) < 0.5)
        return strength.astype(np.float32)

    def add(name: str, amount: NDArray[np.float32], limit: float) -> None:
        column = reads[..., _COLUMN[name]]
        reads[..., _COLUMN[name]] = np.clip(column + amount, 0, limit)

    lost = random.random((n, depth)) < of_site(options.mapq_lost)
    mapq = reads[..., _COLUMN["mapq"]]
    mapq[lost] *= random.random(int(lost.sum())).astype(np.float32)

    shift = (2 * random.random((n, 1)) - 1) * options.quality_shift * _QUALITY
    quality = reads[..., _COLUMN["base_quality"]]
    np.clip(quality + shift.astype(np.float32), 0, 1.5, out=quality)

    extra = random.poisson(of_site(options.mismatches), (n, depth)).astype(np.float32)
    add("mismatches", extra * _MISMATCH, _MISMATCH_LIMIT)
    good = random.binomial(extra.astype(np.int64), 0.5).astype(np.float32)
    add("mismatches_q20", good * _MISMATCH, _MISMATCH_LIMIT)
    near = random.binomial(extra.astype(np.int64), _NEAR_PART).astype(np.float32)
    add("mismatches_near", near * _NEAR, _MISMATCH_LIMIT)

    clipped = random.random((n, depth)) < of_site(options.clips)
    fraction = 0.4 * random.random((n, depth)) * clipped
    add("clipped_fraction", fraction.astype(np.float32), 1.0)

    extra = random.poisson(of_site(options.indels), (n, depth)).astype(np.float32)
    add("indels", extra * _INDEL, _INDEL_LIMIT)
    near = random.binomial(extra.astype(np.int64), _NEAR_PART).astype(np.float32)
    add("indels_near", near * _INDEL, _INDEL_LIMIT)

    odd = random.random((n, depth)) < of_site(options.odd_reads)
    broken = odd & (random.random((n, depth)) < _MATE_LOST)
    for name, value in (("proper_pair", 0), ("mate_elsewhere", 1)):
        reads[..., _COLUMN[name]][broken] = value
    wrong = random.geometric(1 / _ODD_MISMATCHES, (n, depth)) * (odd & ~broken)
    for name in ("mismatches", "mismatches_q20"):
        add(name, wrong.astype(np.float32) * _MISMATCH, _MISMATCH_LIMIT)

    unpaired = random.random(n) < options.pair_flags_lost * random.random(n)
    for name in _PAIR_SCALARS:
        reads[unpaired, :, _COLUMN[name]] = 0
    kept = _kept_reads(mask > 0, options.read_dropout, random)
    mask *= kept
    reads *= mask[..., None]


def _read_rows(planes: Planes, options: Randomisation, random: np.random.Generator) -> None:
    """Planes of gatk-reads: qualities, MAPQ, flags and bases of a row."""
    bases, quals, rows = planes["bases"], planes["quals"], planes["rows"]
    n, depth, _ = bases.shape
    half = random.random((n, 1)) < 0.5
    lost = random.random((n, depth)) < options.mapq_lost * random.random((n, 1)) * half
    rows[..., 1][lost] = (rows[..., 1][lost] * random.random(int(lost.sum()))).astype(np.uint8)
    shift = np.rint((2 * random.random((n, 1, 1)) - 1) * options.quality_shift).astype(np.int16)
    quals[...] = np.where(quals > 0, np.clip(quals.astype(np.int16) + shift, 1, 60), 0)
    unpaired = random.random(n) < options.pair_flags_lost * random.random(n)
    rows[unpaired, :, 0] &= _REVERSE_FLAG
    kept = _kept_reads((bases != READ_NONE).any(axis=2), options.read_dropout, random)
    bases[~kept], quals[~kept], rows[~kept] = READ_NONE, 0, 0


def _kept_reads(
    there: NDArray[np.bool_], probability: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """[n, R] reads that stay; a site never loses all."""
    n, depth = there.shape
    part = _MOST_LOST_READS * random.random((n, 1)) * (random.random((n, 1)) < probability)
    drawn = random.random((n, depth))
    kept = drawn >= part
    kept[np.arange(n), np.where(there, drawn, -1).argmax(axis=1)] = True
    return kept


def _annotations(
    planes: Planes,
    options: Randomisation,
    keys: Sequence[str],
    deviation: NDArray[np.float32],
    random: np.random.Generator,
) -> None:
    values = planes["annotations"]
    from_reads = planes.pop(ANNOTATIONS_FROM_READS, None)
    if from_reads is not None:
        chosen = random.random(len(values)) < options.annotations_from_reads
        values[chosen] = from_reads[chosen]
    noise = random.standard_normal(values.shape) * options.annotation_noise * deviation
    values += noise.astype(np.float32)
    if "RelativeDepth" in keys:
        factor = np.exp(random.standard_normal(len(values)) * options.depth_noise)
        values[:, keys.index("RelativeDepth")] *= factor.astype(np.float32)
    # GATK's encodings write 0 for a missing annotation, ours NaN.
    missing = np.nan if "variant" in planes else 0.0
    values[random.random(values.shape) < options.annotation_dropout] = missing
