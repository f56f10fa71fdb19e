"""A truth set and its confident regions -> labels of called alleles and records.

An allele is *true* when its normalised form (alleles.py) is an ALT of the truth set, *false* when
it is not, and *outside* when its normalised 0-based position (`Alleles.pos`: REF's first base in
VCF's form) is not in the confident regions; an MNP is true when all its SNPs are, outside when any
is. An allele that the genotype of the sample does not hold is *not called*: in a cohort it is
another's.
A record is true when any of its alleles is, else false when any is, else outside. Alleles that
cannot be compared (`*`, symbolic) are no evidence either way.

    truth = TruthSet.read("truth.vcf.gz", reference="ref.fa")
    labeller = Labeller(truth, Regions.read("confident.bed.gz"))
    calls, records = Calls("calls.vcf.gz"), Records()
    dosage = called_dosage(calls, "NA12878")
    while calls.read(records, BATCH):
        labels = labeller.label(records.sites(), dosage(records))
        # labels.record [N], labels.allele [ALT alleles]
    labeller.check(calls.path)                     # raises when nothing could be compared
    missed = labeller.missed()                     # truth alleles that no call has

Truth and calls are held against each other by contig name: lengths that differ, names that share
nothing, REF bases that disagree are errors that say so. Neither file needs an index or an order.
1 us per record beside the cost of reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.builds import TWO_BUILDS, are_two_builds
from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadInput
from cnnscore.truth.alleles import Alleles, contig_names
from cnnscore.truth.genotypes import carried, has_genotypes, sample_column, zygosity_of
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet, allele_key, first_base, locus_key

TRUE, FALSE, OUTSIDE, NOT_CALLED, NOT_COMPARED = 1, 0, -1, -2, -3
"""Labels of an allele; a record has the highest of its alleles'."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What the truth says of a batch of N records."""

    record: NDArray[np.int8]
    """[N] TRUE, FALSE, OUTSIDE, NOT_CALLED or NOT_COMPARED."""
    allele: NDArray[np.int8]
    """[alleles of the site columns] the same for each ALT; REF rows are NOT_COMPARED."""
    alleles: Alleles
    """The normalised alleles."""
    part: NDArray[np.int8]
    """[K] labels of `alleles`: an MNP's SNPs one by one."""
    truth: NDArray[np.int64]
    """[K] row of the truth allele that each has found, wherever it lies; -1 none."""


def labels_of(
    sites: WindowBatch, alleles: Alleles, part: NDArray[np.int8], truth: NDArray[np.int64]
) -> Labels:
    """Labels of the records and alleles that the normalised `alleles` come from; `part` [K] and
    `truth` [K] are theirs.
    """
    allele = np.full(int(sites.site_allele[-1]), NOT_COMPARED, np.int8)
    # The parts of an MNP stand together: its label is the least of theirs.
    if len(part):
        first = np.flatnonzero(np.diff(alleles.row, prepend=-1))
        allele[alleles.row[first]] = np.minimum.reduceat(part, first)
    record = np.full(len(sites), NOT_COMPARED, np.int8)
    if len(sites):
        record = np.maximum.reduceat(allele, sites.site_allele[:-1])
    return Labels(record, allele, alleles, part, truth)


