"""Calls, reads and a truth set -> labelled windows on disk: what `cnnscore dataset` does."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.read_checks import ReadChecks, check_depth
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.spool import readable_twice
from cnnscore.calls.windows import READ_RULES, ReaderOptions, WindowBuffers, WindowReader
from cnnscore.dataset.parquet import (
    COLUMNS,
    SPLITS,
    DatasetWriter,
    LabelledRows,
    Layout,
    open_dataset,
)
from cnnscore.dataset.splits import Loci, SplitPlan, SplitRule, hash_text, plan_splits
from cnnscore.dataset.summary import DatasetSummary
from cnnscore.description import LABELS
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import file_name
from cnnscore.network.encode import ENCODINGS
from cnnscore.progress import NoProgress, Progress
from cnnscore.truth.labels import FALSE, TRUE, Labeller, called_dosage
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet
from cnnscore.version import __version__

log = logging.getLogger("cnnscore")
SITES_PER_BATCH = 512
ANNOTATIONS = (
    "QUAL",
    "DP",
    "QD",
    "MQ",
    "FS",
    "SOR",
    "MQRankSum",
    "ReadPosRankSum",
    "BaseQRankSum",
    "RelativeDepth",
)
"""Annotations kept by default: those that a network of ours or GATK's has use for."""


@dataclass(frozen=True)
class DatasetOptions:
    """What `make_dataset` keeps."""

    sample: str | None = None
    """The call file's column, and the reads' SM."""
    all_alleles: bool = False
    """Rows for ALT alleles that the sample does not carry, too."""
    near_truth: int = 0
    """Alleles that are not true, this near to a true one, are no rows (`Labeller`)."""
    name: str | None = None
    """The rows' sample; None takes `sample`, or the call file's name. And a file of a folder."""
    overwrite: bool = False
    """Whether an existing file is replaced."""
    keep: Mapping[str, float] = field(default_factory=dict)
    """Part of each class that is kept, 1 where it is not named."""
    weight: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)
    split: SplitRule = field(default_factory=SplitRule)
    annotations: tuple[str, ...] = ANNOTATIONS
    window: int = 600
    read_rule: str | None = None
    """None takes that of the encoding `read-set`."""
    read_limit: int = 256
    sample_depth: float | None = None
    """How deep the sample usually is (docs/reference/encodings.md); None: measured in the reads."""
    intervals: Intervals = field(default_factory=Intervals)


def make_dataset(
    calls: str,
    *,
    reference: str,
    reads: Sequence[str],
    truth: str,
    confident: str | None,
    output: Path,
    options: DatasetOptions,
    command: str = "",
    progress: Progress | None = None,
) -> DatasetSummary:
    """Write the labelled windows of a call file to `output`, a Parquet file or the folder of one.
    The calls are read twice; a stream is spooled to $TMPDIR.

    Rows are ALT alleles that the sample carries, that can be compared with the truth set and lie in
    the confident regions (None: everywhere). Errors: UsageError for options out of range and a file
    that is there; BadInput when calls, truth, regions and reference do not fit each other or
    nothing is left; BadOutput; no file is left under its name then.
    """
    progress = progress or NoProgress()
    check_options(options, with_reads=bool(reads))
    name = options.name or options.sample or Path(calls).name.split(".")[0]
    output = file_of_rows(output, name, overwrite=options.overwrite)
    reader_options = _reader_options(reference, reads, options)
    uses_depth = _uses_depth(options, with_reads=bool(reads))
    with readable_twice(calls) as (path, called):

        def open_calls() -> Calls:
            return Calls(
                path,
                name=called,
                intervals=options.intervals,
                annotations=options.annotations,
                reference=reference,
            )

        chooser = _Chooser(options)
        source = open_calls()
        source.check_sample(options.sample)
        labeller = Labeller(
            TruthSet.read(truth, reference=reference),
            None if confident is None else Regions.read(confident),
            all_alleles=options.all_alleles,
            near_truth=options.near_truth,
        )
        dosage = None if options.all_alleles else called_dosage(source, options.sample)
        records, first = Records(), _FirstReading()
        while source.read(records, SITES_PER_BATCH):
            sites = records.sites()
            labels = labeller.label(sites, dosage(records) if dosage else None)
            first.add(sites, chooser.choose(sites, labels.allele))
        if not first.n_sites:
            raise BadInput(f"{calls} has no records: a data set needs calls, true and false")
        labeller.check(calls)
        rows = first.joined()
        if not len(rows.pos):
            raise BadInput(
                f"{calls}: none of its {first.n_sites:,} records became a row: no comparable ALT "
                "allele that the sample carries lies in the confident regions, or `keep=` leaves "
                "none"
            )
        plan = plan_splits(rows, options.split, output)
        split = plan.of(rows)
        counts = np.zeros((len(SPLITS), len(LABELS)), np.int64)
        np.add.at(counts, (split, rows.label), 1)
        files = {"calls": calls, "reference": reference, "truth": truth, "reads": list(reads)}
        splits = _splits(options.split, plan, counts)
        layout = _layout(rows, first.lengths, reader_options, options, command, files, splits)
        with open_dataset(output, layout) as writer, WindowReader(reader_options) as reader:
            checks = ReadChecks(
                reader, "the data set", uses_depth=uses_depth, sample_depth=options.sample_depth
            )
            checks.whose(source, options.sample)
            reader.set_depth(checks.depth)
            _write(open_calls(), reader, checks, writer, first, split, options, name, progress)
        progress.clear()
    done = DatasetSummary(str(output), counts)
    if done.missing:
        log.warning("%s has no row of class %s", output, " and ".join(done.missing))
    return done


