"""A cohort's chosen records -> one site for each carrier, those of a record under each other:
`view --sample-map`.

Each is looked at as `score --sample-map` scores it: its own alleles, its own reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.calls.carriers import Carriers
from cnnscore.calls.reader_pool import MOST_OPEN_FILES, ReaderPool
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.sample_map import SampleMap
from cnnscore.calls.spool import readable_twice
from cnnscore.calls.windows import ReaderOptions
from cnnscore.description import SITE_KEY
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import scratch_folder
from cnnscore.progress import NoProgress, Progress
from cnnscore.score.cohort_samples import CohortSamples, open_samples
from cnnscore.score.engine import Engine
from cnnscore.score.run import usable_cores
from cnnscore.viewer.choose import Choice, alleles_of, choose, copy_records, read_columns
from cnnscore.viewer.sites import BESIDE_WINDOW, Record, Site, attributed, look_at, records_of
from cnnscore.viewer.view import View, ViewOptions, check_chosen, has_info, runs_of, watched


@contextmanager
def open_cohort_view(
    calls: str,
    engine: Engine,
    *,
    reference: str,
    sample_map: str,
    choice: Choice | None = None,
    options: ViewOptions | None = None,
    progress: Progress | None = None,
) -> Iterator[View]:
    """Choose records of `calls` (VCF or BCF of many samples) and look at their carriers. A choice
    by score is by INFO/CNN_SITE, or the `info_key` of the options.

    Errors: UsageError, BadInput.
    """
    choice, options = choice or Choice(), options or ViewOptions()
    manifest, network = engine.manifest, engine.description
    if not network.needs_reads:
        raise UsageError(
            f"the network {network.model} does not look at reads, which a sample map names"
        )
    key = options.info_key or SITE_KEY
    with scratch_folder() as folder, readable_twice(calls) as (path, called):
        name = called or calls
        if choice.needs_scores and not has_info(path, key):
            raise BadInput(f"{name} has no INFO/{key} to choose by: score it first")
        columns = read_columns(
            path,
            options.intervals,
            annotations=manifest.annotations,
            score_key=key if choice.needs_scores else None,
            sites=choice.sites,
            reference=reference,
        )
        chosen = choose(columns, choice)
        check_chosen(name, columns.scores, chosen, choice, key)
        small = folder / "chosen.vcf"
        in_order = copy_records(path, options.intervals, chosen, small, reference)
        threads = options.threads or usable_cores()
        source = Calls(str(small), annotations=manifest.annotations, name=name)
        windows = replace(ReaderOptions.of_network(network, reference, (), None), whole_reads=True)
        table = SampleMap(sample_map)
        samples = open_samples(source, table, windows, network, threads)
        # Drawn beside what the network sees, on more of the reference.
        drawn = {
            column: replace(
                own, reference_left=BESIDE_WINDOW // 2, reference_width=2 * BESIDE_WINDOW
            )
            for column, own in samples.options.items()
        }
        number = _carriers_of(small, samples)
        rank_of = {int(record): rank for rank, record in reversed(list(enumerate(chosen)))}
        ranks = np.array([rank_of[int(record)] for record in in_order], np.int64)
        budget = runs_of(manifest.encoding) if options.runs is None else options.runs
        half = MOST_OPEN_FILES // 2
        with ReaderPool(samples.options, half) as readers, ReaderPool(drawn, half) as beside:
            sites = _sites(engine, source, small, samples, readers, beside, columns.typical)
            yield View(
                manifest=manifest,
                records=len(columns),
                count=int(number.sum()),
                rank=np.repeat(ranks, number),
                sites=watched(
                    attributed(engine, sites, budget, threads),
                    int(number.sum()),
                    progress or NoProgress(),
                ),
            )
        source.close()


def _carriers_of(small: Path, samples: CohortSamples) -> NDArray[np.int64]:
    """[records] how many carriers with reads each has. Errors: BadInput where none has any."""
    calls, records, carriers = Calls(str(small), again=True), Records(), Carriers()
    numbers = []
    while calls.read(records, 1):
        numbers.append(len(carriers.find(records, samples.wanted)))
    calls.close()
    if not any(numbers):
        raise BadInput(
            f"no sample of the {len(numbers):,} chosen records both carries an ALT allele and has "
            "reads in the sample map"
        )
    return np.array(numbers, np.int64)


def _sites(
    engine: Engine,
    calls: Calls,
    small: Path,
    samples: CohortSamples,
    readers: ReaderPool,
    beside: ReaderPool,
    typical: NDArray[np.float32],
) -> Iterator[Site]:
    names, records, carriers = calls.sample_names, Records(), Carriers()
    for lines in zip(*(records_of(small, name) for name in names), strict=True):
        calls.read(records, 1)
        found = carriers.find(records, samples.wanted)
        for i, column in enumerate(carriers.samples().tolist()):
            site = found.take_sites(np.array([i], np.int64))
            with samples.naming(column), readers.reader(column) as reader:
                reader.set_depth(samples.depth_of(column, reader))
                batch = reader.read(site)
            with beside.reader(column) as reader:
                pileup = reader.read(site)
            ref, *alts = alleles_of(site, 0)
            own: Record = replace(
                lines[column],
                ref=ref,
                alt=",".join(alts),
                sample=[("sample", names[column]), *lines[column].sample],
                carrier=names[column],
            )
            yield look_at(engine, own, batch, pileup, BESIDE_WINDOW, typical, -1)
