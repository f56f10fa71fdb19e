"""A truth set and its confident regions -> labels of called alleles and records.

An allele is *true* when its normalised form (alleles.py) is an ALT of the truth set, *false* when
it is not, and *outside* when its normalised 0-based position (`Alleles.pos`: REF's first base in
VCF's form) is not in the confident regions; an MNP is true when all its SNPs are, outside when any
is.
A record is true when any of its alleles is, else false when any is, else outside. Alleles that
cannot be compared (`*`, symbolic) are no evidence either way.

    truth = TruthSet.read("truth.vcf.gz", reference="ref.fa")
    labeller = Labeller(truth, Regions.read("confident.bed.gz"))
    calls, records = Calls("calls.vcf.gz"), Records()
    while calls.read(records, BATCH):
        labels = labeller.label(records.sites())   # labels.record [N], labels.allele [ALT alleles]
    labeller.check(calls.path)                     # raises when nothing could be compared
    missed = labeller.missed()                     # truth alleles that no call has

Truth and calls are held against each other by contig name: lengths that differ, names that share
nothing, REF bases that disagree are errors that say so. Neither file needs an index or an order.
Memory: some 60 bytes a truth allele. 1 us a record beside what reading costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of, spans
from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadInput
from cnnscore.truth.alleles import Alleles, Normaliser, contig_names
from cnnscore.truth.regions import Regions

TRUE, FALSE, OUTSIDE, NOT_COMPARED = 1, 0, -1, -2
"""Labels of an allele or a record."""

BATCH = 20_000
NO_ZYGOSITY, NOT_CARRIED, HET, HOM = -1, 0, 1, 2
# REF bases of calls and truth at equal positions: of one build all agree.
ENOUGH_SHARED_POSITIONS, MOST_DISAGREEING = 5, 0.1
TWO_BUILDS = (
    "they are of two builds of the genome; lift one over (`CrossMap vcf`, `gatk LiftoverVcf`)"
)


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
    zygosity: NDArray[np.int8]
    """[T] HET, HOM, NOT_CARRIED by the sample, or NO_ZYGOSITY."""
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
    ) -> TruthSet:
        """Read a VCF or BCF, in any order, indexed or not.

        Every ALT allele counts, whatever the FILTER and the genotype of its record; with `passing`
        those of records alone whose FILTER is PASS or `.`, with `sample` those alone that the
        sample carries (a file of several samples needs it). With `reference` (a FASTA with .fai)
        alleles are left-aligned. Errors: BadInput for a file that cannot be read, another build
        than the reference, several samples and none named, no comparable allele.
        """
        calls, records = Calls(path), Records()
        column = truth_column(calls, sample)
        normaliser = Normaliser(reference)
        parts: list[tuple[Alleles, NDArray[np.int8]]] = []
        sites: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]] = []
        n_filtered = 0
        batch = None
        while calls.read(records, BATCH):
            batch = records.sites()
            try:
                alleles = normaliser.alleles(batch)
            except BadInput as error:
                raise BadInput(
                    f"the truth set {path} does not fit the reference: {error}"
                ) from None
            filtered = records.filtered()
            carried = zygosity(batch, records.dosage(column))[alleles.row]
            n_filtered += int(filtered.sum())
            keep = np.full(len(alleles), sample is None) | (carried != NOT_CARRIED)
            if passing:
                keep &= ~filtered[alleles.site]
            parts.append((_take(alleles, np.flatnonzero(keep)), carried[keep]))
            sites.append((_hash(batch.contig, batch.pos), _first_base(batch)))
        if batch is None or not sum(len(alleles) for alleles, _ in parts):
            raise BadInput(
                f"the truth set {path} has no usable allele"
                + (f": {n_filtered:,} records are filtered" if n_filtered else "")
            )
        names, lengths = contig_names(batch), batch.contig_length.copy()
        calls.close()
        return _truth_set(path, names, lengths, parts, sites, n_filtered, normaliser)

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


@dataclass(frozen=True, eq=False)
class Labels:
    """What the truth says of a batch of N records."""

    record: NDArray[np.int8]
    """[N] TRUE, FALSE, OUTSIDE or NOT_COMPARED."""
    allele: NDArray[np.int8]
    """[alleles of the site columns] the same for each ALT; REF rows are NOT_COMPARED."""
    alleles: Alleles
    """The normalised alleles."""
    part: NDArray[np.int8]
    """[K] labels of `alleles`: an MNP's SNPs one by one."""