def file_of_rows(output: Path, name: str, *, overwrite: bool) -> Path:
    """The file of the rows called `name`. Errors: UsageError where it is there already."""
    path = output if output.suffix == ".parquet" else output / f"{file_name(name)}.parquet"
    if path.exists() and not overwrite:
        raise UsageError(
            f"{path} is there already: `overwrite=` replaces it, `name=` makes another file"
        )
    return path


def _write(
    source: Calls,
    reader: WindowReader,
    checks: ReadChecks,
    writer: DatasetWriter,
    first: _FirstReading,
    split: NDArray[np.int8],
    options: DatasetOptions,
    name: str,
    progress: Progress,
) -> None:
    """The second reading: windows of the rows that the first one chose."""
    records, buffers = Records(), WindowBuffers()
    n_sites, done = 0, 0
    chosen = iter(first.chosen)
    while n := source.read(records, SITES_PER_BATCH):
        sites = records.sites()
        n_sites += n
        found = next(chosen, None)
        if found is None or found.n_sites != n:
            raise BadInput(f"{source.path} changed while it was read: it must not")
        end = done + len(found.site)
        rows = LabelledRows(
            label=found.label,
            split=split[done:end],
            weight=found.weight,
            allele=found.allele,
            sample=np.full(len(found.site), name, object),
        )
        begin = 0
        for part in reader.parts(sites.take_sites(found.site), buffers):
            writer.write(part, rows.part(begin, begin + len(part)))
            begin += len(part)
        checks.so_far(reader.counts())
        done = end
        progress.update(n_sites, sites.locus(-1), source.progress())
    if next(chosen, None) is not None:
        raise BadInput(f"{source.path} changed while it was read: it must not")
    checks.at_end(reader.counts())
    checks.warn(reader.counts())


@dataclass(frozen=True)
class _Chosen:
    """Rows of one batch of records: arrays of n."""

    n_sites: int
    site: NDArray[np.int64]
    """Site of the batch, one entry a row."""
    label: NDArray[np.int8]
    weight: NDArray[np.float32]
    allele: NDArray[np.int16]


class _FirstReading:
    """What the first reading learns: which alleles are rows, and where they lie."""

    def __init__(self) -> None:
        self.n_sites = 0
        self.chosen: list[_Chosen] = []
        self.lengths: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._contig: list[NDArray[np.int32]] = []
        self._pos: list[NDArray[np.int64]] = []

    def add(self, sites: WindowBatch, chosen: _Chosen) -> None:
        self.n_sites += len(sites)
        if len(self._names) != len(sites.contig_length):
            self._names = tuple(map(sites.contig_name, range(len(sites.contig_length))))
            self.lengths = tuple(map(int, sites.contig_length))
        self.chosen.append(chosen)
        self._contig.append(sites.contig[chosen.site])
        self._pos.append(sites.pos[chosen.site])

    def joined(self) -> Loci:
        """Of all rows, in order."""
        label = np.concatenate([chosen.label for chosen in self.chosen])
        return Loci(self._names, np.concatenate(self._contig), np.concatenate(self._pos), label)


class _Chooser:
    """Labels of alleles -> the rows of a batch."""

    def __init__(self, options: DatasetOptions) -> None:
        self._weight = options.weight
        self._keep = np.array([options.keep.get(label, 1.0) for label in LABELS])

    def choose(self, sites: WindowBatch, labels: NDArray[np.int8]) -> _Chosen:
        """The rows of the labels [alleles] of the truth."""
        per_site = np.diff(sites.site_allele)
        site = np.repeat(np.arange(len(sites)), per_site)
        number = np.arange(len(labels)) - sites.site_allele[site]
        length = np.diff(sites.allele_offset)
        indel = length != length[sites.site_allele[site]]
        label = np.where(indel, 1, 0) + np.where(labels == TRUE, 2, 0)
        part = self._keep[label]
        wanted = ((labels == TRUE) | (labels == FALSE)) & (_uniform(sites, site, number) < part)
        return _Chosen(
            n_sites=len(sites),
            site=site[wanted],
            label=label[wanted].astype(np.int8),
            weight=(self._weight / part[wanted]).astype(np.float32),
            allele=number[wanted].astype(np.int16),
        )