class Labeller:
    """Labels batch after batch of calls, and remembers which truth alleles were found.

    `confident` None takes the whole genome as confident. With `match_genotype` a true allele must
    be heterozygous or homozygous as in the truth. With `all_alleles` those count too that the
    sample does not carry. One that is not true, but lies within `near_truth` bases of a true one,
    is outside: it may be the same in other words. One contig table a call file: a Labeller is for
    one file.
    """

    def __init__(
        self,
        truth: TruthSet,
        confident: Regions | None,
        *,
        match_genotype: bool = False,
        all_alleles: bool = False,
        near_truth: int = 0,
    ) -> None:
        self.truth, self.confident = truth, confident
        self.near_truth = near_truth
        self._truth_loci = np.sort(locus_key(truth.contig, truth.start)) if near_truth else None
        self.match_genotype, self.all_alleles = match_genotype, all_alleles
        self.found = np.zeros(len(truth), bool)
        """[T] truth alleles that a call has."""
        self.compared = 0
        """Alleles within the confident regions."""
        self._names: list[bytes] = []
        self._truth_contig = np.zeros(0, np.int32)
        self._shared_positions = self._disagreeing = self._alleles = 0
        self._without_genotype = self._with_genotype = 0

    def label(self, sites: WindowBatch, dosage: NDArray[np.int8] | None = None) -> Labels:
        """Labels of the records whose site columns these are.

        `dosage` [alleles] (`called_dosage`) are the sample's genotypes; None for a file that has
        none: each ALT allele is called then. Errors: BadInput when the calls do not fit the
        reference, or are of another build.
        """
        self._meet_contigs(sites)
        alleles = self.truth.normaliser.alleles(sites)
        at = self._look_up(alleles)
        is_true, called = at >= 0, np.ones(len(at), bool)
        if dosage is not None:
            self._count_genotypes(sites, dosage)
            if not self.all_alleles:
                called = carried(dosage)[alleles.row]
        if self.match_genotype:
            if dosage is None:
                raise ValueError("match_genotype needs the dosage of each allele")
            of_call = zygosity_of(sites, alleles, dosage)
            is_true &= (of_call & self.truth.zygosity[np.maximum(at, 0)]) != 0
        found = np.where(is_true & called, at, -1)
        self.found[found[found >= 0]] = True
        part = np.where(is_true, TRUE, FALSE).astype(np.int8)
        if self.confident is not None:
            part[~self.confident.contains(self._names, alleles.contig, alleles.pos)] = OUTSIDE
        if self._truth_loci is not None:
            part[~is_true & self._is_near(alleles, self._truth_loci)] = OUTSIDE
        part[~called] = NOT_CALLED
        labels = labels_of(sites, alleles, part, found)
        self.compared += int(np.count_nonzero(part >= FALSE))
        self._alleles += int(np.count_nonzero(called))
        self._compare_ref(sites)
        return labels

    def missed(self) -> NDArray[np.int64]:
        """Truth alleles (rows of `truth`) within the confident regions that should be found and
        that no call has, in coordinate order.
        """
        truth = self.truth
        at = np.flatnonzero(~self.found & truth.expected)
        if self.confident is not None:
            inside = self.confident.contains(truth.names, truth.contig[at], truth.pos[at])
            at = at[inside]
        return at[np.lexsort((truth.pos[at], truth.contig[at]))]

    def check(self, path: str) -> None:
        """After the last batch of the file `path`: was anything compared?

        Errors: BadInput when REF bases of calls and truth disagree (another build), no record has
        a genotype, or no allele lies within the confident regions.
        """
        if are_two_builds(self._shared_positions, self._disagreeing):
            raise BadInput(
                f"{path} and the truth set {self.truth.path} disagree on the REF base of "
                f"{self._disagreeing:,} of {self._shared_positions:,} shared positions: "
                f"{TWO_BUILDS}"
            )
        genotypes_count = self.match_genotype or not self.all_alleles
        if genotypes_count and self._without_genotype and not self._with_genotype:
            raise BadInput(
                f"none of the {self._without_genotype:,} records of {path} has a genotype (GT) of "
                "the sample, so it carries no allele: `all_alleles=` takes every ALT allele"
            )
        if self._alleles and not self.compared and self.confident is not None:
            raise BadInput(
                f"none of the {self._alleles:,} called alleles of {path} lies within the confident "
                f"regions {self.confident.path}: {_naming(self._names, list(self.confident.spans))}"
            )

    def _meet_contigs(self, sites: WindowBatch) -> None:
        names = contig_names(sites)
        if names == self._names:
            return
        self._names = names
        known = {name: index for index, name in enumerate(self.truth.names)}
        self._truth_contig = np.array([known.get(name, -1) for name in names], np.int32)
        if not (self._truth_contig >= 0).any():
            raise BadInput(
                f"the calls share no contig with the truth set {self.truth.path}: "
                f"{_naming(names, self.truth.names)}"
            )
        for name, here, index in zip(names, sites.contig_length, self._truth_contig, strict=True):
            there = self.truth.lengths[index] if index >= 0 else 0
            if here and there and here != there:
                raise BadInput(
                    f"contig {name.decode()} has {here:,} bases in the header of the calls and "
                    f"{there:,} in that of the truth set {self.truth.path}: {TWO_BUILDS}"
                )

    def _count_genotypes(self, sites: WindowBatch, dosage: NDArray[np.int8]) -> None:
        n = 0
        if len(sites):
            n = int(np.logical_or.reduceat(dosage != -1, sites.site_allele[:-1]).sum())
        self._with_genotype += n
        self._without_genotype += len(sites) - n

    def _look_up(self, alleles: Alleles) -> NDArray[np.int64]:
        """[K] row of the truth allele that is the same, or -1."""
        truth = self.truth
        if not len(truth):
            return np.full(len(alleles), -1)
        contig = self._truth_contig[alleles.contig]
        key = allele_key(contig, alleles.start, alleles.change)
        at = np.minimum(np.searchsorted(truth.key, key), len(truth) - 1)
        same = (truth.key[at] == key) & (truth.start[at] == alleles.start)
        return np.where(same & (contig >= 0) & (truth.contig[at] == contig), at, -1)

    def _is_near(self, alleles: Alleles, loci: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """[K] whether a true allele's first base lies within `near_truth` of those that change."""
        contig = self._truth_contig[alleles.contig]
        begin = np.maximum(alleles.start - self.near_truth, 0)
        end = alleles.start + np.maximum(alleles.removed, 1) + self.near_truth
        first = np.searchsorted(loci, locus_key(contig, begin))
        is_near: NDArray[np.bool_] = np.searchsorted(loci, locus_key(contig, end)) > first
        return is_near & (contig >= 0)

    def _compare_ref(self, sites: WindowBatch) -> None:
        if not len(self.truth.sites):
            return
        contig = self._truth_contig[sites.contig]
        key = locus_key(contig, sites.pos)
        at = np.minimum(np.searchsorted(self.truth.sites, key), len(self.truth.sites) - 1)
        shared = (self.truth.sites[at] == key) & (contig >= 0)
        self._shared_positions += int(shared.sum())
        ours, theirs = first_base(sites)[shared], self.truth.ref_base[at[shared]]
        self._disagreeing += int(np.count_nonzero((ours != theirs) & (ours != 78) & (theirs != 78)))


def called_dosage(calls: Calls, sample: str | None) -> Callable[[Records], NDArray[np.int8] | None]:
    """What gives `Labeller.label` the genotypes of a batch of the file: the sample's, None when the
    file has none.

    Errors: BadInput for an unknown sample, or several and none named.
    """
    column = sample_column(calls, sample)
    known = has_genotypes(calls)
    return lambda records: records.dosage(column, partial=True) if known else None


def _naming(ours: list[bytes], theirs: list[bytes]) -> str:
    """What is likely wrong when contigs do not meet, and what to do."""

    def few(names: list[bytes]) -> str:
        return ", ".join(name.decode("utf-8", "replace") for name in names[:3]) + (
            ", …" if len(names) > 3 else ""
        )

    def bare(names: list[bytes]) -> set[bytes]:
        return {name.removeprefix(b"chr") for name in names}

    if not set(ours) & set(theirs):
        renamed = bool(bare(ours) & bare(theirs))
        return f"contigs are {few(ours)} here and {few(theirs)} there; " + (
            "rename one with `bcftools annotate --rename-chrs MAP` (MAP has lines like `20 chr20`)"
            if renamed
            else "give files of one build of the genome"
        )
    return "are both of the same build of the genome, and of the same region?"
