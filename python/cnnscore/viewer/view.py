"""Chosen sites, as their network saw them: `cnnscore view`.

choose.py: records -> a small VCF    sites.py: record -> planes, reads, score
attribution.py: what moved the score
page.py: one HTML file    picture.py: a picture for slides    terminal.py: ANSI text
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.output import OutputOptions
from cnnscore.calls.read_checks import check_depth
from cnnscore.calls.records import Calls, Intervals
from cnnscore.calls.spool import readable_twice
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import scratch_folder
from cnnscore.network.manifest import Manifest
from cnnscore.progress import NoProgress, Progress
from cnnscore.score.engine import Engine
from cnnscore.score.options import ScoreOptions
from cnnscore.score.run import score_calls, usable_cores
from cnnscore.truth.labels import Labeller
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet
from cnnscore.viewer.choose import Choice, choose, copy_records, read_columns
from cnnscore.viewer.sites import Looker, Site

log = logging.getLogger("cnnscore")

RUNS, RUNS_CHEAP = 16, 300
"""Runs of the network per site that attribution takes by default: where one costs 10 ms or more, as
of GATK's networks over reads, and where it costs next to nothing."""


@dataclass(frozen=True)
class View:
    """An opened selection: `sites` yields `count` sites in file order, each once."""

    manifest: Manifest
    records: int
    """Records that there were to choose from."""
    count: int
    rank: NDArray[np.int64]
    """[count] rank of each site in the order of the choice: 0 is the first to look at."""
    sites: Iterator[Site]


@dataclass(frozen=True)
class ViewOptions:
    """Of which records a choice is made, and what is worked out for the chosen ones."""

    sample: str | None = None
    """The VCF column that is shown, and the SM of the reads."""
    sample_depth: float | None = None
    """How deep the sample usually is (docs/reference/encodings.md); None: measured in the reads."""
    intervals: Intervals = field(default_factory=Intervals)
    info_key: str | None = None
    """The score to choose by, in place of the network's own key."""
    truth: str | None = None
    """VCF of a truth set, by which sites are labelled,"""
    confident: str | None = None
    """and better so within its confident regions (BED)."""
    runs: int | None = 0
    """What attribution may cost per site, in runs of the network; None: RUNS, or RUNS_CHEAP."""
    threads: int | None = None
    """None: the cores that this process may use."""


@contextmanager
def open_view(
    calls: str,
    engine: Engine,
    *,
    reference: str,
    reads: Sequence[str] = (),
    choice: Choice | None = None,
    options: ViewOptions | None = None,
    progress: Progress | None = None,
) -> Iterator[View]:
    """Choose records of `calls` (VCF or BCF, `-` is standard input) and look at them.

    A choice by score takes the key of `options` where the file has it, and scores all records where
    not. Errors: UsageError, BadInput.
    """
    choice, options = choice or Choice(), options or ViewOptions()
    progress = progress or NoProgress()
    sample, intervals, depth = options.sample, options.intervals, options.sample_depth
    threads, manifest = options.threads or usable_cores(), engine.manifest
    if manifest.encoder.needs_reads and not reads:
        raise UsageError(f"the network {manifest.name} looks at reads: give them with `reads=`")
    uses_depth = engine.description.uses_depth
    check_depth(depth, f"the network {manifest.name}", uses_depth=uses_depth)
    with scratch_folder() as folder, readable_twice(calls) as (source, called):
        name, path = called or calls, source
        _check_sample(path, name, sample, bool(reads))
        key = options.info_key or manifest.info_key
        scored = choice.needs_scores and not has_info(path, key)
        if scored:
            if options.info_key:
                raise BadInput(f"{name} has no INFO/{options.info_key} to choose by")
            output = str(folder / "scored.vcf.gz")
            score_calls(
                path,
                engine,
                reference=reference,
                reads=reads if manifest.encoder.needs_reads else (),
                output=output,
                written=OutputOptions("z1"),
                options=ScoreOptions(sample=sample, intervals=intervals, sample_depth=depth),
                threads=threads,
                progress=progress,
            )
            path, intervals = output, Intervals()
        labeller = None
        if options.truth:
            regions = Regions.read(options.confident) if options.confident else None
            labeller = Labeller(TruthSet.read(options.truth, reference=reference), regions)
        columns = read_columns(
            path,
            intervals,
            annotations=manifest.annotations,
            score_key=key if choice.needs_scores else None,
            sites=choice.sites,
            labeller=labeller,
            sample=sample,
            reference=reference,
        )
        chosen = choose(columns, choice)
        check_chosen(name, columns.scores, chosen, choice, key)
        small = folder / "chosen.vcf"
        in_order = copy_records(path, intervals, chosen, small, reference)
        rank_of = {int(number): rank for rank, number in reversed(list(enumerate(chosen)))}
        labels = columns.labels[in_order] if labeller else None
        runs = runs_of(manifest.encoding) if options.runs is None else options.runs
        looker = Looker(
            engine,
            reference=reference,
            reads=reads,
            sample=sample,
            sample_depth=depth,
            runs=runs,
            threads=threads,
            name=name,
            said=scored and manifest.encoder.needs_reads,
        )
        yield View(
            manifest=manifest,
            records=len(columns),
            count=len(in_order),
            rank=np.array([rank_of[int(number)] for number in in_order], np.int64),
            sites=watched(looker.look(small, columns.typical, labels), len(in_order), progress),
        )


def runs_of(encoding: str) -> int:
    """Runs of the network that attribution takes by default."""
    return RUNS if encoding == "gatk-reads" else RUNS_CHEAP


def watched(sites: Iterator[Site], count: int, progress: Progress) -> Iterator[Site]:
    """The sites, with progress shown."""
    for done, site in enumerate(sites, 1):
        progress.update(done, f"{site.record.contig}:{site.record.pos}", done / count)
        yield site
    progress.clear()


def _check_sample(path: str, name: str, sample: str | None, reads: bool) -> None:
    calls = Calls(path, name=name)
    calls.check_sample(sample, needs_one=reads)
    calls.close()


def has_info(path: str, key: str) -> bool:
    """Whether a call file declares the INFO key."""
    calls = Calls(path)
    known = calls.has_info(key)
    calls.close()
    return known


def check_chosen(
    name: str,
    scores: NDArray[np.float32],
    chosen: NDArray[np.int64],
    choice: Choice,
    key: str,
) -> None:
    """Errors: BadInput where no record of `name` can be chosen. Warns where some are not shown."""
    if not len(scores):
        raise BadInput(f"{name} has no records in the intervals given")
    if not len(chosen):
        raise BadInput(
            f"none of the {len(scores):,} records of {name} has a score in INFO/{key} to choose by"
        )
    plain = not (choice.sites or choice.random or choice.needs_scores)
    if plain and len(chosen) < len(scores):
        log.warning(
            "showing the first %s of %s records: choose with `region=`, `worst=`, `near=` or "
            "`random=`, or show more with `limit=`",
            f"{len(chosen):,}",
            f"{len(scores):,}",
        )