def _uniform(
    sites: WindowBatch, site: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A number within [0, 1) of each (site, allele), by contig name, position and allele alone."""
    contigs = [hash_text(sites.contig_name(i)) for i in range(len(sites.contig_length))]
    mixed = np.array(contigs or [0], np.uint64)[sites.contig[site]]
    for value in (sites.pos[site], number):
        mixed = (mixed ^ value.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    uniform: NDArray[np.float64] = (mixed >> np.uint64(11)) / 2.0**53
    return uniform


def _read_rule(options: DatasetOptions, *, with_reads: bool) -> str:
    if not with_reads:
        return "none"
    return options.read_rule or ENCODINGS["read-set"].read_rule


def _uses_depth(options: DatasetOptions, *, with_reads: bool) -> bool:
    is_primary = _read_rule(options, with_reads=with_reads) == "primary"
    return is_primary and "RelativeDepth" in options.annotations


def _reader_options(reference: str, reads: Sequence[str], options: DatasetOptions) -> ReaderOptions:
    columns = [entry.reference_columns(options.window) for entry in ENCODINGS.values()]
    left = max(left for left, _ in columns)
    return ReaderOptions(
        reference=reference,
        reads=tuple(reads),
        sample=options.sample if reads else None,
        read_rule=_read_rule(options, with_reads=bool(reads)),
        read_limit=options.read_limit if reads else 0,
        reference_left=left,
        reference_width=left + max(width - left for left, width in columns),
        whole_reads=True,  # a data set is for people to look at, and for windows of other sizes
    )


def _layout(
    rows: Loci,
    lengths: Sequence[int],
    reader: ReaderOptions,
    options: DatasetOptions,
    command: str,
    files: dict[str, Any],
    splits: dict[str, Any],
) -> Layout:
    return Layout(
        annotations=options.annotations,
        reference_left=reader.reference_left,
        reference_width=reader.reference_width,
        read_rule=reader.read_rule,
        read_limit=reader.read_limit,
        contigs=tuple(zip(rows.contigs, lengths, strict=True)),
        tags=dict(options.tags),
        provenance={
            "version": __version__,
            "command": command,
            "files": {
                key: [os.path.basename(f) for f in value]  # noqa: PTH119 - texts
                if isinstance(value, list)
                else os.path.basename(value)  # noqa: PTH119 - a text
                for key, value in files.items()
            },
            "splits": splits,
            "made": time.strftime("%Y-%m-%d"),
        },
    )


def _splits(rule: SplitRule, plan: SplitPlan, counts: NDArray[np.int64]) -> dict[str, Any]:
    """What was asked of the splits, and the rows that each got."""
    return {
        "block": plan.block,
        "validation": rule.validation,
        "calibration": rule.calibration,
        "hold_out": list(rule.held_out),
        "rows": {
            name: dict(zip(LABELS, of_split, strict=True))
            for name, of_split in zip(SPLITS, counts.tolist(), strict=True)
        },
    }


def check_options(options: DatasetOptions, *, with_reads: bool) -> None:
    """Errors: UsageError for what is out of range, whatever the calls are."""
    if options.read_rule not in (None, *READ_RULES):
        raise UsageError(f"`read_rule={options.read_rule}`: one of {', '.join(READ_RULES)}")
    block = options.split.block
    sizes = [options.window, options.read_limit, 1 if block is None else block]
    if min(sizes) < 1 or not options.weight > 0:
        raise UsageError("`window=`, `read_limit=`, `block=` and `weight=` must be above 0")
    for label, part in options.keep.items():
        if label not in LABELS or not 0 < part <= 1:
            raise UsageError(
                f"`keep={label}={part}`: give one of {', '.join(LABELS)} "
                "and a part above 0, up to 1"
            )
    rule = options.split
    if not (rule.validation >= 0 <= rule.calibration and rule.validation + rule.calibration < 1):
        raise UsageError("`validation=` and `calibration=` are parts that leave some for training")
    for tag in options.tags:
        if tag in COLUMNS or not tag.isidentifier():
            raise UsageError(f"`tags={tag}`: that name is taken, or is no plain word")
    uses_depth = _uses_depth(options, with_reads=with_reads)
    check_depth(options.sample_depth, "the data set", uses_depth=uses_depth)
