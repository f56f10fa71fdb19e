"""A scored call file -> the same file with FILTER set.

With resources the file is read twice. The first pass takes the scores of the calls that are in the
resources, which give the cut-offs. The second pass writes. In between, memory holds these scores
and one bit per record. docs/tasks/filter.md states the rules.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.output import OutputOptions, check_output, open_output
from cnnscore.calls.record_types import transitions, zygosities
from cnnscore.calls.records import Calls, Records, Writer
from cnnscore.calls.resource import Resource
from cnnscore.calls.spool import readable_twice
from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import aside, writing
from cnnscore.filter.doubts import say_doubts
from cnnscore.filter.genotypes import GenotypeFilter
from cnnscore.filter.header_lines import cutoffs_line, info_lines, verdict_key
from cnnscore.filter.score_key import check_new_key, choose_key, choose_sample_key, read_scores
from cnnscore.filter.sources import CutoffSource, NetworkCutoffs
from cnnscore.filter.summary import FilterSummary, resource_outlook
from cnnscore.filter.tranche_table import TrancheTable
from cnnscore.filter.tranches import (
    KEPT,
    NO_CUT_OFF,
    NOT_JUDGED,
    TypeCutoffs,
    resource_cutoffs,
    sensitivities,
)
from cnnscore.filter.verdicts import TYPE_RULES, judge
from cnnscore.network.cutoffs import BareCutoffs, bare
from cnnscore.network.provenance import Provenance, read_model_lines
from cnnscore.progress import NoProgress, Progress

BATCH = 4096


@dataclass(frozen=True)
class FilterOptions:
    """What is written besides FILTER, or in its place."""

    clear: bool = False
    """Drop the filters that records come with."""
    soft: bool = False
    """Leave FILTER as it is; INFO/<key>_TRANCHE has the FILTER that it would get, or PASS."""
    fail_unscored: bool = False
    """Records without a score fail, if their type has a cut-off."""
    sensitivity_key: str | None = None
    """INFO key for the fraction of resource calls that score at least as high."""
    types: str = "vqsr"
    """A name of TYPE_RULES."""
    table: str | None = None
    """Path of the tranche table."""
    ref_mismatch: str = "skip"
    """If a resource's record has another REF than the call: "skip" it, or end, as "gatk" does."""
    per_sample: bool = False
    """Judge each carrier of a cohort by its FORMAT/CNN_* too, and write FORMAT/FT."""
    no_calls: bool = False
    """Set genotypes that fail to missing."""
    threads: int = 1
    """Threads that decompress and compress, including the calling thread."""

    @property
    def filters_stay(self) -> bool:
        """Whether records keep the filters that they come with, beside the new ones."""
        return not self.soft and not self.clear


def filter_calls(
    calls: str,
    *,
    output: str = "-",
    written: OutputOptions | None = None,
    info_key: str | None = None,
    resources: Sequence[str] = (),
    tranches: dict[str, list[float]] | None = None,
    source: CutoffSource | None = None,
    options: FilterOptions | None = None,
    progress: Progress | None = None,
) -> FilterSummary:
    """Write `calls` (VCF or BCF, `-` is standard input) with FILTER set by its scores.

    The score is INFO/`info_key` (or QUAL), by default the only CNN_* key. Cut-offs come from
    `source`. Without a source they come from `resources` (paths of VCF or BCF) at `tranches`
    (levels in per cent, ascending, of SNP and INDEL). Errors: UsageError, BadInput, BadOutput; then
    there is no output under its name.
    """
    options, written = options or FilterOptions(), written or OutputOptions()
    written.mode(output)  # a type that there is not fails before anything is opened
    check_output(output, resources)
    check_output(options.table or "-", (calls, *resources))
    if source is None and not (resources and tranches):
        raise UsageError("cut-offs come from a source, or from resources and tranches")
    if options.sensitivity_key and not resources:
        raise UsageError("a sensitivity is that of resource calls: give `resources=`")
    if options.no_calls and not options.per_sample:
        raise UsageError("`no_calls=` is about genotypes that fail: give `per_sample=`")
    start = time.monotonic()
    threads = options.threads - 1
    with readable_twice(calls) if resources else nullcontext((calls, None)) as (path, name):
        must_be_sorted = bool(resources or written.write_index)
        read = Calls(
            path, name=name, must_be_sorted=must_be_sorted, threads=threads, again=bool(resources)
        )
        header = read.header()
        key = choose_key(header, info_key, read.path)
        run = _Run(key, options, resources, progress or NoProgress())
        if options.per_sample:
            run.judge_genotypes(header, read, source)
        alone = run.summary.genotypes_alone = source is not None and run.filter_stays(
            source, header
        )
        given = source.cutoffs(key, header) if source and not alone else None
        if resources:
            first = Calls(path, name=name, must_be_sorted=True, threads=threads, sites_only=True)
            network = read_model_lines(header).get(key)
            run.calibrate(first, network)
        if given is not None:
            run.cutoffs = given
        elif resources:
            run.cutoffs = run.tranche_cutoffs(tranches or {}, network)
        run.look_out(source)
        if options.fail_unscored:
            run.cutoffs = tuple(cutoffs.failing_unscored(key) for cutoffs in run.cutoffs)
        origin = (
            source.name()
            if source
            else f"resources {', '.join(Path(file).name for file in resources)}"
        )
        run.declare(read, origin)
        with ExitStack() as together, ExitStack() as after:  # the table comes after the output
            table = after.enter_context(aside(options.table)) if options.table else None
            with open_output(read, output, written, threads=threads, together=together) as writer:
                run.write(read, writer)
                if options.table and table:
                    with writing(options.table):
                        table.write_text(run.table.text())
    run.summary.seconds = time.monotonic() - start
    return run.summary


