"""A VCF of true variants -> normalised alleles that called ones are looked up in.

Neither index nor order is needed. Memory: some 60 bytes per truth allele.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of, spans
from cnnscore.calls.record_types import HET, HOM, NO_GENOTYPE
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.errors import BadInput
from cnnscore.truth.alleles import Alleles, Normaliser, contig_names
from cnnscore.truth.genotypes import (
    OF_TRUTH,
    carried,
    has_genotypes,
    sample_column,
    zygosity_of,
)

BATCH = 20_000


@dataclass(frozen=True, eq=False)
class TruthSet:
    """Normalised truth alleles, sorted by `key`. Read with `TruthSet.read`."""

    path: str
    names: list[bytes]
    """[C] contig names."""
    lengths: NDArray[np.int64]
    """[C] their lengths, 0 = not declared."""
    key: NDArray[np.uint64]
    """[T] hash of contig, start and change; ascending."""
    contig: NDArray[np.int32]
    """[T] index into `names`."""
    pos: NDArray[np.int64]
    """[T] 0-based position of REF, VCF's form."""
    start: NDArray[np.int64]
    """[T] first base that changes."""
    zygosity: NDArray[np.uint8]
    """[T] what the genotypes of its records say (record_types.py), joined where several have it."""
    offset: NDArray[np.int64]
    """[T+1] byte offsets into `text`, in the order of `text_row`."""
    ref_length: NDArray[np.int64]
    text: NDArray[np.uint8]
    text_row: NDArray[np.int64]
    """[T] row of `offset` and `ref_length` that has the allele's text."""
    sites: NDArray[np.uint64]
    """[S] contig and position of each record in one number, ascending."""
    ref_base: NDArray[np.uint8]
    """[S] first REF base of each."""
    filtered: int
    """Records with a FILTER other than PASS, left out or not."""
    genotypes: bool
    """Whether any record has a genotype; without records, whether the header declares them."""
    normaliser: Normaliser

    def __len__(self) -> int:
        return len(self.key)

    @staticmethod
    def read(
        path: str,
        *,
        reference: str | None = None,
        sample: str | None = None,
        passing: bool = False,
        intervals: Intervals | None = None,
    ) -> TruthSet:
        """Read a VCF or BCF, in any order, indexed or not; of `intervals` as `Calls` does.

        Every ALT allele counts, whatever the FILTER and the genotype of its record; with `passing`
        only those of records whose FILTER is PASS or `.`, with `sample` only those that the
        sample carries (a file of several samples needs it). With `reference` (a FASTA with .fai)
        alleles are left-aligned. Errors: BadInput for a file that cannot be read, another build
        than the reference, several samples and none named, no comparable allele (in intervals there
        may be none).
        """
        calls, records = Calls(path, intervals=intervals, reference=reference), Records()
        column = sample_column(calls, sample, OF_TRUTH)
        genotypes = has_genotypes(calls)
        normaliser = Normaliser(reference)
        parts: list[tuple[Alleles, NDArray[np.uint8]]] = []
        sites: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]] = []
        n_filtered, n = 0, -1
        while n:
            n = calls.read(records, BATCH)
            batch = records.sites()
            try:
                alleles = normaliser.alleles(batch)
            except BadInput as error:
                raise BadInput(
                    f"the truth set {path} does not fit the reference: {error}"
                ) from None
            filtered = records.filtered()
            dosage = records.dosage(column, partial=True)
            n_filtered += int(filtered.sum())
            keep = np.ones(len(alleles), bool)
            if sample is not None and genotypes:
                keep = carried(dosage)[alleles.row]
            if passing:
                keep &= ~filtered[alleles.site]
            of_allele = zygosity_of(batch, alleles, dosage)
            parts.append((_take(alleles, np.flatnonzero(keep)), of_allele[keep]))
            sites.append((locus_key(batch.contig, batch.pos), first_base(batch)))
        if not str(intervals or "") and not sum(len(alleles) for alleles, _ in parts):
            raise BadInput(
                f"the truth set {path} has no usable allele"
                + (f": {n_filtered:,} records are filtered" if n_filtered else "")
            )
        names, lengths = contig_names(batch), batch.contig_length.copy()
        calls.close()
        return _truth_set(path, names, lengths, parts, sites, n_filtered, genotypes, normaliser)

    @property
    def expected(self) -> NDArray[np.bool_]:
        """[T] alleles that a caller should find: all, or where there are genotypes those that the
        sample carries.
        """
        is_carried = (self.zygosity & (HET | HOM)) != 0
        return is_carried if self.genotypes else np.ones(len(self), bool)

    @property
    def type(self) -> NDArray[np.uint8]:
        """[T] 0 = SNP, 1 = insertion, deletion or complex."""
        ref_length = self.ref_length[self.text_row]
        alt_length = np.diff(self.offset)[self.text_row] - ref_length
        return np.where((ref_length == 1) & (alt_length == 1), 0, 1).astype(np.uint8)

    def ref_alt(self, i: int) -> tuple[str, str]:
        """REF and ALT of one truth allele."""
        row = self.text_row[i]
        begin, end = self.offset[row : row + 2]
        cut = begin + self.ref_length[row]
        return self.text[begin:cut].tobytes().decode(), self.text[cut:end].tobytes().decode()


