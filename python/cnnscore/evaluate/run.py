"""Call files, scores and a truth set -> one result: a plain dict that becomes evaluation.json.

The layout of the result is `evaluate.SCHEMA`; docs/tasks/evaluate.md describes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cnnscore.calls.records import Calls, Intervals
from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput, UsageError
from cnnscore.evaluate import SCHEMA
from cnnscore.evaluate.blocks import Blocks
from cnnscore.evaluate.comparator import Wanted, check_comparator, compare
from cnnscore.evaluate.figures import ALL, figures_of
from cnnscore.evaluate.filters import Counts, TruthAlleles, count_filters, filter_rows
from cnnscore.evaluate.labelled import (
    ComparedCalls,
    LabelSource,
    Reader,
    Score,
    check_samples,
    find_scores,
    known_keys,
)
from cnnscore.files import scratch_folder
from cnnscore.network.provenance import read_model_lines
from cnnscore.progress import NoProgress, Progress
from cnnscore.truth.genotypes import file_has_genotypes
from cnnscore.truth.labels import Labeller
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet
from cnnscore.version import __version__

log = logging.getLogger("cnnscore")

NOT_ALL_FALSE = (
    "without confident regions every call that the truth set lacks counts as false, also where the "
    "truth set is not complete: figures are too low by what it lacks"
)


@dataclass(frozen=True)
class Request:
    """What to evaluate."""

    calls: Sequence[str]
    truth: str
    confident: str | None = None
    reference: str | None = None
    scores: Sequence[str] = ()
    stratify: Sequence[str] = ()
    unit: str = "allele"
    match_genotype: bool = False
    all_alleles: bool = False
    sample: str | None = None
    truth_sample: str | None = None
    same_sample: bool = False
    passing_truth: bool = False
    comparator: str | None = None
    intervals: Intervals = field(default_factory=Intervals)
    """Which records count, of the calls and of the truth set."""
    block: int | None = None
    """Bases of the blocks whose calls are drawn together; None draws positions."""
    replicates: int | None = None
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result as evaluation.json has it, and the rows behind it."""

    result: dict[str, Any]
    files: list[ComparedCalls]
    filtered: list[Counts]
    """By file, what its filters remove."""


def evaluate(
    request: Request,
    progress: Progress | None = None,
    contigs: dict[bytes, int] | None = None,
) -> Evaluation:
    """Label all calls and compare every score with the labels. Rows of several evaluations can be
    joined that number their contigs alike, in `contigs`.

    Errors: UsageError, BadInput as docs/reference/errors.md lists them.
    """
    progress = progress or NoProgress()
    blocks = Blocks(request.block, request.replicates, request.seed) if request.block else None
    wanted = _scores(request)
    if request.comparator is not None:
        check_comparator(
            request.comparator,
            request.calls,
            request.truth,
            confident=request.confident,
            reference=request.reference,
            all_alleles=request.all_alleles,
            match_genotype=request.match_genotype,
        )
    contigs = {} if contigs is None else contigs
    reader = Reader(
        unit=request.unit,
        reference=request.reference,
        beds=[Regions.read(path) for path in request.stratify],
        sample=request.sample,
        contigs=contigs,
        intervals=request.intervals,
    )
    truth = TruthSet.read(
        request.truth,
        reference=request.reference,
        sample=request.truth_sample,
        passing=request.passing_truth,
        intervals=request.intervals,
    )
    if request.match_genotype:
        _check_genotypes(request, truth)
    confident = None if request.confident is None else Regions.read(request.confident)
    files, counts, filtered = [], [], []
    with scratch_folder() as scratch:
        for path, name in zip(request.calls, _names(request.calls), strict=True):
            source, finish = _source(request, path, truth, confident, scratch)
            rows, filters = reader.read(path, name, wanted[path], source, progress.update)
            alleles = finish(rows, contigs)
            counts.append(_count(rows, alleles))
            filtered.append(count_filters(filters, rows.is_true, rows.type, alleles))
            files.append(rows)
    progress.clear()
    if not request.same_sample:
        check_samples(files)
    result = {
        "schema": SCHEMA,
        "version": __version__,
        "unit": request.unit,
        "genotypes_match": request.match_genotype,
        "comparator": request.comparator or "cnnscore",
        "normalisation": "trimmed, split and left-aligned"
        if request.reference
        else "trimmed and split (no reference: not left-aligned)",
        "inputs": _inputs(request, files),
        "truth": {
            "path": request.truth,
            "alleles": len(truth),
            "filtered_records": truth.filtered,
            "filtered_count": not request.passing_truth,
            "confident_bases": None if confident is None else confident.bases(),
        },
        "counts": counts,
        "filters": [
            row
            for rows, of in zip(files, filtered, strict=True)
            for row in filter_rows(rows.name, of)
        ],
        "notes": [] if request.confident else [NOT_ALL_FALSE],
        **figures_of(files, blocks),
    }
    return Evaluation(result, files, filtered)


def _check_genotypes(request: Request, truth: TruthSet) -> None:
    """Errors: BadInput when the truth set or a call file has no genotypes to be matched."""
    remedy = "`match_genotype=` needs them on both sides, so leave it out or give another file"
    if not truth.genotypes:
        raise BadInput(f"the truth set {truth.path} has no genotypes (FORMAT/GT): {remedy}")
    for path in request.calls:
        if not file_has_genotypes(path):
            raise BadInput(f"{path} has no genotypes (FORMAT/GT): {remedy}")