class _Run:
    """One call file: what the first pass finds, and what the second pass does with it."""

    def __init__(
        self, key: str, options: FilterOptions, resources: Sequence[str], progress: Progress
    ) -> None:
        self._options = options
        self._rule = TYPE_RULES[options.types]
        self._resources = [
            Resource(path, ends_at_mismatch=options.ref_mismatch == "gatk") for path in resources
        ]
        self._progress = progress
        self._known = _Bits()
        self._resource_scores = [np.zeros(0, np.float32) for _ in VARIANT_TYPES]
        self._scored = dict.fromkeys(VARIANT_TYPES, 0)
        self._scored_bare = dict.fromkeys(VARIANT_TYPES, 0)
        self.summary = FilterSummary(key)
        self._samples = 0
        self.cutoffs: tuple[TypeCutoffs, ...] = ()
        """Of records: none where their FILTER stays."""
        self._genotypes: GenotypeFilter | None = None
        self._genotypes_from = ""
        self.table = TrancheTable((), with_resources=False)

    def judge_genotypes(
        self, header: Sequence[str], calls: Calls, source: CutoffSource | None
    ) -> None:
        """Judge carriers by the cut-offs of `source`, or the network's own."""
        key = choose_sample_key(header, calls.path)
        source = source or NetworkCutoffs({})
        cutoffs = source.cutoffs(key, header)
        if self._options.fail_unscored:
            cutoffs = tuple(of_type.failing_unscored(key) for of_type in cutoffs)
        self._genotypes = GenotypeFilter(key, cutoffs, self._rule, calls.samples)
        self._genotypes_from = source.name()
        self.summary.genotypes = self._genotypes.summary

    def filter_stays(self, source: CutoffSource, header: Sequence[str]) -> bool:
        """Whether genotypes alone are judged, as the score of a cohort's site has no cut-offs."""
        if self._genotypes is None or not isinstance(source, NetworkCutoffs):
            return False
        return source.lacks(self.summary.key, header)

    # ---- first pass ----

    def calibrate(self, calls: Calls, network: Provenance | None) -> None:
        """Collect the scores of the calls that a resource has, ascending, by type. `network`: what
        made the scores, if the header tells, and which calls are bare to it."""
        bare_cutoffs = network.bare_cutoffs if network else BareCutoffs()
        parts: list[list[NDArray[np.float32]]] = [[] for _ in VARIANT_TYPES]
        records, n_records, n_scored = Records(), 0, 0
        contigs: set[str] = set()
        while n := calls.read(records, BATCH):
            sites = records.sites()
            scores = read_scores(records, sites, self.summary.key)
            scored = ~np.isnan(scores)
            known = np.zeros(n, np.uint8)
            for resource in self._resources:
                resource.match(records, scored, known)
            judged, calibrates = self._rule.of(self._rule.types(sites))
            are_bare = self._bare(records, sites, bare_cutoffs.annotations)
            for i, variant_type in enumerate(VARIANT_TYPES):
                parts[i].append(scores[(known == 1) & (calibrates == i)])
                of_type = scored & (judged == i)
                self._scored[variant_type] += int(np.count_nonzero(of_type))
                if are_bare is not None and variant_type in bare_cutoffs.cutoffs:
                    self._scored_bare[variant_type] += int(np.count_nonzero(of_type & are_bare))
            self._known.append(known)
            n_records, n_scored = n_records + n, n_scored + int(np.count_nonzero(scored))
            contigs.update(sites.contig_name(int(contig)) for contig in np.unique(sites.contig))
            self._report(calls, sites, n_records, 0.0)
        if n_records and not n_scored:
            raise BadInput(
                f"no record of {calls.path} has a value of {self.summary.key}: score it first, or "
                "name another key with `info_key=`"
            )
        self._resource_scores = [
            np.sort(np.concatenate([np.zeros(0, np.float32), *p])) for p in parts
        ]
        for resource in self._resources:
            resource.check_contigs(calls.path, sorted(contigs))
            resource.check_build(calls.path)
        for variant_type, known_scores in zip(VARIANT_TYPES, self._resource_scores, strict=True):
            self.summary.resource_calls[variant_type] = len(known_scores)

    def tranche_cutoffs(
        self, tranches: dict[str, list[float]], network: Provenance | None
    ) -> tuple[TypeCutoffs, ...]:
        """Cut-offs from the resource calls' scores; warnings of those that they cannot bear.
        `network`: what made the scores, if the header tells."""
        found = []
        for variant_type, scores in zip(VARIANT_TYPES, self._resource_scores, strict=True):
            if self._scored[variant_type] and not len(scores):
                names, them = ", ".join(r.path for r in self._resources), f"{variant_type}s"
                raise BadInput(
                    f"{self._scored[variant_type]:,} {them} have a score, and none is in {names}: "
                    f"take resources that have {them} where the calls are, or give `thresholds=`"
                )
            cutoffs = resource_cutoffs(
                variant_type, self.summary.key, tranches[variant_type], scores
            )
            if n := self._scored[variant_type]:
                n_bare = self._scored_bare[variant_type]
                say_doubts(cutoffs, tranches[variant_type], scores, n, n_bare, network)
            found.append(cutoffs)
        return tuple(found)

    def look_out(self, source: CutoffSource | None) -> None:
        """Find what the cut-offs are expected to keep, and which stricter ones to count."""
        for cutoffs in self.cutoffs:
            scores = self._resource_scores[VARIANT_TYPES.index(cutoffs.variant_type)]
            self.summary.outlooks[cutoffs.variant_type] = (
                source.outlook(cutoffs)
                if source
                else resource_outlook(cutoffs, self.summary.key, scores)
            )

    # ---- second pass ----

    def declare(self, calls: Calls, origin: str) -> None:
        """Complete the header of what is written."""
        key, options = self.summary.key, self._options
        self.summary.cutoffs = self.cutoffs
        if options.clear:
            calls.clear_filters()
        for cutoffs in () if options.soft else self.cutoffs:
            for line in cutoffs.header_lines():
                calls.add_header(line)
        before = [] if options.clear else calls.header()
        if self.cutoffs:
            stay = options.filters_stay
            calls.add_header(cutoffs_line(key, origin, self.cutoffs, before, filters_stay=stay))
        if self._genotypes:
            self._genotypes.declare(calls)
            of, where = self._genotypes.summary, self._genotypes_from
            stay = not options.clear
            calls.add_header(cutoffs_line(of.key, where, of.cutoffs, before, filters_stay=stay))
        sensitivity_key = options.sensitivity_key
        for new, line in info_lines(key, soft=options.soft, sensitivity_key=sensitivity_key):
            check_new_key(calls.header(), new, line, calls.path)
            calls.add_header(line)

    def write(self, calls: Calls, writer: Writer) -> None:
        """Read all records, judge and write them."""
        options, summary = self._options, self.summary
        names = [cut.filter for cutoffs in self.cutoffs for cut in cutoffs.filters]
        self.table = TrancheTable(self.cutoffs, with_resources=bool(self._resources))
        self._samples = calls.samples
        for cutoffs in self.cutoffs if self._resources else ():
            scores = self._resource_scores[VARIANT_TYPES.index(cutoffs.variant_type)]
            self.table.add_resource(cutoffs.variant_type, cutoffs.grades(scores))
        records = Records()
        while n := calls.read(records, BATCH):
            sites = records.sites()
            scores = read_scores(records, sites, summary.key)
            known = self._known.take(n) if self._resources else np.zeros(n, bool)
            if len(known) < n:
                raise BadInput(f"{calls.path} grew while it was read: it must not change")
            verdict, sensitivity = self._judge(records, sites, scores, known)
            if self._genotypes:
                self._genotypes.apply(records, clear=options.clear, no_calls=options.no_calls)
            writer.filter(
                records,
                names,
                verdict,
                clear=options.clear,
                verdict_key=verdict_key(summary.key) if options.soft else None,
                sensitivity_key=options.sensitivity_key,
                sensitivity=sensitivity,
            )
            summary.records += n
            self._report(calls, sites, summary.records, 0.5 if self._resources else None)
        if self._resources and not self._known.is_empty():
            raise BadInput(f"{calls.path} shrank while it was read: it must not change")
        self._progress.clear()

    def _judge(
        self,
        records: Records,
        sites: WindowBatch,
        scores: NDArray[np.float32],
        known: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """[N] index of each record's new FILTER, or KEPT or NOT_JUDGED; [N] sensitivities."""
        summary, types = self.summary, self._rule.types(sites)
        judged, _ = self._rule.of(types)
        scored = ~np.isnan(scores)
        sensitivity = np.full(len(scores), np.nan, np.float32)
        counted: tuple[NDArray[np.int8], list[NDArray[np.int8]]] | None = None
        if self._options.table:
            counted = transitions(sites, types), self._zygosities(records, sites)
        are_bare = {
            name: self._bare(records, sites, cutoffs.bare_without or outlook.bare_without)
            for cutoffs in self.cutoffs
            for name in [cutoffs.variant_type]
            for outlook in [summary.outlooks[name]]
        }
        filtered = np.zeros(len(scores), np.bool_)
        if self._options.filters_stay:
            filtered = records.filtered()
        verdict, found = judge(self.cutoffs, judged, scores, are_bare)
        for cutoffs, (rows, grades, of_bare, missing) in zip(self.cutoffs, found, strict=True):
            index = VARIANT_TYPES.index(cutoffs.variant_type)
            summary.failed_unscored += missing
            sensitivity[rows] = sensitivities(scores[rows], self._resource_scores[index])
            summary.judged[cutoffs.variant_type] += len(rows)
            summary.failed[cutoffs.variant_type] += int(np.count_nonzero(grades))
            before = filtered[rows]
            summary.failed_before[cutoffs.variant_type] += int(np.sum(before & (grades == 0)))
            bare_rows = None if of_bare is None else of_bare[~before]
            summary.outlooks[cutoffs.variant_type].count(scores[rows[~before]], bare_rows)
            if counted is not None:
                changes, genotypes = counted
                of_rows = [genotype[rows] for genotype in genotypes]
                self.table.add(cutoffs.variant_type, grades, known[rows], changes[rows], of_rows)
        for index, name in enumerate(VARIANT_TYPES):
            if name not in (cutoffs.variant_type for cutoffs in self.cutoffs):
                rows = judged == index
                verdict[rows] = NO_CUT_OFF
                summary.no_cutoff[name] += int(np.count_nonzero(rows & scored))
        summary.unscored += int(np.count_nonzero(~scored & (verdict < KEPT)))
        summary.not_judged += int(np.count_nonzero(scored & (verdict == NOT_JUDGED)))
        return verdict, sensitivity

    def _bare(
        self, records: Records, sites: WindowBatch, annotations: Sequence[str]
    ) -> NDArray[np.bool_] | None:
        """[N] whether a record lacks most of the annotations; None where nobody asks."""
        if not annotations:
            return None
        known = [~np.isnan(read_scores(records, sites, key)) for key in annotations]
        return bare(np.stack(known, axis=1))

    def _zygosities(self, records: Records, sites: WindowBatch) -> list[NDArray[np.int8]]:
        return [zygosities(sites, records.dosage(sample)) for sample in range(self._samples)]

    def _report(self, calls: Calls, sites: WindowBatch, n: int, begin: float | None) -> None:
        """Show progress. If there are two passes, each is half of the work."""
        part = calls.progress()
        if part is not None and self._resources:
            part = part / 2 + (begin or 0.0)
        self._progress.update(n, sites.locus(-1), part)


class _Bits:
    """One flag per record, in record order; eight flags in one byte."""

    def __init__(self) -> None:
        self._parts: deque[tuple[NDArray[np.uint8], int]] = deque()
        self._ready = np.zeros(0, np.uint8)

    def append(self, flags: NDArray[np.uint8]) -> None:
        """Add flags, 0 or 1."""
        self._parts.append((np.packbits(flags), len(flags)))

    def take(self, n: int) -> NDArray[np.bool_]:
        """Take out the next n flags, fewer at the end."""
        while len(self._ready) < n and self._parts:
            packed, count = self._parts.popleft()
            self._ready = np.concatenate([self._ready, np.unpackbits(packed, count=count)])
        taken, self._ready = self._ready[:n], self._ready[n:]
        return taken.astype(bool)

    def is_empty(self) -> bool:
        """Whether all flags were taken."""
        return not self._parts and not len(self._ready)