def _truth_set(
    path: str,
    names: list[bytes],
    lengths: NDArray[np.int64],
    parts: list[tuple[Alleles, NDArray[np.uint8]]],
    sites: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]],
    filtered: int,
    genotypes: bool,
    normaliser: Normaliser,
) -> TruthSet:
    def column(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(alleles, name) for alleles, _ in parts])

    contig = column("contig").astype(np.int32)
    start, pos, ref_length = column("start"), column("pos"), column("ref_length")
    key = allele_key(contig, start, column("change").view(np.uint64))
    size = np.concatenate([np.diff(alleles.offset) for alleles, _ in parts])
    key, first, group = np.unique(key, return_index=True, return_inverse=True)
    zygosities = np.zeros(len(key), np.uint8)
    np.bitwise_or.at(zygosities, group, np.concatenate([of_alleles for _, of_alleles in parts]))
    site_key, site_first = np.unique(np.concatenate([s[0] for s in sites]), return_index=True)
    return TruthSet(
        path=path,
        names=names,
        lengths=lengths,
        key=key,
        contig=contig[first],
        pos=pos[first],
        start=start[first],
        zygosity=zygosities,
        offset=offsets_of(size),
        ref_length=ref_length,
        text=np.concatenate([alleles.text for alleles, _ in parts]),
        text_row=first,
        sites=site_key,
        ref_base=np.concatenate([s[1] for s in sites])[site_first],
        filtered=filtered,
        genotypes=genotypes and (not len(key) or bool((zygosities != NO_GENOTYPE).any())),
        normaliser=normaliser,
    )


def _take(alleles: Alleles, at: NDArray[np.int64]) -> Alleles:
    """The chosen alleles, with memory of their own."""
    size = np.diff(alleles.offset)[at]
    return Alleles(
        row=alleles.row[at],
        site=alleles.site[at],
        contig=alleles.contig[at],
        start=alleles.start[at],
        removed=alleles.removed[at],
        pos=alleles.pos[at],
        offset=offsets_of(size),
        ref_length=alleles.ref_length[at],
        text=alleles.text[spans(alleles.offset[at], size)],
        change=alleles.change[at],
    )


def locus_key(contig: NDArray[np.int32], pos: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Contig and position in one number, without loss."""
    return (contig.astype(np.uint64) << np.uint64(40)) | pos.astype(np.uint64)


def allele_key(
    contig: NDArray[np.int32], start: NDArray[np.int64], change: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """64 bits for contig, start and change; the first two are compared beside it."""
    key = locus_key(contig, start) * np.uint64(0xBF58476D1CE4E5B9) ^ change
    key = (key ^ (key >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = key ^ (key >> np.uint64(32))
    return mixed


def first_base(sites: WindowBatch) -> NDArray[np.uint8]:
    """[N] first base of REF, upper case."""
    base = sites.alleles[sites.allele_offset[sites.site_allele[:-1]]]
    return np.where(base >= ord("a"), base - 32, base).astype(np.uint8)
