"""One call file -> labelled rows: a label, every score and the strata of each compared call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.carriers import NUMBER_KEY
from cnnscore.calls.record_types import zygosity
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.errors import BadInput, UsageError
from cnnscore.evaluate import strata
from cnnscore.evaluate.compared import Lines
from cnnscore.evaluate.filters import CallFilters, FilterSets
from cnnscore.evaluate.sampled import LOCUS_BITS
from cnnscore.filter.score_key import NUMBERS, declared_numbers, of_records
from cnnscore.filter.verdicts import TYPE_RULES
from cnnscore.truth.alleles import contig_names, point_columns
from cnnscore.truth.genotypes import has_genotypes, sample_column
from cnnscore.truth.labels import FALSE, NOT_CALLED, NOT_COMPARED, OUTSIDE, Labels
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import BATCH

DEFAULT_SCORES = ("QUAL", "INFO/QD", "INFO/VQSLOD")
_FILTER_TYPES = TYPE_RULES["vqsr"]  # what `filter` takes with thresholds
_TEXT = re.compile(r"##(INFO|FORMAT)=<ID=([^,]+),.*Type=String")
_LEFT_OUT = (OUTSIDE, NOT_COMPARED, NOT_CALLED)


class LabelSource(Protocol):
    """What labels a batch: `truth.Labeller`, or another comparator's verdict."""

    def label(self, sites: WindowBatch, dosage: NDArray[np.int8] | None = None) -> Labels:
        """Labels of the records whose site columns these are."""


@dataclass(frozen=True)
class Score:
    """One field that is compared with the truth; `sign` is -1 where low values mean true."""

    field: str
    """QUAL, INFO or FORMAT."""
    key: str
    sign: int = 1

    @property
    def name(self) -> str:
        """As users write it: QUAL, QD, FORMAT/GQ, -FS."""
        prefix = "FORMAT/" if self.field == "FORMAT" else ""
        return f"{'-' if self.sign < 0 else ''}{prefix}{self.key}"


@dataclass(frozen=True, eq=False)
class ComparedCalls:
    """N compared calls (alleles or records) of one file, all within the confident regions."""

    path: str
    name: str
    samples: list[str]
    header: list[str]
    is_true: NDArray[np.bool_]
    type: NDArray[np.uint8]
    """[N] index into VARIANT_TYPES."""
    key: NDArray[np.uint64]
    """[N] the same in every file that has the call."""
    locus: NDArray[np.uint64]
    """[N] contig and position of its record in one number, contig << LOCUS_BITS | position."""
    line: NDArray[np.int64]
    """[N] its line in `lines`."""
    judged: NDArray[np.int8]
    """[N] index into VARIANT_TYPES: the type whose cut-off `filter` takes for it; -1 none."""
    scores: dict[str, NDArray[np.float64]]
    """By name, [N], NaN = missing."""
    record_scores: dict[str, NDArray[np.float32]]
    """By name, [N] the score of its record, as `cnnscore filter` reads it; NaN = missing."""
    filter_keys: dict[str, str | None]
    """By name, its name in `cnnscore filter --info-key`; None where that cannot take it."""
    filtered: int
    """Compared calls whose record has a FILTER other than PASS."""
    strata: dict[str, tuple[tuple[str, ...], NDArray[np.int8]]]
    """By name: names of the strata, and [N] indices into them."""
    outside: int
    """Calls outside the confident regions."""
    not_compared: int
    """Calls without an allele that can be compared."""
    not_called: int
    """ALT alleles, or records, that the sample does not carry."""
    lines: Lines


def find_scores(calls: Calls, wanted: Sequence[str]) -> list[Score]:
    """The scores of a file that are wanted: `KEY`, `INFO/KEY`, `FORMAT/KEY` or `QUAL`, with a `-`
    before it when low values mean true. By default CNN_* (of INFO and FORMAT), QUAL, QD and
    VQSLOD, if the file has them.

    Errors: UsageError for a score that is wanted twice.
    """
    info, fmt = calls.fields("INFO"), calls.fields("FORMAT")
    if not wanted:
        texts = {f"{m[1]}/{m[2]}" for line in calls.header() if (m := _TEXT.match(line))}
        found = [f"INFO/{key}" for key in info if key.startswith("CNN_") and key != NUMBER_KEY]
        found += [f"FORMAT/{key}" for key in fmt if key.startswith("CNN_")]
        found = [name for name in found if name not in texts]
        rest = [name for name in DEFAULT_SCORES if name.partition("/")[2] in ("", *info)]
        wanted = [*found, *rest]
    scores: list[Score] = []
    for text in wanted:
        sign = -1 if text.startswith("-") else 1
        prefix, _, key = text.removeprefix("-").rpartition("/")
        if not prefix and key == "QUAL":
            score = Score("QUAL", "QUAL", sign)
        elif prefix in ("", "INFO") and key in info:
            score = Score("INFO", key, sign)
        elif prefix in ("", "FORMAT") and key in fmt:
            score = Score("FORMAT", key, sign)
        else:
            continue
        if score in scores:
            raise UsageError(f"`scores={text}`: the score {score.name} is given twice")
        scores.append(score)
    return scores