class Labeller:
    """Labels batch after batch of calls, and remembers which truth alleles were found.

    `confident` None takes the whole genome as confident. With `match_genotype` a true allele must
    be heterozygous or homozygous as in the truth. One contig table a call file: a Labeller is for
    one file.
    """

    def __init__(
        self, truth: TruthSet, confident: Regions | None, *, match_genotype: bool = False
    ) -> None:
        self.truth, self.confident, self.match_genotype = truth, confident, match_genotype
        self.found = np.zeros(len(truth), bool)
        """[T] truth alleles that a call has."""
        self.compared = 0
        """Alleles within the confident regions."""
        self._names: list[bytes] = []
        self._truth_contig = np.zeros(0, np.int32)
        self._shared_positions = self._disagreeing = self._alleles = self._sites = 0

    def label(self, sites: WindowBatch, dosage: NDArray[np.int8] | None = None) -> Labels:
        """Labels of the records whose site columns these are.

        `dosage` [alleles] (`Records.dosage`): the genotypes, needed by `match_genotype`.
        Errors: BadInput when the calls do not fit the reference, or are of another build.
        """
        self._meet_contigs(sites)
        alleles = self.truth.normaliser.alleles(sites)
        at = self._look_up(alleles)
        is_true = at >= 0
        if self.match_genotype:
            if dosage is None:
                raise ValueError("match_genotype needs the dosage of each allele")
            called = zygosity(sites, dosage)[alleles.row]
            is_true &= called == self.truth.zygosity[np.maximum(at, 0)]
        self.found[at[is_true]] = True
        part = np.where(is_true, TRUE, FALSE).astype(np.int8)
        if self.confident is not None:
            part[~self.confident.contains(self._names, alleles.contig, alleles.pos)] = OUTSIDE
        allele = np.full(int(sites.site_allele[-1]), NOT_COMPARED, np.int8)
        # The parts of an MNP stand together: its label is the least of theirs.
        if len(part):
            first = np.flatnonzero(np.diff(alleles.row, prepend=-1))
            allele[alleles.row[first]] = np.minimum.reduceat(part, first)
        record = np.full(len(sites), NOT_COMPARED, np.int8)
        if len(sites):
            record = np.maximum.reduceat(_rank(allele), sites.site_allele[:-1])
            record = _LABEL_OF_RANK[record]
        self.compared += int(np.count_nonzero(part >= FALSE))
        self._alleles += len(part)
        self._sites += len(sites)
        self._compare_ref(sites)
        return Labels(record, allele, alleles, part)

    def missed(self) -> NDArray[np.int64]:
        """Truth alleles (rows of `truth`) within the confident regions that no call has, in
        coordinate order; those that the truth's sample does not carry are none.
        """
        truth = self.truth
        at = np.flatnonzero(~self.found & (truth.zygosity != NOT_CARRIED))
        if self.confident is not None:
            inside = self.confident.contains(truth.names, truth.contig[at], truth.pos[at])
            at = at[inside]
        return at[np.lexsort((truth.pos[at], truth.contig[at]))]

    def check(self, path: str) -> None:
        """After the last batch of the file `path`: was anything compared?

        Errors: BadInput when REF bases of calls and truth disagree (another build), or no allele
        lies within the confident regions.
        """
        if (
            self._shared_positions >= ENOUGH_SHARED_POSITIONS
            and self._disagreeing > MOST_DISAGREEING * self._shared_positions
        ):
            raise BadInput(
                f"{path} and the truth set {self.truth.path} disagree on the REF base of "
                f"{self._disagreeing:,} of {self._shared_positions:,} shared positions: "
                f"{TWO_BUILDS}"
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

    def _look_up(self, alleles: Alleles) -> NDArray[np.int64]:
        """[K] row of the truth allele that is the same, or -1."""
        truth = self.truth
        contig = self._truth_contig[alleles.contig]
        key = _key(contig, alleles.start, alleles.change)
        at = np.minimum(np.searchsorted(truth.key, key), len(truth) - 1)
        same = (truth.key[at] == key) & (truth.start[at] == alleles.start)
        return np.where(same & (contig >= 0) & (truth.contig[at] == contig), at, -1)

    def _compare_ref(self, sites: WindowBatch) -> None:
        contig = self._truth_contig[sites.contig]
        key = _hash(contig, sites.pos)
        at = np.minimum(np.searchsorted(self.truth.sites, key), len(self.truth.sites) - 1)
        shared = (self.truth.sites[at] == key) & (contig >= 0)
        self._shared_positions += int(shared.sum())
        ours, theirs = _first_base(sites)[shared], self.truth.ref_base[at[shared]]
        self._disagreeing += int(np.count_nonzero((ours != theirs) & (ours != 78) & (theirs != 78)))


def truth_column(calls: Calls, sample: str | None) -> int:
    """The sample column to take; 0 for a file without samples, which then has no genotypes.

    Errors: BadInput for an unknown sample, or several and none named.
    """
    names = calls.sample_names
    if sample is not None:
        if sample not in names:
            raise BadInput(
                f"{calls.path} has no sample {sample}; it has {', '.join(names) or 'none'}"
            )
        return names.index(sample)
    if len(names) > 1:
        some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise BadInput(f"{calls.path} has {len(names)} samples ({some}): name the one to compare")
    return 0


def zygosity(sites: WindowBatch, dosage: NDArray[np.int8]) -> NDArray[np.int8]:
    """[alleles] HOM when every copy of a record's genotype is the allele (so in haploids), HET when
    some are, NOT_CARRIED, or NO_ZYGOSITY without a genotype.
    """
    if not len(sites):
        return np.zeros(0, np.int8)
    counts = dosage.astype(np.int64)
    total = np.add.reduceat(counts, sites.site_allele[:-1])
    total = np.repeat(total, np.diff(sites.site_allele))
    carried = np.where(counts == 0, NOT_CARRIED, np.where(counts == total, HOM, HET))
    return np.where(counts < 0, NO_ZYGOSITY, carried).astype(np.int8)


_LABEL_OF_RANK = np.array([NOT_COMPARED, OUTSIDE, FALSE, TRUE], np.int8)


def _rank(label: NDArray[np.int8]) -> NDArray[np.int8]:
    return (label + 2).astype(np.int8)  # NOT_COMPARED 0, OUTSIDE 1, FALSE 2, TRUE 3


def _truth_set(
    path: str,
    names: list[bytes],
    lengths: NDArray[np.int64],
    parts: list[tuple[Alleles, NDArray[np.int8]]],
    sites: list[tuple[NDArray[np.uint64], NDArray[np.uint8]]],
    filtered: int,
    normaliser: Normaliser,
) -> TruthSet:
    def column(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(alleles, name) for alleles, _ in parts])

    contig = column("contig").astype(np.int32)
    start, pos, ref_length = column("start"), column("pos"), column("ref_length")
    key = _key(contig, start, column("change").view(np.uint64))
    size = np.concatenate([np.diff(alleles.offset) for alleles, _ in parts])
    carried = np.concatenate([zygosities for _, zygosities in parts])
    # The same allele twice: het twice is hom.
    key, first, group, count = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    zygosities = np.where(count > 1, HOM, carried[first]).astype(np.int8)
    zygosities[group[carried < 0]] = NO_ZYGOSITY
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


def _hash(contig: NDArray[np.int32], pos: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Contig and position in one number, without loss."""
    return (contig.astype(np.uint64) << np.uint64(40)) | pos.astype(np.uint64)


def _key(
    contig: NDArray[np.int32], start: NDArray[np.int64], change: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """64 bits for contig, start and change; the first two are compared beside it."""
    key = _hash(contig, start) * np.uint64(0xBF58476D1CE4E5B9) ^ change
    key = (key ^ (key >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = key ^ (key >> np.uint64(32))
    return mixed


def _first_base(sites: WindowBatch) -> NDArray[np.uint8]:
    """[N] first base of REF, upper case."""
    base = sites.alleles[sites.allele_offset[sites.site_allele[:-1]]]
    return np.where(base >= ord("a"), base - 32, base).astype(np.uint8)


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
