"""The commands as functions. What they stand on is loaded when they are called."""

from __future__ import annotations

import math
import os
from numbers import Real

from cnnscore.checked import checked
from cnnscore.errors import UsageError, WrongType
from cnnscore.given import file_of, files_of, list_of, maybe_file, name_of

TYPE_CHECKING = False  # not typing's, as in errors.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cnnscore.api.evaluation import Evaluation
    from cnnscore.api.models import Model
    from cnnscore.api.page import Page
    from cnnscore.filter.sources import CutoffSource
    from cnnscore.filter.summary import FilterSummary
    from cnnscore.given import File, Files
    from cnnscore.progress import Progress

    Numbers = float | Iterable[float]


@checked
def filter(
    calls: File,
    *,
    output: str | os.PathLike[str] = "-",
    resources: Files = (),
    tranches: Mapping[str, Numbers] | None = None,
    thresholds: Mapping[str, Numbers] | None = None,
    expect_false: Mapping[str, float] | None = None,
    model: str | None = None,
    info_key: str | None = None,
    types: str = "vqsr",
    fail_unscored: bool = False,
    clear: bool = False,
    soft: bool = False,
    per_sample: bool = False,
    no_calls: bool = False,
    output_type: str | None = None,
    write_index: str | None = None,
    progress: bool | Progress = False,
) -> FilterSummary:
    """Write scored calls with FILTER set, as `cnnscore filter` does (docs/tasks/filter.md).

    Cut-offs come from `resources` (VCFs of known variants) at `tranches` (percentages to keep, by
    type: `{"SNP": 99.9, "INDEL": [99.0, 99.5]}`); or from `thresholds` (scores, by type); or from
    the percentage of false calls that is expected, `expect_false`; by default from the network,
    which the header or `model` names, at 99 and 99.9 or those of `tranches`. `types` "vqsr"
    judges MNPs as SNPs, mixed and symbolic records as indels; "gatk" lets them pass, as
    FilterVariantTranches does. `clear` drops the filters that records have, `soft` leaves FILTER
    as it is and writes the verdict into INFO. `per_sample` judges each carrier of a cohort, and
    writes FORMAT/FT; `no_calls` sets genotypes that fail to missing (docs/tasks/cohorts.md).

    Errors: UsageError, BadInput, BadOutput; then no output is left under its name.

    >>> import cnnscore
    >>> with cnnscore.open() as scorer:
    ...     done = scorer.score(CALLS, reference=REFERENCE, reads=READS, output="scored.vcf.gz")
    >>> done = cnnscore.filter("scored.vcf.gz", output="out.vcf", thresholds={"SNP": 0})
    >>> done.judged["SNP"], done.judged["INDEL"]
    (259, 0)
    """
    from cnnscore.api.progress import progress_of
    from cnnscore.api.quiet import quiet_htslib
    from cnnscore.calls.output import OutputOptions
    from cnnscore.filter.run import FilterOptions, filter_calls
    from cnnscore.filter.tranches import GATK_TRANCHES, check_tranches

    quiet_htslib()
    known = files_of(resources, "resources")
    asked = {} if tranches is None else _by_type(tranches, "tranches")
    levels = {name: check_tranches(numbers, "`tranches=`") for name, numbers in asked.items()}
    return filter_calls(
        file_of(calls, "calls"),
        output=name_of(output, "output"),
        written=OutputOptions(output_type, write_index),
        info_key=info_key,
        resources=known,
        tranches={**GATK_TRANCHES, **levels},
        source=_source(levels, thresholds, expect_false, model, has_resources=bool(known)),
        options=FilterOptions(
            clear=clear,
            soft=soft,
            fail_unscored=fail_unscored,
            types=types,
            per_sample=per_sample,
            no_calls=no_calls,
        ),
        progress=progress_of(progress),
    )


