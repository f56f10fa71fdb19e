"""Site columns -> the type of each record, as GATK's tools (htsjdk) name it, and its zygosity.

`WindowBatch.kind` is another thing: which classes of a network a score is read from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch

NO_VARIATION, SNP, INDEL, MNP, SYMBOLIC, MIXED = range(6)
NOT_CARRIED, HET, HOM, NO_GENOTYPE = 1, 2, 4, 8
"""What a genotype says of an allele. A set: `./1` is HET or HOM, 6; several records join theirs."""

_UPPER = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32
_PURINE = np.zeros(256, np.int8)
_PURINE[np.frombuffer(b"AG", np.uint8)] = 1
_PURINE[np.frombuffer(b"CT", np.uint8)] = 2


def record_types(sites: WindowBatch, *, sequences_alone: bool = False) -> NDArray[np.uint8]:
    """[N] the type of each record: that of its ALT alleles, MIXED where they differ.

    An ALT allele is SYMBOLIC (<...>, breakends), else SNP or MNP when as long as REF, else INDEL.
    `*` counts as an allele of one base. With `sequences_alone` a record that has an ALT allele
    which is a sequence is what those are: `<NON_REF>`, `<*>`, `*` beside them are no alternatives.
    """
    if not len(sites):
        return np.zeros(0, np.uint8)
    offset, text = sites.allele_offset, sites.alleles
    length = np.diff(offset)
    first_allele = sites.site_allele[:-1]
    ref_length = np.repeat(length[first_allele], np.diff(sites.site_allele))
    same = length == ref_length
    types = np.where(same, np.where(length == 1, SNP, MNP), INDEL).astype(np.uint8)
    symbolic = _is_symbolic(text, offset)
    types[symbolic] = SYMBOLIC
    types[first_allele] = NO_VARIATION
    ignored = np.zeros(len(types), bool)
    if sequences_alone:
        sequence = ~(symbolic | is_spanning(sites))
        sequence[first_allele] = False
        beside = np.repeat(
            np.logical_or.reduceat(sequence, first_allele), np.diff(sites.site_allele)
        )
        ignored = beside & ~sequence
        types[ignored] = NO_VARIATION
    most = np.maximum.reduceat(types, first_allele)
    types[first_allele] = types[ignored] = 255
    least = np.minimum.reduceat(types, first_allele)
    return np.where((most == least) | (most == NO_VARIATION), most, MIXED).astype(np.uint8)


def is_spanning(sites: WindowBatch) -> NDArray[np.bool_]:
    """[alleles] which are `*`, the deletion of another record."""
    offset, text = sites.allele_offset, sites.alleles
    if not len(text):
        return np.zeros(len(offset) - 1, bool)
    first = text[np.minimum(offset[:-1], len(text) - 1)]
    spanning: NDArray[np.bool_] = (np.diff(offset) == 1) & (first == ord("*"))
    return spanning


def transitions(sites: WindowBatch, types: NDArray[np.uint8]) -> NDArray[np.int8]:
    """[N] 1 for a transition, 0 for a transversion, -1 for all that is no SNP of two alleles."""
    result = np.full(len(sites), -1, np.int8)
    rows = np.flatnonzero((types == SNP) & (np.diff(sites.site_allele) == 2))
    ref = sites.allele_offset[sites.site_allele[rows]]
    bases = _PURINE[_UPPER[sites.alleles[np.stack([ref, ref + 1])]]]
    known = (bases > 0).all(axis=0)
    result[rows[known]] = (bases[0] == bases[1])[known]
    return result


def zygosity(sites: WindowBatch, dosage: NDArray[np.int8]) -> NDArray[np.uint8]:
    """[alleles] of one sample's allele `dosage` (Records.dosage): HOM when every copy of a record's
    genotype is the allele (so in haploids), HET when some are, else NOT_CARRIED; HET | HOM when the
    copies that are not known decide it, NO_GENOTYPE when none is known to be the allele.
    """
    if not len(sites):
        return np.zeros(0, np.uint8)
    is_part = dosage < 0
    known = np.where(is_part, -1 - dosage.astype(np.int64), dosage)
    total = np.add.reduceat(known, sites.site_allele[:-1])
    alone = known == np.repeat(total, np.diff(sites.site_allele))
    whole = np.where(known == 0, NOT_CARRIED, np.where(alone, HOM, HET))
    part = np.where(known == 0, NO_GENOTYPE, np.where(alone, HET | HOM, HET))
    return np.where(is_part, part, whole).astype(np.uint8)


def zygosities(sites: WindowBatch, dosage: NDArray[np.int8]) -> NDArray[np.int8]:
    """[N] of one sample's allele `dosage`, in which genotypes are known or not: 1 heterozygous, 2
    homozygous for an ALT allele (haploid too), 0 without one, -1 no genotype.
    """
    if not len(sites):
        return np.zeros(0, np.int8)
    first_allele, of_allele = sites.site_allele[:-1], zygosity(sites, dosage)
    unknown = of_allele[first_allele] == NO_GENOTYPE
    of_allele[first_allele] = NOT_CARRIED  # an ALT allele's is asked for
    most = np.maximum.reduceat(of_allele, first_allele)
    result = np.select([most == HOM, most == HET], [2, 1], 0).astype(np.int8)
    result[unknown] = -1
    return result


def _is_symbolic(text: NDArray[np.uint8], offset: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[alleles] as htsjdk has it: over one character, with <, > or . at an end, or [ or ]."""
    if not len(text):
        return np.zeros(len(offset) - 1, bool)
    length = np.diff(offset)
    last_byte = len(text) - 1
    first = text[np.minimum(offset[:-1], last_byte)]
    last = text[np.clip(offset[1:] - 1, 0, last_byte)]
    brackets = np.concatenate([[0], np.cumsum((text == ord("[")) | (text == ord("]")))])
    ends = (first == ord("<")) | (last == ord(">")) | (first == ord(".")) | (last == ord("."))
    symbolic: NDArray[np.bool_] = (length > 1) & (
        ends | (brackets[offset[1:]] > brackets[offset[:-1]])
    )
    return symbolic
