"""Calls, reads and a truth set -> labelled windows on disk: what `cnnscore dataset` does."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.dataset.parquet import (
    COLUMNS,
    SPLITS,
    DatasetWriter,
    LabelledRows,
    Layout,
    open_dataset,
)
from cnnscore.description import LABELS
from cnnscore.errors import BadInput, UsageError
from cnnscore.network.encode import ENCODINGS
from cnnscore.progress import NoProgress, Progress
from cnnscore.truth.labels import FALSE, TRUE, Labeller, called_dosage
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet
from cnnscore.version import __version__

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
class SplitRule:
    """Which split a site falls into: whole blocks, by a hash of contig and block alone."""

    held_out: tuple[str, ...] = ()
    """Contigs that are `test`."""
    validation: float = 0.1
    calibration: float = 0.1
    block: int = 100_000

    def of(self, contig: str, pos: int) -> int:
        """Index into SPLITS of the site at a 0-based position."""
        if contig in self.held_out:
            return SPLITS.index("test")
        at = _uniform_text(f"{contig}:{pos // self.block}")
        if at < self.validation:
            return SPLITS.index("validation")
        if at < self.validation + self.calibration:
            return SPLITS.index("calibration")
        return SPLITS.index("train")


@dataclass(frozen=True)
class DatasetOptions:
    """What `make_dataset` keeps."""

    sample: str | None = None
    """The call file's column, and the reads' SM."""
    all_alleles: bool = False
    """Rows for ALT alleles that the sample does not carry, too."""
    name: str | None = None
    """The rows' sample; None takes `sample`, or the call file's name."""
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
) -> dict[str, int]:
    """Write the labelled windows of a call file to the Parquet file `output`; rows by class.

    Rows are ALT alleles that the sample carries, that can be compared with the truth set and lie in
    the confident regions (None: everywhere). Errors: BadInput when calls, truth, regions and
    reference do not fit each other or nothing is left; BadOutput; no file is left under its name
    then.
    """
    progress = progress or NoProgress()
    _check(options)
    source = Calls(
        calls,
        intervals=options.intervals,
        annotations=options.annotations,
        reference=reference,
    )
    source.check_sample(options.sample)
    labeller = Labeller(
        TruthSet.read(truth, reference=reference),
        None if confident is None else Regions.read(confident),
        all_alleles=options.all_alleles,
    )
    dosage = None if options.all_alleles else called_dosage(source, options.sample)
    rule = options.read_rule or ENCODINGS["read-set"].read_rule
    reader_options = _reader_options(reference, reads, rule, options)
    records, buffers = Records(), WindowBuffers()
    chooser = _Chooser(options, options.name or options.sample or Path(calls).name.split(".")[0])
    writer: DatasetWriter | None = None
    n_sites = 0
    with ExitStack() as stack:
        reader = stack.enter_context(WindowReader(reader_options))
        reader.set_depth(reader.measure_depth())
        while source.read(records, SITES_PER_BATCH):
            sites = records.sites()
            n_sites += len(sites)
            if writer is None:
                files = {"calls": calls, "reference": reference, "truth": truth}
                layout = _layout(
                    sites, reader_options, options, command, {**files, "reads": list(reads)}
                )
                writer = stack.enter_context(open_dataset(output, layout))
            labels = labeller.label(sites, dosage(records) if dosage else None)
            site, rows = chooser.choose(sites, labels.allele)
            if len(site):
                writer.write(reader.read(sites.take_sites(site), buffers), rows)
            progress.update(n_sites, sites.locus(-1), source.progress())
        progress.clear()
        if writer is None:
            raise BadInput(f"{calls} has no records: a data set needs calls, true and false")
        labeller.check(calls)
        if not writer.rows:
            raise BadInput(
                f"{calls}: none of its {n_sites:,} records became a row: no comparable ALT allele "
                "that the sample carries lies in the confident regions, or --keep leaves none"
            )
    return chooser.counts()


class _Chooser:
    """Labels of alleles -> the rows of a batch."""

    def __init__(self, options: DatasetOptions, name: str) -> None:
        self._options, self._name = options, name
        self._keep = np.array([options.keep.get(label, 1.0) for label in LABELS])
        self._counts = np.zeros(len(LABELS), np.int64)

    def counts(self) -> dict[str, int]:
        return dict(zip(LABELS, self._counts.tolist(), strict=True))

    def choose(
        self, sites: WindowBatch, labels: NDArray[np.int8]
    ) -> tuple[NDArray[np.int64], LabelledRows]:
        """Sites (one entry per row) and rows, of the labels [alleles] of the truth."""
        per_site = np.diff(sites.site_allele)
        site = np.repeat(np.arange(len(sites)), per_site)
        number = np.arange(len(labels)) - sites.site_allele[site]
        length = np.diff(sites.allele_offset)
        indel = length != length[sites.site_allele[site]]
        label = np.where(indel, 1, 0) + np.where(labels == TRUE, 2, 0)
        part = self._keep[label]
        wanted = ((labels == TRUE) | (labels == FALSE)) & (_uniform(sites, site, number) < part)
        site, number, label, part = site[wanted], number[wanted], label[wanted], part[wanted]
        self._counts += np.bincount(label, minlength=len(LABELS))
        names = [sites.contig_name(contig) for contig in sites.contig[site]]
        rule = self._options.split
        rows = LabelledRows(
            label=label.astype(np.int8),
            split=np.array(
                [rule.of(c, int(p)) for c, p in zip(names, sites.pos[site], strict=True)], np.int8
            ),
            weight=(self._options.weight / part).astype(np.float32),
            allele=number.astype(np.int16),
            sample=np.full(len(site), self._name, object),
        )
        return site, rows


def _uniform(
    sites: WindowBatch, site: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A number within [0, 1) of each (site, allele), by contig name, position and allele alone."""
    contigs = [_text_hash(sites.contig_name(i)) for i in range(len(sites.contig_length))]
    mixed = np.array(contigs or [0], np.uint64)[sites.contig[site]]
    for value in (sites.pos[site], number):
        mixed = (mixed ^ value.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    uniform: NDArray[np.float64] = (mixed >> np.uint64(11)) / 2.0**53
    return uniform


@cache
def _text_hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _uniform_text(text: str) -> float:
    return _text_hash(text) / 2.0**64


def _reader_options(
    reference: str, reads: Sequence[str], rule: str, options: DatasetOptions
) -> ReaderOptions:
    columns = [entry.reference_columns(options.window) for entry in ENCODINGS.values()]
    left = max(left for left, _ in columns)
    return ReaderOptions(
        reference=reference,
        reads=tuple(reads),
        sample=options.sample if reads else None,
        read_rule=rule if reads else "none",
        read_limit=options.read_limit if reads else 0,
        reference_left=left,
        reference_width=left + max(width - left for left, width in columns),
    )


def _layout(
    sites: WindowBatch,
    reader: ReaderOptions,
    options: DatasetOptions,
    command: str,
    files: dict[str, Any],
) -> Layout:
    contigs = [(sites.contig_name(i), int(length)) for i, length in enumerate(sites.contig_length)]
    return Layout(
        annotations=options.annotations,
        reference_left=reader.reference_left,
        reference_width=reader.reference_width,
        read_rule=reader.read_rule,
        read_limit=reader.read_limit,
        contigs=tuple(contigs),
        tags=dict(options.tags),
        provenance={
            "version": __version__,
            "command": command,
            "files": {
                key: [os.path.basename(f) for f in value]  # noqa: PTH119
                if isinstance(value, list)
                else os.path.basename(value)  # noqa: PTH119
                for key, value in files.items()
            },
            "made": time.strftime("%Y-%m-%d"),
        },
    )


def _check(options: DatasetOptions) -> None:
    for label, part in options.keep.items():
        if label not in LABELS or not 0 < part <= 1:
            raise UsageError(
                f"--keep {label}={part}: give one of {', '.join(LABELS)} "
                "and a part above 0, up to 1"
            )
    rule = options.split
    if not (rule.validation >= 0 <= rule.calibration and rule.validation + rule.calibration < 1):
        raise UsageError("--validation and --calibration are parts that leave some for training")
    for tag in options.tags:
        if tag in COLUMNS or not tag.isidentifier():
            raise UsageError(f"--tag {tag}: that name is taken, or is no plain word")