def _source(
    levels: dict[str, list[float]],
    thresholds: Mapping[str, Numbers] | None,
    expect_false: Mapping[str, float] | None,
    model: str | None,
    *,
    has_resources: bool,
) -> CutoffSource | None:
    """Where cut-offs come from, but for resources. Errors: UsageError for what excludes another."""
    from cnnscore.filter.expectation import ExpectedFalse, say_fraction
    from cnnscore.filter.sources import NetworkCutoffs, Thresholds

    asked = {
        "resources": has_resources,
        "thresholds": thresholds is not None,
        "expect_false": expect_false is not None,
    }
    given = [f"`{name}=`" for name, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} both set cut-offs: give one of them")
    if levels and given and not has_resources:
        raise UsageError(f"{given[0]} is in place of `tranches=`: give one or the other")
    if model and given and expect_false is None:
        raise UsageError(f"`model=` gives its own cut-offs: leave out {given[0]}")
    if expect_false is not None:
        shares = _by_type(expect_false, "expect_false")
        if not all(len(share) == 1 and 0 < share[0] < 100 for share in shares.values()):
            raise UsageError("`expect_false=` takes a percentage above 0 and below 100 per type")
        for percent in {share[0] for share in shares.values()}:
            say_fraction(percent)
        return ExpectedFalse({name: share[0] / 100 for name, share in shares.items()}, model)
    if thresholds is not None:
        numbers = _by_type(thresholds, "thresholds")
        return Thresholds({name: [f"{one:.9g}" for one in of] for name, of in numbers.items()})
    return None if has_resources else NetworkCutoffs(levels, model)


_EXAMPLES = {"tranches": 99.9, "thresholds": 0.5, "expect_false": 5}
"""Of numbers by variant type, for messages."""


def _by_type(given: Mapping[str, Numbers], argument: str) -> dict[str, list[float]]:
    """Numbers by variant type. Errors: WrongType, UsageError for another type or none."""
    from cnnscore.description import VARIANT_TYPES

    found = {}
    try:
        for name, value in dict(given).items():
            several: Any = [value] if isinstance(value, Real) else value
            found[name] = [*map(float, several)]
    except (TypeError, ValueError):
        raise WrongType(
            f"`{argument}=` takes numbers by variant type, as {{'SNP': {_EXAMPLES[argument]}}}, "
            f"not {given!r}"
        ) from None
    if not found or not all(found.values()):
        raise UsageError(f"`{argument}=` has no number: leave it out, or give one by variant type")
    if any(math.isnan(number) for numbers in found.values() for number in numbers):
        raise UsageError(f"`{argument}=` takes numbers, and NaN is none")
    if not set(found) <= set(VARIANT_TYPES):
        raise UsageError(f"`{argument}=` is by variant type: {' or '.join(VARIANT_TYPES)}")
    return found


@checked
def evaluate(
    calls: Files,
    *,
    truth: File | None = None,
    confident: File | None = None,
    truth_map: File | None = None,
    reference: File | None = None,
    scores: str | Iterable[str] = (),
    stratify: Files = (),
    region: str | Iterable[str] | None = None,
    sample: str | None = None,
    truth_sample: str | None = None,
    same_sample: bool = False,
    unit: str = "allele",
    match_genotype: bool = False,
    all_alleles: bool = False,
    block: int | None = None,
    seed: int = 1,
    progress: bool | Progress = False,
) -> Evaluation:
    """Compare the scores of call files with a truth set, as `cnnscore evaluate` does, in memory.

    `confident` is a BED of where the truth set is complete; `scores` are QUAL, INFO or FORMAT keys
    ("-FS" where low means true), by default all known ones; `unit` is "allele" or "record"; `block`
    (bases) draws neighbouring calls together for the confidence intervals. `same_sample` says that
    files are of one sample, whatever names it has in them. `truth_map`, a table of samples and
    their truth sets, is in place of `truth` and `confident` for a cohort. docs/tasks/evaluate.md
    says what the figures mean. Needs `pip install 'cnnscore[evaluate]'`.

    Errors: UsageError, BadInput.

    >>> import cnnscore
    >>> found = cnnscore.evaluate(CALLS, truth=TRUTH, reference=REFERENCE, scores="QD")
    >>> found.table().columns[:5]
    ['score', 'type', 'true', 'false', 'roc_auc']
    """
    from cnnscore.api.evaluation import Evaluation
    from cnnscore.api.intervals import intervals_of
    from cnnscore.api.progress import progress_of
    from cnnscore.api.quiet import quiet_htslib
    from cnnscore.evaluate.cohort import evaluate_samples, read_truth_map
    from cnnscore.evaluate.run import Request
    from cnnscore.evaluate.run import evaluate as evaluate_request
    from cnnscore.extras import need

    quiet_htslib()
    need("evaluate", "sklearn", "scipy")
    table = maybe_file(truth_map, "truth_map")
    one = {"truth": truth, "confident": confident, "sample": sample, "truth_sample": truth_sample}
    if table is None and truth is None:
        raise UsageError("nothing to compare with: give `truth=` or `truth_map=`")
    if table is not None and (wrong := [name for name, value in one.items() if value]):
        raise UsageError(f"`{wrong[0]}=` does not go with `truth_map=`, whose rows have it")
    request = Request(
        calls=files_of(calls, "calls"),
        truth=maybe_file(truth, "truth") or "",
        confident=maybe_file(confident, "confident"),
        reference=maybe_file(reference, "reference"),
        scores=list_of(scores, "scores"),
        stratify=files_of(stratify, "stratify"),
        unit=unit,
        match_genotype=match_genotype,
        all_alleles=all_alleles,
        sample=sample,
        truth_sample=truth_sample,
        same_sample=same_sample,
        intervals=intervals_of(region),
        block=block,
        seed=seed,
    )
    if table is not None:
        rows = read_truth_map(table)
        return Evaluation(evaluate_samples(request, rows, progress_of(progress)).result)
    return Evaluation(evaluate_request(request, progress_of(progress)).result)