def _scores(request: Request) -> dict[str, list[Score]]:
    """By file, its scores. Errors: BadInput when a wanted key is in no file."""
    found: dict[str, list[Score]] = {}
    keys: dict[str, str] = {}
    for path in request.calls:
        if path == "-":
            raise UsageError("evaluate needs call files with names, not standard input")
        if path in found:
            raise UsageError(f"{path} is given twice")
        calls = Calls(path)
        found[path] = find_scores(calls, request.scores)
        keys[path] = known_keys(calls)
        calls.close()
    for text in request.scores:
        key = text.removeprefix("-").removeprefix("INFO/").removeprefix("FORMAT/")
        if not any(score.key == key for scores in found.values() for score in scores):
            lists = "; ".join(f"{path} has {known}" for path, known in keys.items())
            raise BadInput(f"no call file has the score {text}: {lists}")
    for path, scores in found.items():
        if not scores:
            raise BadInput(f"{path} has none of the scores; it has {keys[path]}")
    return found


def _names(paths: Sequence[str]) -> list[str]:
    """Short names, or the paths themselves when two names would be the same."""
    names = [Path(path).name.removesuffix(".gz") for path in paths]
    names = [name.removesuffix(".vcf").removesuffix(".bcf") for name in names]
    return names if len(set(names)) == len(names) else list(paths)


Finish = Callable[[ComparedCalls, dict[bytes, int]], TruthAlleles]


def _source(
    request: Request, path: str, truth: TruthSet, confident: Regions | None, scratch: Path
) -> tuple[LabelSource, Finish]:
    """What labels a file, and a function for its end. The function adds the missed truth alleles to
    the file's lines, and returns what there is of the truth set.
    """
    if request.comparator is None:
        labeller = Labeller(
            truth,
            confident,
            match_genotype=request.match_genotype,
            all_alleles=request.all_alleles,
        )

        def finish(rows: ComparedCalls, contigs: dict[bytes, int]) -> TruthAlleles:
            labeller.check(path)
            rows.lines.add_missed(truth, labeller.missed(), contigs)
            inside = truth.expected.copy()
            if confident is not None:
                inside &= confident.contains(truth.names, truth.contig, truth.pos)
            return TruthAlleles(truth.type, inside, labeller.found)

        return labeller, finish
    # check_comparator made sure of these
    assert request.confident is not None
    assert request.reference is not None
    wanted = Wanted(
        calls=path,
        truth=request.truth,
        confident=request.confident,
        reference=request.reference,
        intervals=request.intervals,
        sample=request.sample,
        truth_sample=request.truth_sample,
        passing_truth=request.passing_truth,
        match_genotype=request.match_genotype,
        all_alleles=request.all_alleles,
    )
    verdict = compare(request.comparator, wanted, truth, scratch)

    def finish_verdict(rows: ComparedCalls, contigs: dict[bytes, int]) -> TruthAlleles:
        types = [alleles.type for alleles in (verdict.found, verdict.missed) if alleles]
        if (missed := verdict.missed) is not None:
            rows.lines.add_missed(missed, np.lexsort((missed.pos, missed.contig)), contigs)
        n_found = len(verdict.found or ())
        n_missed = len(verdict.missed or ())
        found = np.repeat([True, False], [n_found, n_missed])
        of_type = np.concatenate(types) if types else np.zeros(0, np.uint8)
        return TruthAlleles(of_type, np.ones(len(found), bool), found)

    return verdict, finish_verdict


def _count(rows: ComparedCalls, truth: TruthAlleles) -> dict[str, Any]:
    """Counts of one file; truth alleles are those within the confident regions."""
    found, truth_type = truth.found[truth.expected], truth.type[truth.expected]
    by_type: dict[str, Any] = {}
    for name, at, of_truth in (
        *(
            (name, rows.type == index, truth_type == index)
            for index, name in enumerate(VARIANT_TYPES)
        ),
        (ALL, np.ones(len(rows.type), bool), np.ones(len(truth_type), bool)),
    ):
        by_type[name] = {
            "true": int(np.count_nonzero(rows.is_true[at])),
            "false": int(np.count_nonzero(~rows.is_true[at])),
            "truth": int(np.count_nonzero(of_truth)),
            "missed": int(np.count_nonzero(of_truth & ~found)),
        }
    return {
        "file": rows.name,
        "types": by_type,
        "outside": rows.outside,
        "not_compared": rows.not_compared,
        "not_called": rows.not_called,
    }


def _inputs(request: Request, files: list[ComparedCalls]) -> dict[str, Any]:
    lines = [
        {
            "path": rows.path,
            "name": rows.name,
            "samples": [request.sample] if request.sample in rows.samples else rows.samples,
            "filtered": rows.filtered,
            "networks": [
                {"key": line.key, "model": line.model, "network": line.network}
                for line in read_model_lines(rows.header).values()
            ],
            "commands": [
                line
                for line in rows.header
                if line.startswith(("##cnnscore_", "##GATKCommandLine", "##source"))
                and not line.startswith("##cnnscore_model")
            ],
        }
        for rows in files
    ]
    return {
        "calls": lines,
        "truth": request.truth,
        "confident": request.confident,
        "within": str(request.intervals) or None,
        "reference": request.reference,
        "stratify": list(request.stratify),
    }