def known_keys(calls: Calls) -> str:
    """The keys that a file has, for a message."""
    return ", ".join(
        ["QUAL", *calls.fields("INFO"), *(f"FORMAT/{key}" for key in calls.fields("FORMAT"))]
    )


@dataclass
class _Batches:
    """Columns of the batches so far."""

    columns: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)

    def add(self, name: str, values: NDArray[np.generic]) -> None:
        self.columns.setdefault(name, []).append(values)

    def whole(self, name: str, dtype: type) -> NDArray[Any]:
        """The whole column; the parts are freed."""
        parts = self.columns.pop(name, [])
        return np.concatenate(parts) if parts else np.zeros(0, dtype)


class Reader:
    """Reads call files into ComparedCalls. Errors: UsageError when two strata have one name."""

    def __init__(
        self,
        *,
        unit: str,
        reference: str | None,
        beds: Sequence[Regions],
        sample: str | None,
        contigs: dict[bytes, int],
        intervals: Intervals,
    ) -> None:
        self._unit, self._beds, self._sample, self._contigs = unit, beds, sample, contigs
        self._intervals, self._reference = intervals, reference
        self._context: WindowReader | None = None
        if reference is not None:
            self._context = WindowReader(
                ReaderOptions(
                    reference,
                    reference_left=strata.CONTEXT_LEFT,
                    reference_width=strata.CONTEXT_WIDTH,
                )
            )
            self._buffers = WindowBuffers()
        self._strata = self._strata_names()

    def read(
        self,
        path: str,
        name: str,
        scores: Sequence[Score],
        source: LabelSource,
        progress: Callable[[int, str, float | None], None],
    ) -> tuple[ComparedCalls, CallFilters]:
        """All rows of a call file, and their filters. Errors: BadInput as of `Labeller.label`."""
        calls = Calls(path, intervals=self._intervals, reference=self._reference)
        records = Records()
        column = sample_column(calls, self._sample)
        genotyped = has_genotypes(calls)
        has_depth = "DP" in calls.fields("FORMAT") and bool(calls.sample_names)
        batches, lines = _Batches(), Lines([score.name for score in scores])
        filters = FilterSets()
        counts, n, filtered = np.zeros(len(_LEFT_OUT), np.int64), 0, 0
        while calls.read(records, BATCH):
            sites = records.sites()
            dosage = records.dosage(column, partial=True)
            labels = source.label(sites, dosage if genotyped else None)
            by_unit = labels.record if self._unit == "record" else labels.allele[sites.is_alt]
            counts += [np.count_nonzero(by_unit == label) for label in _LEFT_OUT]
            values = {s.name: s.sign * records.numbers(s.field, s.key, column) for s in scores}
            reads = records.numbers("FORMAT" if has_depth else "INFO", "DP", column)
            failed = filters.of(records, column if genotyped else None)
            lead_site = self._add(
                batches, lines, sites, labels, values, zygosity(sites, dosage), reads,
                failed, filters,
            )  # fmt: skip
            filtered += int(np.count_nonzero(records.filtered()[lead_site]))
            batches.add("filter", failed[lead_site])
            found = labels.truth >= 0
            batches.add("truth", labels.truth[found])
            batches.add("found by", failed[labels.alleles.site[found]])
            n += len(sites)
            progress(n, sites.locus(-1), calls.progress())
        rows = ComparedCalls(
            path=path,
            name=name,
            samples=calls.sample_names,
            # Bytes that are not UTF-8 cannot be in a page.
            header=[line.encode("utf-8", "replace").decode() for line in calls.header()],
            is_true=batches.whole("is_true", bool),
            type=batches.whole("type", np.uint8),
            key=batches.whole("key", np.uint64),
            locus=batches.whole("locus", np.uint64),
            line=batches.whole("line", np.int64),
            judged=batches.whole("judged", np.int8),
            record_scores={s.name: batches.whole(f"record {s.name}", np.float32) for s in scores},
            filter_keys={s.name: _filter_key(s, declared_numbers(calls.header())) for s in scores},
            filtered=filtered,
            scores={s.name: batches.whole(f"score {s.name}", np.float64) for s in scores},
            strata={
                name: (names, batches.whole(f"stratum {name}", np.int8))
                for name, names in self._strata.items()
            },
            outside=int(counts[0]),
            not_compared=int(counts[1]),
            not_called=int(counts[2]),
            lines=lines,
        )
        calls.close()
        return rows, CallFilters(
            names=filters.names,
            calls=batches.whole("filter", np.int32),
            truth=batches.whole("truth", np.int64),
            found_by=batches.whole("found by", np.int32),
        )

    def _strata_names(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {
            "genotype": strata.GENOTYPES,
            "depth": strata.DEPTHS,
            "allele length": strata.LENGTHS,
        }
        if self._context is not None:
            names["sequence"] = strata.CONTEXTS
        for bed in self._beds:
            name = _stem(bed.path)
            if name in names:
                raise UsageError(
                    f"`stratify={bed.path}`: there are strata {name!r} already; give the file "
                    "another name"
                )
            names[name] = ("inside", "outside")
        return names

    def _add(
        self,
        batches: _Batches,
        lines: Lines,
        sites: WindowBatch,
        labels: Labels,
        values: dict[str, NDArray[np.float64]],
        zygosities: NDArray[np.uint8],
        reads: NDArray[np.float64],
        failed: NDArray[np.int32],
        filters: FilterSets,
    ) -> NDArray[np.int64]:
        """Add the rows of a batch; `failed` are numbers of `filters` by site. Returns the site of
        each.
        """
        alleles = labels.alleles
        part = np.flatnonzero(labels.allele[alleles.row] >= FALSE)
        if not len(part):
            return part
        row, site = alleles.row[part], alleles.site[part]
        group = site if self._unit == "record" else row
        first = np.flatnonzero(np.diff(group, prepend=-1))
        lead = part[first]
        lead_row, lead_site = row[first], site[first]
        label = labels.record[lead_site] if self._unit == "record" else labels.allele[lead_row]
        names = contig_names(sites)
        contig = np.array([self._contigs.setdefault(name, len(self._contigs)) for name in names])
        batches.add("is_true", label == 1)
        snp = np.logical_and.reduceat(alleles.is_snp[part], first)
        batches.add("type", np.where(snp, 0, 1).astype(np.uint8))
        batches.add("locus", _locus(contig[sites.contig[lead_site]], sites.pos[lead_site]))
        locus = _locus(contig[alleles.contig[part]], alleles.start[part])
        mixed = (locus ^ (alleles.change[part] << np.uint64(1))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(30)
        batches.add("key", np.add.reduceat(mixed * np.uint64(0xBF58476D1CE4E5B9), first))
        batches.add("judged", _FILTER_TYPES.of(_FILTER_TYPES.types(sites))[0][lead_site])
        for name, column in values.items():
            batches.add(f"record {name}", of_records(sites, column)[lead_site])
            # If each allele has a score, the record's score is the highest of them.
            batches.add(f"score {name}", np.fmax.reduceat(column[row], first))
        batches.add("stratum genotype", strata.genotype(zygosities[lead_row]))
        batches.add("stratum depth", strata.depth(reads[lead_row]))
        batches.add("stratum allele length", strata.length(alleles)[lead])
        if self._context is not None:
            contexts = self._contexts(sites, alleles.contig[lead], alleles.start[lead])
            batches.add("stratum sequence", contexts)
        for bed in self._beds:
            inside = bed.contains(names, alleles.contig[lead], alleles.pos[lead])
            batches.add(f"stratum {_stem(bed.path)}", np.where(inside, 0, 1).astype(np.int8))
        batches.add("line", len(lines) + first)
        lines.add_calls(sites, names, contig, labels, part, values, failed, filters.texts())
        return lead_site

    def _contexts(
        self,
        sites: WindowBatch,
        contig: NDArray[np.int32],
        start: NDArray[np.int64],
    ) -> NDArray[np.int8]:
        """Errors: BadInput where the reference lacks a contig, or has it of another length."""
        assert self._context is not None
        contexts = np.full(len(start), len(strata.CONTEXTS) - 1, np.int8)
        # An insertion at the very end of a contig starts past it.
        length = sites.contig_length[contig]
        at = np.flatnonzero((length == 0) | (start < length))
        if len(at):
            points = point_columns(sites, contig[at], start[at])
            windows = self._context.read(points, self._buffers)
            contexts[at] = strata.context(windows.reference)
        return contexts


def _filter_key(score: Score, numbers: dict[str, str]) -> str | None:
    able = score.sign > 0 and (
        score.field == "QUAL" or (score.field == "INFO" and numbers.get(score.key) in NUMBERS)
    )
    return score.key if able else None


def _locus(contig: NDArray[np.int64], pos: NDArray[np.int64]) -> NDArray[np.uint64]:
    return (contig.astype(np.uint64) << np.uint64(LOCUS_BITS)) | pos.astype(np.uint64)


def _stem(path: str) -> str:
    return re.sub(r"\.bed(\.b?gz)?$", "", Path(path).name)


def check_samples(files: Sequence[ComparedCalls]) -> None:
    """Errors: BadInput when single-sample files name different samples."""
    named = [rows for rows in files if rows.samples]
    for rows in named[1:]:
        if set(rows.samples).isdisjoint(named[0].samples):
            raise BadInput(
                f"{named[0].path} is of sample {named[0].samples[0]} and {rows.path} of "
                f"{rows.samples[0]}: if they are one and the same, say so with `same_sample=`"
            )