@checked
def view(
    calls: File,
    *,
    reference: File,
    reads: Files = (),
    output: str | os.PathLike[str],
    model: str | None = None,
    region: str | Iterable[str] | None = None,
    sites: str | Iterable[str] = (),
    worst: bool = False,
    near: float | None = None,
    random: bool = False,
    limit: int = 200,
    seed: int = 1,
    sample: str | None = None,
    truth: File | None = None,
    confident: File | None = None,
    attribution: int | None = None,
    progress: bool | Progress = False,
) -> Page:
    """Write a page of what the network saw at some sites, as `cnnscore view` does; it shows itself
    in a notebook.

    Of `sites` ("CONTIG:POS" or "CONTIG:POS:REF:ALT"), `worst`, `near` (a score) and `random` give
    at most one; by default the first `limit` records. `attribution` is the number of runs of the
    network per site, 0 for none. Needs `pip install 'cnnscore[view]'`.

    Errors: UsageError, BadInput, BadOutput.

    >>> import cnnscore
    >>> cnnscore.view(CALLS, reference=REFERENCE, output="view.html", limit=2, attribution=0)
    <cnnscore.Page: 2 of 294 records in view.html>
    """
    from cnnscore.api.intervals import intervals_of
    from cnnscore.api.page import Page
    from cnnscore.api.progress import progress_of
    from cnnscore.api.quiet import quiet_htslib
    from cnnscore.calls.output import check_output
    from cnnscore.network.store import default_model
    from cnnscore.score.engine import Engine
    from cnnscore.viewer.choose import Choice, SiteName
    from cnnscore.viewer.page import write_page
    from cnnscore.viewer.view import ViewOptions, open_view

    quiet_htslib()
    if confident is not None and truth is None:
        raise UsageError("`confident=` goes with `truth=`: a truth set says what is true there")
    path, paths, name = name_of(output, "output"), files_of(reads, "reads"), file_of(calls, "calls")
    check_output(path, (name, file_of(reference, "reference"), *paths))
    names = tuple(SiteName.parse(site) for site in list_of(sites, "sites"))
    options = ViewOptions(
        sample=sample,
        intervals=intervals_of(region),
        truth=maybe_file(truth, "truth"),
        confident=maybe_file(confident, "confident"),
        runs=attribution,
    )
    with open_view(
        name,
        Engine(model or default_model(bool(paths))),
        reference=file_of(reference, "reference"),
        reads=paths,
        choice=Choice(limit, names, worst, near, random, seed),
        options=options,
        progress=progress_of(progress),
    ) as opened:
        title = os.path.basename(name)  # noqa: PTH119 - of a URL too
        write_page(opened, path, title=title, command="cnnscore.view")
        return Page(path, opened.count, opened.records)


def models() -> list[Model]:
    """The networks that are installed, by name: those that come with cnnscore, and imported ones.

    >>> import cnnscore
    >>> {model.name: model.needs_reads for model in cnnscore.models()}["reads"]
    True
    """
    from cnnscore.api.models import installed

    return installed()
